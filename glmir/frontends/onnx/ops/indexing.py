"""Indexing operators of ONNX: reading and writing parts of tensors by position."""

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import tensor
from ....ops.enums import ScatterReduction
from ....ops.tensor.slicing import slice_extent
from ....types import DType
from ..node import Imported, ImporterTable, Node, Unsupported, cast, check_axis, constant

TABLE = ImporterTable()

Bounds = tuple[Dim | None, ...]


@TABLE.imports("Slice")
def _slice(node: Node) -> Imported:
    x = node.operand(0)
    starts, ends = _bounds(node, "starts", 1), _bounds(node, "ends", 2)
    axes = _integers(node, "axes", 3, tuple(range(len(starts))))
    strides = _integers(node, "steps", 4, (1,) * len(starts))
    if not len(starts) == len(ends) == len(axes) == len(strides):
        raise Unsupported(f"starts, ends, axes and steps differ in length: {len(starts)}, {len(ends)}, {len(axes)}, …")
    axes = tuple(check_axis(a, x.type.rank) for a in axes)
    if 0 in strides or len(set(axes)) < len(axes):
        raise Unsupported("its steps hold 0, or its axes repeat one")
    parts = {axis: (start, end, stride) for axis, start, end, stride in zip(axes, starts, ends, strides, strict=True)}
    if None in (*starts, *ends):
        shape = tuple(_size(node, i, *parts[i], d) if i in parts else d for i, d in enumerate(x.type.shape))
        return tensor.DynamicSlice(
            x, cast(node.operand(1), DType.I64), cast(node.operand(2), DType.I64), axes, strides, shape
        )
    return _static_slice(x, parts)


def _bounds(node: Node, attribute: str, index: int) -> Bounds:
    """The starts or the ends: an attribute before opset 10, then an operand; None for what only running shows."""
    if node.opset < 10:
        return node.ints(attribute)
    return node.entries(index)


def _integers(node: Node, attribute: str, index: int, default: tuple[int, ...]) -> tuple[int, ...]:
    if node.opset < 10:
        return node.ints(attribute, default)
    return default if node.optional(index) is None else node.known_ints(index)


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
    return tensor.OneHot(indices, node.operand(2), _depth(node), axis)


def _depth(node: Node) -> Dim:
    array = node.constant(1)
    if array is not None and array.size == 1:
        # A float is allowed here, though it counts.
        return int(array.item())
    return node.only_dim(1)


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
    positions = tensor.NonZero(node.operand(index), count).result
    return tensor.Reshape(positions, None, (count,)).result


@TABLE.imports("ReverseSequence")
def _reverse_sequence(node: Node) -> Imported:
    x, lengths = node.operand(0), node.constant(1)
    if x.type.rank == 0:
        raise Unsupported("a scalar has no sequences")
    axis = node.axis("time_axis", 0, x.type.rank)
    if lengths is not None and (lengths <= 1).all():
        return x
    if lengths is None or not (lengths == x.type.shape[axis]).all():
        raise Unsupported("only sequences that are all reversed over their whole length are supported")
    return tensor.Reverse(x, (axis,))


@TABLE.imports("Trilu")
def _trilu(node: Node) -> Imported:
    diagonal = 0 if node.optional(1) is None else node.only_int(1)
    return tensor.Trilu(node.operand(0), diagonal, bool(node.int("upper", 1)))


@TABLE.imports("NonMaxSuppression")
def _non_max_suppression(node: Node) -> Imported:
    raise Unsupported("choosing boxes is not supported yet; cut the model before it and choose them outside")
