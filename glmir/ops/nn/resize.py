"""Resampling along any axes."""

import numpy as np
from numpy.typing import NDArray

from ...dims import Dim, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import TensorType
from ..enums import CoordinateTransform, NearestRounding, ResizeMode
from .arrays import along_axis, widen

Coordinates = NDArray[np.floating]
Indices = NDArray[np.int64]


@op
class Resize(Op):
    """Resamples x to ``shape``, each axis for itself (ONNX Resize)

    ``scales`` are the factors that coordinates are computed with, one an axis; without any they are result size over
    input size. ``roi`` is [starts..., ends...] for ``tf_crop_and_resize``. ``dims`` (integers [rank]), when present,
    gives the sizes at run time that ``shape`` has only symbols for.

    ```
    %y = nn.resize(%x: f32[n, 3, h, 5], none) {shape = [n, 3, 2*h, 10], scales = [1.0, 1.0, 2.0, 2.0],
        mode = linear, transform = half_pixel} : f32[n, 3, 2*h, 10]
    ```
    """

    x: Value
    shape: tuple[Dim, ...]
    scales: tuple[float, ...]
    mode: ResizeMode
    transform: CoordinateTransform
    rounding: NearestRounding = NearestRounding.ROUND_PREFER_FLOOR
    cubic_coefficient: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False
    extrapolation: float = 0.0
    roi: tuple[float, ...] = ()
    dims: Value | None = None

    @constraint
    def operand_is_numeric(self) -> bool:
        """the operand is not bool"""
        return self.x.type.dtype.is_numeric

    @constraint
    def shape_is_complete(self) -> bool:
        """the shape has a size for every axis"""
        return len(self.shape) == self.x.type.rank

    @constraint
    def scales_are_positive(self) -> bool:
        """there is a positive scale for every axis, or none at all"""
        return len(self.scales) in (0, self.x.type.rank) and all(s > 0 for s in self.scales)

    @constraint
    def roi_is_complete(self) -> bool:
        """tf_crop_and_resize has a start and an end of the region for every axis, other transforms have none"""
        is_cropped = self.transform is CoordinateTransform.TF_CROP_AND_RESIZE
        return len(self.roi) == (2 * self.x.type.rank if is_cropped else 0)

    @constraint
    def antialias_has_filter(self) -> bool:
        """only linear and cubic interpolation have an antialiasing filter"""
        return not self.antialias or self.mode is not ResizeMode.NEAREST

    @constraint
    def dims_are_complete(self) -> bool:
        """dims, if given, is an integer vector with a size for every axis"""
        if self.dims is None:
            return True
        type_ = self.dims.type
        return type_.dtype.is_integer and type_.rank == 1 and not known_different(type_.shape[0], self.x.type.rank)

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.shape)

    def evaluate(self, x: Array, dims: Array | None) -> Array:
        # Integers are interpolated as floats, of double precision where single could not hold them.
        y = x if self.mode is ResizeMode.NEAREST else x.astype(np.result_type(widen(x), np.float32))
        outside = np.zeros((), np.bool_)
        for axis, size in enumerate(self._result_sizes(dims)):
            scale = self.scales[axis] if self.scales else size / x.shape[axis]
            is_cropped = self.transform is CoordinateTransform.TF_CROP_AND_RESIZE
            if size == x.shape[axis] and scale == 1 and not is_cropped:
                continue
            at = self._coordinates(axis, x.shape[axis], size)
            y = self._resample(y, axis, at, scale)
            if is_cropped:
                outside = outside | along_axis((at < 0) | (at > x.shape[axis] - 1), axis, x.ndim)
        if outside.any():
            y = np.where(outside, np.asarray(self.extrapolation, y.dtype), y)
        return y.astype(x.dtype, copy=False)

    def _result_sizes(self, dims: Array | None) -> list[int]:
        """The shape as numbers, those that no symbol gives from ``dims``."""
        sizes = []
        for axis, size in enumerate(self.shape):
            if not isinstance(size, int):
                if dims is None:
                    raise ValueError(f"the size {size} has no value")
                size = int(dims[axis])
            sizes.append(size)
        return sizes

    def _coordinates(self, axis: int, size: int, result_size: int) -> Coordinates:
        """Where on the input's ``axis`` every element of the result lies, by ONNX's formulas."""
        given = self.scales[axis] if self.scales else None
        # The runtimes compute coordinates in single precision, and their rounding decides which neighbour is nearest,
        # and what lies outside. Without a given scale products of integers keep the coordinates exact.
        is_cropped = self.transform is CoordinateTransform.TF_CROP_AND_RESIZE
        single = is_cropped or (given is not None and self.mode is ResizeMode.NEAREST)
        x: Coordinates = np.arange(result_size).astype(np.float32 if single else np.float64)

        def unscaled(at: Coordinates) -> Coordinates:
            return at * size / result_size if given is None else at / at.dtype.type(given)

        match self.transform:
            case CoordinateTransform.ASYMMETRIC:
                return unscaled(x)
            case CoordinateTransform.TF_HALF_PIXEL_FOR_NN:
                return unscaled(x + 0.5)
            case CoordinateTransform.ALIGN_CORNERS:
                return x * (size - 1) / max(result_size - 1, 1)
            case CoordinateTransform.TF_CROP_AND_RESIZE:
                start, end = np.float32(self.roi[axis]), np.float32(self.roi[axis + len(self.shape)])
                last = np.float32(size - 1)
                if result_size == 1:
                    return x + (start + end) * last / np.float32(2)
                return start * last + x * (end - start) * last / np.float32(result_size - 1)
            case CoordinateTransform.PYTORCH_HALF_PIXEL if result_size == 1:
                return x
            case CoordinateTransform.HALF_PIXEL_SYMMETRIC:
                exact_size = result_size if given is None else given * size
                return unscaled(x + 0.5) - 0.5 + size / 2 * (1 - result_size / exact_size)
            case _:
                return unscaled(x + 0.5) - 0.5

    def _resample(self, y: Array, axis: int, at: Coordinates, scale: float) -> Array:
        """``y`` at the coordinates ``at`` of an axis; elements beyond the edge are the edge's."""
        last = y.shape[axis] - 1
        if self.mode is ResizeMode.NEAREST:
            return np.take(y, np.clip(_round(at, self.rounding), 0, last), axis)
        taps, weights = self._filter(at, scale if self.antialias else 1.0, last)
        total = np.zeros((), y.dtype)
        for index, weight in zip(taps, weights, strict=True):
            factor = along_axis(weight.astype(y.dtype), axis, y.ndim)
            total = total + np.take(y, np.clip(index, 0, last), axis) * factor
        return total

    def _filter(self, at: Coordinates, scale: float, last: int) -> tuple[Indices, Coordinates]:
        """For every tap of the filter the index and the weight for every coordinate: two arrays [taps, len(at)].

        Shrinking with antialiasing (``scale`` below 1) widens the filter by 1 / scale, so that it covers every element.
        """
        scale = min(scale, 1.0)
        radius = 1 if self.mode is ResizeMode.LINEAR else 2
        first = int(np.floor(-radius / scale)) + 1
        taps = np.floor(at).astype(np.int64) + np.arange(first, 2 - first)[:, None]
        distance = np.abs(taps - at) * scale
        weights = np.maximum(1 - distance, 0) if radius == 1 else _cubic(distance, self.cubic_coefficient)
        if self.exclude_outside:
            weights = np.where((taps < 0) | (taps > last), 0, weights)
        if self.exclude_outside or self.antialias:
            weights = weights / weights.sum(axis=0)
        return taps, weights


def _cubic(distance: Coordinates, a: float) -> Coordinates:
    """The kernel of Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), for any ``a``."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * a * distance - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))


def _round(at: Coordinates, rounding: NearestRounding) -> Indices:
    match rounding:
        case NearestRounding.FLOOR:
            rounded = np.floor(at)
        case NearestRounding.CEIL:
            rounded = np.ceil(at)
        case NearestRounding.ROUND_PREFER_FLOOR:
            rounded = np.ceil(at - 0.5)
        case NearestRounding.ROUND_PREFER_CEIL:
            rounded = np.floor(at + 0.5)
    return rounded.astype(np.int64)
