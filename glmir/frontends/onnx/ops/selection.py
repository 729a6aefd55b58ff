"""Operators of ONNX that choose by what the data holds: boxes, different elements, parts of sequences."""

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import math, nn, tensor
from ....types import DType
from ...unique import Unique, unique_elements, unique_slices
from ...values import constant, expand, joined, positions, reshape, size_of, sliced, transposed
from ..node import Imported, ImporterTable, Node, Unsupported, cast, scalar

TABLE = ImporterTable()

MAX_COMPARED = 1 << 28
"""How many elements may be compared to find out which slices differ: all of each two slices."""


@TABLE.imports("NonMaxSuppression")
def _non_max_suppression(node: Node) -> Imported:
    boxes, scores, limit = node.operand(0), node.operand(1), _lone(node.optional(2))
    if limit is None:
        # Without a limit nothing is chosen, says the standard.
        return constant(np.zeros((0, 3), np.int64))
    overlap = _lone(node.optional(3)) or scalar(0, boxes)
    count = node.scope.fresh_symbol()
    is_centered = node.int("center_point_box", 0) == 1
    return nn.NonMaxSuppression(boxes, scores, limit, overlap, _lone(node.optional(4)), count, is_centered)


def _lone(x: Value | None) -> Value | None:
    """What holds one element, without axes."""
    return None if x is None else reshape(x, ())


# Different elements


@TABLE.imports("Unique")
def _unique(node: Node) -> Imported:
    x, in_order = node.operand(0), bool(node.int("sorted", 1))
    axis = node.axis("axis", None, x.type.rank) if node.has("axis") else 0
    if not node.has("axis"):
        x = reshape(x, (x.type.elements,))
    if any(d == 0 for d in x.type.shape):
        raise Unsupported(f"{x.type} has no elements to compare")
    found = _found(x, axis, node.scope.fresh_symbol(), in_order)
    return tensor.Gather(x, found.firsts, axis).result, found.firsts, found.inverse, found.counts


def _found(x: Value, axis: int, count: Dim, in_order: bool) -> Unique:
    if x.type.rank == 1:
        return unique_elements(x, count, in_order)
    size = x.type.shape[axis]
    order = (axis, *(i for i in range(x.type.rank) if i != axis))
    compared = size * x.type.elements
    if isinstance(compared, int) and compared > MAX_COMPARED:
        raise Unsupported(f"to find the different ones of {size} slices {compared} elements would be compared")
    return unique_slices(reshape(transposed(x, order), (size, x.type.elements // size)), count, in_order)


# Sequences


@TABLE.imports("ReverseSequence")
def _reverse_sequence(node: Node) -> Imported:
    x, known = node.operand(0), node.constant(1)
    if x.type.rank < 2:
        raise Unsupported(f"{x.type} has no sequences in a batch")
    time, batch = node.axis("time_axis", 0, x.type.rank), node.axis("batch_axis", 1, x.type.rank)
    if time == batch:
        raise Unsupported("its sequences run along the axis of the batch")
    if known is not None and (known <= 1).all():
        return x
    if known is not None and (known == x.type.shape[time]).all():
        return tensor.Reverse(x, (time,))
    order = (batch, time, *(i for i in range(x.type.rank) if i not in (batch, time)))
    size, steps = (x.type.shape[axis] for axis in (batch, time))
    at = reshape(positions(steps), (1, steps))
    ends = reshape(cast(node.operand(1), DType.I64), (size, 1))
    is_inside = math.Less(at, ends).result
    last = math.Sub(ends, constant(np.array(1))).result
    source = math.Select(is_inside, math.Sub(last, at).result, at).result
    reversed_ = tensor.GatherNd(transposed(x, order), reshape(source, (size, steps, 1)), 1).result
    return transposed(reversed_, np.argsort(order).tolist())


@TABLE.imports("TensorScatter")
def _tensor_scatter(node: Node) -> Imported:
    """The update's rows at those places of the cache that are given for each of the batch."""
    cache, update, first = node.operand(0), node.operand(1), node.optional(2)
    axis = node.axis("axis", -2, cache.type.rank)
    is_circular = _is_circular(node)
    rows, steps = cache.type.shape[axis], update.type.shape[axis]
    if axis == 0:
        raise Unsupported("it writes along the axis of the batch")
    if first is None:
        return joined([update, sliced(cache, axis, steps, rows - steps)], axis)
    batch = cache.type.shape[0]
    first = cast(first, DType.I64)
    if batch == 1 and not is_circular:
        zero = constant(np.zeros(1, np.int64))
        starts = joined([first if i == axis else zero for i in range(cache.type.rank)], 0)
        return tensor.DynamicUpdateSlice(cache, update, starts)
    column = reshape(first, (batch, *(1,) * (cache.type.rank - 1)))
    if is_circular:
        column = math.FloorMod(column, size_of(rows)).result
    if steps == 1:
        at = reshape(positions(rows), tuple(rows if i == axis else 1 for i in range(cache.type.rank)))
        return math.Select(math.Equal(at, column).result, update, cache)
    return _scattered(cache, update, reshape(column, (batch, 1)), axis, is_circular)


def _is_circular(node: Node) -> bool:
    mode = node.string("mode", "linear")
    if mode not in ("linear", "circular"):
        raise Unsupported(f"its mode {mode} is neither linear nor circular")
    return mode == "circular"


def _scattered(cache: Value, update: Value, first: Value, axis: int, is_circular: bool) -> Value:
    batch, rows, steps = cache.type.shape[0], cache.type.shape[axis], update.type.shape[axis]
    order = (0, axis, *(i for i in range(1, cache.type.rank) if i != axis))
    places = math.Add(first, reshape(positions(steps), (1, steps))).result
    if is_circular:
        places = math.FloorMod(places, size_of(rows)).result
    samples = expand(reshape(positions(batch), (batch, 1, 1)), (batch, steps, 1))
    indices = joined([samples, reshape(places, (batch, steps, 1))], 2)
    written = tensor.ScatterNd(transposed(cache, order), indices, transposed(update, order)).result
    return transposed(written, np.argsort(order).tolist())
