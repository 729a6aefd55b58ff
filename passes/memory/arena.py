"""Offsets in one block of memory for arrays that live at different times: greedy by size.

Source: Y. Pisarchyk, J. Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020 (arXiv:2001.03288),
section 5.2. LiteRT's planner is the same to the byte (``tflite/simple_memory_arena.cc``): what lives all the time comes
first, then the largest first, each into the smallest gap between those placed that live at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALIGNMENT = 64
"""Bytes to whose multiples arrays are aligned, as runtimes do for their vectorised kernels."""


@dataclass(frozen=True)
class Interval:
    """An array of ``size`` bytes that is needed from step ``first`` to step ``last``, both included."""

    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Arena:
    """Where each array begins, in bytes, and the bytes of the whole."""

    offsets: tuple[int, ...]
    size: int


def assign_offsets(intervals: Sequence[Interval], alignment: int = ALIGNMENT) -> Arena:
    """Places arrays so that those that live at the same time do not overlap; equal ones keep their order."""
    offsets = [0] * len(intervals)
    last = max((i.last for i in intervals), default=0)
    base = end = 0
    others = []
    for index, interval in enumerate(intervals):
        if interval.first > 0 or interval.last < last:
            others.append(index)
        elif interval.size:
            offsets[index] = _aligned(base, alignment)
            base = end = offsets[index] + interval.size
    placed = _Placed(len(others))
    for index in sorted(others, key=lambda i: (-intervals[i].size, intervals[i].first)):
        interval = intervals[index]
        if interval.size:
            offsets[index] = placed.place(interval, base, alignment)
            end = max(end, offsets[index] + interval.size)
    return Arena(tuple(offsets), end)


class _Placed:
    """The arrays that have a place, by their offset; rows are offsets, ends, first and last steps."""

    def __init__(self, most: int) -> None:
        self._rows = np.empty((4, most), np.int64)
        self._count = 0

    def place(self, interval: Interval, base: int, alignment: int) -> int:
        """Places one more in the smallest gap that holds it, or behind all; nothing stands below ``base``."""
        starts, ends, firsts, lasts = self._rows[:, : self._count]
        in_the_way = (firsts <= interval.last) & (lasts >= interval.first)
        starts, ends = starts[in_the_way], ends[in_the_way]
        reached = np.maximum.accumulate(np.concatenate(([base], ends)))
        free = -(-reached // alignment) * alignment
        room = starts - free[:-1]
        fitting = np.flatnonzero(room >= interval.size)
        offset = int(free[fitting[np.argmin(room[fitting])]] if fitting.size else free[-1])
        at = int(np.searchsorted(self._rows[0, : self._count], offset, side="right"))
        self._rows[:, at + 1 : self._count + 1] = self._rows[:, at : self._count].copy()
        self._rows[:, at] = offset, offset + interval.size, interval.first, interval.last
        self._count += 1
        return offset


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment
