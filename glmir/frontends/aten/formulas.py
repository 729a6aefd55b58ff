"""Formulas of IR ops: elementwise functions on values and numbers, so that a composite reads as its formula does.

A number becomes a constant without axes of the other operand's dtype.
"""

from collections.abc import Callable

import numpy as np

from ...ir import Op, Value
from ...ops import math
from .scope import constant


def filled(x: Value, number: float) -> Value:
    """A number as a constant of ``x``'s dtype, without axes."""
    return constant(np.asarray(number).astype(x.type.dtype.numpy))


def _binary(op: Callable[[Value, Value], Op], x: Value | float, y: Value | float) -> Value:
    if isinstance(x, Value):
        return op(x, y if isinstance(y, Value) else filled(x, y)).result
    assert isinstance(y, Value)
    return op(filled(y, x), y).result


def add(x: Value | float, y: Value | float) -> Value:
    return _binary(math.Add, x, y)


def sub(x: Value | float, y: Value | float) -> Value:
    return _binary(math.Sub, x, y)


def mul(x: Value | float, y: Value | float) -> Value:
    return _binary(math.Mul, x, y)


def div(x: Value | float, y: Value | float) -> Value:
    return _binary(math.Div, x, y)


def power(x: Value | float, y: Value | float) -> Value:
    return _binary(math.Pow, x, y)


def maximum(x: Value | float, y: Value | float) -> Value:
    return _binary(math.Maximum, x, y)


def minimum(x: Value | float, y: Value | float) -> Value:
    return _binary(math.Minimum, x, y)


def equal(x: Value | float, y: Value | float) -> Value:
    return _binary(math.Equal, x, y)


def not_equal(x: Value | float, y: Value | float) -> Value:
    return _binary(math.NotEqual, x, y)


def less(x: Value | float, y: Value | float) -> Value:
    return _binary(math.Less, x, y)


def less_equal(x: Value | float, y: Value | float) -> Value:
    return _binary(math.LessEqual, x, y)


def both(x: Value, y: Value) -> Value:
    return math.LogicalAnd(x, y).result


def either(x: Value, y: Value) -> Value:
    return math.LogicalOr(x, y).result


def negated(x: Value) -> Value:
    """Not x, of bools."""
    return math.LogicalNot(x).result


def select(condition: Value, x: Value | float, y: Value | float) -> Value:
    """x where the condition holds, y elsewhere; one of them at least is a value."""
    return _binary(lambda a, b: math.Select(condition, a, b), x, y)


def neg(x: Value) -> Value:
    return math.Neg(x).result


def absolute(x: Value) -> Value:
    return math.Abs(x).result


def exp(x: Value) -> Value:
    return math.Exp(x).result


def log(x: Value) -> Value:
    return math.Log(x).result


def floor(x: Value) -> Value:
    return math.Floor(x).result


def truncated(x: Value) -> Value:
    """Towards zero."""
    return select(less(x, 0), math.Ceil(x).result, floor(x))


def polynomial(x: Value, *coefficients: float) -> Value:
    """The polynomial with these coefficients, highest power first, by Horner's scheme; at least of degree 1."""
    result = mul(x, coefficients[0])
    for coefficient in coefficients[1:-1]:
        result = mul(add(result, coefficient), x)
    return add(result, coefficients[-1])


def is_below_zero(x: Value) -> Value:
    """Whether the sign of a float is minus, that of -0 too."""
    return either(less(x, 0), less(math.Reciprocal(x).result, 0))
