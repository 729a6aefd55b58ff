"""Rounding with feedback: cheaper than rounding to the nearest, by the measure that counts."""

import numpy as np
import pytest
from numpy.typing import NDArray

from glmir.passes.quantization.error_feedback import cost, feedback_of, round_with_feedback
from glmir.passes.quantization.range_search import Levels

LEVELS = Levels(-8, 7, is_symmetric=True)
Doubles = NDArray[np.float64]


def correlated(rng: np.random.Generator, groups: int, size: int) -> Doubles:
    vectors = rng.standard_normal((groups, 400, 5)) @ rng.standard_normal((groups, 5, size))
    vectors += 0.3 * rng.standard_normal(vectors.shape) + 1
    return np.asarray(np.matmul(vectors.transpose(0, 2, 1), vectors))


@pytest.mark.parametrize(("groups", "shared"), [(1, False), (3, False), (3, True)])
def test_correlated_inputs_make_up_for_errors(rng: np.random.Generator, groups: int, shared: bool) -> None:
    size = 150  # more than a panel
    weight = rng.standard_normal((groups, 7, size))
    moments = correlated(rng, 1 if shared else groups, size)
    scales = np.full((1, 7, 1), 0.4)
    integers = round_with_feedback(weight, moments, scales, np.zeros(1), LEVELS)
    nearest = np.clip(np.rint(weight / scales), -8, 7)
    assert integers.min() >= -8 and integers.max() <= 7
    assert cost(weight - integers * scales, moments) < 0.1 * cost(weight - nearest * scales, moments)


def test_inputs_on_their_own_are_rounded_to_the_nearest(rng: np.random.Generator) -> None:
    weight = rng.standard_normal((1, 4, 20))
    moments = np.diag(rng.uniform(1, 2, 20))[None]
    integers = round_with_feedback(weight, moments, np.full(1, 0.3), np.full(1, 2.0), Levels(0, 15, is_symmetric=False))
    np.testing.assert_array_equal(integers, np.clip(np.rint(weight / 0.3) + 2, 0, 15))


@pytest.mark.parametrize("moments", [np.zeros((6, 6)), np.full((6, 6), np.nan)])
def test_nothing_known_is_no_feedback(moments: Doubles) -> None:
    np.testing.assert_array_equal(feedback_of(moments), 0)


def test_inputs_that_were_never_seen_do_no_harm(rng: np.random.Generator) -> None:
    moments = correlated(rng, 1, 12)
    moments[:, 5], moments[:, :, 5] = 0, 0
    weight = rng.standard_normal((1, 4, 12))
    integers = round_with_feedback(weight, moments, np.full(1, 0.4), np.zeros(1), LEVELS)
    np.testing.assert_array_equal(integers[0, :, 5], np.clip(np.rint(weight[0, :, 5] / 0.4), -8, 7))
