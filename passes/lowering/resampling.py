"""What resizing kernels are compared by, and which of TensorFlow's three coordinate conventions is ``nn.Resize``'s."""

import enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...dims import is_nonnegative, known_equal, lower_bound
from ...ir import Value
from ...ops import nn
from ...ops.enums import CoordinateTransform, NearestRounding, ResizeMode
from ...types import DType, TensorType
from .resize import is_crop, knows_axis, resized_axes

PROVEN_SIZE = 4096
"""Nearest neighbours at integer scales are compared up to this input size when the size is symbolic."""


class Convention(enum.Enum):
    """The options of TFLite's RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR, of which at most one is set; Core ML has the
    same under other names."""

    HALF_PIXEL = "half_pixel_centers"
    LEGACY = "neither"
    ALIGN_CORNERS = "align_corners"


def convention(op: nn.Resize) -> Convention | None:
    """The convention that gives the op's coordinates along every resized axis; None when none does."""
    if op.mode is ResizeMode.CUBIC or is_crop(op) or blurs(op):
        return None
    matches = _matches_linear if op.mode is ResizeMode.LINEAR else _matches_nearest
    return next((c for c in Convention if all(matches(op, a, c) for a in resized_axes(op))), None)


def blurs(op: nn.Resize) -> bool:
    """Whether antialiasing may make a difference: it does where an axis shrinks."""
    return op.antialias and not all(_is_enlarged(op, a) for a in resized_axes(op))


def _is_enlarged(op: nn.Resize, axis: int) -> bool:
    if op.scales:
        return op.scales[axis] >= 1
    return is_nonnegative(op.shape[axis] - op.x.type.shape[axis])


def scale_is_size_ratio(op: nn.Resize, axis: int) -> bool:
    """Whether the scale for the coordinates is the ratio of the sizes, which is what runtimes take."""
    if not op.scales:
        return True
    scale, size, result = op.scales[axis], op.x.type.shape[axis], op.shape[axis]
    if isinstance(size, int) and isinstance(result, int):
        return abs(scale * size - result) <= 1e-6 * result
    return scale.is_integer() and known_equal(result, size * int(scale))


def integer_factor(op: nn.Resize, axis: int) -> int | None:
    """How many times as long the axis becomes, whatever its size; None when that is no integer."""
    size, result = op.x.type.shape[axis], op.shape[axis]
    if isinstance(size, int) and isinstance(result, int):
        return result // size if size and result % size == 0 else None
    factor = result // size
    return factor if isinstance(factor, int) and known_equal(result, size * factor) else None


def comparable_sizes(op: nn.Resize, axis: int) -> tuple[int, int] | None:
    """(size, result) at which kernels that take the neighbours of ``op`` do so at its own sizes; None for none."""
    size, result = op.x.type.shape[axis], op.shape[axis]
    if isinstance(size, int) and isinstance(result, int):
        return size, result
    factor = integer_factor(op, axis)
    if factor is None or op.transform is CoordinateTransform.ALIGN_CORNERS:
        return None
    # Whatever the size, the neighbours at an integer factor are the first of those at a larger size.
    return PROVEN_SIZE, PROVEN_SIZE * factor


def _matches_linear(op: nn.Resize, axis: int, candidate: Convention) -> bool:
    result = op.shape[axis]
    match op.transform:
        case CoordinateTransform.ALIGN_CORNERS:
            return candidate is Convention.ALIGN_CORNERS
        case CoordinateTransform.ASYMMETRIC:
            return candidate is Convention.LEGACY and scale_is_size_ratio(op, axis)
        case CoordinateTransform.HALF_PIXEL | CoordinateTransform.HALF_PIXEL_SYMMETRIC:
            return candidate is Convention.HALF_PIXEL and scale_is_size_ratio(op, axis)
        case CoordinateTransform.PYTORCH_HALF_PIXEL:
            if result == 1:
                return candidate is not Convention.HALF_PIXEL
            is_several = (lower_bound(result) or 0) > 1
            return candidate is Convention.HALF_PIXEL and is_several and scale_is_size_ratio(op, axis)
    return False


def _matches_nearest(op: nn.Resize, axis: int, candidate: Convention) -> bool:
    if candidate is Convention.ALIGN_CORNERS and not knows_axis(op, axis):
        return op.transform is CoordinateTransform.ALIGN_CORNERS and op.rounding is NearestRounding.ROUND_PREFER_CEIL
    sizes = comparable_sizes(op, axis)
    scale = op.scales[axis] if op.scales else None
    return sizes is not None and _same_neighbours(op.transform, op.rounding, candidate, *sizes, scale)


@lru_cache(256)
def _same_neighbours(
    transform: CoordinateTransform,
    rounding: NearestRounding,
    candidate: Convention,
    size: int,
    result: int,
    scale: float | None,
) -> bool:
    wanted = nearest_neighbours(transform, rounding, size, result, scale)
    return np.array_equal(wanted, tensorflow_neighbours(candidate, size, result))


def nearest_neighbours(
    transform: CoordinateTransform, rounding: NearestRounding, size: int, result: int, scale: float | None
) -> NDArray[np.int64]:
    """For every element of the result the element of an axis of ``size`` that ``nn.Resize`` takes."""
    x = Value(TensorType(DType.I64, (size,)))
    scales = () if scale is None else (scale,)
    op = nn.Resize(x, (result,), scales, ResizeMode.NEAREST, transform, rounding)
    return op.evaluate(np.arange(size), None)


def tensorflow_neighbours(candidate: Convention, size: int, result: int) -> NDArray[np.int64]:
    """The same for the kernel of RESIZE_NEAREST_NEIGHBOR, which computes in single precision."""
    is_aligned = candidate is Convention.ALIGN_CORNERS
    ratio = (size - 1, result - 1) if is_aligned and result > 1 else (size, result)
    scale = np.float32(ratio[0]) / np.float32(ratio[1])
    offset = np.float32(0.5 if candidate is Convention.HALF_PIXEL else 0)
    at = (np.arange(result).astype(np.float32) + offset) * scale
    indices: NDArray[np.int64] = np.floor(at + np.float32(0.5) if is_aligned else at).astype(np.int64)
    return np.minimum(indices, size - 1)
