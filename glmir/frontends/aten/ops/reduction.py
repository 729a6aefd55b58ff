"""Sums, products, extremes and truth over axes."""

from collections.abc import Sequence

import numpy as np

from ....dims import SymInt
from ....ir import Value
from ....ops import math, tensor
from ....ops.inference import without_axes
from ....types import DType
from ...layers import scalar
from ...reductions import reduced
from ..axes import axes_of, axis_of
from ..building import diagonal_mask
from ..promotion import promoted
from ..registry import Table
from ..scalars import Scalar
from ..scope import Scope, cast, constant, reshape
from ..tensors import Tensor, Unsupported
from ..work import require_small

TABLE = Table()

Axes = tuple[int, ...]


def accumulated(x: Value, dtype: DType | None) -> Value:
    """What a sum adds up: the asked dtype, else i64 for integers and truth values."""
    if dtype is not None:
        return cast(x, dtype)
    return x if x.type.dtype.is_float else cast(x, DType.I64)


@TABLE.imports("sum")
def sum_over(
    self: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Value:
    x = accumulated(self.value, dtype)
    return reduced(math.ReduceSum, x, axes_of(dim, x.type.rank), keepdim)


@TABLE.imports("nansum")
def nan_sum(
    self: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Value:
    x = accumulated(self.value, dtype)
    return reduced(math.ReduceSum, _without_nan(x, 0.0), axes_of(dim, x.type.rank), keepdim)


def _without_nan(x: Value, substitute: float) -> Value:
    if not x.type.dtype.is_float:
        return x
    return math.Select(math.IsNan(x).result, scalar(substitute, x), x).result


@TABLE.imports("mean")
def mean(
    self: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Value:
    x = cast(self.value, dtype or self.dtype)
    if not x.type.dtype.is_float:
        raise Unsupported(f"the mean of {x.type} is taken; PyTorch refuses that, too")
    return reduced(math.ReduceMean, x, axes_of(dim, x.type.rank), keepdim)


@TABLE.imports("nanmean")
def nan_mean(
    self: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Value:
    x = cast(self.value, dtype or self.dtype)
    axes = axes_of(dim, x.type.rank)
    if not x.type.dtype.is_float:
        return reduced(math.ReduceMean, cast(x, DType.F32), axes, keepdim)
    present = cast(math.LogicalNot(math.IsNan(x).result).result, x.type.dtype)
    total = reduced(math.ReduceSum, _without_nan(x, 0.0), axes, keepdim)
    return math.Div(total, reduced(math.ReduceSum, present, axes, keepdim)).result


@TABLE.imports("prod")
def prod(self: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None) -> Value:
    x = accumulated(self.value, dtype)
    return reduced(math.ReduceProd, x, axes_of(dim, x.type.rank), keepdim)


@TABLE.imports("count_nonzero")
def count_nonzero(self: Tensor, dim: int | Sequence[int] | None = None) -> Value:
    present = cast(is_true(self.value), DType.I64)
    return reduced(math.ReduceSum, present, axes_of(dim, self.rank), False)


def is_true(x: Value) -> Value:
    """Which elements are not zero."""
    return x if x.type.dtype is DType.BOOL else math.NotEqual(x, scalar(0, x)).result


# Extremes


def largest_over(x: Value, axes: Axes, keep_dims: bool) -> Value:
    op = math.ReduceAny if x.type.dtype is DType.BOOL else math.ReduceMax
    return reduced(op, x, axes, keep_dims)


def smallest_over(x: Value, axes: Axes, keep_dims: bool) -> Value:
    op = math.ReduceAll if x.type.dtype is DType.BOOL else math.ReduceMin
    return reduced(op, x, axes, keep_dims)


def position_of(op: type[math.ArgReduction], x: Value, axis: int, keep_dims: bool) -> Value:
    """Where the extreme element stands along an axis: the first of equals."""
    if not x.type.rank:
        return constant(np.array(0, np.int64))
    numbers = cast(x, DType.I32) if x.type.dtype is DType.BOOL else x
    return op(numbers, axis, keep_dims).result


@TABLE.imports("max")
def max_over_all(self: Tensor) -> Value:
    return largest_over(self.value, axes_of(None, self.rank), False)


@TABLE.imports("max")
def max_over_axis(self: Tensor, dim: int, keepdim: bool = False) -> tuple[Value, Value]:
    x = self.value
    axes = axes_of(dim, x.type.rank)
    position = position_of(math.ArgMax, x, axis_of(dim, x.type.rank), keepdim)
    return largest_over(x, axes, keepdim), position


@TABLE.imports("min")
def min_over_all(self: Tensor) -> Value:
    return smallest_over(self.value, axes_of(None, self.rank), False)


@TABLE.imports("min")
def min_over_axis(self: Tensor, dim: int, keepdim: bool = False) -> tuple[Value, Value]:
    x = self.value
    axes = axes_of(dim, x.type.rank)
    position = position_of(math.ArgMin, x, axis_of(dim, x.type.rank), keepdim)
    return smallest_over(x, axes, keepdim), position


@TABLE.imports("max", "maximum")
def maximum(scope: Scope, self: Tensor, other: Tensor) -> Value:
    x, y = promoted(scope, (self, other))
    op = math.LogicalOr if x.type.dtype is DType.BOOL else math.Maximum
    return op(x, y).result


@TABLE.imports("min", "minimum")
def minimum(scope: Scope, self: Tensor, other: Tensor) -> Value:
    x, y = promoted(scope, (self, other))
    op = math.LogicalAnd if x.type.dtype is DType.BOOL else math.Minimum
    return op(x, y).result


@TABLE.imports("fmax")
def fmax(scope: Scope, self: Tensor, other: Tensor) -> Value:
    return _of_numbers(maximum(scope, self, other), promoted(scope, (self, other)))


@TABLE.imports("fmin")
def fmin(scope: Scope, self: Tensor, other: Tensor) -> Value:
    return _of_numbers(minimum(scope, self, other), promoted(scope, (self, other)))


def _of_numbers(extreme: Value, operands: Sequence[Value]) -> Value:
    """The extreme of two, or the one that is a number when the other is NaN."""
    x, y = operands
    if not x.type.dtype.is_float:
        return extreme
    either = math.Select(math.IsNan(y).result, x, extreme).result
    return math.Select(math.IsNan(x).result, y, either).result


@TABLE.imports("amax")
def amax(self: Tensor, dim: int | Sequence[int] = (), keepdim: bool = False) -> Value:
    return largest_over(self.value, axes_of(dim, self.rank), keepdim)


@TABLE.imports("amin")
def amin(self: Tensor, dim: int | Sequence[int] = (), keepdim: bool = False) -> Value:
    return smallest_over(self.value, axes_of(dim, self.rank), keepdim)


@TABLE.imports("aminmax")
def aminmax(self: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Value, Value]:
    axes = axes_of(dim, self.rank)
    return smallest_over(self.value, axes, keepdim), largest_over(self.value, axes, keepdim)


@TABLE.imports("_aminmax")
def aminmax_over_axis(self: Tensor, dim: int | None = None, keepdim: bool = False) -> tuple[Value, Value]:
    return aminmax(self, dim=dim, keepdim=keepdim)


@TABLE.imports("argmax")
def argmax(self: Tensor, dim: int | None = None, keepdim: bool = False) -> Value:
    return _arg_extreme(math.ArgMax, self.value, dim, keepdim)


@TABLE.imports("argmin")
def argmin(self: Tensor, dim: int | None = None, keepdim: bool = False) -> Value:
    return _arg_extreme(math.ArgMin, self.value, dim, keepdim)


def _arg_extreme(op: type[math.ArgReduction], x: Value, dim: int | None, keep_dims: bool) -> Value:
    if dim is not None:
        return position_of(op, x, axis_of(dim, x.type.rank), keep_dims)
    position = position_of(op, reshape(x, (x.type.elements,)), 0, False)
    return reshape(position, without_axes(x.type.shape, range(x.type.rank), keep_dims))


# Truth


@TABLE.imports("any", "_is_any_true")
def any_over(self: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Value:
    return _truth(math.ReduceAny, self.value, dim, keepdim)


@TABLE.imports("all", "_is_all_true")
def all_over(self: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Value:
    return _truth(math.ReduceAll, self.value, dim, keepdim)


def _truth(op: type[math.Reduction], x: Value, dim: int | Sequence[int] | None, keep_dims: bool) -> Value:
    truth = reduced(op, is_true(x), axes_of(dim, x.type.rank), keep_dims)
    # Of bytes the answer is a byte.
    return cast(truth, DType.U8) if x.type.dtype is DType.U8 else truth


# Along the diagonal, and by value


@TABLE.imports("trace")
def trace(scope: Scope, self: Tensor) -> Value:
    x = accumulated(self.value, None)
    if x.type.rank != 2:
        raise Unsupported(f"it takes a matrix, not {x.type}")
    on_diagonal = diagonal_mask(scope, x.type.shape[0], x.type.shape[1])
    return math.ReduceSum(math.Select(on_diagonal, x, scalar(0, x)).result, (0, 1)).result


@TABLE.imports("sum_to_size")
def sum_to_size(self: Tensor, size: Sequence[int]) -> Value:
    x = self.value
    extra = x.type.rank - len(size)
    axes = (*range(extra), *(extra + i for i, d in enumerate(size) if d == 1 and x.type.shape[extra + i] != 1))
    return reshape(reduced(math.ReduceSum, x, axes, False), tuple(size))


@TABLE.imports("bincount")
def bincount(scope: Scope, self: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Value:
    x = cast(self.value, DType.I64)
    largest = math.ReduceMax(x, (0,)).result
    length = math.Maximum(math.Add(largest, scalar(1, x)).result, scalar(minlength, x)).result
    number = scope.number(length)
    if not isinstance(number, int | SymInt | Scalar):
        raise Unsupported("it counts what are no integers")
    (size,), _ = scope.dims((number,))
    bins = tensor.Range(scalar(0, x), length, scalar(1, x), size).result
    meets = math.Equal(reshape(x, (*x.type.shape, 1)), bins).result
    if weights is None:
        return math.ReduceSum(cast(meets, DType.I64), (0,)).result
    # Weights of every dtype but f32 are added up as f64.
    weight = cast(weights.value, DType.F32 if weights.dtype is DType.F32 else DType.F64)
    column = reshape(weight, (*weight.type.shape, 1))
    return math.ReduceSum(math.Select(meets, column, scalar(0, weight)).result, (0,)).result


@TABLE.imports("histc")
def histc(self: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Value:
    x = reshape(self.value, (self.elements,))
    require_small(bins, "the bins")
    low, high = scalar(min, x), scalar(max, x)
    if min == max:
        low, high = math.ReduceMin(x, (0,)).result, math.ReduceMax(x, (0,)).result
        # All elements alike: the range is widened to hold them in its middle.
        is_flat = math.Equal(low, high).result
        low, high = (
            math.Select(is_flat, math.Sub(low, scalar(1, x)).result, low).result,
            math.Select(is_flat, math.Add(high, scalar(1, x)).result, high).result,
        )
    share = math.Div(math.Sub(x, low).result, math.Sub(high, low).result).result
    place = math.Floor(math.Mul(share, scalar(bins, x)).result).result
    last = math.Select(math.Equal(x, high).result, scalar(bins - 1, x), place).result
    meets = math.Equal(reshape(last, (*last.type.shape, 1)), constant(np.arange(bins).astype(x.type.dtype.numpy)))
    return math.ReduceSum(cast(meets.result, x.type.dtype), (0,)).result
