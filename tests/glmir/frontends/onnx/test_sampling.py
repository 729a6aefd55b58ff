"""Sampling at computed points: grids, regions of interest, deformable windows; columns folded to images."""

from typing import Any

import numpy as np
import pytest

from glmir.interpreter import run
from tests.glmir.frontends.onnx.harness import Array, OneNode, check, floats, imported, integers, reasons_of

IMAGE = floats(2, 3, 5, 6)
SYMBOLIC_IMAGE = ("n", 3, "h", "w")


def points(*shape: int) -> Array:
    """Positions of which some lie outside the image."""
    return np.random.default_rng(3).uniform(-1.7, 1.7, shape).astype(np.float32)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize(("padding", "align_corners"), [("zeros", 0), ("border", 1), ("reflection", 0)])
def test_grid_sample(mode: str, padding: str, align_corners: int) -> None:
    attributes: dict[str, Any] = {"mode": mode, "padding_mode": padding, "align_corners": align_corners}
    grid = points(2, 3, 4, 2)
    dims = {0: SYMBOLIC_IMAGE, 1: ("n", "out_h", "out_w", 2)}
    check("GridSample", IMAGE, grid, opset=16, dims=dims, **attributes)


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_grid_sample_of_volumes(mode: str) -> None:
    check("GridSample", floats(2, 3, 4, 5, 6), points(2, 2, 3, 4, 3), opset=20, mode=mode)


def test_grid_sample_at_no_number() -> None:
    grid = points(1, 2, 2, 2)
    grid[0, 1, 1, 0] = np.nan
    node = OneNode("GridSample", [floats(1, 1, 4, 4), grid], {"padding_mode": "border"}, 16)
    y = run(imported(node.model), node.run_time_inputs)["y0"]
    assert np.isnan(y).sum() == 1


def test_grid_sample_refusals() -> None:
    (reason,) = reasons_of(OneNode("GridSample", [IMAGE, points(2, 3, 4, 3)], {}, 16))
    assert reason == "node node (GridSample): an image f32[2, 3, 5, 6] and a grid f32[2, 3, 4, 3] do not fit"


@pytest.mark.parametrize("align_corners", [0, 1])
@pytest.mark.parametrize("constants", [[1], []])
def test_affine_grid(align_corners: int, constants: list[int]) -> None:
    attributes = {"align_corners": align_corners}
    check("AffineGrid", floats(2, 2, 3), np.array([2, 3, 4, 5]), opset=20, constants=constants, **attributes)
    check("AffineGrid", floats(1, 3, 4), np.array([1, 3, 2, 4, 5]), opset=20, constants=constants, **attributes)


REGIONS = np.array([[0.5, 0.5, 6, 4], [-3, 2, 3, 9], [2, 2, 2.2, 2.1], [9, 9, 12, 14]], np.float32)
IMAGE_OF_REGION = np.array([0, 1, 0, 1])


@pytest.mark.parametrize(("mode", "transform"), [("avg", "output_half_pixel"), ("max", "half_pixel")])
@pytest.mark.parametrize("ratio", [0, 2])
def test_roi_align(mode: str, ratio: int, transform: str) -> None:
    attributes = {"mode": mode, "sampling_ratio": ratio, "coordinate_transformation_mode": transform}
    sizes = {"output_height": 2, "output_width": 3, "spatial_scale": 0.75}
    dims = {0: SYMBOLIC_IMAGE, 1: ("k", 4), 2: ("k",)}
    check("RoiAlign", IMAGE, REGIONS, IMAGE_OF_REGION, opset=16, dims=dims, tolerance="f32-sums", **attributes, **sizes)


def test_roi_align_of_no_regions_and_of_one_image() -> None:
    check("RoiAlign", IMAGE, REGIONS[:0], IMAGE_OF_REGION[:0], opset=10, dims={1: ("k", 4), 2: ("k",)})
    check("RoiAlign", IMAGE[:1], REGIONS, IMAGE_OF_REGION * 0, opset=10, output_width=2, tolerance="f32-sums")


def test_max_roi_pool() -> None:
    rois = np.concatenate([IMAGE_OF_REGION[:, None].astype(np.float32), REGIONS], 1)
    dims = {0: ("n", 3, 5, 6), 1: ("k", 5)}
    for scale in (1.0, 0.5):
        check("MaxRoiPool", IMAGE, rois, dims=dims, pooled_shape=[3, 2], spatial_scale=scale)
    node = OneNode("MaxRoiPool", [IMAGE, rois], {"pooled_shape": [2, 2]}, dims={0: SYMBOLIC_IMAGE})
    assert "must be known; fix them" in reasons_of(node)[0]


@pytest.mark.parametrize(("groups", "shared", "has_mask"), [(1, 1, True), (2, 4, False), (1, 2, True)])
def test_deform_conv(groups: int, shared: int, has_mask: bool) -> None:
    x, weight = floats(2, 4, 6, 5), floats(6, 4 // groups, 3, 2, seed=1)
    offset, bias = 2 * floats(2, shared * 12, 3, 3, seed=2), floats(6, seed=3)
    inputs = [x, weight, offset, bias, *([floats(2, shared * 6, 3, 3, seed=4)] if has_mask else [])]
    attributes: dict[str, Any] = {"strides": [2, 1], "pads": [1, 0, 1, 1], "dilations": [1, 3], "group": groups}
    dims = {0: ("n", 4, "h", "w")}
    check("DeformConv", *inputs, opset=19, dims=dims, offset_group=shared, tolerance="f32-sums", **attributes)


COLUMNS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((5, 6), (2, 3), {}),
    ((5, 7), (3, 2), {"strides": [2, 3], "pads": [1, 0, 1, 2]}),
    ((6, 7), (2, 3), {"strides": [1, 2], "dilations": [3, 2], "pads": [0, 1, 2, 1]}),
    ((4, 6), (2, 3), {"strides": [2, 3]}),
    ((9,), (4,), {"strides": [2], "pads": [1, 1]}),
    ((3, 4, 5), (1, 2, 3), {"strides": [1, 2, 1]}),
]


@pytest.mark.parametrize(("sizes", "kernel", "attributes"), COLUMNS)
def test_col2im(sizes: tuple[int, ...], kernel: tuple[int, ...], attributes: dict[str, Any]) -> None:
    x = floats(2, 3 * int(np.prod(kernel)), int(np.prod(_counts(sizes, kernel, **attributes))))
    inputs = x, np.array(sizes), np.array(kernel)
    dims = {0: ("n", x.shape[1], x.shape[2])}
    oracle: Any = "onnx" if "dilations" in attributes else "onnxruntime"
    check("Col2Im", *inputs, opset=18, constants=[1, 2], dims=dims, oracle=oracle, tolerance="f32-sums", **attributes)


def _counts(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: list[int] | None = None,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
) -> list[int]:
    rank = len(sizes)
    strides, dilations, pads = strides or [1] * rank, dilations or [1] * rank, pads or [0] * 2 * rank
    rooms = [sizes[i] + pads[i] + pads[i + rank] - dilations[i] * (kernel[i] - 1) - 1 for i in range(rank)]
    return [room // stride + 1 for room, stride in zip(rooms, strides, strict=True)]


def test_col2im_of_a_block_that_only_the_run_shows() -> None:
    node = OneNode("Col2Im", [floats(1, 12, 4), np.array([3, 4]), np.array([2, 3])], {"pads": [0, 0, 0, 0]}, 18)
    assert "declare the shape of the result" in reasons_of(node)[0]


def test_images_are_not_decoded() -> None:
    node = OneNode("ImageDecoder", [integers(9, dtype=np.uint8)], {}, 20)
    assert "decode them before the model" in reasons_of(node)[0]
