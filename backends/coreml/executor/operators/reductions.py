"""Reductions, scans and sorting. Source: `reduction`, and `cumsum`, `argsort`, `topk` of `tensor_operation`."""

from collections.abc import Sequence

import numpy as np

from .....types import Array
from ..kinds import ProgramError

Axes = Sequence[int] | None


def _tuple(axes: Axes) -> tuple[int, ...] | None:
    return None if axes is None else tuple(axes)


def reduce_sum(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    return np.sum(x, axis=_tuple(axes), keepdims=keep_dims, dtype=x.dtype)


def reduce_mean(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    if x.dtype.kind != "f":
        raise ProgramError("the mean of integers is documented nowhere")
    return np.mean(x, axis=_tuple(axes), keepdims=keep_dims, dtype=x.dtype)


def reduce_prod(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    return np.asarray(np.prod(x, axis=_tuple(axes), keepdims=keep_dims, dtype=x.dtype))


def reduce_max(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    return np.asarray(np.max(x, axis=_tuple(axes), keepdims=keep_dims))


def reduce_min(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    return np.asarray(np.min(x, axis=_tuple(axes), keepdims=keep_dims))


def reduce_l1_norm(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    return reduce_sum(np.abs(x), keep_dims, axes)


def reduce_l2_norm(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    return np.sqrt(reduce_sum_square(x, keep_dims, axes))


def reduce_sum_square(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    return reduce_sum(np.square(x), keep_dims, axes)


def reduce_log_sum(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    return np.log(reduce_sum(x, keep_dims, axes))


def reduce_log_sum_exp(x: Array, keep_dims: bool, axes: Axes = None) -> Array:
    peak = np.max(x, axis=_tuple(axes), keepdims=True)
    peak = np.where(np.isfinite(peak), peak, x.dtype.type(0))
    total = np.log(np.sum(np.exp(x - peak), axis=_tuple(axes), keepdims=True)) + peak
    return np.asarray(total if keep_dims else np.squeeze(total, axis=_tuple(axes)))


def reduce_argmax(x: Array, axis: int, keep_dims: bool, output_dtype: str = "int32") -> Array:
    return np.asarray(np.argmax(x, axis=axis, keepdims=keep_dims))


def reduce_argmin(x: Array, axis: int, keep_dims: bool, output_dtype: str = "int32") -> Array:
    return np.asarray(np.argmin(x, axis=axis, keepdims=keep_dims))


def cumsum(x: Array, axis: int, exclusive: bool, reverse: bool) -> Array:
    data = np.flip(x, axis) if reverse else x
    total = np.cumsum(data, axis=axis, dtype=x.dtype)
    if exclusive:
        total = np.roll(total, 1, axis)
        total[(slice(None),) * (axis % x.ndim) + (slice(0, 1),)] = 0
    return np.flip(total, axis) if reverse else total


def argsort(x: Array, axis: int, ascending: bool) -> Array:
    """Indices that sort x. Of equal elements the first one comes first, which Core ML does not promise."""
    # All 32-bit integers are exact in float64, so that negating them cannot overflow.
    keys = x.astype(np.float64)
    return np.argsort(keys if ascending else -keys, axis=axis, kind="stable")


def topk(
    x: Array,
    k: int,
    axis: int,
    ascending: bool,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> tuple[Array, ...]:
    count = x.shape[axis] if k == -1 else k
    if not 1 <= count <= x.shape[axis]:
        raise ProgramError(f"k is {k}, the axis has {x.shape[axis]} elements")
    indices = np.take(argsort(x, axis, ascending), np.arange(count), axis=axis)
    values = np.take_along_axis(x, indices, axis)
    return (values, indices) if return_indices else (values,)
