"""Taking removed channels out of a function: of its constants, of its ops' attributes and of all types."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...ir import Function, Op, Value
from ...opdef import replace
from ...ops import tensor
from ...types import TensorType
from ...weights import Weight
from .channel_couplings import shrunken_attributes
from .channel_groups import ChannelGroups, Labels
from .op_axes import kept_shape


def remove_channels(function: Function, groups: ChannelGroups, is_removed: NDArray[np.bool_]) -> None:
    """Removes the indices whose labels are removed from all values of the function; what it takes and gives stays."""
    removal = _Removal(function, groups, is_removed)
    # All changes are worked out while the values are those that the groups know.
    ops = [op for op in function.ops if not isinstance(op, tensor.Constant)]
    changes = [change for op in ops if (change := removal.change_of(op)) is not None]
    for change in changes:
        _rebuild(function, change)
    for op in reversed(function.ops):
        if isinstance(op, tensor.Constant) and not op.has_uses:
            op.erase()


@dataclass(frozen=True)
class _Change:
    """What becomes of an op: its attributes that change, its constants and their parts, its results' types."""

    op: Op
    attributes: dict[str, object]
    constants: dict[Value, tensor.Constant]
    types: tuple[TensorType, ...]


@dataclass
class _Removal:
    function: Function
    groups: ChannelGroups
    is_removed: NDArray[np.bool_]
    constants: dict[tuple[Value, bytes], tensor.Constant] = field(default_factory=dict)
    """The parts of constants that are kept, by the constant and what is kept of it."""

    def kept(self, value: Value, axis: int, user: Op) -> Labels | None:
        """The indices of an axis that are kept; None where all are."""
        removed = self.is_removed[self.groups.of(value, axis, user)]
        return np.flatnonzero(~removed) if removed.any() else None

    def change_of(self, op: Op) -> _Change | None:
        """None for an op that nothing is removed from."""

        def kept(value: Value, axis: int) -> Labels | None:
            return self.kept(value, axis, op)

        values = dict.fromkeys((*op.operands, *op.results))
        if all(kept(value, axis) is None for value in values for axis in range(value.type.rank)):
            return None
        constants = {v: self._part(v.owner, op) for v in values if isinstance(v.owner, tensor.Constant)}
        types = tuple(TensorType(r.type.dtype, kept_shape(r, kept)) for r in op.results)
        return _Change(op, shrunken_attributes(op, kept), constants, types)

    def _part(self, constant: tensor.Constant, user: Op) -> tensor.Constant:
        value = constant.result
        indices = [self.kept(value, axis, user) for axis in range(value.type.rank)]
        if all(i is None for i in indices):
            return constant
        key = (value, b"".join(b"-" if i is None else i.tobytes() + b";" for i in indices))
        if key not in self.constants:
            array = constant.value.array
            for axis, kept in enumerate(indices):
                array = array if kept is None else np.take(array, kept, axis)
            self.constants[key] = part = tensor.Constant(Weight(array, constant.value.name))
            part.result.name, part.location = value.name, constant.location
            self.function.ops.insert_after(constant, part)
        return self.constants[key]


def _rebuild(function: Function, change: _Change) -> None:
    op = change.op
    operands = {f.name: _with_parts(getattr(op, f.name), change) for f in op.definition.operand_fields}
    rebuilt = replace(op, **operands, **change.attributes)
    function.ops.insert_before(op, rebuilt)
    for old, new, type_ in zip(op.results, rebuilt.results, change.types, strict=True):
        new.type, new.name, old.name = type_, old.name, ""
        old.replace_all_uses_with(new)
    op.erase()


def _with_parts(operand: object, change: _Change) -> object:
    if isinstance(operand, tuple):
        return tuple(_with_parts(v, change) for v in operand)
    part = change.constants.get(operand) if isinstance(operand, Value) else None
    return operand if part is None else part.result
