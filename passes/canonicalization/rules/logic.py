"""Algebra of truth values, comparisons, selection, and of limits (clamp, relu, minimum, maximum)."""

import math as numbers

import numpy as np

from ....ir import Op, Value
from ....ops import math, nn, tensor
from ....rewriter import RuleSet
from ....types import DType
from ...patterns import Number, constant, constant_array, is_constant, number, same_shape

RULES = RuleSet()

_OPPOSITE: dict[type[math.Comparison], type[math.Comparison]] = {
    math.Equal: math.NotEqual,
    math.NotEqual: math.Equal,
    math.Less: math.GreaterEqual,
    math.GreaterEqual: math.Less,
    math.Greater: math.LessEqual,
    math.LessEqual: math.Greater,
}


@RULES.on(math.LogicalNot)
def not_twice(op: math.LogicalNot) -> Value | None:
    """not not x -> x"""
    match op:
        case math.LogicalNot(x=Value(owner=math.LogicalNot(x=x))):
            return x
    return None


@RULES.on(math.LogicalNot)
def not_of_comparison(op: math.LogicalNot) -> Op | None:
    """not x == y -> x != y; not x < y -> x >= y where no operand can be NaN"""
    comparison = op.x.owner
    if not isinstance(comparison, math.Comparison) or not op.x.has_one_use:
        return None
    if comparison.x.type.dtype.is_float and not isinstance(comparison, math.Equal | math.NotEqual):
        return None
    return _OPPOSITE[type(comparison)](comparison.x, comparison.y)


@RULES.on(math.Binary)
def idempotent(op: math.Binary) -> Value | None:
    """max(x, x) -> x, and likewise min, and, or"""
    known = (math.Maximum, math.Minimum, math.LogicalAnd, math.LogicalOr, math.BitwiseAnd, math.BitwiseOr)
    return op.x if isinstance(op, known) and op.x is op.y else None


@RULES.on(math.Binary)
def logic_with_constant(op: math.Binary) -> Value | None:
    """x and true -> x, x or false -> x"""
    known = number(op.y)
    if not isinstance(op, math.LogicalAnd | math.LogicalOr) or known is None or not same_shape(op.x, op.result):
        return None
    return op.x if bool(known) is isinstance(op, math.LogicalAnd) else None


@RULES.on(math.Binary)
def logic_that_is_decided(op: math.Binary) -> Op | None:
    """x and false -> false, x or true -> true"""
    known = number(op.y)
    if not isinstance(op, math.LogicalAnd | math.LogicalOr) or known is None or is_constant(op.x):
        return None
    if bool(known) is isinstance(op, math.LogicalAnd):
        return None
    return tensor.Expand(constant(np.array(bool(known))), None, op.result.type.shape)


@RULES.on(math.Comparison)
def truth_compared_with_its_opposite(op: math.Comparison) -> Op | None:
    """x == false -> not x, x != true -> not x, for truth values"""
    known = number(op.y)
    if op.x.type.dtype is not DType.BOOL or not isinstance(known, bool) or not same_shape(op.x, op.result):
        return None
    is_opposite = (isinstance(op, math.Equal) and not known) or (isinstance(op, math.NotEqual) and known)
    return math.LogicalNot(op.x) if is_opposite else None


@RULES.on(math.Select)
def select_same(op: math.Select) -> Value | None:
    """c ? x : x -> x"""
    return op.x if op.x is op.y and same_shape(op.x, op.result) else None


@RULES.on(math.Select)
def select_by_constant(op: math.Select) -> Value | None:
    """true ? x : y -> x, false ? x : y -> y"""
    condition = constant_array(op.condition)
    if condition is None or not condition.size or not (condition == condition.flat[0]).all():
        return None
    chosen = op.x if condition.flat[0] else op.y
    return chosen if same_shape(chosen, op.result) else None


@RULES.on(math.Select)
def select_by_not(op: math.Select) -> Op | None:
    """not c ? x : y -> c ? y : x"""
    match op:
        case math.Select(condition=Value(owner=math.LogicalNot(x=condition)), x=x, y=y):
            return math.Select(condition, y, x)
    return None


@RULES.on(math.Maximum)
def maximum_to_clamp(op: math.Maximum) -> Op | None:
    """max(x, c) -> clamp(x, c, inf)"""
    limit = _limit(op)
    return None if limit is None else math.Clamp(op.x, minimum=limit)


@RULES.on(math.Minimum)
def minimum_to_clamp(op: math.Minimum) -> Op | None:
    """min(x, c) -> clamp(x, -inf, c)"""
    limit = _limit(op)
    return None if limit is None else math.Clamp(op.x, maximum=limit)


@RULES.on(math.Maximum)
def maximum_with_nothing(op: math.Maximum) -> Value | None:
    """max(x, -inf) -> x"""
    return op.x if number(op.y) == -numbers.inf and same_shape(op.x, op.result) else None


@RULES.on(math.Minimum)
def minimum_with_nothing(op: math.Minimum) -> Value | None:
    """min(x, inf) -> x"""
    return op.x if number(op.y) == numbers.inf and same_shape(op.x, op.result) else None


def _limit(op: math.Maximum | math.Minimum) -> float | None:
    """The constant that the op compares with, if a clamp's attribute can hold it."""
    limit: Number | None = number(op.y)
    if limit is None or is_constant(op.x) or not same_shape(op.x, op.result) or float(limit) != limit:
        return None
    # A clamp takes an infinite bound for none: nothing is to be gained there.
    return None if numbers.isinf(limit) else float(limit)


def limits_of(op: Op | None) -> tuple[float, float] | None:
    """The bounds of an op that limits its operand x; None for other ops."""
    match op:
        case nn.Relu():
            return 0.0, numbers.inf
        case nn.Relu6():
            return 0.0, 6.0
        case math.Clamp(minimum=minimum, maximum=maximum):
            return minimum, maximum
    return None


def limited(x: Value, minimum: float, maximum: float) -> Op:
    """The op that limits ``x`` to bounds, by its most specific name."""
    if (minimum, maximum) == (0, numbers.inf):
        return nn.Relu(x)
    if (minimum, maximum) == (0, 6):
        return nn.Relu6(x)
    return math.Clamp(x, minimum, maximum)


@RULES.on(math.Clamp)
def clamp_by_name(op: math.Clamp) -> Value | Op | None:
    """clamp(x, -inf, inf) -> x, clamp(x, 0, inf) -> relu(x), clamp(x, 0, 6) -> relu6(x)"""
    if (op.minimum, op.maximum) == (-numbers.inf, numbers.inf):
        return op.x
    named = limited(op.x, op.minimum, op.maximum)
    return None if isinstance(named, math.Clamp) else named


_NEVER_NEGATIVE = (nn.Relu, nn.Relu6, nn.Sigmoid, nn.HardSigmoid, nn.Softmax, math.Abs, math.Exp, math.Square)


def _is_never_negative(value: Value) -> bool:
    """Whether all elements are at least 0, or NaN; integers may overflow."""
    owner = value.owner
    if isinstance(owner, tensor.Reshape | tensor.Transpose | tensor.Slice | tensor.Expand | nn.MaxPool):
        return _is_never_negative(owner.x)
    if isinstance(owner, math.Clamp):
        return owner.minimum > 0
    return value.type.dtype.is_float and isinstance(owner, _NEVER_NEGATIVE)


@RULES.on(nn.Relu)
def relu_of_nonnegative(op: nn.Relu) -> Value | None:
    """relu(x) -> x where x cannot be negative: sigmoid, exp, max_pool(relu(x)), …"""
    # Of limits relu_of_limited knows more.
    return op.x if limits_of(op.x.owner) is None and _is_never_negative(op.x) else None


@RULES.on(math.Abs)
def absolute_of_nonnegative(op: math.Abs) -> Value | None:
    """|x| -> x where x cannot be negative: sigmoid, exp, …"""
    return op.x if _is_never_negative(op.x) else None


def _limit_twice(op: math.Unary) -> Value | Op | None:
    inner = op.x.owner
    outer_limits, inner_limits = limits_of(op), limits_of(inner)
    if outer_limits is None or inner_limits is None or not isinstance(inner, math.Unary):
        return None
    (low, high), (inner_low, inner_high) = outer_limits, inner_limits
    if not (low <= high and inner_low <= inner_high):
        return None
    bounds = min(max(inner_low, low), high), min(max(inner_high, low), high)
    if bounds == inner_limits:
        return op.x
    return limited(inner.x, *bounds) if op.x.has_one_use or bounds == outer_limits else None


@RULES.on(math.Clamp)
def clamp_of_limited(op: math.Clamp) -> Value | Op | None:
    """clamp(clamp(x, a, b), c, d) -> clamp(x, e, f), and likewise with relu and relu6 for the inner clamp"""
    return _limit_twice(op)


@RULES.on(nn.Relu)
def relu_of_limited(op: nn.Relu) -> Value | Op | None:
    """relu(clamp(x, a, b)) -> clamp(x, max(a, 0), max(b, 0)), so relu(relu6(x)) -> relu6(x)"""
    return _limit_twice(op)


@RULES.on(nn.Relu6)
def relu6_of_limited(op: nn.Relu6) -> Value | Op | None:
    """relu6(relu(x)) -> relu6(x), and likewise for other limits"""
    return _limit_twice(op)


@RULES.on(math.NotEqual)
def not_equal_false(op: math.NotEqual) -> Value | None:
    """x != false -> x for truth values"""
    if op.x.type.dtype is not DType.BOOL or number(op.y) is not False or not same_shape(op.x, op.result):
        return None
    return op.x


@RULES.on(math.Equal)
def equal_true(op: math.Equal) -> Value | None:
    """x == true -> x for truth values"""
    if op.x.type.dtype is not DType.BOOL or number(op.y) is not True or not same_shape(op.x, op.result):
        return None
    return op.x
