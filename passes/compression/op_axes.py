"""One op's view of the channel groups, for the couplings that are declared op by op."""

from collections.abc import Callable
from dataclasses import dataclass

from ...dims import Dim
from ...ir import Op, Value
from .channel_groups import ChannelGroups, Labels


@dataclass(frozen=True)
class OpAxes:
    """One op's view of the labels. ``keeps_statistics`` says that no channel may go over which a norm averages."""

    op: Op
    groups: ChannelGroups
    keeps_statistics: bool

    def of(self, value: Value, axis: int) -> Labels:
        return self.groups.of(value, axis, self.op)

    def all(self, value: Value) -> list[Labels]:
        return [self.of(value, axis) for axis in range(value.type.rank)]

    def couple(self, a: Value, axis: int, b: Value, other_axis: int) -> None:
        self.groups.couple(self.of(a, axis), self.of(b, other_axis))

    def couple_all(self, a: Value, b: Value, but: tuple[int, ...] = ()) -> None:
        """Couples the axes of two values of one rank, but for some that are frozen."""
        for axis in range(a.type.rank):
            if axis in but:
                self.freeze(a, axis)
                self.freeze(b, axis)
            else:
                self.couple(a, axis, b, axis)

    def couple_broadcast(self, operand: Value, result: Value, first: int = 0) -> None:
        """Couples an operand with the axes of ``result`` from ``first`` on that it broadcasts to, from the right."""
        offset = result.type.rank - operand.type.rank
        for axis, dim in enumerate(operand.type.shape):
            if offset + axis < first or (dim == 1 and result.type.shape[offset + axis] != 1):
                self.freeze(operand, axis)
            else:
                self.couple(operand, axis, result, offset + axis)

    def freeze(self, value: Value, *axes: int) -> None:
        for axis in axes:
            self.groups.freeze(self.of(value, axis))

    def freeze_except(self, value: Value, axis: int) -> None:
        self.freeze(value, *(a for a in range(value.type.rank) if a != axis))

    def freeze_all(self) -> None:
        for value in dict.fromkeys((*self.op.operands, *self.op.results)):
            self.freeze(value, *range(value.type.rank))


Kept = Callable[[Value, int], Labels | None]
"""For a value's axis the indices that are kept; None where all are."""


def kept_shape(value: Value, kept: Kept) -> tuple[Dim, ...]:
    """The shape of a value without what is removed."""
    indices = [kept(value, axis) for axis in range(value.type.rank)]
    return tuple(d if i is None else len(i) for d, i in zip(value.type.shape, indices, strict=True))
