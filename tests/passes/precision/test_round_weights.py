"""round-weights: large weights hold numbers of a short float, the rest stays as it is, with a reason."""

import numpy as np
import pytest

from glmir.errors import InputError
from glmir.ir import Array, Module
from glmir.ops import tensor
from glmir.parser import parse_module
from glmir.passes.precision.round_weights import describe_unrounded, round_weights
from glmir.types import DType

LINEAR = """
    func @main(%x: f32[2, 32]) -> (%y: f32[2, 32]) {
      %w = tensor.constant() {value = weight<w>} : f32[32, 32]
      %b = tensor.constant() {value = weight<b>} : f32[32]
      %y = nn.linear(%x, %w, %b) : f32[2, 32]
      return %y
    }"""


def linear(scale: float) -> Module:
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((32, 32)) * scale, "b": rng.standard_normal(32)}
    return parse_module(LINEAR, {name: array.astype(np.float32) for name, array in weights.items()})


def constants(module: Module) -> dict[str, Array]:
    return {op.result.name: op.value.array for op in module.main.ops if isinstance(op, tensor.Constant)}


@pytest.mark.parametrize("dtype", [DType.F16, DType.BF16])
def test_weights_are_rounded_once_and_biases_stay(dtype: DType) -> None:
    module = linear(1.0)
    before = constants(module)
    assert round_weights(module, dtype=dtype)
    after = constants(module)
    np.testing.assert_array_equal(after["w"], before["w"].astype(dtype.numpy).astype(np.float32))
    assert after["b"] is before["b"]
    assert not round_weights(module, dtype=dtype)


@pytest.mark.parametrize(("scale", "reason"), [(1e6, "overflows f16"), (1e-8, "is too small for f16")])
def test_weights_that_f16_cannot_hold_stay(scale: float, reason: str) -> None:
    module = linear(scale)
    (line,) = describe_unrounded(module, DType.F16)
    assert line.startswith("weight w stays f32: its constant") and line.endswith(reason)
    assert not round_weights(module)
    assert not describe_unrounded(module, DType.BF16)


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(InputError, match="not f64"):
        round_weights(linear(1.0), dtype=DType.F64)
