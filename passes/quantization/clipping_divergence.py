"""The range whose quantizer keeps most of a tensor's distribution: the least Kullback-Leibler divergence.

Migacz, "8-bit inference with TensorRT", GTC 2017. P is the histogram inside a range, what lies outside added to
the outermost bins, for there it is clipped to. Q is what the quantizer leaves of the histogram inside: the mass of each
level spread evenly over those bins of the level that are not empty; Q knows nothing of what was clipped, which is why
clipping costs. Zeros are left out: they are stored exactly whatever the range is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clipping_error import Density
from .parameters import Range, Vector

CANDIDATES = 128
"""Ranges that are tried for each end."""

TURNS = 2
"""How often the two ends of a range are searched in turn, the other one held."""

Places = NDArray[np.intp]

UNSEEN = 0.5
"""The count in Q of a bin where P has something and Q nothing: less than that of anything seen."""


def least_divergence_range(density: Density, levels: int, symmetric: bool) -> Range:
    """The range whose quantizer to ``levels`` levels, half of them of each sign when symmetric, diverges least.

    A range has as many bins as levels at least; with 16 bits it is all that was seen.
    """
    if not density.counts.any():
        return density.range
    zero = int(np.searchsorted(density.edges, 0.0))
    if symmetric:
        threshold = _searched(_Divergence.of(_folded(density.counts, zero)), levels // 2, 0)[1]
        low, high = zero - threshold, zero + threshold
    else:
        low, high = _searched(_Divergence.of(density.counts), levels, zero)
    edges = density.edges * density.width
    return Range(float(edges[max(low, 0)]), float(edges[min(high, density.counts.size)]))


def _folded(counts: Vector, zero: int) -> Vector:
    """The counts of magnitudes; the bins before ``zero`` are negative."""
    folded = np.zeros(max(zero, counts.size - zero))
    folded[: counts.size - zero] += counts[zero:]
    folded[:zero] += counts[:zero][::-1]
    return folded


def _searched(divergence: "_Divergence", levels: int, zero: int) -> tuple[int, int]:
    """The bins [low, high) about ``zero`` that diverge least from all, each end searched in turn."""
    bins = divergence.bins
    low, high = 0, bins
    for _ in range(TURNS if 0 < zero < bins else 1):
        if zero < bins:
            least = max(zero + 1, min(low + levels, bins))
            ends = _candidates(least, bins)
            high = int(ends[np.argmin(divergence(np.full_like(ends, low), ends, levels))])
        if zero > 0:
            most = min(zero - 1, max(high - levels, 0))
            starts = _candidates(0, most)[::-1]
            low = int(starts[np.argmin(divergence(starts, np.full_like(starts, high), levels))])
    return low, high


def _candidates(first: int, last: int) -> Places:
    """From the last down to the first: of ranges equally good, the widest is the first."""
    return np.unique(np.linspace(first, last, CANDIDATES).astype(np.intp))[::-1]


@dataclass(frozen=True)
class _Divergence:
    """Sums over the bins before each, with which a range costs as much as it has levels: of counts, of bins that are
    not empty, of ``count * log(count)``."""

    counts: Vector
    mass: Vector
    occupied: Vector
    entropy: Vector

    @staticmethod
    def of(counts: Vector) -> "_Divergence":
        occupied = (counts > 0).astype(np.float64)
        return _Divergence(counts, *(_sums(x) for x in (counts, occupied, _entropy(counts))))

    @property
    def bins(self) -> int:
        return self.counts.size

    def __call__(self, lows: Places, highs: Places, levels: int) -> Vector:
        """The divergence of each range of bins [low, high), f64[ranges]; inf for one without values."""
        bounds = lows[:, None] + (highs - lows)[:, None] * np.arange(levels + 1) // levels
        masses, occupied = np.diff(self.mass[bounds]), np.diff(self.occupied[bounds])
        spread = np.log(np.maximum(masses, UNSEEN) / np.maximum(occupied, 1.0))
        total = self.mass[-1]
        inside = self.mass[highs] - self.mass[lows]
        # sum(P log P) - sum(P log Q), where P and Q are still counts …
        own = self.entropy[highs] - self.entropy[lows]
        cross = np.sum(masses * spread, axis=1)
        ends = ((lows, spread[:, 0], self.mass[lows]), (highs - 1, spread[:, -1], total - self.mass[highs]))
        for bins, outermost, clipped in ends:
            counts = self.counts[bins]
            own = own + _entropy(counts + clipped) - _entropy(counts)
            cross = cross + clipped * np.where(counts > 0, outermost, np.log(UNSEEN))
        # … and now are divided by their sums.
        divergence = (own - cross) / total + np.log(np.maximum(inside, 1.0) / total)
        return np.asarray(np.where(inside > 0, divergence, np.inf))


def _sums(x: Vector) -> Vector:
    return np.concatenate([[0.0], np.cumsum(x)])


def _entropy(counts: Vector) -> Vector:
    return np.asarray(counts * np.log(np.where(counts > 0, counts, 1.0)))
