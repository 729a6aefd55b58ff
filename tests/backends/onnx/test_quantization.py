"""Quantized activations and compressed weights in ONNX: what is written, and what onnxruntime makes of it."""

from collections.abc import Callable

import onnx
import pytest

import glmir
from glmir import interpreter
from glmir.ir import Module, Value
from glmir.ops import math, nn
from glmir.types import DType
from tests.backends.building import argument, module_of
from tests.backends.onnx.harness import operators
from tests.backends.quantized import (
    COLUMNS,
    ROWS,
    blocks,
    conv_weight,
    integer_network,
    normal_inputs,
    palette,
    per_channel,
    sparse,
    sparse_integers,
)
from tests.tolerances import assert_close

Weight = Callable[[], Value]


def check(module: Module, tolerance: str, opset: int | None = None) -> bytes:
    """Fails unless onnxruntime, with its optimisations, computes what the interpreter does. Returns the model."""
    inputs = normal_inputs(module)
    artifact = glmir.compile(module, target="onnx", opset=opset)
    model = artifact.to_bytes()
    onnx.checker.check_model(model, full_check=True)
    assert_close(artifact.run(inputs)["y0"], interpreter.run(module, inputs)["y0"], tolerance)
    return model


LAYER = "DequantizeLinear MatMul"
WEIGHTS: list[tuple[str, Weight, int | None, str]] = [
    ("i8", lambda: per_channel(DType.I8), None, LAYER),
    ("i8", lambda: per_channel(DType.I8), 13, LAYER),
    ("i8", lambda: per_channel(DType.I8), 11, "Gemm"),
    ("u8 with zero points", lambda: per_channel(DType.U8, zeros=True), None, LAYER),
    ("i4", lambda: per_channel(DType.I4), None, LAYER),
    ("i4 blocks", lambda: blocks(DType.I4, 32), None, LAYER),
    ("u4 blocks", lambda: blocks(DType.U4, 16, zeros=True), None, LAYER),
    ("i4 uneven blocks", lambda: blocks(DType.I4, 24, zeros=True), None, LAYER),
    ("i8 blocks", lambda: blocks(DType.I8, 32), None, LAYER),
    ("i4 blocks", lambda: blocks(DType.I4, 32), 20, "Gemm"),
    ("palette", lambda: palette(4), None, "Cast Gather Gemm"),
    ("palette", lambda: palette(4), 11, "Cast Gather Gemm"),
    ("palette", lambda: palette(7), None, "Cast Gather Gemm"),
    ("sparse", sparse, None, "Gemm"),
    ("sparse i8", sparse_integers, None, LAYER),
]


@pytest.mark.parametrize(("name", "weight", "opset", "written"), WEIGHTS)
def test_weights(name: str, weight: Weight, opset: int | None, written: str) -> None:
    module = module_of(nn.Linear(argument(5, COLUMNS), weight(), None))
    # The runtime's product of floats with integers rounds the floats to 8 bits.
    assert operators(check(module, "int8-weights", opset)) == written.split()


def test_weights_of_many_axes() -> None:
    module = module_of(nn.Linear(argument(2, 3, COLUMNS), per_channel(DType.I8), None))
    assert operators(check(module, "int8-weights")) == LAYER.split()


def test_weights_of_convolutions_are_exact() -> None:
    conv = nn.Conv(argument(1, 3, 9, 9), conv_weight(8, 3, 3, 3), None, (2, 2), (1, 1, 1, 1), (1, 1))
    assert operators(check(module_of(conv), "f32-sums")) == ["DequantizeLinear", "Conv"]


@pytest.mark.parametrize("opset", [None, 21, 13])
def test_integer_network(opset: int | None) -> None:
    written = operators(check(integer_network(), "two-steps", opset))
    assert written.count("QuantizeLinear") == 4
    assert "Gemm" in written and "Transpose" not in written


def test_parameters_are_kept_bit_for_bit() -> None:
    model = onnx.ModelProto.FromString(glmir.compile(integer_network(), target="onnx").to_bytes())
    again = onnx.ModelProto.FromString(glmir.compile(model, target="onnx").to_bytes())

    def stored(of: onnx.ModelProto) -> list[tuple[str, list[bytes]]]:
        arrays = {t.name: onnx.numpy_helper.to_array(t).tobytes() for t in of.graph.initializer}
        nodes = [n for n in of.graph.node if "Quantize" in n.op_type or "Dequantize" in n.op_type]
        return sorted((n.op_type, [arrays[i] for i in n.input if i in arrays]) for n in nodes)

    assert stored(model) == stored(again)
    assert any(t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4 for t in again.graph.initializer)


def test_a_product_of_a_compressed_matrix_stays_compressed() -> None:
    module = module_of(math.MatMul(argument(4, ROWS), per_channel(DType.I8)))
    assert operators(check(module, "int8-weights")) == LAYER.split()
