"""The geometry of sliding windows, which convolutions and pools share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...dims import Dim, ceil_div, dim_min, is_positive
from ...ir import Array, Op, Value
from ...opdef import constraint, op_family
from ...types import Shape
from ..enums import Layout


def window_extent(kernel: Dim, dilation: int) -> Dim:
    """How many elements a window spans, the gaps between its taps included."""
    return (kernel - 1) * dilation + 1


@dataclass(frozen=True)
class Windows:
    """The windows over the spatial axes; ``padding`` is [low..., high...] (ONNX Conv, MaxPool)."""

    kernel: tuple[Dim, ...]
    strides: tuple[int, ...]
    padding: tuple[Dim, ...]
    dilations: tuple[int, ...]
    ceil_mode: bool = False

    @property
    def extents(self) -> tuple[Dim, ...]:
        return tuple(window_extent(k, d) for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def low(self) -> tuple[Dim, ...]:
        return self.padding[: len(self.kernel)]

    @property
    def high(self) -> tuple[Dim, ...]:
        return self.padding[len(self.kernel) :]

    def counts(self, sizes: Sequence[Dim]) -> tuple[Dim, ...]:
        """How many windows there are on each axis over data of ``sizes``.

        With ``ceil_mode`` the last window may reach beyond the padding if it starts in the data or the low padding.
        """
        return tuple(self.count(axis, size) for axis, size in enumerate(sizes))

    def count(self, axis: int, size: Dim) -> Dim:
        room = size + self.low[axis] + self.high[axis] - window_extent(self.kernel[axis], self.dilations[axis])
        stride = self.strides[axis]
        if not self.ceil_mode:
            return room // stride + 1
        return dim_min(ceil_div(room, stride) + 1, ceil_div(size + self.low[axis], stride))

    def fit(self, sizes: Sequence[Dim]) -> bool:
        """Whether no axis is provably too short for a single window."""
        padded = [size + low + high for size, low, high in zip(sizes, self.low, self.high, strict=True)]
        return not any(is_positive(extent - size) for extent, size in zip(self.extents, padded, strict=True))

    def pad(self, x: Array, fill: object) -> Array:
        """``x`` [N, C, *spatial] with exactly the elements that the windows cover: padded, or cut at the high end.

        Raises ValueError when it is too small for a single window, as only a symbolic size can turn out to be.
        """
        sizes = x.shape[2:]
        if not self.fit(sizes):
            raise ValueError(f"no window of {list(self.extents)} fits into data of {list(sizes)}")
        covered = [
            (count - 1) * stride + extent
            for count, stride, extent in zip(
                as_ints(self.counts(sizes)), self.strides, as_ints(self.extents), strict=True
            )
        ]
        low = as_ints(self.low)
        missing = [max(0, c - lo - size) for c, lo, size in zip(covered, low, sizes, strict=True)]
        if any(low) or any(missing):
            x = np.pad(x, [(0, 0), (0, 0), *zip(low, missing, strict=True)], constant_values=fill)  # type: ignore[call-overload]
        return x[(slice(None), slice(None), *map(slice, covered))]


def as_ints(dims: Sequence[Dim]) -> tuple[int, ...]:
    """Dims that the interpreter has bound; raises ValueError for a symbol without a value."""
    for dim in dims:
        if not isinstance(dim, int):
            raise ValueError(f"the dim {dim} has no value")
    return tuple(d for d in dims if isinstance(d, int))


def spatial_sizes(shape: Shape, layout: Layout) -> Shape:
    return tuple(shape[axis] for axis in layout.spatial_axes(len(shape)))


def with_spatial(batch: Dim, channels: Dim, sizes: Sequence[Dim], layout: Layout) -> Shape:
    """The shape in ``layout`` that has these dims."""
    return (batch, channels, *sizes) if layout is Layout.NCHW else (batch, *sizes, channels)


def are_positive(numbers: Sequence[int], count: int) -> bool:
    return len(numbers) == count and all(n >= 1 for n in numbers)


def are_padding(padding: Sequence[Dim], spatial_rank: int) -> bool:
    """Whether there is a low and a high amount for every spatial axis, none provably negative."""
    return len(padding) == 2 * spatial_rank and not any(is_positive(-p) for p in padding)


@op_family
class Windowed(Op):
    """What convolutions and pools share; subclasses add ``strides``, ``padding``, ``dilations`` and ``layout``."""

    x: Value

    if TYPE_CHECKING:
        # To the dataclasses properties would be the fields' defaults.
        @property
        def strides(self) -> tuple[int, ...]: ...
        @property
        def padding(self) -> tuple[Dim, ...]: ...
        @property
        def dilations(self) -> tuple[int, ...]: ...
        @property
        def layout(self) -> Layout: ...

    @property
    def spatial_rank(self) -> int:
        return self.x.type.rank - 2

    @property
    def channels(self) -> Dim:
        """How many channels the input has."""
        return self.x.type.shape[self.layout.channel_axis(self.x.type.rank)]

    @constraint
    def input_is_spatial(self) -> bool:
        """the input has a batch axis, a channel axis and 1 to 3 spatial axes"""
        return 3 <= self.x.type.rank <= 5

    @constraint
    def strides_are_positive(self) -> bool:
        """there is a stride of at least 1 for every spatial axis"""
        return are_positive(self.strides, self.spatial_rank)

    @constraint
    def dilations_are_positive(self) -> bool:
        """there is a dilation of at least 1 for every spatial axis"""
        return are_positive(self.dilations, self.spatial_rank)

    @constraint
    def padding_is_complete(self) -> bool:
        """the padding has a low amount for every spatial axis, then a high amount for each, none negative"""
        return are_padding(self.padding, self.spatial_rank)
