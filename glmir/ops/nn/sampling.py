"""Sampling images at computed points."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from ...dims import known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import TensorType
from ..enums import Layout, ResizeMode, SamplePadding
from ..tensor.binding import shapes_may_agree
from .arrays import widen

Places = NDArray[np.floating]

CUBIC_COEFFICIENT = -0.75
"""The ``a`` of Keys' kernel that grids are sampled with."""


@op
class GridSample(Op):
    """The elements of images at the positions that a grid gives, interpolated between neighbours (ONNX GridSample)

    ``x`` is [N, C, *sizes], or with layout nhwc [N, *sizes, C]; ``grid`` [N, *out, R] are positions along its R spatial
    axes, the last axis' first, where -1 and 1 are the centres of the outermost elements with ``align_corners``, and
    their outer edges without. The nearest element is that of the rounded position, halves to even. Cubic kernels are
    those of Keys with a = -0.75, whose taps are padded each by itself.

    ```
    %y = nn.grid_sample(%x: f32[n, 3, h, w], %g: f32[n, 5, 7, 2]) {mode = linear, padding = border}
        : f32[n, 3, 5, 7]
    ```
    """

    x: Value
    grid: Value
    mode: ResizeMode
    padding: SamplePadding
    align_corners: bool = False
    layout: Layout = Layout.NCHW

    @constraint
    def dtypes_fit(self) -> bool:
        """the grid is of floats, and so is what is interpolated"""
        return self.grid.type.dtype.is_float and (self.x.type.dtype.is_float or self.mode is ResizeMode.NEAREST)

    @constraint
    def shapes_agree(self) -> bool:
        """the grid has the operand's batch and rank, and a position for each spatial axis, of which there are some"""
        grid, rank = self.grid.type.shape, self.x.type.rank
        if rank < 3 or len(grid) != rank or known_different(grid[-1], rank - 2):
            return False
        return shapes_may_agree(self.x.type.shape[:1], grid[:1])

    def infer(self) -> TensorType:
        shape = list(self.x.type.shape)
        for axis, size in zip(self.layout.spatial_axes(len(shape)), self.grid.type.shape[1:-1], strict=True):
            shape[axis] = size
        return TensorType(self.x.type.dtype, tuple(shape))

    def evaluate(self, x: Array, grid: Array) -> Array:
        channel = self.layout.channel_axis(x.ndim)
        image = np.moveaxis(x, channel, -1)
        positions = grid.astype(np.result_type(widen(grid), np.float32))
        batch = np.arange(x.shape[0]).reshape(-1, *(1,) * (x.ndim - 2))
        taps = [self._taps(positions[..., -1 - axis], size) for axis, size in enumerate(image.shape[1:-1])]
        if self.mode is ResizeMode.NEAREST:
            found = [_within(places[0], size) for (places, _), size in zip(taps, image.shape[1:-1], strict=True)]
            elements = image[(batch, *(index for index, _ in found))]
            is_inside = np.logical_and.reduce([inside for _, inside in found])
            y = np.where(is_inside[..., None], elements, np.zeros((), x.dtype))
        else:
            y = self._weighted(widen(image), batch, taps)
        return np.moveaxis(y.astype(x.dtype, copy=False), -1, channel)

    def _weighted(self, image: Array, batch: Array, taps: list[tuple[list[Places], list[Places]]]) -> Array:
        """The sum over all combinations of the axes' taps: [N, *out, C]."""
        total = np.zeros((), image.dtype)
        for combination in product(*(zip(*axis, strict=True) for axis in taps)):
            factor: Places = np.ones((), np.float32)
            indices = []
            for (place, weight), size in zip(combination, image.shape[1:-1], strict=True):
                index, is_inside = _within(place, size)
                factor = factor * weight * is_inside
                indices.append(index)
            total = total + image[(batch, *indices)] * factor[..., None].astype(image.dtype)
        return total

    def _taps(self, at: Places, size: int) -> tuple[list[Places], list[Places]]:
        """The whole places along an axis that positions from -1 to 1 read, and their weights, one for each tap."""
        half = at.dtype.type(0.5)
        position: Places = (at + 1) * (half * (size - 1)) if self.align_corners else (at + 1) * (half * size) - half
        if self.mode is ResizeMode.CUBIC:
            first = np.floor(position)
            weights = _cubic_weights(position - first)
            return [self._brought_inside(first + step, size) for step in (-1, 0, 1, 2)], weights
        position = self._brought_inside(position, size)
        if self.mode is ResizeMode.NEAREST:
            return [np.round(position)], [np.ones_like(position)]
        first = np.floor(position)
        return [first, first + 1], [1 - (position - first), position - first]

    def _brought_inside(self, position: Places, size: int) -> Places:
        """The position moved onto the image: to its border, or reflected there."""
        if self.padding is SamplePadding.ZEROS:
            return position
        if self.padding is SamplePadding.REFLECTION:
            low = position.dtype.type(0.0 if self.align_corners else -0.5)
            span = size - 1 if self.align_corners else size
            way = np.abs(position - low) % (2 * span) if span else np.zeros_like(position)
            position = np.minimum(way, 2 * span - way) + low
        return np.clip(position, 0, size - 1)


def _within(place: Places, size: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The index that stands for a place, which NaN has too, and whether it is the place."""
    is_inside = (place >= 0) & (place <= size - 1)
    index = np.nan_to_num(np.clip(place, 0, size - 1)).astype(np.int64)
    return index, np.asarray(is_inside)


def _cubic_weights(t: Places) -> list[Places]:
    """Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), for four taps."""
    a = CUBIC_COEFFICIENT

    def near(d: Places) -> Places:
        return np.asarray(((a + 2) * d - (a + 3)) * d * d + 1)

    def far(d: Places) -> Places:
        return np.asarray(((a * d - 5 * a) * d + 8 * a) * d - 4 * a)

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]
