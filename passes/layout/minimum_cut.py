"""Binary labels of least total cost, by a minimum s-t cut.

Source: V. Kolmogorov, R. Zabih, "What Energy Functions Can Be Minimized via Graph Cuts?", 2004. The source's side is
label 0, the sink's side label 1. A value that one op makes and several use costs once however many of them disagree
with its maker: an auxiliary node per direction gathers them.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from .contraction import SINK, SOURCE, Edge, contract

Node = Hashable


class _Terminal:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ZERO = _Terminal("label 0")
"""The node whose label is 0: what is pinned to label 0."""

ONE = _Terminal("label 1")
"""The node whose label is 1: what is pinned to label 1."""


@dataclass
class LabelProblem:
    """Nodes that want a label, and what it costs when labels differ. Costs are not negative."""

    _edges: list[tuple[Node, Node, int | None]] = field(default_factory=list)
    _terms: list[tuple[Node, Sequence[Node], int]] = field(default_factory=list)
    _nodes: dict[Node, None] = field(default_factory=dict)
    _auxiliaries: int = 0

    def add_node(self, node: Node) -> None:
        self._nodes[node] = None

    def cost_of_one(self, node: Node, cost: int) -> None:
        """Giving ``node`` label 1 costs ``cost``."""
        self._terms.append((ZERO, (node,), cost))
        self._edge(ZERO, node, cost)

    def cost_of_zero(self, node: Node, cost: int) -> None:
        """Giving ``node`` label 0 costs ``cost``."""
        self._terms.append((ONE, (node,), cost))
        self._edge(node, ONE, cost)

    def cost_of_difference(self, maker: Node, users: Sequence[Node], cost: int) -> None:
        """What the maker gives costs ``cost``, once, if the label of any user differs from the maker's."""
        if cost <= 0 or not users:
            return
        self._terms.append((maker, users, cost))
        if len(users) == 1:
            self._edge(maker, users[0], cost)
            self._edge(users[0], maker, cost)
            return
        # What is pinned to a label makes sure that some user has it: no node needs to find out.
        some_one: Node = ONE if ONE in users else self._auxiliary("some user has 1")
        some_zero: Node = ZERO if ZERO in users else self._auxiliary("some user has 0")
        self._edge(maker, some_one, cost)
        self._edge(some_zero, maker, cost)
        for user in users:
            if some_one is not ONE:
                self._edge(some_one, user, None)
            if some_zero is not ZERO:
                self._edge(user, some_zero, None)

    def _auxiliary(self, meaning: str) -> Node:
        self._auxiliaries += 1
        return meaning, self._auxiliaries

    def _edge(self, tail: Node, head: Node, capacity: int | None) -> None:
        if tail is not head and capacity != 0 and tail is not ONE and head is not ZERO:
            self._edges.append((tail, head, capacity))

    def cost(self, labels: Mapping[Node, int]) -> int:
        """What these labels cost; a node without one has label 0."""
        known = {**labels, ZERO: 0, ONE: 1}
        return sum(c for maker, users, c in self._terms if any(known.get(u, 0) != known.get(maker, 0) for u in users))

    def solve(self) -> tuple[dict[Node, int], int]:
        """A label for every node, and the total cost. Among equal solutions label 0 is preferred."""
        numbers: dict[Node, int] = {ZERO: SOURCE, ONE: SINK}
        for node in self._nodes:
            numbers.setdefault(node, len(numbers))
        without_limit = 1 + sum(capacity or 0 for _, _, capacity in self._edges)
        edges = [
            (
                numbers.setdefault(tail, len(numbers)),
                numbers.setdefault(head, len(numbers)),
                without_limit if capacity is None else capacity,
            )
            for tail, head, capacity in self._edges
        ]
        contraction = contract(len(numbers), edges, without_limit)
        flow, ones = _cut(contraction.edges)
        labels = [0] * len(numbers)
        for number in ones:
            labels[number] = 1
        contraction.complete(labels)
        return {node: labels[numbers[node]] for node in self._nodes}, contraction.flow + flow


def _cut(edges: Sequence[Edge]) -> tuple[int, set[int]]:
    """The value of a minimum cut, and the nodes on the sink's side of the one that has fewest there."""
    before: dict[int, list[int]] = {}
    for tail, head, _ in edges:
        before.setdefault(head, []).append(tail)
    ones, stack = {SINK}, [SINK]
    while stack:
        for node in before.get(stack.pop(), ()):
            if node not in ones:
                ones.add(node)
                stack.append(node)
    if SOURCE not in ones:
        return 0, ones
    # Importing networkx takes longer than compiling many a network that needs no cut.
    import networkx
    from networkx.algorithms.flow import boykov_kolmogorov

    # The residual network itself, in the form that networkx's flows work on: built from a graph it takes twice as long.
    residual = networkx.DiGraph(inf=3 * sum(capacity for _, _, capacity in edges) + 1)
    residual.add_nodes_from((SOURCE, SINK))
    capacities = {(tail, head): capacity for tail, head, capacity in edges if tail in ones and head in ones}
    capacities.update({(head, tail): 0 for tail, head in capacities if (head, tail) not in capacities})
    residual.add_edges_from((tail, head, {"capacity": c, "flow": 0}) for (tail, head), c in capacities.items())
    boykov_kolmogorov(residual, SOURCE, SINK, residual=residual, value_only=True)
    ones, stack = {SINK}, [SINK]
    while stack:
        for node, edge in residual.pred[stack.pop()].items():
            if node not in ones and edge["flow"] < edge["capacity"]:
                ones.add(node)
                stack.append(node)
    return int(residual.graph["flow_value"]), ones
