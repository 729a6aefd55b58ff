"""Shifts by any number of places by way of those that kernels have: by less than the width of the integers."""

import numpy as np

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...ops.math.logic import Bitwise
from ...rewriter import RuleSet
from ..patterns import constant, constant_array
from .building import folded, scalar

RULES = RuleSet()

Shift = math.ShiftLeft | math.ShiftRight


def shifts_within_width(op: Shift) -> bool:
    """shifts by less than the width of the integers"""
    return _is_below(op.y, op.x.type.dtype.bits)


def _is_below(value: Value, limit: int) -> bool:
    """Whether integers are known to be in [0, limit), by what they are masked with."""
    numbers = constant_array(value)
    if numbers is not None:
        return bool(np.all((numbers >= 0) & (numbers < limit)))
    match value.owner:
        case math.BitwiseAnd(y=mask):
            return _is_below(mask, limit)
        case tensor.Cast(x=source) if source.type.dtype.is_integer:
            return _is_below(source, min(limit, value.type.dtype.highest + 1))
        case tensor.Expand(x=source) | tensor.Reshape(x=source):
            return _is_below(source, limit)
    return False


@RULES.on(Bitwise)
def shift_within_width(op: Bitwise) -> Op | None:
    """shift(x, y) -> select(y and not (w - 1) == 0, shift(x, y and (w - 1)), rest) for integers of w bits

    What lies beyond the width is 0, and of the right shift of a negative number -1.
    """
    if not isinstance(op, Shift) or shifts_within_width(op):
        return None
    dtype = op.x.type.dtype
    inside = np.array(dtype.bits - 1, dtype.numpy)
    places = folded(math.BitwiseAnd(op.y, constant(inside)))
    beyond = folded(math.BitwiseAnd(op.y, constant(np.asarray(np.invert(inside)))))
    is_within = folded(math.Equal(beyond, scalar(0, beyond)))
    return math.Select(is_within, replace(op, y=places).result, _rest(op))


def _rest(op: Shift) -> Value:
    zero = scalar(0, op.x)
    if isinstance(op, math.ShiftLeft) or op.x.type.dtype.is_unsigned_integer:
        return zero
    return math.Select(math.Less(op.x, zero).result, scalar(-1, op.x), zero).result
