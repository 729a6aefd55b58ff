"""Rules for comparisons, bits and remainders."""

from ...ir import Op, Value
from ...ops import math, tensor
from ...ops.math.reduction import LogicalReduction
from ...passes.lowering.building import folded, scalar
from ...passes.lowering.optional import (
    bitwise_not_as_difference,
    floor_mod_as_fmod,
    logical_reduction_as_extremum,
    maximum_as_select,
    minimum_as_select,
    select_of_truths,
)
from ...rewriter import RuleSet
from ...types import DType

RULES = RuleSet()

FALLBACKS = RuleSet()
"""What is tried behind the rules for dtypes."""

RULES.on(math.FloorMod)(floor_mod_as_fmod)
RULES.on(math.Select)(select_of_truths)
RULES.on(LogicalReduction)(logical_reduction_as_extremum)
RULES.on(math.BitwiseNot)(bitwise_not_as_difference)
FALLBACKS.on(math.Maximum)(maximum_as_select)
FALLBACKS.on(math.Minimum)(minimum_as_select)

_UNSIGNED = {
    DType.I8: DType.U8,
    DType.I16: DType.U16,
    DType.I32: DType.U32,
    DType.I64: DType.U64,
}


@RULES.on(math.NotEqual)
def not_equal_as_negation(op: math.NotEqual) -> Op:
    """x != y -> not (x == y)"""
    return math.LogicalNot(math.Equal(op.x, op.y).result)


@RULES.on(math.LessEqual)
def less_equal_as_disjunction(op: math.LessEqual) -> Op:
    """x <= y -> x < y or x == y"""
    return math.LogicalOr(math.Less(op.x, op.y).result, math.Equal(op.x, op.y).result)


@RULES.on(math.GreaterEqual)
def greater_equal_as_disjunction(op: math.GreaterEqual) -> Op:
    """x >= y -> x > y or x == y"""
    return math.LogicalOr(math.Greater(op.x, op.y).result, math.Equal(op.x, op.y).result)


@RULES.on(math.Rsqrt)
def rsqrt_as_reciprocal(op: math.Rsqrt) -> Op:
    """rsqrt(x) -> 1 / sqrt(x)"""
    return math.Reciprocal(math.Sqrt(op.x).result)


@RULES.on(math.Select)
def select_in_another_dtype(op: math.Select) -> Value | None:
    """select(c, x, y) -> cast(select(c, cast(x), cast(y))) in i32, i64 or f32, which hold all numbers of the dtype"""
    other = {
        DType.I16: DType.I32,
        DType.U16: DType.I32,
        DType.U64: DType.I64,
        DType.BF16: DType.F32,
    }.get(op.x.type.dtype)
    if other is None:
        return None
    x, y = (folded(tensor.Cast(v, other)) for v in (op.x, op.y))
    return tensor.Cast(math.Select(op.condition, x, y).result, op.x.type.dtype).result


@RULES.on(math.ShiftLeft)
def shift_left_unsigned(op: math.ShiftLeft) -> Value | None:
    """x << y -> cast(cast(x, unsigned) << y)"""
    unsigned = _UNSIGNED.get(op.x.type.dtype)
    if unsigned is None:
        return None
    x, y = (folded(tensor.Cast(v, unsigned)) for v in (op.x, op.y))
    return tensor.Cast(math.ShiftLeft(x, y).result, op.x.type.dtype).result


@RULES.on(math.ShiftRight)
def shift_right_unsigned(op: math.ShiftRight) -> Op | None:
    """x >> y -> select(x < 0, -1 - (cast(-1 - x, unsigned) >> y), cast(x, unsigned) >> y)"""
    unsigned = _UNSIGNED.get(op.x.type.dtype)
    if unsigned is None:
        return None
    ones = scalar(-1, op.x)
    is_negative = math.Less(op.x, scalar(0, op.x)).result
    magnitude = math.Select(is_negative, math.Sub(ones, op.x).result, op.x).result
    places = folded(tensor.Cast(op.y, unsigned))
    shifted = math.ShiftRight(tensor.Cast(magnitude, unsigned).result, places).result
    moved = tensor.Cast(shifted, op.x.type.dtype).result
    return math.Select(is_negative, math.Sub(ones, moved).result, moved)
