"""The largest elements in the bins of regions (ONNX MaxRoiPool; Girshick, "Fast R-CNN", 2015)."""

from dataclasses import dataclass

import numpy as np

from ..ir import Value
from ..ops import math, tensor
from ..types import DType
from .layers import scalar
from .values import cast, constant, joined, reshape, size_of, sliced, transposed


@dataclass(frozen=True)
class RegionPool:
    """How many ``bins`` a region has along each axis, and what its corners are multiplied by.

    The largest of 1, 2, 4, … neighbours is found once for every place, so that the largest of a bin is that of four
    rectangles which cover it, however large it is (Bender and Farach-Colton, "The LCA Problem Revisited", 2000).
    """

    bins: tuple[int, int]
    scale: float

    def of(self, x: Value, rois: Value) -> Value:
        """``x`` [N, C, H, W], of known height and width, in ``rois`` [K, 5], each an image's number and the corners
        x1, y1, x2, y2: [K, C, *bins]."""
        batch, channels, height, width = x.type.shape
        assert isinstance(height, int) and isinstance(width, int)
        count = rois.type.shape[0]
        image, *corners = (sliced(rois, 1, i, 1) for i in range(5))
        x1, y1, x2, y2 = (self._element(v) for v in corners)
        tables = transposed(x, (0, 2, 3, 1))
        tall, wide = _levels(height), _levels(width)
        tables = _with_powers(_with_powers(tables, 1, height), 3, width)
        # [N, tall, H, wide, W, C]
        rows = reshape(tables, (batch * tall * height * wide * width, channels))
        down, across = self._spans(y1, y2, 0, height), self._spans(x1, x2, 1, width)
        first = math.Mul(cast(image, DType.I64), size_of(tall * height * wide * width)).result
        found: Value | None = None
        for row in down.places:
            for column in across.places:
                shapes = (count, self.bins[0], 1), (count, 1, self.bins[1])
                place = math.Mul(reshape(row, shapes[0]), size_of(wide * width)).result
                place = math.Add(place, reshape(column, shapes[1])).result
                place = math.Add(place, reshape(first, (count, 1, 1))).result
                values = tensor.Gather(rows, place, 0).result
                found = values if found is None else math.Maximum(found, values).result
        assert found is not None
        is_empty = math.LogicalOr(
            reshape(down.is_empty, (count, self.bins[0], 1, 1)), reshape(across.is_empty, (count, 1, self.bins[1], 1))
        ).result
        return transposed(math.Select(is_empty, scalar(0, found), found).result, (0, 3, 1, 2))

    def _element(self, corner: Value) -> Value:
        """The element nearest to a corner, of two the one further from 0."""
        scaled = math.Mul(corner, scalar(self.scale, corner)).result
        magnitude = math.Floor(math.Add(math.Abs(scaled).result, scalar(0.5, scaled)).result).result
        return math.Mul(math.Sign(scaled).result, magnitude).result

    def _spans(self, first: Value, last: Value, axis: int, size: int) -> "_Spans":
        bins = self.bins[axis]
        one = scalar(1, first)
        length = math.Maximum(math.Add(math.Sub(last, first).result, one).result, one).result
        step = math.Div(length, scalar(bins, length)).result
        numbers = np.arange(bins).astype(first.type.dtype.numpy)[None]
        low = math.Floor(math.Mul(step, constant(numbers)).result).result
        high = math.Ceil(math.Mul(step, constant(numbers + numbers.dtype.type(1))).result).result
        limits = constant(np.array(0, np.int64)), size_of(size)
        begin, end = (
            math.Maximum(math.Minimum(cast(math.Add(v, first).result, DType.I64), limits[1]).result, limits[0]).result
            for v in (low, high)
        )
        return _spans_between(begin, end, size)


@dataclass(frozen=True)
class _Spans:
    """For every bin the two places in an axis' table whose stretches cover it, and whether it has no elements."""

    places: tuple[Value, Value]
    is_empty: Value


def _levels(size: int) -> int:
    """How many powers of two a stretch of the axis can have as its length."""
    return max(size, 1).bit_length()


def _with_powers(x: Value, axis: int, size: int) -> Value:
    """``x`` with an axis before the given one: level k has the largest of 2**k elements from each on."""
    shape = x.type.shape
    level, levels = x, [reshape(x, (*shape[:axis], 1, *shape[axis:]))]
    for k in range(_levels(size) - 1):
        distance = 1 << k
        rest = sliced(level, axis, distance, size - distance)
        behind = tuple(distance if i == axis else 0 for i in range(len(shape)))
        moved = tensor.Pad(rest, scalar(float("-inf"), x), (0,) * len(shape), behind).result
        level = math.Maximum(level, moved).result
        levels.append(reshape(level, (*shape[:axis], 1, *shape[axis:])))
    return joined(levels, axis)


def _spans_between(begin: Value, end: Value, size: int) -> _Spans:
    length = math.Sub(end, begin).result
    is_empty = math.LessEqual(length, scalar(0, length)).result
    level = cast(math.GreaterEqual(length, scalar(2, length)).result, DType.I64)
    for k in range(2, _levels(size)):
        level = math.Add(level, cast(math.GreaterEqual(length, scalar(1 << k, length)).result, DType.I64)).result
    reach = tensor.Gather(constant(1 << np.arange(_levels(size), dtype=np.int64)), level, 0).result
    base = math.Mul(level, size_of(size)).result
    last = math.Maximum(math.Sub(end, reach).result, scalar(0, end)).result
    limited = math.Minimum(begin, size_of(size - 1)).result
    return _Spans((math.Add(base, limited).result, math.Add(base, last).result), is_empty)
