"""reassociate: constants meet, and constant divisors become factors, where that changes only how results round."""

import numpy as np

from ...ir import Array, Module, Op, Value
from ...ops import math
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import constant, constant_array, is_constant, same_shape

RULES = RuleSet()


@module_pass()
def reassociate(module: Module) -> bool:
    """Applies the algebra of real numbers to floats: results may differ in more than the last bit."""
    return apply_rules(module, RULES)


@RULES.on(math.Div)
def divisor_to_factor(op: math.Div) -> Op | None:
    """x / c -> x * (1 / c)"""
    array = _floats(op.y)
    if array is None or is_constant(op.x) or not array.all():
        return None
    inverse = (1 / array.astype(np.float64)).astype(array.dtype)
    return math.Mul(op.x, constant(inverse, op.y), op.activation) if np.isfinite(inverse).all() else None


@RULES.on(math.Mul)
def factors_together(op: math.Mul) -> Op | None:
    """(x * c) * d -> x * (c * d)"""
    match op:
        case math.Mul(x=Value(owner=math.Mul(x=x, y=inner, activation=Activation.NONE), has_one_use=True), y=outer):
            return _together(op, x, inner, outer)
    return None


@RULES.on(math.Add)
def summands_together(op: math.Add) -> Op | None:
    """(x + c) + d -> x + (c + d)"""
    match op:
        case math.Add(x=Value(owner=math.Add(x=x, y=inner, activation=Activation.NONE), has_one_use=True), y=outer):
            return _together(op, x, inner, outer)
    return None


def _together(op: math.Mul | math.Add, x: Value, inner: Value, outer: Value) -> Op | None:
    a, b = _floats(inner), _floats(outer)
    if a is None or b is None or is_constant(x):
        return None
    combine = np.multiply if isinstance(op, math.Mul) else np.add
    wide = np.asarray(combine(a.astype(np.float64), b.astype(np.float64))).astype(a.dtype)
    # Broadcasting two vectors against each other may give a constant larger than both.
    return type(op)(x, constant(wide), op.activation) if wide.size <= max(a.size, b.size) else None


def _floats(value: Value) -> Array | None:
    return constant_array(value) if value.type.dtype.is_float else None


@RULES.on(math.Div)
def root_to_factor(op: math.Div) -> Op | None:
    """x / sqrt(y) -> x * rsqrt(y)"""
    match op:
        case math.Div(x=x, y=Value(owner=math.Sqrt(x=y), has_one_use=True)):
            return math.Mul(x, math.Rsqrt(y).result, op.activation)
    return None


ROW = 16
"""So many elements share a divisor where one reciprocal and as many products cost less than the quotients."""


@RULES.on(math.Div)
def row_divisor_to_factor(op: math.Div) -> Op | None:
    """x / r -> x * (1 / r) where each r divides a whole row of x"""
    x, divisor = op.x, op.y
    if is_constant(divisor) or is_constant(x) or not x.type.dtype.is_float or not same_shape(x, op.result):
        return None
    shape = (1,) * (x.type.rank - divisor.type.rank) + divisor.type.shape
    shared = [dim for dim, own in zip(x.type.shape, shape, strict=True) if own == 1]
    if not any(isinstance(dim, int) and dim >= ROW for dim in shared):
        return None
    one = constant(np.ones((), divisor.type.dtype.numpy))
    return math.Mul(x, math.Div(one, divisor).result, op.activation)


@RULES.on(math.Add)
def common_factor(op: math.Add) -> Op | None:
    """x * y + x * z -> x * (y + z) where that makes no tensor larger"""
    match op:
        case math.Add(x=Value(owner=math.Mul() as a), y=Value(owner=math.Mul() as b)):
            pass
        case _:
            return None
    if not (op.x.has_one_use and op.y.has_one_use and op.x.type.dtype.is_float):
        return None
    if {a.activation, b.activation} != {Activation.NONE}:
        return None
    for x, y in ((a.x, a.y), (a.y, a.x)):
        z = b.y if x is b.x else b.x if x is b.y else None
        if z is not None and same_shape(y, z):
            return math.Mul(x, math.Add(y, z).result, op.activation)
    return None
