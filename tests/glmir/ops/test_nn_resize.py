"""Resize against onnxruntime, every mode and coordinate transform."""

import itertools

import numpy as np
import pytest

from glmir.dims import symbol
from glmir.ir import Array, Value
from glmir.opdef import ConstraintError
from glmir.ops import nn
from glmir.ops.enums import CoordinateTransform, NearestRounding, ResizeMode
from glmir.parser import parse_type

from .onnx_reference import assert_close, random_array, run_onnx, run_op

TRANSFORMS = [t for t in CoordinateTransform if t is not CoordinateTransform.TF_HALF_PIXEL_FOR_NN]
SCALES = [(2.0, 3.0), (0.5, 0.6), (1.7, 0.35), (2.5, 1.0)]


def scales_of(transform: CoordinateTransform) -> list[tuple[float, float]]:
    """The scales to compare with onnxruntime under a transform."""
    if transform is CoordinateTransform.TF_CROP_AND_RESIZE:
        # onnxruntime leaves an axis of scale 1 as it is, although the region may be a part of it.
        return SCALES[:3]
    if transform is CoordinateTransform.HALF_PIXEL_SYMMETRIC:
        # By 0.6 some coordinates are integers but for rounding, which this transform leaves to chance.
        return [(a, 0.55 if b == 0.6 else b) for a, b in SCALES]
    return SCALES


def resize(x: Array, shape: tuple[int, ...], scales: tuple[float, ...], **settings: object) -> Array:
    """x resized by our op; scales are first rounded to single precision, as ONNX stores them."""
    single = tuple(float(np.float32(s)) for s in scales)
    fields = {"mode": ResizeMode.LINEAR, "transform": CoordinateTransform.HALF_PIXEL} | settings
    return run_op(lambda x: nn.Resize(x, shape, single, **fields), [x])


def onnx_resize(x: Array, scales: tuple[float, ...] = (), shape: tuple[int, ...] = (), **attributes: object) -> Array:
    roi = attributes.pop("roi", None)
    return run_onnx(
        "Resize",
        [
            x,
            None if roi is None else np.array(roi, np.float32),
            np.array(scales, np.float32) if scales else None,
            np.array(shape, np.int64) if shape else None,
        ],
        opset=19,
        **attributes,
    )


def region(transform: CoordinateTransform) -> tuple[float, ...]:
    return (0.0, 0.0, 0.2, -0.3, 1.0, 1.0, 0.7, 1.2) if transform is CoordinateTransform.TF_CROP_AND_RESIZE else ()


def assert_resize(
    mode: ResizeMode, transform: CoordinateTransform, factors: tuple[float, float], settings: dict
) -> None:
    x = random_array([1, 2, 7, 10], 1)
    roi = region(transform)
    scales = (1.0, 1.0, *factors)
    attributes = {k: (v.value if isinstance(v, NearestRounding) else float(v)) for k, v in settings.items()}
    names = {"rounding": "nearest_mode", "cubic_coefficient": "cubic_coeff_a", "extrapolation": "extrapolation_value"}
    given = {names.get(k, k): int(v) if k in ("exclude_outside", "antialias") else v for k, v in attributes.items()}
    given |= {"mode": mode.value, "coordinate_transformation_mode": transform.value} | ({"roi": roi} if roi else {})
    expected = onnx_resize(x, scales, **given)
    y = resize(x, expected.shape, scales, mode=mode, transform=transform, roi=roi, **settings)
    assert_close(y, expected)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: t.value)
@pytest.mark.parametrize("rounding", NearestRounding, ids=lambda r: r.value)
def test_nearest(transform: CoordinateTransform, rounding: NearestRounding) -> None:
    for factors in scales_of(transform):
        assert_resize(ResizeMode.NEAREST, transform, factors, {"rounding": rounding, "extrapolation": 3.5})


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: t.value)
def test_linear(transform: CoordinateTransform) -> None:
    for factors in scales_of(transform):
        assert_resize(ResizeMode.LINEAR, transform, factors, {"extrapolation": 3.5})


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: t.value)
@pytest.mark.parametrize("exclude_outside", [False, True])
def test_cubic(transform: CoordinateTransform, exclude_outside: bool) -> None:
    for factors, coefficient in itertools.product(scales_of(transform), (-0.75, -0.5)):
        settings = {"exclude_outside": exclude_outside, "cubic_coefficient": coefficient, "extrapolation": 3.5}
        assert_resize(ResizeMode.CUBIC, transform, factors, settings)


@pytest.mark.parametrize("mode", [ResizeMode.LINEAR, ResizeMode.CUBIC], ids=lambda m: m.value)
@pytest.mark.parametrize("exclude_outside", [False, True])
@pytest.mark.parametrize("transform", ["half_pixel", "align_corners", "asymmetric"])
def test_antialias(mode: ResizeMode, exclude_outside: bool, transform: str) -> None:
    for factors in SCALES:
        settings = {"antialias": True, "exclude_outside": exclude_outside}
        assert_resize(mode, CoordinateTransform(transform), factors, settings)


@pytest.mark.parametrize("mode", ResizeMode, ids=lambda m: m.value)
@pytest.mark.parametrize("size", [(14, 5), (3, 21), (1, 1), (13, 10)])
def test_sizes_without_scales(mode: ResizeMode, size: tuple[int, int]) -> None:
    x = random_array([1, 2, 7, 10], 1)
    expected = onnx_resize(x, shape=(1, 2, *size), mode=mode.value)
    assert_close(resize(x, (1, 2, *size), (), mode=mode), expected)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 9, 12, 20])
def test_exact_coordinates_round_down_to_themselves(size: int) -> None:
    """With a scale of n / size, element k * n lies at k * size exactly, whatever n / size rounds to."""
    x = np.arange(size * 4, dtype=np.float32)
    for n in range(1, 30):
        y = resize(
            x, (4 * n,), (), mode=ResizeMode.NEAREST, transform=CoordinateTransform.ASYMMETRIC,
            rounding=NearestRounding.FLOOR,
        )  # fmt: skip
        np.testing.assert_array_equal(y, x[np.arange(4 * n) * size // n])


def test_tf_half_pixel_for_nearest() -> None:
    x = random_array([1, 1, 4, 5], 1)
    y = resize(
        x, (1, 1, 8, 3), (1.0, 1.0, 2.0, 0.6), mode=ResizeMode.NEAREST, rounding=NearestRounding.FLOOR,
        transform=CoordinateTransform.TF_HALF_PIXEL_FOR_NN,
    )  # fmt: skip
    np.testing.assert_array_equal(y, x[:, :, [0, 0, 1, 1, 2, 2, 3, 3]][..., [0, 2, 4]])


def test_single_element_results() -> None:
    x = random_array([1, 1, 4, 6], 1)
    for transform in ("pytorch_half_pixel", "align_corners", "half_pixel"):
        expected = onnx_resize(x, shape=(1, 1, 1, 3), mode="linear", coordinate_transformation_mode=transform)
        assert_close(resize(x, (1, 1, 1, 3), (), transform=CoordinateTransform(transform)), expected)


def test_linear_of_bytes_and_halves() -> None:
    x = np.random.default_rng(1).integers(0, 256, (1, 1, 5, 6)).astype(np.uint8)
    exact = resize(x.astype(np.float32), (1, 1, 9, 7), ())
    np.testing.assert_array_equal(resize(x, (1, 1, 9, 7), ()), exact.astype(np.uint8))
    assert_close(resize(x.astype(np.float16), (1, 1, 9, 7), ()), exact.astype(np.float16), 1e-3)


def test_symbolic_shape() -> None:
    x = random_array([1, 2, 4, 5], 1)

    def build(x: Value) -> nn.Resize:
        n, c, h, w = x.type.shape
        return nn.Resize(x, (n, c, 2 * h, w * 2), (), ResizeMode.LINEAR, CoordinateTransform.HALF_PIXEL)

    assert_close(run_op(build, [x], {0: "f32[n, 2, h, w]"}), onnx_resize(x, (1, 1, 2, 2), mode="linear"))


def test_sizes_from_an_operand() -> None:
    x, dims = random_array([1, 2, 4, 5], 1), np.array([1, 2, 6, 9], np.int64)

    def build(x: Value, dims: Value) -> nn.Resize:
        shape = (*x.type.shape[:2], symbol("u0"), symbol("u1"))
        return nn.Resize(x, shape, (), ResizeMode.LINEAR, CoordinateTransform.HALF_PIXEL, dims=dims)

    assert_close(run_op(build, [x, dims]), onnx_resize(x, shape=(1, 2, 6, 9), mode="linear"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (1, 2, 3)}, "a size for every axis"),
        ({"scales": (1.0, 2.0)}, "positive scale for every axis"),
        ({"scales": (1.0, 1.0, 0.0, 1.0)}, "positive scale for every axis"),
        ({"roi": (0.0,) * 8}, "region"),
        ({"transform": CoordinateTransform.TF_CROP_AND_RESIZE}, "region"),
        ({"mode": ResizeMode.NEAREST, "antialias": True}, "antialiasing filter"),
        ({"dims": Value(parse_type("i64[3]"))}, "integer vector"),
        ({"x": Value(parse_type("bool[1, 2, 4, 4]"))}, "not bool"),
    ],
)
def test_constraints(changes: dict[str, object], message: str) -> None:
    fields = {
        "x": Value(parse_type("f32[1, 2, 4, 4]")),
        "shape": (1, 2, 8, 8),
        "scales": (),
        "mode": ResizeMode.LINEAR,
        "transform": CoordinateTransform.HALF_PIXEL,
    } | changes
    with pytest.raises(ConstraintError, match=message):
        nn.Resize(**fields)
