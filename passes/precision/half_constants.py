"""Constants in half precision: what overflows, what vanishes, and what may be clamped."""

import numpy as np

from ...ir import Array, Op, Value
from ...ops import math, nn, tensor
from ...types import DType
from .narrow_constants import only_limits
from .uses import MOVING, ends_only_in

LARGEST = DType.F16.largest
MASK = 30000.0
"""What a mask of -1e9 becomes: exp of it is 0, and two of them with a score do not yet add up to infinity."""

_RELATIVE_ERROR = 0.02
"""What a constant may lose of its largest element. The steps of f16 are coarser than this below 1e-6."""

_COARSE = 1e-5
"""Below, f16's steps are no longer small beside the number."""

_ADDING_UP = (*MOVING, math.Maximum, math.Minimum, math.Add, math.Sub, math.Mul, math.Div, math.ReduceMax, tensor.Cast)


def unfit_for_half(value: Value, array: Array) -> str:
    """A phrase that says why a constant cannot be f16; empty when it can, as ``halved`` makes it."""
    finite = _finite(array)
    largest = max(float(finite.max()), -float(finite.min())) if finite.size else 0.0
    if largest > LARGEST and not is_mask(value) and not only_limits(value):
        return f"its constant {largest:.4g} overflows f16"
    if not 0 < largest < _COARSE:
        return ""
    # Of small elements beside large ones nothing is missed.
    error = np.abs(finite - finite.astype(np.float16).astype(array.dtype)).max()
    return f"its constant {largest:.4g} is too small for f16" if error > _RELATIVE_ERROR * largest else ""


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
    return isinstance(op, nn.Softmax | math.Exp | nn.Sigmoid)
