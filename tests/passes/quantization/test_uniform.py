"""Uniform quantizers: error bounds for any numbers, and the signal-to-noise ratios that theory gives."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from glmir.passes.quantization.blocks import Grouping
from glmir.passes.quantization.uniform import Refinement, Scheme, quantize, signal_to_noise
from glmir.types import DType

Floats = NDArray[np.float32]
BITS = st.sampled_from([2, 3, 4, 5, 8, 16])
# A range that is no power of two wide, with its denormals.
ANY = st.floats(-(2.0**127), 2.0**127, width=32)
ARRAYS = arrays(np.float32, array_shapes(min_dims=1, max_dims=3, max_side=6), elements=ANY)


@st.composite
def groupings(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int | None, int | None]:
    axis = draw(st.none() | st.integers(0, len(shape) - 1))
    return axis, None if axis is None else draw(st.none() | st.integers(1, 4))


@given(ARRAYS, BITS, st.booleans(), st.data())
def test_no_element_is_off_by_more_than_half_a_scale(
    array: Floats, bits: int, is_symmetric: bool, data: st.DataObject
) -> None:
    axis, block = data.draw(groupings(array.shape))
    quantized = quantize(array, Scheme(bits, is_symmetric), axis=axis, block=block)
    scales = np.broadcast_to(quantized.grouping.over(quantized.scales), array.shape).astype(np.float64)
    error = np.abs(quantized.dequantized().astype(np.float64) - array)
    # Scales of blocks are rounded to 11 bits, and with them the ends of the range.
    assert (error <= scales * (0.5 + 2.0**bits * 2.0**-11 * (block is not None) + 1e-2)).all()
    assert (quantized.scales > 0).all()


@given(ARRAYS, BITS, st.booleans(), st.sampled_from(Refinement), st.data())
def test_integers_are_within_their_levels_and_zero_is_exact(
    array: Floats, bits: int, is_symmetric: bool, refinement: Refinement, data: st.DataObject
) -> None:
    axis, block = data.draw(groupings(array.shape))
    scheme = Scheme(bits, is_symmetric)
    quantized = quantize(array, scheme, axis=axis, block=block, refinement=refinement)
    stored = quantized.stored.astype(np.int32)
    assert scheme.levels.lowest <= stored.min() and stored.max() <= scheme.levels.highest
    assert np.isfinite(quantized.scales).all() and (quantized.scales > 0).all()
    assert (quantized.dequantized()[array == 0] == 0).all()
    assert quantized.scales.shape == quantized.grouping.parameters_shape


@given(ARRAYS, st.data())
def test_rows_of_a_grouping_come_back(array: Floats, data: st.DataObject) -> None:
    axis, block = data.draw(groupings(array.shape))
    grouping = Grouping(array.shape, axis, block)
    rows = grouping.rows(array)
    np.testing.assert_array_equal(grouping.array(rows), array)
    numbers = np.arange(len(rows), dtype=np.float32)
    spread = np.broadcast_to(grouping.over(grouping.parameters(numbers)), array.shape)
    expected = grouping.array(np.broadcast_to(numbers[:, None], rows.shape))
    np.testing.assert_array_equal(spread, expected)
    np.testing.assert_array_equal(grouping.per_row(grouping.parameters(numbers)), numbers)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8, 16])
def test_a_bit_is_worth_six_decibels_on_uniform_numbers(rng: np.random.Generator, bits: int) -> None:
    numbers = rng.uniform(-1, 1, 200_000).astype(np.float32)
    quantized = quantize(numbers, Scheme(bits, is_symmetric=False))
    # Of 2^b levels one lies on zero: the range is split into 2^b - 1 steps.
    expected = 20 * np.log10(2**bits - 1)
    assert abs(signal_to_noise(numbers, quantized.dequantized()) - expected) < 0.1
    if bits >= 4:
        assert abs(expected - 6.02 * bits) < 0.6


@pytest.mark.parametrize("bits", [4, 5, 6, 8])
def test_numbers_of_one_sign_are_worth_a_bit_more(rng: np.random.Generator, bits: int) -> None:
    """6.02 dB for each bit, within half a decibel: here no level is lost to having zero among them."""
    numbers = rng.uniform(0, 1, 200_000).astype(np.float32)
    quantized = quantize(numbers, Scheme(bits, is_symmetric=False), refinement=Refinement.MSE)
    assert abs(signal_to_noise(numbers, quantized.dequantized()) - 6.02 * (bits + 1)) < 0.5


@pytest.mark.parametrize(("bits", "expected"), [(4, 19.38), (6, 29.83), (8, 40.57)])
def test_clipping_reaches_the_best_uniform_quantizer_of_gaussian_numbers(bits: int, expected: float) -> None:
    """Max, "Quantizing for minimum distortion", 1960: his quantizers have a step more, as none of theirs lies on 0."""
    count = 400_000
    # Quantiles: of as many random numbers the few in the tails would make a difference of half a decibel.
    numbers = np.fromiter(map(NormalDist().inv_cdf, (np.arange(count) + 0.5) / count), np.float32, count)
    quantized = quantize(numbers, Scheme(bits), refinement=Refinement.MSE)
    assert abs(signal_to_noise(numbers, quantized.dequantized()) - expected) < 0.15


@pytest.mark.parametrize("is_symmetric", [True, False])
@pytest.mark.parametrize("bits", [3, 4, 8])
def test_least_squares_beats_the_whole_range(rng: np.random.Generator, bits: int, is_symmetric: bool) -> None:
    weights = rng.laplace(size=(64, 256)).astype(np.float32)
    scheme = Scheme(bits, is_symmetric)
    ratios = [
        signal_to_noise(weights, quantize(weights, scheme, axis=0, refinement=r).dequantized())
        for r in (Refinement.NONE, Refinement.MSE)
    ]
    assert ratios[1] > ratios[0]


def test_half_quadratic_lessens_the_errors_of_most(rng: np.random.Generator) -> None:
    weights = rng.standard_t(3, size=(64, 64)).astype(np.float32)

    def typical(refinement: Refinement) -> float:
        quantized = quantize(weights, Scheme(4, is_symmetric=False), axis=1, block=32, refinement=refinement)
        return float(np.mean(np.abs(weights - quantized.dequantized()) ** 0.7))

    assert typical(Refinement.HQQ) < typical(Refinement.MSE) < typical(Refinement.NONE)


def test_importance_moves_errors_to_what_counts_less(rng: np.random.Generator) -> None:
    weights = rng.standard_normal((16, 64)).astype(np.float32)
    importance = np.where(np.arange(64) < 8, 100.0, 1.0)

    def important(weighting: NDArray[np.float64] | None) -> float:
        quantized = quantize(weights, Scheme(3), axis=0, refinement=Refinement.MSE, importance=weighting)
        return float(np.square(weights - quantized.dequantized())[:, :8].sum())

    assert important(importance) < important(None)


def test_zeros_constants_and_outliers() -> None:
    zeros = quantize(np.zeros((2, 3), np.float32), Scheme(8), axis=0)
    np.testing.assert_array_equal(zeros.scales, [1, 1])
    np.testing.assert_array_equal(zeros.dequantized(), 0)
    for scheme in (Scheme(8), Scheme(4, is_symmetric=False)):
        constant = np.full((3, 4), 0.3, np.float32)
        np.testing.assert_allclose(quantize(constant, scheme).dequantized(), constant, rtol=1e-6)
    numbers = np.array([[1e-3] * 63 + [1e30]], np.float32)
    np.testing.assert_allclose(quantize(numbers, Scheme(4), axis=0).dequantized()[0, -1], 1e30, rtol=1e-6)


@pytest.mark.parametrize(
    ("bits", "is_symmetric", "storage"),
    [(2, True, DType.I4), (4, True, DType.I4), (4, False, DType.U4), (8, True, DType.I8), (8, False, DType.U8)],
)
def test_storage_is_the_narrowest(bits: int, is_symmetric: bool, storage: DType) -> None:
    quantized = quantize(np.ones(3, np.float32), Scheme(bits, is_symmetric))
    assert DType.of(quantized.stored.dtype) is storage
    assert quantized.zero_points is None or DType.of(quantized.zero_points.dtype) is storage


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="NaNs or infinities"):
        quantize(np.array([1, bad], np.float32), Scheme())


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="2 to 8 or 16 bits, not 1"):
        Scheme(1)
    with pytest.raises(ValueError, match="no elements"):
        quantize(np.zeros((0, 3), np.float32), Scheme())
    with pytest.raises(ValueError, match="along an axis"):
        Grouping((2, 3), None, 2)


def test_the_same_numbers_give_the_same_integers(rng: np.random.Generator) -> None:
    weights = rng.standard_normal((32, 96)).astype(np.float32)
    first, second = (quantize(weights, Scheme(4), axis=1, block=32, refinement=Refinement.HQQ) for _ in range(2))
    assert first.stored.tobytes() == second.stored.tobytes() and first.scales.tobytes() == second.scales.tobytes()
