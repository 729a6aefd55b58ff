"""Resizing and sampling of images. Source: `image_resizing` of the operator classes.

Grids are in float64, so that a place that should be whole is.
"""

import numpy as np

from .....types import Array
from ..kinds import ProgramError


def grid(mode: str, start: float, size: float, count: int) -> Array:
    """Where ``count`` samples of a stretch of ``size`` pixels from ``start`` are taken; not clamped."""
    place = np.arange(count, dtype=np.float64)
    match mode:
        case "DEFAULT":
            return start + place * (size / count)
        case "STRICT_ALIGN_CORNERS" | "ALIGN_CORNERS" if count > 1:
            return start + place * ((size - 1) / (count - 1))
        case "STRICT_ALIGN_CORNERS":
            return start + place
        case "ALIGN_CORNERS":
            return start + place + (size - 1) / 2
        case "OFFSET_CORNERS":
            return start + (place + 0.5) * (max(1.0, size - 1) / count)
        case "UNALIGN_CORNERS":
            return start + (place + 0.5) * (size / count) - 0.5
        case _:
            raise ProgramError(f"there is no sampling_mode {mode!r}")


def interpolated(x: Array, axis: int, places: Array) -> Array:
    """x sampled linearly along an axis at places, which are clamped to it."""
    last = x.shape[axis] - 1
    clamped = np.clip(places, 0, last)
    low = np.floor(clamped).astype(np.int64)
    shape = [1] * x.ndim
    shape[axis] = -1
    weight = (clamped - low).astype(np.float32).reshape(shape)
    below, above = np.take(x, low, axis), np.take(x, np.minimum(low + 1, last), axis)
    return np.asarray(below * (np.float32(1) - weight) + above * weight)


def _nearest(x: Array, axis: int, places: Array) -> Array:
    return np.take(x, np.clip(places.astype(np.int64), 0, x.shape[axis] - 1), axis)


def _check(x: Array) -> None:
    if x.ndim < 3:
        raise ProgramError(f"x has rank {x.ndim}, not 3 or more")


def resize_bilinear(x: Array, target_size_height: int, target_size_width: int, sampling_mode: str) -> Array:
    _check(x)
    rows = interpolated(x, x.ndim - 2, grid(sampling_mode, 0, x.shape[-2], target_size_height))
    return interpolated(rows, x.ndim - 1, grid(sampling_mode, 0, x.shape[-1], target_size_width))


def resize_nearest_neighbor(x: Array, target_size_height: int, target_size_width: int) -> Array:
    """Samples at floor((i + 0.5) * in / out)."""
    _check(x)
    rows = _nearest(x, x.ndim - 2, _centres(x.shape[-2], target_size_height))
    return _nearest(rows, x.ndim - 1, _centres(x.shape[-1], target_size_width))


def _centres(size: int, count: int) -> Array:
    # Whole arithmetic, so that no rounding moves a centre over a pixel's edge.
    return (2 * np.arange(count) + 1) * size // (2 * count)


def upsample_nearest_neighbor(x: Array, scale_factor_height: float, scale_factor_width: float) -> Array:
    """Samples at floor(i * in / out)."""
    _check(x)
    height, width = int(x.shape[-2] * scale_factor_height), int(x.shape[-1] * scale_factor_width)
    rows = _nearest(x, x.ndim - 2, np.arange(height) * x.shape[-2] // max(height, 1))
    return _nearest(rows, x.ndim - 1, np.arange(width) * x.shape[-1] // max(width, 1))


def upsample_bilinear(
    x: Array,
    scale_factor_height: float,
    scale_factor_width: float,
    align_corners: bool,
    half_pixel_centers: bool | None = None,
) -> Array:
    """Samples as resize_bilinear does for the sizes that the factors come to."""
    _check(x)
    height, width = int(x.shape[-2] * scale_factor_height), int(x.shape[-1] * scale_factor_width)
    if align_corners and half_pixel_centers:
        raise ProgramError("align_corners and half_pixel_centers exclude each other")
    centred = not align_corners if half_pixel_centers is None else half_pixel_centers
    mode = "STRICT_ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS" if centred else "DEFAULT"
    return resize_bilinear(x, height, width, mode)


def resize(x: Array, shape: Array, resized_dims: int, interpolation_mode: str, sampling_mode: str) -> Array:
    """Resizes the last dimensions to the last elements of shape; 0 keeps a dimension."""
    if not resized_dims <= shape.size <= x.ndim:
        raise ProgramError(f"{resized_dims} sizes of {shape.tolist()} for {list(x.shape)}")
    if interpolation_mode == "LINEAR" and x.dtype.kind != "f":
        raise ProgramError("integers are interpolated, whose rounding is documented nowhere")
    result = x
    for axis, wanted in zip(range(x.ndim - resized_dims, x.ndim), shape[shape.size - resized_dims :], strict=True):
        size, count = x.shape[axis], int(wanted) or x.shape[axis]
        if interpolation_mode == "LINEAR":
            result = interpolated(result, axis, grid(sampling_mode, 0, size, count))
        elif interpolation_mode != "NEAREST_NEIGHBOR":
            raise ProgramError(f"there is no interpolation_mode {interpolation_mode!r}")
        elif sampling_mode == "DEFAULT":
            result = _nearest(result, axis, _centres(size, count))
        else:
            result = _nearest(result, axis, np.floor(grid(sampling_mode, 0, size, count) + 0.5))
    return result


def resample(
    x: Array,
    coordinates: Array,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Array:
    """x [B, C, H, W] at coordinates [B, H', W', 2], each (x, y)."""
    if x.ndim != 4 or coordinates.ndim != 4 or coordinates.shape[-1] != 2 or coordinates.shape[0] != x.shape[0]:
        raise ProgramError(f"x is of shape {list(x.shape)}, coordinates of shape {list(coordinates.shape)}")
    across = _placed(coordinates[..., 0], x.shape[3], coordinates_mode, padding_mode, align_corners)
    down = _placed(coordinates[..., 1], x.shape[2], coordinates_mode, padding_mode, align_corners)
    outside = np.float32(padding_value)
    if sampling_mode == "nearest":
        return _pixels(x, np.rint(down), np.rint(across), outside)
    if sampling_mode != "bilinear":
        raise ProgramError(f"there is no sampling_mode {sampling_mode!r}")
    left, top = np.floor(across), np.floor(down)
    right, below = (across - left).astype(np.float32)[:, None], (down - top).astype(np.float32)[:, None]
    upper = _pixels(x, top, left, outside) * (1 - right) + _pixels(x, top, left + 1, outside) * right
    lower = _pixels(x, top + 1, left, outside) * (1 - right) + _pixels(x, top + 1, left + 1, outside) * right
    return np.asarray(upper * (1 - below) + lower * below)


def _placed(coordinate: Array, size: int, mode: str, padding_mode: str, align_corners: bool) -> Array:
    """Coordinates in pixels, those outside moved inside unless they are padded with a constant."""
    place = coordinate.astype(np.float64)
    match mode:
        case "normalized_minus_one_to_one":
            place = (place + 1) / 2 * (size - 1) if align_corners else ((place + 1) * size - 1) / 2
        case "normalized_zero_to_one":
            place = place * (size - 1) if align_corners else place * size - 0.5
        case "unnormalized":
            pass
        case _:
            raise ProgramError(f"there is no coordinates_mode {mode!r}")
    match padding_mode:
        case "constant":
            return place
        case "border":
            return np.clip(place, 0, size - 1)
        case "reflection":
            return _reflected(place, 0.0, float(size - 1))
        case "symmetric":
            return np.clip(_reflected(place, -0.5, size - 0.5), 0, size - 1)
        case _:
            raise ProgramError(f"there is no padding_mode {padding_mode!r}")


def _reflected(place: Array, low: float, high: float) -> Array:
    if high <= low:
        return np.zeros_like(place)
    span = high - low
    return low + span - np.abs(np.mod(place - low, 2 * span) - span)


def _pixels(x: Array, rows: Array, columns: Array, outside: np.float32) -> Array:
    """x [B, C, H, W] at rows and columns [B, H', W'], ``outside`` where there is no pixel."""
    height, width = x.shape[2:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    row = np.clip(rows, 0, height - 1).astype(np.int64)
    column = np.clip(columns, 0, width - 1).astype(np.int64)
    batch = np.arange(x.shape[0])[:, None, None]
    return np.where(inside[:, None], np.moveaxis(x[batch, :, row, column], -1, 1), outside)


def affine(
    x: Array,
    transform_matrix: Array,
    output_height: int,
    output_width: int,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Array:
    """Samples where [a0, a1, a2, b0, b1, b2] maps each output pixel to; only the modes that Apple supports."""
    if (padding_mode, coordinates_mode) != ("constant", "normalized_minus_one_to_one") or not align_corners:
        raise ProgramError("only constant padding and aligned coordinates from -1 to 1 are supported")
    across, down = np.linspace(-1, 1, output_width), np.linspace(-1, 1, output_height)[:, None]
    matrices = np.broadcast_to(transform_matrix, (x.shape[0], 6)).astype(np.float64)
    places = [[m[0] * across + m[1] * down + m[2], m[3] * across + m[4] * down + m[5]] for m in matrices]
    coordinates = np.moveaxis(np.array(places), 1, -1)
    return resample(x, coordinates, sampling_mode, padding_mode, padding_value, coordinates_mode, align_corners)
