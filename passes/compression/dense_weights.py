"""Weights that are plain constants still, with all their uses, and what takes their place."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ...errors import CompileError
from ...ir import Array, Function, Module, Op, Value
from ...ops import tensor
from ...rewriter import erase_if_dead
from ...weights import Weight
from ..names import names
from ..quantization.weights import WeightUse, weights_in

SMALLEST_WEIGHT = 1024
"""Weights of fewer elements stay as they are: nothing is won by them."""


@dataclass(frozen=True)
class DenseWeight:
    """A constant and the ops that use it as a weight: layers before tables."""

    constant: tensor.Constant
    uses: tuple[WeightUse, ...]

    @property
    def value(self) -> Value:
        return self.constant.result

    @property
    def elements(self) -> Array:
        return self.constant.value.array

    @property
    def first_use(self) -> WeightUse:
        return self.uses[0]

    @cached_property
    def users(self) -> tuple[str, ...]:
        """What messages call the ops that use it."""
        return tuple(dict.fromkeys(" and ".join(use.op.location) or use.op.definition.name for use in self.uses))

    @property
    def name(self) -> str:
        return self.constant.value.name or self.value.name or self.users[0]

    @cached_property
    def names(self) -> frozenset[str]:
        """All by which a user may mean it: its own, those of source nodes that use it, and of what they compute."""
        used = (name for use in self.uses for name in (*use.op.location, *(r.name for r in use.op.results)))
        return frozenset((self.name, self.value.name, *used)) - {""}


@dataclass(frozen=True)
class Selection:
    """Which weights are left out: those of fewer than ``min_elements``, and those that ``keep`` names."""

    min_elements: int = SMALLEST_WEIGHT
    keep: frozenset[str] = field(default_factory=frozenset)

    @staticmethod
    def parse(min_elements: int, keep: str) -> "Selection":
        """``keep`` as passes take it."""
        return Selection(min_elements, names(keep))

    def why_not(self, weight: DenseWeight) -> str:
        """A phrase that says why a weight stays as it is; empty when it does not."""
        if weight.elements.size < self.min_elements:
            return f"it has {weight.elements.size} elements only"
        return "it was named to be kept" if weight.names & self.keep else ""


def dense_weights(module: Module) -> list[DenseWeight]:
    """The weights of all functions that are plain constants, in order, each once.

    Raises CompileError for those with NaNs or infinities, naming all of them.
    """
    weights = [weight for function in module.functions.values() for weight in _of_function(function)]
    reasons = [
        f"the weight {weight.name} holds NaNs or infinities, which no integers stand for"
        for weight in weights
        if not np.isfinite(weight.elements).all()
    ]
    if reasons:
        raise CompileError(reasons)
    return [weight for weight in weights if weight.elements.size]


def _of_function(function: Function) -> Iterator[DenseWeight]:
    uses: dict[tensor.Constant, list[WeightUse]] = {}
    for use in weights_in(function):
        constant = use.value.owner
        if isinstance(constant, tensor.Constant) and use.array is not None:
            uses.setdefault(constant, []).append(use)
    for constant, shared in uses.items():
        yield DenseWeight(constant, tuple(sorted(shared, key=lambda use: isinstance(use.op, tensor.Gather))))


class Replacement:
    """Builds what takes the place of a weight, in front of it."""

    def __init__(self, weight: DenseWeight) -> None:
        self._weight = weight

    def stored(self, array: Array, role: str) -> Value:
        """A constant that is called like the weight, by its role: ``conv1.weight.scale``."""
        prefix, label = self._weight.constant.value.name, self._weight.value.name
        constant = tensor.Constant(Weight(array, f"{prefix}.{role}" if prefix else ""))
        constant.result.name = f"{label}.{role}" if label else ""
        return self._inserted(constant)

    def finish(self, op: Op) -> None:
        """Makes the layers use the result of ``op`` instead; the floats go when nothing else uses them."""
        constant, name = self._weight.constant, self._weight.value.name
        value = self._inserted(op)
        for use in self._weight.uses:
            use.replace(value)
        erase_if_dead(constant)
        if name:
            value.name = name if constant.function is None else f"{name}.restored"

    def _inserted(self, op: Op) -> Value:
        function = self._weight.constant.function
        assert function is not None
        op.location = self._weight.constant.location
        function.ops.insert_before(self._weight.constant, op)
        return op.result


__all__ = ["SMALLEST_WEIGHT", "DenseWeight", "Replacement", "Selection", "dense_weights"]
