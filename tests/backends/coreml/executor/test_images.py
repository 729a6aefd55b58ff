"""Resizing, sampling and boxes of the executor, held against onnxruntime and against values computed by hand."""

import numpy as np
import pytest

from glmir.backends.coreml.executor import ProgramError
from tests.backends.coreml.executor.onnx_reference import onnx_outputs
from tests.backends.coreml.executor.programs import Array, Input, check, compute

RNG = np.random.default_rng(4)
X = RNG.standard_normal((1, 2, 5, 7)).astype(np.float32)


def resized(sizes: tuple[int, int], mode: str, coordinates: str, rounding: str = "floor") -> Array:
    given = {"x": X, "_roi": X, "_scales": X, "sizes": np.array([1, 2, *sizes])}
    return onnx_outputs("Resize", given, mode=mode, coordinate_transformation_mode=coordinates, nearest_mode=rounding)[
        0
    ]


SIZES = [(10, 14), (3, 4), (8, 5), (1, 1)]
MODES = [
    ("DEFAULT", "asymmetric"),
    ("STRICT_ALIGN_CORNERS", "align_corners"),
    ("UNALIGN_CORNERS", "half_pixel"),
]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(("mode", "coordinates"), MODES)
def test_bilinear(sizes: tuple[int, int], mode: str, coordinates: str) -> None:
    expected = resized(sizes, "linear", coordinates)
    height, width = sizes
    check(
        "resize_bilinear", expected, x=Input(X), target_size_height=height, target_size_width=width, sampling_mode=mode
    )
    check(
        "resize", expected, opset="CoreML7", x=Input(X), shape=[1, *sizes], resized_dims=np.uint32(2),
        interpolation_mode="LINEAR", sampling_mode=mode,
    )  # fmt: skip


def test_the_documented_grids() -> None:
    x = np.array([[[0, 1]]], np.float32)
    for mode, grid in {
        "UNALIGN_CORNERS": [0, 0.1, 0.5, 0.9, 1],
        "STRICT_ALIGN_CORNERS": [0, 0.25, 0.5, 0.75, 1],
        "ALIGN_CORNERS": [0, 0.25, 0.5, 0.75, 1],
        "DEFAULT": [0, 0.4, 0.8, 1, 1],
        "OFFSET_CORNERS": [0.1, 0.3, 0.5, 0.7, 0.9],
    }.items():
        expected = np.array([[grid]], np.float32)
        check("resize_bilinear", expected, x=Input(x), target_size_height=1, target_size_width=5, sampling_mode=mode)


@pytest.mark.parametrize("sizes", SIZES)
def test_nearest(sizes: tuple[int, int]) -> None:
    rows, columns = (((np.arange(n) + 0.5) * d / n).astype(int) for n, d in zip(sizes, X.shape[2:], strict=True))
    expected = X[:, :, rows[:, None], columns]
    given = {"target_size_height": sizes[0], "target_size_width": sizes[1]}
    check("resize_nearest_neighbor", expected, x=Input(X), **given)
    check(
        "resize", expected, opset="CoreML7", x=Input(X), shape=list(sizes), resized_dims=np.uint32(2),
        interpolation_mode="NEAREST_NEIGHBOR", sampling_mode="DEFAULT",
    )  # fmt: skip


def test_upsampling() -> None:
    factors = {"scale_factor_height": 2, "scale_factor_width": 3}
    expected = resized((10, 21), "nearest", "asymmetric")
    check("upsample_nearest_neighbor", expected, x=Input(X), **factors)
    for align, coordinates in ((True, "align_corners"), (False, "half_pixel")):
        expected = resized((10, 21), "linear", coordinates)
        check("upsample_bilinear", expected, x=Input(X), align_corners=align, **factors)
    expected = resized((10, 21), "linear", "asymmetric")
    check("upsample_bilinear", expected, x=Input(X), align_corners=False, half_pixel_centers=False, **factors)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("padding", "onnx_padding"), [("constant", "zeros"), ("border", "border")])
@pytest.mark.parametrize(("mode", "onnx_mode"), [("bilinear", "linear"), ("nearest", "nearest")])
def test_resample(mode: str, onnx_mode: str, padding: str, onnx_padding: str, align: bool) -> None:
    grid = RNG.uniform(-1.4, 1.4, (1, 6, 4, 2)).astype(np.float32)
    (expected,) = onnx_outputs(
        "GridSample", {"x": X, "grid": grid}, mode=onnx_mode, padding_mode=onnx_padding, align_corners=int(align),
        opset=20,
    )  # fmt: skip
    check(
        "resample", expected, x=Input(X), coordinates=Input(grid), sampling_mode=mode, padding_mode=padding,
        padding_value=np.float32(0), coordinates_mode="normalized_minus_one_to_one", align_corners=align,
    )  # fmt: skip


@pytest.mark.parametrize(("padding", "align"), [("reflection", True), ("symmetric", False)])
def test_resample_with_reflections(padding: str, align: bool) -> None:
    """ONNX reflects at the centres of the border's pixels when corners are aligned, else at their edges."""
    grid = RNG.uniform(-2.5, 2.5, (1, 6, 4, 2)).astype(np.float32)
    (expected,) = onnx_outputs(
        "GridSample", {"x": X, "grid": grid}, mode="linear", padding_mode="reflection", align_corners=int(align),
        opset=20,
    )  # fmt: skip
    check(
        "resample", expected, x=Input(X), coordinates=Input(grid), sampling_mode="bilinear", padding_mode=padding,
        padding_value=np.float32(0), coordinates_mode="normalized_minus_one_to_one", align_corners=align,
    )  # fmt: skip


def test_identity_transform() -> None:
    matrix = np.array([[1, 0, 0, 0, 1, 0]], np.float32)
    check(
        "affine", X, x=Input(X), transform_matrix=Input(matrix), output_height=5, output_width=7,
        sampling_mode="bilinear", padding_mode="constant", padding_value=np.float32(0),
        coordinates_mode="normalized_minus_one_to_one", align_corners=True,
    )  # fmt: skip


CROP = {
    "target_height": 2, "target_width": 3, "normalized_coordinates": False, "spatial_scale": np.float32(1),
    "sampling_mode": "STRICT_ALIGN_CORNERS", "box_coordinate_mode": "CORNERS_HEIGHT_FIRST",
}  # fmt: skip


def test_crop_resize() -> None:
    x = np.arange(70, dtype=np.float32).reshape(2, 1, 5, 7)
    box = np.array([[1, 2, 3, 6]], np.float32)
    patch = x[:, :, [1, 3]][..., [2, 4, 6]]
    check("crop_resize", patch[None], opset="CoreML5", x=Input(x), roi=box.reshape(1, 1, 4, 1, 1), **CROP)
    indexed = np.array([1, 1, 2, 3, 6], np.float32).reshape(1, 1, 5, 1, 1)
    zero = {"pad_value": np.float32(-1)}
    check("crop_resize", patch[None, 1:], x=Input(x), roi=Input(indexed), **CROP, **zero)
    given = {"x": Input(x), "box_indices": np.array([1], np.int32), "opset": "CoreML7", **zero}
    check("crop_resize", patch[1:], boxes=Input(box), **given, **CROP)
    centred = np.array([[4, 2, 4, 2]], np.float32)
    check(
        "crop_resize", patch[1:], boxes=centred, **given, **{**CROP, "box_coordinate_mode": "CENTER_SIZE_WIDTH_FIRST"}
    )
    outside = np.array([[1, 2, 5, 6]], np.float32)
    expected = patch[1:].copy()
    expected[:, :, 1] = -1
    check("crop_resize", expected, boxes=outside, **given, **CROP)


def test_suppression_of_overlapping_boxes() -> None:
    boxes = np.array([[[5, 5, 4, 4], [5.5, 5, 4, 4], [20, 5, 4, 4], [5, 5.2, 4, 4]]], np.float32)
    scores = np.array([[[0.5, 0], [0.9, 0], [0.3, 0], [0, 0.6]]], np.float32)
    given = {"iou_threshold": np.float32(0.5), "max_boxes": 3}

    def expected(selected: list[int]) -> tuple[Array, Array, Array]:
        kept, probabilities = np.zeros((1, 3, 4), np.float32), np.zeros((1, 3, 2), np.float32)
        kept[0, : len(selected)], probabilities[0, : len(selected)] = boxes[0][selected], scores[0][selected]
        return kept, probabilities, np.array([selected + [-1] * (3 - len(selected))], np.int32)

    results = expected([1, 2])
    check(
        "non_maximum_suppression", *results, np.array([2], np.int32), boxes=Input(boxes), scores=Input(scores),
        score_threshold=np.float32(0.1), per_class_suppression=False, **given,
    )  # fmt: skip
    kept, probabilities, indices = expected([1, 3, 2])
    check(
        "non_maximum_suppression", kept.swapaxes(1, 2), probabilities.swapaxes(1, 2), indices, opset="CoreML7",
        boxes=Input(np.ascontiguousarray(boxes.swapaxes(1, 2))), per_class_suppression=True,
        scores=Input(np.ascontiguousarray(scores.swapaxes(1, 2))), **given,
    )  # fmt: skip


def test_integers_are_not_interpolated() -> None:
    x = np.zeros((1, 1, 2, 2), np.int32)
    with pytest.raises(ProgramError, match="integers are interpolated"):
        compute(
            "resize", x, opset="CoreML7", x=Input(x), shape=[2, 2], resized_dims=np.uint32(2),
            interpolation_mode="LINEAR", sampling_mode="DEFAULT",
        )  # fmt: skip
