"""Resize of all opsets, and Upsample, which it replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import nn
from ....ops.enums import CoordinateTransform, NearestRounding, ResizeMode
from ....resampling import Resampling
from ....types import DType, Shape
from ...values import joined, reshape, size_of, sliced
from ..node import ImporterTable, Node, Unsupported, cast, check_axis
from ..resize_operands import axes_at_run_time, is_given, scaled

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
    return _resized_simply(node, node.floats("scales") if node.opset < 9 else _scales(node, 1))


@TABLE.imports("Resize")
def resize(node: Node) -> Value:
    x = node.operand(0)
    if x.type.dtype is DType.BOOL:
        return cast(_resized(node.of(cast(x, DType.U8), *node.operands[1:])), DType.BOOL)
    return _resized(node)


def _resized(node: Node) -> Value:
    x = node.operand(0)
    if node.opset < 11:
        return _resized_simply(node, _scales(node, 1))
    axes = tuple(check_axis(axis, x.type.rank) for axis in node.ints("axes", range(x.type.rank)))
    mode = _member(node, "mode", ResizeMode, "nearest")
    transform = _member(node, "coordinate_transformation_mode", CoordinateTransform, "half_pixel")
    is_cropped = transform is CoordinateTransform.TF_CROP_AND_RESIZE
    is_known = _is_target_known(node) and (not is_cropped or node.numbers(1) is not None)
    roi = _region(node, axes, is_known) if is_cropped else ()
    target = _target(node, axes) if is_known else _Target(x.type.shape)
    resized = nn.Resize(
        x if is_known else Value(x.type),
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
    )
    if is_known:
        return resized.result
    # The standard's own data align corners with the size times the scale, where its text has the new length.
    return Resampling(resized, aligns_exactly=not is_given(node, 3)).of(
        x, axes_at_run_time(node, axes, (1, 2, 3) if is_cropped else (None, 2, 3))
    )


def _resized_simply(node: Node, scales: Sequence[float] | None) -> Value:
    """Coordinates are divided by the factor; the nearest element is the one before, when shrinking the one behind."""
    x, mode = node.operand(0), _member(node, "mode", ResizeMode, "nearest")
    every_axis = tuple(range(x.type.rank))
    if scales is None:
        template = nn.Resize(Value(x.type), x.type.shape, (), mode, CoordinateTransform.ASYMMETRIC)
        return Resampling(template, is_simple=True).of(x, axes_at_run_time(node, every_axis, (None, 1, None)))
    _require_one_an_axis(scales, every_axis)
    steps = [(NearestRounding.FLOOR, list(scales))]
    if mode is ResizeMode.NEAREST:
        growing, shrinking = [max(s, 1.0) for s in scales], [min(s, 1.0) for s in scales]
        steps = [(NearestRounding.FLOOR, growing), (NearestRounding.CEIL, shrinking)]
    for rounding, factors in steps:
        if all(s == 1 for s in factors):
            continue
        shape = tuple(scaled(d, s) for d, s in zip(x.type.shape, factors, strict=True))
        x = nn.Resize(x, shape, tuple(factors), mode, CoordinateTransform.ASYMMETRIC, rounding).result
    return x


def _is_target_known(node: Node) -> bool:
    """Whether scales, or sizes and a policy for them, are such as ``nn.resize`` takes."""
    if not is_given(node, 3):
        return _scales(node, 2) is not None
    if node.string("keep_aspect_ratio_policy", "stretch") == "stretch":
        return True
    dims = (*(node.dims(3) or (None,)), *node.type(0).shape)
    return all(isinstance(d, int) for d in dims)


def _member(node: Node, name: str, enum: type[EnumT], default: str) -> EnumT:
    text = node.string(name, default)
    try:
        # Linear interpolation was called bilinear in old drafts, and some exporters still do.
        return enum("linear" if text == "bilinear" else text)
    except ValueError:
        raise Unsupported(f"{name} {text} is not known") from None


def _scales(node: Node, index: int) -> tuple[float, ...] | None:
    """The scales where they are known."""
    scales = node.numbers(index)
    if scales is not None and not all(s > 0 for s in scales):
        raise Unsupported(f"the scales {list(scales)} are not all positive")
    return scales


def _require_one_an_axis(numbers: Sequence[object], axes: tuple[int, ...]) -> None:
    if len(numbers) != len(axes):
        raise Unsupported(f"there are {len(numbers)} scales, sizes or bounds for {len(axes)} axes")


def _region(node: Node, axes: tuple[int, ...], is_known: bool) -> tuple[float, ...]:
    """The region [starts..., ends...] for all axes; it covers those that it does not name, or all if not known."""
    rank = node.type(0).rank
    starts, ends = [0.0] * rank, [1.0] * rank
    given = node.numbers(1) if is_known else None
    if given is not None:
        _require_one_an_axis(given, (*axes, *axes))
        for place, axis in enumerate(axes):
            starts[axis], ends[axis] = given[place], given[place + len(axes)]
    return (*starts, *ends)


def _target(node: Node, axes: tuple[int, ...]) -> _Target:
    shape = node.type(0).shape
    if is_given(node, 3):
        return _sized(node, axes)
    scales = [1.0] * len(shape)
    given = _scales(node, 2) or ()
    _require_one_an_axis(given, axes)
    for axis, scale in zip(axes, given, strict=True):
        scales[axis] = scale
    sizes = tuple(scaled(d, s) for d, s in zip(shape, scales, strict=True))
    return _Target(sizes, tuple(scales))


def _sized(node: Node, axes: tuple[int, ...]) -> _Target:
    """The result for given sizes, by ``keep_aspect_ratio_policy``."""
    shape = node.type(0).shape
    sizes, dims = node.dims_or_fresh(3, len(axes), axes)
    _require_one_an_axis(sizes, axes)
    policy = node.string("keep_aspect_ratio_policy", "stretch")
    result = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        result[axis] = size
    if policy == "stretch":
        is_static = all(isinstance(size, int) for size in sizes)
        return _Target(tuple(result), (), None if dims is None or is_static else _all_sizes(node, axes))
    if policy not in ("not_larger", "not_smaller"):
        raise Unsupported(f"keep_aspect_ratio_policy {policy} is not known")
    choose = min if policy == "not_larger" else max
    pairs = [(size, shape[axis]) for axis, size in zip(axes, sizes, strict=True)]
    scale = choose(float(str(size)) / float(str(d)) for size, d in pairs)
    scales = tuple(scale if axis in axes else 1.0 for axis in range(len(shape)))
    kept = tuple(_rounded(d, s) for d, s in zip(shape, scales, strict=True))
    return _Target(kept, scales)


def _all_sizes(node: Node, axes: tuple[int, ...]) -> Value:
    """The sizes of all axes as they are given at run time: integers [rank]."""
    given = node.operand(3)
    shape = node.type(0).shape
    if axes == tuple(range(len(shape))):
        return given
    kept = [reshape(cast(size_of(d), given.type.dtype), (1,)) for d in shape]
    return joined([sliced(given, 0, axes.index(a), 1) if a in axes else kept[a] for a in range(len(shape))], 0)


def _rounded(dim: Dim, scale: float) -> Dim:
    return dim if not isinstance(dim, int) or scale == 1 else int(np.floor(dim * scale + 0.5))
