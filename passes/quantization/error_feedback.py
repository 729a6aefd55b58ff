"""Rounding that makes good for its own errors: GPTQ (Frantar et al., "GPTQ: Accurate Post-Training Quantization for
Generative Pre-trained Transformers", 2022), in the equivalent form of Chee et al., "QuIP: 2-Bit Quantization of Large
Language Models With Guarantees", 2023, section 3.1.

A row w multiplies vectors v, so that an error e of the row costs ``e^T H e`` where ``H = sum(v v^T)``. The elements are
rounded one after the other. Each is first moved by what best makes up for the errors of those before it: with
``H = (U + I) D (U + I)^T``, U strictly upper triangular, by ``(errors so far) U``.
"""

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from .range_search import Levels

Doubles = NDArray[np.float64]

DAMPING = 0.01
"""What is added to all second moments, in parts of their mean: inputs that calibration hardly saw still count."""

PANEL = 64
"""Columns that are rounded between two matrix products."""


def round_with_feedback(weight: Array, moments: Array, scales: Array, zeros: Array, levels: Levels) -> Array:
    """The integers for [groups, rows, n] numbers, f64 in the same shape.

    ``moments`` is [groups or 1, n, n]; ``scales`` and ``zeros`` broadcast against the numbers, one an element. Inputs
    are rounded in the order of their second moments, the largest first (GPTQ's activation order).
    """
    result = np.empty(weight.shape, np.float64)
    scales, zeros = np.broadcast_to(scales, weight.shape), np.broadcast_to(zeros, weight.shape)
    for group, numbers in enumerate(weight):
        moment = moments[group if len(moments) > 1 else 0].astype(np.float64)
        order = np.argsort(-np.diagonal(moment), kind="stable")
        feedback = feedback_of(moment[np.ix_(order, order)])
        rounded = _round(
            numbers[:, order].astype(np.float64),
            feedback,
            scales[group][:, order].astype(np.float64),
            zeros[group][:, order].astype(np.float64),
            levels,
        )
        result[group][:, order] = rounded
    return result


def feedback_of(moments: Doubles) -> Doubles:
    """U of the damped second moments H [n, n] = (U + I) D (U + I)^T; all zeros where nothing is known."""
    mean = float(np.mean(np.diagonal(moments)))
    if not np.isfinite(mean) or mean <= 0:
        return np.zeros_like(moments)
    damped = moments + DAMPING * mean * np.eye(len(moments))
    # Cholesky's factor is lower triangular: of the matrix read backwards it is the upper one read backwards.
    factor = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    return np.asarray(np.triu(factor / np.diagonal(factor), 1))


def _round(numbers: Doubles, feedback: Doubles, scales: Doubles, zeros: Doubles, levels: Levels) -> Doubles:
    count = numbers.shape[1]
    integers, errors = np.empty_like(numbers), np.zeros_like(numbers)
    for start in range(0, count, PANEL):
        stop = min(start + PANEL, count)
        wanted = numbers[:, start:stop] + errors[:, :start] @ feedback[:start, start:stop]
        for column in range(start, stop):
            target = wanted[:, column - start] + errors[:, start:column] @ feedback[start:column, column]
            scale, zero = scales[:, column], zeros[:, column]
            rounded = np.clip(np.rint(target / scale) + zero, levels.lowest, levels.highest)
            integers[:, column] = rounded
            errors[:, column] = numbers[:, column] - (rounded - zero) * scale
    return integers


def cost(errors: Array, moments: Array) -> float:
    """sum(e^T H e) over the rows e of [groups, rows, n]."""
    total = 0.0
    for group, rows in enumerate(errors):
        moment = moments[group if len(moments) > 1 else 0]
        total += float(np.sum((rows @ moment) * rows))
    return total


__all__ = ["cost", "feedback_of", "round_with_feedback"]
