"""Elementwise ops, reductions and dtypes that Core ML lacks."""

from collections.abc import Callable

from ...ir import Op, Value
from ...ops import math, tensor
from ...ops.enums import Activation
from ...ops.inference import broadcast
from ...ops.math.reduction import LogicalReduction
from ...passes.lowering.building import expanded, scalar
from ...passes.lowering.dtypes import computed_in_one_of
from ...passes.lowering.indexing import last_as_first_of_reversed
from ...passes.lowering.optional import logical_reduction_as_extremum, select_of_truths
from ...rewriter import RuleSet
from ...types import DType

RULES = RuleSet()

RULES.on(LogicalReduction)(logical_reduction_as_extremum)
RULES.on(math.Select)(select_of_truths)
RULES.on(math.ArgReduction)(last_as_first_of_reversed)


@RULES.on(tensor.Cast)
def cast_to_bool_as_comparison(op: tensor.Cast) -> Op | Value | None:
    """cast(x, bool) -> x != 0"""
    if op.dtype is not DType.BOOL:
        return None
    return op.x if op.x.type.dtype is DType.BOOL else math.NotEqual(op.x, scalar(0, op.x))


@RULES.on(math.NotEqual)
def bool_difference_as_xor(op: math.NotEqual) -> Op | None:
    """x != y -> logical_xor(x, y) for truth values"""
    return math.LogicalXor(op.x, op.y) if op.x.type.dtype is DType.BOOL else None


@RULES.on(math.Equal)
def bool_equality_as_xor(op: math.Equal) -> Op | None:
    """x == y -> logical_not(logical_xor(x, y)) for truth values"""
    return math.LogicalNot(math.LogicalXor(op.x, op.y).result) if op.x.type.dtype is DType.BOOL else None


@RULES.on(math.Div)
def division_of_magnitudes(op: math.Div) -> Op | None:
    """x / y -> sign(x) * sign(y) * (|x| / |y|) for integers"""
    if op.x.type.dtype is not DType.I32 or op.activation is not Activation.NONE:
        return None
    quotient = math.Div(math.Abs(op.x).result, math.Abs(op.y).result).result
    return math.Mul(math.Mul(math.Sign(op.x).result, math.Sign(op.y).result).result, quotient)


@RULES.on(math.Select)
def select_among_expanded(op: math.Select) -> Op | None:
    """select(c, x, y) -> select(c, expand(x), y) where c has more elements; with x + 0 * cast(c) where sizes vary"""
    shape = op.result.type.shape
    if broadcast(op.x.type.shape, op.y.type.shape) == shape:
        return None
    if op.result.type.is_static:
        return math.Select(op.condition, expanded(op.x, shape), op.y)
    zeros = math.Mul(tensor.Cast(op.condition, op.x.type.dtype).result, scalar(0, op.x)).result
    return math.Select(op.condition, math.Add(zeros, op.x).result, op.y)


def dtype_rules(is_legal: Callable[[Op], bool]) -> RuleSet:
    """What goes behind the other rules: truth values as integers, integers as floats."""
    rules = RuleSet()

    @rules.on(Op)
    def compute_truth_values_in_integers(op: Op) -> tuple[Value, ...] | None:
        """op(x) -> cast(op(cast(x, i32)), bool), where that is legal"""
        return computed_in_one_of(op, {DType.BOOL: (DType.I32,)}, is_legal)

    return rules
