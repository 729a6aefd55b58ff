"""Conv and ConvTranspose."""

from typing import Any

import numpy as np
import pytest

from tests.glmir.frontends.onnx.harness import NEWEST, OneNode, check, floats, reasons_of

SPATIAL = {1: (9,), 2: (9, 8), 3: (5, 6, 7)}

CONVS: list[dict[str, Any]] = [
    {},
    {"strides": [2, 2]},
    {"pads": [1, 0, 2, 1]},
    {"dilations": [2, 1], "pads": [2, 1, 2, 1]},
    {"auto_pad": "VALID", "strides": [2, 3]},
    {"auto_pad": "SAME_UPPER"},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [3, 2]},
    {"auto_pad": "SAME_UPPER", "strides": [5, 4]},
    {"auto_pad": "NOTSET", "kernel_shape": [3, 2], "pads": [1, 1, 1, 1]},
]


@pytest.mark.parametrize("attributes", CONVS)
@pytest.mark.parametrize("dims", [None, ("n", 4, "h", "w")])
def test_conv(attributes: dict[str, Any], dims: tuple[int | str, ...] | None) -> None:
    inputs = floats(2, 4, 9, 8), floats(6, 4, 3, 2, seed=1), floats(6, seed=2)
    check("Conv", *inputs, constants=[1, 2], dims={0: dims} if dims else {}, tolerance="f32-sums", **attributes)


def test_same_padding_of_dilated_kernels() -> None:
    attributes = {"auto_pad": "SAME_UPPER", "dilations": [2, 2]}
    inputs = floats(2, 4, 9, 8), floats(6, 4, 3, 2, seed=1)
    check("Conv", *inputs, tolerance="f32-sums", oracle="onnx", **attributes)


def test_same_padding_of_symbolic_sizes_keeps_types_short() -> None:
    attributes = {"auto_pad": "SAME_UPPER", "strides": [2, 2]}
    dims = {0: ("n", 4, "h", "w")}
    module = check("Conv", floats(2, 4, 9, 8), floats(6, 4, 3, 3), dims=dims, tolerance="f32-sums", **attributes)
    assert str(module.main.outputs[0].type) == "f32[n, 6, (h + 1) // 2, (w + 1) // 2]"


@pytest.mark.parametrize("rank", SPATIAL)
@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("opset", [7, 11, 22, NEWEST])
def test_conv_of_all_ranks(rank: int, group: int, opset: int) -> None:
    x, weight = floats(2, 4, *SPATIAL[rank]), floats(8, 4 // group, *(3, 2, 3)[:rank], seed=1)
    attributes = {"group": group, "strides": [2] * rank, "pads": [1] * 2 * rank}
    check("Conv", x, weight, opset=opset, constants=[1], tolerance="f32-sums", **attributes)


def test_conv_of_a_weight_computed_at_run_time() -> None:
    inputs = floats(1, 2, 6, 6), floats(3, 2, 3, 3, seed=1), floats(3, seed=2)
    check("Conv", *inputs, tolerance="f32-sums", dims={1: ("o", 2, "kh", "kw"), 2: ("o",)})


def test_conv_in_other_precisions() -> None:
    for dtype, tolerance in ((np.float16, "f16"), (np.float64, "f64")):
        check("Conv", floats(1, 2, 6, 6, dtype=dtype), floats(3, 2, 3, 3, dtype=dtype, seed=1), tolerance=tolerance)


TRANSPOSED: list[dict[str, Any]] = [
    {},
    {"strides": [2, 3]},
    {"strides": [2, 2], "pads": [1, 0, 0, 1]},
    {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    {"dilations": [2, 2], "strides": [1, 2]},
    {"auto_pad": "VALID", "strides": [2, 2]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
    {"strides": [2, 2], "output_shape": [10, 12]},
    {"strides": [2, 2], "output_shape": [9, 10]},
    {"strides": [2, 2], "output_shape": [9, 10], "auto_pad": "SAME_UPPER"},
    {"strides": [3, 3], "output_shape": [17, 18]},
]


@pytest.mark.parametrize("attributes", TRANSPOSED)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("opset", [7, 11, 22])
def test_conv_transpose(attributes: dict[str, Any], bias: bool, opset: int) -> None:
    inputs = [floats(2, 4, 5, 6), floats(4, 3, 3, 2, seed=1), *([floats(3, seed=2)] if bias else [])]
    check("ConvTranspose", *inputs, opset=opset, constants=[1], tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("attributes", [a for a in TRANSPOSED if "output_shape" not in a])
def test_conv_transpose_of_symbolic_sizes(attributes: dict[str, Any]) -> None:
    inputs = floats(2, 4, 5, 6), floats(4, 3, 3, 2, seed=1)
    check("ConvTranspose", *inputs, dims={0: ("n", 4, "h", "w")}, tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("rank", SPATIAL)
@pytest.mark.parametrize("group", [1, 2, 4])
def test_conv_transpose_of_all_ranks(rank: int, group: int) -> None:
    x, weight = floats(2, 4, *SPATIAL[rank]), floats(4, 2, *(3, 2, 3)[:rank], seed=1)
    attributes = {"group": group, "strides": [2] * rank, "pads": [1, 0, 1][:rank] * 2}
    check("ConvTranspose", x, weight, constants=[1], tolerance="f32-sums", **attributes)


def refusal(op_type: str, *shapes: tuple[int, ...], dims: Any = None, **attributes: Any) -> str:
    node = OneNode(op_type, [floats(*s) for s in shapes], attributes, dims=dims or {})
    (reason,) = reasons_of(node)
    return reason.removeprefix(f"node node ({op_type}): ")


def test_refusals() -> None:
    assert refusal("Conv", (1, 2, 6), (3, 2, 3, 3)) == (
        "the kernel has 2 axes, but its operand f32[1, 2, 6] has 1 spatial axes"
    )
    assert refusal("Conv", (1, 2), (3, 2)) == "its operand f32[1, 2] has no spatial axes"
    assert refusal("Conv", (1, 2, 6, 6), (3, 2, 3, 3), kernel_shape=[5, 5]) == (
        "kernel_shape [5, 5] contradicts the weight's type f32[3, 2, 3, 3]"
    )
    assert refusal("Conv", (1, 2, 6, 6), (3, 2, 3, 3), strides=[2]) == (
        "strides [2] must have a positive number for each of 2 spatial axes"
    )
    assert refusal("Conv", (1, 2, 6, 6), (3, 2, 3, 3), strides=[0, 1], auto_pad="SAME_UPPER") == (
        "strides [0, 1] must have a positive number for each of 2 spatial axes"
    )
    assert "the input has groups times as many channels" in refusal("Conv", (1, 4, 6, 6), (3, 2, 3, 3))
    assert refusal("Conv", (1, 2, 6, 6), (3, 2, 3, 3), auto_pad="SOME") == "auto_pad SOME is not known"
    dims = {0: (1, 2, "h", "w")}
    assert refusal("ConvTranspose", (1, 2, 6, 6), (2, 2, 3, 3), dims=dims, output_shape=[9, 9]).startswith(
        "output_shape [9, 9] of an operand of unknown size"
    )
