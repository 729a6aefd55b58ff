"""Calibrators: from what is known of a tensor to the range that its quantizer covers.

Every range includes zero, which is stored exactly: padding, ReLU and masks make zeros, whose errors would add up.
"""

import enum
import math
from dataclasses import dataclass

import numpy as np

from ...types import DType
from .clipping_divergence import least_divergence_range
from .clipping_error import Density, least_error_range
from .histograms import Histogram
from .parameters import Grids, Parameters, Range, activation_parameters
from .statistics import TensorStatistics


class Calibrator(enum.Enum):
    """How a range is chosen.

    MINMAX: all that was seen. MOVING_AVERAGE: the averages of the samples' extremes (Jacob et al. 2018). ENTROPY: the
    quantized distribution diverges least from the true one (Migacz 2017). PERCENTILE: all but the outermost elements.
    MSE: the quantizer's expected squared error is least.
    """

    MINMAX = "minmax"
    MOVING_AVERAGE = "moving-average"
    ENTROPY = "entropy"
    PERCENTILE = "percentile"
    MSE = "mse"


PERCENTILE = 99.99
"""The percent of the elements that a range by percentile covers, unless told otherwise."""


def activation_range(
    statistics: TensorStatistics,
    calibrator: Calibrator,
    storage: DType,
    symmetric: bool,
    percentile: float = PERCENTILE,
) -> Range:
    """The range of a tensor for a quantizer to ``storage``; Range(0, 0) when nothing but zero, or nothing, was seen."""
    histogram = statistics.histogram
    if histogram is None or statistics.minimum == statistics.maximum == 0:
        return Range(0.0, 0.0)
    whole = _with_zero(statistics.minimum, statistics.maximum)
    if calibrator is Calibrator.MINMAX:
        return whole
    if calibrator is Calibrator.MOVING_AVERAGE:
        return _with_zero(*statistics.moving.range)
    if calibrator is Calibrator.PERCENTILE:
        return _percentile_range(histogram, whole, percentile, symmetric)
    density = Density.of(histogram, *whole)
    if calibrator is Calibrator.ENTROPY:
        found = least_divergence_range(density, storage.highest - storage.lowest + 1, symmetric)
    else:
        found = least_error_range(density, storage, symmetric)
    return _with_zero(max(found.low, whole.low), min(found.high, whole.high))


def _with_zero(low: float, high: float) -> Range:
    return Range(min(low, 0.0), max(high, 0.0))


def _percentile_range(histogram: Histogram, whole: Range, percentile: float, symmetric: bool) -> Range:
    """What holds that percent of the elements: of the magnitudes when symmetric, else with equal shares cut off at
    both ends."""
    edges = np.arange(histogram.first, histogram.first + histogram.counts.size + 1) * 2.0**histogram.exponent
    cumulative = np.concatenate([[0], np.cumsum(histogram.counts)])
    total, share = float(cumulative[-1]), percentile / 100
    if not symmetric:
        tail = (1 - share) / 2 * total
        low, high = np.interp([tail, total - tail], cumulative, edges)
        return _with_zero(max(float(low), whole.low), min(float(high), whole.high))
    magnitudes = np.union1d(np.abs(edges), [0.0])
    inside = np.interp(magnitudes, edges, cumulative) - np.interp(-magnitudes, edges, cumulative)
    end = float(np.interp(share * total, inside, magnitudes))
    return _with_zero(max(-end, whole.low), min(end, whole.high))


@dataclass(frozen=True)
class ExpectedError:
    """What a quantizer does to a tensor, as its histogram tells.

    ``sqnr`` is the ratio of the signal's power to the error's, in dB: inf when there is no error. ``clipped`` is the
    part of the elements that lie outside the quantizer's range.
    """

    sqnr: float
    clipped: float


def expected_error(statistics: TensorStatistics, parameters: Parameters, storage: DType) -> ExpectedError:
    """The error that a quantizer of a tensor is to be expected to make."""
    if statistics.histogram is None or statistics.minimum == statistics.maximum == 0:
        return ExpectedError(math.inf, 0.0)
    density = Density.of(statistics.histogram, statistics.minimum, statistics.maximum)
    ends = np.array([storage.lowest, storage.highest], np.float64) - parameters.zero_point
    grids = Grids(np.array([parameters.scale]), ends[:1], ends[1:])
    error, power = float(density.errors(grids)[0]), density.power
    # Half a step beyond the last level is no clipping yet, but rounding.
    low, high = (ends + np.array([-0.5, 0.5])) * parameters.scale
    clipped = density.clipped(Range(float(low), float(high))) / max(statistics.histogram.total, 1)
    return ExpectedError(_decibels(power, error), min(max(clipped, 0.0), 1.0))


def _decibels(power: float, error: float) -> float:
    if error <= 0:
        return math.inf
    return 10 * math.log10(power / error) if power > 0 else -math.inf


__all__ = [
    "PERCENTILE",
    "Calibrator",
    "ExpectedError",
    "Parameters",
    "Range",
    "activation_parameters",
    "activation_range",
    "expected_error",
]
