"""Padding, strides and dilations of convolutions and pools. Source: `_utils.spatial_dimensions_out_shape`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .....types import Array
from ..kinds import ProgramError


@dataclass(frozen=True)
class Axis:
    """How windows lie along one spatial axis. ``before`` and ``after`` are the padding that makes them fit."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return (self.size + self.before + self.after - self.extent) // self.stride + 1

    @property
    def extent(self) -> int:
        """What a window spans."""
        return (self.kernel - 1) * self.dilation + 1

    def tap(self, place: int) -> slice:
        """Where the padded axis is read by the given place of all windows."""
        start = place * self.dilation
        return slice(start, start + (self.windows - 1) * self.stride + 1, self.stride)


def window_axes(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pad_type: str,
    pad: Sequence[int],
    opset: int,
) -> list[Axis]:
    """The windows of each spatial axis. `same` is TensorFlow's: an odd padding has its greater half after."""
    rank = len(sizes)
    if not 1 <= rank <= 3 or {len(kernel), len(strides), len(dilations)} != {rank} or len(pad) != 2 * rank:
        raise ProgramError(f"kernel, strides, dilations or pad are not for {rank} spatial dimensions")
    if pad_type not in ("valid", "same", "same_lower", "custom"):
        raise ProgramError(f"there is no pad_type {pad_type!r}")
    if pad_type == "same_lower" and opset < 16:
        raise ProgramError("the pad_type same_lower is there from iOS 16 on")
    axes = []
    for i in range(rank):
        before, after = pad[2 * i], pad[2 * i + 1]
        extent = (kernel[i] - 1) * dilations[i] + 1
        if pad_type == "valid":
            before = after = 0
        elif pad_type != "custom":
            total = max((-(-sizes[i] // strides[i]) - 1) * strides[i] + extent - sizes[i], 0)
            before = total // 2 if pad_type == "same" else total - total // 2
            after = total - before
        axes.append(Axis(sizes[i], kernel[i], strides[i], dilations[i], before, after))
        if axes[-1].windows < 1:
            raise ProgramError(f"no window of {extent} fits into {sizes[i]} padded by {before} and {after}")
    return axes


def padded(x: Array, axes: Sequence[Axis], value: float = 0.0) -> Array:
    """x [N, C, ...] with its spatial axes padded by a value."""
    pairs = [(axis.before, axis.after) for axis in axes]
    if all(pair == (0, 0) for pair in pairs):
        return x
    return np.pad(x, [(0, 0), (0, 0), *pairs], constant_values=x.dtype.type(value))
