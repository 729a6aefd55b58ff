"""The borders of functions: the places in which a value goes from a caller to what it calls, or back.

What a place holds has one order everywhere: in the function, and at every op that calls it.
"""

from collections.abc import Iterator

from ...call_graph import calls_of
from ...ir import Function, Module, Op, Return, Value
from ...ops import control
from .channels_last import Order
from .minimum_cut import ZERO, Node

Place = tuple[str, str, int]
"""A function's name, ``in`` or ``out``, and the index of its input or output."""


class Borders:
    """The places of a module, those that always hold the same made one (union-find).

    A place is ``ZERO`` when its order cannot change: those of functions that nothing in the module calls, and of
    tensors of a rank that the order is not about.
    """

    def __init__(self, module: Module, order: Order) -> None:
        self._parents: dict[Place, Place] = {}
        self.callers = [op for f in module.functions.values() for op, _ in calls_of(f)]
        called = {call.function for f in module.functions.values() for _, call in calls_of(f)} - {"main"}
        for op in dict.fromkeys(self.callers):
            self._join(op)
        fixed = [
            place
            for function in module.functions.values()
            for place, value in _places(function)
            if function.name not in called or order.axes(value.type.rank) is None
        ]
        self._fixed = {self._find(place) for place in fixed}
        self._of_input = {v: ("in", f.name, i) for f in module.functions.values() for i, v in enumerate(f.inputs)}

    def nodes(self) -> Iterator[Node]:
        """The places whose order is a choice."""
        found = dict.fromkeys(self._find(place) for place in list(self._parents))
        return (place for place in found if place not in self._fixed)

    def of_input(self, value: Value) -> Node:
        """The place that a function's input comes from."""
        side, name, index = self._of_input[value]
        return self._node((name, side, index))

    def of_result(self, value: Value) -> Node:
        """The place that the result of a call comes from."""
        assert value.owner is not None
        return self._node((_giver(value.owner), "out", value.index))

    def of_operands(self, op: Op) -> list[Node]:
        """For each operand of a call, or of a function's return, the place that it goes to."""
        if isinstance(op, Return):
            assert op.function is not None
            return [self._node((op.function.name, "out", i)) for i in range(len(op.operands))]
        skipped = len(op.operands) - len(op.calls[0].inputs)
        taker = op.calls[0].function
        return [self._node((taker, "in", i - skipped)) if i >= skipped else ZERO for i in range(len(op.operands))]

    def _node(self, place: Place) -> Node:
        root = self._find(place)
        return ZERO if root in self._fixed else root

    def _join(self, op: Op) -> None:
        first, *others = op.calls
        for index in range(len(first.inputs)):
            for call in others:
                self._union((first.function, "in", index), (call.function, "in", index))
        giver = _giver(op)
        for index in range(len(op.results)):
            for call in others if isinstance(op, control.If) else ():
                self._union((giver, "out", index), (call.function, "out", index))
            if isinstance(op, control.While):
                self._union((giver, "out", index), (giver, "in", index))

    def _union(self, place: Place, other: Place) -> None:
        self._parents[self._find(place)] = self._find(other)

    def _find(self, place: Place) -> Place:
        self._parents.setdefault(place, place)
        while self._parents[place] != place:
            self._parents[place] = self._parents[self._parents[place]]
            place = self._parents[place]
        return place


def is_call(op: Op) -> bool:
    return isinstance(op, control.If | control.While)


def _giver(op: Op) -> str:
    """The function whose outputs are the op's results."""
    assert isinstance(op, control.If | control.While)
    return op.body.name if isinstance(op, control.While) else op.then_branch.name


def _places(function: Function) -> Iterator[tuple[Place, Value]]:
    for index, value in enumerate(function.inputs):
        yield (function.name, "in", index), value
    for index, value in enumerate(function.outputs):
        yield (function.name, "out", index), value
