"""Binary labels of least total cost, by a minimum s-t cut.

Source: V. Kolmogorov, R. Zabih, "What Energy Functions Can Be Minimized via Graph Cuts?", 2004. The source's side is
label 0, the sink's side label 1. A value that one op makes and several use costs once however many of them disagree
with its maker: an auxiliary node per direction gathers them.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

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
        """A label for every node, and the total cost. Among equal solutions label 0 is preferred.

        Groups of nodes that are drawn to one label only, or to none, get it without a cut: most networks need no more.
        """
        groups = _connected(self._nodes, self._edges)
        drawn_to_zero = {groups[head] for tail, head, _ in self._edges if tail is ZERO and head is not ONE}
        drawn_to_one = {groups[tail] for tail, head, _ in self._edges if head is ONE and tail is not ZERO}
        contested = drawn_to_zero & drawn_to_one
        labels = {node: int(groups[node] in drawn_to_one - contested) for node in self._nodes}
        total = sum(cost or 0 for tail, head, cost in self._edges if tail is ZERO and head is ONE)
        if contested:
            edges = [e for e in self._edges if any(n in groups and groups[n] in contested for n in e[:2])]
            cost, ones = _cut(edges)
            labels.update((node, 1) for node in ones if node in self._nodes)
            total += cost
        return labels, total


def _connected(nodes: dict[Node, None], edges: Sequence[tuple[Node, Node, int | None]]) -> dict[Node, Node]:
    """Node -> representative of its connected component; the terminals connect nothing (union-find)."""
    parents: dict[Node, Node] = {node: node for node in nodes}

    def find(node: Node) -> Node:
        parents.setdefault(node, node)
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for tail, head, _ in edges:
        if tail is not ZERO and head is not ONE:
            parents[find(tail)] = find(head)
    for tail, head, _ in edges:
        for node in (tail, head):
            if node is not ZERO and node is not ONE:
                find(node)
    return {node: find(node) for node in list(parents)}


def _cut(edges: Sequence[tuple[Node, Node, int | None]]) -> tuple[int, set[Node]]:
    """The cost of a minimum cut, and the nodes on the sink's side of the one that has fewest there."""
    # Importing networkx takes longer than compiling many a network that needs no cut.
    import networkx
    from networkx.algorithms.flow import boykov_kolmogorov

    without_limit = 3 * sum(capacity or 0 for _, _, capacity in edges) + 1
    capacities: dict[tuple[Node, Node], int] = {}
    for tail, head, capacity in edges:
        more = without_limit if capacity is None else capacity
        capacities[tail, head] = capacities.get((tail, head), 0) + more
        capacities.setdefault((head, tail), 0)
    # The residual network itself, in the form that networkx's flows work on: built from a graph it takes twice as long.
    residual = networkx.DiGraph(inf=without_limit)
    residual.add_nodes_from((ZERO, ONE))
    residual.add_edges_from((tail, head, {"capacity": c, "flow": 0}) for (tail, head), c in capacities.items())
    boykov_kolmogorov(residual, ZERO, ONE, residual=residual, value_only=True)
    ones: set[Node] = {ONE}
    stack: list[Node] = [ONE]
    while stack:
        for node, edge in residual.pred[stack.pop()].items():
            if node not in ones and edge["flow"] < edge["capacity"]:
                ones.add(node)
                stack.append(node)
    return int(residual.graph["flow_value"]), ones
