"""Where a value ends up: whether all of its uses, through ops that hand it on, are of some kind."""

from collections.abc import Callable

from ...ir import Op, Value
from ...ops import math, tensor

MOVING: tuple[type[Op], ...] = (
    tensor.Concat, tensor.Reshape, tensor.Expand, tensor.Tile, tensor.Transpose, tensor.Slice, tensor.DynamicSlice,
    tensor.Split, tensor.Gather, tensor.GatherElements, tensor.GatherNd, tensor.Reverse, tensor.Pad,
    tensor.DepthToSpace, tensor.SpaceToDepth, tensor.Trilu, math.Select,
)  # fmt: skip
"""Ops whose results are elements of their operands, or zero."""

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
