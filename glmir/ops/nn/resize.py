"""Resampling along any axes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...dims import Dim, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import TensorType
from ..enums import CoordinateTransform, NearestRounding, ResizeMode

Floats = NDArray[np.float64]


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
