"""Convolutions and pools against onnxruntime, in both layouts and with symbolic shapes."""

from collections.abc import Sequence

import numpy as np
import pytest

from glmir.ir import Array, Value
from glmir.opdef import ConstraintError, replace
from glmir.ops import nn
from glmir.ops.enums import Activation, Layout
from glmir.parser import parse_type

from .onnx_reference import (
    Build,
    assert_close,
    random_array,
    run_onnx,
    run_op,
    symbolic_type,
    to_nchw,
    to_nhwc,
)


def value(text: str) -> Value:
    return Value(parse_type(text))


def assert_spatial(build: Build, x: Array, others: Sequence[Array | None], expected: Array) -> None:
    """``build(layout, *operands)`` gives ``expected`` in both layouts, with known and with unknown sizes."""
    for layout in Layout:
        image = x if layout is Layout.NCHW else to_nhwc(x)
        for types in ({}, {0: symbolic_type(image, layout)}):
            y = run_op(lambda *v, layout=layout: build(layout, *v), [image, *others], types)
            assert_close(y if layout is Layout.NCHW else to_nchw(y), expected)


CONVOLUTIONS = {
    "1d": ((2, 3, 9), (4, 3, 3), {}),
    "2d": ((2, 3, 8, 9), (4, 3, 3, 2), {}),
    "3d": ((1, 2, 5, 6, 7), (3, 2, 3, 2, 3), {"strides": (1, 2, 1), "pads": (1, 0, 1, 0, 1, 2)}),
    "strides": ((1, 3, 8, 9), (4, 3, 3, 3), {"strides": (2, 3)}),
    "padding": ((1, 3, 8, 9), (4, 3, 3, 3), {"pads": (0, 1, 2, 3)}),
    "dilations": ((1, 3, 9, 11), (4, 3, 3, 3), {"dilations": (2, 3), "pads": (1, 1, 1, 1)}),
    "groups": ((1, 6, 7, 7), (4, 3, 3, 3), {"group": 2, "strides": (2, 2)}),
    "depthwise": ((2, 6, 7, 7), (6, 1, 3, 3), {"group": 6, "strides": (2, 1), "pads": (1, 1, 1, 1)}),
    "depthwise with multiplier": ((1, 3, 7, 7), (6, 1, 3, 3), {"group": 3, "dilations": (2, 1)}),
    "pointwise": ((2, 6, 5, 5), (8, 6, 1, 1), {}),
    "one channel": ((2, 1, 5, 5), (8, 1, 3, 3), {}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("has_bias", [True, False])
def test_conv(name: str, has_bias: bool) -> None:
    shape, weight_shape, attributes = CONVOLUTIONS[name]
    rank = len(shape) - 2
    x, weight = random_array(shape, 1), random_array(weight_shape, 2)
    bias = random_array(weight_shape[:1], 3) if has_bias else None
    expected = run_onnx("Conv", [x, weight, bias], **attributes)

    def build(layout: Layout, *operands: Value) -> nn.Conv:
        return nn.Conv(
            *operands,
            strides=attributes.get("strides", (1,) * rank),
            padding=attributes.get("pads", (0,) * 2 * rank),
            dilations=attributes.get("dilations", (1,) * rank),
            groups=attributes.get("group", 1),
            layout=layout,
        )

    assert_spatial(build, x, [weight, bias], expected)


TRANSPOSED = {
    "1d": ((2, 3, 5), (3, 4, 3), {"strides": (2,)}),
    "2d": ((2, 3, 4, 5), (3, 4, 3, 2), {}),
    "3d": ((1, 2, 3, 4, 3), (2, 3, 3, 2, 3), {"strides": (1, 2, 1), "pads": (1, 0, 1, 0, 1, 1)}),
    "strides": ((1, 3, 4, 5), (3, 2, 2, 2), {"strides": (2, 3)}),
    "padding": ((1, 3, 4, 5), (3, 2, 3, 3), {"strides": (2, 2), "pads": (0, 1, 1, 2)}),
    "output padding": ((1, 3, 4, 5), (3, 2, 3, 3), {"strides": (2, 2), "pads": (1, 1, 1, 1), "output_padding": (1, 0)}),
    "dilations": ((1, 3, 4, 5), (3, 2, 3, 3), {"strides": (2, 1), "dilations": (2, 3)}),
    "groups": ((2, 4, 4, 5), (4, 3, 3, 3), {"group": 2, "strides": (2, 2)}),
    "depthwise": ((2, 4, 4, 5), (4, 1, 3, 3), {"group": 4, "strides": (2, 2)}),
}


@pytest.mark.parametrize("name", TRANSPOSED)
@pytest.mark.parametrize("has_bias", [True, False])
def test_conv_transpose(name: str, has_bias: bool) -> None:
    shape, weight_shape, attributes = TRANSPOSED[name]
    rank, groups = len(shape) - 2, attributes.get("group", 1)
    x, weight = random_array(shape, 1), random_array(weight_shape, 2)
    bias = random_array([weight_shape[1] * groups], 3) if has_bias else None
    expected = run_onnx("ConvTranspose", [x, weight, bias], **attributes)

    def build(layout: Layout, *operands: Value) -> nn.ConvTranspose:
        return nn.ConvTranspose(
            *operands,
            strides=attributes.get("strides", (1,) * rank),
            padding=attributes.get("pads", (0,) * 2 * rank),
            dilations=attributes.get("dilations", (1,) * rank),
            output_padding=attributes.get("output_padding", (0,) * rank),
            groups=groups,
            layout=layout,
        )

    assert_spatial(build, x, [weight, bias], expected)


def small_conv(x: Value, weight: Value, bias: Value | None = None) -> nn.Conv:
    return nn.Conv(x, weight, bias, strides=(1, 1), padding=(0, 0, 0, 0), dilations=(1, 1))


@pytest.mark.parametrize(("activation", "limit"), [(Activation.RELU, None), (Activation.RELU6, 6)])
def test_conv_applies_its_activation(activation: Activation, limit: float | None) -> None:
    x, weight = random_array([1, 3, 6, 6], 1) * 4, random_array([4, 3, 3, 3], 2)
    y = run_op(lambda *v: replace(small_conv(*v), activation=activation), [x, weight])
    assert_close(y, np.clip(run_onnx("Conv", [x, weight]), 0, limit))


def test_conv_sums_halves_in_single_precision() -> None:
    x, weight = random_array([1, 512, 3, 3], 1, np.float16), random_array([4, 512, 3, 3], 2, np.float16)
    expected = run_onnx("Conv", [x.astype(np.float32), weight.astype(np.float32)]).astype(np.float16)
    assert_close(run_op(small_conv, [x, weight]), expected, 1e-3)


def test_conv_with_symbolic_padding_gives_same_size() -> None:
    x, weight = random_array([1, 2, 7, 8], 1), random_array([3, 2, 3, 3], 2)

    def build(x: Value, weight: Value) -> nn.Conv:
        _, _, h, w = x.type.shape
        total = [-(-size // 2) * 2 - 2 + 3 - size for size in (h, w)]
        padding = (*(t // 2 for t in total), *(t - t // 2 for t in total))
        return nn.Conv(x, weight, None, strides=(2, 2), padding=padding, dilations=(1, 1))

    y = run_op(build, [x, weight], {0: "f32[n, 2, h, w]"})
    assert_close(y, run_onnx("Conv", [x, weight], strides=(2, 2), auto_pad="SAME_UPPER"))


@pytest.mark.parametrize(
    ("operands", "changes", "message"),
    [
        (["f32[n, 3]", "f32[4, 3]"], {}, "1 to 3 spatial axes"),
        (["f32[n, 3, 8, 8]", "f32[4, 3, 3]"], {}, "rank of the input"),
        (["f32[n, 3, 8, 8]", "f16[4, 3, 3, 3]"], {}, "same dtype"),
        (["f32[n, 3, 8, 8]", "f32[4, 2, 3, 3]"], {}, "groups times as many channels as the weight"),
        (["f32[n, 4, 8, 8]", "f32[3, 2, 3, 3]"], {"groups": 2}, "groups divide"),
        (["f32[n, 3, 8, 8]", "f32[4, 3, 3, 3]", "f32[3]"], {}, "bias has one element for every output channel"),
        (["f32[n, 3, 2, 8]", "f32[4, 3, 3, 3]"], {}, "at least as large as the dilated kernel"),
        (["f32[n, 3, 8, 8]", "f32[4, 3, 3, 3]"], {"strides": (1, 0)}, "stride of at least 1"),
        (["f32[n, 3, 8, 8]", "f32[4, 3, 3, 3]"], {"dilations": (1,)}, "dilation of at least 1"),
        (["f32[n, 3, 8, 8]", "f32[4, 3, 3, 3]"], {"padding": (0, 0)}, "low amount for every spatial axis"),
        (["f32[n, 3, 8, 8]", "f32[4, 3, 3, 3]"], {"padding": (0, 0, 0, -1)}, "none negative"),
        (["f32[n, 3, 8, 8]", "f32[4, 3, 3, 3]"], {"groups": 0}, "at least one group"),
    ],
)
def test_conv_constraints(operands: list[str], changes: dict[str, object], message: str) -> None:
    attributes = {"strides": (1, 1), "padding": (0, 0, 0, 0), "dilations": (1, 1)} | changes
    values = [*map(value, operands), None][:3]
    with pytest.raises(ConstraintError, match=message):
        nn.Conv(*values, **attributes)


@pytest.mark.parametrize(
    ("operands", "changes", "message"),
    [
        (["f32[n, 3, 8, 8]", "f32[4, 3, 3, 3]"], {}, "as many channels as the weight's first axis"),
        (["f32[n, 3, 8, 8]", "f32[3, 2, 3, 3]"], {"groups": 2}, "groups divide the input's channels"),
        (["f32[n, 3, 8, 8]", "f32[3, 2, 3, 3]"], {"output_padding": (0, -1)}, "output padding"),
        (["f32[n, 3, 1, 8]", "f32[3, 2, 3, 3]"], {"padding": (2, 0, 2, 0)}, "leaves something of the result"),
    ],
)
def test_conv_transpose_constraints(operands: list[str], changes: dict[str, object], message: str) -> None:
    attributes = {"strides": (1, 1), "padding": (0,) * 4, "dilations": (1, 1), "output_padding": (0, 0)} | changes
    with pytest.raises(ConstraintError, match=message):
        nn.ConvTranspose(*map(value, operands), None, **attributes)


@pytest.mark.parametrize("shape", [(4, 5), (5,), (2, 3, 5)])
def test_linear(shape: tuple[int, ...]) -> None:
    x, weight, bias = random_array(shape, 1), random_array([3, 5], 2), random_array([3], 3)
    expected = run_onnx("Gemm", [x.reshape(-1, 5), weight, bias], transB=1).reshape(*shape[:-1], 3)
    assert_close(run_op(nn.Linear, [x, weight, bias]), expected)
    y = run_op(lambda *v: nn.Linear(*v, activation=Activation.RELU), [x, weight, None])
    assert_close(y, np.maximum(expected - bias, 0))


@pytest.mark.parametrize(
    ("operands", "message"),
    [
        (["f32[]", "f32[3, 4]"], "at least one axis"),
        (["f32[n, 4]", "f32[3, 4, 1]"], "a matrix"),
        (["f32[n, 4]", "f32[3, 5]"], "last axis is as long"),
        (["f32[n, 4]", "f32[3, 4]", "f32[4]"], "every row of the weight"),
        (["bool[n, 4]", "bool[3, 4]"], "not bool"),
    ],
)
def test_linear_constraints(operands: list[str], message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        nn.Linear(*[*map(value, operands), None][:3])


POOLS = {
    "1d": ((2, 3, 9), {"kernel_shape": (3,), "strides": (2,)}),
    "2d": ((2, 3, 8, 9), {"kernel_shape": (3, 2)}),
    "3d": ((1, 2, 5, 6, 7), {"kernel_shape": (2, 3, 2), "strides": (2, 1, 3), "pads": (1, 0, 1, 0, 1, 1)}),
    "padding": ((1, 2, 7, 8), {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 2, 0, 1)}),
    "dilations": ((1, 2, 9, 9), {"kernel_shape": (3, 2), "dilations": (2, 3), "strides": (2, 1)}),
    "ceil": ((1, 2, 8, 9), {"kernel_shape": (3, 2), "strides": (2, 2), "ceil_mode": 1}),
    "ceil, padded": ((1, 2, 8, 10), {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1,) * 4, "ceil_mode": 1}),
    # The last window would start in the high padding: there is none.
    "ceil, dropped": ((1, 2, 6, 5), {"kernel_shape": (2, 2), "strides": (2, 3), "pads": (1,) * 4, "ceil_mode": 1}),
    "ceil, dilated": ((1, 2, 9, 9), {"kernel_shape": (2, 3), "dilations": (3, 2), "strides": (2, 3), "ceil_mode": 1}),
    "global": ((2, 3, 5, 6), {"kernel_shape": (5, 6)}),
}


def pool_fields(attributes: dict[str, tuple[int, ...]], rank: int) -> dict[str, object]:
    return {
        "kernel": attributes["kernel_shape"],
        "strides": attributes.get("strides", (1,) * rank),
        "padding": attributes.get("pads", (0,) * 2 * rank),
        "dilations": attributes.get("dilations", (1,) * rank),
        "ceil_mode": bool(attributes.get("ceil_mode", 0)),
    }


@pytest.mark.parametrize("name", POOLS)
def test_max_pool(name: str) -> None:
    shape, attributes = POOLS[name]
    # Negative inputs tell padding with zeros from padding with minus infinity.
    x = random_array(shape, 1) - 3
    fields = pool_fields(attributes, len(shape) - 2)
    expected = run_onnx("MaxPool", [x], **attributes)
    assert_spatial(lambda layout, x: nn.MaxPool(x, **fields, layout=layout), x, [], expected)


def test_max_pool_of_integers() -> None:
    x = np.random.default_rng(1).integers(-128, 0, (1, 2, 7, 7)).astype(np.int8)
    attributes = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}
    y = run_op(lambda x: nn.MaxPool(x, **pool_fields(attributes, 2)), [x])
    np.testing.assert_array_equal(y, run_onnx("MaxPool", [x], **attributes))


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_average_pool(name: str, count_include_pad: bool) -> None:
    shape, attributes = POOLS[name]
    x = random_array(shape, 1) + 1
    fields = pool_fields(attributes, len(shape) - 2) | {"count_include_pad": count_include_pad}
    expected = run_onnx("AveragePool", [x], **attributes, count_include_pad=int(count_include_pad))
    assert_spatial(lambda layout, x: nn.AveragePool(x, **fields, layout=layout), x, [], expected)


@pytest.mark.parametrize(
    ("operand", "changes", "message"),
    [
        ("f32[n, 3]", {}, "1 to 3 spatial axes"),
        ("f32[n, 3, 8, 8]", {"kernel": (3,)}, "kernel size"),
        ("f32[n, 3, 8, 8]", {"kernel": (3, 0)}, "kernel size"),
        ("f32[n, 3, 8, 8]", {"strides": (0, 1)}, "stride"),
        ("f32[n, 3, 8, 8]", {"dilations": (0, 1)}, "dilation"),
        ("f32[n, 3, 8, 8]", {"padding": (1, 1)}, "low amount"),
        ("f32[n, 3, 8, 8]", {"padding": (2, 0, 0, 0)}, "smaller than the dilated kernel"),
        ("f32[n, 3, 1, 8]", {}, "at least as large"),
        ("i32[n, 3, 8, 8]", {}, "float tensor"),
    ],
)
def test_pool_constraints(operand: str, changes: dict[str, object], message: str) -> None:
    fields = {"kernel": (2, 2), "strides": (1, 1), "padding": (0, 0, 0, 0), "dilations": (1, 1)} | changes
    with pytest.raises(ConstraintError, match=message):
        nn.AveragePool(value(operand), **fields)
