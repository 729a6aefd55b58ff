"""What a file says of quantized values: the scales of a source that has them, to the bit, and integer operators."""

import io

import numpy as np
import pytest

from glmir import interpreter
from glmir.backends.flatbuffer import read
from glmir.backends.tflite.legalize import legalize_tflite
from glmir.backends.tflite.schema import Model, SubGraph
from glmir.backends.tflite.schema_enums import TensorType
from glmir.backends.tflite.serializer import serialize
from glmir.ir import Module, Op, Value
from glmir.ops import math, nn, quant, tensor
from glmir.ops.enums import Activation
from glmir.types import DType
from tests.backends.building import argument, constant, module_of
from tests.backends.workers import worker

from .harness import to_tflite, written_operators

SCALES = (0.0173, 0.05, 0.031)
WEIGHT_SCALES = (0.011, 0.0023, 0.1, 0.004)


def network(stored: DType, has_float_border: bool) -> Module:
    """A convolution and a mean between pairs, as exporters of quantized models write them."""
    shift = 128 if stored is DType.U8 else 0

    def parameters(scale: float, zero: int) -> tuple[Value, Value]:
        return constant(np.array(scale, np.float32)), constant(np.array(zero + shift, stored.numpy))

    def quantized(x: Value, scale: float, zero: int) -> Value:
        return quant.Quantize(x, *parameters(scale, zero), storage=stored).result

    def real(x: Value, scale: float, zero: int) -> Value:
        return quant.Dequantize(x, *parameters(scale, zero)).result

    integers = np.random.default_rng(0).integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    weight = quant.Dequantize(constant(integers), constant(np.array(WEIGHT_SCALES, np.float32)), None, 0).result
    x = argument(2, 3, 6, 6, dtype=DType.F32 if has_float_border else stored)
    taken = real(quantized(x, SCALES[0], 3) if has_float_border else x, SCALES[0], 3)
    conv = nn.Conv(taken, weight, None, (1, 1), (1,) * 4, (1, 1), activation=Activation.RELU).result
    mean = math.ReduceMean(real(quantized(conv, SCALES[1], -128), SCALES[1], -128), (2, 3), False).result
    given = quantized(mean, SCALES[2], -128)
    return module_of(_owner(real(given, SCALES[2], -128) if has_float_border else given))


def _owner(value: Value) -> Op:
    assert value.owner is not None
    return value.owner


@pytest.mark.parametrize("stored", [DType.I8, DType.U8], ids=["i8", "u8"])
def test_what_moves_between_quantize_and_dequantize(stored: DType) -> None:
    scale, zero = constant(np.array(0.03, np.float32)), constant(np.array(7, stored.numpy))
    moved = tensor.Transpose(quant.Quantize(argument(2, 5, 6), scale, zero, storage=stored).result, (0, 2, 1)).result
    relu = nn.Relu(quant.Dequantize(moved, scale, zero).result).result
    given = quant.Dequantize(quant.Quantize(relu, scale, zero, storage=stored).result, scale, zero)
    module = module_of(given)
    legalize_tflite(module)
    assert written_operators(module) == ["QUANTIZE", "TRANSPOSE", "RELU", "DEQUANTIZE"]


def test_products_too_coarse_for_xnnpack_are_in_floats() -> None:
    """It would refuse the whole model."""
    scales = [constant(np.array(s, np.float32)) for s in (0.5, 0.25)]
    x = quant.Dequantize(quant.Quantize(argument(2, 4), scales[0], None).result, scales[0], None).result
    integers = constant(np.arange(8, dtype=np.int8).reshape(2, 4))
    weight = quant.Dequantize(integers, constant(np.array([0.01, 128.0], np.float32)), None, 0).result
    y = nn.Linear(x, weight, None).result
    module = module_of(quant.Dequantize(quant.Quantize(y, scales[1], None).result, scales[1], None))
    inputs = {"x0": np.array([[1, 2, 3, 4], [-0.5, 0, 0, 0.5]], np.float32)}
    expected = interpreter.run(module, inputs)["y0"]
    np.testing.assert_array_equal(worker("tflite").run(to_tflite(module), inputs)["y0"], expected)


@pytest.mark.parametrize("has_float_border", [True, False], ids=["floats", "integers"])
@pytest.mark.parametrize("stored", [DType.I8, DType.U8], ids=["i8", "u8"])
def test_scales_of_the_source(stored: DType, has_float_border: bool) -> None:
    generator = np.random.default_rng(0)
    numbers = generator.uniform(-2, 2, (2, 3, 6, 6)) if has_float_border else generator.integers(0, 100, (2, 3, 6, 6))
    inputs = {"x0": numbers.astype(np.float32 if has_float_border else stored.numpy)}
    module = network(stored, has_float_border)
    expected = interpreter.run(module, inputs)["y0"]
    legalize_tflite(module)
    stream = io.BytesIO()
    serialize(module, stream)
    (graph,) = read(Model, stream.getvalue(), file_identifier=b"TFL3").subgraphs or ()
    scales = _scales(graph)
    assert {s for found in scales for s in found if len(found) == 1} == {float(np.float32(s)) for s in SCALES}
    assert tuple(float(np.float32(s)) for s in WEIGHT_SCALES) in scales
    floats = [t for t in graph.tensors or () if t.type is TensorType.FLOAT32]
    assert len(floats) == (2 if has_float_border else 0)
    actual = np.asarray(worker("tflite").run(stream.getvalue(), inputs)["y0"])
    assert actual.dtype == expected.dtype
    unit = 1.01 * SCALES[2] if has_float_border else 1
    assert np.abs(actual.astype(np.float64) - expected).max() <= unit


def _scales(graph: SubGraph) -> list[tuple[float, ...]]:
    found = [t.quantization.scale for t in graph.tensors or () if t.quantization is not None]
    return [tuple(map(float, scales)) for scales in found if scales is not None]


def test_sums_too_coarse_for_the_kernel_are_in_floats() -> None:
    """It would stop the process. Masks that add the lowest number are quantized so."""
    scales = [constant(np.array(s, np.float32)) for s in (0.25, 2.0**120)]
    x = quant.Dequantize(quant.Quantize(argument(2, 4), scales[0], None).result, scales[0], None).result
    mask = quant.Dequantize(constant(np.array([0, -127, 0, 0], np.int8)), scales[1], None).result
    y = math.Add(x, mask).result
    module = module_of(quant.Dequantize(quant.Quantize(y, scales[1], None).result, scales[1], None))
    inputs = {"x0": np.array([[1, 2, 3, 4], [-0.5, 0, 0, 0.5]], np.float32)}
    expected = interpreter.run(module, inputs)["y0"]
    np.testing.assert_array_equal(worker("tflite").run(to_tflite(module), inputs)["y0"], expected)
