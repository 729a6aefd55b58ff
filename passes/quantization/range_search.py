"""Scales and zero points of uniform quantizers, for many groups at once: the rows of a matrix, f32[groups, n]."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SMALLEST_SCALE = float(np.finfo(np.float32).smallest_normal)
"""Below, processors flush scales to zero."""

COARSE_RATIOS = tuple(float(r) for r in np.geomspace(1.0, 0.12, 16))
"""How much of the range between the least and greatest number is tried at first; a few outliers may be far off."""

FINE_STEPS = (-0.66, -0.33, 0.33, 0.66)
"""Then what lies between the best of them and its neighbours, in parts of the step from one to the next."""

CHUNK = 1 << 16
"""Elements that are searched through at once: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Levels:
    """The integers that a quantizer has: lowest to highest; symmetric when the zero point is always 0."""

    lowest: int
    highest: int
    is_symmetric: bool

    @property
    def span(self) -> int:
        return self.highest - self.lowest


def fit_min_max(rows: Floats, levels: Levels) -> tuple[Floats, Floats]:
    """Scales and zero points, f32[groups] each, for which nothing is clipped. Ranges include 0, so that 0 is exact."""
    low = np.minimum(rows.min(axis=1), 0).astype(np.float64)
    high = np.maximum(rows.max(axis=1), 0).astype(np.float64)
    if levels.is_symmetric:
        # A range of fewer bits reaches one step further down than up.
        scales = np.maximum(high / levels.highest, low / levels.lowest)
        return _usable(scales), np.zeros(len(rows), np.float32)
    scales = _usable((high - low) / levels.span)
    zeros = np.clip(np.rint(levels.lowest - low / scales), levels.lowest, levels.highest)
    return scales, zeros.astype(np.float32)


def _usable(scales: NDArray[np.float64]) -> Floats:
    """As f32, and 1 for groups of zeros."""
    return np.where(scales == 0, 1, np.maximum(scales, SMALLEST_SCALE)).astype(np.float32)


def fit_least_squares(rows: Floats, levels: Levels, importance: Floats | None = None) -> tuple[Floats, Floats]:
    """Scales and zero points, f32[groups] each, for nearly the least squared error, weighted by ``importance``.

    For given integers q the best scale is sum(q x) / sum(q q) (least squares), so for each of a row's candidate ranges
    one pass gives the error that rounding to it, and then changing the scale alone, ends with.
    """
    scales, zeros = fit_min_max(rows, levels)
    for part in _chunks(rows):
        weights = None if importance is None else importance[part]
        scales[part], zeros[part] = _search(rows[part], levels, weights, scales[part], zeros[part])
    return scales, zeros


def _chunks(rows: Floats) -> Iterator[slice]:
    step = max(1, CHUNK // rows.shape[1])
    for start in range(0, len(rows), step):
        yield slice(start, start + step)


@dataclass
class _Best:
    """The best candidate of every row so far: what it gains over all zeros, and what it is."""

    gain: Floats
    scale: Floats
    zero: Floats
    ratio: Floats

    def offer(self, gain: Floats, scale: Floats, zero: Floats, ratio: Floats) -> None:
        better = gain > self.gain
        for field, offered in ((self.gain, gain), (self.scale, scale), (self.zero, zero), (self.ratio, ratio)):
            np.copyto(field, offered, where=better)


def _search(
    rows: Floats, levels: Levels, importance: Floats | None, scales: Floats, zeros: Floats
) -> tuple[Floats, Floats]:
    # Rows of unit scale: squares neither overflow nor vanish.
    unit = rows / scales[:, None]
    best = _Best(np.full(len(rows), -1, np.float32), np.ones(len(rows), np.float32), zeros.copy(), np.ones_like(scales))
    attempt = _attempts(unit, levels, importance, zeros, best)
    for ratio in COARSE_RATIOS:
        attempt(np.full(len(rows), ratio, np.float32))
    middle = best.ratio.copy()
    step = COARSE_RATIOS[1] / COARSE_RATIOS[0]
    for part in FINE_STEPS:
        attempt((middle * step**part).astype(np.float32))
    found = best.scale * scales
    is_usable = (best.gain > 0) & (found >= SMALLEST_SCALE)
    return np.where(is_usable, found, scales), np.where(is_usable, best.zero, zeros)


def _attempts(
    unit: Floats, levels: Levels, importance: Floats | None, zeros: Floats, best: _Best
) -> Callable[[Floats], None]:
    weighted = unit if importance is None else unit * importance

    def attempt(ratio: Floats) -> None:
        for zero in _zero_candidates(zeros, ratio, levels):
            q = np.rint(unit / ratio[:, None])
            np.clip(q, (levels.lowest - zero)[:, None], (levels.highest - zero)[:, None], out=q)
            products = np.einsum("ij,ij->i", q, weighted)
            squares = np.einsum("ij,ij->i", q, q) if importance is None else np.einsum("ij,ij,ij->i", q, q, importance)
            safe = np.maximum(squares, np.float32(1e-30))
            gain = np.where(products > 0, products * products / safe, 0).astype(np.float32)
            best.offer(gain, (products / safe).astype(np.float32), zero, ratio)

    return attempt


def _zero_candidates(zeros: Floats, ratio: Floats, levels: Levels) -> list[Floats]:
    if levels.is_symmetric:
        return [zeros]
    # A narrower range may lose more of the one end than of the other.
    return [np.clip(zeros + shift, levels.lowest, levels.highest).astype(np.float32) for shift in (-1, 0, 1)]


__all__ = ["Levels", "fit_least_squares", "fit_min_max"]
