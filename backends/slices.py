"""The bounds of ``tensor.slice`` as formats write them: numbers, which count from the end of the axis when negative."""

from typing import NamedTuple

from ..dims import Dim, ceil_div, known_equal
from ..ops import tensor


class Bounds(NamedTuple):
    """The first element along one axis, and the end behind the last one; none where the slice goes on to the axis's
    end, or backwards to its front."""

    begin: int
    end: int | None


def bounds_along(dim: Dim, start: Dim, size: Dim, stride: int) -> Bounds | None:
    """The bounds of ``size`` elements of an axis, each ``stride`` behind the last; None where they are not known."""
    if size == 0:
        return Bounds(0, 0)
    begin = _position(dim, start)
    if begin is None:
        return None
    whole = ceil_div(dim - start, stride) if stride > 0 else start // -stride + 1
    if known_equal(size, whole):
        return Bounds(begin, None)
    end = _position(dim, start + size * stride)
    return None if end is None else Bounds(begin, end)


def _position(dim: Dim, position: Dim) -> int | None:
    if isinstance(position, int):
        return position if position >= 0 else None
    from_end = position - dim
    return from_end if isinstance(from_end, int) and from_end < 0 else None


def slice_bounds(op: tensor.Slice) -> list[Bounds | None]:
    """The bounds along every axis."""
    return [bounds_along(*axis) for axis in zip(op.x.type.shape, op.starts, op.sizes, op.strides, strict=True)]


def has_known_bounds(op: tensor.Slice) -> bool:
    """starts and ends that are known, counted from the front or the end of their axes"""
    return None not in slice_bounds(op)
