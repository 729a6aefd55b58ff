"""How close computed tensors must come to a reference: the one table of tolerances, each with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Tolerance:
    """An element may differ by ``relative`` times the largest magnitude in the reference, plus ``absolute``."""

    relative: float
    absolute: float
    reason: str


TOLERANCES: Mapping[str, Tolerance] = {
    "exact": Tolerance(0, 0, "nothing is rounded: data movement, comparisons, integers"),
    "f64": Tolerance(1e-12, 1e-12, "double precision; the order of summation differs"),
    "f32": Tolerance(2e-6, 1e-7, "single precision; elementwise functions and short sums differ in the last bits"),
    "native-gelu": Tolerance(1e-5, 6e-4, "MNN approximates GELU with tanh"),
    "gelu": Tolerance(1e-6, 4e-6, "GELU by a fitted formula"),
    "elementwise": Tolerance(3e-6, 1e-6, "single precision; MNN approximates functions by polynomials"),
    "f32-sums": Tolerance(1e-5, 1e-6, "single precision; long sums in another order (convolutions, products, means)"),
    "f16": Tolerance(2e-3, 1e-3, "half precision has 11 bits, and references round at other places"),
    "bf16": Tolerance(1.6e-2, 1e-2, "bfloat16 has 8 bits, and references round at other places"),
    "approximate": Tolerance(1e-4, 1e-5, "the reference itself approximates the function"),
    "onnx-cases": Tolerance(1e-3, 1e-7, "what onnx allows in its own test cases, some of which are written by hand"),
    "model": Tolerance(1e-4, 1e-7, "a whole network in single precision"),
    "model-f16": Tolerance(1e-2, 1e-6, "a whole network in half precision: 11 bits, rounded after every op"),
    "random": Tolerance(1e-4, 1e-5, "sums in single precision of terms up to 100, which may cancel"),
    "random-graph": Tolerance(
        1e-3, 1e-5, "some layers in single precision, which may divide by small numbers and cancel"
    ),
    "two-steps": Tolerance(
        4e-2, 1e-6, "two steps of the outputs' 8-bit scale: sums in another order round to the other side of a half"
    ),
    "int8-weights": Tolerance(2e-2, 1e-6, "weights of 8 bits are off by up to half a 127th of their channel's largest"),
    "int4-weights": Tolerance(
        2.5e-1, 1e-6, "weights of 3 or 4 bits are off by up to half a seventh of their block's range"
    ),
    "dynamic-lstm": Tolerance(
        2e-2,
        1e-6,
        "PyTorch rounds what a dynamically quantized LSTM multiplies with to 7 bits; ours is a float layer",
    ),
    "model-with-logarithms": Tolerance(
        5e-4,
        1e-7,
        "logarithms of near-silence: onnx's own evaluator in double precision is 1.8e-4 from onnxruntime, 2e-5 from us",
    ),
    "spectra-with-logarithms": Tolerance(
        2e-3, 1e-7, "logarithms of what onnxruntime's STFT leaves: 8.4e-4 from double precision where we are 6e-6 off"
    ),
}


def assert_close(actual: Array, expected: Array, tolerance: str, what: str = "the tensor") -> None:
    """Fails unless dtype and shape are equal and every element is within ``TOLERANCES[tolerance]``; NaN equals NaN."""
    assert actual.dtype == expected.dtype, f"{what} is {actual.dtype}, expected {expected.dtype}"
    assert actual.shape == expected.shape, f"{what} is {list(actual.shape)}, expected {list(expected.shape)}"
    if actual.size == 0:
        return
    if tolerance == "exact" or actual.dtype.kind in "iubOS":
        np.testing.assert_array_equal(actual, expected, err_msg=what)
        return
    bound = TOLERANCES[tolerance]
    wide, wide_expected = actual.astype(np.float64), expected.astype(np.float64)
    finite = np.abs(wide_expected[np.isfinite(wide_expected)])
    largest = float(finite.max()) if finite.size else 0.0
    np.testing.assert_allclose(
        wide, wide_expected, rtol=0, atol=bound.relative * largest + bound.absolute, equal_nan=True, err_msg=what
    )
