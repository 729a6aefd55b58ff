"""Algebra of elementwise arithmetic: neutral elements, inverse ops, powers."""

import numpy as np

from ....ir import Array, Op, Value
from ....opdef import replace
from ....ops import math, tensor
from ....ops.enums import Activation
from ....rewriter import RuleSet
from ...patterns import constant, constant_array, is_constant, is_number, number, same_shape

RULES = RuleSet()

_MIRRORED: dict[type[math.Comparison], type[math.Comparison]] = {
    math.Less: math.Greater,
    math.Greater: math.Less,
    math.LessEqual: math.GreaterEqual,
    math.GreaterEqual: math.LessEqual,
}


SHORT = 2**16
"""Constants of more elements are not multiplied: it would take longer than it saves."""


@RULES.on(math.Binary)
def constant_to_the_right(op: math.Binary) -> Op | None:
    """c + x -> x + c, and likewise for every commutative op"""
    if not type(op).is_commutative or not is_constant(op.x) or is_constant(op.y):
        return None
    return replace(op, x=op.y, y=op.x)


@RULES.on(math.Comparison)
def compared_constant_to_the_right(op: math.Comparison) -> Op | None:
    """c < x -> x > c"""
    mirrored = _MIRRORED.get(type(op))
    if mirrored is None or not is_constant(op.x) or is_constant(op.y):
        return None
    return mirrored(op.y, op.x)


def _unchanged(op: math.Binary, neutral: float) -> Value | None:
    """The left operand when the right one is ``neutral`` and adds no axis; None when an activation follows."""
    if getattr(op, "activation", Activation.NONE) is not Activation.NONE:
        return None
    array = constant_array(op.y)
    # Most constants differ from it in their first element.
    if array is None or not array.size or array.item(0) != neutral or not np.all(array == neutral):
        return None
    return op.x if same_shape(op.x, op.result) else None


@RULES.on(math.Add)
def add_zero(op: math.Add) -> Value | None:
    """x + 0 -> x"""
    return _unchanged(op, 0)


@RULES.on(math.Sub)
def subtract_zero(op: math.Sub) -> Value | None:
    """x - 0 -> x"""
    return _unchanged(op, 0)


@RULES.on(math.Mul)
def multiply_by_one(op: math.Mul) -> Value | None:
    """x * 1 -> x"""
    return _unchanged(op, 1)


@RULES.on(math.Div)
def divide_by_one(op: math.Div) -> Value | None:
    """x / 1 -> x"""
    return _unchanged(op, 1)


@RULES.on(math.Pow)
def first_power(op: math.Pow) -> Value | None:
    """x ** 1 -> x"""
    return _unchanged(op, 1)


@RULES.on(math.Mul)
def multiply_integers_by_zero(op: math.Mul) -> Value | None:
    """x * 0 -> 0 for integers (a float x may be infinite or NaN)"""
    type_ = op.result.type
    if type_.dtype.is_float or not type_.is_static or not is_number(op.y, 0):
        return None
    # A broadcast array takes no memory.
    return constant(np.broadcast_to(np.zeros((), type_.dtype.numpy), type_.static_shape))


@RULES.on(math.Mul)
def multiply_by_minus_one(op: math.Mul) -> Op | None:
    """x * -1 -> -x for floats"""
    if op.activation is not Activation.NONE or not op.x.type.dtype.is_float or not is_number(op.y, -1):
        return None
    return math.Neg(op.x) if same_shape(op.x, op.result) and not is_constant(op.x) else None


@RULES.on(math.Add)
def add_to_itself(op: math.Add) -> Op | None:
    """x + x -> x * 2"""
    if op.x is not op.y:
        return None
    return math.Mul(op.x, constant(np.array(2, op.x.type.dtype.numpy)), op.activation)


@RULES.on(math.Mul)
def power_of_two_into_factor(op: math.Mul) -> Op | None:
    """(x * c) * d -> x * (c * d) where c or d holds powers of two, with which nothing rounds"""
    match op:
        case math.Mul(x=Value(owner=math.Mul(x=x, y=inner, activation=Activation.NONE), has_one_use=True), y=outer):
            a, b = constant_array(inner), constant_array(outer)
        case _:
            return None
    if a is None or b is None or is_constant(x) or not x.type.dtype.is_float or max(a.size, b.size) > SHORT:
        return None
    if _exact_reciprocal(a) is None and _exact_reciprocal(b) is None:
        return None
    factor = a * b
    # Beyond the ends of the range the product itself would round.
    is_plain = np.isfinite(factor).all() and (np.abs(factor.astype(np.float64)) >= np.finfo(np.float16).tiny).all()
    return math.Mul(x, constant(factor), op.activation) if is_plain and factor.size <= max(a.size, b.size) else None


@RULES.on(math.Neg)
def negate_twice(op: math.Neg) -> Value | None:
    """-(-x) -> x"""
    match op:
        case math.Neg(x=Value(owner=math.Neg(x=x))):
            return x
    return None


@RULES.on(math.Add)
def add_negated(op: math.Add) -> Op | None:
    """x + (-y) -> x - y"""
    match op:
        case math.Add(x=x, y=Value(owner=math.Neg(x=y))) | math.Add(x=Value(owner=math.Neg(x=y)), y=x):
            return math.Sub(x, y, op.activation)
    return None


@RULES.on(math.Sub)
def subtract_negated(op: math.Sub) -> Op | None:
    """x - (-y) -> x + y"""
    match op:
        case math.Sub(x=x, y=Value(owner=math.Neg(x=y))):
            return math.Add(x, y, op.activation)
    return None


@RULES.on(math.Sub)
def subtract_constant(op: math.Sub) -> Op | None:
    """x - c -> x + (-c) for floats"""
    array = constant_array(op.y)
    if array is None or is_constant(op.x) or not op.x.type.dtype.is_float:
        return None
    return math.Add(op.x, constant(np.negative(array)), op.activation)


@RULES.on(math.Sub)
def subtract_from_zero(op: math.Sub) -> Op | None:
    """0 - x -> -x"""
    if op.activation is not Activation.NONE or not is_number(op.x, 0) or not same_shape(op.y, op.result):
        return None
    return math.Neg(op.y)


@RULES.on(math.Div)
def divide_by_power_of_two(op: math.Div) -> Op | None:
    """x / c -> x * (1 / c) when every 1 / c is exact"""
    array = constant_array(op.y)
    if array is None or is_constant(op.x) or not op.x.type.dtype.is_float:
        return None
    inverse = _exact_reciprocal(array)
    return None if inverse is None else math.Mul(op.x, constant(inverse), op.activation)


def _exact_reciprocal(array: Array) -> Array | None:
    """1 / array when that rounds nothing: all elements are powers of two far from the ends of the range."""
    mantissas, exponents = np.frexp(array.astype(np.float64))
    # An exponent of 14 is within the range of every float dtype, f16's included.
    if not array.size or not (np.abs(mantissas) == 0.5).all() or not (np.abs(exponents) <= 14).all():
        return None
    return np.asarray(1 / array.astype(np.float64)).astype(array.dtype)


@RULES.on(math.Div)
def reciprocal_of_operand(op: math.Div) -> Op | None:
    """1 / x -> reciprocal(x)"""
    if op.activation is not Activation.NONE or not op.x.type.dtype.is_float or not is_number(op.x, 1):
        return None
    return math.Reciprocal(op.y) if same_shape(op.y, op.result) else None


@RULES.on(math.Mul)
def multiply_by_reciprocal(op: math.Mul) -> Op | None:
    """x * reciprocal(y) -> x / y"""
    match op:
        case math.Mul(x=x, y=Value(owner=math.Reciprocal(x=y), has_one_use=True)):
            return math.Div(x, y, op.activation)
        case math.Mul(x=Value(owner=math.Reciprocal(x=y), has_one_use=True), y=x):
            return math.Div(x, y, op.activation)
    return None


@RULES.on(math.Reciprocal)
def reciprocal_of_root(op: math.Reciprocal) -> Op | None:
    """1 / sqrt(x) -> rsqrt(x)"""
    match op:
        case math.Reciprocal(x=Value(owner=math.Sqrt(x=x), has_one_use=True)):
            return math.Rsqrt(x)
    return None


@RULES.on(math.Mul)
def multiply_by_itself(op: math.Mul) -> Op | None:
    """x * x -> square(x)"""
    if op.x is not op.y or op.activation is not Activation.NONE:
        return None
    return math.Square(op.x)


@RULES.on(math.Pow)
def small_power(op: math.Pow) -> Op | None:
    """x ** 2 -> square(x), x ** 3 -> square(x) * x, x ** 0.5 -> sqrt(x), x ** -0.5 -> rsqrt(x), x ** -1 -> 1 / x"""
    x, exponent = op.x, number(op.y)
    if exponent is None or not same_shape(x, op.result):
        return None
    if exponent == 2:
        return math.Square(x)
    if exponent == 3:
        return math.Mul(math.Square(x).result, x)
    if not x.type.dtype.is_float:
        return None
    return {0.5: math.Sqrt, -0.5: math.Rsqrt, -1: math.Reciprocal}[exponent](x) if exponent in (0.5, -0.5, -1) else None


@RULES.on(math.Binary)
def integer_constants_together(op: math.Binary) -> Op | None:
    """(x + c) + d -> x + (c + d), and likewise for *, for integers, where nothing rounds"""
    if not isinstance(op, math.Add | math.Mul) or op.x.type.dtype.is_float:
        return None
    inner = op.x.owner
    if not isinstance(inner, type(op)) or not is_constant(inner.y) or not is_constant(op.y):
        return None
    if Activation.NONE is not op.activation or Activation.NONE is not inner.activation:
        return None
    return type(op)(inner.x, type(op)(inner.y, op.y).result)


@RULES.on(math.Abs)
def absolute_twice(op: math.Abs) -> Value | Op | None:
    """||x|| -> |x|, |-x| -> |x|"""
    match op:
        case math.Abs(x=Value(owner=math.Abs()) as inner):
            return inner
        case math.Abs(x=Value(owner=math.Neg(x=x))):
            return math.Abs(x)
    return None


@RULES.on(math.Square)
def square_of_negated(op: math.Square) -> Op | None:
    """(-x) ** 2 -> x ** 2"""
    match op:
        case math.Square(x=Value(owner=math.Neg(x=x))):
            return math.Square(x)
    return None


@RULES.on(math.Mul)
def multiply_negated(op: math.Mul) -> Op | None:
    """(-x) * c -> x * (-c)"""
    match op:
        case math.Mul(x=Value(owner=math.Neg(x=x)), y=Value(owner=tensor.Constant(value=weight))):
            if x.type.dtype.is_float:
                return math.Mul(x, constant(np.negative(weight.array)), op.activation)
    return None
