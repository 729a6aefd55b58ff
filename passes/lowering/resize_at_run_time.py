"""Resampling to sizes that only running the model shows: positions are computed as it runs, elements gathered there.

A coordinate is kept as a fraction of integers, so that no rounding decides which element is nearest.
"""

from fractions import Fraction
from typing import NamedTuple

from ...dims import lower_bound
from ...ir import Value
from ...ops import math, nn, tensor
from ...ops.enums import CoordinateTransform, NearestRounding, ResizeMode
from ...resampling import Axis, Resampling
from ...rewriter import RuleSet
from ...types import DType
from ..patterns import reshape
from .building import folded, i64, scalar, slice_axes
from .materialize_shapes import dim_at, dim_value
from .resize import constant_positions, is_crop, knows_axis, resample_known, resized_axes

RULES = RuleSet()

_LARGEST_DENOMINATOR = 1000
"""Scales are taken to be fractions no finer than this."""


class _Coordinates(NamedTuple):
    """Where the elements of the result lie on an axis: ``top / bottom``, a vector i64 over a positive scalar i64."""

    top: Value
    bottom: Value
    last: Value
    """The last position of the axis."""


@RULES.on(nn.Resize)
def nearest_at_run_time(op: nn.Resize) -> Value | None:
    """resize(x, nearest) -> gather(x, positions) along each axis in turn, for sizes not known"""
    if op.mode is not ResizeMode.NEAREST or is_crop(op):
        return None
    x = op.x
    for axis in resized_axes(op):
        positions = constant_positions(op, axis) if knows_axis(op, axis) else _nearest(op, axis)
        if positions is None:
            return None
        x = tensor.Gather(x, positions, axis).result
    return x


@RULES.on(nn.Resize)
def interpolation_at_run_time(op: nn.Resize) -> Value | None:
    """resize(x) -> sum over the taps of gather(x, positions) * weights along each axis in turn, for sizes not known"""
    if op.mode is ResizeMode.NEAREST or is_crop(op) or op.antialias or op.x.type.dtype is not DType.F32:
        return None
    x = op.x
    for axis in resized_axes(op):
        if knows_axis(op, axis):
            x = resample_known(op, x, axis)
            continue
        at = _coordinates(op, axis)
        if at is None:
            return None
        x = _interpolated(op, x, axis, at)
    return x


@RULES.on(nn.Resize)
def resampling_at_run_time(op: nn.Resize) -> Value | None:
    """resize(x) -> gathers and products along each axis in turn by coordinates in floats, for sizes not known"""
    if op.mode is not ResizeMode.NEAREST and op.x.type.dtype is not DType.F32:
        return None
    axes = [_float_axis(op, axis) for axis in resized_axes(op)]
    found = [axis for axis in axes if axis is not None]
    return Resampling(op).of(op.x, found) if len(found) == len(axes) else None


def _float_axis(op: nn.Resize, axis: int) -> Axis | None:
    count = _result_size(op, axis)
    if count is None:
        return None
    length = dim_value(op.x, axis)
    new, old = (folded(tensor.Cast(v, DType.F32)) for v in (count, length))
    scale = scalar(op.scales[axis], new) if op.scales else folded(math.Div(new, old))
    region = None
    if is_crop(op):
        start, end = (scalar(bound, scale) for bound in (op.roi[axis], op.roi[axis + len(op.shape)]))
        region = (start, end)
    return Axis(axis, op.x.type.shape[axis], length, op.shape[axis], count, scale, region)


def _nearest(op: nn.Resize, axis: int) -> Value | None:
    if op.scales:
        return _nearest_by_scale(op, axis)
    at = _coordinates(op, axis)
    if at is None:
        return None
    top, bottom = at.top, at.bottom
    if op.rounding in (NearestRounding.ROUND_PREFER_FLOOR, NearestRounding.ROUND_PREFER_CEIL):
        top, bottom = _add(_add(top, top), bottom), _add(bottom, bottom)
    if op.rounding is NearestRounding.ROUND_PREFER_FLOOR:
        top = _add(top, i64(-1))
    if op.rounding is NearestRounding.CEIL:
        top = _add(_add(top, bottom), i64(-1))
    # The quotient is rounded towards zero, and not down: below zero that is all the same.
    return _clamped(folded(math.Div(top, bottom)), at.last)


def _nearest_by_scale(op: nn.Resize, axis: int) -> Value | None:
    """For a given scale in single precision, as the runtimes and the interpreter do."""
    places = _places(op, axis)
    is_shifted = op.transform in (CoordinateTransform.HALF_PIXEL, CoordinateTransform.TF_HALF_PIXEL_FOR_NN)
    if places is None or (op.transform is not CoordinateTransform.ASYMMETRIC and not is_shifted):
        return None
    at = tensor.Cast(places, DType.F32).result
    if is_shifted:
        at = math.Add(at, scalar(0.5, at)).result
    at = math.Div(at, scalar(op.scales[axis], at)).result
    if op.transform is CoordinateTransform.HALF_PIXEL:
        at = math.Sub(at, scalar(0.5, at)).result
    match op.rounding:
        case NearestRounding.FLOOR:
            rounded = math.Floor(at).result
        case NearestRounding.CEIL:
            rounded = math.Ceil(at).result
        case NearestRounding.ROUND_PREFER_FLOOR:
            rounded = math.Ceil(math.Sub(at, scalar(0.5, at)).result).result
        case NearestRounding.ROUND_PREFER_CEIL:
            rounded = math.Floor(math.Add(at, scalar(0.5, at)).result).result
    return _clamped(tensor.Cast(rounded, DType.I64).result, _add(dim_value(op.x, axis), i64(-1)))


def _interpolated(op: nn.Resize, x: Value, axis: int, at: _Coordinates) -> Value:
    # Never below -1, so that one more makes it positive, and towards zero is down.
    first = _add(folded(math.Div(_add(at.top, at.bottom), at.bottom)), i64(-1))
    rest = folded(math.Sub(at.top, _times(first, at.bottom)))
    fraction = math.Div(tensor.Cast(rest, DType.F32).result, tensor.Cast(at.bottom, DType.F32).result).result
    offsets = (0, 1) if op.mode is ResizeMode.LINEAR else (-1, 0, 1, 2)
    positions = [_add(first, i64(offset)) for offset in offsets]
    weights = [_weight(op, fraction, offset) for offset in offsets]
    if op.exclude_outside:
        weights = _normalized([_inside(w, p, at.last) for w, p in zip(weights, positions, strict=True)])
    total: Value | None = None
    for position, weight in zip(positions, weights, strict=True):
        shape = (op.shape[axis], *(1,) * (x.type.rank - axis - 1))
        taken = tensor.Gather(x, _clamped(position, at.last), axis).result
        weighted = math.Mul(taken, reshape(weight, shape)).result
        total = weighted if total is None else math.Add(total, weighted).result
    assert total is not None
    return total


def _weight(op: nn.Resize, fraction: Value, offset: int) -> Value:
    """The weight of the element ``offset`` places behind the one before the coordinate."""
    one = scalar(1, fraction)
    match offset:
        case 0:
            distance = fraction
        case -1:
            distance = math.Add(fraction, one).result
        case _:
            distance = math.Sub(scalar(offset, fraction), fraction).result
    if op.mode is ResizeMode.LINEAR:
        return math.Sub(one, distance).result
    # Keys' kernel, as in nn.resize, the near half or the far one.
    a = op.cubic_coefficient
    is_near = offset in (0, 1)
    coefficients = (a + 2, -(a + 3), 0.0, 1.0) if is_near else (a, -5 * a, 8 * a, -4 * a)
    weight = scalar(coefficients[0], fraction)
    for coefficient in coefficients[1:]:
        weight = math.Add(math.Mul(weight, distance).result, scalar(coefficient, fraction)).result
    return weight


def _inside(weight: Value, position: Value, last: Value) -> Value:
    is_behind = math.GreaterEqual(position, i64(0)).result
    is_inside = math.LogicalAnd(is_behind, math.LessEqual(position, last).result).result
    return math.Select(is_inside, weight, scalar(0, weight)).result


def _normalized(weights: list[Value]) -> list[Value]:
    total = weights[0]
    for weight in weights[1:]:
        total = math.Add(total, weight).result
    return [math.Div(weight, total).result for weight in weights]


def _coordinates(op: nn.Resize, axis: int) -> _Coordinates | None:
    """By ONNX's formulas; None when a size is not to be had, or the scale is no simple fraction."""
    places, result = _places(op, axis), _result_size(op, axis)
    if places is None or result is None:
        return None
    size = dim_value(op.x, axis)
    last = _add(size, i64(-1))
    if op.transform is CoordinateTransform.ALIGN_CORNERS:
        bottom = folded(math.Maximum(_add(result, i64(-1)), i64(1)))
        return _Coordinates(_times(places, last), bottom, last)
    grown, original = result, size
    if op.scales:
        ratio = Fraction(op.scales[axis]).limit_denominator(_LARGEST_DENOMINATOR)
        if abs(float(ratio) - op.scales[axis]) > 1e-6 * op.scales[axis]:
            return None
        grown, original = i64(ratio.numerator), i64(ratio.denominator)
    if op.transform is CoordinateTransform.ASYMMETRIC:
        return _Coordinates(_times(places, original), grown, last)
    if op.transform is CoordinateTransform.HALF_PIXEL_SYMMETRIC and op.scales:
        return None
    top = _times(_add(_add(places, places), i64(1)), original)
    if op.transform is not CoordinateTransform.TF_HALF_PIXEL_FOR_NN:
        top = folded(math.Sub(top, grown))
    if op.transform is CoordinateTransform.PYTORCH_HALF_PIXEL and (lower_bound(op.shape[axis]) or 0) < 2:
        # A single element is the first one.
        is_several = math.Greater(result, i64(1)).result
        top = math.Mul(top, tensor.Cast(is_several, DType.I64).result).result
    return _Coordinates(top, _add(grown, grown), last)


def _places(op: nn.Resize, axis: int) -> Value | None:
    """The numbers of the result's elements along an axis."""
    result = _result_size(op, axis)
    return None if result is None else tensor.Range(i64(0), result, i64(1), op.shape[axis]).result


def _result_size(op: nn.Resize, axis: int) -> Value | None:
    size = dim_at(op, op.shape[axis])
    if size is not None or op.dims is None:
        return size
    given = reshape(slice_axes(op.dims, [0], [axis], [1]), ())
    return given if given.type.dtype is DType.I64 else tensor.Cast(given, DType.I64).result


def _clamped(positions: Value, last: Value) -> Value:
    return folded(math.Maximum(folded(math.Minimum(positions, last)), i64(0)))


def _add(x: Value, y: Value) -> Value:
    return folded(math.Add(x, y))


def _times(x: Value, y: Value) -> Value:
    return folded(math.Mul(x, y))
