"""Orders of axes: where the channels of a tensor of each rank stand.

For a tensor of rank r, channels-last order is [N, *spatial, C]: the permutation (0, 2, …, r-1, 1) of [N, C, *spatial].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...dims import Dim

T = TypeVar("T")
Axes = tuple[int, ...]
"""A permutation: axis ``axes[i]`` stands at ``i``, as in ``tensor.transpose``."""


@dataclass(frozen=True)
class Order:
    """An order in which tensors can stand instead of their own: one permutation, of one rank; empty: channels last."""

    permutation: Axes = ()

    @property
    def is_channels_last(self) -> bool:
        return not self.permutation

    def axes(self, rank: int) -> Axes | None:
        """The permutation that brings a tensor of this rank to the order; None for a rank that it is not about."""
        if self.is_channels_last:
            return to_channels_last(rank) if rank >= 3 else None
        return self.permutation if rank == len(self.permutation) else None


CHANNELS_LAST = Order()


def to_channels_last(rank: int) -> Axes:
    """The permutation from channels-first to channels-last."""
    return (0, *range(2, rank), 1)


def to_channels_first(rank: int) -> Axes:
    """The permutation from channels-last to channels-first."""
    return (0, rank - 1, *range(1, rank - 1))


def inverse(permutation: Sequence[int]) -> Axes:
    return tuple(permutation.index(axis) for axis in range(len(permutation)))


def permuted(entries: Sequence[T], permutation: Sequence[int]) -> tuple[T, ...]:
    return tuple([entries[axis] for axis in permutation])


def swaps_last_two(permutation: Sequence[int]) -> bool:
    """Whether the permutation is that of a transposed matrix."""
    rank = len(permutation)
    return rank >= 2 and tuple(permutation) == (*range(rank - 2), rank - 1, rank - 2)


def moves_only_ones(shape: Sequence[Dim], permutation: Sequence[int]) -> bool:
    """Whether a transpose keeps the elements in their order in memory: the axes of sizes other than 1 keep theirs."""
    moved = [axis for axis in permutation if shape[axis] != 1]
    return moved == sorted(moved)
