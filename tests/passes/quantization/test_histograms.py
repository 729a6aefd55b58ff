"""Histograms and statistics: the parts together are all at once, in any order."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glmir.passes.quantization.histograms import MAX_BINS, Histogram
from glmir.passes.quantization.statistics import SAMPLED, Request, TensorStatistics

ARRAYS = hnp.arrays(
    np.float32,
    st.integers(1, 40),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


def histogram(values: np.ndarray) -> Histogram:
    return Histogram.of(values.astype(np.float64), float(values.min()), float(values.max()))


def assert_same(a: Histogram, b: Histogram) -> None:
    assert (a.exponent, a.first, a.zeros) == (b.exponent, b.first, b.zeros)
    assert np.array_equal(a.counts, b.counts)


@given(st.lists(ARRAYS, min_size=2, max_size=4))
def test_parts_merge_to_the_whole_in_any_order(parts: list[np.ndarray]) -> None:
    whole = histogram(np.concatenate(parts))
    for order in itertools.permutations(parts):
        merged = histogram(order[0])
        for part in order[1:]:
            merged = merged.merged(histogram(part))
        assert_same(merged, whole)


@given(ARRAYS)
def test_bins_hold_what_lies_in_them(values: np.ndarray) -> None:
    made = histogram(values)
    assert made.total == values.size and made.counts.size <= MAX_BINS
    assert made.zeros == np.count_nonzero(values == 0)
    width = 2.0**made.exponent
    for index in np.flatnonzero(made.counts):
        low = (made.first + index) * width
        inside = (values.astype(np.float64) >= low) & (values.astype(np.float64) < low + width)
        assert made.counts[index] == np.count_nonzero(inside)
    # Zero is always among the bins.
    assert made.first <= 0 < made.first + made.counts.size


@pytest.mark.parametrize("largest", [1.0, 6.0, 1e-30, 3e38, 1e-44])
def test_at_least_half_of_the_bins_are_in_use(largest: float) -> None:
    values = np.linspace(-largest, largest, 5000).astype(np.float32)
    assert MAX_BINS // 2 <= histogram(values).counts.size <= MAX_BINS


def test_zeros_alone() -> None:
    made = histogram(np.zeros(7, np.float32))
    assert made.counts.tolist() == [7] and made.zeros == 7
    assert_same(made.merged(histogram(np.ones(1, np.float32))), histogram(np.array([0] * 7 + [1], np.float32)))


def test_numbers_beyond_float32() -> None:
    statistics = TensorStatistics()
    statistics.add(np.array([-1.7e308, -2.0, 1e-320, 1.7e308]))
    assert (statistics.not_finite, statistics.minimum, statistics.maximum) == (2, -2, 0)


def test_extremes_are_of_all_elements_and_the_histogram_of_some() -> None:
    array = np.zeros((3, 100, 1000), np.float32)
    array[1, 7, 13], array[2, 99, 999] = -5, 9
    statistics = TensorStatistics()
    statistics.add(array)
    assert (statistics.minimum, statistics.maximum) == (-5, 9)
    assert statistics.histogram is not None and SAMPLED // 2 < statistics.histogram.total <= SAMPLED
    assert (statistics.samples, statistics.elements) == (1, array.size)


@pytest.mark.parametrize("channels", [2, 3, 4, 37, 64])
def test_the_histogram_sees_all_channels_alike(channels: int) -> None:
    array = np.broadcast_to(np.arange(1, channels + 1, dtype=np.float32), (1, 200, 300, channels))
    statistics = TensorStatistics()
    statistics.add(array)
    assert statistics.histogram is not None
    counts = statistics.histogram.counts[statistics.histogram.counts > 0]
    assert counts.size == channels and counts.max() - counts.min() <= 1


def test_what_is_not_finite_is_counted_and_left_out() -> None:
    statistics = TensorStatistics()
    statistics.add(np.array([[np.nan, 1.0], [-np.inf, 2.0]], np.float32), Request(axis=1))
    assert (statistics.not_finite, statistics.minimum, statistics.maximum) == (2, 1.0, 2.0)
    assert statistics.channels is not None
    assert statistics.channels.maximum.tolist() == [0.0, 2.0]
    statistics.add(np.full((2, 2), np.nan, np.float32))
    assert (statistics.not_finite, statistics.samples) == (6, 2)
    nothing = TensorStatistics()
    nothing.add(np.full((2, 2), np.nan, np.float32))
    nothing.add(np.zeros((0, 2), np.float32))
    assert nothing.is_empty and nothing.minimum == math.inf


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_floats(dtype: str) -> None:
    import ml_dtypes

    wanted = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    statistics = TensorStatistics()
    statistics.add(np.array([-1, 0.5, 4]).astype(wanted))
    assert (statistics.minimum, statistics.maximum) == (-1, 4)


def test_channels_and_gram() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, 3, 5)).astype(np.float32) for _ in range(4)]
    request = Request(axis=1, rows=lambda a: a.reshape(-1, 5))
    whole, first, second = TensorStatistics(), TensorStatistics(), TensorStatistics()
    for index, array in enumerate(arrays):
        whole.add(array, request)
        (first if index < 2 else second).add(array, request)
    everything = np.stack(arrays).astype(np.float64)
    merged = first.merged(second)
    for statistics in (whole, merged):
        assert statistics.channels is not None and statistics.gram is not None
        np.testing.assert_allclose(statistics.channels.mean, everything.mean((0, 1, 3)), atol=1e-12)
        assert np.array_equal(statistics.channels.absolute_maximum, np.abs(everything).max((0, 1, 3)))
        rows = everything.reshape(-1, 5)
        np.testing.assert_allclose(statistics.gram, rows.T @ rows, rtol=1e-5)
        assert statistics.gram_rows == 24
        np.testing.assert_allclose(statistics.moving.range, whole.moving.range, rtol=1e-14)
    assert first.gram_rows == 12, "merging changes nothing in the parts"


def test_moving_averages_are_not_biased_towards_the_first_sample() -> None:
    statistics = TensorStatistics()
    for high in (100.0, *[1.0] * 500):
        statistics.add(np.array([-1.0, high], np.float32))
    low, high = statistics.moving.range
    assert low == pytest.approx(-1) and 1 < high < 2
