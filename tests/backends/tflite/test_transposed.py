"""Transposed convolutions in LiteRT, held against the interpreter."""

from typing import Any

import pytest

from glmir.dims import Dim
from glmir.ir import Value
from glmir.ops import nn
from glmir.ops.enums import Activation, Layout
from tests.backends.building import Sizes, argument, per_axis, weight

from .harness import check_op

SHAPES: list[tuple[Dim | str, ...]] = [(1, 5, 6, 4), ("n", 5, 6, 4), ("n", "h", "w", 4)]
SIZES: tuple[Sizes, ...] = ({"n": 1, "h": 7, "w": 9}, {"n": 3, "h": 12, "w": 6})


def conv_transpose(
    x: Value,
    w: Value,
    strides: Any = 1,
    padding: Any = 0,
    dilations: Any = 1,
    output_padding: Any = 0,
    groups: int = 1,
    bias: bool = True,
    **options: Any,
) -> nn.ConvTranspose:
    rank = x.type.rank - 2
    options = {"layout": Layout.NHWC} | options
    return nn.ConvTranspose(
        x,
        w,
        weight(w.type.static_shape[1] * groups, seed=3) if bias else None,
        per_axis(strides, rank),
        per_axis(padding, 2 * rank),
        per_axis(dilations, rank),
        per_axis(output_padding, rank),
        groups,
        **options,
    )


def check(shape: tuple[Dim | str, ...], kernel: tuple[int, ...], writes: str | None = None, **options: Any) -> None:
    op = conv_transpose(argument(*shape), weight(*kernel), **options)
    check_op(op, *(SIZES if "n" in shape else ()), writes=writes)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("kernel", "strides", "padding", "dilations", "output_padding"),
    [
        (2, 2, 0, 1, 0),
        (3, 2, 0, 1, 0),
        (3, 2, 1, 1, 1),
        (3, 2, 1, 1, 0),
        (4, 2, 1, 1, 0),
        (3, 1, 1, 1, 0),
        (3, 1, 0, 1, 0),
        (2, 3, 0, 1, 0),
        (2, 3, 0, 1, 1),
        (3, 2, 0, 1, 1),
        (3, 2, 0, 1, 2),
        (5, 2, 2, 1, 1),
        (6, 4, 1, 1, 0),
        (16, 8, 4, 1, 0),
        (3, 2, 0, 2, 0),
        (3, 2, (1, 0, 0, 1), 1, 0),
        (3, (2, 1), (0, 1, 1, 1), 1, 0),
        (3, 1, 2, 1, 0),
        (3, 2, (0, 0, 1, 1), 1, 0),
        (3, 2, (0, 0, 1, 1), 1, 1),
        ((3, 2), (2, 3), (0, 1, 1, 0), (2, 1), (1, 2)),
    ],
)
def test_conv_transpose(
    shape: tuple[Dim | str, ...], kernel: Any, strides: Any, padding: Any, dilations: Any, output_padding: Any
) -> None:
    check(
        shape,
        (4, 5, *per_axis(kernel, 2)),
        strides=strides,
        padding=padding,
        dilations=dilations,
        output_padding=output_padding,
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("kernel", "options"),
    [
        ((4, 5, 3, 3), {"activation": Activation.RELU}),
        ((4, 5, 3, 3), {"activation": Activation.RELU6, "padding": 1}),
        ((4, 5, 3, 3), {"bias": False}),
        ((4, 3, 3, 3), {"groups": 2}),
        ((4, 1, 3, 3), {"groups": 4, "padding": 1}),
        ((4, 2, 4, 3), {"groups": 4, "padding": (0, 1, 1, 0)}),
        ((4, 2, 1, 1), {"groups": 4}),
        ((4, 1, 3, 3), {"groups": 4, "dilations": 2, "output_padding": 1}),
    ],
    ids=str,
)
def test_options(shape: tuple[Dim | str, ...], kernel: tuple[int, ...], options: dict[str, Any]) -> None:
    check(shape, kernel, strides=2, **options)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dilations", [1, 2])
def test_computed_weight(shape: tuple[Dim | str, ...], dilations: int) -> None:
    op = conv_transpose(argument(*shape), argument(4, 5, 3, 3), strides=2, padding=1, dilations=dilations)
    check_op(op, *(SIZES if "n" in shape else ()))


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((1, 5, 4), (4, 3, 3), {"padding": 1, "output_padding": 1}),
        (("n", "w", 4), (4, 3, 4), {"padding": 1}),
        ((1, 3, 4, 5, 4), (4, 3, 3, 3, 3), {"padding": 1, "output_padding": 1}),
        (("n", 3, "h", 5, 4), (4, 3, 3, 2, 3), {"padding": 1, "output_padding": 1, "groups": 2}),
    ],
    ids=str,
)
def test_1d_and_3d(shape: tuple[Dim | str, ...], kernel: tuple[int, ...], options: dict[str, Any]) -> None:
    check(shape, kernel, strides=2, **options)


@pytest.mark.parametrize(
    ("kernel", "options", "writes"),
    [
        (2, {"strides": 2}, "TRANSPOSE_CONV"),
        (4, {"strides": 2, "padding": 1}, "TRANSPOSE_CONV"),
        (3, {"strides": 2, "padding": (0, 0, 1, 1), "output_padding": 1}, "TRANSPOSE_CONV"),
        (3, {"strides": 2, "padding": 1, "output_padding": 1}, "TRANSPOSE_CONV SLICE"),
        (3, {"strides": 2, "dilations": 2}, "TRANSPOSE_CONV"),
    ],
    ids=str,
)
def test_lean(kernel: int, options: dict[str, Any], writes: str) -> None:
    check((1, 5, 6, 4), (4, 5, kernel, kernel), writes, **options)


def test_channels_first() -> None:
    check_op(conv_transpose(argument(1, 4, 5, 6), weight(4, 5, 3, 3), strides=2, padding=1, layout=Layout.NCHW))
