"""Samples of an image at positions that a grid gives, and the grids of affine maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....dims import Dim, product
from ....ir import Value
from ....ops import math, tensor
from ....types import DType
from ...layers import scalar
from ..registry import Table
from ..scalars import Int
from ..scope import Scope, cast, constant, expand, known_dims, reshape
from ..tensors import Tensor, Unsupported
from ..work import MAX_CONSTANT

TABLE = Table()

_BILINEAR, _NEAREST, _BICUBIC = range(3)
_ZEROS, _BORDER, _REFLECTION = range(3)


@dataclass(frozen=True)
class _Sampler:
    """How positions become elements; ``padding`` is what stands outside the image."""

    scope: Scope
    interpolation: int
    padding: int
    align_corners: bool

    def taps(self, at: Value, size: Dim) -> tuple[Value, Value]:
        """The elements along an axis of ``size`` that the positions ``at`` [N, P], from -1 to 1, read, and their
        weights: i64[N, P, taps] and floats."""
        extent = self._extent(size, at)
        if self.align_corners:
            position = math.Mul(_shifted(_scaled(at, 0.5), 0.5), _shifted(extent, -1)).result
        else:
            position = _shifted(_scaled(math.Mul(_shifted(at, 1), extent).result, 0.5), -0.5)
        if self.interpolation != _BICUBIC:
            position = self._brought_inside(position, extent)
        if self.interpolation == _NEAREST:
            places, weights = math.Round(position).result, None
        else:
            places, weights = self._neighbours(position)
        places = reshape(places, (*places.type.shape, 1)) if weights is None else places
        if self.interpolation == _BICUBIC:
            places = self._brought_inside(places, extent)
        zero, last = scalar(0, places), _shifted(extent, -1)
        clamped = math.Maximum(math.Minimum(places, last).result, zero).result
        is_inside = cast(math.Equal(clamped, places).result, at.type.dtype)
        if weights is None:
            weights = is_inside
        elif self.padding == _ZEROS:
            weights = math.Mul(weights, is_inside).result
        return cast(clamped, DType.I64), weights

    def _extent(self, size: Dim, like: Value) -> Value:
        return self.scope.scalar(size, like.type.dtype)

    def _neighbours(self, position: Value) -> tuple[Value, Value]:
        """The elements around the positions and their weights: both [N, P, taps]."""
        shape = (*position.type.shape, 1)
        first = math.Floor(position).result
        fraction = math.Sub(position, first).result
        offsets = (0, 1) if self.interpolation == _BILINEAR else (-1, 0, 1, 2)
        steps = constant(np.array(offsets).astype(position.type.dtype.numpy))
        places = math.Add(reshape(first, shape), steps).result
        if self.interpolation == _BILINEAR:
            parts = [_shifted(math.Neg(fraction).result, 1), fraction]
        else:
            parts = _cubic_weights(fraction)
        return places, tensor.Concat(tuple(reshape(p, shape) for p in parts), len(shape) - 1).result

    def _brought_inside(self, position: Value, extent: Value) -> Value:
        """The position moved onto the image: to its border, or reflected there."""
        if self.padding == _ZEROS:
            return position
        zero, last = scalar(0, position), _shifted(extent, -1)
        if self.padding == _REFLECTION:
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


def sampled(sampler: _Sampler, x: Value, grid: Value) -> Value:
    """``x`` [N, C, *sizes] at the positions ``grid`` [N, *out, rank], the last axis first: [N, C, *out]."""
    batch, channels, *sizes = x.type.shape
    rank, out = len(sizes), grid.type.shape[1:-1]
    points = product(out)
    flat = reshape(grid, (batch, points, rank))
    order = (0, *range(2, rank + 2), 1)
    rows = reshape(tensor.Transpose(x, order).result, (batch * product(sizes), channels))
    index: Value | None = None
    weight: Value | None = None
    for axis, size in enumerate(sizes):
        at = _coordinate(flat, rank - 1 - axis)
        places, weights = sampler.taps(at, size)
        count = places.type.shape[2]
        before = 1 if index is None else index.type.shape[2]
        places = reshape(places, (batch, points, 1, count))
        weights = reshape(weights, (batch, points, 1, count))
        if index is not None and weight is not None:
            base = math.Mul(index, sampler.scope.scalar(size, DType.I64)).result
            places = math.Add(reshape(base, (batch, points, before, 1)), places).result
            weights = math.Mul(reshape(weight, (batch, points, before, 1)), weights).result
        index, weight = (reshape(v, (batch, points, before * count)) for v in (places, weights))
    assert index is not None and weight is not None
    if batch != 1:
        index = math.Add(index, _image_starts(sampler.scope, batch, product(sizes))).result
    elements = tensor.Gather(rows, index, 0).result
    weighed = math.Mul(elements, reshape(weight, (*weight.type.shape, 1))).result
    total = math.ReduceSum(weighed, (2,)).result
    return reshape(tensor.Transpose(total, (0, 2, 1)).result, (batch, channels, *out))


def _coordinate(grid: Value, place: int) -> Value:
    """One coordinate of every point, [N, P]."""
    batch, points, _ = grid.type.shape
    return reshape(tensor.Slice(grid, (0, 0, place), (batch, points, 1), (1, 1, 1)).result, (batch, points))


def _image_starts(scope: Scope, batch: Dim, elements: Dim) -> Value:
    """Where every image of the batch begins among all their elements: i64[N, 1, 1]."""
    numbers = math.Mul(_counted(batch), scope.scalar(elements, DType.I64)).result
    return reshape(numbers, (batch, 1, 1))


def _counted(size: Dim) -> Value:
    """0, 1, 2, … as i64[size]."""
    if isinstance(size, int) and size <= MAX_CONSTANT:
        return constant(np.arange(size, dtype=np.int64))
    limit = reshape(tensor.Dims((size,)).result, ())
    return tensor.Range(constant(np.array(0, np.int64)), limit, constant(np.array(1, np.int64)), size).result


@TABLE.imports("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "_grid_sampler_2d_cpu_fallback")
def grid_sampler(
    scope: Scope, input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Value:
    if interpolation_mode not in (_BILINEAR, _NEAREST, _BICUBIC) or padding_mode not in (_ZEROS, _BORDER, _REFLECTION):
        raise Unsupported(f"interpolation mode {interpolation_mode} with padding mode {padding_mode} is not known")
    if not 4 <= input.rank <= 5 or grid.rank != input.rank:
        raise Unsupported(f"an image {input.type} and a grid {grid.type} do not fit")
    return sampled(_Sampler(scope, interpolation_mode, padding_mode, align_corners), input.value, grid.value)


@TABLE.imports("cudnn_grid_sampler")
def cudnn_grid_sampler(scope: Scope, self: Tensor, grid: Tensor) -> Value:
    return grid_sampler(scope, self, grid, _BILINEAR, _ZEROS, True)


@TABLE.imports("affine_grid_generator")
def affine_grid_generator(scope: Scope, theta: Tensor, size: Sequence[Int], align_corners: bool) -> Value:
    """The positions [N, *sizes, rank], the last axis first, that maps theta [N, rank, rank + 1] take those of a
    regular grid to."""
    batch, _, *sizes = known_dims(size, "the size")
    rank, x = len(sizes), theta.value
    parts = [
        expand(
            reshape(
                line,
                (
                    d,
                    *(1,) * (rank - axis),
                ),
            ),
            (*sizes, 1),
        )
        for axis, (d, line) in enumerate((d, _line(scope, d, align_corners, x)) for d in sizes)
    ]
    ones = expand(scalar(1, x), (*sizes, 1))
    points = tensor.Concat((*reversed(parts), ones), rank).result
    columns = reshape(points, (product(sizes), rank + 1))
    mapped = math.MatMul(columns, x, transpose_y=True).result
    return reshape(mapped, (batch, *sizes, rank))


def _line(scope: Scope, size: Dim, align_corners: bool, like: Value) -> Value:
    """``size`` positions from -1 to 1: the ends are the centres of the outermost elements, or their outer edges."""
    steps = cast(_counted(size), like.type.dtype)
    if not align_corners:
        odd = _shifted(_scaled(steps, 2), 1)
        return _shifted(math.Div(odd, scope.scalar(size, like.type.dtype)).result, -1)
    if size == 1:
        return constant(np.zeros(1, like.type.dtype.numpy))
    return _shifted(math.Div(_scaled(steps, 2), scope.scalar(size - 1, like.type.dtype)).result, -1)


@TABLE.imports("cudnn_affine_grid_generator")
def cudnn_affine_grid_generator(
    scope: Scope,
    theta: Tensor,
    N: Int,  # noqa: N803
    C: Int,  # noqa: N803
    H: Int,  # noqa: N803
    W: Int,  # noqa: N803
) -> Value:
    return affine_grid_generator(scope, theta, (N, C, H, W), True)
