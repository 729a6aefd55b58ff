"""Slices, pads and repetitions that MNN gets wrong, by way of those that it gets right."""

from collections.abc import Mapping
from math import inf, isfinite, nan

import numpy as np

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...passes.lowering.building import drop_axis, expanded, folded, scalar, slice_axes
from ...passes.lowering.materialize_shapes import dim_at, dim_value
from ...passes.lowering.optional import depth_to_space_as_transpose, space_to_depth_as_transpose
from ...passes.patterns import constant, reshape
from ...rewriter import RuleSet
from ...types import DType
from .emitters.operands import INT32
from .emitters.structure import has_plain_bounds, is_joined_rightly

RULES = RuleSet()

# The runtime joins its own ops wrongly with what moves elements before and behind them, and they take it longer.
RULES.on(tensor.SpaceToDepth)(space_to_depth_as_transpose)
RULES.on(tensor.DepthToSpace)(depth_to_space_as_transpose)


@RULES.on(tensor.Transpose)
def transpose_of_mixed_channels(op: tensor.Transpose) -> Op | None:
    """transpose(reshape(x)) -> transpose(reshape(x) * 1), where the runtime would join the two wrongly"""
    if is_joined_rightly(op):
        return None
    return replace(op, x=math.Mul(op.x, scalar(1, op.x)).result)


@RULES.on(tensor.Slice)
def backward_slice(op: tensor.Slice) -> Op | Value | None:
    """slice(x, stride = -k) -> slice(reverse(slice(x, the run of elements that it passes)), stride = k)"""
    axes = [a for a, stride in enumerate(op.strides) if stride < 0]
    if not axes:
        return None
    firsts = [op.starts[a] + (op.sizes[a] - 1) * op.strides[a] for a in axes]
    if any(op.sizes[a] == 0 for a in axes):
        return replace(op, strides=tuple(abs(s) for s in op.strides))
    lengths = [op.starts[a] - first + 1 for a, first in zip(axes, firsts, strict=True)]
    passed = slice_axes(op.x, axes, firsts, lengths)
    starts = tuple(0 if a in axes else start for a, start in enumerate(op.starts))
    reversed_ = tensor.Reverse(passed, tuple(axes)).result
    return slice_axes(reversed_, range(len(starts)), starts, op.sizes, [abs(s) for s in op.strides])


@RULES.on(tensor.DynamicSlice)
def dynamic_slice_axis_by_axis(op: tensor.DynamicSlice) -> Op | Value | None:
    """dynamic_slice(x, axes) -> dynamic_slice(dynamic_slice(x, the first of the axes), the others)"""
    if not op.axes:
        return op.x
    if len(op.axes) == 1:
        return None
    first, *others = op.axes
    shape = tuple(op.shape[a] if a == first else d for a, d in enumerate(op.x.type.shape))
    starts, ends = ([slice_axes(v, [0], [i], [n]) for i, n in ((0, 1), (1, len(others)))] for v in (op.starts, op.ends))
    part = replace(op, starts=starts[0], ends=ends[0], axes=(first,), strides=op.strides[:1], shape=shape)
    return replace(op, x=part.result, starts=starts[1], ends=ends[1], axes=tuple(others), strides=op.strides[1:])


@RULES.on(tensor.DynamicSlice)
def dynamic_slice_within_bounds(op: tensor.DynamicSlice) -> Op | None:
    """dynamic_slice(x, start, end) -> dynamic_slice(x, start and end brought between 0 and dim), for one axis"""
    if len(op.axes) != 1 or has_plain_bounds(op) or op.strides[0] != 1:
        return None
    size = reshape(dim_value(op.x, op.axes[0], op.starts.type.dtype), (1,))
    zero = scalar(0, op.starts)
    starts, ends = (_limited(_from_the_front(v, size), zero, size) for v in (op.starts, op.ends))
    return replace(op, starts=starts, ends=ends)


@RULES.on(tensor.DynamicSlice)
def dynamic_slice_as_gather(op: tensor.DynamicSlice) -> Op | None:
    """dynamic_slice(x, start, end, stride) -> gather(x, range(start, end, stride)), for one axis"""
    if len(op.axes) != 1:
        return None
    (axis,), (stride,) = op.axes, op.strides
    size = reshape(dim_value(op.x, axis, op.starts.type.dtype), (1,))
    zero = scalar(0, op.starts)
    start, end = _from_the_front(op.starts, size), _from_the_front(op.ends, size)
    if stride > 0:
        start, end = _limited(start, zero, size), _limited(end, zero, size)
    else:
        # What stands for all that there is, is no position: backwards it is the front.
        is_open = folded(math.Equal(op.ends, scalar(INT32.max, op.ends)))
        before, last = scalar(-1, end), folded(math.Sub(size, scalar(1, size)))
        end = folded(math.Select(is_open, before, _limited(end, before, last)))
        start = _limited(start, zero, last)
    start, end = drop_axis(start, 0), drop_axis(end, 0)
    places = tensor.Range(start, end, scalar(stride, start), op.shape[axis]).result
    # All places are within x; said in a way that shows that they are not negative.
    return tensor.Gather(op.x, math.Maximum(places, scalar(0, places)).result, axis)


def _from_the_front(bound: Value, size: Value) -> Value:
    """A bound that counts from the end where it is negative, as one that counts from the front."""
    is_negative = folded(math.Less(bound, scalar(0, bound)))
    return folded(math.Select(is_negative, folded(math.Add(bound, size)), bound))


def _limited(bound: Value, low: Value, high: Value) -> Value:
    return folded(math.Maximum(folded(math.Minimum(bound, high)), low))


@RULES.on(tensor.Pad)
def pad_in_steps(op: tensor.Pad) -> Op | None:
    """pad(x) -> pad(pad(x, one axis), the others)"""
    axes = [a for a, (low, high) in enumerate(zip(op.low, op.high, strict=True)) if (low, high) != (0, 0)]
    if len(axes) <= 1:
        return None
    low, high = (tuple(d if a == axes[-1] else 0 for a, d in enumerate(dims)) for dims in (op.low, op.high))
    rest = [tuple(0 if a == axes[-1] else d for a, d in enumerate(dims)) for dims in (op.low, op.high)]
    return replace(op, x=replace(op, low=low, high=high).result, low=rest[0], high=rest[1])


@RULES.on(tensor.Tile)
def tile_in_steps(op: tensor.Tile) -> Op | None:
    """tile(x) -> tile(tile(x, one axis), the others)"""
    axes = [a for a, repeats in enumerate(op.repeats) if repeats != 1]
    if len(axes) <= 2:
        return None
    one = tuple(r if a == axes[-1] else 1 for a, r in enumerate(op.repeats))
    rest = tuple(1 if a == axes[-1] else r for a, r in enumerate(op.repeats))
    return replace(op, x=replace(op, repeats=one).result, repeats=rest)


@RULES.on(tensor.Range)
def range_of_floats(op: tensor.Range) -> Op | None:
    """range(a, b, d) -> a + range(0, ceil((b - a) / d), 1) * d for floats"""
    if not op.start.type.dtype.is_float:
        return None
    numbers: Value
    if isinstance(op.length, int):
        numbers = constant(np.arange(op.length, dtype=np.float32))
    else:
        count = dim_at(op, op.length, DType.I32) or _count(op)
        zero = constant(np.array(0, np.int32))
        counted = tensor.Range(zero, count, constant(np.array(1, np.int32)), op.length).result
        numbers = tensor.Cast(counted, op.start.type.dtype).result
    return math.Add(folded(math.Mul(numbers, op.delta)), op.start)


def _count(op: tensor.Range) -> Value:
    steps = math.Ceil(math.Div(math.Sub(op.limit, op.start).result, op.delta).result).result
    return tensor.Cast(math.Maximum(steps, scalar(0, steps)).result, DType.I32).result


_OF_NOTHING: Mapping[type[Op], float] = {
    math.ReduceSum: 0,
    math.ReduceMean: nan,
    math.ReduceProd: 1,
    math.ReduceMax: -inf,
    math.ReduceMin: inf,
    math.ReduceAny: False,
    math.ReduceAll: True,
}


@RULES.on(math.Reduction)
def reduction_of_no_elements(op: math.Reduction) -> Value | None:
    """reduce(x) -> expand(what the reduction of nothing is) along axes without elements"""
    if all(op.x.type.shape[axis] != 0 for axis in op.axes):
        return None
    number, dtype = _OF_NOTHING[type(op)], op.x.type.dtype
    if dtype.is_integer and not isfinite(number):
        number = dtype.lowest if number < 0 else dtype.highest
    return expanded(scalar(number, op.x), op.result.type.shape)
