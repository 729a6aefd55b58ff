"""Resampling: what is written, run, and held against the interpreter."""

from itertools import product

import pytest

from glmir.dims import Dim, parse_dim
from glmir.ir import Value
from glmir.ops import nn
from glmir.ops.enums import CoordinateTransform, NearestRounding, ResizeMode, SamplePadding
from glmir.types import DType
from tests.backends.building import argument

from .harness import check_op

N, H, W = (parse_dim(d) for d in "nhw")
TRANSFORMS = tuple(t for t in CoordinateTransform if t is not CoordinateTransform.TF_CROP_AND_RESIZE)
CENTRED = CoordinateTransform.TF_HALF_PIXEL_FOR_NN, NearestRounding.FLOOR
NEAREST, LINEAR, CUBIC = ResizeMode.NEAREST, ResizeMode.LINEAR, ResizeMode.CUBIC


def resize(
    x: Value,
    shape: tuple[Dim, ...],
    mode: ResizeMode,
    transform: CoordinateTransform = CoordinateTransform.HALF_PIXEL,
    rounding: NearestRounding = NearestRounding.ROUND_PREFER_FLOOR,
    scales: tuple[float, ...] = (),
    antialias: bool = False,
) -> nn.Resize:
    return nn.Resize(x, shape, scales, mode, transform, rounding, antialias=antialias)


@pytest.mark.parametrize("shape", [(1, 2, 8, 12), (1, 2, 3, 4), (1, 2, 7, 5), (1, 2, 6, 9)], ids=str)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: t.value)
@pytest.mark.parametrize("mode", ResizeMode, ids=lambda m: m.value)
def test_known_sizes(mode: ResizeMode, transform: CoordinateTransform, shape: tuple[int, ...]) -> None:
    check_op(resize(argument(1, 2, 4, 6), shape, mode, transform))


@pytest.mark.parametrize("rounding", NearestRounding, ids=lambda r: r.value)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: t.value)
def test_rounding(transform: CoordinateTransform, rounding: NearestRounding) -> None:
    check_op(resize(argument(1, 2, 4, 6), (1, 2, 8, 18), NEAREST, transform, rounding), tolerance="exact")


# The other transforms need known sizes.
WITHOUT_SIZES = [t for t in TRANSFORMS if t is not CoordinateTransform.HALF_PIXEL_SYMMETRIC]
DOUBLINGS = [
    (m, t) for m, t in product(ResizeMode, WITHOUT_SIZES) if (m, t) != (NEAREST, CoordinateTransform.PYTORCH_HALF_PIXEL)
]


@pytest.mark.parametrize("version", (15, 16))
@pytest.mark.parametrize(("mode", "transform"), DOUBLINGS, ids=lambda v: v.value)
def test_doubling_of_unknown_sizes(mode: ResizeMode, transform: CoordinateTransform, version: int) -> None:
    shape, scales = (N, 2, 2 * H, 2 * W), (1.0, 1.0, 2.0, 2.0)
    doubled = resize(argument("n", 2, "h", "w"), shape, mode, transform, NearestRounding.FLOOR, scales)
    check_op(doubled, {"n": 1, "h": 4, "w": 3}, {"n": 2, "h": 2, "w": 5}, tolerance="approximate", version=version)


@pytest.mark.parametrize("mode", ResizeMode, ids=lambda m: m.value)
def test_known_result_of_unknown_sizes(mode: ResizeMode) -> None:
    resized = resize(argument("n", 2, "h", "w"), (N, 2, 7, 9), mode)
    check_op(resized, {"n": 1, "h": 4, "w": 3}, {"n": 2, "h": 9, "w": 2}, tolerance="approximate")


WRITTEN = {
    "upsample_nearest_neighbor": resize(argument("n", 2, "h", "w"), (N, 2, 2 * H, 3 * W), NEAREST),
    "upsample_bilinear": resize(argument("n", 2, "h", "w"), (N, 2, 2 * H, 3 * W), LINEAR),
    "resize_nearest_neighbor": resize(argument(1, 2, 4, 6), (1, 2, 7, 5), NEAREST, *CENTRED),
    "resize_bilinear": resize(argument("n", 2, 4, 6), (N, 2, 7, 5), LINEAR),
}


@pytest.mark.parametrize("operations", WRITTEN)
def test_written_operation(operations: str) -> None:
    check_op(WRITTEN[operations], {"n": 1, "h": 4, "w": 3}, {"n": 2, "h": 2, "w": 5}, writes=operations)


@pytest.mark.parametrize("mode", (NEAREST, LINEAR), ids=lambda m: m.value)
@pytest.mark.parametrize(
    ("shape", "result"),
    [((2, 3, 5), (2, 3, 10)), ((1, 2, 3, 4, 5), (1, 2, 6, 8, 10)), ((1, 4, 5, 3), (1, 8, 10, 3)), ((4, 5), (7, 5))],
    ids=str,
)
def test_other_axes(shape: tuple[int, ...], result: tuple[int, ...], mode: ResizeMode) -> None:
    check_op(resize(argument(*shape), result, mode))


@pytest.mark.parametrize("padding", SamplePadding, ids=lambda p: p.value)
@pytest.mark.parametrize("align_corners", (False, True))
def test_grids(padding: SamplePadding, align_corners: bool) -> None:
    ways = {"zeros": "resample", "border": "clip resample", "reflection": "add abs mod sub minimum add clip resample"}
    sampled = nn.GridSample(argument("n", 3, 5, "w"), argument("n", 4, 6, 2), LINEAR, padding, align_corners)
    check_op(sampled, {"n": 2, "w": 4}, writes=ways[padding.value])


def test_positions_stay_single() -> None:
    image = argument(1, 3, 5, 4, dtype=DType.F16)
    op = nn.GridSample(image, argument(1, 4, 6, 2), LINEAR, SamplePadding.ZEROS)
    check_op(op, tolerance="f16", writes="resample")


@pytest.mark.parametrize("mode", (NEAREST, CUBIC), ids=lambda m: m.value)
def test_grids_in_other_modes(mode: ResizeMode) -> None:
    check_op(nn.GridSample(argument(2, 3, 5, 4), argument(2, 4, 6, 2), mode, SamplePadding.ZEROS))


def test_nothing_to_resize() -> None:
    check_op(resize(argument(1, 2, 4, 6), (1, 2, 4, 6), LINEAR), tolerance="exact")


@pytest.mark.parametrize("mode", ResizeMode, ids=lambda m: m.value)
def test_halves(mode: ResizeMode) -> None:
    check_op(resize(argument(1, 3, 8, 8, dtype=DType.F16), (1, 3, 12, 13), mode), tolerance="f16")


def test_integers() -> None:
    check_op(resize(argument(1, 3, 8, 8, dtype=DType.I32), (1, 3, 16, 12), NEAREST), tolerance="exact")


def test_antialias() -> None:
    check_op(resize(argument(1, 3, 8, 8), (1, 3, 3, 3), LINEAR, antialias=True))


def test_crop() -> None:
    transform, roi = CoordinateTransform.TF_CROP_AND_RESIZE, (0.0, 0.0, 0.2, 0.1, 1.0, 1.0, 1.2, 0.8)
    check_op(nn.Resize(argument(1, 2, 8, 8), (1, 2, 5, 5), (), LINEAR, transform, extrapolation=2.0, roi=roi))
