"""What a function's activations need of memory: the peak, where it stands and what lives there, and the arena."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...ir import Function, Module, Op
from .arena import Interval, assign_offsets
from .live_ranges import Buffer, buffers_of, computing_ops
from .schedule import Block, Order, Problem


@dataclass(frozen=True)
class MemoryPlan:
    """``peak`` is the largest sum of the bytes that live at a time, while ``op`` runs: ``live`` are the buffers, the
    largest first. ``arena`` is what holds all, placed greedily by size: no less, for gaps. Without ops ``op`` is none.

    Functions that ops call take their own arenas besides, while the op runs; ``live`` does not have what is in them.
    """

    peak: int
    arena: int
    op: Op | None
    live: tuple[Buffer, ...]


@dataclass(frozen=True)
class Activations:
    """A function as a scheduling problem: its ops, the buffers, inputs first, and the same as numbers."""

    ops: Sequence[Op]
    buffers: Sequence[Buffer]
    problem: Problem

    @property
    def inputs_size(self) -> int:
        """The bytes that live all the time, whatever the order."""
        return sum(buffer.size for buffer in self.buffers if buffer.maker < 0)

    def arena(self, order: Order) -> int:
        """The bytes that hold all buffers, and what ops need while they run, when they run in this order."""
        places = {op: place for place, op in enumerate(order)}
        end = len(self.ops)
        intervals = [
            Interval(
                b.size,
                0 if b.maker < 0 else places[b.maker],
                end if b.stays else max((places[user] for user in b.users), default=places.get(b.maker, 0)),
            )
            for b in self.buffers
        ]
        scratch = [(size, places[op]) for op, size in enumerate(self.problem.scratch) if size]
        intervals += [Interval(size, place, place) for size, place in scratch]
        return assign_offsets(intervals).size


def memory_plan(module: Module, sizes: Mapping[str, int] | None = None, function: str = "main") -> MemoryPlan:
    """What the function's activations need in the order of its ops, with these sizes for symbolic dims."""
    planner = Planner(module, sizes)
    activations = planner.activations(module.functions[function])
    order = range(len(activations.ops))
    live = activations.problem.live_bytes(order)
    place = live.index(max(live)) if live else -1
    alive = [b for b in activations.buffers if b.maker <= place and (b.stays or b.last_user >= place)]
    return MemoryPlan(
        peak=activations.inputs_size + max(live, default=0),
        arena=activations.arena(order),
        op=activations.ops[place] if live else None,
        live=tuple(sorted(alive, key=lambda b: -b.size)),
    )


class Planner:
    """Makes scheduling problems of a module's functions; what they call is planned once."""

    def __init__(self, module: Module, sizes: Mapping[str, int] | None = None) -> None:
        self._module = module
        self._sizes = sizes
        self._arenas: dict[str, int] = {}

    def activations(self, function: Function) -> Activations:
        """The function as a scheduling problem, its ops in the order in which they stand."""
        ops = computing_ops(function)
        buffers = buffers_of(function, ops, self._sizes)
        blocks = [Block(b.size, b.maker, frozenset(b.users), b.stays) for b in buffers if b.maker >= 0]
        scratch = [max((self._arena(call.function) for call in op.calls), default=0) for op in ops]
        return Activations(ops, buffers, Problem(_predecessors(ops), blocks, scratch))

    def _arena(self, name: str) -> int:
        if name not in self._arenas:
            activations = self.activations(self._module.functions[name])
            self._arenas[name] = activations.arena(range(len(activations.ops)))
        return self._arenas[name]


def _predecessors(ops: Sequence[Op]) -> list[frozenset[int]]:
    """The ops that each must follow: those whose results it takes, and ops with effects keep their order."""
    places = {op: place for place, op in enumerate(ops)}
    found, last_effect = [], None
    for place, op in enumerate(ops):
        before = {places[v.owner] for v in op.operands if v.owner is not None and v.owner in places}
        if op.has_effect:
            before |= set() if last_effect is None else {last_effect}
            last_effect = place
        found.append(frozenset(before))
    return found


__all__ = ["Activations", "MemoryPlan", "Planner", "memory_plan"]
