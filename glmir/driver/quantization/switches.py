"""One module that computes every mixture of float and integer ops: each place where something is rounded has a switch.

To make, lower and load a module for each mixture takes longer than to run it; this one is loaded once.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from ...ir import Function, Module, Op, Return, Value
from ...ops import math, quant, tensor
from ...passes.patterns import constant, elements_of, is_known
from ...types import Array, DType, TensorType

STEM = "switches"


@dataclass(frozen=True)
class Site:
    """Where something is rounded: what ``user`` takes from ``producer``, or a constant of its own (``producer`` is then
    empty). Ops go by the names of their first results; the module's outputs are nobody's, inputs have no producer but
    their own name."""

    user: str
    producer: str
    value: str

    def is_on(self, integer: Collection[str]) -> bool:
        """Whether something is rounded here when these ops compute on integers."""
        return self.user in integer or self.producer in integer


@dataclass(frozen=True)
class Switched:
    """``module`` has an input ``name``, bool[sites], of which each element says whether that site rounds."""

    module: Module
    name: str
    sites: tuple[Site, ...]

    def setting(self, integer: Collection[str]) -> Array:
        """The switches for which exactly these ops compute on integers."""
        return np.array([site.is_on(integer) for site in self.sites], np.bool_)


def with_switches(module: Module, quantized: Module) -> Switched:
    """A module that computes ``module`` when all switches are off, and ``quantized`` when they are on.

    ``quantized`` is a clone of ``module``, all of whose values have names, in which operands became dequantized values
    without names.
    """
    switched = quantized.clone()
    main = switched.main
    taken = {v.name for v in main.inputs}
    name = next(n for n in (STEM, *(f"{STEM}{i}" for i in range(len(taken)))) if n not in taken)
    originals = {name_of(op): op for op in module.main.ops if op.results and name_of(op)}
    values = {v.name: v for v in main.values() if v.name}
    found = list(_differences(module.main, main, originals))
    switches = Value(TensorType(DType.BOOL, (len(found),)), name)
    main.inputs.append(switches)
    sites = []
    for index, (op, original, replacement) in enumerate(found):
        is_constant = is_known(replacement)
        if original is None:
            # A bias that insertion added: of zeros, until something corrects it.
            unrounded = constant(np.zeros(replacement.type.static_shape, replacement.type.dtype.numpy))
        else:
            unrounded = constant(elements_of(original)) if is_constant else values[original.name]
        rounded = constant(elements_of(replacement)) if is_constant else replacement
        _insert_switch(main, op, (switches, index), replacement, rounded, unrounded)
        sites.append(_site(op, original, is_constant))
    return Switched(switched, name, tuple(sites))


def _site(op: Op, value: Value | None, is_constant: bool) -> Site:
    user = "" if isinstance(op, Return) else name_of(op)
    if is_constant or value is None:
        return Site(user, "", "" if value is None else value.name)
    return Site(user, name_of(value.owner) if value.owner else value.name, value.name)


def name_of(op: Op) -> str:
    """What sites call an op."""
    return op.results[0].name


def _differences(
    module: Function, quantized: Function, originals: dict[str, Op]
) -> Iterator[tuple[Op, Value | None, Value]]:
    """Each op of ``quantized`` with an operand that it has in ``module``, none where it has none, and the other that it
    has here."""
    pairs = [(op, originals[name_of(op)]) for op in quantized.ops if op.results and name_of(op) in originals]
    for op, original in [*pairs, (quantized.ret, module.ret)]:
        seen = set()
        for before, after in zip(_operands(original), _operands(op), strict=True):
            if after is None or after in seen or not isinstance(after.owner, quant.Dequantize) or after.name:
                continue
            seen.add(after)
            yield op, before, after


def _operands(op: Op) -> list[Value | None]:
    """The operands in order, with none for absent ones."""
    found: list[Value | None] = []
    for field in op.definition.operand_fields:
        operand = getattr(op, field.name)
        found += operand if isinstance(operand, tuple) else [operand]
    return found


def _insert_switch(
    main: Function, op: Op, switch: tuple[Value, int], replaced: Value, rounded: Value, unrounded: Value
) -> None:
    """Makes ``op`` take ``rounded`` or ``unrounded``, as the switch says, for ``replaced``."""
    index = constant(np.array(switch[1], np.int64))
    chosen = tensor.Gather(switch[0], index, axis=0)
    select = math.Select(chosen.result, rounded, unrounded)
    for made in (index.owner, chosen, rounded.owner, unrounded.owner, select):
        if made is None or made.function is not None:
            continue
        if isinstance(op, Return):
            main.ops.append(made)
        else:
            main.ops.insert_before(op, made)
    op.replace_operand(replaced, select.result)


__all__ = ["Site", "Switched", "name_of", "with_switches"]
