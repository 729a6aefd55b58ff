"""Samples of an image at positions that a grid gives, and the grids of affine maps (ONNX GridSample and AffineGrid,
PyTorch's grid_sampler and affine_grid_generator).

Elements are gathered, a few for each position, so that nothing grows with the product of the image and the grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..dims import Dim, product
from ..ir import Value
from ..ops import math, tensor
from ..types import DType
from .layers import scalar
from .values import cast, constant, index_within, positions, reshape, size_of, sliced


class Interpolation(IntEnum):
    """PyTorch's numbers."""

    LINEAR = 0
    NEAREST = 1
    CUBIC = 2


class Padding(IntEnum):
    """What stands outside the image; PyTorch's numbers."""

    ZEROS = 0
    BORDER = 1
    REFLECTION = 2


@dataclass(frozen=True)
class GridSampler:
    """How positions become elements."""

    interpolation: Interpolation
    padding: Padding
    align_corners: bool

    def taps(self, at: Value, size: Dim) -> tuple[Value, Value]:
        """The elements along an axis of ``size`` that the positions ``at`` [N, P], from -1 to 1, read, and their
        weights: i64[N, P, taps] and floats."""
        extent = size_of(size, at.type.dtype)
        if self.align_corners:
            position = math.Mul(_shifted(_scaled(at, 0.5), 0.5), _shifted(extent, -1)).result
        else:
            position = _shifted(_scaled(math.Mul(_shifted(at, 1), extent).result, 0.5), -0.5)
        if self.interpolation != Interpolation.CUBIC:
            position = self._brought_inside(position, extent)
        if self.interpolation == Interpolation.NEAREST:
            places, weights = math.Round(position).result, None
        else:
            places, weights = self._neighbours(position)
        places = reshape(places, (*places.type.shape, 1)) if weights is None else places
        if self.interpolation == Interpolation.CUBIC:
            places = self._brought_inside(places, extent)
        index = index_within(places, _shifted(extent, -1))
        is_inside = cast(math.Equal(cast(index, at.type.dtype), places).result, at.type.dtype)
        if weights is None:
            weights = is_inside
        elif self.padding == Padding.ZEROS:
            weights = math.Mul(weights, is_inside).result
        return index, weights

    def _neighbours(self, position: Value) -> tuple[Value, Value]:
        """The elements around the positions and their weights: both [N, P, taps]."""
        shape = (*position.type.shape, 1)
        first = math.Floor(position).result
        fraction = math.Sub(position, first).result
        offsets = (0, 1) if self.interpolation == Interpolation.LINEAR else (-1, 0, 1, 2)
        steps = constant(np.array(offsets).astype(position.type.dtype.numpy))
        places = math.Add(reshape(first, shape), steps).result
        if self.interpolation == Interpolation.LINEAR:
            parts = [_shifted(math.Neg(fraction).result, 1), fraction]
        else:
            parts = _cubic_weights(fraction)
        return places, tensor.Concat(tuple(reshape(p, shape) for p in parts), len(shape) - 1).result

    def _brought_inside(self, position: Value, extent: Value) -> Value:
        """The position moved onto the image: to its border, or reflected there."""
        if self.padding == Padding.ZEROS:
            return position
        zero, last = scalar(0, position), _shifted(extent, -1)
        if self.padding == Padding.REFLECTION:
            position = self._reflected(position, extent)
        return math.Maximum(math.Minimum(position, last).result, zero).result

    def _reflected(self, position: Value, extent: Value) -> Value:
        """Mirrored at the centres of the outermost elements, or at their outer edges."""
        low = 0.0 if self.align_corners else -0.5
        span = _shifted(extent, -1) if self.align_corners else extent
        span = math.Maximum(span, scalar(1e-6, span)).result
        distance = math.Abs(_shifted(position, -low)).result
        # A whole there and back is two spans.
        way = math.FloorMod(distance, _scaled(span, 2)).result
        back = math.Sub(_scaled(span, 2), way).result
        return _shifted(math.Minimum(way, back).result, low)


def _shifted(x: Value, amount: float) -> Value:
    return x if amount == 0 else math.Add(x, scalar(amount, x)).result


def _scaled(x: Value, factor: float) -> Value:
    return math.Mul(x, scalar(factor, x)).result


def _cubic_weights(t: Value) -> list[Value]:
    """Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), with a = -0.75, for four taps."""
    a = -0.75

    def polynomial(x: Value, *factors: float) -> Value:
        result = _shifted(_scaled(x, factors[0]), factors[1])
        for factor in factors[2:]:
            result = _shifted(math.Mul(result, x).result, factor)
        return result

    near, far = (a + 2, -(a + 3), 0, 1), (a, -5 * a, 8 * a, -4 * a)
    rest = _shifted(math.Neg(t).result, 1)
    return [
        polynomial(_shifted(t, 1), *far),
        polynomial(t, *near),
        polynomial(rest, *near),
        polynomial(_shifted(rest, 1), *far),
    ]


def sampled(sampler: GridSampler, x: Value, grid: Value) -> Value:
    """``x`` [N, C, *sizes] at the positions ``grid`` [N, *out, rank], the last axis first: [N, C, *out] as x's dtype.

    Positions are computed in single precision at least, and so are sums of anything but single and double floats;
    those for integers are rounded towards zero.
    """
    dtype, exact = x.type.dtype, (DType.F32, DType.F64)
    grid = grid if grid.type.dtype in exact else cast(grid, DType.F32)
    moves_only = sampler.interpolation is Interpolation.NEAREST and sampler.padding is not Padding.ZEROS
    if dtype in exact or moves_only:
        return _sampled(sampler, x, grid)
    return cast(
        _sampled(sampler, cast(x, DType.F64 if dtype.is_integer and dtype.bits > 16 else DType.F32), grid), dtype
    )


def _sampled(sampler: GridSampler, x: Value, grid: Value) -> Value:
    batch, channels, *sizes = x.type.shape
    rank, out = len(sizes), grid.type.shape[1:-1]
    points = product(out)
    flat = reshape(grid, (batch, points, rank))
    order = (0, *range(2, rank + 2), 1)
    rows = reshape(tensor.Transpose(x, order).result, (batch * product(sizes), channels))
    index: Value | None = None
    weight: Value | None = None
    for axis, size in enumerate(sizes):
        at = reshape(sliced(flat, 2, rank - 1 - axis, 1), (batch, points))
        places, weights = sampler.taps(at, size)
        count = places.type.shape[2]
        before = 1 if index is None else index.type.shape[2]
        places = reshape(places, (batch, points, 1, count))
        weights = reshape(weights, (batch, points, 1, count))
        if index is not None and weight is not None:
            base = math.Mul(index, size_of(size)).result
            places = math.Add(reshape(base, (batch, points, before, 1)), places).result
            weights = math.Mul(reshape(weight, (batch, points, before, 1)), weights).result
        index, weight = (reshape(v, (batch, points, before * count)) for v in (places, weights))
    assert index is not None and weight is not None
    if batch != 1:
        starts = math.Mul(positions(batch), size_of(product(sizes))).result
        index = math.Add(index, reshape(starts, (batch, 1, 1))).result
    elements = tensor.Gather(rows, index, 0).result
    if sampler.interpolation is Interpolation.NEAREST and sampler.padding is not Padding.ZEROS:
        total = reshape(elements, (batch, points, channels))
    else:
        factors = cast(reshape(weight, (*weight.type.shape, 1)), x.type.dtype)
        total = math.ReduceSum(math.Mul(elements, factors).result, (2,)).result
    return reshape(tensor.Transpose(total, (0, 2, 1)).result, (batch, channels, *out))


def affine_grid(theta: Value, lines: Sequence[Value]) -> Value:
    """The positions [N, *sizes, rank], the last axis first, that ``theta`` [N, rank, rank + 1] takes those of a regular
    grid to; ``lines`` are the grid's positions along each axis (``grid_line``)."""
    batch, rank = theta.type.shape[0], len(lines)
    columns = [reshape(sliced(theta, 2, i, 1), (batch, *(1,) * rank, rank)) for i in range(rank + 1)]
    grid = columns[rank]
    for axis, line in reversed(list(enumerate(lines))):
        along = reshape(line, (line.type.shape[0], *(1,) * (rank - axis)))
        grid = math.Add(math.Mul(columns[rank - 1 - axis], along).result, grid).result
    return grid


def grid_line(places: Value, size: Value, align_corners: bool) -> Value:
    """Positions from -1 to 1 for the ``places`` 0, 1, 2, … of ``size`` elements, both floats: the ends are the centres
    of the outermost elements, or their outer edges. A single centre is at 0."""
    if not align_corners:
        odd = _shifted(_scaled(places, 2), 1)
        return _shifted(math.Div(odd, size).result, -1)
    last = _shifted(size, -1)
    at = math.Div(_scaled(places, 2), math.Maximum(last, scalar(1, last)).result).result
    return math.Sub(at, math.Minimum(last, scalar(1, last)).result).result
