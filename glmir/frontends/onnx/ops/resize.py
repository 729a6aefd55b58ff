"""Resize of all opsets, and Upsample, which it replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import TypeVar

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import nn
from ....ops.enums import CoordinateTransform, NearestRounding, ResizeMode
from ....types import Shape
from ..node import ImporterTable, Node, Unsupported, check_axis

TABLE = ImporterTable()
EnumT = TypeVar("EnumT", bound=Enum)


@dataclass(frozen=True)
class _Target:
    """What an operand is resized to: the result's shape, and the factors, empty where the sizes alone count."""

    shape: Shape
    scales: tuple[float, ...] = ()
    dims: Value | None = None


@TABLE.imports("Upsample")
def upsample(node: Node) -> Value:
    """The factors are attributes before opset 9, an operand in 9; coordinates are those of Resize in opset 10."""
    if node.opset < 7:
        return _resized_simply(node, (1.0, 1.0, node.float("height_scale"), node.float("width_scale")))
    scales = node.floats("scales") if node.opset < 9 else _scales(node, 1)
    return _resized_simply(node, scales)


@TABLE.imports("Resize")
def resize(node: Node) -> Value:
    if node.opset < 11:
        return _resized_simply(node, _scales(node, 1))
    x = node.operand(0)
    axes = tuple(check_axis(axis, x.type.rank) for axis in node.ints("axes", range(x.type.rank)))
    mode = _member(node, "mode", ResizeMode, "nearest")
    transform = _member(node, "coordinate_transformation_mode", CoordinateTransform, "half_pixel")
    roi = _region(node, axes) if transform is CoordinateTransform.TF_CROP_AND_RESIZE else ()
    target = _target(node, axes, roi)
    return nn.Resize(
        x,
        target.shape,
        target.scales,
        mode,
        transform,
        _member(node, "nearest_mode", NearestRounding, "round_prefer_floor"),
        node.float("cubic_coeff_a", -0.75),
        bool(node.int("exclude_outside", 0)),
        bool(node.int("antialias", 0)) and mode is not ResizeMode.NEAREST,
        node.float("extrapolation_value", 0.0),
        roi,
        target.dims,
    ).result


def _resized_simply(node: Node, scales: Sequence[float]) -> Value:
    """Coordinates are divided by the factor; the nearest element is the one before, when shrinking the one behind."""
    x, mode = node.operand(0), _member(node, "mode", ResizeMode, "nearest")
    _require_one_an_axis(scales, tuple(range(x.type.rank)))
    steps = [(NearestRounding.FLOOR, list(scales))]
    if mode is ResizeMode.NEAREST:
        growing, shrinking = [max(s, 1.0) for s in scales], [min(s, 1.0) for s in scales]
        steps = [(NearestRounding.FLOOR, growing), (NearestRounding.CEIL, shrinking)]
    for rounding, factors in steps:
        if all(s == 1 for s in factors):
            continue
        shape = tuple(_scaled(d, s) for d, s in zip(x.type.shape, factors, strict=True))
        x = nn.Resize(x, shape, tuple(factors), mode, CoordinateTransform.ASYMMETRIC, rounding).result
    return x


def _member(node: Node, name: str, enum: type[EnumT], default: str) -> EnumT:
    text = node.string(name, default)
    try:
        # Linear interpolation was called bilinear in old drafts, and some exporters still do.
        return enum("linear" if text == "bilinear" else text)
    except ValueError:
        raise Unsupported(f"{name} {text} is not known") from None


def _scales(node: Node, index: int) -> tuple[float, ...]:
    scales = node.numbers(index)
    if scales is None:
        raise Unsupported(f"input {index}, the scales, must be constant, but depends on data or symbolic dimensions")
    if not all(s > 0 for s in scales):
        raise Unsupported(f"the scales {list(scales)} are not all positive")
    return scales


def _require_one_an_axis(numbers: Sequence[object], axes: tuple[int, ...]) -> None:
    if len(numbers) != len(axes):
        raise Unsupported(f"there are {len(numbers)} scales, sizes or bounds for {len(axes)} axes")


def _region(node: Node, axes: tuple[int, ...]) -> tuple[float, ...]:
    """The region [starts..., ends...] for all axes; it covers those that it does not name."""
    given = node.numbers(1)
    if given is None:
        raise Unsupported("input 1, the region, must be constant")
    _require_one_an_axis(given, (*axes, *axes))
    rank = node.type(0).rank
    starts, ends = [0.0] * rank, [1.0] * rank
    for place, axis in enumerate(axes):
        starts[axis], ends[axis] = given[place], given[place + len(axes)]
    return (*starts, *ends)


def _target(node: Node, axes: tuple[int, ...], roi: tuple[float, ...]) -> _Target:
    shape = node.type(0).shape
    if _is_given(node, 3):
        return _sized(node, axes)
    scales = [1.0] * len(shape)
    given = _scales(node, 2)
    _require_one_an_axis(given, axes)
    for axis, scale in zip(axes, given, strict=True):
        scales[axis] = scale
    extents = [roi[i + len(shape)] - roi[i] for i in range(len(shape))] if roi else [1.0] * len(shape)
    sizes = tuple(_scaled(d, s, extent) for d, s, extent in zip(shape, scales, extents, strict=True))
    return _Target(sizes, tuple(scales))


def _is_given(node: Node, index: int) -> bool:
    """Whether the operand is there; exporters write an empty tensor too for one that they leave out."""
    value = node.optional(index)
    return value is not None and value.type.shape != (0,)


def _scaled(dim: Dim, scale: float, extent: float = 1.0) -> Dim:
    """floor(dim * extent * scale)"""
    if isinstance(dim, int):
        # In single precision, as the runtimes do: 10 * 0.7 is 7.
        return int(np.floor(np.float32(dim) * np.float32(extent) * np.float32(scale)))
    ratio = _ratio(scale) * _ratio(extent)
    return dim * ratio.numerator // ratio.denominator


def _ratio(number: float) -> Fraction:
    """The simplest fraction that is ``number`` in single precision: of 0.33333334 it is 1/3."""
    exact = Fraction(number)
    candidates = (exact.limit_denominator(10**digits) for digits in range(1, 8))
    return next((c for c in candidates if np.float32(float(c)) == np.float32(number)), exact)


def _sized(node: Node, axes: tuple[int, ...]) -> _Target:
    """The result for given sizes, by ``keep_aspect_ratio_policy``."""
    shape = node.type(0).shape
    sizes, dims = node.dims_or_fresh(3, len(axes), axes)
    _require_one_an_axis(sizes, axes)
    policy = node.string("keep_aspect_ratio_policy", "stretch")
    result = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        result[axis] = size
    if dims is not None and (axes != tuple(range(len(shape))) or policy != "stretch"):
        raise Unsupported("input 3, the sizes, must be constant or follow from the shapes, but depends on the data")
    if policy == "stretch":
        return _Target(tuple(result), (), dims)
    if policy not in ("not_larger", "not_smaller"):
        raise Unsupported(f"keep_aspect_ratio_policy {policy} is not known")
    choose = min if policy == "not_larger" else max
    pairs = [(size, shape[axis]) for axis, size in zip(axes, sizes, strict=True)]
    if not all(isinstance(d, int) for pair in pairs for d in pair):
        raise Unsupported(f"keep_aspect_ratio_policy {policy} needs known sizes, not {node.type(0)}")
    scale = choose(float(str(size)) / float(str(d)) for size, d in pairs)
    scales = tuple(scale if axis in axes else 1.0 for axis in range(len(shape)))
    kept = tuple(_rounded(d, s) for d, s in zip(shape, scales, strict=True))
    return _Target(kept, scales)


def _rounded(dim: Dim, scale: float) -> Dim:
    return dim if not isinstance(dim, int) or scale == 1 else int(np.floor(dim * scale + 0.5))
