"""What each op is to static quantization, whatever the target: which compute on integers, in which scales.

Targets have more or fewer integer kernels; what they lack they compute in floats between the same pairs.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ...ir import Op, Value
from ...ops import math, nn
from ...ops.enums import ResizeMode
from ...types import DType
from .moves import moved_operands

LAYERS = (nn.Conv, nn.ConvTranspose, nn.Linear, math.MatMul)
"""What integers are worth it for: many products for each number that is read."""

BETWEEN_LAYERS = (
    math.Add,
    math.Clamp,
    math.Maximum,
    math.Minimum,
    math.Mul,
    math.ReduceMean,
    math.Sub,
    math.Tanh,
    nn.AveragePool,
    nn.Elu,
    nn.Gelu,
    nn.HardSigmoid,
    nn.HardSwish,
    nn.LeakyRelu,
    nn.PRelu,
    nn.Relu,
    nn.Relu6,
    nn.Resize,
    nn.Sigmoid,
    nn.Silu,
    nn.Softmax,
)
"""What may compute on integers where all that it takes are integers anyway."""


class Fixed(NamedTuple):
    """A scale and zero point that follow from what an op computes, not from data."""

    scale: float
    zero_point: int


_UNIT: Mapping[DType, Fixed] = {
    DType.I8: Fixed(1 / 256, -128),
    DType.U8: Fixed(1 / 256, 0),
    DType.I16: Fixed(1 / 32768, 0),
}
_SIGNED_UNIT: Mapping[DType, Fixed] = {
    DType.I8: Fixed(1 / 128, 0),
    DType.U8: Fixed(1 / 128, 128),
    DType.I16: Fixed(1 / 32768, 0),
}


def fixed_parameters(op: Op, storage: DType) -> Fixed | None:
    """What the result of an op of bounded results is stored with, as integer kernels demand (TFLite's specification of
    8-bit quantization); None for other ops."""
    match op:
        case nn.Softmax() | nn.Sigmoid():
            return _UNIT[storage]
        case math.Tanh():
            return _SIGNED_UNIT[storage]
    return None


def same_scale_operand(op: Op) -> Value | None:
    """The operand whose scale the results have too: that of an op which only moves its elements, or averages
    neighbours, where another scale would round twice and win little."""
    moved = moved_operands(op)
    if len(moved) == 1:
        return moved[0]
    is_average = isinstance(op, nn.AveragePool) or (isinstance(op, nn.Resize) and op.mode is ResizeMode.LINEAR)
    return op.operands[0] if is_average else None


def can_be_between(op: Op) -> bool:
    """Whether integers may run through the op: no cubic resampling, which overshoots."""
    return isinstance(op, BETWEEN_LAYERS) and not (isinstance(op, nn.Resize) and op.mode is ResizeMode.CUBIC)
