"""Layers and what stands between them on bytes in MNN, held against the interpreter's quantized values."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.ir import Value
from glmir.ops import math, nn, quant, tensor
from glmir.ops.enums import Activation, CoordinateTransform, NearestRounding, ResizeMode
from glmir.types import DType
from tests.backends.building import argument, constant, weight

from .harness import check_op
from .quantized import check_steps, few_bits, integers, pair

BORDERS = "BINARY_OP {} BINARY_OP"
"""Floats are rounded at the beginning and read at the end."""

S = 0.15
RELU, RELU6, NONE = Activation.RELU, Activation.RELU6, Activation.NONE


def conv(
    x: Value, w: Value, bias: bool = True, groups: int = 1, activation: Activation = NONE, stride: int = 1
) -> Value:
    pads = (w.type.static_shape[2] // 2,) * 4
    outputs = w.type.static_shape[0]
    b = weight(outputs, seed=1) if bias else None
    return nn.Conv(x, w, b, (stride, stride), pads, (1, 1), groups, activation).result


@pytest.mark.parametrize("storage", [DType.I8, DType.U8])
@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "stride", "activation", "zeros"),
    [
        (12, 16, 3, 1, NONE, (0, 0)), (12, 16, 3, 1, RELU, (-13, 7)), (64, 33, 3, 2, RELU6, (-128, -128)),
        (3, 1, 1, 1, NONE, (5, -100)), (40, 24, 1, 1, RELU, (127, 0)), (8, 8, 5, 1, NONE, (-5, 9)),
    ],
)  # fmt: skip
def test_convolution(
    inputs: int, outputs: int, kernel: int, stride: int, activation: Activation, zeros: tuple[int, int], storage: DType
) -> None:
    offset = 128 if storage is DType.U8 else 0
    x = pair(argument("n", inputs, 9, 10), 0.03, zeros[0] + offset, storage)
    w = few_bits(integers((outputs, inputs, kernel, kernel), low=-127))
    y = pair(conv(x, w, activation=activation, stride=stride), S, zeros[1] + offset, storage)
    written = BORDERS.format("CONVERT_TENSOR CONVOLUTION CONVERT_TENSOR")
    check_steps(y, {"n": 1}, {"n": 3}, scale=S, writes=written, share=0.002)


@pytest.mark.parametrize(("activation", "zeros"), [(NONE, (3, -4)), (RELU, (-128, -128)), (RELU6, (0, -100))])
@pytest.mark.parametrize("channels", [7, 32])
def test_depthwise(channels: int, activation: Activation, zeros: tuple[int, int]) -> None:
    x = pair(argument("n", channels, 9, 10), 0.03, zeros[0])
    w = few_bits(integers((channels, 1, 3, 3), low=-127))
    y = pair(conv(x, w, groups=channels, activation=activation), 0.05, zeros[1])
    written = BORDERS.format("CONVERT_TENSOR CONVOLUTION_DEPTHWISE CONVERT_TENSOR")
    check_steps(y, {"n": 1}, {"n": 2}, scale=0.05, writes=written, share=0.01)


@pytest.mark.parametrize("low", [126, -127])
def test_large_sums_do_not_overflow(low: int) -> None:
    x = pair(argument(1, 256, 6, 6), 0.05, -128)
    w = few_bits(integers((16, 256, 3, 3), low=low, high=127 if low > 0 else -126))
    y = pair(conv(x, w, bias=False), 60.0, -128 if low > 0 else 127)
    check_steps(y, scale=60.0, limit=100.0, share=0.5)


@pytest.mark.parametrize("shape", [("n", 40), ("n", 5, 40)], ids=str)
def test_linear(shape: tuple[int | str, ...]) -> None:
    y = nn.Linear(pair(argument(*shape), 0.03, -7), few_bits(integers((24, 40), low=-127)), weight(24, seed=1)).result
    check_steps(pair(y, S, 11), {"n": 1}, {"n": 6}, scale=S, share=0.005)


def test_product_with_a_matrix() -> None:
    w = few_bits(integers((40, 24), low=-127), axis=1)
    y = math.MatMul(pair(argument("n", 5, 40), 0.03, -7), w).result
    check_steps(pair(y, S, 11), {"n": 3}, scale=S, share=0.005)


@pytest.mark.parametrize("storage", [DType.I4, DType.I8])
def test_weights_of_few_values_have_eight_bits_in_kernels_of_bytes(storage: DType) -> None:
    w = few_bits(integers((16, 12, 3, 3), storage, -7, 7))
    y = pair(conv(pair(argument(1, 12, 9, 10), 0.03, 4), w), 0.02, 2)
    check_steps(y, scale=0.02, share=0.02)


@pytest.mark.parametrize("form", ["groups", "zero points", "blocks"])
def test_other_weights_are_multiplied_in_floats(form: str) -> None:
    stored = integers((16, 4 if form == "groups" else 16, 1, 1), low=-127)
    w = few_bits(
        stored, axis=1 if form == "blocks" else 0, block=8 if form == "blocks" else None, zeros=form == "zero points"
    )
    y = pair(conv(pair(argument("n", 16, 5, 6), 0.03, 4), w, groups=4 if form == "groups" else 1), 0.05, 2)
    check_steps(y, {"n": 2}, scale=0.05, share=0.01)


Between = Callable[[Value], Value]


@pytest.mark.parametrize("zero", [-5, 100])
@pytest.mark.parametrize("function", [math.Tanh, nn.Sigmoid, nn.HardSwish, nn.Silu, math.Erf, math.Neg])
def test_functions_are_tables(function: Callable[[Value], nn.Sigmoid], zero: int) -> None:
    y = function(pair(argument("n", 12, 6, 8), 0.03, 3)).result
    check_steps(pair(y, 1 / 64, zero), {"n": 1}, {"n": 2}, scale=1 / 64, writes=BORDERS.format("UNARY_OP"))


def test_function_of_what_is_never_negative() -> None:
    """Its zero is -128, which has no place in a table: floats."""
    y = nn.Sigmoid(pair(argument(2, 12, 6, 8), 0.03, -128)).result
    check_steps(pair(y, 1 / 256, -128), scale=1 / 256)


def test_function_behind_a_layer() -> None:
    hidden = pair(conv(pair(argument("n", 8, 6, 7), 0.03, 3), few_bits(integers((12, 8, 3, 3), low=-127))), 0.06, -3)
    y = pair(nn.HardSwish(hidden).result, 0.05, -120)
    last = pair(conv(y, few_bits(integers((5, 12, 1, 1), low=-127))), 0.05, 1)
    written = BORDERS.format("CONVERT_TENSOR CONVOLUTION UNARY_OP CONVOLUTION CONVERT_TENSOR")
    check_steps(last, {"n": 2}, scale=0.05, writes=written)


@pytest.mark.parametrize("activation", [NONE, RELU])
@pytest.mark.parametrize("op", [math.Add, math.Sub, math.Mul])
def test_arithmetic(op: type[math.ActivatedArithmetic], activation: Activation) -> None:
    x, y = pair(argument("n", 12, 6, 8), 0.03, 3), pair(argument("n", 12, 6, 8), 0.04, -9)
    result = pair(op(x, y, activation).result, 0.061, -128 if activation is RELU else 4)
    check_steps(result, {"n": 1}, {"n": 3}, scale=0.061, writes="BINARY_OP BINARY_OP BINARY_OP BINARY_OP")


@pytest.mark.parametrize("shape", [("n", 12, 1, 1), ("n", 1, 6, 8), (1,)], ids=str)
def test_broadcast_arithmetic_is_in_floats(shape: tuple[int | str, ...]) -> None:
    y = pair(argument(*shape), 0.04, -9)
    check_steps(pair(math.Add(pair(argument("n", 12, 6, 8), 0.03, 3), y).result, 0.061, 4), {"n": 2}, scale=0.061)


SHAPE = ("n", 12, 6, 8)
_MOVES: dict[str, Between] = {
    "reshape": lambda x: tensor.Reshape(x, None, (x.type.shape[0], 12 * 48)).result,
    "transpose": lambda x: tensor.Transpose(x, (0, 2, 3, 1)).result,
    "slice": lambda x: tensor.Slice(x, (0, 2, 1, 0), (x.type.shape[0], 7, 4, 8), (1, 1, 1, 1)).result,
    "pad": lambda x: tensor.Pad(x, None, (0, 0, 1, 0), (0, 0, 2, 0)).result,
    "concat": lambda x: tensor.Concat((x, tensor.Transpose(x, (0, 1, 2, 3)).result), 1).result,
    "nearest": lambda x: _resized(x, ResizeMode.NEAREST),
    "max pool": lambda x: nn.MaxPool(x, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1)).result,
    "relu": lambda x: nn.Relu(x).result,
    "largest": lambda x: math.ReduceMax(x, (2, 3), True).result,
}


def _resized(x: Value, mode: ResizeMode) -> Value:
    shape = (*x.type.shape[:2], 12, 16)
    transform = CoordinateTransform.ASYMMETRIC if mode is ResizeMode.NEAREST else CoordinateTransform.HALF_PIXEL
    return nn.Resize(x, shape, (1.0, 1.0, 2.0, 2.0), mode, transform, NearestRounding.FLOOR).result


@pytest.mark.parametrize("zero", [3, -128])
@pytest.mark.parametrize("name", _MOVES)
def test_moves_are_exact(name: str, zero: int) -> None:
    """Also where the runtime's own kernels of bytes are wrong, as for maxima."""
    y = pair(_MOVES[name](pair(argument(*SHAPE), 0.03, zero)), 0.03, zero)
    check_steps(y, {"n": 1}, {"n": 2}, scale=0.03, share=0)


@pytest.mark.parametrize("name", _MOVES)
def test_moves_behind_a_layer_are_exact(name: str) -> None:
    hidden = pair(conv(pair(argument("n", 8, 6, 8), 0.03, 3), few_bits(integers((12, 8, 3, 3), low=-127))), 0.06, -3)
    check_steps(pair(_MOVES[name](hidden), 0.06, -3), {"n": 2}, scale=0.06, share=0.002)


def test_joined_with_a_constant() -> None:
    """The runtime loses the shape of bytes that are joined with a constant, so they are joined as floats."""
    known = quant.Dequantize(constant(integers((1, 12, 8))), constant(np.float32(0.03)), None).result
    x = tensor.Concat((pair(argument(9, 12, 8), 0.03), known), 0).result
    y = tensor.Transpose(tensor.Reshape(x, None, (10, 8, 12)).result, (1, 2, 0)).result
    check_steps(pair(y, 0.03), scale=0.03, share=0)


@pytest.mark.parametrize("axis", [1, 3])
def test_softmax(axis: int) -> None:
    y = nn.Softmax(pair(argument("n", 12, 6, 8), 0.03, 3), axis).result
    check_steps(pair(y, 1 / 256, -128), {"n": 2}, scale=1 / 256, writes=BORDERS.format("SOFTMAX"))


@pytest.mark.parametrize(
    ("between", "scale"),
    [
        (lambda x: nn.AveragePool(x, (2, 2), (2, 2), (0,) * 4, (1, 1)).result, 0.03),
        (lambda x: math.ReduceMean(x, (2, 3), True).result, 0.01),
        (lambda x: math.ReduceMean(x, (2, 3), False).result, 0.01),
        (lambda x: nn.LeakyRelu(x, 0.1).result, 0.02),
        (lambda x: _resized(x, ResizeMode.LINEAR), 0.03),
        (lambda x: math.Clamp(x, -1.0, 2.0).result, 0.02),
    ],
)
def test_others(between: Between, scale: float) -> None:
    y = pair(between(pair(argument(*SHAPE), 0.03, 3)), scale, 3)
    check_steps(y, {"n": 2}, scale=scale, share=0.15)


def test_rounding_is_seen_by_floats() -> None:
    """A pair without anything that computes on bytes still rounds."""
    x = pair(argument("n", 8, 5, 6), 0.3, 3)
    check_op(nn.Conv(x, weight(4, 8, 3, 3), None, (1, 1), (1,) * 4, (1, 1)), {"n": 2})
    check_op(math.Exp(pair(conv(argument("n", 8, 5, 6), weight(4, 8, 3, 3)), 0.3, 3)), {"n": 2})


def test_two_scales_of_one_value() -> None:
    x = conv(pair(argument("n", 8, 6, 7), 0.03, 3), few_bits(integers((12, 8, 3, 3), low=-127)))
    narrow, wide = pair(x, 0.05, 4), pair(x, 0.1, -1)
    check_steps(pair(math.Sub(narrow, wide).result, 0.01, 0), {"n": 2}, scale=0.01, most=10)


@pytest.mark.parametrize("storage", [DType.I16, DType.I4])
def test_what_bytes_cannot_hold_is_rounded_by_arithmetic(storage: DType) -> None:
    x = pair(argument(3, 8, 5, 6), 0.25, 1, storage)
    check_op(nn.Conv(x, few_bits(integers((4, 8, 3, 3), low=-127)), None, (1, 1), (1,) * 4, (1, 1)))


def test_a_scale_for_each_channel_of_data() -> None:
    scale = constant(np.array([0.25, 0.5, 0.125], np.float32))
    stored = quant.Quantize(argument(2, 3, 4, 4), scale, None, 1).result
    check_op(math.Exp(quant.Dequantize(stored, scale, None, 1).result))


@pytest.mark.parametrize("storage", [DType.I8, DType.U8])
def test_integers_as_inputs_and_outputs(storage: DType) -> None:
    """They are the integers that are stored, as i32."""
    zero = storage.lowest + 100
    scale, point = constant(np.array(0.03125, np.float32)), constant(np.array(zero, storage.numpy))
    x = quant.Dequantize(argument("n", 8, 5, 6, dtype=storage), scale, point).result
    y = conv(x, few_bits(integers((4, 8, 3, 3), low=-127)))
    outer = constant(np.array(1 / 128, np.float32))
    check_op(quant.Quantize(y, outer, point, storage=storage), {"n": 1}, {"n": 3}, tolerance="exact")


def test_mean_of_a_channel_is_not_biased() -> None:
    """The runtime's pools of bytes round down."""
    x = pair(argument(4, 32, 7, 7), 0.03, 3)
    check_steps(pair(math.ReduceMean(x, (2, 3), True).result, 0.03, 3), scale=0.03, share=0.01)
