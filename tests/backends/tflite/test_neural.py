"""Fully connected layers, products, softmax and channel rearrangement in LiteRT, held against the interpreter."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.dims import Dim
from glmir.ir import Op, Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation, ChannelOrder, Layout
from tests.backends.building import Sizes, argument, constant, weight

from .harness import check_op

SIZES: tuple[Sizes, ...] = ({"n": 1, "m": 3}, {"n": 4, "m": 5})
Shape = tuple[Dim | str, ...]
NHWC, NCHW = Layout.NHWC, Layout.NCHW


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5), (2, 3, 4, 5), ("n", 5), ("n", "m", 5)], ids=str)
@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("has_bias", [False, True])
def test_linear(shape: Shape, activation: Activation, has_bias: bool) -> None:
    op = nn.Linear(argument(*shape), weight(7, 5), weight(7, seed=2) if has_bias else None, activation)
    check_op(op, *SIZES, writes="FULLY_CONNECTED")


@pytest.mark.parametrize("shape", [(5,), (3, 5), ("n", "m", 5)], ids=str)
@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("make_bias", [None, weight, argument])
def test_linear_of_computed_weight(
    shape: Shape, activation: Activation, make_bias: Callable[[int], Value] | None
) -> None:
    bias = None if make_bias is None else make_bias(7)
    check_op(nn.Linear(argument(*shape), argument(7, 5), bias, activation), *SIZES)


def test_linear_of_computed_bias() -> None:
    check_op(nn.Linear(argument("n", "m", 5), weight(7, 5), argument(7)), *SIZES, writes="FULLY_CONNECTED")


def matrix(make: Callable[..., Value], shape: Shape, is_transposed: bool) -> Value:
    """An argument or a weight, its last two dims swapped if need be."""
    return make(*shape[:-2], shape[-1], shape[-2]) if is_transposed else make(*shape)


@pytest.mark.parametrize("transpose_x", [False, True])
@pytest.mark.parametrize("transpose_y", [False, True])
@pytest.mark.parametrize(
    ("x", "y", "constant_side"),
    [
        ((3, 5), (5, 4), ""),
        ((2, 3, 5), (2, 5, 4), ""),
        ((2, 2, 3, 5), (2, 2, 5, 4), ""),
        ((2, 1, 2, 3, 5), (2, 1, 2, 5, 4), ""),
        ((2, 1, 2, 2, 3, 5), (2, 1, 2, 2, 5, 4), ""),
        ((2, 3, 5), (5, 4), "y"),
        ((2, 3, 5), (2, 5, 4), "y"),
        ((3, 5), (2, 5, 4), "x"),
        ((1, 3, 5), (2, 5, 4), "x"),
        ((2, 3, 5), (5, 4), ""),
        ((3, 5), (2, 2, 5, 4), ""),
        ((2, 1, 3, 5), (3, 5, 4), ""),
        ((2, 1, 1, 3, 5), (2, 3, 5, 4), ""),
        (("n", "m", 5), ("n", 5, 4), ""),
        (("n", 2, "m", 5), ("n", 2, 5, "m"), ""),
        (("n", 2, "m", 5), (5, "m"), ""),
        (("n", 2, "m", 5), (1, 2, 5, 3), "y"),
    ],
    ids=str,
)
def test_mat_mul(x: Shape, y: Shape, constant_side: str, transpose_x: bool, transpose_y: bool) -> None:
    left = matrix(weight if constant_side == "x" else argument, x, transpose_x)
    right = matrix(weight if constant_side == "y" else argument, y, transpose_y)
    check_op(math.MatMul(left, right, transpose_x, transpose_y), *SIZES)


@pytest.mark.parametrize("transpose_y", [False, True])
def test_product_with_a_constant_matrix_is_a_layer(transpose_y: bool) -> None:
    y = matrix(weight, (5, 4), transpose_y)
    check_op(math.MatMul(argument("n", 3, 5), y, transpose_y=transpose_y), *SIZES, writes="FULLY_CONNECTED")


@pytest.mark.parametrize("op_class", [nn.Softmax, nn.LogSoftmax])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((5,), 0),
        ((2, 5), 1),
        ((2, 5), 0),
        ((2, 3, 4, 5), 3),
        ((2, 3, 4, 5), 1),
        ((2, 2, 3, 4, 5), 4),
        ((2, 2, 3, 4, 5), 0),
        (("n", 3, "m"), 2),
        (("n", 3, "m"), 1),
    ],
    ids=str,
)
def test_softmax(op_class: type[nn.Softmax], shape: Shape, axis: int) -> None:
    check_op(op_class(argument(*shape), axis), *SIZES, tolerance="f32")


@pytest.mark.parametrize(
    ("op", "writes"),
    [
        (tensor.DepthToSpace(argument(1, 3, 4, 8), 2, ChannelOrder.DCR, NHWC), "DEPTH_TO_SPACE"),
        (tensor.DepthToSpace(argument(1, 3, 4, 8), 2, ChannelOrder.CRD, NHWC), None),
        (tensor.DepthToSpace(argument("n", "m", 4, 18), 3, ChannelOrder.CRD, NHWC), None),
        (tensor.DepthToSpace(argument(1, 8, 3, 4), 2, ChannelOrder.CRD, NCHW), None),
        (tensor.SpaceToDepth(argument(1, 4, 6, 3), 2, NHWC), "SPACE_TO_DEPTH"),
        (tensor.SpaceToDepth(argument("n", 3, 4, 6), 2, NCHW), "TRANSPOSE SPACE_TO_DEPTH TRANSPOSE"),
    ],
)
def test_channels_to_space(op: Op, writes: str | None) -> None:
    check_op(op, *SIZES, tolerance="exact", writes=writes)


def test_pixel_shuffle_of_a_convolution_is_free() -> None:
    x = argument("n", "m", 4, 5)
    conv = nn.Conv(x, weight(18, 5, 1, 1), weight(18, seed=2), (1, 1), (0,) * 4, (1, 1), layout=NHWC)
    op = tensor.DepthToSpace(conv.result, 3, ChannelOrder.CRD, NHWC)
    check_op(op, *SIZES, writes="CONV_2D DEPTH_TO_SPACE")


def positive(count: int) -> Value:
    return constant((np.random.default_rng(9).random(count) + 0.5).astype(np.float32))


@pytest.mark.parametrize(
    ("shape", "axis"), [((1, 6, 4, 5), 1), (("n", 4, "m", 6), 3), ((3, 6), 1), (("n", 6, "m"), 1)], ids=str
)
def test_batch_norm(shape: Shape, axis: int) -> None:
    parameters = (weight(6), weight(6, seed=1), weight(6, seed=2), positive(6))
    check_op(nn.BatchNorm(argument(*shape), *parameters, 1e-5, axis), *SIZES, writes="MUL ADD")


@pytest.mark.parametrize(
    ("shape", "layout"),
    [(("n", "m", 4, 6), NHWC), (("n", 6, "m", 5), NCHW), ((2, 5, 6), NHWC), ((2, 6, 3, 4, 5), NCHW)],
    ids=str,
)
def test_channel_normalization(shape: Shape, layout: Layout) -> None:
    check_op(nn.InstanceNorm(argument(*shape), weight(6), weight(6, seed=2), 1e-5, layout), *SIZES)
    check_op(nn.GroupNorm(argument(*shape), weight(6), weight(6, seed=2), 2, 1e-5, layout), *SIZES)


@pytest.mark.parametrize("axis", [1, 2])
def test_layer_normalization(axis: int) -> None:
    check_op(nn.LayerNorm(argument("n", 3, 8), weight(8), weight(8, seed=2), axis, 1e-5), *SIZES)
    check_op(nn.LayerNorm(argument("n", "m", 8), None, weight(8), axis, 1e-5), *SIZES)
    check_op(nn.RmsNorm(argument("n", 3, 8), weight(8), axis, 1e-5), *SIZES)
    check_op(nn.RmsNorm(argument("n", "m", 8), None, axis, 1e-5), *SIZES)


@pytest.mark.parametrize(
    ("shape", "layout"), [((1, 4, 6, 8), NHWC), ((1, 8, 4, 6), NCHW), ((2, 6, 8), NHWC), ((1, 8, 6), NCHW)], ids=str
)
@pytest.mark.parametrize("size", [1, 3, 4])
def test_local_response_norm(shape: Shape, layout: Layout, size: int) -> None:
    check_op(nn.LocalResponseNorm(argument(*shape), size, 0.1, 0.75, 1.0, layout), tolerance="f32")
