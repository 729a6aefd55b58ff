"""Pools. Source: `pool` of the operator classes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from math import prod

import numpy as np

from .....types import Array
from ..kinds import ProgramError
from .windows import Axis, padded, window_axes

_Combine = Callable[[Array, Array], Array]


def max_pool(
    x: Array,
    kernel_sizes: Sequence[int],
    strides: Sequence[int],
    pad_type: str,
    pad: Sequence[int],
    ceil_mode: bool,
    opset: int,
) -> Array:
    axes = _axes(x, kernel_sizes, strides, pad_type, pad, ceil_mode, opset)
    return _combined(padded(x, axes, -np.inf), axes, np.maximum)


def avg_pool(
    x: Array,
    kernel_sizes: Sequence[int],
    strides: Sequence[int],
    pad_type: str,
    pad: Sequence[int],
    exclude_padding_from_average: bool,
    ceil_mode: bool,
    opset: int,
) -> Array:
    """Divides by what a window covers of x, and of its padding unless excluded; never of what ceil_mode adds."""
    axes = _axes(x, kernel_sizes, strides, pad_type, pad, ceil_mode, opset)
    total = _combined(padded(x, axes), axes, np.add)
    exact = window_axes(x.shape[2:], kernel_sizes, strides, [1] * len(axes), pad_type, pad, opset)
    covered = np.ones((1, 1, *x.shape[2:]), np.float32)
    if not exclude_padding_from_average:
        covered = padded(covered, exact, 1.0)
        rest = [
            replace(a, size=s, before=0, after=a.after - e.after)
            for a, e, s in zip(axes, exact, covered.shape[2:], strict=True)
        ]
        return total / _combined(padded(covered, rest), rest, np.add)
    return total / _combined(padded(covered, axes), axes, np.add)


def l2_pool(
    x: Array,
    kernel_sizes: Sequence[int],
    strides: Sequence[int],
    pad_type: str,
    pad: Sequence[int],
    ceil_mode: bool,
    opset: int,
) -> Array:
    if x.ndim > 4:
        raise ProgramError(f"x has rank {x.ndim}, not 3 or 4")
    axes = _axes(x, kernel_sizes, strides, pad_type, pad, ceil_mode, opset)
    return np.sqrt(_combined(padded(np.square(x), axes), axes, np.add))


def _axes(
    x: Array,
    kernel_sizes: Sequence[int],
    strides: Sequence[int],
    pad_type: str,
    pad: Sequence[int],
    ceil_mode: bool,
    opset: int,
) -> list[Axis]:
    """The windows; with ceil_mode a last one may go beyond the padding, if it starts within x or the padding before."""
    axes = window_axes(x.shape[2:], kernel_sizes, strides, [1] * (x.ndim - 2), pad_type, pad, opset)
    if not ceil_mode:
        return axes
    if len(axes) > 2 or pad_type in ("same", "same_lower"):
        raise ProgramError(f"ceil_mode with {len(axes)} spatial dimensions and pad_type {pad_type}")
    if any(axis.before != axis.after for axis in axes):
        raise ProgramError("ceil_mode with different padding before and after")
    return [_ceiled(axis) for axis in axes]


def _ceiled(axis: Axis) -> Axis:
    windows = -(-(axis.size + axis.before + axis.after - axis.kernel) // axis.stride) + 1
    if (windows - 1) * axis.stride >= axis.size + axis.before and axis.before + axis.after > 0:
        windows -= 1
    needed = (windows - 1) * axis.stride + axis.kernel - axis.size - axis.before
    return replace(axis, after=max(axis.after, needed))


def _combined(source: Array, axes: Sequence[Axis], combine: _Combine) -> Array:
    """All places of each window combined."""
    if prod(axis.windows for axis in axes) == 1:
        part = source[(slice(None), slice(None), *(slice(0, axis.kernel) for axis in axes))]
        whole = tuple(range(2, source.ndim))
        if combine is np.maximum:
            return np.asarray(np.max(part, axis=whole, keepdims=True))
        return np.asarray(np.sum(part, axis=whole, keepdims=True, dtype=np.float32))
    result: Array | None = None
    for place in product(*(range(axis.kernel) for axis in axes)):
        taps = tuple(axis.tap(i) for axis, i in zip(axes, place, strict=True))
        part = source[(slice(None), slice(None), *taps)]
        result = part.copy() if result is None else combine(result, part)
    if result is None:
        raise ProgramError("the kernel is empty")
    return result
