"""Elementwise arithmetic, comparisons, selection, activations.

Floats are computed in single precision only: kernels for halves exist in the newest runtimes alone. Integer kernels of
8 and 16 bits mean quantized numbers, but for the few that do not look at scales.
"""

import math as numbers
from collections.abc import Mapping

from ....ir import Op
from ....ops import math, nn
from ....ops.enums import Activation, GeluForm
from ....ops.math import Binary, Unary
from ....passes.lowering.shifts import shifts_within_width
from ....types import DType
from ...conditions import takes, up_to_rank
from ...emission import Condition
from ..graph import Graph, TfliteTable
from ..integer_kernels import (
    I8,
    I16,
    SIGNED_UNIT_I8,
    UNIT_I8,
    UNIT_I16,
    and_gentle_scales,
    giving,
    with_one_scale,
    with_one_scale_each,
)
from ..schema_enums import ActivationFunctionType, BuiltinOperator
from ..schema_options import AddOptions, DivOptions, GeluOptions, LeakyReluOptions, MulOptions, SubOptions

TABLE = TfliteTable()

ACTIVATIONS = {
    Activation.NONE: ActivationFunctionType.NONE,
    Activation.RELU: ActivationFunctionType.RELU,
    Activation.RELU6: ActivationFunctionType.RELU6,
}
_I8, _I16, _I32, _I64, _F32 = DType.I8, DType.I16, DType.I32, DType.I64, DType.F32
_SMALL_ENOUGH = up_to_rank(8)

_UNARY: Mapping[type[Op], tuple[BuiltinOperator, tuple[DType, ...]]] = {
    math.Abs: (BuiltinOperator.ABS, (_F32, _I32)),
    math.Neg: (BuiltinOperator.NEG, (_F32, _I32, _I64)),
    math.Sign: (BuiltinOperator.SIGN, (_F32, _I32)),
    math.Floor: (BuiltinOperator.FLOOR, (_F32,)),
    math.Ceil: (BuiltinOperator.CEIL, (_F32,)),
    math.Round: (BuiltinOperator.ROUND, (_F32,)),
    math.Exp: (BuiltinOperator.EXP, (_F32,)),
    math.Log: (BuiltinOperator.LOG, (_F32,)),
    math.Sqrt: (BuiltinOperator.SQRT, (_F32,)),
    math.Rsqrt: (BuiltinOperator.RSQRT, (_F32,)),
    math.Square: (BuiltinOperator.SQUARE, (_F32,)),
    math.Sin: (BuiltinOperator.SIN, (_F32,)),
    math.Cos: (BuiltinOperator.COS, (_F32,)),
    math.Tanh: (BuiltinOperator.TANH, (_F32,)),
    math.LogicalNot: (BuiltinOperator.LOGICAL_NOT, (DType.BOOL,)),
    nn.Relu: (BuiltinOperator.RELU, (_F32,)),
    nn.Relu6: (BuiltinOperator.RELU6, (_F32,)),
    nn.Sigmoid: (BuiltinOperator.LOGISTIC, (_F32,)),
    nn.HardSwish: (BuiltinOperator.HARD_SWISH, (_F32,)),
}
_EXTREMUM = (_F32, _I64, _I32, _I16, _I8, DType.U8)
_ORDERED = (_F32, _I64, _I32)
_BITS = (_I32, _I16, _I8, DType.U32, DType.U16, DType.U8)
_STORED: Mapping[type[Op], Condition[Op]] = {
    math.Abs: with_one_scale_each(I8, I16),
    # Of 16 bits these are read off tables of 513 entries, up to a hundred units off.
    math.Exp: with_one_scale_each(I8),
    math.Log: with_one_scale_each(I8),
    math.Rsqrt: with_one_scale_each(I8),
    math.Tanh: giving(SIGNED_UNIT_I8, UNIT_I16),
    nn.Relu: with_one_scale_each(I8, I16),
    nn.Relu6: with_one_scale_each(I8, I16),
    nn.Sigmoid: giving(UNIT_I8, UNIT_I16),
    nn.HardSwish: with_one_scale_each(I8),
    math.Maximum: with_one_scale(I8, I16),
    math.Minimum: with_one_scale(I8, I16),
}
"""What integer kernels ask of the ops that have them."""

_BINARY: Mapping[type[Op], tuple[BuiltinOperator, tuple[DType, ...]]] = {
    math.Pow: (BuiltinOperator.POW, (_F32, _I32)),
    math.Maximum: (BuiltinOperator.MAXIMUM, _EXTREMUM),
    math.Minimum: (BuiltinOperator.MINIMUM, _EXTREMUM),
    math.FloorMod: (BuiltinOperator.FLOOR_MOD, _ORDERED),
    math.BitwiseXor: (BuiltinOperator.BITWISE_XOR, _BITS),
    math.LogicalAnd: (BuiltinOperator.LOGICAL_AND, (DType.BOOL,)),
    math.LogicalOr: (BuiltinOperator.LOGICAL_OR, (DType.BOOL,)),
    math.Equal: (BuiltinOperator.EQUAL, (*_ORDERED, DType.BOOL)),
    math.NotEqual: (BuiltinOperator.NOT_EQUAL, (*_ORDERED, DType.BOOL)),
    math.Less: (BuiltinOperator.LESS, _ORDERED),
    math.LessEqual: (BuiltinOperator.LESS_EQUAL, _ORDERED),
    math.Greater: (BuiltinOperator.GREATER, _ORDERED),
    math.GreaterEqual: (BuiltinOperator.GREATER_EQUAL, _ORDERED),
}


def unary(op: Unary, graph: Graph) -> None:
    graph.add(_UNARY[type(op)][0], [op.x], [op.result])


def binary(op: Binary, graph: Graph) -> None:
    graph.add(_BINARY[type(op)][0], [op.x, op.y], [op.result])


for _op_class, (_, _dtypes) in _UNARY.items():
    TABLE.emits(_op_class, when=(takes(*_dtypes),), stored=_STORED.get(_op_class))(unary)  # type: ignore[arg-type]
for _op_class, (_, _dtypes) in _BINARY.items():
    _when = (takes(*_dtypes), _SMALL_ENOUGH)
    TABLE.emits(_op_class, when=_when, stored=_STORED.get(_op_class))(binary)  # type: ignore[arg-type]


def is_plain_or_float(op: math.ActivatedArithmetic) -> bool:
    """a fused activation on floats only"""
    return op.activation is Activation.NONE or op.x.type.dtype is _F32


_SUMMABLE = and_gentle_scales(with_one_scale_each(I8, I16))


@TABLE.emits(math.Add, when=(takes(_F32, _I32, _I64), is_plain_or_float, _SMALL_ENOUGH), stored=_SUMMABLE)
def add(op: math.Add, graph: Graph) -> None:
    options = AddOptions(fused_activation_function=ACTIVATIONS[op.activation], pot_scale_int16=False)
    graph.add(BuiltinOperator.ADD, [op.x, op.y], [op.result], options)


@TABLE.emits(math.Sub, when=(takes(_F32, _I32, _I64), is_plain_or_float, _SMALL_ENOUGH), stored=_SUMMABLE)
def sub(op: math.Sub, graph: Graph) -> None:
    options = SubOptions(fused_activation_function=ACTIVATIONS[op.activation], pot_scale_int16=False)
    graph.add(BuiltinOperator.SUB, [op.x, op.y], [op.result], options)


@TABLE.emits(
    math.Mul, when=(takes(_F32, _I32, _I64), is_plain_or_float, _SMALL_ENOUGH), stored=with_one_scale_each(I8, I16)
)
def mul(op: math.Mul, graph: Graph) -> None:
    options = MulOptions(fused_activation_function=ACTIVATIONS[op.activation])
    graph.add(BuiltinOperator.MUL, [op.x, op.y], [op.result], options)


@TABLE.emits(math.Div, when=(takes(_F32, _I32), is_plain_or_float, _SMALL_ENOUGH))
def div(op: math.Div, graph: Graph) -> None:
    options = DivOptions(fused_activation_function=ACTIVATIONS[op.activation])
    graph.add(BuiltinOperator.DIV, [op.x, op.y], [op.result], options)


def has_equal_shapes(op: Binary) -> bool:
    """operands of one shape"""
    return op.x.type.shape == op.y.type.shape


@TABLE.emits(math.BitwiseAnd, when=(takes(*_BITS, _I64, DType.U64), has_equal_shapes, _SMALL_ENOUGH))
def bitwise_and(op: math.BitwiseAnd, graph: Graph) -> None:
    graph.add(BuiltinOperator.STABLEHLO_AND, [op.x, op.y], [op.result])


@TABLE.emits(math.ShiftRight, when=(takes(*_BITS), shifts_within_width, _SMALL_ENOUGH))
def shift_right(op: math.ShiftRight, graph: Graph) -> None:
    graph.add(BuiltinOperator.RIGHT_SHIFT, [op.x, op.y], [op.result])


@TABLE.emits(math.ShiftLeft, when=(takes(_I32), shifts_within_width, has_equal_shapes, _SMALL_ENOUGH))
def shift_left(op: math.ShiftLeft, graph: Graph) -> None:
    graph.add(BuiltinOperator.STABLEHLO_SHIFT_LEFT, [op.x, op.y], [op.result])


@TABLE.emits(math.Atan, when=(takes(_F32),))
def atan(op: math.Atan, graph: Graph) -> None:
    """The angle of (x, 1). ATAN2 does not broadcast, so the ones are computed: exp(0 for each x)."""
    zeros, ones = graph.temporary(op.x.type), graph.temporary(op.x.type)
    graph.add(BuiltinOperator.ZEROS_LIKE, [op.x], [zeros])
    graph.add(BuiltinOperator.EXP, [zeros], [ones])
    graph.add(BuiltinOperator.ATAN2, [op.x, ones], [op.result])


@TABLE.emits(math.Select, when=(_SMALL_ENOUGH,), stored=with_one_scale(I8, I16))
def select(op: math.Select, graph: Graph) -> None:
    graph.add(BuiltinOperator.SELECT_V2, [op.condition, op.x, op.y], [op.result])


_LIMITS = {
    (0.0, numbers.inf): BuiltinOperator.RELU,
    (0.0, 6.0): BuiltinOperator.RELU6,
    (-1.0, 1.0): BuiltinOperator.RELU_N1_TO_1,
    (0.0, 1.0): BuiltinOperator.RELU_0_TO_1,
}


def has_native_limits(op: math.Clamp) -> bool:
    """limits of 0 and infinity, 0 and 6, -1 and 1, or 0 and 1"""
    return (op.minimum, op.maximum) in _LIMITS


@TABLE.emits(math.Clamp, when=(takes(_F32), has_native_limits), stored=with_one_scale_each(I8))
def clamp(op: math.Clamp, graph: Graph) -> None:
    graph.add(_LIMITS[op.minimum, op.maximum], [op.x], [op.result])


@TABLE.emits(nn.LeakyRelu, when=(takes(_F32),), stored=with_one_scale_each(I8, I16))
def leaky_relu(op: nn.LeakyRelu, graph: Graph) -> None:
    graph.add(BuiltinOperator.LEAKY_RELU, [op.x], [op.result], LeakyReluOptions(alpha=op.alpha))


def has_alpha_1(op: nn.Elu) -> bool:
    """an alpha of 1"""
    return op.alpha == 1


@TABLE.emits(nn.Elu, when=(takes(_F32), has_alpha_1), stored=with_one_scale_each(I8))
def elu(op: nn.Elu, graph: Graph) -> None:
    graph.add(BuiltinOperator.ELU, [op.x], [op.result])


@TABLE.emits(nn.Gelu, when=(takes(_F32),), stored=with_one_scale_each(I8))
def gelu(op: nn.Gelu, graph: Graph) -> None:
    graph.add(BuiltinOperator.GELU, [op.x], [op.result], GeluOptions(approximate=op.form is GeluForm.TANH))


@TABLE.emits(nn.PRelu, when=(takes(_F32), up_to_rank(6)), stored=with_one_scale_each(I8))
def p_relu(op: nn.PRelu, graph: Graph) -> None:
    graph.add(BuiltinOperator.PRELU, [op.x, op.slope], [op.result])
