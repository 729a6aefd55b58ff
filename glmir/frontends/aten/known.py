"""Values that no input has a part in, computed while a program is imported: what branches and states depend on."""

from collections.abc import Mapping

import numpy as np

from ...dead_code import mentioned_symbols
from ...ir import Array, Op, Value


class KnownArrays:
    """What values are that depend on constants only, computed on demand and kept."""

    def __init__(self, most_elements: int) -> None:
        """Tensors of more than ``most_elements`` count as unknown."""
        self._most_elements = most_elements
        self._arrays: dict[Value, Array | None] = {}

    def of(self, value: Value) -> Array | None:
        """The value; None when it depends on an input, or is too large."""
        pending = [value]
        while pending:
            current = pending[-1]
            operands = () if current.owner is None else current.owner.operands
            if any(self._arrays.get(v, _UNVISITED) is None for v in operands):
                # One that is not known is enough: the others need not be looked at.
                self._arrays.setdefault(current, None)
            missing = [v for v in operands if v not in self._arrays] if current not in self._arrays else []
            if missing:
                pending.append(missing[-1])
                continue
            pending.pop()
            if current not in self._arrays:
                self._arrays[current] = self._computed(current)
        return self._arrays[value]

    def _computed(self, value: Value) -> Array | None:
        op = value.owner
        if op is None or op.calls or has_symbols(op):
            return None
        if any(not r.type.is_static or np.prod(r.type.static_shape) > self._most_elements for r in op.results):
            return None
        arrays = {v: self._arrays[v] for v in op.operands}
        known = {v: array for v, array in arrays.items() if array is not None}
        return evaluated(op, known)[value.index] if len(known) == len(arrays) else None


_UNVISITED = np.zeros(())


def evaluated(op: Op, arrays: Mapping[Value, Array]) -> tuple[Array, ...]:
    """The results of an op on its operands' arrays."""
    arguments: list[object] = []
    for field in op.definition.operand_fields:
        operand: object = getattr(op, field.name)
        many = tuple(arrays[v] for v in operand) if isinstance(operand, tuple) else None
        arguments.append(arrays[operand] if isinstance(operand, Value) else many)
    with np.errstate(all="ignore"):
        computed = op.evaluate(*arguments)
    results = computed if isinstance(computed, tuple) else (computed,)
    return tuple(np.asarray(array) for array in results)


def has_symbols(op: Op) -> bool:
    """Whether a size that is not known is an attribute of the op, or one of its results'."""
    return bool(mentioned_symbols(op))
