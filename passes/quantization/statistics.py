"""What calibration knows of a tensor: its extremes, a histogram, and what passes ask for besides.

Extremes and what is said of channels come from every element, the histogram from at most ``SAMPLED`` elements of each
sample, taken at a stride that visits all columns and channels alike.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...types import Array
from .histograms import Histogram

SAMPLED = 2**15
"""Elements of a tensor that one sample adds to its histogram: the error of a frequency p is then sqrt(p / 2**15) at
most, and to count them costs less than to look for the extremes of a large tensor."""

DECAY = 0.99
"""How much of the moving averages one more sample leaves (Jacob et al. 2018, section 3.1, has 0.99 to 0.999)."""

FloatVector = NDArray[np.float64]
FloatMatrix = NDArray[np.float64]


@dataclass(frozen=True)
class Request:
    """What is asked for a tensor besides extremes and histogram.

    ``axis``: extremes and means of each index along that axis. ``rows``: makes of the tensor's array a matrix
    f32[rows, k] whose Gram matrix, the sum of ``row^T row``, is gathered; it is never written to a file.
    """

    axis: int | None = None
    rows: Callable[[Array], Array] | None = None


PLAIN = Request()


@dataclass
class ChannelStatistics:
    """Along ``axis``: least and greatest finite value and sum, f64[channels] each, of ``count`` elements a channel."""

    axis: int
    minimum: FloatVector
    maximum: FloatVector
    sum: FloatVector
    count: int

    @staticmethod
    def of(array: Array, axis: int) -> "ChannelStatistics":
        """The statistics of one array of finite floats that has elements."""
        others = tuple(i for i in range(array.ndim) if i != axis)
        return ChannelStatistics(
            axis,
            array.min(others).astype(np.float64),
            array.max(others).astype(np.float64),
            array.sum(others, dtype=np.float64),
            array.size // array.shape[axis],
        )

    @property
    def mean(self) -> FloatVector:
        return self.sum / max(self.count, 1)

    @property
    def absolute_maximum(self) -> FloatVector:
        return np.maximum(-self.minimum, self.maximum)

    def merged(self, other: "ChannelStatistics") -> "ChannelStatistics":
        """Of both; raises ValueError when they are not of the same channels."""
        if (self.axis, self.sum.size) != (other.axis, other.sum.size):
            raise ValueError(f"{self.sum.size} channels along axis {self.axis}, {other.sum.size} along {other.axis}")
        return ChannelStatistics(
            self.axis,
            np.minimum(self.minimum, other.minimum),
            np.maximum(self.maximum, other.maximum),
            self.sum + other.sum,
            self.count + other.count,
        )


@dataclass
class MovingAverage:
    """Exponential moving averages of the samples' least and greatest values, without bias towards the first.

    ``low`` and ``high`` are sums weighted with powers of DECAY, ``weight`` is the sum of the weights.
    """

    low: float = 0.0
    high: float = 0.0
    weight: float = 0.0

    def followed_by(self, later: "MovingAverage", samples: int) -> "MovingAverage":
        """With those of that many later samples."""
        kept = DECAY**samples
        return MovingAverage(
            kept * self.low + later.low, kept * self.high + later.high, kept * self.weight + later.weight
        )

    @property
    def range(self) -> tuple[float, float]:
        return (self.low / self.weight, self.high / self.weight) if self.weight else (0.0, 0.0)


@dataclass
class TensorStatistics:
    """Statistics of one float tensor over ``samples`` samples, in float32.

    ``minimum`` and ``maximum`` are of the finite elements (of none, they are inf and -inf); ``not_finite`` elements of
    ``elements`` are NaN or infinite. ``gram`` is f64[k, k], over ``gram_rows`` rows.
    """

    samples: int = 0
    elements: int = 0
    not_finite: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    moving: MovingAverage = field(default_factory=MovingAverage)
    histogram: Histogram | None = None
    channels: ChannelStatistics | None = None
    gram: FloatMatrix | None = None
    gram_rows: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there was no finite element."""
        return self.histogram is None

    def add(self, array: Array, request: Request = PLAIN) -> None:
        """Takes in the tensor's array, of any float dtype, in one more sample."""
        self.samples += 1
        self.elements += array.size
        if array.size == 0:
            return
        # What float32 cannot hold no scale can: it counts as infinite.
        with np.errstate(over="ignore"):
            array = np.asarray(array, np.float32)
        low, high = float(array.min()), float(array.max())
        values = array
        if not (math.isfinite(low) and math.isfinite(high)):
            is_finite = np.isfinite(array)
            values = array[is_finite]
            self.not_finite += array.size - values.size
            if values.size == 0:
                return
            low, high = float(values.min()), float(values.max())
            # What is said of channels needs the shape.
            array = np.where(is_finite, array, np.float32(0))
        self._add_values(values, low, high)
        if request.axis is not None and request.axis < array.ndim:
            channels = ChannelStatistics.of(array, request.axis)
            self.channels = channels if self.channels is None else self.channels.merged(channels)
        if request.rows is not None:
            rows = request.rows(array)
            with np.errstate(over="ignore"):
                gram = rows.T @ rows
            self._add_gram(np.asarray(gram, np.float64), rows.shape[0])

    def _add_values(self, values: Array, low: float, high: float) -> None:
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
        self.moving = self.moving.followed_by(MovingAverage(low, high, 1.0), 1)
        fresh = Histogram.of(_sampled(values), low, high)
        self.histogram = fresh if self.histogram is None else self.histogram.merged(fresh)

    def _add_gram(self, gram: FloatMatrix, rows: int) -> None:
        if self.gram is None:
            self.gram = gram
        else:
            self.gram += gram
        self.gram_rows += rows

    def merged(self, other: "TensorStatistics") -> "TensorStatistics":
        """The statistics of the samples of both, those of ``other`` later; raises ValueError when they do not fit.

        What counts or bounds is as if all had been taken in at once; sums of floats may differ in the last bits.
        """
        merged = TensorStatistics(
            self.samples + other.samples,
            self.elements + other.elements,
            self.not_finite + other.not_finite,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            self.moving.followed_by(other.moving, other.samples),
            _both(self.histogram, other.histogram),
            _both(self.channels, other.channels),
        )
        for part in (self, other):
            if part.gram is not None:
                merged._add_gram(part.gram.copy(), part.gram_rows)
        return merged

    def satisfies(self, request: Request) -> bool:
        """Whether what is asked for is there."""
        has_axis = request.axis is None or (self.channels is not None and self.channels.axis == request.axis)
        return self.samples > 0 and has_axis and (request.rows is None or self.gram is not None)


_Part = TypeVar("_Part", Histogram, ChannelStatistics)


def _both(a: _Part | None, b: _Part | None) -> _Part | None:
    if a is None or b is None:
        return b if a is None else a
    return a.merged(b)


def _sampled(array: Array) -> FloatVector:
    """At most SAMPLED elements, at a stride without common factor with the size: so with no axis either."""
    flat = array.reshape(-1)
    stride = -(-flat.size // SAMPLED)
    while math.gcd(stride, flat.size) > 1:
        stride += 1
    return flat[::stride].astype(np.float64)
