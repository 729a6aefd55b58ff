"""Variance and order statistics."""

from collections.abc import Sequence

import numpy as np

from ....dims import Dim, SymInt, product
from ....ir import Value
from ....ops import math, tensor
from ....ops.inference import without_axes
from ....types import DType
from ...layers import scalar
from ...reductions import reduced
from ..axes import axes_of, axis_of
from ..registry import Table
from ..scalars import Int, Number
from ..scope import Scope, cast, constant, known_dim, known_float, reshape
from ..tensors import Tensor, Unsupported

TABLE = Table()

Axes = int | Sequence[int] | None


def variance(scope: Scope, x: Value, axes: tuple[int, ...], correction: float, keep_dims: bool) -> tuple[Value, Value]:
    """The variance and the mean: the squares of the differences, divided by the count less ``correction``."""
    if not x.type.dtype.is_float:
        raise Unsupported(f"the variance of {x.type} is taken; PyTorch refuses that, too")
    mean = reduced(math.ReduceMean, x, axes, True)
    squares = math.Square(math.Sub(x, mean).result).result
    kept_mean = mean if keep_dims else reshape(mean, without_axes(x.type.shape, axes, False))
    if correction == 0:
        return reduced(math.ReduceMean, squares, axes, keep_dims), kept_mean
    count = product(x.type.shape[a] for a in axes)
    if isinstance(count, SymInt):
        divisor = math.Sub(scope.scalar(count, x.type.dtype), scalar(correction, x)).result
        divisor = math.Maximum(divisor, scalar(0, x)).result
    else:
        divisor = scalar(max(count - correction, 0), x)
    return math.Div(reduced(math.ReduceSum, squares, axes, keep_dims), divisor).result, kept_mean


def _deviation(of: tuple[Value, Value]) -> tuple[Value, Value]:
    return math.Sqrt(of[0]).result, of[1]


def _correction(correction: Number | None) -> float:
    return 1 if correction is None else known_float(correction, "the correction")


@TABLE.imports("var")
def var_of_all(scope: Scope, self: Tensor, unbiased: bool = True) -> Value:
    return var_mean_of_all(scope, self, unbiased)[0]


@TABLE.imports("var")
def var(scope: Scope, self: Tensor, dim: Axes = None, unbiased: bool = True, keepdim: bool = False) -> Value:
    return var_mean(scope, self, dim, unbiased, keepdim)[0]


@TABLE.imports("var")
def var_corrected(
    scope: Scope, self: Tensor, dim: Axes = None, *, correction: Number | None = None, keepdim: bool = False
) -> Value:
    return var_mean_corrected(scope, self, dim, correction=correction, keepdim=keepdim)[0]


@TABLE.imports("std")
def std_of_all(scope: Scope, self: Tensor, unbiased: bool = True) -> Value:
    return std_mean_of_all(scope, self, unbiased)[0]


@TABLE.imports("std")
def std(scope: Scope, self: Tensor, dim: Axes = None, unbiased: bool = True, keepdim: bool = False) -> Value:
    return std_mean(scope, self, dim, unbiased, keepdim)[0]


@TABLE.imports("std")
def std_corrected(
    scope: Scope, self: Tensor, dim: Axes = None, *, correction: Number | None = None, keepdim: bool = False
) -> Value:
    return std_mean_corrected(scope, self, dim, correction=correction, keepdim=keepdim)[0]


@TABLE.imports("var_mean")
def var_mean_of_all(scope: Scope, self: Tensor, unbiased: bool = True) -> tuple[Value, Value]:
    return variance(scope, self.value, axes_of(None, self.rank), int(unbiased), False)


@TABLE.imports("var_mean")
def var_mean(
    scope: Scope, self: Tensor, dim: Axes = None, unbiased: bool = True, keepdim: bool = False
) -> tuple[Value, Value]:
    return variance(scope, self.value, axes_of(dim, self.rank), int(unbiased), keepdim)


@TABLE.imports("var_mean")
def var_mean_corrected(
    scope: Scope, self: Tensor, dim: Axes = None, *, correction: Number | None = None, keepdim: bool = False
) -> tuple[Value, Value]:
    return variance(scope, self.value, axes_of(dim, self.rank), _correction(correction), keepdim)


@TABLE.imports("std_mean")
def std_mean_of_all(scope: Scope, self: Tensor, unbiased: bool = True) -> tuple[Value, Value]:
    return _deviation(var_mean_of_all(scope, self, unbiased))


@TABLE.imports("std_mean")
def std_mean(
    scope: Scope, self: Tensor, dim: Axes = None, unbiased: bool = True, keepdim: bool = False
) -> tuple[Value, Value]:
    return _deviation(var_mean(scope, self, dim, unbiased, keepdim))


@TABLE.imports("std_mean")
def std_mean_corrected(
    scope: Scope, self: Tensor, dim: Axes = None, *, correction: Number | None = None, keepdim: bool = False
) -> tuple[Value, Value]:
    return _deviation(var_mean_corrected(scope, self, dim, correction=correction, keepdim=keepdim))


# Order statistics


def smallest(scope: Scope, x: Value, count: Dim, axis: int) -> tuple[Value, Value]:
    """The ``count`` smallest elements along an axis, ascending, and where they stand."""
    given = scope.scalar(count, DType.I64) if isinstance(count, SymInt) else None
    values, places = math.TopK(x, given, count, axis, False).results
    return values, places


def _last(x: Value, axis: int, keep_dims: bool) -> Value:
    """The last element along an axis."""
    shape = x.type.shape
    starts = tuple(shape[axis] - 1 if i == axis else 0 for i in range(len(shape)))
    sizes = without_axes(shape, (axis,), True)
    last = tensor.Slice(x, starts, sizes, (1,) * len(shape)).result
    return last if keep_dims else reshape(last, without_axes(shape, (axis,), False))


def _flat(x: Value) -> Value:
    return reshape(x, (x.type.elements,))


def nan_where_any(x: Value, axis: int, keep_dims: bool, otherwise: Value) -> Value:
    """NaN where an element along the axis is NaN."""
    if not x.type.dtype.is_float:
        return otherwise
    is_any = math.ReduceAny(math.IsNan(x).result, (axis,), keep_dims).result
    return math.Select(is_any, scalar(float("nan"), x), otherwise).result


@TABLE.imports("kthvalue")
def kthvalue(scope: Scope, self: Tensor, k: Int, dim: int = -1, keepdim: bool = False) -> tuple[Value, Value]:
    x = self.value
    if not x.type.rank:
        return x, constant(np.array(0, np.int64))
    axis = axis_of(dim, x.type.rank)
    values, places = smallest(scope, x, known_dim(k, "the rank asked for"), axis)
    return _last(values, axis, keepdim), _last(places, axis, keepdim)


@TABLE.imports("median")
def median(scope: Scope, self: Tensor) -> Value:
    return median_over_axis(scope, scope.tensor(_flat(self.value)), 0)[0]


@TABLE.imports("median")
def median_over_axis(scope: Scope, self: Tensor, dim: int, keepdim: bool = False) -> tuple[Value, Value]:
    x = self.value
    if not x.type.rank:
        return x, constant(np.array(0, np.int64))
    axis = axis_of(dim, x.type.rank)
    values, places = smallest(scope, x, (x.type.shape[axis] + 1) // 2, axis)
    middle, place = _last(values, axis, keepdim), _last(places, axis, keepdim)
    if not x.type.dtype.is_float:
        return middle, place
    is_nan = math.IsNan(x).result
    first_nan = math.ArgMax(cast(is_nan, DType.I32), axis, keepdim).result
    is_any = math.ReduceAny(is_nan, (axis,), keepdim).result
    return nan_where_any(x, axis, keepdim, middle), math.Select(is_any, first_nan, place).result


@TABLE.imports("nanmedian")
def nanmedian(scope: Scope, self: Tensor) -> Value:
    return nanmedian_over_axis(scope, scope.tensor(_flat(self.value)), 0)[0]


@TABLE.imports("nanmedian")
def nanmedian_over_axis(scope: Scope, self: Tensor, dim: int, keepdim: bool = False) -> tuple[Value, Value]:
    x = self.value
    if not x.type.rank or not x.type.dtype.is_float:
        return median_over_axis(scope, self, dim, keepdim)
    axis = axis_of(dim, x.type.rank)
    values, places, count = sorted_numbers(scope, x, axis)
    one, two = scalar(1, count), scalar(2, count)
    middle = math.Div(math.Maximum(math.Sub(count, one).result, scalar(0, count)).result, two).result
    found, place = (tensor.GatherElements(v, middle, axis).result for v in (values, places))
    found = math.Select(math.Equal(count, scalar(0, count)).result, scalar(float("nan"), x), found).result
    if keepdim:
        return found, place
    shape = without_axes(x.type.shape, (axis,), False)
    return reshape(found, shape), reshape(place, shape)


def sorted_numbers(scope: Scope, x: Value, axis: int) -> tuple[Value, Value, Value]:
    """The elements ascending with NaN behind, where they stood, and how many are no NaN (i64, the axis with size 1)."""
    is_nan = math.IsNan(x).result
    values, places = smallest(scope, math.Select(is_nan, scalar(float("inf"), x), x).result, x.type.shape[axis], axis)
    present = cast(math.LogicalNot(is_nan).result, DType.I64)
    return values, places, math.ReduceSum(present, (axis,), True).result


@TABLE.imports("mode")
def mode(scope: Scope, self: Tensor, dim: int = -1, keepdim: bool = False) -> tuple[Value, Value]:
    x = self.value
    if not x.type.rank:
        return x, constant(np.array(0, np.int64))
    axis, shape = axis_of(dim, x.type.rank), x.type.shape
    # Every element against every other: the axis twice.
    column = reshape(x, (*shape[: axis + 1], 1, *shape[axis + 1 :]))
    row = reshape(x, (*shape[:axis], 1, *shape[axis:]))
    counts = math.ReduceSum(cast(math.Equal(column, row).result, DType.I64), (axis + 1,)).result
    is_frequent = math.Equal(counts, math.ReduceMax(counts, (axis,), True).result).result
    highest = math.ReduceMax(x, (axis,), True).result
    found = math.ReduceMin(math.Select(is_frequent, x, highest).result, (axis,), True).result
    is_found = cast(math.Equal(x, found).result, DType.I32)
    place = math.ArgMax(is_found, axis, keepdim, True).result
    return (found if keepdim else reshape(found, without_axes(shape, (axis,), False))), place
