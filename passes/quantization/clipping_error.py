"""The expected squared error of a uniform quantizer, from a histogram, and the range with the least.

Within a bin values are taken to be spread evenly. In units of the scale the quantizer's error at t is ``t - r``,
where r is the integer nearest to t, or the outermost one when t lies beyond; the square of it, integrated from 0 to t,
is ``G(t) = r / 12 + (t - r)**3 / 3``. A difference of G gives the mean error in a bin, and in it is all: rounding,
clipping, where the grid stands, at any number of bits. Zeros, which are stored exactly, have no error.
"""

from dataclasses import dataclass

import numpy as np

from ...types import DType
from .histograms import Histogram
from .parameters import Grids, Range, Vector, activation_grids

RATIO = 1.125
"""Between neighbouring candidates for an end of the range in the first search, and …"""

CANDIDATES = 64
"""… how many there are: down to 2000 times less than what was seen, which is one bin of the histogram."""

SPREADS = tuple(RATIO**power for power in (1.0, 0.4, 0.15))
"""How far about the best candidate the exact searches look, one after the other."""

STEPS = 5
"""Candidates for each end in an exact search, both ends together."""

_NARROWEST = 2.0**-10


@dataclass(frozen=True)
class Density:
    """A histogram without its zeros: ``counts`` of values spread evenly between consecutive ``edges``, f64[bins + 1].

    The edges are in units of ``width``, with which neither huge nor tiny numbers overflow when they are squared.
    """

    width: float
    edges: Vector
    counts: Vector

    @staticmethod
    def of(histogram: Histogram, low: float, high: float) -> "Density":
        """Of values that lie in [low, high], of which the outermost bins hold no more."""
        width = 2.0**histogram.exponent
        bins = histogram.counts.size
        edges = np.arange(histogram.first, histogram.first + bins + 1, dtype=np.float64)
        counts = histogram.counts.astype(np.float64)
        counts[-histogram.first] -= histogram.zeros
        # What a ReLU6 or a tanh cuts off lies all at the outermost value. No bin is empty, that its mass has a density.
        if low < 0:
            edges[0] = min(max(low / width, edges[0]), edges[1] - _NARROWEST)
        if high > 0:
            edges[-1] = max(min(high / width, edges[-1]), edges[-2] + _NARROWEST)
        return Density(width, edges, counts)

    @property
    def range(self) -> Range:
        return Range(min(float(self.edges[0]), 0.0) * self.width, max(float(self.edges[-1]), 0.0) * self.width)

    @property
    def power(self) -> float:
        """The sum of the squares, in units of ``width**2``."""
        return float(np.diff(self.edges**3) / 3 @ self._heights)

    @property
    def _heights(self) -> Vector:
        return self.counts / np.diff(self.edges)

    def errors(self, grids: Grids) -> Vector:
        """The sum of the squared errors of each quantizer, f64[quantizers], in units of ``width**2``."""
        scales = grids.scales / self.width
        units = self.edges / scales[:, None]
        nearest = np.clip(np.rint(units), grids.first[:, None], grids.last[:, None])
        remainder = units - nearest
        integrals = nearest / 12 + remainder * remainder * remainder / 3
        return np.asarray(np.diff(integrals, axis=1) @ self._heights * scales**3)

    def clipped(self, range_: Range) -> float:
        """How many values lie outside the range."""
        cumulative = np.concatenate([[0.0], np.cumsum(self.counts)])
        below, inside = np.interp(np.array(range_) / self.width, self.edges, cumulative)
        return float(cumulative[-1] - (inside - below))


def least_error_range(density: Density, storage: DType, symmetric: bool) -> Range:
    """The range whose quantizer has the least expected squared error; never a worse one than the whole range."""
    whole = density.range
    best = _coarse_range(density, storage, symmetric)
    for spread in SPREADS:
        factors = spread ** np.linspace(-1.0, 1.0, STEPS)
        lows, highs = (np.clip(end * factors, *whole) for end in best)
        best = _best(density, *_pairs(lows, highs, symmetric), storage, symmetric)
    return _best(density, np.array([best[0], whole.low]), np.array([best[1], whole.high]), storage, symmetric)


def _pairs(lows: Vector, highs: Vector, symmetric: bool) -> tuple[Vector, Vector]:
    """Ends to be tried together: each with each, but only one with one of the same place in a symmetric search."""
    if symmetric or not lows.any() or not highs.any():
        return lows, highs
    low, high = np.meshgrid(lows, highs)
    return low.reshape(-1), high.reshape(-1)


def _best(density: Density, lows: Vector, highs: Vector, storage: DType, symmetric: bool) -> Range:
    place = int(np.argmin(density.errors(activation_grids(lows, highs, storage, symmetric))))
    return Range(float(lows[place]), float(highs[place]))


def _coarse_range(density: Density, storage: DType, symmetric: bool) -> Range:
    """The best of many ranges if the error of what is not clipped were that of a smooth density, ``step**2 / 12``."""
    low, high = (end / density.width for end in density.range)
    factors = RATIO ** -np.arange(CANDIDATES, dtype=np.float64)
    levels, total, counts = storage.highest - storage.lowest, density.counts.sum(), density.counts
    centres = (density.edges[:-1] + density.edges[1:]) / 2
    if symmetric:
        ends = factors * max(-low, high)
        errors = _excess(centres, counts, ends) + _excess(-centres[::-1], counts[::-1], ends)
        end = float(ends[np.argmin(errors + total * (ends / (levels // 2)) ** 2 / 12)])
        return Range(max(-end, low) * density.width, min(end, high) * density.width)
    above = _excess(centres, counts, factors * high)
    below = _excess(-centres[::-1], counts[::-1], factors * -low)
    steps = (factors * high - factors[:, None] * low) / levels
    errors = below[:, None] + above + total * steps**2 / 12
    row, column = np.unravel_index(int(np.argmin(errors)), errors.shape)
    return Range(float(factors[row]) * low * density.width, float(factors[column]) * high * density.width)


def _excess(centres: Vector, counts: Vector, thresholds: Vector) -> Vector:
    """The sum of ``(centre - threshold)**2`` over what lies above each threshold; ``centres`` ascend."""
    sums = [np.concatenate([np.cumsum((counts * centres**k)[::-1])[::-1], [0.0]]) for k in range(3)]
    place = np.searchsorted(centres, thresholds)
    count, first, second = (s[place] for s in sums)
    return np.asarray(np.maximum(second - 2 * thresholds * first + thresholds**2 * count, 0.0))
