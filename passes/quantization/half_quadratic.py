"""Scales and zero points for errors in which outliers count less (HQQ: Badri and Shaji, "Half-Quadratic Quantization
of Large Machine Learning Models", 2023)."""

import numpy as np
from numpy.typing import NDArray

from .range_search import CHUNK, SMALLEST_SCALE, Levels

Floats = NDArray[np.float32]

NORM = 0.7
"""The exponent p of the error's norm |e|^p."""

STEPS = 20
FIRST_BETA = 10.0
GROWTH = 1.01


def fit_half_quadratic(rows: Floats, levels: Levels, scales: Floats, zeros: Floats) -> tuple[Floats, Floats]:
    """Refines scales and zero points, f32[groups] each, of rows f32[groups, n].

    Alternates two steps that each have a closed form: the part of the error that is taken for outliers (the shrinkage
    of the norm |e|^p), and the scale and zero point that suit the rest best in the least-squares sense. Zero points
    stay integers, so that every target can store them. A row keeps the best that it has met.
    """
    scales, zeros = scales.copy(), zeros.copy()
    step = max(1, CHUNK // rows.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        scales[part], zeros[part] = _refine(rows[part], levels, scales[part], zeros[part])
    return scales, zeros


def _refine(rows: Floats, levels: Levels, scales: Floats, zeros: Floats) -> tuple[Floats, Floats]:
    unit = rows / scales[:, None]
    scale, zero, beta = np.ones_like(scales), zeros.copy(), FIRST_BETA
    best_scale, best_zero = scale.copy(), zero.copy()
    q = _rounded(unit, levels, scale, zero)
    best_error = _error(unit, q, scale)
    for _ in range(STEPS):
        residual = unit - q * scale[:, None]
        target = unit - _shrunk(residual, beta)
        if not levels.is_symmetric:
            shift = np.rint((q - target / scale[:, None]).mean(axis=1))
            zero = np.clip(zero + shift, levels.lowest, levels.highest).astype(np.float32)
            q = _rounded(unit, levels, scale, zero)
        squares = np.einsum("ij,ij->i", q, q)
        fitted = np.einsum("ij,ij->i", q, target) / np.maximum(squares, np.float32(1e-30))
        scale = np.where(fitted > 0, fitted, scale).astype(np.float32)
        q = _rounded(unit, levels, scale, zero)
        error = _error(unit, q, scale)
        better = error < best_error
        for kept, new in ((best_error, error), (best_scale, scale), (best_zero, zero)):
            np.copyto(kept, new, where=better)
        beta *= GROWTH
    found = best_scale * scales
    usable = found >= SMALLEST_SCALE
    return np.where(usable, found, scales), np.where(usable, best_zero, zeros)


def _rounded(unit: Floats, levels: Levels, scale: Floats, zero: Floats) -> Floats:
    """The integers less their zero points."""
    q = np.rint(unit / scale[:, None])
    np.clip(q, (levels.lowest - zero)[:, None], (levels.highest - zero)[:, None], out=q)
    return np.asarray(q)


def _shrunk(error: Floats, beta: float) -> Floats:
    """sign(e) max(0, |e| - |e|^(p - 1) / beta)"""
    size = np.abs(error)
    less = np.power(np.maximum(size, np.float32(1e-6)), np.float32(NORM - 1)) / np.float32(beta)
    return np.copysign(np.maximum(size - less, 0), error).astype(np.float32)


def _error(unit: Floats, q: Floats, scale: Floats) -> Floats:
    return np.asarray(np.power(np.abs(unit - q * scale[:, None]), np.float32(NORM)).sum(axis=1), np.float32)


__all__ = ["fit_half_quadratic"]
