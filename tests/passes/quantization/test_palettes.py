"""Palettes: as good as Lloyd and Max's quantizers, whatever the numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from glmir.passes.quantization.palettes import palettize
from glmir.passes.quantization.uniform import signal_to_noise


@pytest.mark.parametrize(("bits", "expected"), [(1, 4.40), (2, 9.30), (3, 14.62), (4, 20.22), (5, 26.01), (8, 43.8)])
def test_gaussian_numbers_reach_the_best_quantizer(rng: np.random.Generator, bits: int, expected: float) -> None:
    """Max, "Quantizing for minimum distortion", 1960, table 1; for 8 bits Panter and Dite's formula."""
    numbers = rng.standard_normal(300_000).astype(np.float32)
    assert signal_to_noise(numbers, palettize(numbers, bits).restored()) > expected - 0.1


@given(
    arrays(np.float32, array_shapes(max_dims=3, max_side=6), elements=st.floats(-(2.0**127), 2.0**127, width=32)),
    st.integers(1, 8),
)
def test_every_element_has_its_nearest_entry(numbers: NDArray[np.float32], bits: int) -> None:
    palette = palettize(numbers, bits)
    assert palette.table.shape == (1 << bits,) and palette.indices.shape == numbers.shape
    assert palette.indices.max() < 1 << bits and (np.diff(palette.table) >= 0).all()
    wide = numbers.astype(np.float64)
    nearest = np.abs(wide[..., None] - palette.table).min(axis=-1)
    np.testing.assert_allclose(np.abs(wide - palette.restored()), nearest, rtol=1e-5, atol=0)


@given(arrays(np.float32, (4, 5), elements=st.sampled_from([-1.5, 0.0, 0.25, 3.0])))
def test_few_numbers_are_kept_exactly(numbers: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(palettize(numbers, 2).restored(), numbers)


def test_importance_moves_entries(rng: np.random.Generator) -> None:
    numbers = np.concatenate([rng.normal(-1, 0.3, 500), rng.normal(1, 0.3, 500)]).astype(np.float32)
    importance = np.where(numbers < 0, 1.0, 100.0)
    plain, weighted = palettize(numbers, 3), palettize(numbers, 3, importance)
    error = [np.square(numbers - p.restored())[numbers > 0].sum() for p in (plain, weighted)]
    assert error[1] < error[0] / 1.5


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 8 bits, not 9"):
        palettize(np.ones(3, np.float32), 9)
    with pytest.raises(ValueError, match="NaNs"):
        palettize(np.array([np.nan], np.float32), 2)
    with pytest.raises(ValueError, match="no elements"):
        palettize(np.zeros(0, np.float32), 2)
