"""Elementwise arithmetic, comparisons, selection, casts, activations. Truth values are the integers 0 and 1."""

from collections.abc import Mapping
from math import prod

import numpy as np

from ....ir import Op, Value
from ....ops import math, nn, tensor
from ....ops.enums import Activation
from ....ops.math import Binary, Unary
from ....ops.math.logic import Comparison
from ....passes.lowering.ranges import is_size_at_run_time, magnitude_at_run_time
from ....passes.patterns import constant_array, elements_of
from ....types import DType
from ...conditions import is_f32, takes, up_to_rank
from ..graph import MNN_TYPES, Graph, MnnTable
from ..schema_enums import BinaryOperation, OpType, UnaryOperation
from ..schema_parameters import ELU, BinaryOp, CastParam, PRelu, Relu, Relu6, Scale, UnaryOp
from .operands import INTEGERS, MAX_RANK, float32, int32
from .quantization import byte_table, combines_bytes, maps_bytes

TABLE = MnnTable()

_BOOL, _I32, _F32 = DType.BOOL, DType.I32, DType.F32
_BOTH = (_F32, *INTEGERS)
_SMALL_ENOUGH = up_to_rank(MAX_RANK)

EXACT_BITS = 25
"""Integers of so many bits, the sign among them, single precision has all of."""

PIECE_BITS = 11
"""The bits of pieces of integers whose products are exact in single precision."""

_UNARY: Mapping[type[Op], tuple[UnaryOperation, tuple[DType, ...]]] = {
    math.Neg: (UnaryOperation.NEG, _BOTH),
    math.Sign: (UnaryOperation.SIGN, _BOTH),
    math.Square: (UnaryOperation.SQUARE, _BOTH),
    math.Floor: (UnaryOperation.FLOOR, (_F32,)),
    math.Ceil: (UnaryOperation.CEIL, (_F32,)),
    math.Exp: (UnaryOperation.EXP, (_F32,)),
    math.Log: (UnaryOperation.LOG, (_F32,)),
    math.Sqrt: (UnaryOperation.SQRT, (_F32,)),
    math.Rsqrt: (UnaryOperation.RSQRT, (_F32,)),
    math.Reciprocal: (UnaryOperation.RECIPROCAL, (_F32,)),
    math.Sin: (UnaryOperation.SIN, (_F32,)),
    math.Cos: (UnaryOperation.COS, (_F32,)),
    math.Tan: (UnaryOperation.TAN, (_F32,)),
    math.Asin: (UnaryOperation.ASIN, (_F32,)),
    math.Acos: (UnaryOperation.ACOS, (_F32,)),
    math.Atan: (UnaryOperation.ATAN, (_F32,)),
    math.Sinh: (UnaryOperation.SINH, (_F32,)),
    math.Cosh: (UnaryOperation.COSH, (_F32,)),
    math.Tanh: (UnaryOperation.TANH, (_F32,)),
    math.Asinh: (UnaryOperation.ASINH, (_F32,)),
    math.Acosh: (UnaryOperation.ACOSH, (_F32,)),
    math.Atanh: (UnaryOperation.ATANH, (_F32,)),
    math.Erf: (UnaryOperation.ERF, (_F32,)),
    nn.Sigmoid: (UnaryOperation.SIGMOID, (_F32,)),
    nn.HardSwish: (UnaryOperation.HARDSWISH, (_F32,)),
    nn.Silu: (UnaryOperation.SILU, (_F32,)),
}
_BINARY: Mapping[type[Op], tuple[BinaryOperation, tuple[DType, ...]]] = {
    math.Pow: (BinaryOperation.POW, _BOTH),
    math.BitwiseAnd: (BinaryOperation.BITWISE_AND, INTEGERS),
    math.BitwiseOr: (BinaryOperation.BITWISE_OR, INTEGERS),
    math.BitwiseXor: (BinaryOperation.BITWISE_XOR, INTEGERS),
    math.LogicalAnd: (BinaryOperation.MUL, (_BOOL,)),
    math.LogicalOr: (BinaryOperation.LOGICALOR, (_BOOL,)),
    math.LogicalXor: (BinaryOperation.LOGICALXOR, (_BOOL,)),
    math.Equal: (BinaryOperation.EQUAL, (*INTEGERS, _BOOL)),
    math.NotEqual: (BinaryOperation.NOTEQUAL, (*INTEGERS, _BOOL)),
}
_COMPARISONS: Mapping[type[Comparison], BinaryOperation] = {
    math.Equal: BinaryOperation.EQUAL,
    math.NotEqual: BinaryOperation.NOTEQUAL,
    math.LessEqual: BinaryOperation.LESS_EQUAL,
    math.Greater: BinaryOperation.GREATER,
    math.GreaterEqual: BinaryOperation.GREATER_EQUAL,
}
_EXTREMA: Mapping[type[Op], BinaryOperation] = {
    math.Maximum: BinaryOperation.MAXIMUM,
    math.Minimum: BinaryOperation.MINIMUM,
}
_ACTIVATED: Mapping[type[Op], BinaryOperation] = {
    math.Add: BinaryOperation.ADD,
    math.Sub: BinaryOperation.SUB,
    math.Mul: BinaryOperation.MUL,
    math.Div: BinaryOperation.REALDIV,
}
_SHIFTS: Mapping[type[Op], BinaryOperation] = {
    math.ShiftLeft: BinaryOperation.LEFTSHIFT,
    math.ShiftRight: BinaryOperation.RIGHTSHIFT,
}


def unary(op: Unary, graph: Graph) -> None:
    parameter = UnaryOp(op_type=_UNARY[type(op)][0])
    if op.result.type.quantization is not None:
        parameter.table_int8 = byte_table(op)
    graph.add(OpType.UNARY_OP, [op.x], [op.result], parameter)


def binary(op: Binary, graph: Graph) -> None:
    graph.add(OpType.BINARY_OP, [op.x, op.y], [op.result], BinaryOp(op_type=_BINARY[type(op)][0]))


for _op_class, (_, _dtypes) in _UNARY.items():
    TABLE.emits(_op_class, when=(takes(*_dtypes),), stored=maps_bytes)(unary)  # type: ignore[arg-type]
for _op_class, _binary in _BINARY.items():
    TABLE.emits(_op_class, when=(takes(*_binary[1]), _SMALL_ENOUGH))(binary)  # type: ignore[arg-type]


def is_single_or_size(op: Op) -> bool:
    """floats, or integers that are sizes or positions"""
    # Vectorised kernels convert integers to floats and back: those of more than 24 bits are rounded.
    return all(v.type.dtype is not _I32 or is_size_at_run_time(v, EXACT_BITS) or _has_few_bits(v) for v in op.operands)


def has_exact_product(op: math.Mul) -> bool:
    """no product of integers that may need more than 24 bits"""
    bounds = [magnitude_at_run_time(v) for v in op.operands if v.type.dtype is _I32]
    known = [bound for bound in bounds if bound is not None]
    return len(known) < 2 or prod(known) <= 2 ** (EXACT_BITS - 1)


def _has_few_bits(value: Value) -> bool:
    """Whether a product with another such integer is exact in single precision, and few of them added up."""
    match value.owner:
        case math.BitwiseAnd(y=mask):
            bits = constant_array(mask)
            return bits is not None and bool(np.all((bits >= 0) & (bits < 2**PIECE_BITS)))
        case math.ShiftRight(y=places):
            distance = constant_array(places)
            return distance is not None and bool(np.all(distance >= 2 * PIECE_BITS))
    return False


@TABLE.emits(math.Abs, when=(takes(*_BOTH), is_single_or_size))
def abs_(op: math.Abs, graph: Graph) -> None:
    graph.add(OpType.UNARY_OP, [op.x], [op.result], UnaryOp(op_type=UnaryOperation.ABS))


@TABLE.emits(math.Maximum, math.Minimum, when=(takes(*_BOTH), is_single_or_size, _SMALL_ENOUGH))
def extremum(op: Binary, graph: Graph) -> None:
    graph.add(OpType.BINARY_OP, [op.x, op.y], [op.result], BinaryOp(op_type=_EXTREMA[type(op)]))


def compares_as_typed(op: Comparison) -> bool:
    """operands of one shape, or one of a single element, or integers"""
    # Operands that are broadcast get the dtype of the result, so the bits of floats are compared as integers.
    shapes = {op.x.type.shape, op.y.type.shape}
    return op.x.type.dtype is not _F32 or len(shapes) == 1 or any(v.type.elements == 1 for v in op.operands)


@TABLE.emits(*_COMPARISONS, when=(takes(*_BOTH, _BOOL), compares_as_typed, _SMALL_ENOUGH))
def comparison(op: Comparison, graph: Graph) -> None:
    graph.add(OpType.BINARY_OP, [op.x, op.y], [op.result], BinaryOp(op_type=_COMPARISONS[type(op)]))


def has_native_activation(op: math.ActivatedArithmetic) -> bool:
    """no fused activation but relu, and that on floats that are not divided"""
    # The runtime multiplies what is negative by 0, which makes NaN of an infinity.
    if op.activation is Activation.RELU:
        return op.x.type.dtype is _F32 and not isinstance(op, math.Div)
    return op.activation is Activation.NONE


@TABLE.emits(math.Add, math.Sub, math.Mul, when=(combines_bytes,), stored=combines_bytes)
def arithmetic_on_bytes(op: math.ActivatedArithmetic, graph: Graph) -> None:
    """Activations are bounds of what the result's tensor holds."""
    graph.add(OpType.BINARY_OP, [op.x, op.y], [op.result], BinaryOp(op_type=_ACTIVATED[type(op)]))


@TABLE.emits(math.Mul, when=(takes(*_BOTH), is_single_or_size, has_exact_product, has_native_activation, _SMALL_ENOUGH))
@TABLE.emits(math.Add, math.Sub, math.Div, when=(takes(*_BOTH), has_native_activation, _SMALL_ENOUGH))
def arithmetic(op: math.ActivatedArithmetic, graph: Graph) -> None:
    """In the packed format numbers a channel, which the runtime would spread out in every run, are parameters."""
    affine = _affine(op) if graph.is_packed else None
    if affine is not None:
        graph.add(OpType.SCALE, [op.x], [op.result], affine)
        return
    parameter = BinaryOp(op_type=_ACTIVATED[type(op)], activation_type=int(op.activation is Activation.RELU))
    graph.add(OpType.BINARY_OP, [op.x, op.y], [op.result], parameter)


def _affine(op: math.ActivatedArithmetic) -> Scale | None:
    """A sum or product with one constant number a channel as x * scale + bias; None for other arithmetic."""
    shape, constant = op.x.type.shape, constant_array(op.y)
    if constant is None or len(shape) < 3 or op.activation is not Activation.NONE or isinstance(op, math.Div):
        return None
    channels = constant.size
    column = (channels, *(1,) * (len(shape) - 2))
    if channels == 1 or shape[1] != channels or constant.shape[-len(column) :] != column:
        return None
    numbers = constant.reshape(-1)
    if isinstance(op, math.Mul):
        return Scale(channels=channels, scale_data=numbers, bias_data=np.zeros(channels, np.float32))
    bias = -numbers if isinstance(op, math.Sub) else numbers
    return Scale(channels=channels, scale_data=np.ones(channels, np.float32), bias_data=bias)


# The names of remainders mean one thing for floats, the other for integers.


@TABLE.emits(math.Fmod, when=(takes(*_BOTH), _SMALL_ENOUGH))
def fmod(op: math.Fmod, graph: Graph) -> None:
    parameter = BinaryOp(op_type=BinaryOperation.MOD if op.x.type.dtype is _F32 else BinaryOperation.FLOORMOD)
    graph.add(OpType.BINARY_OP, [op.x, op.y], [op.result], parameter)


@TABLE.emits(math.FloorMod, when=(takes(*INTEGERS), _SMALL_ENOUGH))
def floor_mod(op: math.FloorMod, graph: Graph) -> None:
    graph.add(OpType.BINARY_OP, [op.x, op.y], [op.result], BinaryOp(op_type=BinaryOperation.MOD))


def shifts_within_width(op: Binary) -> bool:
    """shifts by 0 to 31 places"""
    places = constant_array(op.y)
    match op.y.owner:
        case math.BitwiseAnd(y=mask):
            places = constant_array(mask)
    return places is not None and bool(np.all((places >= 0) & (places < 32)))


@TABLE.emits(*_SHIFTS, when=(takes(*INTEGERS), shifts_within_width, _SMALL_ENOUGH))  # type: ignore[arg-type]
def shift(op: Binary, graph: Graph) -> None:
    graph.add(OpType.BINARY_OP, [op.x, op.y], [op.result], BinaryOp(op_type=_SHIFTS[type(op)]))


@TABLE.emits(math.Less, when=(takes(*_BOTH, _BOOL), compares_as_typed, _SMALL_ENOUGH))
def less(op: math.Less, graph: Graph) -> None:
    """As its mirror image: the runtime's own is wrong where both operands are negative floats."""
    graph.add(OpType.BINARY_OP, [op.y, op.x], [op.result], BinaryOp(op_type=BinaryOperation.GREATER))


@TABLE.emits(math.LogicalNot, when=(takes(_BOOL),))
def logical_not(op: math.LogicalNot, graph: Graph) -> None:
    graph.add(OpType.BINARY_OP, [int32(1), op.x], [op.result], BinaryOp(op_type=BinaryOperation.SUB))


def broadcasts_second_choice(op: math.Select) -> bool:
    """a second choice of the result's shape, or of a single element"""
    # Whether it is broadcast is decided by the size of the first.
    return op.y.type.shape == op.result.type.shape or op.y.type.elements == 1


@TABLE.emits(math.Select, when=(broadcasts_second_choice, _SMALL_ENOUGH))
def select(op: math.Select, graph: Graph) -> None:
    graph.add(OpType.SELECT, [op.condition, op.x, op.y], [op.result])


_CASTABLE = takes(_BOOL, *_BOTH)


def converts_to_number(op: tensor.Cast) -> bool:
    """a result of i32 or f32"""
    return op.dtype in _BOTH


def converts_to_bool(op: tensor.Cast) -> bool:
    """a result of bool"""
    return op.dtype is _BOOL


@TABLE.emits(tensor.Cast, when=(_CASTABLE, converts_to_number))
def cast(op: tensor.Cast, graph: Graph) -> None:
    parameter = CastParam(src_t=MNN_TYPES[op.x.type.dtype], dst_t=MNN_TYPES[op.dtype])
    graph.add(OpType.CAST, [op.x], [op.result], parameter)


@TABLE.emits(tensor.Cast, when=(_CASTABLE, converts_to_bool))
def cast_to_bool(op: tensor.Cast, graph: Graph) -> None:
    """By comparison: to the runtime's cast -0.0 is true."""
    zero = float32(0) if op.x.type.dtype is _F32 else int32(0)
    graph.add(OpType.BINARY_OP, [op.x, zero], [op.result], BinaryOp(op_type=BinaryOperation.NOTEQUAL))


@TABLE.emits(math.Clamp, when=(is_f32,))
def clamp(op: math.Clamp, graph: Graph) -> None:
    graph.add(OpType.RELU6, [op.x], [op.result], Relu6(min_value=op.minimum, max_value=op.maximum))


@TABLE.emits(nn.Relu, when=(is_f32,))
def relu(op: nn.Relu, graph: Graph) -> None:
    """As a clamp, of which infinities come out as they should."""
    graph.add(OpType.RELU6, [op.x], [op.result], Relu6(min_value=0.0, max_value=float("inf")))


@TABLE.emits(nn.Relu6, when=(is_f32,))
def relu6(op: nn.Relu6, graph: Graph) -> None:
    graph.add(OpType.RELU6, [op.x], [op.result], Relu6(min_value=0.0, max_value=6.0))


@TABLE.emits(nn.LeakyRelu, when=(is_f32,))
def leaky_relu(op: nn.LeakyRelu, graph: Graph) -> None:
    graph.add(OpType.RELU, [op.x], [op.result], Relu(slope=op.alpha))


@TABLE.emits(nn.Elu, when=(is_f32,))
def elu(op: nn.Elu, graph: Graph) -> None:
    graph.add(OpType.ELU, [op.x], [op.result], ELU(alpha=op.alpha))


@TABLE.emits(nn.Gelu, when=(is_f32,))
def gelu(op: nn.Gelu, graph: Graph) -> None:
    """Both forms by the same approximation with tanh, up to 6e-4 off."""
    graph.add(OpType.UNARY_OP, [op.x], [op.result], UnaryOp(op_type=UnaryOperation.GELU))


def has_channel_slope(op: nn.PRelu) -> bool:
    """data [N, C, ...] and a constant slope that is one number a channel"""
    slope, rank = constant_array(op.slope), op.x.type.rank
    if slope is None or rank < 2:
        return False
    aligned = (1,) * (rank - slope.ndim) + slope.shape
    return aligned[1] == op.x.type.shape[1] and slope.size == aligned[1]


@TABLE.emits(nn.PRelu, when=(is_f32, has_channel_slope))
def p_relu(op: nn.PRelu, graph: Graph) -> None:
    slope = elements_of(op.slope).reshape(-1)
    graph.add(OpType.PRELU, [op.x], [op.result], PRelu(slope_count=slope.size, slope=slope))
