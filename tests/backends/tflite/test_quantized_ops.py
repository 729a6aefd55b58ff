"""Integer kernels against the interpreter's meaning of quantized values: equal but for one unit of the last place.

Every op stands between pairs of dequantize and quantize, with scales drawn at random; its operands are drawn from all
the integers, and its result's range is the one that it has, or a part of it. Each case runs with XNNPACK and without.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from glmir import interpreter
from glmir.backends.emission import is_quantized
from glmir.ir import Array, Function, Module, Op, Value
from glmir.ops import math, nn, quant, tensor
from glmir.ops.enums import Activation, CoordinateTransform, GeluForm, Layout, PadMode, ResizeMode
from glmir.rewriter import insert_new_ops
from glmir.types import DType, QuantizedType
from glmir.verifier import verify
from tests.backends.building import argument, constant, module_of
from tests.backends.workers import worker

from .harness import to_tflite, written_operators

RUNTIMES = ("tflite", "tflite-kernels")
I8, I16 = DType.I8, DType.I16

Build = Callable[..., Op]


@dataclass(frozen=True)
class Case:
    """An op of operands of these shapes. ``writes`` are the operators that must be written, in order."""

    name: str
    build: Build
    shapes: Sequence[tuple[int, ...]]
    writes: str
    storages: Sequence[DType] = (I8, I16)
    same_scale: bool = False
    """Whether operands and results have one scale."""

    result: QuantizedType | None = None
    low: float = -4
    high: float = 4
    away: int = 1
    """By how many units results may differ: by more than one where several operators are written."""


def moving(name: str, build: Build, shapes: Sequence[tuple[int, ...]], writes: str, *storages: DType) -> Case:
    """An op between one scale and the same."""
    return Case(name, build, shapes, writes, storages or (I8, I16), same_scale=True)


def depth_to_space(x: Value) -> Op:
    return tensor.DepthToSpace(x, 2, layout=Layout.NHWC)


def space_to_depth(x: Value) -> Op:
    return tensor.SpaceToDepth(x, 2, layout=Layout.NHWC)


def alternating(x: Value, y: Value) -> Op:
    return math.Select(constant(np.arange(40) % 2 == 0), x, y)


def by_transposed(x: Value, y: Value) -> Op:
    return math.MatMul(x, y, transpose_y=True)


def joined(x: Value, y: Value) -> Op:
    return tensor.Concat((x, y), 1)


def max_pool(x: Value) -> Op:
    return nn.MaxPool(x, (3, 3), (2, 2), (0,) * 4, (1, 1), layout=Layout.NHWC)


def padded_max_pool(x: Value) -> Op:
    """With padding that is none of TensorFlow's: so the model pads by itself."""
    return nn.MaxPool(x, (3, 3), (2, 2), (1,) * 4, (1, 1), layout=Layout.NHWC)


def average_pool(x: Value, kernel: int, padding: int) -> Op:
    strides = (1, 1) if padding else (kernel, kernel)
    return nn.AveragePool(x, (kernel,) * 2, strides, (padding,) * 4, (1, 1), layout=Layout.NHWC)


IMAGE = (2, 7, 9, 5)
ROWS = (3, 40)
FINE_UNIT, LOG_UNIT = QuantizedType(I8, (1 / 255,), (-128,)), QuantizedType(I8, (1 / 16,), (127,))
WIDE_UNIT = QuantizedType(I16, (1 / 32768,))
UNIT, HALF = QuantizedType(I8, (1 / 256,), (-128,)), QuantizedType(I8, (1 / 128,))


def stored_weight(*shape: int, axis: int | None, bits: int = 8, seed: int = 0) -> Value:
    generator = np.random.default_rng(seed)
    highest = (1 << (bits - 1)) - 1
    dtype = I8 if bits == 8 else DType.I4
    stored = generator.integers(-highest, highest + 1, shape).astype(np.int8).astype(dtype.numpy)
    scales = generator.uniform(0.5, 2, () if axis is None else (shape[axis],)).astype(np.float32) / 40 / highest
    return quant.Dequantize(constant(stored), constant(np.asarray(scales)), None, axis).result


def float_bias(size: int) -> Value:
    return constant(np.random.default_rng(3).standard_normal(size).astype(np.float32) * 0.1)


def conv(
    groups: int = 1, multiplier: int = 1, axis: int | None = 0, bits: int = 8, bias: bool = True, **more: object
) -> Build:
    def build(x: Value) -> Op:
        channels = x.type.static_shape[-1]
        outputs = channels * multiplier if groups > 1 else 6
        weight = stored_weight(outputs, channels // groups, 3, 3, axis=axis, bits=bits)
        options = {"strides": (1, 1), "padding": (1, 1, 1, 1), "dilations": (1, 1), **more}
        return nn.Conv(x, weight, float_bias(outputs) if bias else None, groups=groups, layout=Layout.NHWC, **options)

    return build


def transposed_conv(axis: int | None) -> Build:
    def build(x: Value) -> Op:
        weight = stored_weight(x.type.static_shape[-1], 4, 3, 3, axis=axis)
        return nn.ConvTranspose(x, weight, float_bias(4), (2, 2), (0,) * 4, (1, 1), (0, 0), layout=Layout.NHWC)

    return build


def linear(axis: int | None, activation: Activation = Activation.NONE, bits: int = 8, bias: bool = True) -> Build:
    def build(x: Value) -> Op:
        weight = stored_weight(16, x.type.static_shape[-1], axis=axis, bits=bits)
        return nn.Linear(x, weight, float_bias(16) if bias else None, activation)

    return build


CASES = [
    Case("conv", conv(), [IMAGE], "CONV_2D"),
    Case("conv-per-tensor", conv(axis=None), [IMAGE], "CONV_2D"),
    Case("conv-relu", conv(activation=Activation.RELU), [IMAGE], "CONV_2D"),
    Case("conv-relu6", conv(activation=Activation.RELU6), [IMAGE], "CONV_2D"),
    Case("conv-without-bias", conv(bias=False), [IMAGE], "CONV_2D"),
    Case("conv-strided", conv(strides=(2, 2)), [(2, 8, 10, 5)], "PAD CONV_2D"),
    Case("conv-dilated", conv(dilations=(2, 2), padding=(2, 2, 2, 2)), [IMAGE], "CONV_2D"),
    Case("conv-grouped", conv(groups=3, multiplier=2), [(2, 7, 9, 6)], "CONV_2D", (I8,)),
    Case("depthwise", conv(groups=5), [IMAGE], "DEPTHWISE_CONV_2D"),
    Case("depthwise-multiplied", conv(groups=5, multiplier=2), [IMAGE], "DEPTHWISE_CONV_2D"),
    Case("depthwise-per-tensor", conv(groups=5, axis=None), [IMAGE], "DEPTHWISE_CONV_2D"),
    Case("transposed", transposed_conv(1), [IMAGE], "TRANSPOSE_CONV"),
    Case("transposed-per-tensor", transposed_conv(None), [IMAGE], "TRANSPOSE_CONV"),
    Case("linear", linear(0), [ROWS], "FULLY_CONNECTED"),
    Case("linear-per-tensor", linear(None), [ROWS], "FULLY_CONNECTED"),
    Case("linear-relu", linear(0, Activation.RELU), [ROWS], "FULLY_CONNECTED"),
    Case("linear-without-bias", linear(0, bias=False), [ROWS], "FULLY_CONNECTED"),
    Case("linear-rank-3", linear(0), [(2, 3, 40)], "FULLY_CONNECTED"),
    Case("mat-mul", math.MatMul, [(2, 3, 40), (2, 40, 5)], "BATCH_MATMUL"),
    Case("mat-mul-transposed", by_transposed, [(2, 3, 40), (2, 5, 40)], "BATCH_MATMUL"),
    Case("add", math.Add, [IMAGE, IMAGE], "ADD"),
    Case("add-broadcast", math.Add, [IMAGE, (5,)], "ADD"),
    Case("add-relu", lambda x, y: math.Add(x, y, Activation.RELU), [IMAGE, IMAGE], "ADD"),
    Case("sub", math.Sub, [IMAGE, IMAGE], "SUB"),
    Case("mul", math.Mul, [IMAGE, IMAGE], "MUL"),
    Case("mul-broadcast", math.Mul, [IMAGE, (2, 1, 1, 5)], "MUL"),
    Case("squared-difference", lambda x: math.Mul(x, x), [IMAGE], "MUL"),
    moving("maximum", math.Maximum, [IMAGE, IMAGE], "MAXIMUM"),
    Case("maximum-of-other-scales", math.Maximum, [IMAGE, IMAGE], "QUANTIZE QUANTIZE MAXIMUM"),
    moving("minimum", math.Minimum, [IMAGE, IMAGE], "MINIMUM"),
    moving("max-pool", max_pool, [IMAGE], "MAX_POOL_2D"),
    Case("max-pool-other-scale", max_pool, [IMAGE], "MAX_POOL_2D QUANTIZE"),
    moving("max-pool-padded", padded_max_pool, [(2, 8, 10, 5)], "PADV2 MAX_POOL_2D"),
    moving("average-pool", lambda x: average_pool(x, 3, 1), [IMAGE], "AVERAGE_POOL_2D"),
    Case("average-pool-other-scale", lambda x: average_pool(x, 2, 0), [IMAGE], "AVERAGE_POOL_2D QUANTIZE"),
    Case("mean", lambda x: math.ReduceMean(x, (1, 2), True), [IMAGE], "MEAN"),
    Case("mean-of-large-image", lambda x: math.ReduceMean(x, (1, 2), True), [(1, 20, 30, 5)], "MEAN"),
    Case("mean-of-rows", lambda x: math.ReduceMean(x, (1,), False), [ROWS], "MEAN"),
    Case("sum", lambda x: math.ReduceSum(x, (1, 2), False), [IMAGE], "SUM", (I8,)),
    moving("reduce-max", lambda x: math.ReduceMax(x, (2,), True), [IMAGE], "REDUCE_MAX"),
    moving("reduce-min", lambda x: math.ReduceMin(x, (1, 2), False), [IMAGE], "REDUCE_MIN"),
    Case("softmax", lambda x: nn.Softmax(x, 1), [ROWS], "SOFTMAX", (I8,), result=UNIT),
    Case("softmax-other-scale", lambda x: nn.Softmax(x, 1), [ROWS], "SOFTMAX QUANTIZE", (I8,), result=FINE_UNIT),
    Case("wide-sigmoid", nn.Sigmoid, [ROWS], "LOGISTIC", (I16,), result=WIDE_UNIT),
    Case("wide-tanh", math.Tanh, [ROWS], "TANH", (I16,), result=WIDE_UNIT, away=2),
    Case("sigmoid", nn.Sigmoid, [ROWS], "LOGISTIC", (I8,), result=UNIT),
    Case("tanh", math.Tanh, [ROWS], "TANH", (I8,), result=HALF),
    Case("log-softmax", lambda x: nn.LogSoftmax(x, 1), [ROWS], "LOG_SOFTMAX", (I8,), result=LOG_UNIT),
    Case("hard-swish", nn.HardSwish, [ROWS], "ADD MUL MUL", (I8,), away=2),
    Case("silu", nn.Silu, [ROWS], "LOGISTIC MUL", (I8,), away=2),
    Case("hard-sigmoid", lambda x: nn.HardSigmoid(x, 1 / 6, 0.5), [ROWS], "ADD MUL"),
    Case("hard-sigmoid-of-a-fifth", lambda x: nn.HardSigmoid(x, 0.2, 0.5), [ROWS], "ADD MUL"),
    Case("clamp", lambda x: math.Clamp(x, -0.7, 1.5), [ROWS], "QUANTIZE", (I8,)),
    moving("clamp-of-wide-scale", lambda x: math.Clamp(x, -0.7, 1.5), [ROWS], "MAXIMUM MINIMUM"),
    moving("clamp-to-unit", lambda x: math.Clamp(x, 0.0, 1.0), [ROWS], "RELU_0_TO_1", I8),
    Case("gelu", lambda x: nn.Gelu(x, GeluForm.ERF), [ROWS], "GELU", (I8,)),
    Case("gelu-tanh", lambda x: nn.Gelu(x, GeluForm.TANH), [ROWS], "GELU", (I8,)),
    moving("relu", nn.Relu, [ROWS], "RELU"),
    Case("relu6", nn.Relu6, [ROWS], "RELU6"),
    Case("clamp-unit", lambda x: math.Clamp(x, -1.0, 1.0), [ROWS], "QUANTIZE", (I8,)),
    Case("leaky-relu", lambda x: nn.LeakyRelu(x, 0.1), [ROWS], "LEAKY_RELU"),
    Case("elu", lambda x: nn.Elu(x, 1.0), [ROWS], "ELU", (I8,)),
    Case("prelu", nn.PRelu, [IMAGE, (1, 1, 5)], "PRELU", (I8,)),
    Case("abs", math.Abs, [ROWS], "ABS"),
    Case("exp", math.Exp, [ROWS], "EXP", (I8,)),
    Case("log", math.Log, [ROWS], "LOG", (I8,), low=0.5, high=4),
    Case("rsqrt", math.Rsqrt, [ROWS], "RSQRT", (I8,), low=0.5, high=4),
    moving("reshape", lambda x: tensor.Reshape(x, None, (5, 24)), [ROWS], "RESHAPE"),
    moving("transpose", lambda x: tensor.Transpose(x, (0, 3, 1, 2)), [IMAGE], "TRANSPOSE"),
    moving("concat", joined, [ROWS, ROWS], "CONCATENATION"),
    Case("concat-of-other-scales", joined, [ROWS, ROWS], "QUANTIZE QUANTIZE CONCATENATION"),
    moving("slice", lambda x: tensor.Slice(x, (1, 2), (2, 5), (1, 3)), [ROWS], "STRIDED_SLICE"),
    moving("slice-contiguous", lambda x: tensor.Slice(x, (1, 2), (2, 5), (1, 1)), [ROWS], "SLICE"),
    moving("pad", lambda x: tensor.Pad(x, None, (1, 0), (2, 3)), [ROWS], "PAD"),
    moving("pad-with-lowest", lambda x: tensor.Pad(x, constant(np.float32("-inf")), (1, 0), (2, 3)), [ROWS], "PADV2"),
    moving("mirror-pad", lambda x: tensor.Pad(x, None, (1, 0), (2, 3), PadMode.REFLECT), [ROWS], "MIRROR_PAD"),
    moving("expand", lambda x: tensor.Expand(x, None, (4, 3, 40)), [ROWS], "BROADCAST_TO"),
    moving("tile", lambda x: tensor.Tile(x, (2, 3)), [ROWS], "TILE", I8),
    moving("reverse", lambda x: tensor.Reverse(x, (1,)), [ROWS], "REVERSE_V2", I8),
    moving("depth-to-space", depth_to_space, [(2, 3, 4, 8)], "DEPTH_TO_SPACE", I8),
    moving("space-to-depth", space_to_depth, [(2, 4, 6, 3)], "SPACE_TO_DEPTH", I8),
    moving("gather", lambda x: tensor.Gather(x, constant(np.array([2, 0, 7])), 1), [ROWS], "GATHER"),
    moving("split", lambda x: tensor.Split(x, 1, (20, 20)), [ROWS], "SPLIT"),
    moving("split-unequal", lambda x: tensor.Split(x, 1, (10, 30)), [ROWS], "SPLIT_V"),
    moving("select", alternating, [ROWS, ROWS], "SELECT_V2"),
]  # fmt: skip


def resized(mode: ResizeMode, x: Value) -> Op:
    return nn.Resize(x, (2, 14, 18, 5), (1.0, 2.0, 2.0, 1.0), mode, CoordinateTransform.HALF_PIXEL)


CASES += [
    moving("resize-linear", lambda x: resized(ResizeMode.LINEAR, x), [IMAGE], "RESIZE_BILINEAR"),
    Case("resize-linear-other-scale", lambda x: resized(ResizeMode.LINEAR, x), [IMAGE], "RESIZE_BILINEAR QUANTIZE"),
    Case(
        "resize-nearest", lambda x: resized(ResizeMode.NEAREST, x), [IMAGE], "RESIZE_NEAREST_NEIGHBOR", same_scale=True
    ),
]


def _parameters(generator: np.random.Generator, storage: DType, low: float, high: float) -> QuantizedType:
    low, high = min(low, 0.0), max(high, low + 1e-3, 0.0)
    if storage is I16:
        return QuantizedType(I16, (float(np.float32(max(-low, high) / 32767)),))
    scale = float(np.float32((high - low) / 255 * generator.uniform(0.7, 1.1)))
    return QuantizedType(I8, (scale,), (int(np.clip(round(-128 - low / scale), -128, 127)),))


def _constants(quantization: QuantizedType) -> tuple[Value, Value]:
    zero = np.array((*quantization.zero_points, 0)[0], quantization.storage.numpy)
    return constant(np.array(quantization.scales[0], np.float32)), constant(zero)


def _real(x: Value, quantization: QuantizedType) -> Value:
    return quant.Dequantize(x, *_constants(quantization)).result


def quantized_module(case: Case, storage: DType) -> tuple[Module, dict[str, Array]]:
    """The case between pairs, and inputs for it: integers in, integers out."""
    generator = np.random.default_rng(zlib.crc32(f"{case.name} {storage.value}".encode()))
    ranges = [generator.uniform(0.3, 1) if not case.same_scale else 1.0 for _ in case.shapes]
    quantizations = [_parameters(generator, storage, case.low * r, case.high * r) for r in ranges]
    if case.same_scale:
        quantizations = quantizations[:1] * len(case.shapes)
    arrays = [_drawn(generator, q, s, case) for q, s in zip(quantizations, case.shapes, strict=True)]
    names = {f"x{i}": a for i, a in enumerate(arrays)}
    inputs, op = _on_stored(case, quantizations)
    floats = interpreter.run(module_of(op, inputs), names)
    inputs, op = _on_stored(case, quantizations)
    stored = []
    for result, array in zip(op.results, floats.values(), strict=True):
        asked = case.result or (quantizations[0] if case.same_scale else None)
        asked = asked or _parameters(generator, storage, float(array.min()), float(array.max()))
        stored.append(quant.Quantize(result, *_constants(asked), storage=storage).result)
    return _module(inputs, stored), names


def _on_stored(case: Case, quantizations: Sequence[QuantizedType]) -> tuple[list[Value], Op]:
    inputs = [argument(*s, dtype=q.storage) for s, q in zip(case.shapes, quantizations, strict=True)]
    return inputs, case.build(*(_real(x, q) for x, q in zip(inputs, quantizations, strict=True)))


def _module(inputs: Sequence[Value], outputs: Sequence[Value]) -> Module:
    for i, value in enumerate(inputs):
        value.name = f"x{i}"
    function = Function("main", inputs)
    insert_new_ops(outputs, function.ops.append)
    function.set_outputs(outputs, [f"y{i}" for i in range(len(outputs))])
    return Module([function])


def _drawn(generator: np.random.Generator, quantization: QuantizedType, shape: tuple[int, ...], case: Case) -> Array:
    storage = quantization.storage
    low, high = storage.lowest, storage.highest
    if case.low > 0:
        low = int(case.low / quantization.scales[0]) + (*quantization.zero_points, 0)[0] + 1
    return generator.integers(low, high + 1, shape).astype(storage.numpy)


STORED_CASES = [pytest.param(c, s, id=f"{c.name}-{s.value}") for c in CASES for s in c.storages]


@pytest.mark.parametrize(("case", "storage"), STORED_CASES)
def test_op(case: Case, storage: DType) -> None:
    module, inputs = quantized_module(case, storage)
    expected = interpreter.run(module, inputs)
    model = to_tflite(module)
    verify(module)
    assert written_operators(module) == case.writes.split()
    assert all(is_quantized(op) for op in module.main.ops if not isinstance(op, tensor.Constant))
    legal = interpreter.run(module, inputs)
    for runtime in RUNTIMES:
        actual = worker(runtime).run(model, inputs)
        for name, array in expected.items():
            assert actual[name].dtype == array.dtype
            for found, what in ((legal[name], "the legalised module"), (np.asarray(actual[name]), runtime)):
                error = np.abs(found.astype(np.int64) - array).max()
                assert error <= case.away, f"{what} is {error} units off"
