"""Streaming histograms of bounded size, whose bins are as wide as a power of two.

Bin ``i`` of exponent ``e`` holds what lies in ``[i * 2**e, (i + 1) * 2**e)``, so two neighbours are a bin of exponent
``e + 1``: a histogram widens without loss. The exponent follows from the extremes alone, and dividing by a power of two
does not round, so that histograms merge exactly, in any order: the parts together are what all at once would be.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...types import Array

MAX_BINS = 2048
"""At least half as many are in use unless all is zero: four to eight for each step of an 8-bit quantizer."""

SMALLEST_EXPONENT = -160
"""With it the least positive number of float32, 2**-149, takes all bins."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """How many values lie in each bin of width ``2**exponent``; the first bin has index ``first``.

    The bins reach from the least to the greatest value, zero included. ``zeros`` of the values are zero exactly: they
    are counted in their bin, too.
    """

    exponent: int
    first: int
    counts: Counts
    zeros: int

    @staticmethod
    def of(values: Array, low: float, high: float) -> "Histogram":
        """The histogram of ``values``, f64[n] of numbers of float32, all in [low, high], which the bins span."""
        exponent, first, bins = _span(low, high)
        # Dividing by a power of two is exact, so floor gives the bin that the definition says.
        indices = np.floor(values * 2.0**-exponent)
        indices -= first
        counts = np.bincount(indices.astype(np.intp), minlength=bins)
        return Histogram(exponent, first, counts, values.size - int(np.count_nonzero(values)))

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    def merged(self, other: "Histogram") -> "Histogram":
        """The histogram of the values of both."""
        exponent = max(self.exponent, other.exponent)
        a, b = self._widened(exponent), other._widened(exponent)
        first = min(a.first, b.first)
        last = max(a.first + a.counts.size, b.first + b.counts.size)
        if first == a.first and last == first + a.counts.size:
            # Nothing moves: the usual case after a few samples.
            counts = a.counts.copy()
        else:
            counts = np.zeros(last - first, np.int64)
            counts[a.first - first : a.first - first + a.counts.size] = a.counts
        counts[b.first - first : b.first - first + b.counts.size] += b.counts
        both = Histogram(exponent, first, counts, a.zeros + b.zeros)
        while both.counts.size > MAX_BINS:
            both = both._widened(both.exponent + 1)
        return both

    def _widened(self, exponent: int) -> "Histogram":
        shift = exponent - self.exponent
        if shift == 0:
            return self
        first = self.first >> shift
        bins = np.arange(self.first, self.first + self.counts.size) >> shift
        counts = np.zeros(int(bins[-1]) - first + 1, np.int64)
        np.add.at(counts, bins - first, self.counts)
        return Histogram(exponent, first, counts, self.zeros)


def _span(low: float, high: float) -> tuple[int, int, int]:
    """The least exponent with which [low, high] and zero take at most MAX_BINS bins; the first bin, how many."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return SMALLEST_EXPONENT, 0, 1
    # What is enough when the values have one sign.
    exponent = math.frexp(max(-low, high))[1] - MAX_BINS.bit_length() + 1
    exponent = max(exponent, SMALLEST_EXPONENT)
    while True:
        first, last = (math.floor(math.ldexp(x, -exponent)) for x in (low, high))
        if last - first < MAX_BINS:
            return exponent, first, last - first + 1
        exponent += 1
