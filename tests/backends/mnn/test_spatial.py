"""Convolutions, pools and fully connected layers in MNN, held against the interpreter."""

from typing import Any

import numpy as np
import pytest

from glmir.dims import Dim
from glmir.ir import Value
from glmir.ops import math, nn
from glmir.ops.enums import Activation, ResizeMode, SamplePadding
from tests.backends.building import Sizes, argument, constant, per_axis, weight

from .harness import check_op

STATIC: tuple[Dim | str, ...] = (1, 4, 11, 12)
DYNAMIC: tuple[Dim | str, ...] = ("n", 4, "h", "w")
SHAPES = pytest.mark.parametrize("shape", [STATIC, DYNAMIC], ids=["static", "dynamic"])


def sizes_of(shape: tuple[Dim | str, ...]) -> tuple[Sizes, ...]:
    """Sizes for the symbols: two sets, odd and even."""
    return () if shape == STATIC else ({"n": 1, "h": 7, "w": 9}, {"n": 3, "h": 12, "w": 6})


def conv(
    x: Value, w: Value, strides: Any = 1, padding: Any = 0, dilations: Any = 1, bias: bool = True, **options: Any
) -> nn.Conv:
    rank = x.type.rank - 2
    offsets = weight(w.type.static_shape[0], seed=3) if bias else None
    return nn.Conv(
        x, w, offsets, per_axis(strides, rank), per_axis(padding, 2 * rank), per_axis(dilations, rank), **options
    )


def conv_transpose(
    x: Value, w: Value, strides: Any = 1, padding: Any = 0, dilations: Any = 1, output_padding: Any = 0, **options: Any
) -> nn.ConvTranspose:
    rank = x.type.rank - 2
    groups = options.get("groups", 1)
    offsets = weight(w.type.static_shape[1] * groups, seed=3)
    sizes = (per_axis(strides, rank), per_axis(padding, 2 * rank), per_axis(dilations, rank))
    return nn.ConvTranspose(x, w, offsets, *sizes, per_axis(output_padding, rank), **options)


def max_pool(
    x: Value, kernel: Any, strides: Any = 1, padding: Any = 0, dilations: Any = 1, **options: Any
) -> nn.MaxPool:
    rank = x.type.rank - 2
    sizes = (per_axis(kernel, rank), per_axis(strides, rank), per_axis(padding, 2 * rank), per_axis(dilations, rank))
    return nn.MaxPool(x, *sizes, **options)


def average_pool(
    x: Value, kernel: Any, strides: Any = 1, padding: Any = 0, dilations: Any = 1, **options: Any
) -> nn.AveragePool:
    rank = x.type.rank - 2
    sizes = (per_axis(kernel, rank), per_axis(strides, rank), per_axis(padding, 2 * rank), per_axis(dilations, rank))
    return nn.AveragePool(x, *sizes, **options)


@SHAPES
@pytest.mark.parametrize("padding", SamplePadding, ids=lambda p: p.value)
@pytest.mark.parametrize("align_corners", (False, True))
def test_grid_sample(shape: tuple[Dim | str, ...], padding: SamplePadding, align_corners: bool) -> None:
    x, grid = argument(*shape), argument(shape[0], 5, 7, 2)
    # Of -1 ... 1 nothing is far outside.
    op = nn.GridSample(x, grid, ResizeMode.LINEAR, padding, align_corners)
    writes = {"zeros": "CONVERT_TENSOR GRID_SAMPLE CONVERT_TENSOR"}.get(padding.value)
    check_op(op, *sizes_of(shape), writes=writes)


def test_grid_sample_far_outside() -> None:
    grid = weight(1, 3, 4, 2)
    far = math.Mul(argument(1, 3, 4, 2), constant(np.float32(1e12))).result
    for positions in (grid, far):
        check_op(nn.GridSample(argument(*STATIC), positions, ResizeMode.LINEAR, SamplePadding.BORDER))


def test_nearest_of_grid() -> None:
    # The kernel rounds halves up.
    halves = constant(np.array([[[[-0.5, 0], [0.5, 0]]]], np.float32))
    op = nn.GridSample(argument(1, 2, 3, 3), halves, ResizeMode.NEAREST, SamplePadding.ZEROS, align_corners=True)
    check_op(op, tolerance="exact")


_PACKED = "CONVERT_TENSOR {} CONVERT_TENSOR"


@SHAPES
@pytest.mark.parametrize(
    "options",
    [
        {"padding": 1},
        {},
        {"bias": False},
        {"strides": 2},
        {"strides": 2, "padding": 1},
        {"strides": (1, 2)},
        {"padding": (2, 0, 1, 3)},
        {"dilations": 2, "padding": 2},
        {"dilations": (1, 2), "strides": 2},
        {"activation": Activation.RELU},
        {"activation": Activation.RELU6},
    ],
    ids=str,
)
def test_conv(shape: tuple[Dim | str, ...], options: dict[str, Any]) -> None:
    op = conv(argument(*shape), weight(6, 4, 3, 3), **options)
    check_op(op, *sizes_of(shape), writes=_PACKED.format("CONVOLUTION"))


@SHAPES
@pytest.mark.parametrize(
    "options", [{"padding": 1}, {"strides": 2}, {"dilations": 2, "activation": Activation.RELU}], ids=str
)
def test_depthwise_conv(shape: tuple[Dim | str, ...], options: dict[str, Any]) -> None:
    op = conv(argument(*shape), weight(4, 1, 3, 3), groups=4, **options)
    check_op(op, *sizes_of(shape), writes=_PACKED.format("CONVOLUTION_DEPTHWISE"))


@SHAPES
@pytest.mark.parametrize(("outputs", "groups"), [(8, 2), (6, 2)])
def test_grouped_conv(shape: tuple[Dim | str, ...], outputs: int, groups: int) -> None:
    op = conv(argument(*shape), weight(outputs, 4 // groups, 3, 3), groups=groups, padding=1)
    check_op(op, *sizes_of(shape), writes=_PACKED.format("CONVOLUTION"))


@SHAPES
@pytest.mark.parametrize("bias", [True, False])
def test_conv_of_several_results_of_each_channel(shape: tuple[Dim | str, ...], bias: bool) -> None:
    """Two depthwise convolutions, where the runtime would compute four groups one by one."""
    op = conv(argument(*shape), weight(8, 1, 3, 3), groups=4, padding=1, bias=bias, activation=Activation.RELU)
    two = "CONVOLUTION_DEPTHWISE CONVOLUTION_DEPTHWISE"
    check_op(op, *sizes_of(shape), writes=f"CONVERT_TENSOR {two} CONCAT CONVERT_TENSOR GATHER_V2")


def test_conv_of_more_results_than_channels() -> None:
    """Three groups are fewer than twelve depthwise convolutions."""
    op = conv(argument(1, 3, 8, 8), weight(36, 1, 3, 3), groups=3, padding=1)
    check_op(op, writes=_PACKED.format("CONVOLUTION"))


@pytest.mark.parametrize("options", [{"padding": 1}, {"strides": 2}, {"dilations": 2, "padding": (0, 3)}], ids=str)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_conv_1d(options: dict[str, Any], groups: int) -> None:
    op = conv(argument("n", 4, "t"), weight(8, 4 // groups, 3), groups=groups, **options)
    check_op(op, {"n": 1, "t": 9}, {"n": 3, "t": 12})


def test_depthwise_conv_1d() -> None:
    op = conv(argument("n", 4, "t"), weight(4, 1, 3), groups=4, padding=1)
    check_op(op, {"n": 1, "t": 9}, {"n": 3, "t": 12}, writes=_PACKED.format("CONVOLUTION_DEPTHWISE"))


@pytest.mark.parametrize("options", [{"padding": 1}, {"strides": 2}, {"groups": 2}], ids=str)
def test_conv_3d(options: dict[str, Any]) -> None:
    op = conv(argument("n", 4, 5, "h", 7), weight(6, 4 // options.get("groups", 1), 3, 3, 3), **options)
    check_op(op, {"n": 1, "h": 6}, {"n": 2, "h": 5})


def test_conv_of_computed_weight() -> None:
    check_op(conv(argument("n", 4, 7, 8), argument(6, 4, 3, 3), padding=1), {"n": 2})


@SHAPES
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": 2},
        {"strides": 2, "padding": 1},
        {"strides": 2, "padding": 1, "output_padding": 1},
        {"strides": (2, 1), "padding": (0, 1, 1, 0), "output_padding": (1, 0)},
        {"strides": 3},
        {"dilations": 2},
        {"strides": 2, "activation": Activation.RELU6},
    ],
    ids=str,
)
def test_conv_transpose(shape: tuple[Dim | str, ...], options: dict[str, Any]) -> None:
    op = conv_transpose(argument(*shape), weight(4, 6, 3, 3), **options)
    check_op(op, *sizes_of(shape), writes=_PACKED.format("DECONVOLUTION"))


@SHAPES
@pytest.mark.parametrize("options", [{"strides": 2}, {"strides": 2, "padding": 1, "output_padding": 1}], ids=str)
def test_depthwise_conv_transpose(shape: tuple[Dim | str, ...], options: dict[str, Any]) -> None:
    op = conv_transpose(argument(*shape), weight(4, 1, 3, 3), groups=4, **options)
    check_op(op, *sizes_of(shape), writes=_PACKED.format("DECONVOLUTION_DEPTHWISE"))


def test_grouped_conv_transpose() -> None:
    check_op(conv_transpose(argument("n", 4, 5, "w"), weight(4, 3, 3, 3), strides=2, groups=2), {"n": 2, "w": 6})


def test_conv_transpose_1d() -> None:
    op = conv_transpose(argument("n", 4, "t"), weight(4, 6, 4), strides=2, padding=1)
    check_op(op, {"n": 1, "t": 7}, {"n": 2, "t": 5}, writes=_PACKED.format("DECONVOLUTION"))


def test_conv_transpose_3d() -> None:
    check_op(conv_transpose(argument("n", 4, 3, "h", 5), weight(4, 2, 3, 3, 3), strides=2), {"n": 2, "h": 4})


POOLS = [
    {"kernel": 2, "strides": 2},
    {"kernel": 3, "strides": 2, "padding": 1},
    {"kernel": 3, "padding": 1},
    {"kernel": (2, 3), "strides": (2, 1), "padding": (0, 1, 1, 0)},
    {"kernel": 3, "strides": 2, "ceil_mode": True},
    {"kernel": 3, "strides": 2, "padding": 1, "ceil_mode": True},
    {"kernel": 2, "dilations": 2},
]


@SHAPES
@pytest.mark.parametrize("options", POOLS, ids=str)
def test_max_pool(shape: tuple[Dim | str, ...], options: dict[str, Any]) -> None:
    check_op(max_pool(argument(*shape), **options), *sizes_of(shape), tolerance="exact")


@SHAPES
@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("options", POOLS, ids=str)
def test_average_pool(shape: tuple[Dim | str, ...], options: dict[str, Any], count_include_pad: bool) -> None:
    op = average_pool(argument(*shape), count_include_pad=count_include_pad, **options)
    check_op(op, *sizes_of(shape))


def test_pools_1d() -> None:
    check_op(max_pool(argument("n", 4, "t"), 3, 2, 1), {"n": 2, "t": 9}, {"n": 1, "t": 8}, tolerance="exact")
    check_op(average_pool(argument("n", 4, "t"), 3, 2, 1), {"n": 2, "t": 9}, {"n": 1, "t": 8})


def test_pools_3d() -> None:
    check_op(max_pool(argument("n", 4, 5, 6, "w"), 2, 2), {"n": 2, "w": 8}, tolerance="exact")
    check_op(average_pool(argument("n", 4, 5, 6, "w"), 2, 2), {"n": 2, "w": 8})


@pytest.mark.parametrize("keep_dims", [False, True])
def test_global_pool(keep_dims: bool) -> None:
    sizes = {"n": 2, "h": 5, "w": 6}
    check_op(math.ReduceMean(argument("n", 6, "h", "w"), (2, 3), keep_dims), sizes)
    check_op(math.ReduceMax(argument("n", 6, "h", "w"), (2, 3), keep_dims), sizes, tolerance="exact")


@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("shape", [("n", 5), (7, 5), ("n", "t", 5), (2, 3, "t", 5), (5,)], ids=str)
def test_linear(shape: tuple[Dim | str, ...], activation: Activation) -> None:
    op = nn.Linear(argument(*shape), weight(3, 5), weight(3, seed=1), activation)
    check_op(op, {"n": 2, "t": 4}, {"n": 1, "t": 6})


def test_linear_of_computed_weight() -> None:
    check_op(nn.Linear(argument("n", 4, 5), argument(3, 5), argument(3)), {"n": 2})
    check_op(nn.Linear(argument("n", 5), argument(3, 5), None), {"n": 2})
