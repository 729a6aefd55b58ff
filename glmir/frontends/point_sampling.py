"""Linear interpolation of images at points, and what is made of it: regions of interest and deformable convolutions
(ONNX RoiAlign and DeformConv, torchvision's roi_align and deform_conv2d).

Elements are gathered, one for each corner of the cell around a point: nothing grows with the product of images and
points.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product as every
from math import prod

import numpy as np

from ..dims import Dim, product
from ..ir import Array, Value
from ..ops import math, tensor
from ..types import DType
from .layers import scalar
from .values import cast, constant, expand, index_within, positions, reshape, size_of, sliced, transposed


@dataclass(frozen=True)
class Images:
    """Images as ``rows`` [images * sizes, C], each row the channels of an element; ``sizes`` are an image's."""

    rows: Value
    sizes: tuple[Dim, ...]

    @classmethod
    def of(cls, x: Value, groups: int = 1) -> "Images":
        """Those of ``x`` [N, C, *sizes], every group of channels an image of its own."""
        batch, channels, *sizes = x.type.shape
        each = channels // groups
        order = (0, *range(2, len(sizes) + 2), 1)
        apart = transposed(reshape(x, (batch * groups, each, *sizes)), order)
        return cls(reshape(apart, (batch * groups * product(sizes), each)), tuple(sizes))

    def first(self, image: Value) -> Value:
        """The row in which an image, by its number, begins."""
        return math.Mul(image, size_of(product(self.sizes))).result

    def corners(self, first: Value, coordinates: Sequence[Value]) -> list[Value]:
        """What the corners of the cell around each point add to the interpolation there: [*points, C] each.

        ``first`` is the first row of each point's image; it and the ``coordinates``, one an axis, broadcast to
        [*points]. What lies outside an image is zero.
        """
        axes = [_neighbours(at, size) for at, size in zip(coordinates, self.sizes, strict=True)]
        terms = []
        for corner in every(*axes):
            place: Value | None = None
            for size, (along, _) in zip(self.sizes, corner, strict=True):
                place = along if place is None else math.Add(math.Mul(place, size_of(size)).result, along).result
            assert place is not None
            weight = reduce(lambda a, b: math.Mul(a, b).result, [share for _, share in corner])
            values = tensor.Gather(self.rows, math.Add(first, place).result, 0).result
            terms.append(math.Mul(values, reshape(weight, (*weight.type.shape, 1))).result)
        return terms


def _neighbours(at: Value, size: Dim) -> list[tuple[Value, Value]]:
    """The elements before and behind each coordinate, limited to the axis, and their weights, zero outside it."""
    before = math.Floor(at).result
    fraction = math.Sub(at, before).result
    zero, one = scalar(0, at), scalar(1, at)
    last = math.Sub(size_of(size, at.type.dtype), one).result
    sides = []
    for place, share in (
        (before, math.Sub(one, fraction).result),
        (math.Add(before, one).result, fraction),
    ):
        index = index_within(place, last)
        weight = math.Select(math.Equal(cast(index, at.type.dtype), place).result, share, zero).result
        sides.append((index, weight))
    return sides


def total(terms: Sequence[Value]) -> Value:
    return reduce(lambda a, b: math.Add(a, b).result, terms)


def largest(terms: Sequence[Value]) -> Value:
    return reduce(lambda a, b: math.Maximum(a, b).result, terms)


@dataclass(frozen=True)
class RoiAlign:
    """How regions are sampled: ``bins`` an axis, in each ``sampling_ratio`` samples an axis.

    A ratio of 0 takes as many as a bin has elements, rounded up, which differs from region to region; then
    ``fresh_symbol`` makes the symbol for the largest number of them. ``takes_max`` takes the largest of what the
    samples' corners add, as the standard's reference does, and not the samples' mean.
    """

    bins: tuple[int, int]
    scale: float
    sampling_ratio: int
    aligned: bool
    fresh_symbol: Callable[[], Dim]
    takes_max: bool = False

    def of(self, x: Value, image: Value, corners: Sequence[Value]) -> Value:
        """``x`` [N, C, H, W] in the regions whose images are ``image`` i64[K] and whose ``corners`` x1, y1, x2, y2 are
        [K, 1] each: [K, C, *bins]."""
        x1, y1, x2, y2 = corners
        down, across = self._samples(y1, y2, 0, x.type.shape[2]), self._samples(x1, x2, 1, x.type.shape[3])
        if not self.takes_max and self.sampling_ratio == 0:
            return _means_by_matrices(x, image, down, across)
        images = Images.of(x)
        count, channels = image.type.shape[0], x.type.shape[1]
        (_, rows, in_row), (_, columns, in_column) = (a.at.type.shape for a in (down, across))
        tall, wide = rows * in_row, columns * in_column
        first = reshape(images.first(image), (count, 1, 1))
        terms = images.corners(first, (reshape(down.at, (count, tall, 1)), reshape(across.at, (count, 1, wide))))
        shares = reshape(down.weight, (count, tall, 1, 1)), reshape(across.weight, (count, 1, wide, 1))
        values = math.Mul(largest(terms) if self.takes_max else total(terms), math.Mul(*shares).result).result
        binned = (count, rows, in_row, columns, in_column, channels)
        if not self.takes_max:
            y = math.ReduceSum(reshape(values, binned), (2, 4)).result
        elif down.is_counted is None or across.is_counted is None:
            y = math.ReduceMax(reshape(values, binned), (2, 4)).result
        else:
            sides = reshape(down.is_counted, (count, tall, 1, 1)), reshape(across.is_counted, (count, 1, wide, 1))
            lowest = scalar(float("-inf"), values)
            values = math.Select(math.LogicalAnd(*sides).result, values, lowest).result
            y = math.ReduceMax(reshape(values, binned), (2, 4)).result
            y = math.Select(math.Equal(y, lowest).result, scalar(0, y), y).result
        return transposed(y, (0, 3, 1, 2))

    def _samples(self, low: Value, high: Value, axis: int, size: Dim) -> "_Samples":
        scaled = [math.Mul(v, scalar(self.scale, v)).result for v in (low, high)]
        start, end = (math.Sub(v, scalar(0.5, v)).result if self.aligned else v for v in scaled)
        length = math.Sub(end, start).result
        if not self.aligned:
            length = math.Clamp(length, 1.0).result
        bins = self.bins[axis]
        step = math.Div(length, scalar(bins, length)).result
        count, steps, is_counted = self._steps(step)
        numbers = constant(np.arange(bins).astype(low.type.dtype.numpy).reshape(1, bins, 1))
        within = math.Div(math.Add(steps, scalar(0.5, steps)).result, count).result
        step, start = (reshape(v, (*v.type.shape, 1)) for v in (step, start))
        at = math.Add(start, math.Mul(step, math.Add(numbers, within).result).result).result
        limit = size_of(size, at.type.dtype)
        far = math.LogicalOr(math.Less(at, scalar(-1, at)).result, math.Greater(at, limit).result).result
        counts = math.LogicalNot(far).result
        if is_counted is not None:
            is_counted = expand(is_counted, at.type.shape)
            counts = math.LogicalAnd(counts, is_counted).result
        weight = cast(counts, at.type.dtype)
        if not self.takes_max:
            weight = math.Div(weight, count).result
        last = math.Sub(limit, scalar(1, at)).result
        return _Samples(math.Minimum(math.Clamp(at, 0.0).result, last).result, weight, is_counted)

    def _steps(self, step: Value) -> tuple[Value, Value, Value | None]:
        """How many samples each bin has, at least one: a scalar or [K, 1, 1]; their numbers [samples]; and which of
        them each region has, where that differs: [K, 1, samples]."""
        if self.sampling_ratio > 0:
            steps = np.arange(self.sampling_ratio).astype(step.type.dtype.numpy)
            return scalar(self.sampling_ratio, step), constant(steps), None
        regions = step.type.shape[0]
        counts = reshape(math.Ceil(step).result, (regions, 1, 1))
        most = math.ReduceMax(tensor.Concat((reshape(counts, (regions,)), constant(_one(step))), 0).result, (0,))
        limit = cast(most.result, DType.I64)
        zero, one = (constant(np.array(i, np.int64)) for i in (0, 1))
        steps_taken = tensor.Range(zero, limit, one, self.fresh_symbol()).result
        steps_as_floats = cast(steps_taken, step.type.dtype)
        is_counted = math.Less(steps_as_floats, counts).result
        return math.Maximum(counts, scalar(1, counts)).result, steps_as_floats, is_counted


def _one(like: Value) -> Array:
    return np.ones(1, like.type.dtype.numpy)


@dataclass(frozen=True)
class _Samples:
    """Samples along an axis: where they are, limited to the image; what they count, zero if they are far outside it;
    and which ones there are, None for all. Each is [K, bins, samples]."""

    at: Value
    weight: Value
    is_counted: Value | None


def _means_by_matrices(x: Value, image: Value, down: _Samples, across: _Samples) -> Value:
    """The means of any number of samples: what every row, then every column, of the image counts in each bin.

    With regions as large as the image this takes far less than gathering all samples.
    """
    batch, channels, height, width = x.type.shape
    count, rows, columns = image.type.shape[0], down.at.type.shape[1], across.at.type.shape[1]
    of_rows, of_columns = _shares(down, height), _shares(across, width)
    if batch != 1:
        is_own = math.Equal(reshape(image, (count, 1)), positions(batch)).result
        own = reshape(cast(is_own, x.type.dtype), (count, 1, batch, 1))
        of_rows = math.Mul(reshape(of_rows, (count, rows, 1, height)), own).result
    lines = reshape(transposed(x, (0, 2, 3, 1)), (batch * height, width * channels))
    in_rows = math.MatMul(reshape(of_rows, (count * rows, batch * height)), lines).result
    in_rows = reshape(in_rows, (count, rows, width, channels))
    y = math.MatMul(reshape(of_columns, (count, 1, columns, width)), in_rows).result
    return transposed(y, (0, 3, 1, 2))


def _shares(samples: _Samples, size: Dim) -> Value:
    """What every element of the axis counts in each bin: [K, bins, size]."""
    at, weight = (reshape(v, (*v.type.shape, 1)) for v in (samples.at, samples.weight))
    distance = math.Abs(math.Sub(at, cast(positions(size), at.type.dtype)).result).result
    near = math.Clamp(math.Sub(scalar(1, at), distance).result, 0.0).result
    return math.ReduceSum(math.Mul(near, weight).result, (2,)).result


@dataclass(frozen=True)
class DeformableConvolution:
    """The windows of a deformable convolution; ``low`` is the padding before each axis."""

    strides: tuple[int, ...]
    low: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    offset_groups: int

    def of(self, x: Value, weight: Value, kernel: tuple[int, ...], offset: Value, mask: Value | None) -> Value:
        """``x`` [N, C, *sizes] by ``weight`` [out, C / groups, *kernel]: [N, out, *out_sizes].

        The taps are moved by ``offset`` [N, offset_groups * taps * axes, *out_sizes], and multiplied by ``mask``
        [N, offset_groups * taps, *out_sizes].
        """
        batch, (out_channels, each), rank, taps = x.type.shape[0], weight.type.shape[:2], len(kernel), prod(kernel)
        shared, out = self.offset_groups, offset.type.shape[2:]
        points = (batch, shared, taps, *out)
        moves = reshape(offset, (batch, shared, taps, rank, *out))
        tap_places = np.indices(kernel).reshape(rank, taps)
        coordinates = [
            self._points(reshape(sliced(moves, 3, axis, 1), points), tap_places[axis], axis) for axis in range(rank)
        ]
        images = Images.of(x, shared)
        numbers = reshape(positions(batch * shared), (batch, shared, *(1,) * (rank + 1)))
        values = total(images.corners(images.first(numbers), coordinates))
        if mask is not None:
            values = math.Mul(values, reshape(mask, (*points, 1))).result
        # [N, shared, taps, *out, C / shared] -> [N, groups, C / groups * taps, out elements]
        ordered = transposed(values, (0, 1, rank + 3, 2, *range(3, rank + 3)))
        columns = reshape(ordered, (batch, self.groups, each * taps, product(out)))
        matrices = reshape(weight, (1, self.groups, out_channels // self.groups, each * taps))
        return reshape(math.MatMul(matrices, columns).result, (batch, out_channels, *out))

    def _points(self, moves: Value, taps: Array, axis: int) -> Value:
        """The coordinate of each tap's point along an axis, moved: [N, shared, taps, *out_sizes]."""
        size, rank = moves.type.shape[axis + 3], moves.type.rank
        starts = math.Mul(positions(size), constant(np.array(self.strides[axis], np.int64))).result
        shape = tuple(size if i == axis + 3 else 1 for i in range(rank))
        within = constant((taps * self.dilations[axis] - self.low[axis]).astype(np.int64))
        along_taps = reshape(within, (1, 1, len(taps), *(1,) * (rank - 3)))
        grid = math.Add(reshape(starts, shape), along_taps).result
        return math.Add(moves, cast(grid, moves.type.dtype)).result
