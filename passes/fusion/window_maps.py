"""Affine maps of windows: what convolutions, pools, norms and scales have in common, and how such maps add and follow
one another.

``y[o, p] = Σ w[o, c, t] · x[c, p · stride + start + t · step] + b[o]`` over channels c and taps t, with zeros for what
lies outside x. Sums of such maps over one x are such maps, and so is one behind another where no border comes between.
A linear layer is the case without axes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product as tuples
from math import gcd, prod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_MULTIPLICATIONS = 2**32
"""Maps that take more than that to compose stay two: about a second."""


@dataclass(frozen=True)
class Taps:
    """Which elements along one spatial axis a window reads, and how far it may reach beyond the high end of the data.

    Window p reads ``p * stride + start + t * step`` for t below ``count``; ``high`` elements follow the data.
    """

    stride: int = 1
    start: int = 0
    step: int = 1
    count: int = 1
    high: int = 0

    @property
    def last(self) -> int:
        """The offset of the last tap."""
        return self.start + (self.count - 1) * self.step

    @property
    def is_padded(self) -> bool:
        return self.start < 0 or self.high > 0

    @property
    def keeps_out_of_borders(self) -> bool:
        """Whether windows that would stand before the first or behind the last one see nothing of the data."""
        return self.last < self.stride and self.high - self.last + self.start >= 0

    def behind(self, inner: "Taps") -> "Taps":
        """What these windows over the results of ``inner`` read of its data, when nothing lies between."""
        step = gcd(*(d for d, n in ((self.step * inner.stride, self.count), (inner.step, inner.count)) if n > 1)) or 1
        start = self.start * inner.stride + inner.start
        last = self.last * inner.stride + inner.last
        high = inner.high + self.high * inner.stride
        return Taps(self.stride * inner.stride, start, step, (last - start) // step + 1, high)


def taps_together(taps: Sequence[Taps]) -> Taps | None:
    """The windows that see what all of ``taps`` see at equal positions; None when their strides differ.

    There are as many windows as each of ``taps`` has.
    """
    first, widest = min(t.start for t in taps), max(taps, key=lambda t: t.last)
    step = gcd(*(t.start - first for t in taps), *(t.step for t in taps if t.count > 1)) or 1
    if len({t.stride for t in taps}) > 1 or first > 0 or (step > 1 and widest.stride > 1 and widest.step != step):
        # Few kernels take strides and dilations both.
        return None
    # Behind the widest there is as much room as before, so that the number of windows stays.
    return Taps(widest.stride, first, step, (widest.last - first) // step + 1, widest.high)


@dataclass(frozen=True)
class Reach:
    """The shape of a map: its channels, their groups, and its windows along each spatial axis."""

    outputs: int
    inputs: int
    groups: int
    axes: tuple[Taps, ...]

    @property
    def weights(self) -> int:
        """How many weights the map has; for every position it multiplies as often."""
        return self.outputs * (self.inputs // self.groups) * prod(t.count for t in self.axes)

    @property
    def kernel(self) -> tuple[int, ...]:
        return tuple(t.count for t in self.axes)

    @property
    def is_dilated_and_strided(self) -> bool:
        """Whether an axis has a stride and a dilation both, which few kernels take."""
        return any(t.stride > 1 and t.step > 1 for t in self.axes)

    @property
    def is_depthwise(self) -> bool:
        """Whether every channel becomes one channel by itself."""
        return self.outputs == self.inputs == self.groups

    def behind(self, inner: "Reach") -> "Reach":
        """The reach of this map applied to the results of ``inner``."""
        axes = tuple(mine.behind(theirs) for mine, theirs in zip(self.axes, inner.axes, strict=True))
        return Reach(self.outputs, inner.inputs, gcd(self.groups, inner.groups), axes)

    def crosses_borders(self, inner: "Reach", has_bias: bool) -> bool:
        """Whether this map reads zeros from around the results of ``inner`` where that would give something else."""
        pairs = zip(self.axes, inner.axes, strict=True)
        return any(mine.is_padded and (has_bias or not theirs.keeps_out_of_borders) for mine, theirs in pairs)


def reach_together(reaches: Sequence[Reach]) -> Reach | None:
    """The reach of the sum of maps over one input; None when there is none."""
    columns = list(zip(*(r.axes for r in reaches), strict=True))
    axes = [taps_together(column) for column in columns]
    found = tuple(t for t in axes if t is not None)
    if len(found) < len(axes) or len({(r.outputs, r.inputs) for r in reaches}) > 1:
        return None
    return Reach(reaches[0].outputs, reaches[0].inputs, gcd(*(r.groups for r in reaches)), found)


@dataclass(frozen=True)
class WindowMap:
    """A map with its numbers: ``weight`` [outputs, inputs / groups, *kernel] and ``bias`` [outputs]."""

    reach: Reach
    weight: Floats
    bias: Floats

    def scaled(self, factor: float) -> "WindowMap":
        return WindowMap(self.reach, self.weight * factor, self.bias * factor)

    def on(self, reach: Reach) -> Floats:
        """The weight of the same map written with a wider reach, zero where this map reads nothing."""
        weight = _in_wider_groups(self.weight, self.reach, reach.groups)
        spread = np.zeros((*weight.shape[:2], *reach.kernel))
        slices = []
        for mine, wide in zip(self.reach.axes, reach.axes, strict=True):
            first, step = (mine.start - wide.start) // wide.step, mine.step // wide.step if mine.count > 1 else 1
            slices.append(slice(first, first + (mine.count - 1) * step + 1, step))
        spread[(slice(None), slice(None), *slices)] = weight
        return spread

    def behind(self, inner: "WindowMap") -> "WindowMap":
        """This map applied to the results of ``inner``, which no border may come between (``crosses_borders``)."""
        reach = self.reach.behind(inner.reach)
        weight = np.zeros((reach.outputs, reach.inputs // reach.groups, *reach.kernel))
        for tap in tuples(*map(range, self.reach.kernel)):
            part = _channels_behind(self, tap, inner, reach.groups)
            weight[(slice(None), slice(None), *_places(self.reach, tap, inner.reach, reach))] += part
        return WindowMap(reach, weight, self.bias + self._of_constants(inner.bias))

    def _of_constants(self, values: Floats) -> Floats:
        """What inputs that are constant [inputs] everywhere add to the outputs."""
        reach = self.reach
        rows = self.weight.reshape(reach.groups, reach.outputs // reach.groups, reach.inputs // reach.groups, -1)
        return np.asarray(np.einsum("goct,gc->go", rows, values.reshape(reach.groups, -1))).reshape(-1)


def sum_of_maps(maps: Sequence[WindowMap], reach: Reach) -> WindowMap:
    """The sum of maps over one input, where ``reach`` is theirs together."""
    weight = maps[0].on(reach)
    for other in maps[1:]:
        weight += other.on(reach)
    return WindowMap(reach, weight, np.asarray(np.sum([m.bias for m in maps], axis=0)))


def pointwise(factor: Floats, offset: Floats, spatial_rank: int) -> WindowMap:
    """The map that multiplies channels by ``factor`` [C] and adds ``offset`` [C]."""
    channels = len(factor)
    reach = Reach(channels, channels, channels, (Taps(),) * spatial_rank)
    return WindowMap(reach, factor.reshape(channels, 1, *(1,) * spatial_rank), offset)


def _in_wider_groups(weight: Floats, reach: Reach, groups: int) -> Floats:
    """The weight [O, C / reach.groups, ...] as one of fewer groups, zero where no connection was."""
    if groups == reach.groups:
        return weight
    merged, width = reach.groups // groups, weight.shape[1]
    rows = np.arange(reach.outputs)
    first = rows // (reach.outputs // reach.groups) % merged * width
    columns = first[:, None] + np.arange(width)
    wide = np.zeros((reach.outputs, width * merged, *weight.shape[2:]))
    wide[rows[:, None], columns] = weight
    return wide


def _channels_behind(outer: WindowMap, tap: tuple[int, ...], inner: WindowMap, groups: int) -> Floats:
    """One tap of ``outer`` times the whole kernel of ``inner``: [O, C / groups, *kernel of inner]."""
    place: tuple[slice | int, ...] = (slice(None), slice(None), *tap)
    rows = outer.weight[place]
    ones = (1,) * len(inner.reach.axes)
    if outer.reach.is_depthwise:
        return _in_wider_groups(inner.weight, inner.reach, groups) * rows.reshape(-1, 1, *ones)
    if inner.reach.is_depthwise:
        # Its channels are those that each group of the outer map reads.
        kernels = inner.weight.reshape(outer.reach.groups, -1, *inner.reach.kernel)
        per_row = np.repeat(kernels, outer.reach.outputs // outer.reach.groups, axis=0)
        return np.asarray(rows.reshape(*rows.shape, *ones) * per_row)
    wide_outer = _in_wider_groups(rows, outer.reach, groups).reshape(groups, outer.reach.outputs // groups, -1)
    wide_inner = _in_wider_groups(inner.weight, inner.reach, groups)
    columns = wide_inner.reshape(groups, inner.reach.outputs // groups, -1)
    product = np.matmul(wide_outer, columns)
    return np.asarray(product).reshape(outer.reach.outputs, -1, *inner.reach.kernel)


def _places(outer: Reach, tap: tuple[int, ...], inner: Reach, reach: Reach) -> list[slice]:
    """Where in the kernel of the composed map one tap of ``outer`` puts the kernel of ``inner``."""
    places = []
    for index, mine, theirs, both in zip(tap, outer.axes, inner.axes, reach.axes, strict=True):
        first = index * mine.step * theirs.stride // both.step
        step = theirs.step // both.step if theirs.count > 1 else 1
        places.append(slice(first, first + (theirs.count - 1) * step + 1, step))
    return places
