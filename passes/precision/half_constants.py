"""Constants in half precision: what overflows, what vanishes, and what may be clamped."""

import numpy as np

from ...ir import Array, Op, Value
from ...ops import math, nn, quant, tensor
from ...types import DType
from ...weights import release
from ..patterns import elements_of
from .narrow_constants import only_limits
from .uses import MOVING, ends_only_in

LARGEST = DType.F16.largest
MASK = 30000.0
"""What a mask of -1e9 becomes: exp of it is 0, and two of them with a score do not yet add up to infinity."""

_RELATIVE_ERROR = 0.02
"""What a constant may lose of its largest element. The steps of f16 are coarser than this below 1e-6."""

_COARSE = 1e-5
"""Below, f16's steps are no longer small beside the number."""

_SCALE_ERROR = 0.01
_LOST_SCALE = 1e-3
"""What a scale may lose of itself, or else of the largest one."""

_ADDING_UP = (*MOVING, math.Maximum, math.Minimum, math.Add, math.Sub, math.Mul, math.Div, math.ReduceMax, tensor.Cast)


def unfit_for_half(value: Value, array: Array) -> str:
    """A phrase that says why a constant cannot be f16; empty when it can, as ``halved`` makes it."""
    unfit = _unfit_elements(value, array)
    release(array)
    return unfit


def _unfit_elements(value: Value, array: Array) -> str:
    finite = _finite(array)
    largest = max(float(finite.max()), -float(finite.min())) if finite.size else 0.0
    if largest > LARGEST and not is_mask(value) and not only_limits(value):
        return f"its constant {largest:.4g} overflows f16"
    if not 0 < largest < _COARSE:
        return ""
    # Of small elements beside large ones nothing is missed.
    error = np.abs(finite - finite.astype(np.float16).astype(array.dtype)).max()
    return f"its constant {largest:.4g} is too small for f16" if error > _RELATIVE_ERROR * largest else ""


def unfit_scale(scale: Array) -> str:
    """A phrase that says why the scales of quantized numbers cannot be f16; empty when they can.

    A scale that loses some of its bits shifts all numbers of its channel. Channels too small to matter beside others
    may vanish.
    """
    wide = np.abs(scale.astype(np.float64))
    largest = float(wide.max()) if wide.size else 0.0
    with np.errstate(over="ignore"):
        error = np.abs(wide - wide.astype(np.float16))
    if np.any((error > _SCALE_ERROR * wide) & (error > _LOST_SCALE * largest)):
        return f"its scale {float(wide[wide > 0].min()):.4g} is too small for f16"
    return ""


def unfit_when_compressed(op: Op) -> str:
    """A phrase that says why a compressed weight cannot be stored with f16 scales; empty when it can, and when it has
    none."""
    if not isinstance(op, quant.Dequantize):
        return ""
    return unfit_scale(elements_of(op.scale))


def magnitudes(op: Op) -> Array:
    """Numbers at least as large as those that a compressed weight holds, without decompressing it."""
    match op:
        case quant.Dequantize(scale=scale, x=x):
            # Zero points lie between the lowest and the highest number that is stored.
            return np.abs(elements_of(scale)) * float(x.type.dtype.highest - x.type.dtype.lowest)
        case quant.Depalettize(table=table):
            return elements_of(table)
        case quant.Densify(values=values):
            return elements_of(values)
    return elements_of(op.results[0])


def _finite(array: Array) -> Array:
    return array if np.isfinite(array.sum(dtype=np.float64)) else array[np.isfinite(array)]


def halved(value: Value, array: Array) -> Array:
    """A constant that is fit for it as f16."""
    limit = MASK if is_mask(value) else LARGEST
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    overflows = np.isinf(half) & np.isfinite(array)
    return np.where(overflows, np.clip(array, -limit, limit), half).astype(np.float16) if overflows.any() else half


def is_mask(value: Value) -> bool:
    """Whether a constant is only added to scores that go through softmax, where it makes them vanish."""
    return ends_only_in(value, _forgets_size, _ADDING_UP)


def _forgets_size(op: Op, value: Value) -> bool:
    """Whether numbers far below all others come out as 0, however far."""
    if isinstance(op, nn.Attention):
        return all(v is not value for v in (op.q, op.k, op.v))
    return isinstance(op, nn.Softmax | math.Exp | nn.Sigmoid)
