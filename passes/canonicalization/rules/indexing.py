"""Slices, gathers and splits."""

import itertools
from math import prod

import numpy as np

from ....dims import Dim, is_nonnegative
from ....ir import Array, Op, Value
from ....opdef import replace
from ....ops import tensor
from ....ops.families import GivesPositions
from ....rewriter import RuleSet
from ....types import DType
from ...patterns import constant, constant_array, reshape, same_shape

RULES = RuleSet()


@RULES.on(tensor.Slice)
def slice_all(op: tensor.Slice) -> Value | None:
    """slice(x) -> x when it takes everything in order"""
    if not same_shape(op.x, op.result) or any(start != 0 for start in op.starts):
        return None
    return op.x if all(stride == 1 or size == 1 for stride, size in zip(op.strides, op.sizes, strict=True)) else None


@RULES.on(tensor.Slice)
def slice_twice(op: tensor.Slice) -> Op | None:
    """slice(slice(x)) -> slice(x)"""
    inner = op.x.owner
    if not isinstance(inner, tensor.Slice) or any(size == 0 for size in op.sizes):
        return None
    starts = tuple(a + b * stride for a, b, stride in zip(inner.starts, op.starts, inner.strides, strict=True))
    strides = tuple(a * b for a, b in zip(inner.strides, op.strides, strict=True))
    # With a negative stride a start that depends on symbols may not be provably within the tensor.
    if not all(is_nonnegative(start) for start in starts):
        return None
    return tensor.Slice(inner.x, starts, op.sizes, strides)


@RULES.on(tensor.Slice)
def slice_of_concat(op: tensor.Slice) -> Op | None:
    """slice(concat([x, y])) -> slice(y) when it reads one operand only"""
    concat = op.x.owner
    if not isinstance(concat, tensor.Concat) or op.strides[concat.axis] != 1:
        return None
    start, size = op.starts[concat.axis], op.sizes[concat.axis]
    begin: Dim = 0
    for x in concat.xs:
        end = begin + x.type.shape[concat.axis]
        if is_nonnegative(start - begin) and is_nonnegative(end - start - size):
            return replace(op, x=x, starts=_with(op.starts, concat.axis, start - begin))
        begin = end
    return None


def _with(dims: tuple[Dim, ...], axis: int, dim: Dim) -> tuple[Dim, ...]:
    return (*dims[:axis], dim, *dims[axis + 1 :])


@RULES.on(tensor.Slice)
def slice_of_pad(op: tensor.Slice) -> Op | None:
    """slice(pad(x)) -> slice(x) when it reads nothing padded"""
    pad = op.x.owner
    if not isinstance(pad, tensor.Pad) or any(stride < 0 for stride in op.strides):
        return None
    starts = tuple(start - low for start, low in zip(op.starts, pad.low, strict=True))
    axes = zip(pad.x.type.shape, starts, op.sizes, op.strides, strict=True)
    if all(is_nonnegative(s) and is_nonnegative(dim - 1 - s - (size - 1) * stride) for dim, s, size, stride in axes):
        return replace(op, x=pad.x, starts=starts)
    return None


@RULES.on(tensor.Slice)
def slice_of_expand(op: tensor.Slice) -> Op | None:
    """slice(expand(x)) -> expand(x), or expand(slice(x)) where it cuts what is not repeated"""
    expand = op.x.owner
    if not isinstance(expand, tensor.Expand):
        return None
    x = expand.x
    added = op.x.type.rank - x.type.rank
    axes = list(zip(x.type.shape, op.x.type.shape[added:], strict=True))
    # Of other pairs of sizes it is not known whether x is repeated.
    if any(dim != 1 and dim != size for dim, size in axes):
        return None
    read = [1 if dim == 1 else size for (dim, _), size in zip(axes, op.sizes[added:], strict=True)]
    starts = [0 if dim == 1 else start for (dim, _), start in zip(axes, op.starts[added:], strict=True)]
    strides = [1 if dim == 1 else stride for (dim, _), stride in zip(axes, op.strides[added:], strict=True)]
    part = tensor.Slice(x, tuple(starts), tuple(read), tuple(strides))
    return tensor.Expand(part.result, None, op.sizes)


@RULES.on(tensor.Split)
def split_of_concat(op: tensor.Split) -> tuple[Value, ...] | None:
    """split(concat([x, y])) -> x, y when it cuts where they meet"""
    concat = op.x.owner
    if not isinstance(concat, tensor.Concat) or concat.axis != op.axis or len(concat.xs) != len(op.sizes):
        return None
    is_cut_so = all(same_shape(x, part) for x, part in zip(concat.xs, op.results, strict=True))
    return concat.xs if is_cut_so else None


@RULES.on(tensor.Concat)
def constants_side_by_side(op: tensor.Concat) -> Op | None:
    """concat([x, c, d]) -> concat([x, e]) with e the constants c and d together"""
    xs: list[Value] = []
    for _, group in itertools.groupby(op.xs, lambda x: constant_array(x) is not None):
        together = tuple(group)
        arrays = [array for x in together if (array := constant_array(x)) is not None]
        xs.extend((constant(np.concatenate(arrays, op.axis)),) if len(arrays) > 1 else together)
    return replace(op, xs=tuple(xs)) if 1 < len(xs) < len(op.xs) else None


@RULES.on(tensor.Cast)
def positions_in_their_dtype(op: tensor.Cast) -> Value | None:
    """cast(arg_max(x), i32) -> arg_max(x) in i32, and likewise for all that gives positions"""
    source = op.x.owner
    if not isinstance(source, GivesPositions) or op.dtype is not DType.I32 or not op.x.has_one_use:
        return None
    changed = replace(source, index_dtype=op.dtype)
    others = [r for r in source.results if r is not op.x]
    return None if any(r.is_used for r in others) else changed.results[op.x.index]


@RULES.on(tensor.Concat)
def concat_of_slices(op: tensor.Concat) -> Op | None:
    """concat([x[a:b], x[b:c], y]) -> concat([x[a:c], y])"""
    xs = [op.xs[0]]
    for x in op.xs[1:]:
        joined = _joined(xs[-1].owner, x.owner, op.axis)
        if joined is None:
            xs.append(x)
        else:
            xs[-1] = joined
    return replace(op, xs=tuple(xs)) if len(xs) < len(op.xs) else None


def _joined(first: Op | None, second: Op | None, axis: int) -> Value | None:
    """The slice that two adjacent slices of one tensor make, if they are that."""
    if not isinstance(first, tensor.Slice) or not isinstance(second, tensor.Slice) or first.x is not second.x:
        return None
    if first.strides != second.strides:
        return None
    end = first.starts[axis] + first.sizes[axis] * first.strides[axis]
    if _with(first.starts, axis, end) != second.starts:
        return None
    if _with(first.sizes, axis, 0) != _with(second.sizes, axis, 0):
        return None
    sizes = _with(first.sizes, axis, first.sizes[axis] + second.sizes[axis])
    return tensor.Slice(first.x, first.starts, sizes, first.strides).result


@RULES.on(tensor.Split)
def split_for_one_part(op: tensor.Split) -> list[Value] | None:
    """split(x) -> slice(x) when one part only is used"""
    if sum(r.is_used for r in op.results) != 1 or len(op.results) == 1:
        return None
    # The unused results stand for themselves: the split goes with them.
    return [part if result.is_used else result for part, result in zip(_parts(op), op.results, strict=True)]


def _parts(op: tensor.Split) -> list[Value]:
    """Every part of a split as a slice."""
    shape = op.x.type.shape
    parts: list[Value] = []
    start: Dim = 0
    for size in op.sizes:
        starts = _with((0,) * len(shape), op.axis, start)
        parts.append(tensor.Slice(op.x, starts, _with(shape, op.axis, size), (1,) * len(shape)).result)
        start = start + size
    return parts


@RULES.on(tensor.Gather)
def gather_progression(op: tensor.Gather) -> Value | None:
    """gather(x, [a, a + s, a + 2s, …]) -> slice(x), in the shape of the result"""
    indices = constant_array(op.indices)
    if indices is None or not indices.size:
        return None
    dim = op.x.type.shape[op.axis]
    flat = indices.astype(np.int64).ravel()
    stride = _stride(flat)
    if stride is None or (flat.min() < 0 <= flat.max()) or (isinstance(dim, int) and not _is_within(flat, dim)):
        return None
    # What is negative counts from the end; past it nothing is read, for the axis is at least that long.
    start: Dim = int(flat[0]) if flat[0] >= 0 else dim + int(flat[0])
    if not isinstance(dim, int) and not is_nonnegative(start):
        return None
    rank = op.x.type.rank
    starts = _with((0,) * rank, op.axis, start)
    strides = tuple(stride if i == op.axis else 1 for i in range(rank))
    sliced = tensor.Slice(op.x, starts, _with(op.x.type.shape, op.axis, flat.size), strides)
    return reshape(sliced.result, op.result.type.shape)


@RULES.on(tensor.GatherNd)
def gather_nd_of_known_places(op: tensor.GatherNd) -> Op | None:
    """gather_nd(x, c) -> gather(reshape(x), c in rows of x), along one axis or where that becomes a slice"""
    indices = constant_array(op.indices)
    width = op.indices.type.shape[-1]
    if indices is None or not indices.size or op.batch_dims or not isinstance(width, int):
        return None
    sizes = [dim for dim in op.x.type.shape[:width] if isinstance(dim, int)]
    places = indices.astype(np.int64)
    if len(sizes) < width or not all(_is_within(places[..., axis], dim) for axis, dim in enumerate(sizes)):
        return None
    counted = np.moveaxis(np.where(places < 0, places + np.array(sizes), places), -1, 0)
    rows = np.ravel_multi_index(tuple(counted), sizes)
    if width > 1 and _stride(rows.ravel()) is None:
        return None
    shape = (prod(sizes), *op.x.type.shape[width:])
    return tensor.Gather(reshape(op.x, shape), constant(rows.astype(indices.dtype), op.indices), 0)


def _stride(indices: Array) -> int | None:
    """The step of an arithmetic progression other than 0; 1 for a single index."""
    steps = np.diff(indices)
    if steps.size and (steps[0] == 0 or (steps != steps[0]).any()):
        return None
    return int(steps[0]) if steps.size else 1


def _is_within(indices: Array, dim: int) -> bool:
    return bool(indices.min() >= -dim and indices.max() < dim)
