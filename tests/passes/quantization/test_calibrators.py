"""Ranges, scales and zero points: known figures, limits, and what is promised of every range."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmir.passes.quantization.calibrators import Calibrator, activation_range, expected_error
from glmir.passes.quantization.parameters import Parameters, Range, activation_parameters
from glmir.passes.quantization.statistics import TensorStatistics
from glmir.types import DType

STORAGES = (DType.I8, DType.U8, DType.I16, DType.I4, DType.U4)
SIZE = 1 << 18


def statistics_of(*arrays: np.ndarray) -> TensorStatistics:
    statistics = TensorStatistics()
    for array in arrays:
        statistics.add(array.astype(np.float32))
    return statistics


def split(array: np.ndarray) -> TensorStatistics:
    return statistics_of(*np.array_split(array, 16))


def sqnr(x: np.ndarray, parameters: Parameters, storage: DType) -> float:
    """What the quantizer really does, in dB."""
    wide = x.astype(np.float32).astype(np.float64)
    stored = np.clip(np.rint(wide / parameters.scale) + parameters.zero_point, storage.lowest, storage.highest)
    error = (stored - parameters.zero_point) * parameters.scale - wide
    return float(10 * np.log10(np.sum(wide**2) / np.sum(error**2)))


def measured(x: np.ndarray, calibrator: Calibrator, storage: DType, symmetric: bool) -> float:
    statistics = split(x)
    parameters = activation_parameters(activation_range(statistics, calibrator, storage, symmetric), storage, symmetric)
    real = sqnr(x, parameters, storage)
    assert expected_error(statistics, parameters, storage).sqnr == pytest.approx(real, abs=0.1)
    return real


def gaussian(size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(size)


@pytest.mark.parametrize("symmetric", [False, True])
# Max, "Quantizing for minimum distortion", 1960: 40.57 and 19.38 dB for 256 and 16 uniform levels, which need not
# have zero among them.
@pytest.mark.parametrize(("storage", "best"), [(DType.I8, 40.57), (DType.I4, 19.38)])
def test_clipping_of_a_gaussian_is_the_known_best(storage: DType, best: float, symmetric: bool) -> None:
    assert best - 0.2 < measured(gaussian(), Calibrator.MSE, storage, symmetric) < best + 0.1


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_six_decibels_a_bit_on_uniform_data(bits: int) -> None:
    """Of 16 levels about zero, the one without a counterpart is worth half a decibel."""
    storage = {4: DType.I4, 8: DType.I8, 16: DType.I16}[bits]
    x = np.random.default_rng(0).uniform(-1, 1, SIZE)
    assert measured(x, Calibrator.MSE, storage, False) == pytest.approx(6.02 * bits, abs=0.6)


DISTRIBUTIONS = {
    "gaussian": gaussian(),
    "relu": np.maximum(gaussian(), 0),
    "relu6": np.clip(gaussian() * 4, 0, 6),
    "negative": -np.abs(gaussian()),
    "laplace": np.random.default_rng(0).laplace(size=SIZE),
    "skewed": np.exp(gaussian()) - 1,
    "outlier": np.append(gaussian(), 500.0),
    "tanh": np.tanh(gaussian() * 3),
    "constant": np.full(SIZE, 3.25),
}


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("storage", [DType.I8, DType.I4, DType.I16])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_least_error_beats_every_other_calibrator(name: str, storage: DType, symmetric: bool) -> None:
    x = DISTRIBUTIONS[name]
    statistics = split(x)
    errors = {}
    for calibrator in Calibrator:
        range_ = activation_range(statistics, calibrator, storage, symmetric)
        parameters = activation_parameters(range_, storage, symmetric)
        errors[calibrator] = sqnr(x, parameters, storage)
    assert errors[Calibrator.MSE] >= max(errors.values()) - 0.15


@pytest.mark.parametrize("name", ["gaussian", "relu", "laplace", "skewed", "outlier"])
def test_least_error_against_all_ranges(name: str) -> None:
    # An eighth, the outlier with it, tells as much.
    x = DISTRIBUTIONS[name][::8]
    statistics = split(x)
    found = activation_range(statistics, Calibrator.MSE, DType.I4, False)
    factors = np.linspace(0.7, 1.3, 13)
    ranges = [Range(found.low * a, found.high * b) for a in factors for b in factors]
    best = max(sqnr(x, activation_parameters(r, DType.I4, False), DType.I4) for r in ranges)
    assert sqnr(x, activation_parameters(found, DType.I4, False), DType.I4) > best - 0.1


def test_entropy_cuts_tails_and_keeps_bodies() -> None:
    x = np.concatenate([gaussian(), [100.0]])
    low, high = activation_range(split(x), Calibrator.ENTROPY, DType.I8, False)
    assert -5 <= low < -3.5 and 3.5 < high < 30
    low, high = activation_range(split(np.maximum(x, 0)), Calibrator.ENTROPY, DType.I8, False)
    assert low == 0 and 3.5 < high < 30
    low, high = activation_range(split(-x), Calibrator.ENTROPY, DType.I8, True)
    assert -30 < low < -3.5
    whole = activation_range(split(x), Calibrator.ENTROPY, DType.I16, False)
    assert whole == activation_range(split(x), Calibrator.MINMAX, DType.I16, False)


def test_a_saturated_end_is_not_cut_off() -> None:
    x = DISTRIBUTIONS["relu6"]
    for calibrator in Calibrator:
        assert activation_range(split(x), calibrator, DType.I8, False) == (0.0, pytest.approx(6.0, abs=0.01))


def test_percentiles() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, SIZE)
    low, high = activation_range(split(x), Calibrator.PERCENTILE, DType.I8, False, percentile=90.0)
    assert (low, high) == (pytest.approx(-0.9, abs=0.01), pytest.approx(0.9, abs=0.01))
    low, high = activation_range(split(x), Calibrator.PERCENTILE, DType.I8, True, percentile=80.0)
    assert (low, high) == (pytest.approx(-0.8, abs=0.01), pytest.approx(0.8, abs=0.01))
    whole = activation_range(split(x), Calibrator.MINMAX, DType.I8, False)
    assert activation_range(split(x), Calibrator.PERCENTILE, DType.I8, False, percentile=100.0) == whole


ODD = [[5.0], [-5.0], [0, 1e-45], [-3e38, 3e38], [1e-38, -1e-38], [0, 0, 0, 2.5], [1e-320], [1.7e308, 3.4e38]]


@pytest.mark.parametrize("values", ODD, ids=str)
def test_odd_tensors(values: list[float]) -> None:
    statistics = TensorStatistics()
    statistics.add(np.array(values))
    with np.errstate(over="ignore"):
        least, greatest = np.min(values, initial=0).astype(np.float32), np.max(values, initial=0).astype(np.float32)
    for calibrator, symmetric, storage in itertools.product(Calibrator, (False, True), STORAGES):
        with np.errstate(all="raise", under="ignore"):
            range_ = activation_range(statistics, calibrator, storage, symmetric)
            parameters = activation_parameters(range_, storage, symmetric)
            error = expected_error(statistics, parameters, storage)
        assert least <= range_.low <= 0 <= range_.high <= greatest
        assert np.float32(parameters.scale) == parameters.scale and parameters.scale > 1e-31
        assert storage.lowest <= parameters.zero_point <= storage.highest
        assert 0 <= error.clipped <= 1 and not np.isnan(error.sqnr)


def test_nothing_and_zeros_have_scale_one() -> None:
    nothing, zeros = TensorStatistics(), statistics_of(np.zeros(5))
    for statistics in (nothing, zeros):
        for calibrator in Calibrator:
            assert activation_range(statistics, calibrator, DType.I8, False) == (0, 0)
        error = expected_error(statistics, Parameters(1.0, 0), DType.I8)
        assert (error.sqnr, error.clipped) == (np.inf, 0)
    assert activation_parameters(Range(0, 0), DType.I8, True) == (1.0, 0)
    assert activation_parameters(Range(0, 0), DType.I8, False).scale == 1.0


@given(
    st.floats(-1e30, 0),
    st.floats(0, 1e30),
    st.sampled_from(STORAGES),
    st.booleans(),
)
def test_parameters_cover_the_range_and_have_zero(low: float, high: float, storage: DType, symmetric: bool) -> None:
    scale, zero_point = activation_parameters(Range(low, high), storage, symmetric)
    assert np.float32(scale) == scale and isinstance(zero_point, int)
    assert storage.lowest <= zero_point <= storage.highest
    least, greatest = ((q - zero_point) * scale for q in (storage.lowest, storage.highest))
    # Zero's place is rounded, so that one end may lie up to half a step outside.
    assert least <= low + 0.501 * scale and greatest >= high - 0.501 * scale
    if symmetric:
        assert zero_point == (storage.highest + storage.lowest + 1) // 2
        assert greatest >= max(-low, high) * (1 - 1e-6)


def test_usual_parameters() -> None:
    assert activation_parameters(Range(0, 6), DType.I8, False) == (float(np.float32(6 / 255)), -128)
    assert activation_parameters(Range(0, 6), DType.U8, False) == (float(np.float32(6 / 255)), 0)
    assert activation_parameters(Range(-1, 1), DType.I8, True) == (float(np.float32(1 / 127)), 0)
    assert activation_parameters(Range(-1, 0.5), DType.I16, True) == (float(np.float32(1 / 32767)), 0)
    assert activation_parameters(Range(-1, 1), DType.U8, True) == (float(np.float32(1 / 127)), 128)
    # A range on one side of zero reaches to it.
    assert activation_parameters(Range(2, 6), DType.I8, False) == (float(np.float32(6 / 255)), -128)
    assert activation_parameters(Range(-6, -2), DType.I8, False) == (float(np.float32(6 / 255)), 127)
