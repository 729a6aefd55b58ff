"""Layers on data that is quantized at run time: onnxruntime gets the products of integers for which it has kernels."""

import numpy as np
import pytest

import glmir
from glmir import interpreter
from glmir.ir import Op, Value
from glmir.ops import math, nn, quant
from glmir.types import DType
from tests.backends.building import argument, constant, module_of
from tests.backends.onnx.harness import operators
from tests.backends.quantized import normal_inputs
from tests.tolerances import assert_close


def rounded(x: Value) -> Value:
    q, scale, zero = quant.DynamicQuantize(x).results
    return quant.Dequantize(q, scale, zero).result


def weight(*shape: int, dtype: DType = DType.I8, zeros: bool = False) -> Value:
    random = np.random.default_rng(0)
    stored = random.integers(dtype.lowest, dtype.highest + 1, shape).astype(dtype.numpy)
    scales = constant(random.uniform(0.01, 0.1, shape[0]).astype(np.float32))
    points = constant(np.full(shape[0], 100, dtype.numpy)) if zeros else None
    return quant.Dequantize(constant(stored), scales, points, 0).result


def matrices() -> Op:
    """A product with several matrices, whose scales are those of columns."""
    stored = np.random.default_rng(0).integers(-128, 128, (2, 8, 3)).astype(np.int8)
    scales = constant(np.array([0.01, 0.02, 0.05], np.float32))
    zeros = constant(np.full(3, 7, np.int8))
    return math.MatMul(rounded(argument(2, 5, 8)), quant.Dequantize(constant(stored), scales, zeros, 2).result)


def conv(w: Value, b: Value | None) -> Op:
    return nn.Conv(rounded(argument(2, 4, 5, 6)), w, b, (1, 1), (1, 1, 1, 1), (1, 1))


def bias() -> Value:
    return constant(np.array([0.5, -1, 2], np.float32))


@pytest.mark.parametrize(
    ("layer", "operator"),
    [
        (lambda: nn.Linear(rounded(argument(2, 5, 8)), weight(3, 8), bias()), "MatMulInteger"),
        (lambda: nn.Linear(rounded(argument(5, 8)), weight(3, 8, dtype=DType.U8, zeros=True), None), "MatMulInteger"),
        (matrices, "MatMulInteger"),
        (lambda: conv(weight(3, 4, 3, 3), bias()), "ConvInteger"),
        (lambda: conv(weight(3, 4, 3, 3, dtype=DType.U8, zeros=True), None), "ConvInteger"),
    ],
)
def test_layer_on_rounded_data(layer: object, operator: str) -> None:
    assert callable(layer)
    module = module_of(layer())
    inputs = normal_inputs(module)
    artifact = glmir.compile(module, target="onnx")
    found = operators(artifact.to_bytes())
    assert operator in found and "DynamicQuantizeLinear" in found and "DequantizeLinear" not in found
    assert_close(artifact.run(inputs)["y0"], interpreter.run(module, inputs)["y0"], "f32")
