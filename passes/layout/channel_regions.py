"""The tensors whose channels some ops only move, and what they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...ir import Function, Op, Value
from ...ops import tensor
from .channel_routes import Labels, Route, moved_axes, moved_operands, route_through

ATTEMPTS = 8
"""How often regions are taken anew without the ops that turned out to do more than move channels."""


@dataclass(frozen=True)
class Regions:
    """All regions of a function.

    ``movers`` are the ops that only move channels, in the function's order; ``routes`` what their results are made of:
    labels. ``sources`` are the tensors that the movers begin with, ``axes`` the axis of the channels of these and of
    all results. Label i is channel ``channels[i]`` of the source with the number ``owners[i]``.
    """

    movers: dict[Op, None]
    routes: dict[Value, Route]
    sources: tuple[Value, ...]
    axes: dict[Value, int]
    owners: Labels
    channels: Labels

    def demands(self) -> list[Value]:
        """The moved tensors that other ops than movers use, in the function's order."""
        return [v for v in self.routes if any(user not in self.movers for user in v.uses)]

    def parts(self, value: Value) -> tuple[Labels, Labels]:
        """What a moved tensor is made of: the numbers of the sources and their channels."""
        labels = self.routes[value].labels.reshape(-1)
        return self.owners[labels], self.channels[labels]


def regions_of(function: Function) -> Regions | None:
    """None where no op takes channels apart or in another order."""
    ops = [op for op in function.ops if moved_operands(op)]
    opaque: set[Op] = set()
    for _ in range(ATTEMPTS):
        walk = _Walk(opaque)
        for op in ops:
            walk.visit(op)
        if all(isinstance(op, tensor.Concat) for op in walk.movers):
            return None
        more = _unfinished(walk)
        if not more:
            return walk.regions()
        opaque |= more
    return None


class _Walk:
    """One walk over the ops of a function that move elements, but for those that are ``opaque``."""

    def __init__(self, opaque: set[Op]) -> None:
        self.opaque = opaque
        self.movers: dict[Op, None] = {}
        self.sources: dict[Value, None] = {}
        self.axes: dict[Value, int] = {}
        self.routes: dict[Value, Route] = {}
        self.size = 0

    def visit(self, op: Op) -> None:
        operands = moved_operands(op)
        if op in self.opaque or any(v.type.quantization is not None for v in operands):
            return
        axes = list(moved_axes(op))
        is_rearranged = any(v in self.routes and not self.is_plain(v) for v in operands)
        if not is_rearranged and (len(axes) != 1 or not self._enter(operands, axes[0])):
            return
        results = route_through(op, self.routes)
        if results is None:
            return
        self.movers[op] = None
        for value, route in zip(op.results, results, strict=True):
            self.routes[value] = route
            self.axes[value] = route.axes[0]

    def is_plain(self, value: Value) -> bool:
        return self.routes[value].is_plain(value)

    def _enter(self, operands: Sequence[Value], axis: int) -> bool:
        """Makes sources of operands that are none yet; False if one has its channels elsewhere, or too many to know."""
        for value in operands:
            channels = value.type.shape[axis]
            if self.axes.get(value, axis) != axis or not isinstance(channels, int):
                return False
        for value in operands:
            if value in self.routes:
                continue
            channels = value.type.shape[axis]
            assert isinstance(channels, int)
            self.routes[value] = Route.of(value, axis, np.arange(self.size, self.size + channels))
            self.sources[value], self.axes[value] = None, axis
            self.size += channels
        return True

    def regions(self) -> Regions:
        counts = [self.routes[v].labels.size for v in self.sources]
        owners = np.repeat(np.arange(len(counts)), counts)
        channels = np.concatenate([np.arange(n) for n in counts])
        moved = {v: route for v, route in self.routes.items() if v not in self.sources}
        return Regions(self.movers, moved, tuple(self.sources), self.axes, owners, channels)


def _unfinished(walk: _Walk) -> set[Op]:
    """The movers whose results have their channels along other axes than the sources, where something else uses them;
    and those before them."""
    found: set[Op] = set()
    for op in reversed(walk.movers):
        for value in op.results:
            if not walk.is_plain(value) and any(u not in walk.movers or u in found for u in value.uses):
                found.add(op)
    return found
