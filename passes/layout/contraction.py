"""Makes the network of a minimum cut smaller, without changing the cut, before a flow is looked for.

Of all minimum cuts the one with the most nodes on the source's side is meant; there is only one. Three steps, each of
which keeps its value and its sides:

- What flows from the source through one node straight to the sink, flows in some greatest flow: it is counted.
- A node with no more than two neighbours is taken out: whatever the sides of these are, the better side of the node is
  known, and what it then costs is a capacity between the two.
- Two nodes are made one when each, on the source's side, brings the other there. ``u`` brings ``v`` when the edge from
  ``u`` to ``v`` costs as much as all else that ``v`` would cost there, or more than all that ``u`` would cost on the
  sink's side. A terminal is a node like any other.

Nodes with many neighbours are not looked at, so that the work is linear in the number of edges. Of the networks that
compilers make (chains, diamonds, values with a few users) little is left.

Source: the second step is the elimination of variables of dynamic programming; the third is the test of single edges
for persistency, E. Boros, P. L. Hammer, "Pseudo-Boolean Optimization", Discrete Applied Mathematics 123, 2002, §4 and
§5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SOURCE, SINK = 0, 1
"""The first two nodes of a network; all nodes are numbered from 0."""

MOST_NEIGHBOURS = 8
"""Nodes with more are left as they are."""

Edge = tuple[int, int, int]
"""Its tail, its head, its capacity."""


@dataclass(frozen=True)
class Contraction:
    """What is left of a network. ``edges`` are those whose capacity is not 0; ``flow`` is what was counted already."""

    edges: list[Edge]
    flow: int
    _steps: list[tuple[int, list[tuple[int, int, int]]]]

    def complete(self, labels: list[int]) -> None:
        """Labels (1: the sink's side) of all nodes from those of the nodes that are left, in place."""
        for node, neighbours in reversed(self._steps):
            cost_of_zero = cost_of_one = 0
            for neighbour, from_there, to_there in neighbours:
                if labels[neighbour]:
                    cost_of_zero += to_there
                else:
                    cost_of_one += from_there
            labels[node] = int(cost_of_zero > cost_of_one)


def contract(size: int, edges: Sequence[Edge], without_limit: int) -> Contraction:
    """The network of ``size`` nodes, contracted. What has a capacity of ``without_limit`` or more is never cut."""
    network = _Network(size, edges, without_limit)
    network.contract()
    out = network.capacities
    left = [(tail, head, c) for tail in range(size) for head, c in out[tail].items() if c]
    return Contraction(left, network.flow, network.steps)


class _Network:
    """Capacities by tail and head, with an entry of 0 where only the other direction has a capacity."""

    def __init__(self, size: int, edges: Sequence[Edge], without_limit: int) -> None:
        self.capacities: list[dict[int, int]] = [{} for _ in range(size)]
        self.flow = 0
        self.steps: list[tuple[int, list[tuple[int, int, int]]]] = []
        self._without_limit = without_limit
        self._out, self._in = [0] * size, [0] * size
        """What all edges from, and to, a node sum up to."""
        everything = 1
        for tail, head, capacity in edges:
            everything += capacity
            if tail == SOURCE and head == SINK:
                self.flow += capacity
                continue
            self._add(tail, head, capacity)
        # Terminals cannot change sides, and whatever is brought to their own sides they are there already.
        self._in[SOURCE], self._out[SOURCE] = everything, -everything
        self._in[SINK], self._out[SINK] = -everything, everything

    def _add(self, tail: int, head: int, capacity: int) -> None:
        out = self.capacities[tail]
        out[head] = out.get(head, 0) + capacity
        self.capacities[head].setdefault(tail, 0)
        self._out[tail] += capacity
        self._in[head] += capacity

    def contract(self) -> None:
        capacities = self.capacities
        waiting = [n for n in range(len(capacities) - 1, SINK, -1) if len(capacities[n]) <= MOST_NEIGHBOURS]
        is_waiting = bytearray(len(capacities))
        for node in waiting:
            is_waiting[node] = True
        is_waiting[SOURCE] = is_waiting[SINK] = True
        while waiting:
            node = waiting.pop()
            is_waiting[node] = False
            for changed in self._simplify(node):
                if not is_waiting[changed] and len(capacities[changed]) <= MOST_NEIGHBOURS:
                    is_waiting[changed] = True
                    waiting.append(changed)

    def _simplify(self, node: int) -> Sequence[int]:
        """The nodes whose capacities changed."""
        out = self.capacities[node]
        if SOURCE in out and SINK in out:
            self._count_flow_through(node)
        if len(out) <= 2:
            return self._take_out(node)
        twin = self._twin(node)
        return () if twin is None else self._merge(node, twin)

    def _count_flow_through(self, node: int) -> None:
        out, sources = self.capacities[node], self.capacities[SOURCE]
        amount = min(sources[node], out[SINK])
        self.flow += amount
        sources[node] -= amount
        out[SINK] -= amount
        self._in[node] -= amount
        self._out[node] -= amount
        if not sources[node]:
            del sources[node], out[SOURCE]
        if not out[SINK]:
            del out[SINK], self.capacities[SINK][node]

    def _twin(self, node: int) -> int | None:
        """A neighbour that is on the same side as the node."""
        capacities, without_limit = self.capacities, self._without_limit
        out_of_node, into_node = self._out[node], self._in[node]
        for other, there in capacities[node].items():
            back = capacities[other][node]
            if not (back >= out_of_node - there or back >= without_limit or back > self._in[other] - there):
                continue
            if there > into_node - back or there >= without_limit or there >= self._out[other] - back:
                return other
        return None

    def _detach(self, node: int) -> list[tuple[int, int, int]]:
        """Takes the node's edges away: each neighbour with the capacities from there and to there."""
        edges = []
        for other, there in self.capacities[node].items():
            back = self.capacities[other].pop(node)
            self._in[other] -= there
            self._out[other] -= back
            edges.append((other, back, there))
        self.capacities[node] = {}
        return edges

    def _take_out(self, node: int) -> Sequence[int]:
        edges = self._detach(node)
        self.steps.append((node, edges))
        if len(edges) == 2:
            (a, from_a, to_a), (b, from_b, to_b) = edges
            self._join(a, b, min(from_a, to_b), min(from_b, to_a))
        return [other for other, _, _ in edges]

    def _merge(self, node: int, twin: int) -> Sequence[int]:
        edges = self._detach(node)
        self.steps.append((node, [(twin, 1, 1)]))
        for other, from_there, to_there in edges:
            if other != twin:
                self._join(twin, other, to_there, from_there)
        return [other for other, _, _ in edges]

    def _join(self, node: int, other: int, there: int, back: int) -> None:
        if {node, other} == {SOURCE, SINK}:
            self.flow += there if node == SOURCE else back
            return
        # A terminal's own side takes everything: nothing is cut by what leads there.
        there = 0 if other == SOURCE or node == SINK else there
        back = 0 if node == SOURCE or other == SINK else back
        if there or back:
            self._add(node, other, there)
            self._add(other, node, back)
