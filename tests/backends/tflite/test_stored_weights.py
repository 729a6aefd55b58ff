"""Weights of few bits: what operators are written, how large files are, and that LiteRT computes what they mean."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from glmir import interpreter
from glmir.backends.tflite.legalize import legalize_tflite
from glmir.backends.tflite.serializer import serialize
from glmir.ir import Array, Module
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation, Layout
from glmir.passes.compression.dense_weights import Selection
from glmir.passes.compression.palettize_weights import palettize_weights_of
from glmir.passes.compression.quantize_weights import WeightOptions, quantize_weights_of
from glmir.passes.quantization.uniform import Scheme
from glmir.types import DType
from tests.backends.building import argument, constant, module_of, weight
from tests.backends.workers import worker
from tests.tolerances import assert_close

from .harness import written_operators

RUNTIMES = ("tflite", "tflite-kernels")
EIGHT, FOUR, AFFINE_FOUR, AFFINE_EIGHT = Scheme(8), Scheme(4), Scheme(4, is_symmetric=False), Scheme(8, False)


def perceptron() -> Module:
    hidden = nn.Linear(argument("n", 256), weight(512, 256), weight(512), Activation.RELU).result
    return module_of(nn.Linear(hidden, weight(128, 512, seed=1), None))


def product() -> Module:
    return module_of(math.MatMul(argument("n", 7, 256), weight(256, 64)))


def image() -> Module:
    convs = nn.Conv(argument(1, 9, 9, 64), weight(64, 64, 3, 3), None, (1, 1), (1,) * 4, (1, 1), layout=Layout.NHWC)
    depthwise = nn.Conv(
        convs.result, weight(64, 1, 5, 5), weight(64), (1, 1), (2,) * 4, (1, 1), groups=64, layout=Layout.NHWC
    )
    pointwise = nn.Conv(depthwise.result, weight(64, 64, 1, 1), None, (1, 1), (0,) * 4, (1, 1), layout=Layout.NHWC)
    return module_of(
        nn.ConvTranspose(
            pointwise.result, weight(64, 32, 2, 2), None, (2, 2), (0,) * 4, (1, 1), (0, 0), layout=Layout.NHWC
        )
    )


def embedding() -> Module:
    indices = tensor.Cast(argument("n", 6, dtype=DType.U8), DType.I32).result
    return module_of(tensor.Gather(weight(500, 64), indices, 0))


@dataclass(frozen=True)
class Case:
    name: str
    build: Callable[[], Module]
    scheme: Scheme
    writes: str
    size: float
    """The most that the file may have of the float file's bytes."""

    block: int | None = None
    tolerance: str = "f32-sums"
    dynamic: bool = False


CASES = [
    Case("i8", perceptron, EIGHT, "DEQUANTIZE FULLY_CONNECTED DEQUANTIZE FULLY_CONNECTED", 0.27),
    Case("i8-affine", perceptron, AFFINE_EIGHT, "DEQUANTIZE FULLY_CONNECTED DEQUANTIZE FULLY_CONNECTED", 0.28),
    Case("i8-dynamic", perceptron, EIGHT, "FULLY_CONNECTED FULLY_CONNECTED", 0.27, None, "int8-weights", True),
    Case("i4", perceptron, FOUR, "FULLY_CONNECTED RELU FULLY_CONNECTED", 0.14, None, "int8-weights"),
    Case("i4-blocks", perceptron, FOUR, "FULLY_CONNECTED RELU FULLY_CONNECTED", 0.15, 64, "int8-weights"),
    Case(
        "i4-affine-blocks",
        perceptron,
        AFFINE_FOUR,
        "FULLY_CONNECTED RESHAPE SUM DEQUANTIZE FULLY_CONNECTED ADD "
        "FULLY_CONNECTED RESHAPE SUM DEQUANTIZE FULLY_CONNECTED ADD",
        0.16,
        64,
        "int8-weights",
    ),
    Case("product-i8", product, EIGHT, "DEQUANTIZE FULLY_CONNECTED", 0.3),
    Case("product-i4-blocks", product, FOUR, "DEQUANTIZE FULLY_CONNECTED", 0.3, 32, "int8-weights"),
    Case(
        "image-i8",
        image,
        EIGHT,
        "DEQUANTIZE CONV_2D DEQUANTIZE DEPTHWISE_CONV_2D DEQUANTIZE CONV_2D DEQUANTIZE TRANSPOSE_CONV",
        0.28,
    ),
    Case(
        "image-i8-dynamic",
        image,
        EIGHT,
        "CONV_2D DEQUANTIZE DEPTHWISE_CONV_2D CONV_2D DEQUANTIZE TRANSPOSE_CONV",
        0.28,
        None,
        "int8-weights",
        True,
    ),
    Case(
        "image-i4-blocks",
        image,
        FOUR,
        "DEQUANTIZE CONV_2D DEQUANTIZE DEPTHWISE_CONV_2D FULLY_CONNECTED DEQUANTIZE TRANSPOSE_CONV",
        0.28,
        32,
        "int8-weights",
    ),
    Case("embedding-i8", embedding, EIGHT, "CAST RESHAPE EMBEDDING_LOOKUP RESHAPE", 0.31),
    Case("embedding-i4-blocks", embedding, FOUR, "CAST RESHAPE EMBEDDING_LOOKUP RESHAPE", 0.16, 32),
    Case(
        "embedding-i4-affine-blocks",
        embedding,
        AFFINE_FOUR,
        "CAST RESHAPE EMBEDDING_LOOKUP RESHAPE RESHAPE GATHER RESHAPE ADD RESHAPE",
        0.2,
        32,
        "f16",
    ),
]


def _file(module: Module, dynamic: bool = False) -> bytes:
    legalize_tflite(module, dynamic=dynamic)
    stream = io.BytesIO()
    serialize(module, stream)
    return stream.getvalue()


def _inputs(module: Module) -> dict[str, Array]:
    generator = np.random.default_rng(2)
    (x,) = module.main.inputs
    shape = [d if isinstance(d, int) else 3 for d in x.type.shape]
    if x.type.dtype is DType.U8:
        return {x.name: generator.integers(0, 255, shape).astype(np.uint8)}
    return {x.name: generator.standard_normal(shape).astype(np.float32)}


@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_weights(case: Case) -> None:
    float_size = len(_file(case.build()))
    module = case.build()
    quantize_weights_of(module, WeightOptions(case.scheme, case.block))
    inputs = _inputs(module)
    expected = interpreter.run(module, inputs)["y0"]
    model = _file(module, case.dynamic)
    assert written_operators(module) == case.writes.split()
    assert len(model) <= case.size * float_size
    for runtime in RUNTIMES:
        actual = np.asarray(worker(runtime).run(model, inputs)["y0"])
        assert_close(actual, expected, case.tolerance, runtime)


def test_weights_that_halves_hold_are_stored_as_halves() -> None:
    def build(halved: bool) -> Module:
        array = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float16 if halved else np.float32)
        return module_of(nn.Linear(argument(2, 64), constant(array.astype(np.float32)), None))

    module = build(halved=True)
    inputs = _inputs(module)
    expected = interpreter.run(module, inputs)["y0"]
    model = _file(module)
    assert written_operators(module) == ["DEQUANTIZE", "FULLY_CONNECTED"]
    assert len(model) < 0.6 * len(_file(build(halved=False)))
    for runtime in RUNTIMES:
        assert_close(np.asarray(worker(runtime).run(model, inputs)["y0"]), expected, "f32-sums", runtime)


@pytest.mark.parametrize("bits", [4, 8])
def test_palettes_are_stored_in_bytes(bits: int) -> None:
    """A small table's entries as integers with one scale, else integers with one for each output."""
    float_size = len(_file(image()))
    module = image()
    palettize_weights_of(module, bits, Selection())
    inputs = _inputs(module)
    expected = interpreter.run(module, inputs)["y0"]
    model = _file(module)
    assert len(model) <= 0.28 * float_size
    for runtime in RUNTIMES:
        assert_close(np.asarray(worker(runtime).run(model, inputs)["y0"]), expected, "int8-weights", runtime)
