"""Ops that compute nothing: every element of their results is an element of an operand, or zero.

So they run on stored integers as they are, and what they take and give has one scale.
"""

from ...ir import Op, Value
from ...ops import math, nn, tensor
from ...ops.enums import PadMode, ResizeMode
from ..patterns import is_number

_FIRST_OPERAND = (
    nn.MaxPool,
    tensor.DepthToSpace,
    tensor.DynamicSlice,
    tensor.Expand,
    tensor.Gather,
    tensor.GatherElements,
    tensor.GatherNd,
    tensor.Reshape,
    tensor.Reverse,
    tensor.Slice,
    tensor.SpaceToDepth,
    tensor.Split,
    tensor.Tile,
    tensor.Transpose,
    math.ReduceMax,
    math.ReduceMin,
)


def moved_operands(op: Op) -> tuple[Value, ...]:
    """The operands whose elements the op's results hold; none if it computes others."""
    if isinstance(op, _FIRST_OPERAND):
        return (op.operands[0],)
    if isinstance(op, tensor.Concat):
        return op.xs
    if isinstance(op, tensor.Pad):
        is_zero = op.value is None or is_number(op.value, 0.0)
        return (op.x,) if is_zero or op.mode is not PadMode.CONSTANT else ()
    if isinstance(op, nn.Resize):
        return (op.x,) if op.mode is ResizeMode.NEAREST and op.extrapolation == 0 else ()
    if isinstance(op, tensor.DynamicUpdateSlice):
        return (op.x, op.update)
    return ()
