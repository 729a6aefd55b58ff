"""Gathering, scattering and searching by way of simpler ops.

Targets read indices as offsets from the front, and what an index outside does is anybody's guess: negative ones are
brought into range here.
"""

from collections.abc import Mapping

import numpy as np

from ...dims import Dim, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...ops.enums import ScatterReduction
from ...ops.math import Binary
from ...rewriter import Replacement, RuleSet
from ...types import DType
from ..patterns import constant, constant_array, reshape
from .building import concat, drop_axis, expanded, folded, folded_reshape, insert_axis, limits, scalar, slice_axes
from .materialize_shapes import dim_at, dim_value
from .ranges import is_nonnegative_at_run_time

RULES = RuleSet()


@RULES.on(tensor.Gather)
def gather_from_the_front(op: tensor.Gather) -> Op | None:
    """gather(x, indices) -> gather(x, indices mod dim)"""
    return _with_indices_from_the_front(op, op.axis)


@RULES.on(tensor.GatherElements)
def gather_elements_from_the_front(op: tensor.GatherElements) -> Op | None:
    """gather_elements(x, indices) -> gather_elements(x, indices mod dim)"""
    return _with_indices_from_the_front(op, op.axis)


@RULES.on(tensor.ScatterElements)
def scatter_elements_from_the_front(op: tensor.ScatterElements) -> Op | None:
    """scatter_elements(x, indices, u) -> scatter_elements(x, indices mod dim, u)"""
    return _with_indices_from_the_front(op, op.axis)


@RULES.on(tensor.GatherNd)
def gather_nd_from_the_front(op: tensor.GatherNd) -> Op | None:
    """gather_nd(x, indices) -> gather_nd(x, indices mod dims)"""
    return _with_rows_from_the_front(op, op.batch_dims)


@RULES.on(tensor.ScatterNd)
def scatter_nd_from_the_front(op: tensor.ScatterNd) -> Op | None:
    """scatter_nd(x, indices, u) -> scatter_nd(x, indices mod dims, u)"""
    return _with_rows_from_the_front(op, 0)


def _with_indices_from_the_front(
    op: tensor.Gather | tensor.GatherElements | tensor.ScatterElements, axis: int
) -> Op | None:
    if is_nonnegative_at_run_time(op.indices):
        return None
    dim = dim_value(op.x, axis, op.indices.type.dtype)
    return replace(op, indices=folded(math.FloorMod(op.indices, dim)))


def _with_rows_from_the_front(op: tensor.GatherNd | tensor.ScatterNd, first_axis: int) -> Op | None:
    if is_nonnegative_at_run_time(op.indices):
        return None
    width, dtype = op.indices.type.shape[-1], op.indices.type.dtype
    assert isinstance(width, int)
    dims = [reshape(dim_value(op.x, first_axis + i, dtype), (1,)) for i in range(width)]
    return replace(op, indices=folded(math.FloorMod(op.indices, concat(dims, 0))))


@RULES.on(tensor.OneHot)
def one_hot_from_the_front(op: tensor.OneHot) -> Op | None:
    """one_hot(i) -> one_hot(select(j > -1, j, depth)) with j = select(i < 0, i + depth, i)"""
    if is_nonnegative_at_run_time(op.indices) or not isinstance(op.depth, int):
        return None
    depth = scalar(op.depth, op.indices)
    is_negative = folded(math.Less(op.indices, scalar(0, op.indices)))
    moved = folded(math.Select(is_negative, folded(math.Add(op.indices, depth)), op.indices))
    is_inside = folded(math.Greater(moved, scalar(-1, moved)))
    return replace(op, indices=folded(math.Select(is_inside, moved, depth)))


@RULES.on(tensor.OneHot)
def one_hot_as_select(op: tensor.OneHot) -> Op | None:
    """one_hot(i, [off, on]) -> select(one_hot(i, [false, true]), on, off)"""
    if op.values.type.dtype is DType.BOOL and constant_array(op.values) is not None:
        return None
    off, on = (drop_axis(slice_axes(op.values, [0], [i], [1]), 0) for i in (0, 1))
    return math.Select(replace(op, values=constant(np.array([False, True]))).result, on, off)


@RULES.on(tensor.OneHot)
def one_hot_as_comparison(op: tensor.OneHot) -> Op | None:
    """one_hot(i, [false, true]) -> i == range(depth) or i + depth == range(depth)"""
    if isinstance(op.depth, int) or op.values.type.dtype is not DType.BOOL:
        return None
    indices = insert_axis(op.indices, op.axis)
    depth = dim_at(op, op.depth, indices.type.dtype)
    if depth is None:
        return None
    row = _along(_range(depth, op.depth), op.axis, indices.type.rank)
    moved = math.Add(indices, depth).result
    return math.LogicalOr(math.Equal(indices, row).result, math.Equal(moved, row).result)


@RULES.on(tensor.GatherElements)
def gather_elements_along_last_axis(op: tensor.GatherElements) -> Op | None:
    """gather_elements(x, i, axis) -> transpose(gather_elements(transpose(x), transpose(i), last))"""
    last = op.x.type.rank - 1
    if op.axis == last:
        return None
    swap = _swap(op.axis, last)
    x, indices = tensor.Transpose(op.x, swap).result, folded(tensor.Transpose(op.indices, swap))
    return tensor.Transpose(tensor.GatherElements(x, indices, last).result, swap)


@RULES.on(tensor.GatherElements)
def gather_elements_of_part(op: tensor.GatherElements) -> Op | None:
    """gather_elements(x, i) -> gather_elements(x[:i.shape], i) where i is smaller than x"""
    sizes = list(op.indices.type.shape)
    sizes[op.axis] = op.x.type.shape[op.axis]
    part = slice_axes(op.x, range(len(sizes)), [0] * len(sizes), sizes)
    return None if part is op.x else replace(op, x=part)


def _swap(a: int, b: int) -> tuple[int, ...]:
    order = list(range(b + 1))
    order[a], order[b] = b, a
    return tuple(order)


@RULES.on(tensor.GatherNd)
def gather_nd_without_batch(op: tensor.GatherNd) -> Op | None:
    """gather_nd(x, i, batch_dims=b) -> gather_nd(x, [positions in the batch, i])"""
    if op.batch_dims == 0:
        return None
    positions = [_positions(op.indices, axis, op.indices.type.shape[:-1]) for axis in range(op.batch_dims)]
    return tensor.GatherNd(op.x, concat([*positions, op.indices], op.indices.type.rank - 1))


@RULES.on(tensor.ScatterElements)
def scatter_elements_as_scatter_nd(op: tensor.ScatterElements) -> Op:
    """scatter_elements(x, i, u) -> scatter_nd(x, full indices of every i, u)"""
    shape = op.indices.type.shape
    columns = [_positions(op.indices, axis, shape) for axis in range(len(shape))]
    columns[op.axis] = insert_axis(op.indices, len(shape))
    return tensor.ScatterNd(op.x, concat(columns, len(shape)), op.updates, op.reduction)


def _positions(like: Value, axis: int, shape: tuple[Dim, ...]) -> Value:
    """Each element's own position along an axis: [*shape, 1]."""
    dim = shape[axis]
    if isinstance(dim, int):
        along = constant(np.arange(dim, dtype=like.type.dtype.numpy))
    else:
        along = _range(dim_value(like, axis, like.type.dtype), dim)
    return expanded(_along(along, axis, len(shape) + 1), (*shape, 1))


def _range(limit: Value, length: Dim) -> Value:
    return tensor.Range(scalar(0, limit), limit, scalar(1, limit), length).result


def _along(vector: Value, axis: int, rank: int) -> Value:
    """A vector as a tensor of ``rank`` axes, along one of them."""
    shape: list[Dim] = [1] * rank
    shape[axis] = vector.type.shape[0]
    return folded(tensor.Reshape(vector, None, tuple(shape)))


@RULES.on(tensor.ScatterNd)
def scatter_nd_to_zeros(op: tensor.ScatterNd) -> Replacement:
    """scatter_nd(x, i, u, add) -> x + sums; without reduction select(is written, sums / how often, x)

    Which of several updates of one element counts is open; they are equal (as a repetition penalty's are), or it is all
    the same, so their mean will do.
    """
    if op.reduction not in (ScatterReduction.NONE, ScatterReduction.ADD):
        return None
    zero = np.zeros((), op.x.type.dtype.numpy)
    if op.reduction is ScatterReduction.ADD:
        if op.x.type.dtype is DType.BOOL or _is_zero(op.x):
            return None
        return math.Add(op.x, _scattered(op, constant(zero), op.updates))
    ones = expanded(constant(np.ones((), np.int32)), op.updates.type.shape)
    counts = _scattered(op, constant(np.zeros((), np.int32)), ones)
    is_written = math.Greater(counts, scalar(0, counts)).result
    if op.x.type.dtype is not DType.BOOL:
        sums = _scattered(op, constant(zero), op.updates)
        return math.Select(is_written, _mean(op, sums, counts) if _may_repeat(op.indices) else sums, op.x)
    updates = tensor.Cast(op.updates, DType.I32).result
    sums = _scattered(op, constant(np.zeros((), np.int32)), updates)
    return math.Select(is_written, tensor.Cast(sums, DType.BOOL).result, op.x)


def _may_repeat(indices: Value) -> bool:
    array = constant_array(indices)
    if array is None:
        return True
    rows = array.reshape(-1, array.shape[-1])
    return len(np.unique(rows, axis=0)) < len(rows)


def _mean(op: tensor.ScatterNd, sums: Value, counts: Value) -> Value:
    """The sums, divided by how many updates each is of. Narrow integers, which overflow, stay as they are."""
    dtype = op.x.type.dtype
    if not dtype.is_float and dtype not in (DType.I32, DType.I64):
        return sums
    divisors = math.Maximum(counts, scalar(1, counts)).result
    return math.Div(sums, tensor.Cast(divisors, dtype).result if dtype is not DType.I32 else divisors).result


def _scattered(op: tensor.ScatterNd, zero: Value, updates: Value) -> Value:
    zeros = expanded(zero, op.x.type.shape)
    return tensor.ScatterNd(zeros, op.indices, updates, ScatterReduction.ADD).result


@RULES.on(tensor.ScatterNd)
def scatter_nd_of_truths(op: tensor.ScatterNd) -> Op | None:
    """scatter_nd(x, i, u, max) -> cast(scatter_nd(cast(x, i32), i, cast(u, i32), max)) for truth values"""
    if op.reduction is ScatterReduction.NONE or op.x.type.dtype is not DType.BOOL:
        return None
    # A sum of truths is true when one of them is.
    reduction = ScatterReduction.MAX if op.reduction is ScatterReduction.ADD else op.reduction
    x, updates = (tensor.Cast(v, DType.I32).result for v in (op.x, op.updates))
    return tensor.Cast(tensor.ScatterNd(x, op.indices, updates, reduction).result, DType.BOOL)


_MASK_LIMIT = 2**24
"""What has more elements is not compared with every index."""

_GATHERED: Mapping[ScatterReduction, tuple[type[math.Reduction], type[Binary]]] = {
    ScatterReduction.ADD: (math.ReduceSum, math.Add),
    ScatterReduction.MUL: (math.ReduceProd, math.Mul),
    ScatterReduction.MIN: (math.ReduceMin, math.Minimum),
    ScatterReduction.MAX: (math.ReduceMax, math.Maximum),
}


@RULES.on(tensor.ScatterNd)
def scatter_nd_as_masked_reduction(op: tensor.ScatterNd) -> Op | None:
    """scatter_nd(x, i, u, max) -> max(x, reduce_max(select(i == every position, u, neutral))), likewise the others"""
    if op.reduction not in _GATHERED or op.x.type.dtype is DType.BOOL:
        return None
    shape, width = op.x.type.shape, op.indices.type.shape[-1]
    assert isinstance(width, int)
    positions, inner, count = product(shape[:width]), product(shape[width:]), product(op.indices.type.shape[:-1])
    elements = count * positions * inner
    at = _line(op, positions)
    places = [dim_at(op, product(shape[axis + 1 : width]), op.indices.type.dtype) for axis in range(width)]
    if at is None or None in places or (isinstance(elements, int) and elements > _MASK_LIMIT):
        return None
    row = concat([folded_reshape(place, (1,)) for place in places if place is not None], 0)
    flat = folded(math.ReduceSum(folded(math.Mul(op.indices, row)), (op.indices.type.rank - 1,), False))
    mask = folded(math.Equal(folded_reshape(flat, (count, 1, 1)), folded_reshape(at, (1, positions, 1))))
    updates = folded_reshape(op.updates, (count, 1, inner))
    chosen = math.Select(mask, updates, scalar(_neutral(op), op.x)).result
    reduce, combine = _GATHERED[op.reduction]
    return combine(op.x, reshape(reduce(chosen, (0,), False).result, shape))


def _line(op: tensor.ScatterNd, length: Dim) -> Value | None:
    """The numbers from 0 to ``length``, of the dtype of the indices; None when the length is not to be had."""
    dtype = op.indices.type.dtype
    if isinstance(length, int):
        return constant(np.arange(length, dtype=dtype.numpy))
    limit = dim_at(op, length, dtype)
    return None if limit is None else _range(limit, length)


def _neutral(op: tensor.ScatterNd) -> float:
    """What changes nothing when it is combined with an element."""
    if op.reduction in (ScatterReduction.ADD, ScatterReduction.MUL):
        return int(op.reduction is ScatterReduction.MUL)
    low, high = limits(op.x.type.dtype)
    return high if op.reduction is ScatterReduction.MIN else low


def _is_zero(x: Value) -> bool:
    array = constant_array(x.owner.x if isinstance(x.owner, tensor.Expand) else x)
    return array is not None and not array.any()


@RULES.on(tensor.Trilu)
def trilu_as_select(op: tensor.Trilu) -> Op:
    """trilu(x) -> select(column - row >= diagonal, x, 0), or <= for the lower triangle"""
    rows, columns = op.x.type.shape[-2:]
    zero = scalar(0, op.x)
    if isinstance(rows, int) and isinstance(columns, int):
        mask = np.ones((rows, columns), np.bool_)
        mask = np.triu(mask, op.diagonal) if op.upper else np.tril(mask, op.diagonal)
        return math.Select(constant(mask), op.x, zero)
    rank = op.x.type.rank
    row, column = (_range(dim_value(op.x, axis, DType.I32), op.x.type.shape[axis]) for axis in (rank - 2, rank - 1))
    edge = math.Add(insert_axis(row, 1), scalar(op.diagonal, row)).result
    compare = math.GreaterEqual if op.upper else math.LessEqual
    return math.Select(compare(insert_axis(column, 0), edge).result, op.x, zero)


@RULES.on(tensor.NonZero)
def non_zero_of_truths(op: tensor.NonZero) -> Op | None:
    """non_zero(x) -> non_zero(x != 0)"""
    if op.x.type.dtype is DType.BOOL:
        return None
    return replace(op, x=math.NotEqual(op.x, scalar(0, op.x)).result)


@RULES.on(math.TopK)
def top_k_along_last_axis(op: math.TopK) -> tuple[Value, ...] | None:
    """top_k(x, axis) -> transpose(top_k(transpose(x), last))"""
    last = op.x.type.rank - 1
    if op.axis == last:
        return None
    swap = _swap(op.axis, last)
    swapped = replace(op, x=tensor.Transpose(op.x, swap).result, axis=last)
    return tuple(tensor.Transpose(r, swap).result for r in swapped.results)


@RULES.on(math.TopK)
def top_k_of_truths(op: math.TopK) -> tuple[Value, ...] | None:
    """top_k(x) -> cast(top_k(cast(x, i32))) for truth values"""
    if op.x.type.dtype is not DType.BOOL:
        return None
    values, indices = replace(op, x=tensor.Cast(op.x, DType.I32).result).results
    return tensor.Cast(values, DType.BOOL).result, indices


@RULES.on(math.TopK)
def top_k_of_negatives(op: math.TopK) -> tuple[Value, ...] | None:
    """top_k(x, smallest) -> -top_k(-x, largest), for integers top_k(~x)"""
    if op.largest:
        return None
    values, indices = replace(op, x=_reversed_order(op.x), largest=True).results
    return _reversed_order(values), indices


def _reversed_order(x: Value) -> Value:
    """-x, and ~x for integers, of which the smallest has no negative."""
    return math.Neg(x).result if x.type.dtype.is_float else math.Sub(scalar(-1, x), x).result


@RULES.on(math.ArgReduction)
def arg_reduction_without_axis(op: math.ArgReduction) -> Op | None:
    """arg_max(x, keep_dims) -> reshape(arg_max(x))"""
    if not op.keep_dims:
        return None
    return tensor.Reshape(replace(op, keep_dims=False).result, None, op.result.type.shape)


@RULES.on(math.ArgReduction)
def last_as_first_of_reversed(op: math.ArgReduction) -> Op | None:
    """arg_max(x, last) -> dim - 1 - arg_max(reverse(x))"""
    if not op.select_last:
        return None
    found = replace(op, x=tensor.Reverse(op.x, (op.axis,)).result, select_last=False).result
    size = dim_value(op.x, op.axis, op.index_dtype)
    last = folded(math.Sub(size, scalar(1, size)))
    return math.Sub(last, found)
