"""Convolutions, pools and products of the executor, held against onnxruntime."""

from typing import Any

import numpy as np
import pytest

from tests.backends.coreml.executor.onnx_reference import onnx_outputs
from tests.backends.coreml.executor.programs import Array, Input, check, compute

RNG = np.random.default_rng(0)


def sample(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def pairs_of(pads: list[int]) -> list[int]:
    """ONNX's begins then ends as Core ML's pairs."""
    half = len(pads) // 2
    return [p for pair in zip(pads[:half], pads[half:], strict=True) for p in pair]


@pytest.mark.parametrize(
    ("size", "kernel", "strides", "dilations", "pads", "groups"),
    [
        ([9], [3], [1], [1], [0, 0], 1),
        ([9], [4], [2], [2], [3, 1], 2),
        ([8, 7], [3, 2], [2, 1], [1, 2], [1, 0, 2, 1], 1),
        ([8, 7], [3, 3], [2, 2], [1, 1], [1, 1, 1, 1], 4),
        ([8, 7], [1, 1], [1, 1], [1, 1], [0, 0, 0, 0], 2),
        ([5, 4, 6], [2, 3, 2], [1, 2, 1], [2, 1, 1], [0, 1, 1, 1, 0, 0], 2),
    ],
)
def test_conv_with_custom_padding(
    size: list[int], kernel: list[int], strides: list[int], dilations: list[int], pads: list[int], groups: int
) -> None:
    x, w, b = sample(2, 4, *size), sample(8, 4 // groups, *kernel), sample(8)
    (expected,) = onnx_outputs(
        "Conv", {"x": x, "w": w, "b": b}, strides=strides, dilations=dilations, pads=pads, group=groups
    )
    check(
        "conv", expected, x=Input(x), weight=w, bias=b, strides=strides, pad_type="custom", pad=pairs_of(pads),
        dilations=dilations, groups=groups,
    )  # fmt: skip


@pytest.mark.parametrize(("mode", "auto_pad"), [("same", "SAME_UPPER"), ("same_lower", "SAME_LOWER")])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3])
def test_same_padding_is_that_of_tensorflow(mode: str, auto_pad: str, stride: int, kernel: int) -> None:
    x, w = sample(1, 2, 7, 8), sample(3, 2, kernel, kernel)
    (expected,) = onnx_outputs("Conv", {"x": x, "w": w}, strides=[stride, stride], auto_pad=auto_pad)
    check(
        "conv", expected, x=Input(x), weight=w, strides=[stride, stride], pad_type=mode, pad=[0] * 4,
        dilations=[1, 1], groups=1,
    )  # fmt: skip


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 0, 1, 1]])
def test_conv_transpose(groups: int, pads: list[int]) -> None:
    x, w, b = sample(2, 4, 5, 3), sample(4, 6 // groups, 3, 2), sample(6)
    given: dict[str, Any] = {"strides": [2, 1], "dilations": [1, 2], "group": groups}
    (expected,) = onnx_outputs("ConvTranspose", {"x": x, "w": w, "b": b}, pads=pads, **given)
    check(
        "conv_transpose", expected, x=Input(x), weight=w, bias=b, pad_type="custom", pad=pairs_of(pads),
        strides=[2, 1], dilations=[1, 2], groups=groups,
    )  # fmt: skip


def test_conv_transpose_with_an_output_shape_leaves_its_padding_at_the_end() -> None:
    x, w = sample(1, 2, 4, 4), sample(2, 3, 3, 3)
    (expected,) = onnx_outputs("ConvTranspose", {"x": x, "w": w}, strides=[2, 2], output_padding=[1, 1])
    check(
        "conv_transpose", expected, x=Input(x), weight=w, pad_type="custom", pad=[0] * 4, strides=[2, 2],
        dilations=[1, 1], groups=1, output_shape=list(expected.shape),
    )  # fmt: skip


POOLS = [
    ([9], [3], [2], [1, 1], False),
    ([8, 7], [3, 2], [2, 3], [1, 0, 1, 0], False),
    ([8, 7], [3, 3], [2, 2], [1, 1, 1, 1], True),
    ([6, 6], [3, 3], [2, 2], [0, 0, 0, 0], True),
    ([5, 4, 6], [2, 3, 2], [1, 2, 1], [0, 1, 1, 1, 0, 0], False),
    ([8, 7], [8, 7], [1, 1], [0, 0, 0, 0], False),
]


@pytest.mark.parametrize(("size", "kernel", "strides", "pads", "ceil"), POOLS)
def test_max_pool(size: list[int], kernel: list[int], strides: list[int], pads: list[int], ceil: bool) -> None:
    x = sample(2, 3, *size)
    (expected,) = onnx_outputs(
        "MaxPool", {"x": x}, kernel_shape=kernel, strides=strides, pads=pads, ceil_mode=int(ceil)
    )
    check(
        "max_pool", expected, x=Input(x), kernel_sizes=kernel, strides=strides, pad_type="custom",
        pad=pairs_of(pads), ceil_mode=ceil,
    )  # fmt: skip


@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize(("size", "kernel", "strides", "pads", "ceil"), POOLS)
def test_avg_pool(
    size: list[int], kernel: list[int], strides: list[int], pads: list[int], ceil: bool, exclude: bool
) -> None:
    x = sample(2, 3, *size)
    (expected,) = onnx_outputs(
        "AveragePool", {"x": x}, kernel_shape=kernel, strides=strides, pads=pads, ceil_mode=int(ceil),
        count_include_pad=int(not exclude), opset=19,
    )  # fmt: skip
    check(
        "avg_pool", expected, x=Input(x), kernel_sizes=kernel, strides=strides, pad_type="custom",
        pad=pairs_of(pads), ceil_mode=ceil, exclude_padding_from_average=exclude,
    )  # fmt: skip


def test_l2_pool_is_the_root_of_the_sum_of_squares() -> None:
    x = sample(1, 2, 6)
    expected = np.sqrt(np.square(x).reshape(1, 2, 3, 2).sum(-1))
    check("l2_pool", expected, x=Input(x), kernel_sizes=[2], strides=[2], pad_type="valid", pad=[0, 0], ceil_mode=False)


def test_linear_and_matmul() -> None:
    x, w, b = sample(2, 3, 5), sample(4, 5), sample(4)
    check("linear", x @ w.T + b, x=Input(x), weight=w, bias=b)
    check("matmul", x @ w.T, x=Input(x), y=w, transpose_x=False, transpose_y=True)
    check("matmul", x.swapaxes(1, 2) @ x, x=Input(x), y=Input(x), transpose_x=True, transpose_y=False)


def test_einsum_broadcasts_its_batch_dimensions() -> None:
    x, y = sample(2, 3, 1, 5), sample(1, 5, 4, 6)
    expected = np.einsum("nchw,nwhu->nchu", np.broadcast_to(x, (2, 3, 4, 5)), np.broadcast_to(y, (2, 5, 4, 6)))
    check("einsum", expected, values=[Input(x), Input(y)], equation="abcd,adce->abce")


def test_attention_with_a_mask() -> None:
    q, k, v = sample(2, 3, 4), sample(2, 5, 4), sample(2, 5, 6)
    mask = np.array([True, True, False, True, False])
    scores = np.where(mask, q @ k.swapaxes(1, 2) / 2, -np.inf)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    check(
        "scaled_dot_product_attention", (weights @ v).astype(np.float32), opset="CoreML8",
        query=Input(q), key=Input(k), value=Input(v), attn_mask=mask.reshape(1, 1, 5),
    )  # fmt: skip


def test_half_precision_is_computed_in_single_and_rounded() -> None:
    x = np.full((1, 64, 1), 40.0, np.float16)
    w = np.ones((1, 64, 1), np.float16)
    (got,) = compute(
        "conv", np.zeros((1, 1, 1), np.float16), x=Input(x), weight=w, strides=[1], pad_type="valid", pad=[0, 0],
        dilations=[1], groups=1,
    )  # fmt: skip
    assert got.dtype == np.float16
    assert got.item() == 2560.0
