"""Rows of tables by number: embedding, embedding_bag, one_hot."""

import numpy as np

from ....dims import Dim, SymInt
from ....ir import Value
from ....ops import math, tensor
from ....ops.enums import ScatterReduction
from ....types import DType
from ..building import as_indices, filled, flat, positions
from ..registry import Table
from ..scalars import Int
from ..scope import Scope, cast, constant, known_int, reshape
from ..tensors import Tensor, Unsupported

TABLE = Table()

_SUM, _MEAN, _MAX = range(3)
"""The modes of embedding_bag."""

_Bags = tuple[Value, None, None, None]


@TABLE.imports("embedding")
def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: object = -1,
    scale_grad_by_freq: object = False,
    sparse: object = False,
) -> Value:
    if not indices.dtype.is_integer:
        raise Unsupported(f"its indices are {indices.dtype.value}, not i32 or i64")
    return tensor.Gather(weight.value, as_indices(indices.value), 0).result


@TABLE.imports("one_hot")
def one_hot(scope: Scope, self: Tensor, num_classes: Int = -1) -> Value:
    depth = num_classes
    if depth == -1:
        contents = scope.contents.of(self.value)
        elements: list[object] = [] if contents is None else list(contents.flat)
        known = [e for e in elements if isinstance(e, int)]
        if not known or len(known) < len(elements):
            raise Unsupported("the number of classes depends on the data; name it (num_classes)")
        depth = max(known) + 1
    values = constant(np.array([0, 1], np.int64))
    count = known_int(depth, "the number of classes")
    return tensor.OneHot(as_indices(self.value), values, count, self.rank).result


@TABLE.imports("embedding_bag")
def embedding_bag(
    scope: Scope,
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: object = False,
    mode: int = 0,
    sparse: object = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> _Bags:
    padding: Dim = -1 if padding_idx is None else padding_idx
    if padding_idx is not None and padding_idx < 0:
        padding = weight.shape[0] + padding_idx
    return bags_of_rows(
        scope, weight, indices, offsets, None, mode, None, per_sample_weights, include_last_offset, padding
    )


@TABLE.imports("_embedding_bag", "_embedding_bag_forward_only")
def bags_of_rows(
    scope: Scope,
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: object = False,
    mode: int = 0,
    sparse: object = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: Int = -1,
) -> _Bags:
    """The sum, mean or maximum of the rows of each bag; bags are runs of ``indices`` that begin at ``offsets``.

    Rows of the number ``padding_idx``, if it is not -1, do not count. What else PyTorch returns is for the backward
    pass: it is left out.
    """
    if mode not in (_SUM, _MEAN, _MAX):
        raise Unsupported(f"its mode {mode} is not known")
    row = flat(as_indices(indices.value))
    count: Dim = offsets.elements - 1 if include_last_offset else offsets.elements
    rows = tensor.Gather(weight.value, row, 0).result
    if per_sample_weights is not None:
        rows = math.Mul(rows, reshape(per_sample_weights.value, (*row.type.shape, 1))).result
    is_padding = None
    if padding_idx != -1:
        padding = scope.scalar(padding_idx, row.type.dtype)
        is_padding = reshape(math.Equal(row, padding).result, (*row.type.shape, 1))
    size = _equal_size(scope, offsets, row.type.shape[0], count)
    if size is not None:
        return _equal_bags(scope, rows, is_padding, count, size, mode), None, None, None
    return _bags(scope, rows, is_padding, _bag_of_each(scope, row, offsets), count, mode), None, None, None


def _equal_size(scope: Scope, offsets: Tensor, total: Dim, count: Dim) -> int | None:
    """The size of the bags if all are known to have the same."""
    contents = scope.contents.of(offsets.value)
    if contents is None or isinstance(total, SymInt) or isinstance(count, SymInt) or count == 0 or total % count:
        return None
    size = total // count
    starts = list(contents.flat)[:count]
    return size if size and starts == [i * size for i in range(count)] else None


def _equal_bags(scope: Scope, rows: Value, is_padding: Value | None, count: Dim, size: int, mode: int) -> Value:
    dtype, width = rows.type.dtype, rows.type.shape[1]
    if is_padding is not None:
        rows = math.Select(is_padding, scope.scalar(_start(mode), dtype), rows).result
    bags = reshape(rows, (count, size, width))
    if mode == _MAX:
        largest = math.ReduceMax(bags, (1,)).result
        return largest if is_padding is None else _without_infinity(scope, largest)
    if is_padding is None:
        return (math.ReduceSum if mode == _SUM else math.ReduceMean)(bags, (1,)).result
    total = math.ReduceSum(bags, (1,)).result
    if mode == _SUM:
        return total
    counted = reshape(cast(math.LogicalNot(is_padding).result, dtype), (count, size, 1))
    return _quotient(scope, total, math.ReduceSum(counted, (1,)).result)


def _bag_of_each(scope: Scope, row: Value, offsets: Tensor) -> Value:
    """i64[n]: the number of the bag of each index: as many as begin before it or with it, less one."""
    (total,) = row.type.shape
    begins = reshape(cast(offsets.value, DType.I64), (1, offsets.elements))
    place = reshape(positions(total), (total, 1))
    begun = math.ReduceSum(cast(math.LessEqual(begins, place).result, DType.I64), (1,)).result
    return math.Sub(begun, constant(np.array(1, np.int64))).result


def _bags(scope: Scope, rows: Value, is_padding: Value | None, bag: Value, count: Dim, mode: int) -> Value:
    dtype, width = rows.type.dtype, rows.type.shape[1]
    if is_padding is not None:
        rows = math.Select(is_padding, scope.scalar(_start(mode), dtype), rows).result
    places = reshape(bag, (*bag.type.shape, 1))
    reduction = ScatterReduction.MAX if mode == _MAX else ScatterReduction.ADD
    total = tensor.ScatterNd(filled(scope, _start(mode), dtype, (count, width)), places, rows, reduction).result
    if mode == _MAX:
        return _without_infinity(scope, total)
    if mode == _SUM:
        return total
    shape = (*bag.type.shape, 1)
    ones = filled(scope, 1, dtype, shape) if is_padding is None else cast(math.LogicalNot(is_padding).result, dtype)
    counts = tensor.ScatterNd(filled(scope, 0, dtype, (count, 1)), places, ones, ScatterReduction.ADD).result
    return _quotient(scope, total, counts)


def _start(mode: int) -> float:
    return float("-inf") if mode == _MAX else 0.0


def _quotient(scope: Scope, total: Value, counts: Value) -> Value:
    """The mean; that of an empty bag is 0."""
    return math.Div(total, math.Maximum(counts, scope.scalar(1, counts.type.dtype)).result).result


def _without_infinity(scope: Scope, largest: Value) -> Value:
    """The maximum; that of an empty bag is 0."""
    dtype = largest.type.dtype
    is_empty = math.Equal(largest, scope.scalar(float("-inf"), dtype)).result
    return math.Select(is_empty, scope.scalar(0.0, dtype), largest).result
