"""Convolutions and pools in LiteRT, held against the interpreter."""

from typing import Any

import pytest

from glmir.dims import Dim
from glmir.ir import Value
from glmir.ops import nn, tensor
from glmir.ops.enums import Activation, Layout
from tests.backends.building import Sizes, argument, per_axis, weight

from .harness import check_op

NHWC = Layout.NHWC
STATIC: tuple[Dim | str, ...] = (1, 11, 12, 4)
DYNAMIC: tuple[Dim | str, ...] = ("n", "h", "w", 4)
SHAPES = pytest.mark.parametrize("shape", [STATIC, DYNAMIC], ids=["static", "dynamic"])


def sizes_of(shape: tuple[Dim | str, ...]) -> tuple[Sizes, ...]:
    """Sizes for the symbols: two sets, odd and even."""
    return () if shape == STATIC else ({"n": 1, "h": 7, "w": 9}, {"n": 3, "h": 12, "w": 6})


def conv(
    x: Value, w: Value, strides: Any = 1, padding: Any = 0, dilations: Any = 1, bias: bool = True, **options: Any
) -> nn.Conv:
    rank = x.type.rank - 2
    offsets = weight(w.type.static_shape[0], seed=3) if bias else None
    options = {"layout": NHWC} | options
    return nn.Conv(
        x, w, offsets, per_axis(strides, rank), per_axis(padding, 2 * rank), per_axis(dilations, rank), **options
    )


def max_pool(
    x: Value, kernel: Any, strides: Any = 1, padding: Any = 0, dilations: Any = 1, ceil_mode: bool = False
) -> nn.MaxPool:
    rank = x.type.rank - 2
    sizes = [per_axis(v, n) for v, n in ((kernel, rank), (strides, rank), (padding, 2 * rank), (dilations, rank))]
    return nn.MaxPool(x, *sizes, ceil_mode, layout=NHWC)


def average_pool(
    x: Value,
    kernel: Any,
    strides: Any = 1,
    padding: Any = 0,
    dilations: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
) -> nn.AveragePool:
    rank = x.type.rank - 2
    sizes = [per_axis(v, n) for v, n in ((kernel, rank), (strides, rank), (padding, 2 * rank), (dilations, rank))]
    return nn.AveragePool(x, *sizes, ceil_mode, count_include_pad, layout=NHWC)


@SHAPES
@pytest.mark.parametrize(
    ("options", "writes"),
    [
        ({"padding": 1}, "CONV_2D"),
        ({}, "CONV_2D"),
        ({"bias": False}, "CONV_2D"),
        ({"strides": 2}, "CONV_2D"),
        ({"strides": 2, "padding": 1}, "PAD CONV_2D"),
        ({"strides": (1, 2)}, "CONV_2D"),
        ({"padding": (2, 0, 1, 3)}, "PAD CONV_2D"),
        ({"dilations": 2, "padding": 2}, "CONV_2D"),
        ({"dilations": (1, 2), "strides": 2}, "CONV_2D"),
        ({"activation": Activation.RELU}, "CONV_2D"),
        ({"activation": Activation.RELU6}, "CONV_2D"),
    ],
    ids=str,
)
def test_conv(shape: tuple[Dim | str, ...], options: dict[str, Any], writes: str) -> None:
    check_op(conv(argument(*shape), weight(6, 4, 3, 3), **options), *sizes_of(shape), writes=writes)


@SHAPES
@pytest.mark.parametrize("kernel", [(4, 1, 3, 3), (8, 1, 3, 3), (8, 1, 2, 3)], ids=str)
@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"dilations": 2}, {"activation": Activation.RELU6}], ids=str)
def test_depthwise_conv(shape: tuple[Dim | str, ...], kernel: tuple[int, ...], options: dict[str, Any]) -> None:
    op = conv(argument(*shape), weight(*kernel), groups=4, **options)
    check_op(op, *sizes_of(shape), writes="DEPTHWISE_CONV_2D")


@SHAPES
@pytest.mark.parametrize("options", [{"padding": 1}, {"strides": 2}, {"dilations": 2}], ids=str)
def test_grouped_conv(shape: tuple[Dim | str, ...], options: dict[str, Any]) -> None:
    check_op(conv(argument(*shape), weight(6, 2, 3, 3), groups=2, **options), *sizes_of(shape), writes="CONV_2D")


@SHAPES
@pytest.mark.parametrize(("kernel", "groups"), [((6, 4, 3, 3), 1), ((6, 2, 3, 3), 2), ((4, 1, 3, 3), 4)], ids=str)
def test_conv_with_computed_weight(shape: tuple[Dim | str, ...], kernel: tuple[int, ...], groups: int) -> None:
    check_op(conv(argument(*shape), argument(*kernel), padding=1, groups=groups), *sizes_of(shape))


def test_tensorflow_same_padding_needs_no_pad() -> None:
    op = conv(argument(1, 12, 12, 4), weight(6, 4, 3, 3), strides=2, padding=(0, 0, 1, 1))
    check_op(op, writes="CONV_2D")


def test_high_padding_that_no_window_reaches_is_dropped() -> None:
    op = conv(argument(1, 12, 12, 4), weight(6, 4, 2, 2), strides=2, padding=(0, 0, 1, 1))
    check_op(op, writes="CONV_2D")


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((1, 9, 4), (6, 4, 3), {"padding": 1}),
        (("n", "w", 4), (6, 4, 3), {"strides": 2, "padding": 1}),
        (("n", "w", 4), (6, 2, 3), {"groups": 2, "dilations": 2}),
        ((2, 9, 4), (8, 1, 3), {"groups": 4, "padding": (2, 0)}),
        ((1, 5, 6, 7, 4), (6, 4, 3, 3, 3), {"padding": 1}),
        ((1, 5, 6, 7, 4), (6, 4, 3, 3, 3), {"padding": (1, 0, 0, 1, 0, 2), "activation": Activation.RELU}),
        ((1, 9, 9, 7, 4), (6, 4, 3, 3, 2), {"dilations": (2, 2, 1), "strides": 2}),
        ((1, 5, 6, 7, 4), (6, 2, 3, 3, 3), {"groups": 2}),
        (("n", 9, "h", "w", 4), (6, 4, 3, 3, 2), {}),
    ],
    ids=str,
)
def test_conv_in_1d_and_3d(shape: tuple[Dim | str, ...], kernel: tuple[int, ...], options: dict[str, Any]) -> None:
    op = conv(argument(*shape), weight(*kernel), **options)
    check_op(op, *(sizes_of(DYNAMIC) if "n" in shape else ()))


def test_conv_between_transposes() -> None:
    x = tensor.Transpose(argument("n", 4, 8, "w"), (0, 2, 3, 1)).result
    y = conv(x, weight(6, 4, 3, 3), padding=1).result
    op = tensor.Transpose(y, (0, 3, 1, 2))
    check_op(op, {"n": 1, "w": 5}, {"n": 2, "w": 8}, writes="TRANSPOSE CONV_2D TRANSPOSE")


@pytest.mark.parametrize("shape", [(1, 4, 9), (2, 4, 7, 9), (1, 4, 5, 6, 7)], ids=str)
def test_conv_with_channels_first(shape: tuple[int, ...]) -> None:
    kernel = (6, 4, *(3,) * (len(shape) - 2))
    check_op(conv(argument(*shape), weight(*kernel), padding=1, layout=Layout.NCHW))


POOLS = pytest.mark.parametrize(
    ("kernel", "strides", "padding", "dilations", "ceil_mode"),
    [
        (2, 2, 0, 1, False),
        (3, 2, 0, 1, True),
        (3, 2, 1, 1, False),
        (3, 2, 1, 1, True),
        (3, 1, 1, 1, False),
        ((3, 2), (1, 2), (0, 1, 1, 0), 1, False),
        (2, 1, 0, 2, False),
        (2, 1, 1, 2, False),
        (2, 2, 1, 2, True),
        ((2, 3), 3, (1, 2, 0, 1), 1, True),
        (1, 2, 0, 1, True),
    ],
)


@SHAPES
@POOLS
def test_max_pool(
    shape: tuple[Dim | str, ...], kernel: Any, strides: Any, padding: Any, dilations: Any, ceil_mode: bool
) -> None:
    op = max_pool(argument(*shape), kernel, strides, padding, dilations, ceil_mode)
    check_op(op, *sizes_of(shape), tolerance="exact")


@SHAPES
@POOLS
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_average_pool(
    shape: tuple[Dim | str, ...],
    kernel: Any,
    strides: Any,
    padding: Any,
    dilations: Any,
    ceil_mode: bool,
    count_include_pad: bool,
) -> None:
    op = average_pool(argument(*shape), kernel, strides, padding, dilations, ceil_mode, count_include_pad)
    check_op(op, *sizes_of(shape), tolerance="f32")


@pytest.mark.parametrize("pool", [max_pool, average_pool])
@pytest.mark.parametrize(
    ("shape", "kernel", "padding"),
    [
        ((1, 11, 3), 3, 1),
        (("n", "w", 3), 3, 1),
        ((1, 6, 7, 5, 3), 3, 1),
        (("n", 6, "h", "w", 3), (3, 2, 2), 0),
        (("n", 6, "h", "w", 3), 3, 1),
    ],
    ids=str,
)
def test_pool_in_1d_and_3d(pool: Any, shape: tuple[Dim | str, ...], kernel: Any, padding: int) -> None:
    op = pool(argument(*shape), kernel, 2, padding)
    check_op(op, *(sizes_of(DYNAMIC) if "n" in shape else ()), tolerance="f32")


@pytest.mark.parametrize(
    ("op", "writes"),
    [
        (max_pool(argument(1, 12, 12, 4), 3, 2, (0, 0, 1, 1)), "MAX_POOL_2D"),
        (max_pool(argument(1, 112, 112, 4), 3, 2, 0, ceil_mode=True), "MAX_POOL_2D"),
        (max_pool(argument(1, 12, 12, 4), 3, 2, 1), "PADV2 MAX_POOL_2D"),
        (max_pool(nn.Relu(argument(1, 12, 12, 4)).result, 3, 2, 1), "RELU PAD MAX_POOL_2D"),
        (average_pool(argument(1, 7, 7, 4), 7), "AVERAGE_POOL_2D"),
        (average_pool(argument(1, 12, 12, 4), 3, 1, 1), "AVERAGE_POOL_2D"),
        (average_pool(argument(1, 12, 12, 4), 3, 1, 1, count_include_pad=True), "PAD AVERAGE_POOL_2D"),
        (average_pool(argument(1, 12, 12, 4), 3, 2, 1), "PAD AVERAGE_POOL_2D MUL"),
    ],
)
def test_pools_are_lean(op: nn.Pool, writes: str) -> None:
    check_op(op, tolerance="f32", writes=writes)
