"""Constants in a dtype that holds fewer numbers: which fit, and which may be clamped because they only limit others."""

import numpy as np

from ...ir import Array, Op, Value
from ...ops import math, tensor
from ...types import DType
from .uses import MOVING, ends_only_in

_HANDING_ON = (*MOVING, math.ReduceMax, math.ReduceMin)

_ORDERING = (
    math.Minimum, math.Maximum, math.Less, math.LessEqual, math.Greater, math.GreaterEqual, math.ArgReduction,
)  # fmt: skip
"""Ops for which a number beyond all that occur is as good as the last of them."""


def unfit_elements(array: Array, dtype: DType) -> str:
    """A phrase that names an element which an integer dtype cannot hold; empty when all fit, and for floats."""
    if dtype.is_float or not array.size:
        return ""
    for element in (int(array.min()), int(array.max())):
        if not dtype.lowest <= element <= dtype.highest:
            return f"its constant {element} does not fit {dtype.value}"
    return ""


def clamped(array: Array, dtype: DType) -> Array:
    """Integers as ``dtype``, those that do not fit as the nearest that does."""
    # As Python's integers: numpy compares u64 with negative bounds in floating point.
    limits = max(dtype.lowest, np.iinfo(array.dtype).min), min(dtype.highest, np.iinfo(array.dtype).max)
    return np.clip(array, *limits).astype(dtype.numpy)


def converted(array: Array, dtype: DType) -> Array:
    """Numbers as ``dtype``. Finite floats stay finite, and those that are not zero stay so: masks and epsilons."""
    if not dtype.is_float:
        return array.astype(dtype.numpy)
    with np.errstate(over="ignore", under="ignore"):
        narrow = array.astype(dtype.numpy)
    wide = array.astype(np.float64)
    for changed, magnitude in (
        (np.isinf(narrow) & np.isfinite(wide), dtype.largest),
        ((narrow == 0) & (wide != 0), dtype.smallest),
    ):
        if changed.any():
            narrow = np.where(changed, np.copysign(magnitude, wide), narrow).astype(dtype.numpy)
    return narrow


def only_limits(value: Value) -> bool:
    """Whether what is computed depends on no more of a tensor than how its numbers compare with others."""
    return ends_only_in(value, _is_bound, _HANDING_ON)


def _is_bound(op: Op, value: Value) -> bool:
    """Whether ``op`` only compares ``value`` with numbers that fit."""
    match op:
        case tensor.DynamicSlice(x=x):
            return value is not x
        case tensor.Range(start=start, delta=delta):
            return value is not start and value is not delta
    return isinstance(op, _ORDERING)
