"""Whether an op can be computed in f16, tried on data: its operands rounded to f16, and its result.

What is measured is what one op loses, as a part of the largest magnitude of its result. Sums inside an op are taken to
be kept in more bits, as processors do, but for what norms square.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...interpreter import ExecutionError
from ...ir import Array, Op, Value
from ...ops import math, nn, tensor
from .half_constants import LARGEST, MASK, is_mask
from .uses import MOVING, is_position

HEADROOM = 2.0
"""Data to come may be so much larger than any that was seen."""

LOST = 5e-3
"""What one op may lose of its result: ten times what rounding an operand costs, half of what outputs may be off."""

_LAYERS = (nn.Convolution, nn.Linear, math.MatMul, nn.Recurrent)
"""Ops of which only the range is looked at: they sum up many products, whose roundings cancel out."""

_SQUARING = (nn.LayerNorm, nn.RmsNorm, nn.InstanceNorm, nn.GroupNorm, nn.LocalResponseNorm)

_END = f", and f16 ends at {LARGEST:.0f}"

Evaluate = Callable[[Op, Mapping[Value, Array]], Sequence[Array]]
"""Computes an op from the arrays of its operands."""


@dataclass(frozen=True)
class Loss:
    """Why an op is not for f16, as a phrase; and whether it is so because its operands are rounded, and nothing is won
    unless what computes them is single too."""

    reason: str
    is_of_operands: bool = False


def lost_in_half(op: Op, arrays: Mapping[Value, Array], evaluate: Evaluate) -> Loss | None:
    """What f16 would lose of the op on these arrays, of its operands and results; None if little.

    Constants among the operands are in ``arrays``, too. Ops that quantize, call functions or have no floats are none.
    """
    if beyond := _beyond_range(op, arrays):
        return Loss(beyond)
    if isinstance(op, (*_LAYERS, *MOVING)):
        return None
    if isinstance(op, math.CumSum):
        error = _error(_summed_in_half(op, arrays), arrays[op.result])
        return Loss(_described(error)) if error > LOST else None
    try:
        tried = evaluate(op, {v: arrays[v] if is_position(op, v) else _rounded(v, arrays[v]) for v in op.operands})
    except ExecutionError:
        # What is rounded may be a size, or a position.
        return Loss("it cannot be computed on rounded numbers", is_of_operands=True)
    for value, actual in zip(op.results, tried, strict=True):
        expected = arrays[value]
        if not _is_float(expected):
            if isinstance(op, tensor.Cast) and op.dtype.is_integer and np.any(actual != expected):
                return Loss("a number that is rounded before becomes another integer", is_of_operands=True)
            continue
        wanted = _rounded_mask(value, expected)
        error = _error(_rounded(value, actual), wanted)
        if error > LOST:
            return Loss(_described(error), is_of_operands=_error(_rounded_mask(value, actual), wanted) > LOST)
    return None


def _beyond_range(op: Op, arrays: Mapping[Value, Array]) -> str:
    """A phrase that says which numbers overflow f16; empty if none do."""
    for value in dict.fromkeys((*op.results, *(v for v in op.operands if not is_position(op, v)))):
        if _is_float(arrays[value]) and (reach := _reach(value, arrays[value])) * HEADROOM > LARGEST:
            return f"{'its result' if value in op.results else 'what it takes'} reaches {reach:.3g}{_END}"
    if isinstance(op, _SQUARING) and (squares := _sum_of_squares(op, arrays)) * HEADROOM > LARGEST:
        return f"what it squares, or sums of that, reaches {squares:.3g}{_END}"
    if isinstance(op, nn.Attention) and (scores := _largest_score(op, arrays)) * HEADROOM > LARGEST:
        return f"a score reaches {scores:.3g}{_END}"
    return ""


def _described(error: float) -> str:
    return f"f16 loses {error:.1%} of its result" if error < 1 else "f16 loses its result"


def _is_float(array: Array) -> bool:
    return array.dtype.kind == "f"


def _reach(value: Value, array: Array) -> float:
    """The largest finite magnitude; of what only makes scores vanish the largest positive number."""
    finite = array[np.isfinite(array)]
    if not finite.size:
        return 0.0
    top, bottom = float(finite.max()), float(finite.min())
    return top if -bottom * HEADROOM > LARGEST and is_mask(value) else max(top, -bottom)


def _rounded_mask(value: Value, array: Array) -> Array:
    """The numbers as f16 can mean them: what makes scores vanish does so at -30000 already."""
    is_far = _is_float(array) and array.size and float(np.min(array)) < -MASK
    return np.maximum(array, np.asarray(-MASK, array.dtype)) if is_far and is_mask(value) else array


def _rounded(value: Value, array: Array) -> Array:
    if not _is_float(array):
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        return _rounded_mask(value, array).astype(np.float16).astype(array.dtype)


def _error(actual: Array, expected: Array) -> float:
    """The largest error as a part of the largest magnitude; 1 when numbers became none."""
    finite = np.isfinite(expected)
    if not finite.any():
        return 0.0
    if not np.isfinite(actual[finite]).all():
        return 1.0
    largest = float(np.abs(expected[finite]).max())
    return float(np.abs(actual[finite] - expected[finite]).max()) / largest if largest else 0.0


def _sum_of_squares(op: Op, arrays: Mapping[Value, Array]) -> float:
    """The largest sum of squares that a norm computes, centred where it centres."""
    x = arrays[op.operands[0]].astype(np.float64)
    match op:
        case nn.LayerNorm(axis=axis) | nn.RmsNorm(axis=axis):
            x = x.reshape(*x.shape[:axis], -1)
        case nn.LocalResponseNorm(size=size):
            return float(np.square(x).max(initial=0.0)) * size
    if not isinstance(op, nn.RmsNorm) and x.size:
        axes = -1 if isinstance(op, nn.LayerNorm) else tuple(range(1, x.ndim))
        # Of groups and channels the mean of all is near enough: a square is what overflows first.
        return float(np.square(x - x.mean(axes, keepdims=True)).max())
    return float(np.square(x).sum(-1).max(initial=0.0))


def _summed_in_half(op: math.CumSum, arrays: Mapping[Value, Array]) -> Array:
    x = arrays[op.x]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.cumsum(x.astype(np.float16), axis=op.axis, dtype=np.float16).astype(x.dtype)


def _largest_score(op: nn.Attention, arrays: Mapping[Value, Array]) -> float:
    """The largest product of a query and a key, before it is scaled."""
    q, k = arrays[op.q], arrays[op.k]
    if q.ndim == 3:
        size = q.shape[2] // op.heads
        q, k = (x.reshape(*x.shape[:2], -1, size).swapaxes(1, 2) for x in (q, k))
    k = np.repeat(k, q.shape[1] // k.shape[1], axis=1)
    return float(np.abs(np.matmul(q, k.swapaxes(2, 3))).max(initial=0.0))
