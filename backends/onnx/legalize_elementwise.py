"""Rules for comparisons, bits and remainders."""

from ...ir import Op, Value
from ...ops import math, tensor
from ...ops.math.reduction import LogicalReduction
from ...passes.lowering.building import folded, scalar
from ...rewriter import RuleSet
from ...types import DType

RULES = RuleSet()

FALLBACKS = RuleSet()
"""What is tried behind the rules for dtypes."""

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


@RULES.on(math.FloorMod)
def floor_mod_of_floats(op: math.FloorMod) -> Op | None:
    """x floor_mod y -> m + y where m = fmod(x, y) is not 0 and has another sign than y, else m, for floats"""
    if not op.x.type.dtype.is_float:
        return None
    remainder = math.Fmod(op.x, op.y).result
    signs = (math.Less(v, scalar(0, v)).result for v in (remainder, op.y))
    is_rest = math.NotEqual(remainder, scalar(0, remainder)).result
    is_other = math.LogicalAnd(is_rest, math.LogicalXor(*signs).result).result
    return math.Select(is_other, math.Add(remainder, op.y).result, remainder)


@RULES.on(math.Select)
def select_of_truths(op: math.Select) -> Op | None:
    """select(c, x, y) -> (c and x) or (not c and y) for truth values"""
    if op.x.type.dtype is not DType.BOOL:
        return None
    otherwise = math.LogicalAnd(math.LogicalNot(op.condition).result, op.y).result
    return math.LogicalOr(math.LogicalAnd(op.condition, op.x).result, otherwise)


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


@RULES.on(LogicalReduction)
def logical_reduction_as_extremum(op: LogicalReduction) -> Op | None:
    """reduce_any(x) -> reduce_max(x) and reduce_all(x) -> reduce_min(x) as integers"""
    if not op.axes:
        return None
    reduce = math.ReduceMax if isinstance(op, math.ReduceAny) else math.ReduceMin
    reduced = reduce(tensor.Cast(op.x, DType.I32).result, op.axes, op.keep_dims).result
    return tensor.Cast(reduced, DType.BOOL)


@RULES.on(math.BitwiseNot)
def bitwise_not_as_difference(op: math.BitwiseNot) -> Op:
    """not x -> all bits - x"""
    dtype = op.x.type.dtype
    return math.Sub(scalar(-1 if dtype.is_signed_integer else dtype.highest, op.x), op.x)


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


@FALLBACKS.on(math.Maximum)
def maximum_as_select(op: math.Maximum) -> Op | None:
    """max(x, y) -> select(x > y, x, y) for integers"""
    return math.Select(math.Greater(op.x, op.y).result, op.x, op.y) if op.x.type.dtype.is_integer else None


@FALLBACKS.on(math.Minimum)
def minimum_as_select(op: math.Minimum) -> Op | None:
    """min(x, y) -> select(x < y, x, y) for integers"""
    return math.Select(math.Less(op.x, op.y).result, op.x, op.y) if op.x.type.dtype.is_integer else None
