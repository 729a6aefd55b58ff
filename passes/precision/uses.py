"""Where a value ends up: whether all of its uses, through ops that hand it on, are of some kind."""

from collections.abc import Callable, Mapping

from ...ir import Op, Value
from ...ops import math, nn, tensor

MOVING: tuple[type[Op], ...] = (
    tensor.Concat, tensor.Reshape, tensor.Expand, tensor.Tile, tensor.Transpose, tensor.Slice, tensor.DynamicSlice,
    tensor.Split, tensor.Gather, tensor.GatherElements, tensor.GatherNd, tensor.Reverse, tensor.Pad,
    tensor.DepthToSpace, tensor.SpaceToDepth, tensor.Trilu, math.Select,
)  # fmt: skip
"""Ops whose results are elements of their operands, or zero."""

POSITIONS: Mapping[type[Op], frozenset[str]] = {nn.GridSample: frozenset({"grid"})}
"""Op class -> the operands that are positions: f16 is too coarse for them, and the op takes them as f32 whatever else
it computes in."""


def is_position(op: Op, value: Value) -> bool:
    """Whether an op takes a value for positions, and for nothing else."""
    names = POSITIONS.get(type(op), frozenset())
    taking = [f.name for f in op.definition.operand_fields if getattr(op, f.name) is value]
    return bool(taking) and names.issuperset(taking)


Ending = Callable[[Op, Value], bool]


def ends_only_in(value: Value, ending: Ending, handing_on: tuple[type[Op], ...]) -> bool:
    """Whether every use of ``value`` is an ``ending``, or by one of the ops ``handing_on``, whose results' uses are."""
    seen = {value}
    waiting = [value]
    while waiting:
        current = waiting.pop()
        for user in current.users:
            if ending(user, current):
                continue
            if not isinstance(user, handing_on):
                return False
            waiting += [r for r in user.results if r not in seen]
            seen.update(user.results)
    return True
