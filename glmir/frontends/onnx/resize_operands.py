"""What the operands of Resize say of each axis, where only running the model shows all of it."""

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

import numpy as np

from ...dims import Dim
from ...ir import Value
from ...ops import math
from ...resampling import Axis, computed_type
from ...types import DType
from ..layers import scalar
from ..values import cast, reshape, size_of, sliced
from .node import Node, Unsupported


def axes_at_run_time(node: Node, axes: Sequence[int], operands: tuple[int | None, int, int | None]) -> list[Axis]:
    """What is done to each of the ``axes``; ``operands`` are the places of the region, the scales and the sizes."""
    place_of_region, place_of_scales, place_of_sizes = operands
    x = node.operand(0)
    dtype = DType.F64 if computed_type(x) is DType.F64 else DType.F32
    order = {axis: place for place, axis in enumerate(axes)}
    regions: dict[int, tuple[Value, Value]] = {}
    if place_of_region is not None:
        _require_length(node, place_of_region, 2 * len(axes))
        for axis, place in order.items():
            start, end = (_element(node, place_of_region, i, dtype) for i in (place, place + len(axes)))
            regions[axis] = (start, end)
    if place_of_sizes is None or not is_given(node, place_of_sizes):
        _require_length(node, place_of_scales, len(axes))
        made = [_scaled_axis(node, axis, order[axis], place_of_scales, dtype, regions.get(axis)) for axis in axes]
        return sorted((m for m in made if m is not None), key=lambda a: a.axis)
    _require_length(node, place_of_sizes, len(axes))
    policy = node.string("keep_aspect_ratio_policy", "stretch")
    if policy not in ("stretch", "not_larger", "not_smaller"):
        raise Unsupported(f"keep_aspect_ratio_policy {policy} is not known")
    sizes = {axis: _element(node, place_of_sizes, place, DType.I64) for axis, place in order.items()}
    if policy != "stretch":
        return _kept_aspect(node, sizes, policy == "not_larger", dtype)
    known = node.dims(place_of_sizes) or (None,) * len(axes)
    made_sizes = []
    for axis in sorted(axes):
        dim = known[order[axis]]
        result = node.unknown_dim(axis) if dim is None else dim
        size = x.type.shape[axis]
        scale = math.Div(cast(sizes[axis], dtype), size_of(size, dtype)).result
        made_sizes.append(_axis(axis, size, result, sizes[axis], scale, regions.get(axis)))
    return made_sizes


def _scaled_axis(
    node: Node, axis: int, place: int, operand: int, dtype: DType, region: tuple[Value, Value] | None
) -> Axis | None:
    """The axis under its scale; None where that is known to leave it as it is."""
    dim, number = node.type(0).shape[axis], _known_number(node, operand, place)
    if number == 1 and region is None:
        return None
    result = node.unknown_dim(axis) if number is None else scaled(dim, number)
    scale = _element(node, operand, place, dtype)
    size = math.Mul(size_of(dim, dtype), scale).result
    return _axis(axis, dim, result, cast(math.Floor(size).result, DType.I64), scale, region)


def _axis(
    axis: int, size: Dim, result: Dim, count: Value, scale: Value, region: tuple[Value, Value] | None = None
) -> Axis:
    """``count`` is the new size as it is computed, which counts where it is not known."""
    return Axis(axis, size, size_of(size), result, size_of(result) if isinstance(result, int) else count, scale, region)


def _kept_aspect(node: Node, sizes: dict[int, Value], is_not_larger: bool, dtype: DType) -> list[Axis]:
    """All axes under one scale: the least, or the greatest, with which one gets its size."""
    shape = node.type(0).shape
    ratios = [math.Div(cast(s, dtype), size_of(shape[a], dtype)).result for a, s in sizes.items()]
    choose = math.Minimum if is_not_larger else math.Maximum
    scale = reduce(lambda a, b: choose(a, b).result, ratios)
    made = []
    for axis in sorted(sizes):
        rounded = math.Add(math.Mul(scale, size_of(shape[axis], dtype)).result, scalar(0.5, scale)).result
        count = cast(math.Floor(rounded).result, DType.I64)
        made.append(_axis(axis, shape[axis], node.unknown_dim(axis), count, scale))
    return made


def _element(node: Node, index: int, place: int, dtype: DType) -> Value:
    return cast(reshape(sliced(node.operand(index), 0, place, 1), ()), dtype)


def _known_number(node: Node, index: int, place: int) -> float | None:
    contents = node.scope.contents.of(node.operand(index))
    number = None if contents is None else contents.ravel()[place]
    return float(number) if isinstance(number, int | float) else None


def _require_length(node: Node, index: int, length: int) -> None:
    type_ = node.type(index)
    if type_.rank != 1 or type_.shape[0] != length:
        raise Unsupported(f"input {index} must have {length} elements, but it is {type_}")


def is_given(node: Node, index: int) -> bool:
    """Whether the operand is there; exporters write an empty tensor too for one that they leave out."""
    value = node.optional(index)
    return value is not None and value.type.shape != (0,)


def scaled(dim: Dim, scale: float) -> Dim:
    """floor(dim * scale)

    The standard's text multiplies by the part that the region is, too, but neither its shape inference nor its
    reference nor onnxruntime does.
    """
    if isinstance(dim, int):
        # In single precision, as the runtimes do: 10 * 0.7 is 7.
        return int(np.floor(np.float32(dim) * np.float32(scale)))
    ratio = _ratio(scale)
    return dim * ratio.numerator // ratio.denominator


def _ratio(number: float) -> Fraction:
    """The simplest fraction that is ``number`` in single precision: of 0.33333334 it is 1/3."""
    exact = Fraction(number)
    candidates = (exact.limit_denominator(10**digits) for digits in range(1, 8))
    return next((c for c in candidates if np.float32(float(c)) == np.float32(number)), exact)
