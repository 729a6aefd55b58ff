"""Running sums, products and extremes, and differences."""

import numpy as np

from ....dims import SymInt
from ....ir import Value
from ....ops import math, tensor
from ....types import DType
from ...layers import scalar
from ...reductions import log_sum_exp, running_product
from ..axes import axis_of
from ..building import along, positions
from ..promotion import as_float, promoted
from ..registry import Table
from ..scope import Scope, cast, constant, reshape
from ..tensors import Tensor
from ..work import require_few
from .reduction import accumulated, largest_over, smallest_over

TABLE = Table()


@TABLE.imports("cumsum")
def cumsum(self: Tensor, dim: int, *, dtype: DType | None = None) -> Value:
    x = accumulated(self.value, dtype)
    return math.CumSum(x, axis_of(dim, x.type.rank)).result if x.type.rank else x


@TABLE.imports("cumprod")
def cumprod(scope: Scope, self: Tensor, dim: int, *, dtype: DType | None = None) -> Value:
    x = accumulated(self.value, dtype)
    if not x.type.rank:
        return x
    axis = axis_of(dim, x.type.rank)
    length = x.type.shape[axis]
    if isinstance(length, SymInt):
        return math.ReduceProd(_prefixes(scope, x, axis, scalar(1, x)), (axis + 1,)).result
    return running_product(x, axis, length)


def _prefixes(scope: Scope, x: Value, axis: int, filler: Value) -> Value:
    """For each place of the axis the elements up to it, along a second axis behind the first; ``filler`` for the rest.

    That takes memory as the square of the length, but any reduction over the second axis is a scan.
    """
    return _prefixes_of(scope, reshape(x, (*x.type.shape[:axis], 1, *x.type.shape[axis:])), axis, filler)


def _prefixes_of(scope: Scope, row: Value, axis: int, filler: Value) -> Value:
    """The same of what has both axes already; the first may have size 1."""
    rank, length = row.type.rank, row.type.shape[axis + 1]
    places = positions(length)
    is_prefix = math.LessEqual(along(places, axis + 1, rank), along(places, axis, rank)).result
    return math.Select(is_prefix, row, filler).result


@TABLE.imports("cummax")
def cummax(scope: Scope, self: Tensor, dim: int) -> tuple[Value, Value]:
    return _running_extreme(scope, self.value, dim, True)


@TABLE.imports("cummin")
def cummin(scope: Scope, self: Tensor, dim: int) -> tuple[Value, Value]:
    return _running_extreme(scope, self.value, dim, False)


def _running_extreme(scope: Scope, x: Value, dim: int, is_largest: bool) -> tuple[Value, Value]:
    """The extremes, and where the last of equals stands."""
    if not x.type.rank:
        return x, constant(np.array(0, np.int64))
    axis, dtype = axis_of(dim, x.type.rank), x.type.dtype
    over = largest_over if is_largest else smallest_over
    if dtype.is_float:
        prefixes = _prefixes(scope, x, axis, scalar(float("-inf" if is_largest else "inf"), x))
        find = math.ArgMax if is_largest else math.ArgMin
        return over(prefixes, (axis + 1,), False), find(prefixes, axis + 1, False, True).result
    # Integers have no element that all others beat, so what is behind a prefix is told apart by its place.
    numbers = cast(x, DType.I32) if dtype is DType.BOOL else x
    beaten = (smallest_over if is_largest else largest_over)(numbers, (axis,), True)
    filler = reshape(beaten, (*beaten.type.shape[:axis], 1, *beaten.type.shape[axis:]))
    extremes = over(_prefixes(scope, numbers, axis, filler), (axis + 1,), True)
    shape = x.type.shape
    row = reshape(numbers, (*shape[:axis], 1, *shape[axis:]))
    places = along(positions(shape[axis]), axis + 1, x.type.rank + 1)
    found = math.Select(math.Equal(row, extremes).result, places, scalar(-1, places)).result
    last = largest_over(_prefixes_of(scope, found, axis, scalar(-1, places)), (axis + 1,), False)
    return cast(reshape(extremes, shape), dtype), last


@TABLE.imports("logcumsumexp")
def logcumsumexp(scope: Scope, self: Tensor, dim: int) -> Value:
    x = as_float(self.value)
    if not x.type.rank:
        return x
    axis = axis_of(dim, x.type.rank)
    return log_sum_exp(_prefixes(scope, x, axis, scalar(float("-inf"), x)), (axis + 1,), False)


@TABLE.imports("diff")
def diff(
    scope: Scope, self: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Value:
    parts = promoted(scope, [t for t in (prepend, self, append) if t is not None])
    axis = axis_of(dim, self.rank)
    x = tensor.Concat(tuple(parts), axis).result if len(parts) > 1 else parts[0]
    require_few(n, "the differences")
    for _ in range(n):
        x = _difference(x, axis)
    return x


def _difference(x: Value, axis: int) -> Value:
    shape = x.type.shape
    sizes = tuple(d - 1 if i == axis else d for i, d in enumerate(shape))
    steps = (1,) * len(shape)
    before = tensor.Slice(x, (0,) * len(shape), sizes, steps).result
    after = tensor.Slice(x, tuple(int(i == axis) for i in range(len(shape))), sizes, steps).result
    return (math.NotEqual if x.type.dtype is DType.BOOL else math.Sub)(after, before).result
