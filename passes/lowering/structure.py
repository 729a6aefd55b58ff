"""Slices, pads, splits and repetitions by way of simpler ops."""

import numpy as np

from ...dims import Dim, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...ops.enums import PadMode
from ...rewriter import RuleSet
from ..patterns import constant, reshape
from .building import concat, expanded, folded, i64, scalar, slice_axes, three_axes
from .materialize_shapes import dim_at, dim_value

RULES = RuleSet()


@RULES.on(tensor.Concat)
def concat_of_one(op: tensor.Concat) -> Value | None:
    """concat([x]) -> x"""
    return op.xs[0] if len(op.xs) == 1 else None


@RULES.on(tensor.Concat)
def concat_of_three_axes(op: tensor.Concat) -> Op | None:
    """concat(xs) -> reshape(concat([reshape(x, [before, dim, after]) ...]))"""
    if op.xs[0].type.rank <= 3:
        return None
    flat = [reshape(x, three_axes(x.type.shape, op.axis)) for x in op.xs]
    return tensor.Reshape(tensor.Concat(tuple(flat), 1).result, None, op.result.type.shape)


@RULES.on(tensor.Transpose)
def transpose_of_nothing(op: tensor.Transpose) -> Value | None:
    """transpose(x, []) -> x"""
    return None if op.permutation else op.x


@RULES.on(tensor.Slice)
def slice_of_scalar(op: tensor.Slice) -> Value | None:
    """slice(x, []) -> x"""
    return None if op.sizes else op.x


@RULES.on(math.Reduction)
def reduction_of_nothing(op: math.Reduction) -> Value | None:
    """reduce(x, axes = []) -> x"""
    return None if op.axes else op.x


@RULES.on(math.Reduction)
def reduction_of_three_axes(op: math.Reduction) -> Op | None:
    """reduce(x, axes) -> reshape(reduce(reshape(x, [before, dims, after]), [1])), for the last run of axes"""
    shape = op.x.type.shape
    if len(shape) <= 3:
        return None
    first = last = op.axes[-1]
    while first - 1 in op.axes:
        first -= 1
    before, after = shape[:first], shape[last + 1 :]
    flat = reshape(op.x, (product(before), product(shape[first : last + 1]), product(after)))
    reduced = replace(op, x=flat, axes=(1,), keep_dims=False).result
    rest = reshape(reduced, (*before, *after))
    others = tuple(a for a in op.axes if a < first)
    if others:
        rest = replace(op, x=rest, axes=others, keep_dims=False).result
    return tensor.Reshape(rest, None, op.result.type.shape)


@RULES.on(tensor.Split)
def split_as_slices(op: tensor.Split) -> tuple[Value, ...]:
    """split(x, sizes) -> slice(x, start, size) for each part"""
    parts: list[Value] = []
    start: Dim = 0
    for size in op.sizes:
        parts.append(slice_axes(op.x, [op.axis], [start], [size]))
        start = start + size
    return tuple(parts)


@RULES.on(tensor.DynamicSlice)
def dynamic_slice_of_all_axes(op: tensor.DynamicSlice) -> Op | None:
    """dynamic_slice(x, axes) -> dynamic_slice(x, all axes), from 0 to the largest i32 along the others"""
    axes = tuple(range(op.x.type.rank))
    if op.axes == axes:
        return None
    starts = [_element(op.starts, op.axes.index(a)) if a in op.axes else _bound(op, 0) for a in axes]
    ends = [_element(op.ends, op.axes.index(a)) if a in op.axes else _bound(op, _LARGEST) for a in axes]
    strides = tuple(op.strides[op.axes.index(a)] if a in op.axes else 1 for a in axes)
    return tensor.DynamicSlice(op.x, concat(starts, 0), concat(ends, 0), axes, strides, op.shape)


_LARGEST = np.iinfo(np.int32).max


def _bound(op: tensor.DynamicSlice, number: int) -> Value:
    return constant(np.array([number], op.starts.type.dtype.numpy))


def _element(vector: Value, index: int) -> Value:
    return slice_axes(vector, [0], [index], [1])


@RULES.on(tensor.Pad)
def pad_of_nothing(op: tensor.Pad) -> Value | None:
    """pad(x, 0, 0) -> x"""
    return op.x if all(d == 0 for d in (*op.low, *op.high)) else None


@RULES.on(tensor.Pad)
def pad_as_gather(op: tensor.Pad) -> Op | None:
    """pad(x, mode) -> gather(x, padded positions), for one axis"""
    if op.mode is PadMode.CONSTANT:
        return None
    axis = _padded_axis(op)
    dim, low, high = op.x.type.shape[axis], op.low[axis], op.high[axis]
    if not (isinstance(dim, int) and isinstance(low, int) and isinstance(high, int)):
        positions = _positions_at_run_time(op, axis)
        return None if positions is None else _pad_rest(op, axis, tensor.Gather(op.x, positions, axis))
    if dim == 0:
        return None
    along = tensor.Pad(constant(np.arange(dim)), None, (low,), (high,), op.mode)
    return _pad_rest(op, axis, tensor.Gather(op.x, folded(along), axis))


def _positions_at_run_time(op: tensor.Pad, axis: int) -> Value | None:
    """What stands where along the padded axis: the places from -low on, modulo dim, or to and fro between the ends."""
    dim = op.x.type.shape[axis]
    first, end = dim_at(op, -op.low[axis]), dim_at(op, dim + op.high[axis])
    if first is None or end is None or op.mode not in (PadMode.WRAP, PadMode.REFLECT):
        return None
    places = tensor.Range(first, end, i64(1), op.result.type.shape[axis]).result
    size = dim_value(op.x, axis)
    if op.mode is PadMode.WRAP:
        return math.FloorMod(places, size).result
    last = math.Sub(size, i64(1)).result
    period = math.Add(last, last).result
    there = math.FloorMod(places, math.Maximum(period, i64(1)).result).result
    back = math.Sub(period, there).result
    return math.Maximum(math.Minimum(there, back).result, i64(0)).result


@RULES.on(tensor.Pad)
def pad_as_concat(op: tensor.Pad) -> Op | None:
    """pad(x, value) -> concat([expand(value), x, expand(value)]), for one axis; with the edges for edge padding"""
    if op.mode not in (PadMode.CONSTANT, PadMode.EDGE):
        return None
    axis = _padded_axis(op)
    value = op.value if op.value is not None else scalar(0, op.x)
    parts = [op.x]
    if op.low[axis] != 0:
        first = value if op.mode is PadMode.CONSTANT else slice_axes(op.x, [axis], [0], [1])
        parts.insert(0, expanded(first, _resized(op.x, axis, op.low[axis])))
    if op.high[axis] != 0:
        last = value if op.mode is PadMode.CONSTANT else slice_axes(op.x, [axis], [op.x.type.shape[axis] - 1], [1])
        parts.append(expanded(last, _resized(op.x, axis, op.high[axis])))
    return _pad_rest(op, axis, tensor.Concat(tuple(parts), axis))


def _padded_axis(op: tensor.Pad) -> int:
    return next(i for i, (low, high) in enumerate(zip(op.low, op.high, strict=True)) if (low, high) != (0, 0))


def _resized(x: Value, axis: int, size: Dim) -> tuple[Dim, ...]:
    return (*x.type.shape[:axis], size, *x.type.shape[axis + 1 :])


def _pad_rest(op: tensor.Pad, axis: int, padded: Op) -> Op:
    low, high = (tuple(0 if i == axis else d for i, d in enumerate(dims)) for dims in (op.low, op.high))
    return replace(op, x=padded.result, low=low, high=high) if any(d != 0 for d in (*low, *high)) else padded


@RULES.on(tensor.Tile)
def tile_as_expand(op: tensor.Tile) -> Op | None:
    """tile(x, repeats) -> reshape(expand(reshape(x, [1, dim, ...]), [repeats, dim, ...]))"""
    if all(isinstance(r, int) for r in op.repeats):
        return None
    inner: list[Dim] = []
    outer: list[Dim] = []
    for dim, repeats in zip(op.x.type.shape, op.repeats, strict=True):
        if repeats != 1:
            inner.append(1)
            outer.append(repeats)
        inner.append(dim)
        outer.append(dim)
    repeated = expanded(reshape(op.x, tuple(inner)), tuple(outer))
    return tensor.Reshape(repeated, None, op.result.type.shape)


@RULES.on(tensor.Reverse)
def reverse_axis_by_axis(op: tensor.Reverse) -> Op | Value | None:
    """reverse(x, axes) -> reverse(reverse(x, axes[0]), axes[1:])"""
    if not op.axes:
        return op.x
    if len(op.axes) == 1:
        return None
    return tensor.Reverse(tensor.Reverse(op.x, op.axes[:1]).result, op.axes[1:])
