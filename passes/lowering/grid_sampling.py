"""Samples of images at the positions of a grid: gathers of a few elements for each position, and grids brought inside.

Nothing that is computed grows with the product of the image and the grid.
"""

import numpy as np

from ...dims import product
from ...ir import Array, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Layout, ResizeMode, SamplePadding
from ...ops.nn.sampling import CUBIC_COEFFICIENT
from ...rewriter import RuleSet
from ...types import DType
from ..patterns import constant, constant_array, number
from .building import concat, folded, folded_reshape, scalar, slice_axes
from .materialize_shapes import dim_value

RULES = RuleSet()


@RULES.on(nn.GridSample)
def grid_sample_to_gathers(op: nn.GridSample) -> Value:
    """grid_sample(x, grid) -> sum(gather(rows of x, places around the grid's positions) * weights)"""
    if op.grid.type.dtype not in (DType.F32, DType.F64):
        op = replace(op, grid=_as(op.grid, DType.F32))
    channels_last = op.layout is Layout.NHWC
    rank = op.x.type.rank
    x = op.x if channels_last else folded(tensor.Transpose(op.x, (0, *range(2, rank), 1)))
    y = _Sampler(op, x).sampled()
    return y if channels_last else tensor.Transpose(y, (0, rank - 1, *range(1, rank - 1))).result


def is_within_image(op: nn.GridSample) -> bool:
    """a grid from -1 to 1"""
    array = constant_array(op.grid)
    if array is not None:
        return bool((np.abs(array) <= 1).all())
    match op.grid.owner:
        case math.Clamp(minimum=minimum, maximum=maximum):
            return minimum >= -1 and maximum <= 1
    return False


def grid_within_image(op: nn.GridSample) -> Op | None:
    """grid_sample(x, grid, border or reflection) -> grid_sample(x, grid clamped or reflected to -1 … 1, border)

    Both borders, the centres of the outermost elements and their outer edges, are at -1 and 1. Kernels make integers of
    positions before they bring them inside, and what is out of their range comes to lie anywhere.
    """
    if op.padding is SamplePadding.ZEROS or op.mode is not ResizeMode.LINEAR:
        return None
    if op.padding is SamplePadding.BORDER and is_within_image(op):
        return None
    return replace(op, grid=folded(math.Clamp(_reflected(op), -1.0, 1.0)), padding=SamplePadding.BORDER)


def grid_between_centres(op: nn.GridSample) -> Op | None:
    """grid_sample(x, grid, border or reflection) -> grid_sample(x, grid kept between the outermost centres, zeros)"""
    ends = last_centres(op)
    if op.padding is SamplePadding.ZEROS or op.mode is not ResizeMode.LINEAR or ends is None:
        return None
    grid = _reflected(op)
    if op.align_corners:
        grid = folded(math.Clamp(grid, -1.0, 1.0))
    else:
        grid = folded(math.Maximum(folded(math.Minimum(grid, constant(ends))), constant(-ends)))
    return replace(op, grid=grid, padding=SamplePadding.ZEROS)


def last_centres(op: nn.GridSample) -> Array | None:
    """Where in the grid the centres of the last elements are, for each axis in the grid's order; None if not known."""
    sizes = [op.x.type.shape[axis] for axis in op.layout.spatial_axes(op.x.type.rank)]
    if op.align_corners:
        return np.ones(len(sizes), op.grid.type.dtype.numpy)
    known = [size for size in sizes if isinstance(size, int) and size > 0]
    if len(known) < len(sizes):
        return None
    return (1 - 1 / np.array(known[::-1], np.float64)).astype(op.grid.type.dtype.numpy)


def _reflected(op: nn.GridSample) -> Value:
    """The grid mirrored to -1 … 1 where the padding is a reflection."""
    grid = op.grid
    if op.padding is not SamplePadding.REFLECTION:
        return grid
    # A whole there and back is 4.
    way = folded(math.FloorMod(folded(math.Abs(_shifted(grid, 1))), scalar(4, grid)))
    return _shifted(folded(math.Minimum(way, folded(math.Sub(scalar(4, way), way)))), -1)


class _Sampler:
    """How positions become elements: ``x`` is [N, *sizes, C]."""

    def __init__(self, op: nn.GridSample, x: Value) -> None:
        self._op, self._x = op, x
        self._batch, *self._sizes, self._channels = x.type.shape
        self._out = op.grid.type.shape[1:-1]

    def sampled(self) -> Value:
        """[N, *out, C] as x's dtype; sums of halves are those of singles."""
        x = self._x
        rows = folded_reshape(x, (self._batch * product(self._sizes), self._channels))
        index, weight = self._places()
        elements = tensor.Gather(rows, index, 0).result
        factors = folded_reshape(weight, (*weight.type.shape, 1))
        if self._op.mode is ResizeMode.NEAREST:
            if self._op.padding is SamplePadding.ZEROS:
                is_inside = folded(math.Greater(factors, scalar(0, factors)))
                elements = math.Select(is_inside, elements, scalar(0, elements)).result
        else:
            dtype = DType.F64 if x.type.dtype is DType.F64 else DType.F32
            weighted = math.Mul(_as(elements, dtype), _as(factors, dtype)).result
            elements = _as(math.ReduceSum(weighted, (2,)).result, x.type.dtype)
        return folded_reshape(elements, (self._batch, *self._out, self._channels))

    def _places(self) -> tuple[Value, Value]:
        """Which rows of all images the positions read, and their weights: i32 and floats [N, P, taps]."""
        batch, points, rank = self._batch, product(self._out), len(self._sizes)
        flat = folded_reshape(self._op.grid, (batch, points, rank))
        index: Value | None = None
        weight: Value | None = None
        for axis in range(rank):
            at = folded_reshape(_column(flat, rank - 1 - axis), (batch, points))
            places, weights = self._taps(at, axis)
            count = places.type.shape[2]
            before = 1 if index is None else index.type.shape[2]
            places = folded_reshape(places, (batch, points, 1, count))
            weights = folded_reshape(weights, (batch, points, 1, count))
            if index is not None and weight is not None:
                base = folded(math.Mul(index, self._size(axis, DType.I32)))
                places = folded(math.Add(folded_reshape(base, (batch, points, before, 1)), places))
                weights = folded(math.Mul(folded_reshape(weight, (batch, points, before, 1)), weights))
            index, weight = (folded_reshape(v, (batch, points, before * count)) for v in (places, weights))
        assert index is not None and weight is not None
        if batch != 1:
            index = folded(math.Add(index, folded_reshape(self._starts(), (batch, 1, 1))))
        return index, weight

    def _starts(self) -> Value:
        """The row at which each image starts: i32 [N]."""
        if isinstance(self._batch, int):
            numbers = constant(np.arange(self._batch, dtype=np.int32))
        else:
            zero, one = (constant(np.array(i, np.int32)) for i in (0, 1))
            numbers = tensor.Range(zero, dim_value(self._x, 0, DType.I32), one, self._batch).result
        for axis in range(len(self._sizes)):
            numbers = folded(math.Mul(numbers, self._size(axis, DType.I32)))
        return numbers

    def _size(self, axis: int, dtype: DType) -> Value:
        """The size of the image along a spatial axis."""
        return dim_value(self._x, 1 + axis, dtype)

    def _taps(self, at: Value, axis: int) -> tuple[Value, Value]:
        """The elements along a spatial axis that the positions ``at`` [N, P], from -1 to 1, read, and their weights:
        i32 and floats [N, P, taps]. The weight of what lies outside is 0, or, of the nearest, tells just that."""
        extent, mode = self._size(axis, at.type.dtype), self._op.mode
        last = _shifted(extent, -1)
        aligned = self._op.align_corners
        position = folded(math.Mul(_shifted(at, 1), _scaled(last if aligned else extent, 0.5)))
        position = _shifted(position, 0 if aligned else -0.5)
        if mode is not ResizeMode.CUBIC:
            position = self._brought_inside(position, extent)
        if mode is ResizeMode.NEAREST:
            places, weights = folded_reshape(folded(math.Round(position)), (*position.type.shape, 1)), None
        else:
            places, weights = _neighbours(position, mode)
        if mode is ResizeMode.CUBIC:
            places = self._brought_inside(places, extent)
        index = _index_within(places, last)
        is_inside = _as(folded(math.Equal(_as(index, at.type.dtype), places)), at.type.dtype)
        if weights is None:
            weights = is_inside
        elif self._op.padding is SamplePadding.ZEROS:
            weights = folded(math.Mul(weights, is_inside))
        return index, weights

    def _brought_inside(self, position: Value, extent: Value) -> Value:
        """The position moved onto the image: to its border, or reflected there."""
        if self._op.padding is SamplePadding.ZEROS:
            return position
        last = _shifted(extent, -1)
        if self._op.padding is SamplePadding.REFLECTION:
            position = self._reflected(position, extent)
        highest = number(last)
        if highest is not None:
            return folded(math.Clamp(position, 0.0, float(highest)))
        return folded(math.Maximum(folded(math.Minimum(position, last)), scalar(0, position)))

    def _reflected(self, position: Value, extent: Value) -> Value:
        """Mirrored at the centres of the outermost elements, or at their outer edges."""
        low = 0.0 if self._op.align_corners else -0.5
        span = _shifted(extent, -1) if self._op.align_corners else extent
        span = folded(math.Maximum(span, scalar(1e-6, span)))
        distance = folded(math.Abs(_shifted(position, -low)))
        # A whole there and back is two spans.
        way = folded(math.FloorMod(distance, _scaled(span, 2)))
        back = folded(math.Sub(_scaled(span, 2), way))
        return _shifted(folded(math.Minimum(way, back)), low)


def _neighbours(position: Value, mode: ResizeMode) -> tuple[Value, Value]:
    """The elements around the positions and their weights: both [N, P, taps]."""
    shape = (*position.type.shape, 1)
    first = folded(math.Floor(position))
    fraction = folded(math.Sub(position, first))
    offsets = (0, 1) if mode is ResizeMode.LINEAR else (-1, 0, 1, 2)
    steps = constant(np.array(offsets).astype(position.type.dtype.numpy))
    places = folded(math.Add(folded_reshape(first, shape), steps))
    if mode is ResizeMode.LINEAR:
        parts = [_one_less(fraction), fraction]
    else:
        parts = _cubic_weights(fraction)
    return places, concat([folded_reshape(p, shape) for p in parts], len(shape) - 1)


def _cubic_weights(t: Value) -> list[Value]:
    """Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), for four taps."""
    a = CUBIC_COEFFICIENT

    def polynomial(x: Value, *factors: float) -> Value:
        result = _shifted(_scaled(x, factors[0]), factors[1])
        for factor in factors[2:]:
            result = _shifted(folded(math.Mul(result, x)), factor)
        return result

    near, far = (a + 2, -(a + 3), 0, 1), (a, -5 * a, 8 * a, -4 * a)
    rest = _one_less(t)
    return [
        polynomial(_shifted(t, 1), *far),
        polynomial(t, *near),
        polynomial(rest, *near),
        polynomial(_shifted(rest, 1), *far),
    ]


def _index_within(places: Value, last: Value) -> Value:
    """Whole floats as i32, brought to 0 … ``last``; NaN, which no index may be, is 0."""
    zero = scalar(0, places)
    below = folded(math.Minimum(places, last))
    return _as(folded(math.Select(folded(math.Greater(below, zero)), below, zero)), DType.I32)


def _column(x: Value, column: int) -> Value:
    """``x[..., column : column + 1]``"""
    taken = slice_axes(x, [x.type.rank - 1], [column], [1])
    return taken if taken is x or taken.owner is None else folded(taken.owner)


def _one_less(x: Value) -> Value:
    """1 - x"""
    return folded(math.Sub(scalar(1, x), x))


def _shifted(x: Value, amount: float) -> Value:
    return x if amount == 0 else folded(math.Add(x, scalar(amount, x)))


def _scaled(x: Value, factor: float) -> Value:
    return folded(math.Mul(x, scalar(factor, x)))


def _as(x: Value, dtype: DType) -> Value:
    return x if x.type.dtype is dtype else folded(tensor.Cast(x, dtype))
