"""Convolutions and pools in terms of simpler ones: two spatial axes, no padding, no dilation, one group."""

from collections.abc import Sequence
from math import prod
from typing import TypeVar

import numpy as np

from ...dims import Dim, dim_max, dim_min, known_equal, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...ops.enums import Activation, Layout
from ...ops.nn.windows import Windows, spatial_sizes, with_spatial
from ...rewriter import RuleSet
from ...types import Array, DType, Shape
from ..compressed_weights import known_split
from ..patterns import constant, constant_array
from .building import (
    concat,
    drop_axis,
    expanded,
    folded,
    folded_reshape,
    insert_axis,
    pad_axes,
    pad_or_crop,
    scalar,
    slice_axes,
    split_evenly,
)

ConvolutionT = TypeVar("ConvolutionT", bound=nn.Convolution)
PoolT = TypeVar("PoolT", bound=nn.Pool)

RULES = RuleSet()


def _spatial_axes(op: nn.Convolution | nn.Pool) -> tuple[int, ...]:
    return op.layout.spatial_axes(op.x.type.rank)


def _with_height(op: nn.Convolution | nn.Pool) -> dict[str, object]:
    """What makes a one-dimensional op one over images of height 1."""
    low, high = op.padding
    x = insert_axis(op.x, _spatial_axes(op)[0])
    return {"x": x, "strides": (1, *op.strides), "padding": (0, low, 0, high), "dilations": (1, *op.dilations)}


def _without_height(wide: Op, op: nn.Convolution | nn.Pool) -> Value:
    return drop_axis(wide.result, _spatial_axes(op)[0])


@RULES.on(nn.Conv)
def conv_1d_in_2d(op: nn.Conv) -> Value | None:
    """conv_1d(x, w) -> squeeze(conv_2d(unsqueeze(x), unsqueeze(w)))"""
    if op.spatial_rank != 1:
        return None
    return _without_height(replace(op, **_with_height(op), weight=insert_axis(op.weight, 2)), op)


@RULES.on(nn.ConvTranspose)
def conv_transpose_1d_in_2d(op: nn.ConvTranspose) -> Value | None:
    """conv_transpose_1d(x, w) -> squeeze(conv_transpose_2d(unsqueeze(x), unsqueeze(w)))"""
    if op.spatial_rank != 1:
        return None
    weight, output_padding = insert_axis(op.weight, 2), (0, *op.output_padding)
    return _without_height(replace(op, **_with_height(op), weight=weight, output_padding=output_padding), op)


@RULES.on(nn.Pool)
def pool_1d_in_2d(op: nn.Pool) -> Value | None:
    """pool_1d(x) -> squeeze(pool_2d(unsqueeze(x)))"""
    if op.spatial_rank != 1:
        return None
    return _without_height(replace(op, **_with_height(op), kernel=(1, *op.kernel)), op)


def floor_padding(windows: Windows, sizes: tuple[Dim, ...]) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
    """The least low and high padding that gives the same windows without ``ceil_mode``.

    A last window may start anywhere before the high padding: with stride s, extent e and high padding h the windows of
    ``ceil_mode`` are those of floor with a high padding of min(h + s, e) - 1.
    """
    highs: list[Dim] = []
    for axis, (size, high) in enumerate(zip(sizes, windows.high, strict=True)):
        extent, stride = windows.extents[axis], windows.strides[axis]
        covered = (windows.count(axis, size) - 1) * stride + extent - windows.low[axis]
        if isinstance(size, int) and isinstance(covered, int):
            highs.append(max(covered - size, 0))
        else:
            highs.append(dim_min(high + stride, extent) - 1 if windows.ceil_mode else high)
    return windows.low, tuple(highs)


@RULES.on(nn.Conv)
def conv_padding_to_pad(op: nn.Conv) -> Op | None:
    """conv(x, padding) -> conv(pad(x)), where the target cannot pad so"""
    if not any(p != 0 for p in op.padding):
        return None
    low, high = floor_padding(op.windows, spatial_sizes(op.x.type.shape, op.layout))
    return replace(op, x=pad_axes(op.x, _spatial_axes(op), low, high), padding=(0,) * len(op.padding))


@RULES.on(nn.Conv)
def grouped_conv_to_convs(op: nn.Conv) -> Value | None:
    """conv(x, w, groups=g) -> concat(conv(x_1, w_1), ..., conv(x_g, w_g))"""
    if op.groups == 1:
        return None
    return _convolve_groups(op)


def _convolve_groups(op: ConvolutionT) -> Value:
    """Every group by itself, the results joined. The weight's first axis is cut, in either direction of convolution."""
    channel = op.layout.channel_axis(op.x.type.rank)
    xs = split_evenly(op.x, channel, op.groups)
    weights = _parts(op.weight, op.groups)
    biases = [None] * op.groups if op.bias is None else _parts(op.bias, op.groups)
    parts = [replace(op, x=x, weight=w, bias=b, groups=1).result for x, w, b in zip(xs, weights, biases, strict=True)]
    return concat(parts, channel)


def _parts(x: Value, count: int) -> Sequence[Value]:
    """Equal parts of weights along the first axis, which stay weights."""
    return known_split(x, 0, count) or split_evenly(x, 0, count)


@RULES.on(nn.ConvTranspose)
def dilated_conv_transpose(op: nn.ConvTranspose) -> Op | None:
    """conv_transpose(x, w, dilation=d) -> conv_transpose(x, w with d - 1 zeros between its elements), w constant"""
    weight = constant_array(op.weight)
    if weight is None or all(d == 1 for d in op.dilations):
        return None
    sizes = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], op.dilations, strict=True)]
    spread = np.zeros((*weight.shape[:2], *sizes), weight.dtype)
    spread[(slice(None), slice(None), *(slice(None, None, d) for d in op.dilations))] = weight
    return replace(op, weight=constant(spread), dilations=(1,) * len(sizes))


@RULES.on(nn.ConvTranspose)
def grouped_conv_transpose(op: nn.ConvTranspose) -> Value | None:
    """conv_transpose(x, w, groups=g) -> concat(conv_transpose(x_1, w_1), ...), unless a group has one channel only"""
    if op.groups == 1 or op.spatial_rank != 2 or known_equal(op.channels, op.groups):
        return None
    return _convolve_groups(op)


@RULES.on(nn.ConvTranspose)
def cropped_conv_transpose(op: nn.ConvTranspose) -> Value | None:
    """conv_transpose(x, padding) -> slice(conv_transpose(x)), where the target cannot cut so"""
    rank = op.spatial_rank
    low, high = op.padding[:rank], op.padding[rank:]
    if op.groups > 1 or not all(isinstance(d, int) for d in op.padding) or all(d == 0 for d in op.padding):
        return None
    extra = tuple(max(e - h, 0) for e, h in zip(op.output_padding, high, strict=True) if isinstance(h, int))
    if any(e >= s for e, s in zip(extra, op.strides, strict=True)):
        return None
    full = replace(op, padding=(0,) * (2 * rank), output_padding=extra)
    return slice_axes(full.result, _spatial_axes(op), low, spatial_sizes(op.result.type.shape, op.layout))


@RULES.on(nn.ConvTranspose)
def conv_transpose_to_conv(op: nn.ConvTranspose) -> Op | None:
    """conv_transpose(x, w, stride=s) -> conv(x with s - 1 zeros behind every element, w mirrored)"""
    if op.layout is not Layout.NHWC or not op.weight.type.is_static or 0 in op.result.type.shape:
        return None
    rank = op.spatial_rank
    stuffed = _stuff_zeros(op.x, op.strides)
    reach = [(k - 1) * d for k, d in zip(op.weight.type.static_shape[2:], op.dilations, strict=True)]
    low = [r - p for r, p in zip(reach, op.padding[:rank], strict=True)]
    high = [
        r + extra - p - (s - 1)
        for r, extra, p, s in zip(reach, op.output_padding, op.padding[rank:], op.strides, strict=True)
    ]
    x, padding = pad_or_crop(stuffed, _spatial_axes(op), low, high)
    weight = _mirrored(op.weight, op.groups)
    return nn.Conv(x, weight, op.bias, (1,) * rank, padding, op.dilations, op.groups, op.activation, op.layout)


def _stuff_zeros(x: Value, strides: tuple[int, ...]) -> Value:
    """``x`` [N, *S, C] as [N, *(S * stride), C], with zeros behind every element: padding of single rows, reshaped."""
    sizes = list(x.type.shape)
    row = sizes[-1]
    for axis in range(len(strides), 0, -1):
        stride = strides[axis - 1]
        if stride > 1:
            rows = product(sizes[: axis + 1])
            x = pad_axes(folded_reshape(x, (rows, 1, row)), [1], [0], [stride - 1])
            sizes[axis] = sizes[axis] * stride
        row = row * sizes[axis]
    return folded_reshape(x, tuple(sizes))


def _mirrored(weight: Value, groups: int) -> Value:
    """A weight [C, O / groups, *K] as [O, C / groups, *K], reversed along the kernel's axes."""
    channels, outputs, *kernel = weight.type.static_shape
    axes = tuple(range(2, len(kernel) + 2))
    grouped = folded_reshape(weight, (groups, channels // groups, outputs, *kernel))
    swapped = folded(tensor.Transpose(grouped, (0, 2, 1, *(a + 1 for a in axes))))
    flat = folded_reshape(swapped, (groups * outputs, channels // groups, *kernel))
    return folded(tensor.Reverse(flat, axes))


def _unpadded(op: PoolT, x: Value) -> PoolT:
    """The pool over ``x``, which is padded already."""
    return replace(op, x=x, padding=(0,) * len(op.padding), ceil_mode=False)


@RULES.on(nn.MaxPool)
def max_pool_padding_to_pad(op: nn.MaxPool) -> Op | None:
    """max_pool(x, padding, ceil_mode) -> max_pool(pad(x, lowest value)), or of zeros where x is never negative"""
    low, high = floor_padding(op.windows, spatial_sizes(op.x.type.shape, op.layout))
    if not op.ceil_mode and all(d == 0 for d in op.padding):
        return None
    # Targets pad with zeros faster than with anything else, and pools often follow a ReLU.
    filler = None if _is_never_negative(op.x) else constant(_lowest(op.x.type.dtype))
    return _unpadded(op, pad_axes(op.x, _spatial_axes(op), low, high, filler))


def _lowest(dtype: DType) -> Array:
    return np.array(-dtype.largest if dtype.is_float else dtype.lowest, dtype.numpy)


def _is_never_negative(x: Value) -> bool:
    """Whether that is plain from the op that computes ``x``."""
    match x.owner:
        case nn.Relu() | nn.Relu6() | nn.Sigmoid() | nn.HardSigmoid() | math.Abs() | math.Square():
            return True
        case nn.Conv() | nn.ConvTranspose() | nn.Linear() | math.ActivatedArithmetic() as op:
            return op.activation is not Activation.NONE
        case quant.Dequantize(zero_point=zero_point) as op:
            zeros = np.zeros(()) if zero_point is None else constant_array(zero_point)
            return zeros is not None and bool(np.all(zeros <= op.stored.lowest))
        case nn.Pool(x=source) | tensor.Transpose(x=source) | tensor.Reshape(x=source):
            return _is_never_negative(source)
        case tensor.Concat(xs=sources):
            return all(map(_is_never_negative, sources))
    return False


@RULES.on(nn.AveragePool)
def average_pool_padding_to_pad(op: nn.AveragePool) -> Op | Value | None:
    """average_pool(x, padding) -> average_pool(pad(x)) / average_pool(pad(1)), the divisor constant for known sizes"""
    axes = _spatial_axes(op)
    sizes = spatial_sizes(op.x.type.shape, op.layout)
    low, high = floor_padding(op.windows, sizes)
    if not op.ceil_mode and all(d == 0 for d in op.padding):
        return None
    pooled = _unpadded(op, pad_axes(op.x, axes, low, high))
    counted = sizes
    if op.count_include_pad:
        counted = tuple(lo + d + hi for lo, d, hi in zip(op.windows.low, sizes, op.windows.high, strict=True))
        low = (0,) * len(low)
        high = tuple(dim_max(mine - given, 0) for mine, given in zip(high, op.windows.high, strict=True))
        if all(h == 0 for h in high):
            return pooled
    coverage = _coverage(op, counted, low, high)
    divisor = constant_array(coverage)
    if divisor is None:
        return math.Div(pooled.result, coverage)
    return pooled if np.all(divisor == 1) else math.Mul(pooled.result, constant(np.reciprocal(divisor)))


def _coverage(op: nn.AveragePool, sizes: Shape, low: Sequence[Dim], high: Sequence[Dim]) -> Value:
    """What part of every window lies in data of ``sizes``, not in padding: [1, *counts] and a channel axis of 1."""
    shape = with_spatial(1, 1, sizes, op.layout)
    ones = expanded(constant(np.ones((), op.x.type.dtype.numpy)), shape)
    covered = folded(_unpadded(op, pad_axes(ones, op.layout.spatial_axes(len(shape)), low, high)))
    if all(d == 1 for d in op.dilations):
        return covered
    # The gaps of a dilated window may be all that lies in the data: its mean is 0, not 0 / 0.
    return folded(math.Maximum(covered, scalar(0.5 / prod(op.kernel), covered)))


@RULES.on(nn.Pool)
def pool_3d_in_2d(op: nn.Pool) -> Value | None:
    """pool_3d(x) -> pool_2d over depth (pool_2d over height and width (x)), without padding"""
    if not _is_plain(op) or op.spatial_rank != 3 or op.layout is not Layout.NHWC:
        return None
    n, d, h, w, c = op.x.type.shape
    _, depth, height, width, _ = op.result.type.shape
    planes = folded_reshape(op.x, (n * d, h, w, c))
    inner = _part(op, planes, slice(1, 3), op.kernel[1:])
    columns = folded_reshape(inner.result, (n, d, height * width, c))
    outer = _part(op, columns, slice(0, 1), (op.kernel[0], 1))
    return folded_reshape(outer.result, (n, depth, height, width, c))


def _part(op: PoolT, x: Value, axes: slice, kernel: tuple[int, ...]) -> PoolT:
    """The pool over some of the spatial axes, as one over two axes of ``x``."""
    strides, dilations = (*op.strides[axes], 1)[:2], (*op.dilations[axes], 1)[:2]
    return replace(op, x=x, kernel=kernel, strides=strides, padding=(0,) * 4, dilations=dilations)


@RULES.on(nn.MaxPool)
def max_pool_to_maximum(op: nn.MaxPool) -> Value | None:
    """max_pool(x) -> maximum(x[0::s], x[d::s], ...) along each axis in turn, without padding"""
    return _combine_taps(op, math.Maximum) if _is_plain(op) else None


@RULES.on(nn.AveragePool)
def average_pool_to_add(op: nn.AveragePool) -> Value | None:
    """average_pool(x) -> (x[0::s] + x[d::s] + ...) along each axis in turn / kernel size, without padding"""
    if not _is_plain(op):
        return None
    total = _combine_taps(op, math.Add)
    return math.Mul(total, scalar(1 / prod(op.kernel), total)).result


def _is_plain(op: nn.Pool) -> bool:
    return not op.ceil_mode and all(d == 0 for d in op.padding)


def _combine_taps(op: nn.Pool, combine: type[math.Maximum] | type[math.Add]) -> Value:
    x = op.x
    counts = spatial_sizes(op.result.type.shape, op.layout)
    for i, axis in enumerate(_spatial_axes(op)):
        starts = range(0, op.kernel[i] * op.dilations[i], op.dilations[i])
        taps = [slice_axes(x, [axis], [start], [counts[i]], [op.strides[i]]) for start in starts]
        x = taps[0]
        for tap in taps[1:]:
            x = combine(x, tap).result
    return x
