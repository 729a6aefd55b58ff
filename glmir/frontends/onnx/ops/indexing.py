"""Indexing operators of ONNX: reading and writing parts of tensors by position."""

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import math, tensor
from ....ops.enums import ScatterReduction
from ....ops.tensor.slicing import slice_extent
from ....types import DType
from ...values import positions, reshape, sliced
from ..node import Imported, ImporterTable, Node, Unsupported, cast, check_axis, constant, scalar
from ..run_time_bounds import Amount, amounts, by_axis, places, sliced_at_run_time

TABLE = ImporterTable()

Bounds = tuple[Dim | None, ...]


@TABLE.imports("Slice")
def _slice(node: Node) -> Imported:
    x = node.operand(0)
    starts, ends = _bounds(node, "starts", 1), _bounds(node, "ends", 2)
    count = len(starts)
    axes = _integers(node, "axes", 3, tuple(range(count)))
    strides = _integers(node, "steps", 4, (1,) * count)
    if not count == len(ends) == len(axes) == len(strides):
        raise Unsupported(f"starts, ends, axes and steps differ in length: {count}, {len(ends)}, {len(axes)}, …")
    if not _are_ints(axes) or not _are_ints(strides):
        return _slice_at_run_time(node)
    along = tuple(check_axis(a, x.type.rank) for a in axes)
    if 0 in strides or len(set(along)) < len(along):
        raise Unsupported("its steps hold 0, or its axes repeat one")
    parts = {axis: (start, end, step) for axis, start, end, step in zip(along, starts, ends, strides, strict=True)}
    if None in (*starts, *ends):
        shape = tuple(_size(node, i, *parts[i], d) if i in parts else d for i, d in enumerate(x.type.shape))
        return tensor.DynamicSlice(
            x, cast(node.operand(1), DType.I64), cast(node.operand(2), DType.I64), along, strides, shape
        )
    return _static_slice(x, parts)


def _are_ints(entries: Bounds) -> TypeGuard[tuple[int, ...]]:
    return all(isinstance(d, int) for d in entries)


def _bounds(node: Node, attribute: str, index: int) -> Bounds:
    """The starts or the ends: an attribute before opset 10, then an operand; None for what only running shows."""
    if node.opset < 10:
        return node.ints(attribute)
    return node.entries(index)


def _integers(node: Node, attribute: str, index: int, default: tuple[int, ...]) -> Bounds:
    if node.opset < 10:
        return node.ints(attribute, default)
    return default if node.optional(index) is None else node.entries(index)


def _slice_at_run_time(node: Node) -> Value:
    """The slice along axes, or in steps, that only running the model shows."""
    x = node.operand(0)
    rank = x.type.rank
    starts, ends = amounts(node, 1), amounts(node, 2)
    steps = (1,) * len(starts) if node.optional(4) is None else amounts(node, 4)
    defaults: tuple[Sequence[Amount], ...] = ((0,) * rank, x.type.shape, (1,) * rank)
    pairs = zip((starts, ends, steps), defaults, strict=True)
    return sliced_at_run_time(node, x, *(by_axis(node, given, 3, rank, default) for given, default in pairs))


def _static_slice(x: Value, parts: dict[int, tuple[Dim | None, Dim | None, int]]) -> Imported:
    ranges = []
    for axis, dim in enumerate(x.type.shape):
        start, end, stride = parts.get(axis, (0, dim, 1))
        assert start is not None and end is not None
        ranges.append((*slice_extent(start, end, stride, dim), stride))
    starts, sizes, strides = zip(*ranges, strict=True)
    if sizes == x.type.shape and all(s == 1 for s in strides):
        return x
    return tensor.Slice(x, starts, sizes, strides)


def _size(node: Node, axis: int, start: Dim | None, end: Dim | None, stride: int, dim: Dim) -> Dim:
    return node.unknown_dim(axis) if start is None or end is None else slice_extent(start, end, stride, dim)[1]


@TABLE.imports("Gather")
def _gather(node: Node) -> Imported:
    x = node.operand(0)
    return tensor.Gather(x, node.operand(1), node.axis("axis", 0, x.type.rank))


@TABLE.imports("GatherElements")
def _gather_elements(node: Node) -> Imported:
    x = node.operand(0)
    return tensor.GatherElements(x, node.operand(1), node.axis("axis", 0, x.type.rank))


@TABLE.imports("GatherND")
def _gather_nd(node: Node) -> Imported:
    return tensor.GatherNd(node.operand(0), node.operand(1), node.int("batch_dims", 0))


@TABLE.imports("Scatter", "ScatterElements")
def _scatter_elements(node: Node) -> Imported:
    x = node.operand(0)
    axis = node.axis("axis", 0, x.type.rank)
    return tensor.ScatterElements(x, node.operand(1), node.operand(2), axis, _reduction(node))


@TABLE.imports("ScatterND")
def _scatter_nd(node: Node) -> Imported:
    return tensor.ScatterNd(node.operand(0), node.operand(1), node.operand(2), _reduction(node))


def _reduction(node: Node) -> ScatterReduction:
    try:
        return ScatterReduction[node.string("reduction", "none").upper()]
    except KeyError:
        raise Unsupported(f"the reduction {node.string('reduction')} is not one of the standard's") from None


@TABLE.imports("OneHot")
def _one_hot(node: Node) -> Imported:
    indices = node.operand(0)
    if indices.type.dtype.is_float:
        indices = cast(indices, DType.I64)
    axis = node.axis("axis", -1, indices.type.rank + 1)
    depth = _depth(node, axis)
    return _one_hot_at_run_time(node, axis) if depth is None else tensor.OneHot(indices, node.operand(2), depth, axis)


def _depth(node: Node, axis: int) -> Dim | None:
    """The depth, from the declared size if it depends on the data, else None."""
    array = node.constant(1)
    if array is not None and array.size == 1:
        # A float is allowed here, though it counts.
        return int(array.item())
    if node.type(1).elements != 1:
        raise Unsupported(f"input 1 must hold one element, but it is {node.type(1)}")
    dims = node.dims(1)
    return node.declared_size(axis) if dims is None or dims[0] is None else dims[0]


def _one_hot_at_run_time(node: Node, axis: int) -> Value:
    """Where the index, or the index and the depth, is the place along the axis: values[1], else values[0]."""
    indices, values = cast(node.operand(0), DType.I64), node.operand(2)
    depth = reshape(cast(node.operand(1), DType.I64), ())
    shape = indices.type.shape
    place = places(node, axis, depth)
    row = reshape(place, (*place.type.shape, *(1,) * (len(shape) - axis)))
    column = reshape(indices, (*shape[:axis], 1, *shape[axis:]))
    ends = math.Equal(math.Add(column, depth).result, row).result
    is_on = math.LogicalOr(math.Equal(column, row).result, ends).result
    off, on = (reshape(sliced(values, 0, i, 1), ()) for i in range(2))
    return math.Select(is_on, on, off).result


@TABLE.imports("NonZero")
def _non_zero(node: Node) -> Imported:
    x = node.operand(0)
    array = node.constant(0)
    if array is not None and array.ndim:
        return constant(np.argwhere(array).T.astype(np.int64))
    if x.type.rank == 0:
        x = tensor.Reshape(x, None, (1,)).result
    return tensor.NonZero(x, node.scope.fresh_symbol())


@TABLE.imports("Compress")
def _compress(node: Node) -> Imported:
    """The slices at the positions where the condition is true, which need not be as long as the axis."""
    x, axis = node.operand(0), 0
    if node.has("axis"):
        axis = node.axis("axis", None, x.type.rank)
    else:
        x = tensor.Reshape(x, None, (x.type.elements,)).result
    return tensor.Gather(x, _true_positions(node, 1), axis)


def _true_positions(node: Node, index: int) -> Value:
    if node.type(index).rank != 1:
        raise Unsupported(f"its condition is {node.type(index)}, not a list")
    condition = node.constant(index)
    if condition is not None:
        return constant(np.flatnonzero(condition))
    count = node.scope.fresh_symbol()
    found = tensor.NonZero(node.operand(index), count).result
    return tensor.Reshape(found, None, (count,)).result


@TABLE.imports("Trilu")
def _trilu(node: Node) -> Imported:
    x, upper = node.operand(0), bool(node.int("upper", 1))
    if node.optional(1) is None:
        return tensor.Trilu(x, 0, upper)
    dims = node.dims(1)
    if dims is not None and len(dims) == 1 and isinstance(dims[0], int):
        return tensor.Trilu(x, dims[0], upper)
    # How far to the right of the diagonal an element stands, held against the edge.
    rows, columns = (positions(d) for d in x.type.shape[-2:])
    distance = math.Sub(columns, reshape(rows, (x.type.shape[-2], 1))).result
    edge = reshape(cast(node.operand(1), DType.I64), ())
    is_kept = (math.GreaterEqual if upper else math.LessEqual)(distance, edge).result
    return math.Select(is_kept, x, scalar(0, x))
