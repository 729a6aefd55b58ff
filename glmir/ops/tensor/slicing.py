"""Where a slice with negative and clamped bounds begins and how long it is (ONNX Slice), in numbers or in symbols."""

from ...dims import Dim, ceil_div, dim_max, dim_min, is_nonnegative, is_positive

_INFINITE = 2**31 - 1
"""Bounds of at least this magnitude mean the end of the axis, as exporters write it."""

_OPEN = (2**31 - 1, 2**63 - 1)
"""As an end these are no positions: they mean all that there is."""


def slice_extent(start: Dim, end: Dim, stride: int, dim: Dim) -> tuple[Dim, Dim]:
    """The first position and the number of elements of ONNX's ``start:end:stride`` on an axis of size ``dim``.

    What lies outside the axis is clamped to it; a start beyond the end stays as it is, for its size is 0.
    """
    if dim == 0:
        return 0, 0
    is_open = isinstance(end, int) and end in _OPEN
    start, end = _from_front(start, dim), _from_front(end, dim)
    if stride > 0:
        first = dim_max(start, 0)
        return first, dim_max(ceil_div(dim_min(end, dim) - first, stride), 0)
    first = dim_max(dim_min(start, dim - 1), 0)
    # Read as a position, an open end would leave nothing of an axis read backwards; onnxruntime goes to its front.
    last = -1 if is_open else dim_max(end, -1)
    return first, dim_max(ceil_div(first - last, -stride), 0)


def _from_front(position: Dim, dim: Dim) -> Dim:
    """The position counted from the front, where negative ones count from the end."""
    if isinstance(position, int) and abs(position) >= _INFINITE:
        return dim if position > 0 else -1
    if is_nonnegative(position):
        return position
    if is_positive(-position):
        return position + dim
    # The sign depends on the symbols: the last factor is 1 where the position is negative, else 0.
    return position + dim * dim_min(dim_max(-position, 0), 1)
