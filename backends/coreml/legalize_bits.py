"""Arithmetic in place of bits, which Core ML has not: on i32, in two's complement."""

import numpy as np

from ...dims import product
from ...ir import Array, Op, Value
from ...ops import math, tensor
from ...ops.inference import broadcast
from ...ops.math.logic import Bitwise
from ...passes.lowering.building import folded, folded_reshape, insert_axis, scalar
from ...passes.lowering.optional import bitwise_not_as_difference
from ...passes.patterns import constant
from ...rewriter import RuleSet
from ...types import DType
from .opsets import MAX_RANK

RULES = RuleSet()

RULES.on(math.BitwiseNot)(bitwise_not_as_difference)

_HALF = 2**16
_HALF_POWERS = np.left_shift(1, np.arange(16)).astype(np.int32)
_POWERS = np.left_shift(np.ones(32, np.int32), np.arange(32, dtype=np.int32))
"""2**k; the last is the lowest number, which is right modulo 2**32."""
# By a number of places, from -1 to 32: what is below or above shifts all bits out, as ONNX has it since opset 28.
_FACTORS = np.array([0, *_POWERS, 0], np.int32)
_DIVISORS = np.array([1, *_POWERS[:-1], 1, 1], np.int32)
_LEAVES_BITS = np.array([0, *[1] * 31, 0, 0], np.int32)


@RULES.on(Bitwise)
def bits_of_one_axis(op: Bitwise) -> Op | Value | None:
    """op(x, y) -> reshape(op(reshape(x, [n]), reshape(y, [n]))) where one more axis would be too many"""
    type_ = op.result.type
    if not _is_i32(op) or type_.rank < MAX_RANK or op.x.type != type_ or op.y.type != type_:
        return None
    flat = (product(type_.shape),)
    return folded_reshape(type(op)(folded_reshape(op.x, flat), folded_reshape(op.y, flat)).result, type_.shape)


@RULES.on(math.BitwiseAnd)
def and_bit_by_bit(op: math.BitwiseAnd) -> Value | None:
    """x and y -> sum of bit(x, k) * bit(y, k) * 2**k, the upper and the lower halves apart"""
    if not _is_i32(op) or broadcast(op.x.type.shape, op.y.type.shape) != op.result.type.shape:
        return None
    if op.result.type.rank >= MAX_RANK:
        return None
    upper = _common_bits(_upper(op.x), _upper(op.y))
    is_negative = tensor.Cast(math.GreaterEqual(upper, scalar(_HALF // 2, upper)).result, DType.I32).result
    signed = math.Sub(upper, math.Mul(is_negative, scalar(_HALF, upper)).result).result
    lower = _common_bits(_lower(op.x), _lower(op.y))
    return math.Add(math.Mul(signed, scalar(_HALF, upper)).result, lower).result


@RULES.on(math.BitwiseOr)
def or_as_sum(op: math.BitwiseOr) -> Op | None:
    """x or y -> (x - (x and y)) + y"""
    if not _is_i32(op):
        return None
    return math.Add(math.Sub(op.x, math.BitwiseAnd(op.x, op.y).result).result, op.y)


@RULES.on(math.BitwiseXor)
def xor_as_sum(op: math.BitwiseXor) -> Op | None:
    """x xor y -> (x - (x and y)) + (y - (x and y))"""
    if not _is_i32(op):
        return None
    common = math.BitwiseAnd(op.x, op.y).result
    return math.Add(math.Sub(op.x, common).result, math.Sub(op.y, common).result)


@RULES.on(math.ShiftLeft)
def shift_left_by_powers(op: math.ShiftLeft) -> Op | None:
    """x << y -> x * 2**y, where 2**y is 0 for y < 0 and y > 31"""
    return math.Mul(op.x, _by_places(_FACTORS, op.y)) if _is_i32(op) else None


@RULES.on(math.ShiftRight)
def shift_right_by_powers(op: math.ShiftRight) -> Op | None:
    """x >> y -> select(x < 0, -1 - m, m) with m = max(x, -1 - x) / 2**y, and 0 for m where y < 0 or y > 30"""
    if not _is_i32(op):
        return None
    # Nobody else would know that the maximum is not negative, and divide it as it is.
    magnitude = math.Abs(math.Maximum(op.x, _inverted(op.x)).result).result
    quotient = math.Div(magnitude, _by_places(_DIVISORS, op.y)).result
    quotient = math.Mul(quotient, _by_places(_LEAVES_BITS, op.y)).result
    return math.Select(math.Less(op.x, scalar(0, op.x)).result, _inverted(quotient), quotient)


def _is_i32(op: Bitwise) -> bool:
    return op.x.type.dtype is DType.I32


def _inverted(x: Value) -> Value:
    return math.Sub(scalar(-1, x), x).result


def _by_places(table: Array, places: Value) -> Value:
    """The entry of a table for each number of places."""
    after = folded(math.Add(places, scalar(1, places)))
    index = folded(math.Minimum(folded(math.Maximum(after, scalar(0, places))), scalar(len(table) - 1, places)))
    return folded(tensor.Gather(constant(table), index, 0))


def _lower(x: Value) -> Value:
    """The 16 lower bits, as a number that is not negative."""
    return math.FloorMod(x, scalar(_HALF, x)).result


def _upper(x: Value) -> Value:
    """The 16 upper bits, as a number that is not negative."""
    return _lower(math.ShiftRight(x, scalar(16, x)).result)


def _common_bits(x: Value, y: Value) -> Value:
    """What 16 bits of x and y have in common."""
    powers = constant(_HALF_POWERS)
    both = math.Mul(_bits(x, powers), _bits(y, powers)).result
    return math.ReduceSum(math.Mul(both, powers).result, (both.type.rank - 1,)).result


def _bits(x: Value, powers: Value) -> Value:
    """Each bit of 16, along one more axis at the end."""
    shifted = math.Div(insert_axis(x, x.type.rank), powers).result
    return math.FloorMod(shifted, scalar(2, x)).result
