"""Resampling in LiteRT, held against the interpreter."""

from typing import Any

import pytest

from glmir.dims import Dim, symbol
from glmir.ir import Value
from glmir.ops import nn
from glmir.ops.enums import CoordinateTransform, NearestRounding, ResizeMode
from glmir.types import DType
from tests.backends.building import Sizes, argument

from .harness import check_op

LINEAR, NEAREST, CUBIC = ResizeMode.LINEAR, ResizeMode.NEAREST, ResizeMode.CUBIC
HALF_PIXEL, ASYMMETRIC = CoordinateTransform.HALF_PIXEL, CoordinateTransform.ASYMMETRIC
SYMMETRIC = CoordinateTransform.HALF_PIXEL_SYMMETRIC
CROP = CoordinateTransform.TF_CROP_AND_RESIZE
SIZES: tuple[Sizes, ...] = ({"n": 1, "h": 3, "w": 4}, {"n": 2, "h": 5, "w": 7})
ROI = (0.0, 0.1, 0.2, 0.0, 1.0, 0.8, 1.1, 1.0)
N, H, W = symbol("n"), symbol("h"), symbol("w")

SAMPLES: list[tuple[tuple[int, ...], tuple[float, ...]]] = [
    ((1, 8, 14, 3), ()),
    ((1, 8, 14, 3), (1.0, 2.0, 2.0, 1.0)),
    ((1, 3, 5, 3), ()),
    ((1, 9, 10, 3), (1.0, 2.25, 1.45, 1.0)),
    ((1, 1, 4, 3), ()),
]


def resize(
    x: Value,
    shape: tuple[Dim, ...],
    scales: tuple[float, ...] = (),
    mode: ResizeMode = LINEAR,
    transform: CoordinateTransform = HALF_PIXEL,
    **options: Any,
) -> nn.Resize:
    return nn.Resize(x, shape, scales, mode, transform, **options)


@pytest.mark.parametrize(("shape", "scales"), SAMPLES, ids=str)
@pytest.mark.parametrize("transform", CoordinateTransform, ids=lambda t: t.value)
@pytest.mark.parametrize("mode", [LINEAR, CUBIC], ids=lambda m: m.value)
def test_interpolation(
    mode: ResizeMode, transform: CoordinateTransform, shape: tuple[int, ...], scales: tuple[float, ...]
) -> None:
    roi = ROI if transform is CROP else ()
    check_op(resize(argument(1, 4, 7, 3), shape, scales, mode, transform, roi=roi))


@pytest.mark.parametrize(("shape", "scales"), SAMPLES, ids=str)
@pytest.mark.parametrize("transform", CoordinateTransform, ids=lambda t: t.value)
@pytest.mark.parametrize("rounding", NearestRounding, ids=lambda r: r.value)
def test_nearest(
    rounding: NearestRounding, transform: CoordinateTransform, shape: tuple[int, ...], scales: tuple[float, ...]
) -> None:
    roi = ROI if transform is CROP else ()
    op = resize(argument(1, 4, 7, 3), shape, scales, NEAREST, transform, rounding=rounding, roi=roi)
    check_op(op, tolerance="exact")


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
@pytest.mark.parametrize("has_scales", [False, True])
@pytest.mark.parametrize("transform", [HALF_PIXEL, ASYMMETRIC, CoordinateTransform.PYTORCH_HALF_PIXEL])
def test_dynamic_interpolation(transform: CoordinateTransform, has_scales: bool, factor: int) -> None:
    scales = (1.0, float(factor), float(factor), 1.0) if has_scales else ()
    check_op(resize(argument("n", "h", "w", 3), (N, H * factor, W * factor, 3), scales, LINEAR, transform), *SIZES)


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
@pytest.mark.parametrize("has_scales", [False, True])
@pytest.mark.parametrize(
    ("transform", "rounding"),
    [
        (ASYMMETRIC, NearestRounding.FLOOR),
        (HALF_PIXEL, NearestRounding.ROUND_PREFER_FLOOR),
        (HALF_PIXEL, NearestRounding.ROUND_PREFER_CEIL),
    ],
)
def test_dynamic_nearest(
    transform: CoordinateTransform, rounding: NearestRounding, has_scales: bool, factor: int
) -> None:
    scales = (1.0, float(factor), float(factor), 1.0) if has_scales else ()
    x = argument("n", "h", "w", 3)
    op = resize(x, (N, H * factor, W * factor, 3), scales, NEAREST, transform, rounding=rounding)
    check_op(op, *SIZES, tolerance="exact")


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("mode", [LINEAR, NEAREST])
@pytest.mark.parametrize("transform", [HALF_PIXEL, ASYMMETRIC])
def test_dynamic_shrinking(transform: CoordinateTransform, mode: ResizeMode, factor: int) -> None:
    shape = (N, H // factor, W // factor, 3)
    op = resize(argument("n", "h", "w", 3), shape, (1.0, 1 / factor, 1 / factor, 1.0), mode, transform)
    check_op(op, {"n": 1, "h": 9, "w": 8}, {"n": 2, "h": 12, "w": 11})


UNRELATED: tuple[Sizes, ...] = ({"n": 1, "h": 4, "w": 1}, {"n": 2, "h": 7, "w": 5}, {"n": 1, "h": 2, "w": 13})


def image() -> Value:
    return argument("n", "h", "w", 3)


PLAIN = [t for t in CoordinateTransform if t is not CROP]


@pytest.mark.parametrize("transform", PLAIN, ids=lambda t: t.value)
@pytest.mark.parametrize("mode", [LINEAR, CUBIC], ids=lambda m: m.value)
@pytest.mark.parametrize("exclude_outside", [False, True])
def test_interpolation_to_sizes_at_run_time(
    mode: ResizeMode, transform: CoordinateTransform, exclude_outside: bool
) -> None:
    for shape in ((N, H + 3, W * 2 - 1, 3), (N, 5, W // 3 + 1, 3)):
        op = resize(image(), shape, (), mode, transform, exclude_outside=exclude_outside)
        check_op(op, *UNRELATED, tolerance="f32-sums")
    op = resize(image(), (N, H * 3 // 2, W, 3), (1.0, 1.5, 1.0, 1.0), mode, HALF_PIXEL, exclude_outside=exclude_outside)
    check_op(op, *UNRELATED, tolerance="f32-sums")


@pytest.mark.parametrize("transform", PLAIN, ids=lambda t: t.value)
@pytest.mark.parametrize("rounding", NearestRounding, ids=lambda r: r.value)
def test_nearest_to_sizes_at_run_time(rounding: NearestRounding, transform: CoordinateTransform) -> None:
    for shape in ((N, H + 3, W * 2 - 1, 3), (N, 5, W // 3 + 1, 3)):
        check_op(resize(image(), shape, (), NEAREST, transform, rounding=rounding), *UNRELATED, tolerance="exact")
    if transform in (ASYMMETRIC, HALF_PIXEL):
        op = resize(image(), (N, H * 3 // 2, W, 3), (1.0, 1.5, 1.0, 1.0), NEAREST, transform, rounding=rounding)
        check_op(op, *UNRELATED, tolerance="exact")


@pytest.mark.parametrize(
    "op",
    [
        resize(image(), (N, 3, W // 2 + 1, 3), (), LINEAR, antialias=True),
        resize(image(), (N, 3, W // 2 + 1, 3), (), CUBIC, antialias=True, exclude_outside=True),
        resize(image(), (N, H * 3 // 2, W, 3), (1.0, 1.6, 1.0, 1.0), LINEAR, SYMMETRIC),
        resize(image(), (N, H * 3 // 2, W, 3), (1.0, 1.6, 1.0, 1.0), NEAREST, CoordinateTransform.PYTORCH_HALF_PIXEL),
        resize(image(), (N, 6, W + 2, 3), (), LINEAR, CROP, roi=ROI, extrapolation=7.0),
        resize(image(), (N, 6, W + 2, 3), (), NEAREST, CROP, roi=ROI, extrapolation=-2.0),
    ],
)
def test_filters_and_regions_at_run_time(op: nn.Resize) -> None:
    check_op(op, *UNRELATED, tolerance="f32-sums")


@pytest.mark.parametrize(
    "op",
    [
        resize(argument("n", 8, 7, 3), (N, 3, 4, 3), antialias=True),
        resize(argument("n", 8, 7, 3), (N, 3, 4, 3), mode=CUBIC, antialias=True),
        resize(argument("n", 8, 7, 3), (N, 16, 14, 3), mode=CUBIC, exclude_outside=True),
        resize(argument("n", 8, 7, 3), (N, 16, 14, 3), mode=CUBIC, cubic_coefficient=-0.5),
        resize(argument("n", 4, 7, 3), (N, 6, 9, 3), (), LINEAR, CROP, roi=ROI, extrapolation=7.0),
        resize(argument("n", 4, 7, 3), (N, 6, 9, 3), (), NEAREST, CROP, roi=ROI, extrapolation=-2.0),
    ],
)
def test_what_tensorflow_cannot(op: nn.Resize) -> None:
    check_op(op, *SIZES)


@pytest.mark.parametrize(
    "op",
    [
        resize(argument(1, 7, 3), (1, 14, 3)),
        resize(argument("n", 7, 3), (N, 14, 3), mode=NEAREST),
        resize(argument("n", "w", 3), (N, W * 2, 3), mode=NEAREST),
        resize(argument(1, 3, 4, 5, 2), (1, 6, 8, 10, 2)),
        resize(argument("n", 3, 4, 5, 2), (N, 6, 8, 10, 2), mode=NEAREST),
        resize(argument(1, 3, 4, 5), (1, 3, 8, 9)),
        resize(argument("n", 3, "h", "w"), (N, 3, H * 2, W * 2)),
        resize(argument(2, 3, 4, 5), (3, 5, 8, 9)),
        resize(argument(2, 3, 4, 5), (3, 3, 8, 5), mode=NEAREST),
        resize(argument(2, 3, 4, 5), (2, 3, 4, 5)),
    ],
)
def test_other_axes(op: nn.Resize) -> None:
    check_op(op, *SIZES)


def test_integers() -> None:
    check_op(resize(argument(1, 4, 5, 3, dtype=DType.I32), (1, 8, 9, 3), mode=NEAREST), tolerance="exact")


@pytest.mark.parametrize(
    ("op", "writes"),
    [
        (resize(argument(1, 4, 7, 3), (1, 8, 14, 3)), "RESIZE_BILINEAR"),
        (resize(argument("n", 4, 7, 3), (N, 8, 14, 3), (1.0, 2.0, 2.0, 1.0)), "RESIZE_BILINEAR"),
        (resize(argument(1, 4, 7, 3), (1, 8, 14, 3), antialias=True), "RESIZE_BILINEAR"),
        (resize(argument(1, 4, 7, 3), (1, 8, 14, 3), mode=NEAREST), "RESIZE_NEAREST_NEIGHBOR"),
    ],
)
def test_lean(op: nn.Resize, writes: str) -> None:
    check_op(op, *SIZES, writes=writes)
