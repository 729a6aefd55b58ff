"""Convolutions and pools: what is written, run, and held against the interpreter."""

from collections.abc import Callable

import pytest

from glmir.dims import Dim, parse_dim
from glmir.ir import Op, Value
from glmir.ops import nn
from glmir.ops.enums import Activation, Layout
from glmir.types import DType
from tests.backends.building import argument, weight

from .harness import check_op

F16, F32, I32 = DType.F16, DType.F32, DType.I32
H: Dim = parse_dim("h")
TOLERANCES = {F32: "f32-sums", F16: "f16"}

Numbers = int | tuple[Dim, ...]


def each(numbers: Numbers, count: int) -> tuple[Dim, ...]:
    return numbers if isinstance(numbers, tuple) else (numbers,) * count


def integers(numbers: Numbers, count: int) -> tuple[int, ...]:
    return tuple(d for d in each(numbers, count) if isinstance(d, int))


def conv(
    x: Value,
    w: Value,
    bias: Value | None = None,
    *,
    strides: Numbers = 1,
    padding: Numbers = 1,
    dilations: Numbers = 1,
    groups: int = 1,
    activation: Activation = Activation.NONE,
    layout: Layout = Layout.NCHW,
) -> nn.Conv:
    rank = x.type.rank - 2
    window = integers(strides, rank), each(padding, 2 * rank), integers(dilations, rank)
    return nn.Conv(x, w, bias, *window, groups, activation, layout)


def conv_transpose(
    x: Value,
    w: Value,
    bias: Value | None = None,
    *,
    padding: Numbers = 1,
    dilations: Numbers = 1,
    output_padding: Numbers = 0,
    groups: int = 1,
    activation: Activation = Activation.NONE,
    layout: Layout = Layout.NCHW,
) -> nn.ConvTranspose:
    rank = x.type.rank - 2
    window = (2,) * rank, each(padding, 2 * rank), integers(dilations, rank), integers(output_padding, rank)
    return nn.ConvTranspose(x, w, bias, *window, groups, activation, layout)


def pool(
    kind: type[nn.MaxPool] | type[nn.AveragePool],
    x: Value,
    *,
    strides: Numbers = 2,
    padding: Numbers = 1,
    dilations: Numbers = 1,
    ceil: bool = False,
    layout: Layout = Layout.NCHW,
) -> nn.MaxPool | nn.AveragePool:
    rank = x.type.rank - 2
    window = (3,) * rank, integers(strides, rank), each(padding, 2 * rank), integers(dilations, rank), ceil
    return kind(x, *window, layout=layout)


def argument_of(dtype: DType, *dims: Dim | str) -> Value:
    return argument(*dims, dtype=dtype)


def weight_of(dtype: DType, *shape: int) -> Value:
    return weight(*shape, dtype=dtype)


CONVS: dict[str, tuple[Callable[[DType], Op], str | None]] = {
    "2d": (lambda d: conv(argument_of(d, "n", 4, "h", 7), weight_of(d, 6, 4, 3, 3), weight_of(d, 6)), "conv"),
    "1d": (
        lambda d: conv(
            argument_of(d, "n", 4, "h"), weight_of(d, 6, 4, 3), weight_of(d, 6), strides=2, padding=(2, 1), dilations=2
        ),
        "conv",
    ),
    "3d": (lambda d: conv(argument_of(d, 1, 2, 5, "h", 7), weight_of(d, 4, 2, 3, 3, 3)), "conv"),
    "grouped": (
        lambda d: conv(argument_of(d, "n", 4, "h", 7), weight_of(d, 6, 2, 3, 3), strides=2, groups=2),
        "conv",
    ),
    "depthwise": (
        lambda d: conv(
            argument_of(d, 2, 4, "h", 7), weight_of(d, 8, 1, 3, 3), weight_of(d, 8), padding=0, groups=4,
            activation=Activation.RELU6,
        ),
        "conv relu6",
    ),
    "channels last": (
        lambda d: conv(
            argument_of(d, 2, "h", 7, 4), weight_of(d, 6, 4, 3, 3), padding=(0, 1, 2, 0), activation=Activation.RELU,
            layout=Layout.NHWC,
        ),
        "transpose conv relu transpose",
    ),
    "symbolic padding": (
        lambda d: conv(argument_of(d, 2, 4, "h", 7), weight_of(d, 6, 4, 3, 3), padding=(H - H // 2, 1, 0, 1)),
        None,
    ),
    "computed weight": (
        lambda d: conv(argument_of(d, 2, 4, "h", 7), argument_of(d, 6, 4, 3, 3), argument_of(d, 6)),
        None,
    ),
    "computed grouped weight with gaps": (
        lambda d: conv(argument_of(d, 2, 4, "h", 7), argument_of(d, 6, 2, 3, 3), dilations=2, groups=2),
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", (F32, F16), ids=lambda d: d.value)
@pytest.mark.parametrize("name", CONVS)
def test_conv(name: str, dtype: DType) -> None:
    build, operations = CONVS[name]
    check_op(build(dtype), {"n": 2, "h": 6}, {"n": 1, "h": 9}, tolerance=TOLERANCES[dtype], writes=operations)


TRANSPOSED: dict[str, tuple[Callable[[DType], Op], str]] = {
    "2d": (
        lambda d: conv_transpose(argument_of(d, 1, 4, "h", 6), weight_of(d, 4, 3, 3, 3), weight_of(d, 3)),
        "conv_transpose",
    ),
    "output padding": (
        lambda d: conv_transpose(
            argument_of(d, 1, 4, "h", 6), weight_of(d, 4, 3, 3, 3), weight_of(d, 3), output_padding=1
        ),
        "conv_transpose",
    ),
    "output padding beyond the padding": (
        lambda d: conv_transpose(
            argument_of(d, 1, 4, "h", 6), weight_of(d, 4, 3, 3, 3), weight_of(d, 3), padding=0, output_padding=1
        ),
        "conv_transpose pad add",
    ),
    "groups and gaps": (
        lambda d: conv_transpose(
            argument_of(d, 1, 4, "h", 6), weight_of(d, 4, 3, 3, 3), padding=(0, 1, 2, 1), dilations=2, groups=2
        ),
        "conv_transpose",
    ),
    "1d": (lambda d: conv_transpose(argument_of(d, 1, 4, "h"), weight_of(d, 4, 3, 4)), "conv_transpose"),
    "3d": (
        lambda d: conv_transpose(argument_of(d, 1, 4, 3, "h", 3), weight_of(d, 4, 2, 3, 3, 3), output_padding=1),
        "conv_transpose",
    ),
    "channels last": (
        lambda d: conv_transpose(
            argument_of(d, 1, "h", 6, 4), weight_of(d, 4, 3, 3, 3), activation=Activation.RELU, layout=Layout.NHWC
        ),
        "transpose conv_transpose relu transpose",
    ),
}


@pytest.mark.parametrize("dtype", (F32, F16), ids=lambda d: d.value)
@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv_transpose(name: str, dtype: DType) -> None:
    build, operations = TRANSPOSED[name]
    check_op(build(dtype), {"h": 5}, {"h": 2}, tolerance=TOLERANCES[dtype], writes=operations)


def test_conv_transpose_of_a_computed_weight() -> None:
    transposed = conv_transpose(argument(1, 4, 5, 6), argument(4, 3, 3, 3))
    check_op(transposed, version=17, writes="conv_transpose")


POOLS: dict[str, tuple[Callable[[type[nn.MaxPool] | type[nn.AveragePool], DType], Op], bool]] = {
    "2d": (lambda kind, d: pool(kind, argument_of(d, "n", 3, "h", 9)), True),
    "1d": (lambda kind, d: pool(kind, argument_of(d, "n", 3, "h")), True),
    "3d rounded up": (lambda kind, d: pool(kind, argument_of(d, 1, 3, 5, "h", 8), ceil=True), True),
    "rounded up": (lambda kind, d: pool(kind, argument_of(d, 1, 3, "h", 9), padding=0, ceil=True), True),
    "rounded up and padded": (lambda kind, d: pool(kind, argument_of(d, 1, 3, "h", 10), ceil=True), True),
    "uneven padding": (lambda kind, d: pool(kind, argument_of(d, 1, 3, "h", 9), padding=(0, 2, 1, 0)), True),
    "gaps": (lambda kind, d: pool(kind, argument_of(d, 1, 3, "h", 9), strides=1, dilations=2, padding=0), False),
    "gaps and padding": (lambda kind, d: pool(kind, argument_of(d, 1, 3, 8, 9), strides=1, dilations=2), False),
    "channels last": (lambda kind, d: pool(kind, argument_of(d, 1, "h", 9, 3), layout=Layout.NHWC), False),
}


@pytest.mark.parametrize("dtype", (F32, F16), ids=lambda d: d.value)
@pytest.mark.parametrize("kind", (nn.MaxPool, nn.AveragePool), ids=("max", "average"))
@pytest.mark.parametrize("name", POOLS)
def test_pool(name: str, kind: type[nn.MaxPool] | type[nn.AveragePool], dtype: DType) -> None:
    build, is_native = POOLS[name]
    operation = "max_pool" if kind is nn.MaxPool else "avg_pool"
    sizes = {"n": 2, "h": 8}, {"n": 1, "h": 7}
    check_op(build(kind, dtype), *sizes, tolerance=TOLERANCES[dtype], writes=operation if is_native else None)


@pytest.mark.parametrize("ceil", (False, True))
def test_average_that_counts_padding(ceil: bool) -> None:
    x = argument(1, 3, "h", 9)
    averaged = nn.AveragePool(x, (3, 3), (2, 2), (1,) * 4, (1, 1), ceil, count_include_pad=True)
    check_op(averaged, {"h": 8}, {"h": 7}, writes=None if ceil else "avg_pool")


def test_max_pool_of_integers() -> None:
    pooled = nn.MaxPool(argument(1, 3, 8, 9, dtype=I32), (3, 3), (2, 2), (1,) * 4, (1, 1))
    check_op(pooled, tolerance="exact")


@pytest.mark.parametrize(
    ("shape", "size", "layout", "operations"),
    [
        ((1, 6, 3, 4), 3, Layout.NCHW, "local_response_norm"),
        ((1, 6, 3), 3, Layout.NCHW, "expand_dims local_response_norm squeeze"),
        ((1, 6, 3, 4), 4, Layout.NCHW, None),
        ((1, 3, 4, 6), 3, Layout.NHWC, "transpose local_response_norm transpose"),
    ],
)
def test_local_response_norm(shape: tuple[int, ...], size: int, layout: Layout, operations: str | None) -> None:
    check_op(nn.LocalResponseNorm(argument(*shape), size, 1e-2, 0.75, 1.0, layout), writes=operations)
