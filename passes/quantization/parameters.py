"""From the range that a quantizer of activations covers to its scale and zero point."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...types import DType

SMALLEST_SCALE = 2.0**-100
"""Scales are at least this: the product with the scale of a weight, which is a bias's, is then no denormal number."""

Vector = NDArray[np.float64]


class Range(NamedTuple):
    """The least and the greatest number that a quantizer covers; zero lies between them."""

    low: float
    high: float


class Parameters(NamedTuple):
    """``real = (stored - zero_point) * scale``; the scale is a number of float32."""

    scale: float
    zero_point: int


class Grids(NamedTuple):
    """Quantizers, one an element: scales, and the outermost multiples of the scale that they represent."""

    scales: Vector
    first: Vector
    last: Vector


def activation_parameters(range_: Range, storage: DType, symmetric: bool) -> Parameters:
    """Scale and zero point of the uniform quantizer that covers a range, widened to include zero.

    Zero is represented exactly. Affine: the range takes all integers of ``storage``. Symmetric: the larger magnitude is
    the greatest integer (127, 32767), and zero the middle one (0, or 128 of u8). A range of zero alone has scale 1.
    """
    grids = activation_grids(np.array([range_.low]), np.array([range_.high]), storage, symmetric)
    return Parameters(float(grids.scales[0]), storage.lowest - int(grids.first[0]))


def activation_grids(low: Vector, high: Vector, storage: DType, symmetric: bool) -> Grids:
    """The quantizers of many ranges of float32, f64[n] each, as ``activation_parameters`` makes them."""
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    levels = storage.highest - storage.lowest
    extents = np.maximum(-low, high) / (levels // 2) if symmetric else high / levels - low / levels
    scales = np.where(extents > 0, np.maximum(extents, SMALLEST_SCALE), 1.0).astype(np.float32).astype(np.float64)
    if symmetric:
        first = np.full(scales.shape, float(-(levels // 2) - 1))
    else:
        # The integer that stands for zero is the one nearest to where zero lies in the range.
        first = np.clip(np.rint(low / scales), -levels, 0.0)
    return Grids(scales, first, first + levels)
