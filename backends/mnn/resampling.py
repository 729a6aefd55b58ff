"""How the runtime's resizing of images, if it can at all, is told to resample as ``nn.Resize`` does."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ops import nn
from ...ops.enums import CoordinateTransform, NearestRounding, ResizeMode
from ...passes.lowering.resampling import blurs, comparable_sizes, nearest_neighbours, scale_is_size_ratio
from ...passes.lowering.resize import is_crop, resized_axes
from .schema_enums import CoordinateTransformationMode as Mode

NEAREST_BELOW, LINEAR, CUBIC, NEAREST = 1, 2, 3, 4
"""The numbers of the runtime's kernels: the neighbour before a coordinate, interpolation, the nearest neighbour."""

CUBIC_COEFFICIENT = -0.75


class Sampling(NamedTuple):
    """The kernel and how it finds coordinates."""

    kernel: int
    mode: Mode


_RATIO_MODES = {
    CoordinateTransform.ASYMMETRIC: Mode.ASYMMETRIC,
    CoordinateTransform.HALF_PIXEL: Mode.HALF_PIXELS,
    CoordinateTransform.HALF_PIXEL_SYMMETRIC: Mode.HALF_PIXELS,
    CoordinateTransform.PYTORCH_HALF_PIXEL: Mode.PYTORCH_HALF_PIXELS,
}
_NEAREST_CANDIDATES = tuple(
    Sampling(kernel, mode)
    for mode in (Mode.ASYMMETRIC, Mode.HALF_PIXELS, Mode.ALIGN_CORNERS)
    for kernel in (NEAREST_BELOW, NEAREST)
)


def sampling(op: nn.Resize) -> Sampling | None:
    """What gives the op's coordinates along every resized axis; None when nothing does."""
    axes = resized_axes(op)
    if is_crop(op) or blurs(op):
        return None
    if op.mode is ResizeMode.NEAREST:
        return next((s for s in _NEAREST_CANDIDATES if all(_matches_nearest(op, a, s) for a in axes)), None)
    mode = _interpolation_mode(op, axes)
    if mode is None or op.mode is ResizeMode.LINEAR:
        return None if mode is None else Sampling(LINEAR, mode)
    # Of negative coordinates the kernel takes the neighbours of the next one.
    is_native = op.cubic_coefficient == CUBIC_COEFFICIENT and not op.exclude_outside
    return Sampling(CUBIC, mode) if is_native and mode in (Mode.ALIGN_CORNERS, Mode.ASYMMETRIC) else None


def _interpolation_mode(op: nn.Resize, axes: tuple[int, ...]) -> Mode | None:
    if op.transform is CoordinateTransform.ALIGN_CORNERS:
        return Mode.ALIGN_CORNERS
    return _RATIO_MODES.get(op.transform) if all(scale_is_size_ratio(op, a) for a in axes) else None


def _matches_nearest(op: nn.Resize, axis: int, candidate: Sampling) -> bool:
    sizes = comparable_sizes(op, axis)
    scale = op.scales[axis] if op.scales else None
    return sizes is not None and _same_neighbours(op.transform, op.rounding, candidate, *sizes, scale)


@lru_cache(256)
def _same_neighbours(
    transform: CoordinateTransform,
    rounding: NearestRounding,
    candidate: Sampling,
    size: int,
    result: int,
    scale: float | None,
) -> bool:
    wanted = nearest_neighbours(transform, rounding, size, result, scale)
    # Compilers may join the product and the sum, which rounds once instead of twice.
    return all(np.array_equal(wanted, _neighbours(candidate, size, result, joined)) for joined in (False, True))


def _neighbours(candidate: Sampling, size: int, result: int, joined: bool) -> NDArray[np.int64]:
    """For every element of the result the element of the axis that the runtime takes, in single precision."""
    single = np.float32
    if candidate.mode is Mode.ALIGN_CORNERS:
        scale = single(0) if result == 1 else single(size - 1) / single(result - 1)
    else:
        scale = single(size) / single(result)
    offset = single(0.5) * scale - single(0.5) if candidate.mode is Mode.HALF_PIXELS else single(0)
    x = np.arange(result, dtype=single)
    if joined:
        at = (x.astype(np.float64) * float(scale) + float(offset)).astype(single)
    else:
        at = x * scale + offset
    if candidate.kernel == NEAREST:
        at = at + single(0.499)
    return np.clip(np.floor(at).astype(np.int64), 0, size - 1)
