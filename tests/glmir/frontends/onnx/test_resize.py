"""Resize of all opsets, and Upsample."""

from itertools import cycle
from typing import Any

import numpy as np
import pytest

from glmir.interpreter import run
from tests.glmir.frontends.onnx.harness import NEWEST, OneNode, check, floats, imported, integers, reasons_of

X = floats(1, 2, 4, 5)
SYMBOLIC = {0: ("n", 2, "h", "w")}
FACTORS = [(2.0, 3.0), (0.5, 0.6), (1.5, 0.7), (1.0, 1.0), (0.33333334, 2.6666667)]

MODES: list[dict[str, Any]] = [
    {},
    {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"},
    {"mode": "nearest", "nearest_mode": "ceil"},
    {"mode": "nearest", "nearest_mode": "round_prefer_ceil", "coordinate_transformation_mode": "align_corners"},
    {"mode": "linear"},
    {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
    {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
    {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
    {"mode": "cubic"},
    {"mode": "cubic", "cubic_coeff_a": -0.5, "coordinate_transformation_mode": "align_corners"},
    {"mode": "cubic", "exclude_outside": 1},
]


def scales(*factors: float) -> Any:
    return np.array([1, 1, *factors], np.float32)


def sizes(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize("opset", [7, 9])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsample(opset: int, mode: str) -> None:
    if opset == 7:
        check("Upsample", X, opset=7, mode=mode, scales=[1.0, 1.0, 2.0, 3.0], dims=SYMBOLIC, tolerance="f32-sums")
    else:
        check("Upsample", X, scales(2, 3), opset=9, mode=mode, constants=[1], dims=SYMBOLIC, tolerance="f32-sums")


@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("dims", [{}, SYMBOLIC])
def test_resize_10(factors: tuple[float, float], mode: str, dims: Any) -> None:
    check("Resize", X, scales(*factors), opset=10, mode=mode, constants=[1], dims=dims, tolerance="f32-sums")


@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.parametrize("attributes", MODES)
@pytest.mark.parametrize("dims", [{}, SYMBOLIC])
@pytest.mark.parametrize("opset", [11, 13, 19])
def test_resize_by_scales(factors: tuple[float, float], attributes: dict[str, Any], dims: Any, opset: int) -> None:
    roi = np.zeros(0, np.float32) if opset == 11 else None
    constants = [1, 2] if opset == 11 else [2]
    inputs = X, roi, scales(*factors)
    check("Resize", *inputs, opset=opset, constants=constants, dims=dims, tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("target", [(8, 15), (2, 3), (6, 5), (4, 5), (1, 1)])
@pytest.mark.parametrize("attributes", MODES)
@pytest.mark.parametrize("opset", [11, 13, 19])
def test_resize_to_sizes(target: tuple[int, int], attributes: dict[str, Any], opset: int) -> None:
    empty = np.zeros(0, np.float32)
    inputs = X, empty if opset == 11 else None, empty if opset == 11 else None, sizes(1, 2, *target)
    constants = [1, 2, 3] if opset == 11 else [3]
    check("Resize", *inputs, opset=opset, constants=constants, tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_to_sizes_that_only_the_run_shows(mode: str) -> None:
    module = check("Resize", X, None, None, sizes(1, 2, 7, 9), mode=mode, dims=SYMBOLIC, tolerance="f32-sums")
    assert str(module.main.outputs[0].type) == "f32[u0, u1, u2, u3]"


SHRUNK_AND_GROWN = [(0.5, 0.6), (1.5, 1.8)]
RUN_TIME: list[dict[str, Any]] = [
    *MODES,
    {"mode": "nearest", "coordinate_transformation_mode": "pytorch_half_pixel", "nearest_mode": "round_prefer_ceil"},
    {"mode": "linear", "coordinate_transformation_mode": "half_pixel_symmetric"},
    {"mode": "nearest", "coordinate_transformation_mode": "tf_half_pixel_for_nn"},
    {"mode": "linear", "antialias": 1},
    {"mode": "cubic", "antialias": 1, "exclude_outside": 1},
]


@pytest.mark.parametrize(("attributes", "factors"), [*zip(RUN_TIME, cycle(SHRUNK_AND_GROWN), strict=False)])
def test_scales_that_only_the_run_shows(attributes: dict[str, Any], factors: tuple[float, float]) -> None:
    if "tf_half_pixel_for_nn" in attributes.values():
        check("Resize", X, np.zeros(0, np.float32), scales(*factors), opset=11, constants=[1], **attributes)
        return
    # Of factors that make whole sizes: of others the standard's own data and onnxruntime align corners differently.
    check("Resize", X, None, scales(*factors), opset=19, dims=SYMBOLIC, tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("opset", [9, 10])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_old_scales_that_only_the_run_shows(opset: int, mode: str) -> None:
    factors = (2.0, 1.5) if opset == 9 else (0.6, 2.0)
    check("Resize" if opset == 10 else "Upsample", X, scales(*factors), opset=opset, mode=mode, tolerance="f32-sums")


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_regions_that_only_the_run_shows(mode: str) -> None:
    attributes = {"coordinate_transformation_mode": "tf_crop_and_resize", "mode": mode, "extrapolation_value": 9.5}
    roi = np.array([-0.1, 0.21, 1.2, 0.8], np.float32)
    by_size = X, roi, None, sizes(7, 3)
    check("Resize", *by_size, opset=18, axes=[3, 2], constants=[3], tolerance="f32-sums", **attributes)
    by_scale = X, roi, np.array([1.5, 0.6], np.float32)
    check("Resize", *by_scale, opset=18, axes=[3, 2], constants=[2], tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
def test_sizes_of_axes_that_only_the_run_shows(policy: str) -> None:
    attributes = {"keep_aspect_ratio_policy": policy, "mode": "linear", "axes": [3, 2]}
    check("Resize", X, None, None, sizes(9, 6), opset=18, dims=SYMBOLIC, tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("transform", ["half_pixel", "half_pixel_symmetric", "align_corners"])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("factors", FACTORS)
def test_antialias(transform: str, mode: str, factors: tuple[float, float]) -> None:
    attributes = {"coordinate_transformation_mode": transform, "mode": mode, "antialias": 1}
    check("Resize", X, None, scales(*factors), opset=19, constants=[2], tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_half_pixel_symmetric(mode: str) -> None:
    attributes = {"coordinate_transformation_mode": "half_pixel_symmetric", "mode": mode}
    check("Resize", X, None, scales(0.6, 1.3), opset=19, constants=[2], tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("target", [(3, 4), (8, 10)])
def test_crop_and_resize(mode: str, target: tuple[int, int]) -> None:
    attributes = {"coordinate_transformation_mode": "tf_crop_and_resize", "mode": mode, "extrapolation_value": 9.5}
    roi = np.array([0, 0, 0.21, -0.1, 1, 1, 0.8, 1.2], np.float32)
    inputs = X, roi, None, sizes(1, 2, *target)
    check("Resize", *inputs, opset=13, constants=[1, 3], tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("axes", [[2, 3], [3, 2], [-1], [3]])
def test_axes(axes: list[int]) -> None:
    factors = np.array([2.0, 1.5][: len(axes)], np.float32)
    check("Resize", X, None, factors, opset=18, constants=[2], axes=axes, mode="linear", dims=SYMBOLIC)
    target = sizes(7, 9)[: len(axes)]
    check("Resize", X, None, None, target, opset=18, constants=[3], axes=axes, mode="linear")


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("target", [(7, 7), (2, 9), (3, 2)])
def test_keeping_the_aspect_ratio(policy: str, mode: str, target: tuple[int, int]) -> None:
    attributes = {"keep_aspect_ratio_policy": policy, "mode": mode, "axes": [2, 3]}
    inputs = X, None, None, sizes(*target)
    check("Resize", *inputs, opset=18, constants=[3], tolerance="f32-sums", **attributes)


def test_resize_of_bytes() -> None:
    x = integers(1, 1, 4, 4, low=0, high=200, dtype=np.uint8)
    check("Resize", x, None, scales(2, 2), opset=13, constants=[2], mode="nearest")
    truth = OneNode("Resize", [x > 99, None, scales(2, 2)], {}, 13, constants=[2])
    y = run(imported(truth.model), truth.run_time_inputs)["y0"]
    assert y.dtype == np.bool_ and np.array_equal(y, (x > 99).repeat(2, 2).repeat(2, 3))


def test_newest_opset() -> None:
    check("Resize", X, None, scales(2, 2), opset=NEWEST, constants=[2], mode="linear", tolerance="f32-sums")


def refusal(*inputs: Any, opset: int = 18, constants: Any = (), **attributes: Any) -> str:
    (reason,) = reasons_of(OneNode("Resize", inputs, attributes, opset, constants))
    return reason.removeprefix("node node (Resize): ")


def test_refusals() -> None:
    assert refusal(X, None, scales(2), constants=[2]) == "there are 3 scales, sizes or bounds for 4 axes"
    assert refusal(X, None, scales(0, 1), constants=[2]) == "the scales [1.0, 1.0, 0.0, 1.0] are not all positive"
    assert refusal(X, None, scales(2, 2), constants=[2], mode="best") == "mode best is not known"
    assert refusal(X) == "input 2 is missing"
