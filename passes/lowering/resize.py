"""Resampling as gathers and matrix products, an axis at a time, for sizes that are known."""

from collections.abc import Sequence

import numpy as np

from ...dims import is_positive, known_equal, product
from ...ir import Array, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import CoordinateTransform, ResizeMode
from ...rewriter import RuleSet
from ...types import DType, TensorType
from ..patterns import constant
from .building import folded_reshape, scalar, slice_axes

RULES = RuleSet()


@RULES.on(nn.Resize)
def resize_in_single_precision(op: nn.Resize) -> Value | None:
    """resize(x) -> cast(resize(cast(x, f32))), for interpolation of other dtypes"""
    if op.mode is ResizeMode.NEAREST or op.x.type.dtype is DType.F32:
        return None
    single = replace(op, x=tensor.Cast(op.x, DType.F32).result)
    return tensor.Cast(single.result, op.x.type.dtype).result


@RULES.on(nn.Resize)
def resize_to_gathers(op: nn.Resize) -> Value | None:
    """resize(x, nearest) -> gather(x, constant indices) along each axis in turn"""
    if op.mode is not ResizeMode.NEAREST or is_crop(op) or not _axes_are_known(op):
        return None
    x = op.x
    for axis in resized_axes(op):
        x = tensor.Gather(x, constant_positions(op, axis), axis).result
    return x


def constant_positions(op: nn.Resize, axis: int) -> Value:
    """The positions along an axis of known sizes that nearest neighbours take."""
    size, result = _sizes(op, axis)
    line = _along_one_axis(op, axis, DType.I64, (size,), (result,))
    return constant(line.evaluate(np.arange(size), None))


@RULES.on(nn.Resize)
def shrinking_resize_to_slices(op: nn.Resize) -> Value | None:
    """resize(x, scale 1/k) -> x[c::k], or (x[c::k] + x[c + 1::k]) / 2, along each axis in turn, for sizes not known"""
    if op.mode is ResizeMode.CUBIC or op.antialias or is_crop(op) or _axes_are_known(op):
        return None
    axes = resized_axes(op)
    steps = [_shrinking_step(op, axis) for axis in axes]
    x = op.x
    for axis, step in zip(axes, steps, strict=True):
        if step is None:
            return None
        factor, position = step
        size = op.shape[axis]
        if position.is_integer():
            x = slice_axes(x, [axis], [int(position)], [size], [factor])
            continue
        left, right = (slice_axes(x, [axis], [int(position) + i], [size], [factor]) for i in range(2))
        total = math.Add(left, right).result
        x = math.Mul(total, scalar(0.5, total)).result
    return x


def _shrinking_step(op: nn.Resize, axis: int) -> tuple[int, float] | None:
    """(k, c) when element i of the result is that at k * i + c, c a multiple of 1/2 within the first k; else None."""
    factor = round(1 / op.scales[axis]) if op.scales else 0
    if factor < 2 or abs(op.scales[axis] * factor - 1) > 1e-6:
        return None
    if not known_equal(op.shape[axis], op.x.type.shape[axis] // factor):
        return None
    # PyTorch's transform takes the first element when the result has only one, and the result may.
    if op.transform is CoordinateTransform.PYTORCH_HALF_PIXEL and not is_positive(op.shape[axis] - 1):
        return None
    # The axis as a ramp: interpolated, its elements are the coordinates themselves.
    count = 64
    ramp = _along_one_axis(op, axis, DType.F32, (count * factor,), (count,))
    at = ramp.evaluate(np.arange(count * factor, dtype=np.float32), None) - factor * np.arange(count)
    position = round(2 * float(at[0])) / 2
    return (factor, position) if np.allclose(at, position, rtol=0, atol=1e-3) else None


@RULES.on(nn.Resize)
def resize_to_matrix_products(op: nn.Resize) -> Value | None:
    """resize(x) -> (constant matrix) * x along each axis in turn, + extrapolation outside a cropped region"""
    if op.x.type.dtype is not DType.F32 or not _axes_are_known(op):
        return None
    x = op.x
    axes = resized_axes(op)
    for axis in axes:
        x = resample_known(op, x, axis)
    if not is_crop(op) or op.extrapolation == 0:
        return x
    return math.Add(x, constant(_outside(op, axes) * np.float32(op.extrapolation))).result


def resample_known(op: nn.Resize, x: Value, axis: int) -> Value:
    """``x`` interpolated along an axis of known sizes, as a matrix product."""
    size, result = _sizes(op, axis)
    plane = _along_one_axis(op, axis, DType.F32, (size, size), (result, size))
    return _multiply_along(x, axis, plane.evaluate(np.eye(size, dtype=np.float32), None))


def resize_of_nothing(op: nn.Resize) -> Value | None:
    """resize(x) -> x, when no axis changes"""
    return None if resized_axes(op) else op.x


def resized_along(op: nn.Resize, x: Value, axes: Sequence[int]) -> Value:
    """``x`` resized as by ``op``, but along ``axes`` only."""
    shape = tuple(op.shape[a] if a in axes else d for a, d in enumerate(x.type.shape))
    scales = tuple(s if a in axes else 1.0 for a, s in enumerate(op.scales))
    return replace(op, x=x, shape=shape, scales=scales).result


def resized_axes(op: nn.Resize) -> tuple[int, ...]:
    """The axes that do not provably stay as they are."""
    return tuple(a for a in range(len(op.shape)) if not is_identity(op, a))


def is_identity(op: nn.Resize, axis: int) -> bool:
    """Whether the axis stays as it is."""
    if not known_equal(op.x.type.shape[axis], op.shape[axis]):
        return False
    if is_crop(op):
        return op.roi[axis] == 0 and op.roi[axis + len(op.shape)] == 1
    return not op.scales or op.scales[axis] == 1


def is_crop(op: nn.Resize) -> bool:
    return op.transform is CoordinateTransform.TF_CROP_AND_RESIZE


def _axes_are_known(op: nn.Resize) -> bool:
    return all(knows_axis(op, axis) for axis in resized_axes(op))


def knows_axis(op: nn.Resize, axis: int) -> bool:
    """Whether the sizes along the axis are known."""
    return isinstance(op.x.type.shape[axis], int) and isinstance(op.shape[axis], int)


def _sizes(op: nn.Resize, axis: int) -> tuple[int, int]:
    size, result = op.x.type.shape[axis], op.shape[axis]
    assert isinstance(size, int) and isinstance(result, int)
    return size, result


def _along_one_axis(
    op: nn.Resize, axis: int, dtype: DType, shape: tuple[int, ...], result: tuple[int, ...]
) -> nn.Resize:
    """The op as it acts on ``axis``, on the first axis of data of ``shape``; it leaves the others alone."""
    others = len(shape) - 1
    roi: tuple[float, ...] = ()
    if is_crop(op):
        roi = (op.roi[axis], *(0.0,) * others, op.roi[axis + len(op.shape)], *(1.0,) * others)
    return replace(
        op,
        x=Value(TensorType(dtype, shape)),
        shape=result,
        scales=(op.scales[axis], *(1.0,) * others) if op.scales else (),
        extrapolation=0.0,
        roi=roi,
        dims=None,
    )


def _multiply_along(x: Value, axis: int, matrix: Array) -> Value:
    """``matrix`` [result, size] times every line of ``x`` along ``axis``."""
    shape = x.type.shape
    if axis == len(shape) - 1:
        return nn.Linear(x, constant(matrix), None).result
    before, after = shape[:axis], shape[axis + 1 :]
    stacked = folded_reshape(x, (product(before), shape[axis], product(after)))
    multiplied = math.MatMul(constant(matrix[None]), stacked).result
    return folded_reshape(multiplied, (*before, matrix.shape[0], *after))


def _outside(op: nn.Resize, axes: tuple[int, ...]) -> Array:
    """1 where the result lies outside the input along any of ``axes``, else 0; other axes have size 1."""
    rank = len(op.shape)
    shape = [_sizes(op, a)[0] if a in axes else 1 for a in range(rank)]
    mask = replace(
        op,
        x=Value(TensorType(DType.F32, tuple(shape))),
        shape=tuple(_sizes(op, a)[1] if a in axes else 1 for a in range(rank)),
        extrapolation=1.0,
        dims=None,
    )
    return mask.evaluate(np.zeros(shape, np.float32), None)
