"""Elements and slices that differ from all others, as several frontends give them.

Elements are sorted: equal ones then stand together. Slices, of which no target sorts any, are compared with each other.
"""

from dataclasses import dataclass

import numpy as np

from ..dims import Dim
from ..ir import Value
from ..ops import math, tensor
from ..types import DType
from .values import cast, constant, joined, positions, reshape, size_of, sliced


@dataclass(frozen=True)
class Unique:
    """Of n elements or slices: where the different ones stand first, i64[u]; which of these each is, i64[n]; and how
    often each of these is there, i64[u]."""

    firsts: Value
    inverse: Value
    counts: Value


def unique_elements(row: Value, count: Dim, in_order: bool) -> Unique:
    """The different elements of a list of at least one, in ascending order or in that in which they appear.

    ``count``: a symbol for their number. Of numbers that are none each differs from all.
    """
    (size,) = row.type.shape
    ordered, places = math.TopK(_ordered(row), None, size, 0, largest=False).results
    differs = math.NotEqual(sliced(ordered, 0, 1, size - 1), sliced(ordered, 0, 0, size - 1)).result
    begins = joined([constant(np.array([True])), differs], 0)
    starts = _positions_of(begins, count)
    firsts = tensor.Gather(places, starts, 0).result
    groups = _numbered(begins)
    ends = joined([sliced(starts, 0, 1, count - 1), reshape(size_of(size), (1,))], 0)
    counts = math.Sub(ends, starts).result
    if in_order:
        return Unique(firsts, _written(places, places, groups), counts)
    is_first = math.Greater(_written(places, places, cast(begins, DType.I64)), _zero()).result
    own_first = _written(places, places, tensor.Gather(firsts, groups, 0).result)
    counts_by_place = _written(places, firsts, counts)
    return _as_they_appear(is_first, own_first, counts_by_place, count)


def unique_slices(rows: Value, count: Dim, in_order: bool) -> Unique:
    """The different rows of a matrix [n, m], in lexicographic order or in that in which they appear."""
    size, width = rows.type.shape
    ordered = _ordered(rows)
    a, b = reshape(ordered, (size, 1, width)), reshape(ordered, (1, size, width))
    differs = cast(math.NotEqual(a, b).result, DType.I32)
    decides = math.Equal(math.CumSum(differs, 2, exclusive=True).result, _zero(DType.I32)).result
    is_before = math.ReduceAny(math.LogicalAnd(math.Less(a, b).result, decides).result, (2,)).result
    is_equal = math.Equal(math.ReduceSum(differs, (2,)).result, _zero(DType.I32)).result
    own_first = math.ArgMax(cast(is_equal, DType.I32), 1).result
    own_first = reshape(own_first, (size,))
    is_first = math.Equal(own_first, positions(size)).result
    alike = math.ReduceSum(cast(is_equal, DType.I64), (1,)).result
    if not in_order:
        return _as_they_appear(is_first, own_first, alike, count)
    counted = math.LogicalAnd(is_before, reshape(is_first, (size, 1))).result
    inverse = math.ReduceSum(cast(counted, DType.I64), (0,)).result
    appearing = _positions_of(is_first, count)
    firsts = _written(appearing, tensor.Gather(inverse, appearing, 0).result, appearing)
    return Unique(firsts, inverse, tensor.Gather(alike, firsts, 0).result)


def _as_they_appear(is_first: Value, own_first: Value, counts: Value, count: Dim) -> Unique:
    """From what holds of each of the n: whether nothing before is equal, the first that is, and how many are."""
    firsts = _positions_of(is_first, count)
    inverse = tensor.Gather(_numbered(is_first), own_first, 0).result
    return Unique(firsts, inverse, tensor.Gather(counts, firsts, 0).result)


def _ordered(x: Value) -> Value:
    """Truth values have no order in the IR."""
    return cast(x, DType.I32) if x.type.dtype is DType.BOOL else x


def _positions_of(flags: Value, count: Dim) -> Value:
    return reshape(tensor.NonZero(flags, count).result, (count,))


def _numbered(flags: Value) -> Value:
    """How many flags stand before, or at the place itself, less one."""
    return math.Sub(math.CumSum(cast(flags, DType.I64), 0).result, constant(np.array(1, np.int64))).result


def _written(base: Value, places: Value, values: Value) -> Value:
    """``base`` with ``values`` at ``places``."""
    return tensor.ScatterNd(base, reshape(places, (*places.type.shape, 1)), values).result


def _zero(dtype: DType = DType.I64) -> Value:
    return constant(np.zeros((), dtype.numpy))
