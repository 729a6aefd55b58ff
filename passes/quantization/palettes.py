"""Palettes: a table of few numbers that stand for many, found by k-means in one dimension."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir import Array

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

BINS = 1 << 14
"""More distinct numbers than this are first gathered into bins of about equal count: the time of a step then does not
grow with the weight, and the means of bins are as near as makes no difference."""

STEPS = 300
SETTLED = 1e-6
"""Lloyd's steps end when the error falls by less than this part of it."""


@dataclass(frozen=True)
class Palette:
    """``table[indices]``: indices u8 in the shape of the array, table f32[2 ** bits] in ascending order."""

    indices: NDArray[np.uint8]
    table: Floats

    def restored(self) -> Floats:
        return np.asarray(self.table[self.indices])


def palettize(array: Array, bits: int, importance: Array | None = None) -> Palette:
    """The palette of 2 ** bits entries (1 to 8 bits) of nearly the least squared error, and each element's entry.

    Lloyd's algorithm ("Least squares quantization in PCM", 1982) on the sorted numbers, where a cluster is a range and
    a step costs a binary search an entry. It begins where the density to the power of 1/3 splits evenly (Panter and
    Dite, 1951), which is the best that many entries can be. ``importance`` (broadcasts against ``array``) weights the
    errors. Entries that the array needs not repeat the last. Raises ValueError for NaN, infinities, no elements, and
    other numbers of bits.
    """
    if not 1 <= bits <= 8:
        raise ValueError(f"a palette has 1 to 8 bits, not {bits}")
    if not array.size:
        raise ValueError("there are no elements to choose a palette for")
    numbers = np.asarray(array, np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError("there are NaNs or infinities among the elements")
    weights = None if importance is None else np.broadcast_to(np.asarray(importance, np.float64), numbers.shape)
    points, masses = _gathered(numbers.reshape(-1), None if weights is None else weights.reshape(-1))
    table = _clusters(points, masses, 1 << bits).astype(np.float32)
    return Palette(_nearest(numbers, table), table)


def _gathered(numbers: Floats, weights: Doubles | None) -> tuple[Doubles, Doubles]:
    """Ascending points, at most about BINS, with the weight of the elements that each stands for."""
    points, masses, counts = _distinct(numbers, weights)
    if masses.sum() <= 0:
        masses = counts.astype(np.float64)
    if len(points) <= BINS:
        return points, masses
    # Half of the bins by count, half by value: outliers keep bins of their own.
    by_count = np.cumsum(counts) * (BINS // 2) // counts.sum()
    by_value = ((points - points[0]) * (BINS // 2 / (points[-1] - points[0]))).astype(np.int64)
    starts = np.flatnonzero(np.diff(by_count + by_value, prepend=-1))
    sums, binned = np.add.reduceat(points * masses, starts), np.add.reduceat(masses, starts)
    return np.where(binned > 0, sums / np.maximum(binned, 1e-300), points[starts]), binned


def _distinct(numbers: Floats, weights: Doubles | None) -> tuple[Doubles, Doubles, NDArray[np.int64]]:
    """The distinct numbers, ascending, with the weight and the count of the elements that are each."""
    order = None if weights is None else np.argsort(numbers, kind="stable")
    ascending = np.sort(numbers) if order is None else numbers[order]
    starts = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
    counts = np.diff(starts, append=len(ascending))
    masses = counts.astype(np.float64)
    if weights is not None:
        masses = np.add.reduceat(weights[order], starts)
    return ascending[starts].astype(np.float64), masses, counts


def _clusters(points: Doubles, masses: Doubles, count: int) -> Doubles:
    """The means of the best clusters of ascending points: f64[count], ascending."""
    if len(points) <= count:
        return np.concatenate([points, np.repeat(points[-1:], count - len(points))])
    scale = np.abs(points).max()
    unit = points / scale
    mass = np.concatenate([[0.0], np.cumsum(masses)])
    moment = np.concatenate([[0.0], np.cumsum(masses * unit)])
    centers = _first_centers(unit, masses, count)
    before = np.inf
    for _ in range(STEPS):
        bounds = np.searchsorted(unit, (centers[1:] + centers[:-1]) / 2)
        edges = np.concatenate([[0], bounds, [len(unit)]])
        held, sums = np.diff(mass[edges]), np.diff(moment[edges])
        centers = np.sort(np.where(held > 0, sums / np.maximum(held, 1e-300), centers))
        # Up to a constant: the sum of squares less what the means explain.
        explained = float(np.sum(np.where(held > 0, sums**2 / np.maximum(held, 1e-300), 0)))
        error = float(np.sum(masses * unit**2)) - explained
        if before - error <= SETTLED * abs(error):
            break
        before = error
    return np.asarray(centers * scale)


def _first_centers(unit: Doubles, masses: Doubles, count: int) -> Doubles:
    """Quantiles of the density to the power of 1/3, estimated from a smoothed histogram."""
    bins = max(4 * count, 64)
    histogram, edges = np.histogram(unit, bins, weights=masses)
    smooth = np.convolve(np.pad(histogram, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    steps = np.cumsum(np.cbrt(smooth))
    wanted = (np.arange(count) + 0.5) / count * steps[-1]
    return np.asarray(np.interp(wanted, np.concatenate([[0.0], steps]), edges))


def _nearest(numbers: Floats, table: Floats) -> NDArray[np.uint8]:
    middles = (table[1:].astype(np.float64) + table[:-1]) / 2
    return np.searchsorted(middles, numbers).astype(np.uint8)


__all__ = ["Palette", "palettize"]
