"""Resampling whose scales, sizes or region only running the model shows: coordinates are computed as it runs.

Along each axis in turn elements are gathered and weighed; a filter that widens as the image shrinks (``antialias``) is
a matrix. The frontends build it for scales and regions that depend on data, and passes out of ``nn.resize`` for sizes
that do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from .dims import Dim, product
from .frontends.layers import scalar
from .frontends.values import cast, constant, index_within, reshape
from .ir import Value
from .ops import math, nn, tensor
from .ops.enums import CoordinateTransform, NearestRounding, ResizeMode
from .types import DType


@dataclass(frozen=True)
class Axis:
    """What is done to one axis: floats without axes, ``scale`` and the region's ``start`` and ``end``, where given.

    ``result`` is the new size; ``length`` and ``count`` are the size and the new one as i64 without axes.
    """

    axis: int
    size: Dim
    length: Value
    result: Dim
    count: Value
    scale: Value
    region: tuple[Value, Value] | None = None


@dataclass(frozen=True)
class Resampling:
    """The options of ``template``, an ``nn.resize`` whose sizes do not count.

    ``is_simple`` takes the nearest element as ONNX's opset 10 does: the one before, and when shrinking the one behind.
    ``aligns_exactly`` takes the new length to align corners with for the size times the scale, which need not be whole.
    """

    template: nn.Resize
    is_simple: bool = False
    aligns_exactly: bool = False

    def of(self, x: Value, axes: Sequence[Axis]) -> Value:
        """``x`` resized along the axes, which are in its order."""
        dtype = x.type.dtype
        is_nearest = self.template.mode is ResizeMode.NEAREST
        y = x if is_nearest else cast(x, computed_type(x))
        outside: list[Value] = []
        for axis in axes:
            if axis.size == 1 and axis.result == 1:
                continue
            at = self._coordinates(axis)
            y = self._nearest(y, axis, at) if is_nearest else self._interpolated(y, axis, at)
            if axis.region is not None:
                beyond = math.LogicalOr(_less(at, _zero(at)), _less(_last(axis, at), at)).result
                outside.append(_along(beyond, axis.axis, x.type.rank))
        if outside:
            any_outside = reduce(lambda a, b: math.LogicalOr(a, b).result, outside)
            y = math.Select(any_outside, scalar(self.template.extrapolation, y), y).result
        return cast(y, dtype)

    def _coordinates(self, axis: Axis) -> Value:
        """Where on the input's axis every element of the result lies, by ONNX's formulas: floats [result]."""
        at = cast(_counted(axis.count, axis.result), axis.scale.type.dtype)
        zero, one, half = (scalar(number, at) for number in (0, 1, 0.5))
        size, result = (cast(v, at.type.dtype) for v in (axis.length, axis.count))
        last = math.Sub(size, one).result
        match self.template.transform:
            case CoordinateTransform.ASYMMETRIC:
                return math.Div(at, axis.scale).result
            case CoordinateTransform.TF_HALF_PIXEL_FOR_NN:
                return math.Div(math.Add(at, half).result, axis.scale).result
            case CoordinateTransform.ALIGN_CORNERS:
                new_length = math.Mul(size, axis.scale).result if self.aligns_exactly else result
                steps = math.Sub(new_length, one).result
                is_one = math.Less(math.Abs(steps).result, scalar(1e-6, at)).result
                return math.Div(math.Mul(at, last).result, math.Select(is_one, one, steps).result).result
            case CoordinateTransform.TF_CROP_AND_RESIZE:
                return _cropped(axis, at, last, math.Sub(result, one).result)
        centred = math.Sub(math.Div(math.Add(at, half).result, axis.scale).result, half).result
        match self.template.transform:
            case CoordinateTransform.PYTORCH_HALF_PIXEL:
                is_several = math.Greater(result, one).result
                return math.Select(is_several, centred, zero).result
            case CoordinateTransform.HALF_PIXEL_SYMMETRIC:
                exact = math.Mul(size, axis.scale).result
                missing = math.Sub(one, math.Div(result, exact).result).result
                offset = math.Mul(math.Mul(size, half).result, missing).result
                return math.Add(centred, offset).result
        return centred

    def _nearest(self, x: Value, axis: Axis, at: Value) -> Value:
        half = scalar(0.5, at)
        rounding = self.template.rounding
        match rounding:
            case NearestRounding.ROUND_PREFER_FLOOR:
                rounded = math.Ceil(math.Sub(at, half).result).result
            case NearestRounding.ROUND_PREFER_CEIL:
                rounded = math.Floor(math.Add(at, half).result).result
            case _:
                rounded = (math.Floor if rounding is NearestRounding.FLOOR else math.Ceil)(at).result
        if self.is_simple:
            shrinks = _less(axis.scale, scalar(1, at))
            rounded = math.Select(shrinks, math.Ceil(at).result, math.Floor(at).result).result
        return tensor.Gather(x, _limited(rounded, axis), axis.axis).result

    def _interpolated(self, x: Value, axis: Axis, at: Value) -> Value:
        if self.template.antialias:
            return self._filtered(x, axis, at)
        first = math.Floor(at).result
        offsets = (0, 1) if self.template.mode is ResizeMode.LINEAR else (-1, 0, 1, 2)
        taps = [math.Add(first, scalar(offset, first)).result for offset in offsets]
        weights = [self._weight(math.Abs(math.Sub(tap, at).result).result) for tap in taps]
        if self.template.exclude_outside:
            weights = [math.Select(_is_inside(t, axis), w, _zero(w)).result for t, w in zip(taps, weights, strict=True)]
            total = reduce(lambda a, b: math.Add(a, b).result, weights)
            weights = [math.Div(w, total).result for w in weights]
        terms = []
        for tap, weight in zip(taps, weights, strict=True):
            taken = tensor.Gather(x, _limited(tap, axis), axis.axis).result
            terms.append(math.Mul(taken, _along(weight, axis.axis, x.type.rank)).result)
        return reduce(lambda a, b: math.Add(a, b).result, terms)

    def _weight(self, distance: Value) -> Value:
        """The filter at a distance that is not negative; that of Keys, 1981, for cubic interpolation."""
        one = scalar(1, distance)
        if self.template.mode is ResizeMode.LINEAR:
            return math.Maximum(math.Sub(one, distance).result, _zero(distance)).result
        a = self.template.cubic_coefficient
        near = _polynomial(distance, (a + 2, -(a + 3), 0.0, 1.0))
        far = _polynomial(distance, (a, -5 * a, 8 * a, -4 * a))
        outer = math.Select(_less(distance, scalar(2, distance)), far, _zero(distance)).result
        return math.Select(math.LessEqual(distance, one).result, near, outer).result

    def _filtered(self, x: Value, axis: Axis, at: Value) -> Value:
        """``x`` under a filter that is 1 / scale as wide where the scale is below 1."""
        radius = 1 if self.template.mode is ResizeMode.LINEAR else 2
        one = scalar(1, axis.length)
        column = reshape(at, (axis.result, 1))
        narrow = math.Minimum(axis.scale, scalar(1, at)).result
        numbers = _counted(axis.length, axis.size)
        # The filter reaches no further than this beyond the image, since the result has at least one element.
        reach = math.Add(math.Mul(axis.length, scalar(radius, one)).result, one).result
        beyond = math.Add(_counted(reach, axis.size * radius + 1), one).result
        last = math.Sub(axis.length, one).result

        def weights(places: Value) -> Value:
            distance = math.Abs(math.Sub(column, cast(places, at.type.dtype)).result).result
            return self._weight(math.Mul(distance, narrow).result)

        def total(rows: Value) -> Value:
            return reshape(math.ReduceSum(rows, (1,)).result, (axis.result, 1))

        matrix = weights(numbers)
        if not self.template.exclude_outside:
            # Beyond the edge stands the edge's element.
            for places, edge in ((math.Neg(beyond).result, _zero(one)), (math.Add(last, beyond).result, last)):
                is_edge = cast(math.Equal(numbers, edge).result, at.type.dtype)
                matrix = math.Add(matrix, math.Mul(total(weights(places)), is_edge).result).result
        matrix = math.Div(matrix, total(matrix)).result
        before, after = x.type.shape[: axis.axis], x.type.shape[axis.axis + 1 :]
        stacked = reshape(x, (product(before), axis.size, product(after)))
        multiplied = math.MatMul(reshape(matrix, (1, axis.result, axis.size)), stacked).result
        return reshape(multiplied, (*before, axis.result, *after))


def computed_type(x: Value) -> DType:
    """What interpolation of x is computed in."""
    dtype = x.type.dtype
    return DType.F64 if dtype is DType.F64 or (dtype.is_integer and dtype.bits > 16) else DType.F32


def _cropped(axis: Axis, at: Value, last: Value, result_last: Value) -> Value:
    assert axis.region is not None
    start, end = axis.region
    one = scalar(1, at)
    divisor = math.Maximum(result_last, one).result
    moved = math.Mul(math.Mul(at, math.Sub(end, start).result).result, last).result
    spread = math.Add(math.Mul(start, last).result, math.Div(moved, divisor).result).result
    middle = math.Mul(math.Mul(math.Add(start, end).result, last).result, scalar(0.5, at)).result
    return math.Select(_less(result_last, one), middle, spread).result


def _counted(count: Value, size: Dim) -> Value:
    """0, 1, 2, … as i64[size]."""
    if isinstance(size, int):
        return constant(np.arange(size, dtype=np.int64))
    zero, one = (constant(np.array(i, np.int64)) for i in (0, 1))
    return tensor.Range(zero, count, one, size).result


def _last(axis: Axis, like: Value) -> Value:
    return math.Sub(cast(axis.length, like.type.dtype), scalar(1, like)).result


def _limited(places: Value, axis: Axis) -> Value:
    """The places, brought to the nearest ones that the axis has."""
    return index_within(places, _last(axis, places))


def _is_inside(places: Value, axis: Axis) -> Value:
    is_behind = math.GreaterEqual(places, _zero(places)).result
    return math.LogicalAnd(is_behind, math.LessEqual(places, _last(axis, places)).result).result


def _along(x: Value, axis: int, rank: int) -> Value:
    """A vector along one axis of a tensor of that rank."""
    return reshape(x, (*x.type.shape, *(1,) * (rank - axis - 1)))


def _polynomial(x: Value, factors: Sequence[float]) -> Value:
    result = scalar(factors[0], x)
    for factor in factors[1:]:
        result = math.Add(math.Mul(result, x).result, scalar(factor, x)).result
    return result


def _zero(like: Value) -> Value:
    return scalar(0, like)


def _less(x: Value, y: Value) -> Value:
    return math.Less(x, y).result
