"""Elementwise ops around what the runtime computes differently, or wrongly."""

import numpy as np

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...ops.enums import Activation
from ...ops.inference import broadcast
from ...ops.math.logic import Comparison
from ...passes.lowering.building import expanded, folded, scalar
from ...passes.lowering.optional import floor_mod_as_fmod, maximum_as_select, minimum_as_select
from ...passes.patterns import constant, either_order
from ...rewriter import RuleSet
from ...types import DType, Shape, TensorType
from .emitters.elementwise import PIECE_BITS

RULES = RuleSet()

# Of integers the runtime finds the larger in single precision.
RULES.on(math.Maximum)(maximum_as_select)
RULES.on(math.Minimum)(minimum_as_select)
RULES.on(math.FloorMod)(floor_mod_as_fmod)


@RULES.on(math.Round)
def round_half_to_even(op: math.Round) -> Value:
    """round(x) -> floor(x) + 1 where x - floor(x) is over 1/2, or 1/2 and floor(x) is odd, else floor(x)"""
    below = math.Floor(op.x).result
    rest = math.Sub(op.x, below).result
    half = scalar(0.5, op.x)
    pairs = math.Floor(math.Mul(below, half).result).result
    is_odd = math.NotEqual(math.Add(pairs, pairs).result, below).result
    is_tie = math.Equal(rest, half).result
    goes_up = math.LogicalOr(math.Greater(rest, half).result, math.LogicalAnd(is_tie, is_odd).result).result
    return math.Add(below, tensor.Cast(goes_up, DType.F32).result).result


@RULES.on(math.Select)
def select_of_one_shape(op: math.Select) -> Op | None:
    """select(c, x, y) -> select(c, x, expand(y))"""
    return _with_shape(op, op.result.type.shape, "y")


@RULES.on(Comparison)
def comparison_of_one_shape(op: Comparison) -> Op | None:
    """x < y -> expand(x) < expand(y)"""
    return _with_shape(op, broadcast(op.x.type.shape, op.y.type.shape), "x", "y")


def _with_shape(op: Op, shape: Shape, *names: str) -> Op | None:
    operands: dict[str, Value] = {name: getattr(op, name) for name in names}
    if all(v.type.shape == shape for v in operands.values()):
        return None
    return replace(op, **{n: v if v.type.shape == shape else expanded(v, shape) for n, v in operands.items()})


def _is_integer(op: Op) -> bool:
    return op.operands[0].type.dtype is DType.I32


@RULES.on(math.Abs)
def abs_as_select(op: math.Abs) -> Op | None:
    """abs(x) -> select(x > 0, x, -x) for integers"""
    if not _is_integer(op):
        return None
    return math.Select(math.Greater(op.x, scalar(0, op.x)).result, op.x, math.Neg(op.x).result)


@RULES.on(math.ShiftLeft)
def shift_left_within_width(op: math.ShiftLeft) -> Op:
    """x << y -> select(y & ~31 == 0, x << (y & 31), 0)"""
    return math.Select(_is_within_width(op.y), replace(op, y=_within_width(op.y)).result, scalar(0, op.x))


@RULES.on(math.ShiftRight)
def shift_right_within_width(op: math.ShiftRight) -> Op:
    """x >> y -> select(y & ~31 == 0, x >> (y & 31), x >> 31)"""
    sign = replace(op, y=scalar(31, op.y)).result
    return math.Select(_is_within_width(op.y), replace(op, y=_within_width(op.y)).result, sign)


def _within_width(places: Value) -> Value:
    return math.BitwiseAnd(places, scalar(31, places)).result


def _is_within_width(places: Value) -> Value:
    return math.Equal(math.BitwiseAnd(places, scalar(-32, places)).result, scalar(0, places)).result


@RULES.on(math.Mul)
def product_with_truths(op: math.Mul) -> Op | None:
    """x * cast(truths) -> select(truths, x, 0) for integers"""
    if not _is_integer(op) or op.activation is not Activation.NONE:
        return None
    for x, y in either_order(op):
        match y.owner:
            case tensor.Cast(x=Value(type=TensorType(dtype=DType.BOOL)) as truths):
                return math.Select(truths, x, scalar(0, x))
    return None


@RULES.on(math.Mul)
def product_of_pieces(op: math.Mul) -> Value | None:
    """x * y -> the sum of x_i * y_j << 11 * (i + j), their pieces of 11 bits, for integers, multiplied as floats"""
    if not _is_integer(op) or op.activation is not Activation.NONE:
        return None
    xs, ys = _pieces(op.x), _pieces(op.y)
    total = None
    for place in reversed(range(len(xs))):
        # What is shifted beyond 32 bits is lost, as it should be.
        for i in range(place + 1):
            product = math.Mul(xs[i], ys[place - i]).result
            total = product if total is None else math.Add(total, product).result
        assert total is not None
        if place:
            total = math.ShiftLeft(total, scalar(PIECE_BITS, total)).result
    return total


def _pieces(x: Value) -> list[Value]:
    """The lowest 11 bits, the next ones, the rest with the sign."""
    mask = constant(np.array(2**PIECE_BITS - 1, np.int32))
    middle = folded(math.ShiftRight(x, scalar(PIECE_BITS, x)))
    return [
        folded(math.BitwiseAnd(x, mask)),
        folded(math.BitwiseAnd(middle, mask)),
        folded(math.ShiftRight(x, scalar(2 * PIECE_BITS, x))),
    ]
