"""Order: sort, topk, unique, searchsorted, isin."""

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import math, tensor
from ....types import DType
from ..axes import axis_of
from ..building import as_indices, flat, joined, sliced
from ..promotion import promoted
from ..registry import Table
from ..scalars import Int, Number
from ..scope import Scope, cast, constant, known_dim, reshape
from ..tensors import Tensor, Unsupported

TABLE = Table()


def _ordered(x: Value, count: Dim, dim: int, largest: bool) -> tuple[Value, Value]:
    """The ``count`` smallest or largest elements along an axis, in order, and where they stood; NaN is the largest."""
    dtype = x.type.dtype
    row = x if x.type.rank else reshape(x, (1,))
    # Truth values have no order in the IR.
    numbers = cast(row, DType.I32) if dtype is DType.BOOL else row
    top = math.TopK(numbers, None, count, axis_of(dim, x.type.rank), largest)
    values, places = top.results
    values = cast(values, dtype)
    return (values, places) if x.type.rank else (reshape(values, ()), reshape(places, ()))


def _sorted(x: Value, dim: int, descending: bool) -> tuple[Value, Value]:
    size = x.type.shape[axis_of(dim, x.type.rank)] if x.type.rank else 1
    return _ordered(x, size, dim, descending)


@TABLE.imports("sort")
def sort(self: Tensor, dim: int = -1, descending: bool = False) -> tuple[Value, Value]:
    return _sorted(self.value, dim, descending)


@TABLE.imports("sort")
def sort_stable(self: Tensor, *, stable: bool | None, dim: int = -1, descending: bool = False) -> tuple[Value, Value]:
    return _sorted(self.value, dim, descending)


@TABLE.imports("argsort")
def argsort(self: Tensor, dim: int = -1, descending: bool = False) -> Value:
    return _sorted(self.value, dim, descending)[1]


@TABLE.imports("argsort")
def argsort_stable(self: Tensor, *, stable: bool, dim: int = -1, descending: bool = False) -> Value:
    return _sorted(self.value, dim, descending)[1]


@TABLE.imports("msort")
def msort(self: Tensor) -> Value:
    return _sorted(self.value, 0, descending=False)[0]


@TABLE.imports("topk")
def topk(self: Tensor, k: Int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Value, Value]:
    return _ordered(self.value, known_dim(k, "how many it takes"), dim, largest)


# unique: equal elements stand together once they are sorted, and each group begins where an element differs from the
# one before.


@TABLE.imports("_unique2")
def unique(
    scope: Scope, self: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
) -> tuple[Value, Value, Value]:
    in_order, places = _sorted(flat(self.value), 0, descending=False)
    values, groups, counts = _grouped(scope, in_order, return_counts)
    if not return_inverse:
        return values, _none(), counts
    rows = reshape(places, (*places.type.shape, 1))
    inverse = tensor.ScatterNd(places, rows, groups).result
    return values, reshape(inverse, self.shape), counts


@TABLE.imports("_unique")
def unique_with_inverse(
    scope: Scope, self: Tensor, sorted: bool = True, return_inverse: bool = False
) -> tuple[Value, Value]:
    return unique(scope, self, sorted, return_inverse)[:2]


@TABLE.imports("unique_consecutive")
def unique_consecutive(
    scope: Scope, self: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> tuple[Value, Value, Value]:
    if dim is not None and self.rank != 1:
        raise Unsupported("equal slices are not told apart, only equal elements")
    values, groups, counts = _grouped(scope, flat(self.value), return_counts)
    return values, reshape(groups, self.shape) if return_inverse else _none(), counts


@TABLE.imports("unique_dim")
def unique_dim(
    scope: Scope,
    self: Tensor,
    dim: int,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> tuple[Value, Value, Value]:
    if self.rank != 1:
        raise Unsupported("equal slices are not told apart, only equal elements")
    return unique(scope, self, sorted, return_inverse, return_counts)


@TABLE.imports("unique_dim_consecutive")
def unique_dim_consecutive(
    scope: Scope, self: Tensor, dim: int, return_inverse: bool = False, return_counts: bool = False
) -> tuple[Value, Value, Value]:
    return unique_consecutive(scope, self, return_inverse, return_counts, dim)


def _grouped(scope: Scope, row: Value, counts: bool) -> tuple[Value, Value, Value]:
    """The first of every run of equal elements, the number of each element's run, and how long the runs are."""
    (size,) = row.type.shape
    if size == 0:
        return row, _none(), _none()
    differs = math.NotEqual(sliced(row, 0, 1, size - 1), sliced(row, 0, 0, size - 1)).result
    begins = joined([constant(np.array([True])), differs], 0)
    count = scope.fresh_symbol()
    starts = reshape(tensor.NonZero(begins, count).result, (count,))
    one = constant(np.array(1, np.int64))
    groups = math.Sub(math.CumSum(cast(begins, DType.I64), 0).result, one).result
    values = tensor.Gather(row, starts, 0).result
    if not counts:
        return values, groups, _none()
    ends = joined([sliced(starts, 0, 1, count - 1), scope.vector([size])], 0)
    return values, groups, math.Sub(ends, starts).result


def _none() -> Value:
    """What stands for a result that was not asked for."""
    return constant(np.zeros((0,), np.int64))


@TABLE.imports("searchsorted")
def searchsorted(
    scope: Scope,
    sorted_sequence: Tensor,
    self: Tensor | Number,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Value:
    """How many elements of a row stand before each value; those equal to it count when ``right``."""
    if side is not None and side not in ("left", "right"):
        raise Unsupported(f"its side {side} is neither left nor right")
    rows = sorted_sequence
    if sorter is not None:
        rows = scope.tensor(tensor.GatherElements(rows.value, as_indices(sorter.value), rows.rank - 1).result)
    return _insertion_points(scope, rows, self, right or side == "right", out_int32)


@TABLE.imports("bucketize")
def bucketize(
    scope: Scope, self: Tensor | Number, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Value:
    return _insertion_points(scope, boundaries, self, right, out_int32)


def _insertion_points(scope: Scope, rows: Tensor, values: Tensor | Number, right: bool, narrow: bool) -> Value:
    row, x = promoted(scope, (rows, values))
    *batch, size = row.type.shape
    if row.type.rank == 1:
        row = reshape(row, (*(1,) * x.type.rank, size))
    else:
        row = reshape(row, (*batch, 1, size))
    column = reshape(x, (*x.type.shape, 1))
    # NaN stands behind all numbers: it is not less than any, and no number is greater.
    is_behind = (math.Greater if right else math.GreaterEqual)(row, column).result
    before = cast(math.LogicalNot(is_behind).result, DType.I32 if narrow else DType.I64)
    return math.ReduceSum(before, (before.type.rank - 1,)).result


@TABLE.imports("isin")
def isin(
    scope: Scope, elements: Tensor, test_elements: Tensor, *, assume_unique: object = False, invert: bool = False
) -> Value:
    return _is_among(scope, elements, test_elements, invert)


@TABLE.imports("isin")
def is_number(
    scope: Scope, elements: Tensor, test_element: Number, *, assume_unique: object = False, invert: bool = False
) -> Value:
    x, y = promoted(scope, (elements, test_element))
    return (math.NotEqual if invert else math.Equal)(x, y).result


@TABLE.imports("isin")
def number_is_in(
    scope: Scope, element: Number, test_elements: Tensor, *, assume_unique: object = False, invert: bool = False
) -> Value:
    return _is_among(scope, element, test_elements, invert)


def _is_among(scope: Scope, elements: Tensor | Number, candidates: Tensor, invert: bool) -> Value:
    x, row = promoted(scope, (elements, candidates))
    column = reshape(x, (*x.type.shape, 1))
    found = math.ReduceAny(math.Equal(column, flat(row)).result, (x.type.rank,)).result
    return math.LogicalNot(found).result if invert else found
