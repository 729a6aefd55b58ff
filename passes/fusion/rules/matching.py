"""What the patterns of activation functions share: x times, plus and over constants, in the forms exporters write."""

from collections.abc import Iterable

import numpy as np

from ....ir import Value
from ....ops import math
from ....ops.enums import Activation
from ....types import DType
from ...patterns import constant_array, either_order, is_number, number, same_shape

_ROUNDING = {DType.F16: 1e-3, DType.BF16: 8e-3}
"""By how much, relatively, a constant may be off in a dtype: as much as the dtype rounds; elsewhere a few digits."""


def rounding_of(dtype: DType) -> float:
    """By how much, relatively, a constant of the dtype may be off."""
    return _ROUNDING.get(dtype, 1e-5)


def is_nearly(value: Value, expected: float) -> bool:
    """Whether ``value`` is a constant of one element that equals ``expected`` but for rounding."""
    return is_number(value, expected, rounding_of(value.type.dtype))


def are_nearly(a: float, b: float, dtype: DType) -> bool:
    """Whether two numbers equal each other but for the rounding of a dtype."""
    return abs(a - b) <= rounding_of(dtype) * max(abs(a), abs(b))


def unless_changed(x: Value, value: Value) -> Value | None:
    """x when it is of floats, as activation functions are, and the constant beside it has given ``value`` no axis."""
    return x if x.type.dtype.is_float and same_shape(x, value) else None


def factored(value: Value | None) -> tuple[Value, float] | None:
    """x and c when ``value`` is x * c, x / (1 / c) or -x; None for anything else."""
    match value:
        case Value(owner=math.Mul(x=x, y=y, activation=Activation.NONE)):
            factor = number(y)
        case Value(owner=math.Div(x=x, y=y, activation=Activation.NONE)):
            divisor = number(y)
            factor = 1 / divisor if divisor else None
        case Value(owner=math.Neg(x=x)):
            factor = -1.0
        case _:
            return None
    if factor is None or unless_changed(x, value) is None:
        return None
    return x, float(factor)


def times(value: Value | None, factor: float) -> Value | None:
    """x when ``value`` is x * factor or x / (1 / factor), with the factor nearly that."""
    found = factored(value)
    if value is None or found is None or not are_nearly(found[1], factor, value.type.dtype):
        return None
    return found[0]


def plus(value: Value | None, summand: float) -> Value | None:
    """x when ``value`` is x + summand."""
    match value:
        case Value(owner=math.Add(x=x, y=y, activation=Activation.NONE)) if is_number(y, summand):
            return unless_changed(x, value)
    return None


def minus_from(minuend: float, value: Value | None) -> Value | None:
    """x when ``value`` is minuend - x."""
    match value:
        case Value(owner=math.Sub(x=c, y=x, activation=Activation.NONE)) if is_number(c, minuend):
            return unless_changed(x, value)
    return None


def operands_of(cls: type[math.Add] | type[math.Mul], value: Value | None) -> Iterable[tuple[Value, Value]]:
    """The operands of the ``cls`` that computes ``value``, in either order; nothing if another op does."""
    match value:
        case Value(owner=math.ActivatedArithmetic(activation=Activation.NONE) as op) if isinstance(op, cls):
            return either_order(op)
    return ()


def is_zero(value: Value) -> bool:
    """Whether all elements are known to be 0."""
    array = constant_array(value)
    return array is not None and array.size > 0 and not np.any(array)
