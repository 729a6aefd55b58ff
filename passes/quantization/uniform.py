"""Uniform quantizers: from numbers to evenly spaced integers, ``real = (stored - zero_point) * scale``."""

import enum
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...types import DType
from .blocks import Grouping
from .half_quadratic import fit_half_quadratic
from .range_search import Levels, fit_least_squares, fit_min_max

Floats = NDArray[np.float32]

HALF_BITS = 11
"""The significant bits of f16."""

SHORT_BITS = 8
"""With so many the product of a scale and a zero point of 4 bits about the middle has no more than f16 has. It costs
0.002 dB."""


class Refinement(enum.Enum):
    """How scales and zero points are found: from the least and greatest number, for the least squared error, or for an
    error in which outliers count less (half-quadratic)."""

    NONE = "none"
    MSE = "mse"
    HQQ = "hqq"


@dataclass(frozen=True)
class Scheme:
    """What numbers are stored as: ``bits`` bits, with a zero point of 0 (symmetric) or one of their own (affine).

    Symmetric integers of 8 and 16 bits lie in [-(2^(b-1) - 1), 2^(b-1) - 1], as integer kernels want them; those of
    fewer bits begin at -2^(b-1), as there the one level more is worth having. Affine ones lie in [0, 2^b - 1].
    Raises ValueError for other than 2 to 8 or 16 bits.
    """

    bits: int = 8
    is_symmetric: bool = True

    def __post_init__(self) -> None:
        if self.bits not in (2, 3, 4, 5, 6, 7, 8, 16):
            raise ValueError(f"integers have 2 to 8 or 16 bits, not {self.bits}")

    @cached_property
    def levels(self) -> Levels:
        if not self.is_symmetric:
            return Levels(0, (1 << self.bits) - 1, is_symmetric=False)
        half = 1 << (self.bits - 1)
        return Levels(-half if self.bits < 8 else 1 - half, half - 1, is_symmetric=True)

    @property
    def storage(self) -> DType:
        """The narrowest dtype that holds the integers."""
        signed = {4: DType.I4, 8: DType.I8, 16: DType.I16}
        unsigned = {4: DType.U4, 8: DType.U8, 16: DType.U16}
        width = next(w for w in (4, 8, 16) if self.bits <= w)
        return (signed if self.is_symmetric else unsigned)[width]


@dataclass(frozen=True)
class QuantizedArray:
    """Integers with their scales (f32) and zero points (None when all are 0), both in ``grouping.parameters_shape``."""

    stored: Array
    scales: Floats
    zero_points: Array | None
    grouping: Grouping

    def dequantized(self) -> Floats:
        """What the integers stand for, as quant.dequantize computes it."""
        numbers = self.stored.astype(np.float32)
        if self.zero_points is not None:
            numbers = numbers - self.grouping.over(self.zero_points.astype(np.float32))
        return np.asarray(numbers * self.grouping.over(self.scales), np.float32)


def quantize(
    array: Array,
    scheme: Scheme,
    *,
    axis: int | None = None,
    block: int | None = None,
    refinement: Refinement = Refinement.NONE,
    importance: Array | None = None,
) -> QuantizedArray:
    """Quantizes floats per tensor, per index of ``axis``, or per ``block`` along it (see Grouping).

    The scales of blocks are f16's numbers, if these reach so far. ``importance`` (f32, broadcasts against ``array``)
    weights the squared errors that ``mse`` minimises.
    An element between the ends of its group's range is off by half a scale at most. Groups of zeros get the scale 1.
    Raises ValueError for NaN, infinities, and no elements.
    """
    if not array.size:
        raise ValueError("there are no elements to quantize")
    numbers = np.asarray(array, np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError("there are NaNs or infinities among the elements")
    grouping = Grouping(numbers.shape, axis, block)
    scales, zeros = _parameters(numbers, scheme, grouping, refinement, importance)
    return round_to_nearest(numbers, scheme, grouping, scales, zeros)


def _parameters(
    numbers: Floats, scheme: Scheme, grouping: Grouping, refinement: Refinement, importance: Array | None
) -> tuple[Floats, Array | None]:
    rows = grouping.rows(numbers)
    if refinement is Refinement.NONE:
        scales, zeros = fit_min_max(rows, scheme.levels)
    else:
        weights = None if importance is None else _spread(importance, grouping)
        scales, zeros = fit_least_squares(rows, scheme.levels, weights)
        if refinement is Refinement.HQQ:
            scales, zeros = fit_half_quadratic(rows, scheme.levels, scales, zeros)
    if grouping.block is not None:
        scales = _as_halves(scales, HALF_BITS if scheme.is_symmetric else SHORT_BITS)
    stored_zeros = None if scheme.is_symmetric else grouping.parameters(zeros).astype(scheme.storage.numpy)
    return grouping.parameters(scales), stored_zeros


def _as_halves(scales: Floats, bits: int) -> Floats:
    """Scales of so many significant bits that f16 holds too, as some runtimes keep those of blocks. As they are where
    one is beyond its range."""
    limits = np.finfo(np.float16)
    if scales.min() < limits.smallest_normal or scales.max() > limits.max / 16:
        return scales
    fractions, exponents = np.frexp(scales)
    rounded = np.ldexp(np.rint(np.ldexp(fractions, bits)), exponents - bits)
    return np.asarray(rounded, np.float32)


def _spread(importance: Array, grouping: Grouping) -> Floats:
    return grouping.rows(np.broadcast_to(np.asarray(importance, np.float32), grouping.shape))


def round_to_nearest(
    numbers: Floats, scheme: Scheme, grouping: Grouping, scales: Floats, zero_points: Array | None
) -> QuantizedArray:
    """The nearest integers for given scales and zero points, both in ``grouping.parameters_shape``."""
    integers = np.rint(numbers / grouping.over(scales))
    if zero_points is not None:
        integers += grouping.over(zero_points.astype(np.float32))
    np.clip(integers, scheme.levels.lowest, scheme.levels.highest, out=integers)
    return QuantizedArray(integers.astype(np.int32).astype(scheme.storage.numpy), scales, zero_points, grouping)


def signal_to_noise(array: Array, approximation: Array) -> float:
    """10 log10(|array|^2 / |array - approximation|^2), in dB; infinite when they are equal."""
    exact = array.astype(np.float64)
    noise = float(np.sum(np.square(exact - approximation.astype(np.float64))))
    signal = float(np.sum(np.square(exact)))
    if noise == 0:
        return np.inf
    return 10 * float(np.log10(signal / noise)) if signal else -np.inf


__all__ = ["QuantizedArray", "Refinement", "Scheme", "quantize", "round_to_nearest", "signal_to_noise"]
