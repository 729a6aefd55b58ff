"""Recognised activations are right where their spellings overflow, not only near 0 as in the golden files."""

from pathlib import Path

import numpy as np
import pytest

from glmir.interpreter import run
from glmir.parser import parse_module
from tests.golden import random_weight, run_passes

HERE = Path(__file__).parent
FILES = ("recognize_piecewise", "recognize_exponentials")
EXTREMES = np.array([-1e30, -3e4, -200, -90, -30, -1e-20, 0, 1e-20, 30, 89, 200, 3e4], np.float32)


@pytest.mark.parametrize("name", FILES)
def test_extreme_operands_give_the_limits(name: str) -> None:
    golden, after, _ = run_passes(HERE / f"{name}.glir")
    before = parse_module(golden.before, random_weight)
    inputs = {"x": np.stack([EXTREMES, np.zeros_like(EXTREMES), -EXTREMES], axis=1)}
    for function in before.functions:
        with np.errstate(all="ignore"):
            (expected,), (actual,) = (run(module, inputs, function).values() for module in (before, after))
        assert np.isfinite(actual).all(), f"@{function}"
        if "softmax" in function:
            # Beside the largest operand of all, the spelling does not see the others.
            continue
        # The spelling loses what it adds 1 to, so small results differ by that rounding.
        is_known = np.isfinite(expected)
        error = np.abs(actual - expected)[is_known]
        assert (error <= 1e-6 + 1e-5 * np.abs(expected[is_known])).all(), f"@{function}"
