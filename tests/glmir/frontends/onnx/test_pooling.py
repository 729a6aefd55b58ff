"""Pools."""

from itertools import cycle, product
from typing import Any

import numpy as np
import pytest
from onnx import helper

from glmir.interpreter import run
from tests.glmir.frontends.onnx.harness import (
    NEWEST,
    OneNode,
    check,
    check_model,
    floats,
    imported,
    input_info,
    integers,
    model_of,
    reasons_of,
)

WINDOWS: list[dict[str, Any]] = [
    {"kernel_shape": [2, 3]},
    {"kernel_shape": [3, 3], "strides": [2, 2]},
    {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 2, 1]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "VALID"},
]
CEILED: list[dict[str, Any]] = [
    {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1, "pads": [1, 1, 1, 1]},
    {"kernel_shape": [3, 3], "strides": [3, 2], "ceil_mode": 1, "pads": [1, 0, 0, 1]},
    {"kernel_shape": [1, 1], "strides": [2, 3], "ceil_mode": 1},
    {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1, "auto_pad": "VALID"},
]
DILATED: list[dict[str, Any]] = [
    {"kernel_shape": [2, 3], "dilations": [2, 2]},
    {"kernel_shape": [3, 2], "dilations": [2, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
]
ALL_WINDOWS = [*WINDOWS, *CEILED, *DILATED]
SYMBOLIC = {0: ("n", 3, "h", "w")}


@pytest.mark.parametrize("attributes", [*WINDOWS, *CEILED, *DILATED])
@pytest.mark.parametrize("dims", [{}, SYMBOLIC])
def test_max_pool(attributes: dict[str, Any], dims: Any) -> None:
    check("MaxPool", floats(2, 3, 9, 8) - 3, dims=dims, tolerance="exact", **attributes)


@pytest.mark.parametrize(("attributes", "dims"), [*product([*WINDOWS, *CEILED, *DILATED], [{}, SYMBOLIC])])
@pytest.mark.parametrize("count_include_pad", [0, 1])
def test_average_pool(attributes: dict[str, Any], dims: Any, count_include_pad: int) -> None:
    check("AveragePool", floats(2, 3, 9, 8), opset=19, dims=dims, count_include_pad=count_include_pad, **attributes)


@pytest.mark.parametrize("attributes", [*WINDOWS, *CEILED, *DILATED])
@pytest.mark.parametrize("dims", [{}, SYMBOLIC])
@pytest.mark.parametrize("p", [1, 2, 3])
def test_lp_pool(attributes: dict[str, Any], dims: Any, p: int) -> None:
    check("LpPool", floats(2, 3, 9, 8), opset=18, dims=dims, p=p, **attributes)


@pytest.mark.parametrize("opset", [7, 8, 10, 11, 12, 22, NEWEST])
@pytest.mark.parametrize("shape", [(1, 2, 9), (1, 2, 6, 5, 7)])
def test_other_ranks_and_opsets(opset: int, shape: tuple[int, ...]) -> None:
    rank = len(shape) - 2
    attributes: dict[str, Any] = {"kernel_shape": [2] * rank, "strides": [2] * rank}
    check("MaxPool", floats(*shape), opset=opset, **attributes)
    check("AveragePool", floats(*shape), opset=opset, **attributes)


@pytest.mark.parametrize("op_type", ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"])
@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 5, 4), (2, 3, 4, 3, 5)])
def test_global_pools(op_type: str, shape: tuple[int, ...]) -> None:
    check(op_type, floats(*shape), dims={0: ("n", 3, *"abc"[: len(shape) - 2])})


def test_max_pool_of_bytes() -> None:
    check("MaxPool", integers(1, 2, 6, 6, dtype=np.int8), kernel_shape=[2, 2], pads=[1, 1, 1, 1])


@pytest.mark.parametrize(("attributes", "storage_order"), [*zip(ALL_WINDOWS, cycle((0, 1)), strict=False)])
def test_indices(attributes: dict[str, Any], storage_order: int) -> None:
    x = integers(2, 3, 9, 8).astype(np.float32)
    check("MaxPool", x, opset=12, outputs=2, dims=SYMBOLIC, storage_order=storage_order, **attributes)


def test_indices_of_bytes_and_of_infinities() -> None:
    x = integers(1, 2, 3, 4, low=0, high=2, dtype=np.uint8)
    check("MaxPool", x, opset=12, outputs=2, kernel_shape=[2, 2], pads=[1, 1, 1, 1])
    lowest = np.full((1, 1, 3, 3), -np.inf, np.float32)
    module = imported(OneNode("MaxPool", [lowest], {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]}, outputs=2).model)
    assert run(module, {"x0": lowest})["y1"].tolist() == [[[[0, 0, 1], [0, 0, 1], [3, 3, 4]]]]


def test_unpooling() -> None:
    indices = np.random.default_rng(0).permutation(96)[:12].reshape(1, 2, 2, 3)
    attributes: dict[str, Any] = {"kernel_shape": [4, 4], "strides": [4, 4]}
    check("MaxUnpool", floats(1, 2, 2, 3), indices, opset=11, dims={0: ("n", 2, "h", "w")}, **attributes)


def test_unpooling_what_was_pooled_from_an_odd_size() -> None:
    x = floats(1, 2, 5, 7)
    attributes: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("MaxPool", ["x"], ["pooled", "at"], **attributes),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("MaxUnpool", ["pooled", "at", "shape"], ["y"], **attributes),
    ]
    check_model(model_of(nodes, [input_info("x", x, ["n", 2, "h", "w"])], ["y"], opset=12), {"x": x})


def test_bad_windows_are_refused() -> None:
    def refusal(**attributes: Any) -> str:
        (reason,) = reasons_of(OneNode("MaxPool", [floats(1, 1, 4, 4)], attributes))
        return reason.removeprefix("node node (MaxPool): ")

    assert refusal() == "attribute kernel_shape is missing"
    assert refusal(kernel_shape=[2]).startswith("the kernel has 1 axes")
    assert refusal(kernel_shape=[9, 9]).startswith("nn.max_pool requires that the padded input is at least as large as")
    assert refusal(kernel_shape=[0, 2]).startswith("nn.max_pool requires that ")
    assert refusal(kernel_shape=[2, 2], pads=[1, 1]).startswith("nn.max_pool requires that ")
