"""Integers of 64 bits, which kernels add, multiply, compare and take remainders of, and little else.

All of it is exact, wrapping as the interpreter does.
"""

from collections.abc import Callable

import numpy as np

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...ops.enums import Activation, ScatterReduction
from ...ops.math.logic import Bitwise
from ...passes.lowering.building import drop_axis, folded, scalar
from ...passes.patterns import constant, constant_array
from ...rewriter import RuleSet
from ...types import DType

RULES = RuleSet()

_Conversion = Callable[[Value], Value]

_LARGEST_POWER = 64

_WRAPPING = (
    math.Add, math.Sub, math.Mul, math.Equal, math.NotEqual, math.Select, math.BitwiseAnd, math.BitwiseOr,
    math.BitwiseXor, math.BitwiseNot, math.ShiftLeft, math.ReduceSum, math.ReduceProd, math.CumSum, math.Square,
    math.Pow,
    tensor.Reshape, tensor.Transpose, tensor.Concat, tensor.Split, tensor.Slice, tensor.DynamicSlice, tensor.Gather,
    tensor.GatherElements, tensor.GatherNd, tensor.Pad, tensor.Expand, tensor.Tile, tensor.Reverse, tensor.Trilu,
    tensor.NonZero, tensor.DepthToSpace, tensor.SpaceToDepth, tensor.DynamicUpdateSlice,
)  # fmt: skip
"""Ops that treat u64 and i64 alike, bit by bit."""

_ORDERING = (
    math.Less, math.LessEqual, math.Greater, math.GreaterEqual, math.Maximum, math.Minimum, math.ReduceMax,
    math.ReduceMin, math.ArgReduction, math.TopK,
)  # fmt: skip
"""Ops that only compare."""


def computes(op: Op) -> bool:
    """Whether the rules of this file make an op on i64 legal."""
    return isinstance(op, math.Div | math.Pow | math.ReduceMean | Bitwise | math.ArgReduction)


@RULES.on(Op)
def unsigned_as_signed(op: Op) -> tuple[Value, ...] | None:
    """op(x) -> cast(op(cast(x, i64))) for u64, where the sign does not matter"""
    if isinstance(op, tensor.ScatterNd) and op.reduction not in (ScatterReduction.MIN, ScatterReduction.MAX):
        return _in_signed(op, _signed, _unsigned)
    return _in_signed(op, _signed, _unsigned) if isinstance(op, _WRAPPING) else None


@RULES.on(Op)
def unsigned_order_as_signed(op: Op) -> tuple[Value, ...] | None:
    """op(x) -> op(x + lowest) - lowest for u64 as i64, where the order alone matters"""
    if isinstance(op, tensor.ScatterNd) and op.reduction in (ScatterReduction.MIN, ScatterReduction.MAX):
        return _in_signed(op, _shifted, _shifted_back)
    return _in_signed(op, _shifted, _shifted_back) if isinstance(op, _ORDERING) else None


def _in_signed(op: Op, into: _Conversion, back: _Conversion) -> tuple[Value, ...] | None:
    # An activation would see the signed numbers: it is split off first.
    if getattr(op, "activation", Activation.NONE) is not Activation.NONE:
        return None
    if not any(v.type.dtype is DType.U64 for v in op.operands):
        return None

    def converted(operand: object) -> object:
        if isinstance(operand, tuple):
            return tuple(map(converted, operand))
        return into(operand) if isinstance(operand, Value) and operand.type.dtype is DType.U64 else operand

    signed = replace(op, **{f.name: converted(getattr(op, f.name)) for f in op.definition.operand_fields})
    pairs = zip(op.results, signed.results, strict=True)
    return tuple(back(new) if old.type.dtype is DType.U64 else new for old, new in pairs)


def _signed(x: Value) -> Value:
    return folded(tensor.Cast(x, DType.I64))


def _unsigned(x: Value) -> Value:
    return tensor.Cast(x, DType.U64).result


def _shifted(x: Value) -> Value:
    signed = _signed(x)
    return folded(math.Add(signed, scalar(DType.I64.lowest, signed)))


def _shifted_back(x: Value) -> Value:
    return _unsigned(math.Add(x, scalar(DType.I64.lowest, x)).result)


@RULES.on(tensor.Cast)
def cast_by_way_of_signed(op: tensor.Cast) -> Op | None:
    """cast(x, u64) -> cast(cast(x, i64), u64), and the same back; to floats + 2**64 where the sign bit was set"""
    if op.dtype is DType.U64:
        return None if op.x.type.dtype is DType.I64 else tensor.Cast(tensor.Cast(op.x, DType.I64).result, DType.U64)
    if op.x.type.dtype is not DType.U64 or op.dtype is DType.I64:
        return None
    if op.dtype in (DType.F16, DType.BF16):
        return tensor.Cast(tensor.Cast(op.x, DType.F32).result, op.dtype)
    signed = _signed(op.x)
    number = tensor.Cast(signed, op.dtype)
    if not op.dtype.is_float:
        return number
    is_high = math.Less(signed, scalar(0, signed)).result
    return math.Select(is_high, math.Add(number.result, scalar(2.0**64, number.result)).result, number.result)


def _has_i64(op: Op) -> bool:
    return op.operands[0].type.dtype is DType.I64


@RULES.on(math.Div)
def division_in_single_precision(op: math.Div) -> Value | None:
    """x / y -> q + round(f32(t - q * y) / f32(y)), three times from q = 0, t = x - fmod(x, y) for i64

    Each round leaves less than 2**-22 of the quotient's error, and the third one less than a half.
    """
    if not _has_i64(op) or op.activation is not Activation.NONE:
        return None
    multiple = math.Sub(op.x, math.Fmod(op.x, op.y).result).result
    divisor = tensor.Cast(op.y, DType.F32).result
    quotient: Value | None = None
    for _ in range(3):
        rest = multiple if quotient is None else math.Sub(multiple, math.Mul(quotient, op.y).result).result
        share = math.Round(math.Div(tensor.Cast(rest, DType.F32).result, divisor).result).result
        step = tensor.Cast(share, DType.I64).result
        quotient = step if quotient is None else math.Add(quotient, step).result
    return quotient


@RULES.on(math.ShiftLeft)
def shift_left_by_powers(op: math.ShiftLeft) -> Op | None:
    """x << y -> x * 2**y for i64"""
    return math.Mul(op.x, _powers(op.y)) if _has_i64(op) else None


@RULES.on(math.ShiftRight)
def unsigned_shift_right(op: math.ShiftRight) -> Value | None:
    """x >> y -> (x without the top bit >> y) + (the top bit ? 2**(63 - y) : 0) for u64"""
    if op.x.type.dtype is not DType.U64:
        return None
    x, places = _signed(op.x), _signed(op.y)
    has_top = math.Less(x, scalar(0, x)).result
    rest = math.Select(has_top, math.Add(x, scalar(DType.I64.lowest, x)).result, x).result
    top = _powers(folded(math.Sub(scalar(63, places), places)))
    moved_top = math.Select(has_top, top, scalar(0, x)).result
    return _unsigned(math.Add(math.ShiftRight(rest, places).result, moved_top).result)


@RULES.on(math.ShiftRight)
def shift_right_by_powers(op: math.ShiftRight) -> Op | None:
    """x >> y -> select(y > 62, -(x < 0), (x - x mod 2**y) / 2**y) for i64"""
    if not _has_i64(op):
        return None
    # 2**63 is no number of 64 bits with a sign.
    largest = scalar(62, op.y)
    power = _powers(folded(math.Minimum(op.y, largest)))
    shifted = math.Div(math.Sub(op.x, math.FloorMod(op.x, power).result).result, power).result
    is_negative = tensor.Cast(math.Less(op.x, scalar(0, op.x)).result, DType.I64).result
    is_sign = folded(math.Greater(op.y, largest))
    return math.Select(is_sign, math.Sub(scalar(0, op.x), is_negative).result, shifted)


@RULES.on(math.FloorMod)
def unsigned_remainder(op: math.FloorMod) -> Op | None:
    """x mod y -> m or m - y for m = 2 * ((x >> 1) mod y) + (x and 1); x or x - y where y >= 2**63; for u64"""
    if op.x.type.dtype is not DType.U64:
        return None
    is_high, half, divisor = _halved(op.x, op.y)
    rest = _unsigned(math.FloorMod(half, divisor).result)
    doubled = math.Add(math.Add(rest, rest).result, math.BitwiseAnd(op.x, scalar(1, op.x)).result).result
    return math.Select(is_high, _less_once(op.x, op.y), _less_once(doubled, op.y))


@RULES.on(math.Div)
def unsigned_quotient(op: math.Div) -> Op | None:
    """x / y -> q + (x - q * y >= y) for q = 2 * ((x >> 1) / y), or 0 where y >= 2**63, for u64"""
    if op.x.type.dtype is not DType.U64 or op.activation is not Activation.NONE:
        return None
    is_high, half, divisor = _halved(op.x, op.y)
    quotient = _unsigned(math.Div(half, divisor).result)
    doubled = math.Select(is_high, scalar(0, quotient), math.Add(quotient, quotient).result).result
    rest = math.Sub(op.x, math.Mul(doubled, op.y).result).result
    return math.Add(doubled, tensor.Cast(math.GreaterEqual(rest, op.y).result, DType.U64).result)


def _halved(x: Value, y: Value) -> tuple[Value, Value, Value]:
    """Whether y is 2**63 or more, and as i64 half of x and y, which is 1 in its place."""
    signed = _signed(y)
    is_high = math.Less(signed, scalar(0, signed)).result
    half = math.ShiftRight(x, scalar(1, x)).result
    return is_high, _signed(half), math.Select(is_high, scalar(1, signed), signed).result


def _less_once(x: Value, y: Value) -> Value:
    """x - y where that is not negative, else x."""
    return math.Select(math.GreaterEqual(x, y).result, math.Sub(x, y).result, x).result


def _powers(exponents: Value) -> Value:
    """2**y, from a table. That of 63 is the lowest number: it wraps."""
    table = constant(np.left_shift(np.int64(1), np.arange(64, dtype=np.int64)))
    return folded(tensor.Gather(table, exponents, 0))


@RULES.on(math.BitwiseOr)
def or_as_sum(op: math.BitwiseOr) -> Op | None:
    """x or y -> x + y - (x and y) for i64"""
    if not _has_i64(op):
        return None
    return math.Sub(math.Add(op.x, op.y).result, math.BitwiseAnd(op.x, op.y).result)


@RULES.on(math.BitwiseXor)
def xor_as_sum(op: math.BitwiseXor) -> Op | None:
    """x xor y -> x + y - 2 * (x and y) for i64"""
    if not _has_i64(op):
        return None
    common = math.BitwiseAnd(op.x, op.y).result
    return math.Sub(math.Add(op.x, op.y).result, math.Add(common, common).result)


@RULES.on(math.BitwiseNot)
def not_as_difference(op: math.BitwiseNot) -> Op | None:
    """not x -> -1 - x for i64"""
    return math.Sub(scalar(-1, op.x), op.x) if _has_i64(op) else None


@RULES.on(math.ArgReduction)
def arg_reduction_as_top_k(op: math.ArgReduction) -> Value | None:
    """arg_max(x) -> the index of top_k(x, 1) for i64"""
    if not _has_i64(op) or op.select_last:
        return None
    _, indices = math.TopK(op.x, None, 1, op.axis, isinstance(op, math.ArgMax), op.index_dtype).results
    return indices if op.keep_dims else drop_axis(indices, op.axis)


@RULES.on(math.Pow)
def power_as_products(op: math.Pow) -> Value | None:
    """x ** k -> x * x * ..., by squaring, for i64 and a constant k"""
    count = _constant_exponent(op)
    if not _has_i64(op) or count is None:
        return None
    result: Value | None = None
    square = op.x
    while True:
        if count & 1:
            result = square if result is None else math.Mul(result, square).result
        count >>= 1
        if not count:
            return result
        square = math.Mul(square, square).result


def _constant_exponent(op: math.Pow) -> int | None:
    exponent = constant_array(op.y)
    if exponent is None or exponent.size != 1 or op.x.type.shape != op.result.type.shape:
        return None
    count = int(exponent.reshape(()))
    return count if 1 <= count <= _LARGEST_POWER else None


@RULES.on(math.Pow)
def power_bit_by_bit(op: math.Pow) -> Value | None:
    """x ** y -> product of select(bit k of y, x ** 2**k, 1) for i64"""
    if not _has_i64(op):
        return None
    # From 62 on what does not overflow is a power of -1, 0 or 1, and tells even exponents from odd ones only.
    parity = math.FloorMod(op.y, scalar(2, op.y)).result
    exponent = math.Minimum(op.y, math.Add(parity, scalar(62, op.y)).result).result
    result: Value | None = None
    power = op.x
    for bit in range(6):
        low = math.FloorMod(exponent, scalar(2 << bit, exponent)).result
        is_set = math.GreaterEqual(low, scalar(1 << bit, exponent)).result
        factor = math.Select(is_set, power, scalar(1, op.x)).result
        result = factor if result is None else math.Mul(result, factor).result
        power = math.Mul(power, power).result
    return result
