"""Small integers carried in larger ones: which ops can leave their range, and the arithmetic that brings them back."""

from collections.abc import Mapping
from math import inf

from ...ir import Op, Value
from ...ops import math, nn, tensor
from ...ops.enums import Activation, ScatterReduction
from ...types import DType
from ..lowering.building import scalar
from .limits import limits

_WRAPPING = (
    math.Add, math.Sub, math.Mul, math.Neg, math.Square, math.Pow, math.ShiftLeft, math.ReduceSum, math.ReduceProd,
    math.CumSum, math.MatMul, nn.Linear, nn.Convolution, nn.Resize,
)  # fmt: skip
"""Ops whose results need more bits than their operands. What they compute in more bits is right in the lowest ones."""

_TOP: Mapping[Activation, float] = {Activation.RELU: inf, Activation.RELU6: 6.0}


def can_leave_range(op: Op) -> bool:
    """Whether the op, computed in more bits, can give numbers that its integer dtype has not."""
    dtype = op.results[0].type.dtype
    match op:
        case tensor.Cast(x=x):
            low, high = limits(x)
            return low < dtype.lowest or high > dtype.highest
        case tensor.ScatterElements(reduction=reduction) | tensor.ScatterNd(reduction=reduction):
            return reduction in (ScatterReduction.ADD, ScatterReduction.MUL)
        case math.Abs() | math.Div():
            # The lowest number has no positive counterpart.
            return dtype.is_signed_integer
        case math.BitwiseNot():
            return dtype.is_unsigned_integer
    return isinstance(op, _WRAPPING)


def wrapped(x: Value, dtype: DType) -> Value:
    """The numbers of ``dtype`` whose lowest bits are those of ``x``, in the dtype of ``x``, which has more."""
    period = scalar(1 << dtype.bits, x)
    if dtype.is_unsigned_integer:
        return math.FloorMod(x, period).result
    lowest = scalar(dtype.lowest, x)
    return math.Add(math.FloorMod(math.Sub(x, lowest).result, period).result, lowest).result


def activated(x: Value, activation: Activation) -> Value:
    """What a fused activation makes of integers."""
    return x if activation is Activation.NONE else math.Clamp(x, 0.0, _TOP[activation]).result
