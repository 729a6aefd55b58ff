"""Label problems: the cut against all labelings."""

import itertools
from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from glmir.passes.layout.minimum_cut import ONE, ZERO, LabelProblem, Node

NODES = ["a", "b", "c", "d", "e"]
ANY = st.sampled_from([*NODES, ZERO, ONE])
COSTS = st.integers(0, 9)
Difference = tuple[Node, list[Node], int]


def cost(labels: Mapping[Node, int], unary: Sequence[tuple[str, int, int]], differences: Sequence[Difference]) -> int:
    """The definition: what each label costs, and once for each maker with whom a user disagrees."""
    known = {**labels, ZERO: 0, ONE: 1}
    total = sum(zero if known[node] == 0 else one for node, zero, one in unary)
    return total + sum(c for maker, users, c in differences if any(known[u] != known[maker] for u in users))


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(NODES), COSTS, COSTS), max_size=5),
    st.lists(st.tuples(ANY, st.lists(ANY, max_size=4, unique=True), COSTS), max_size=7),
)
def test_the_cut_is_as_cheap_as_the_cheapest_labeling(
    unary: list[tuple[str, int, int]], differences: list[Difference]
) -> None:
    problem = LabelProblem()
    for node in NODES:
        problem.add_node(node)
    for node, zero, one in unary:
        problem.cost_of_zero(node, zero)
        problem.cost_of_one(node, one)
    for maker, users, c in differences:
        problem.cost_of_difference(maker, users, c)
    labels, total = problem.solve()
    assert set(labels) == set(NODES)
    labelings = [dict(zip(NODES, choice, strict=True)) for choice in itertools.product((0, 1), repeat=len(NODES))]
    best = min(cost(labeling, unary, differences) for labeling in labelings)
    assert cost(labels, unary, differences) == best == total
    # Label 0 is preferred: of the cheapest labelings it is one with the fewest ones.
    cheapest = [labeling for labeling in labelings if cost(labeling, unary, differences) == best]
    assert sum(labels.values()) == min(sum(labeling.values()) for labeling in cheapest)


def test_what_nothing_draws_is_label_zero() -> None:
    problem = LabelProblem()
    problem.add_node("a")
    problem.add_node("b")
    problem.cost_of_difference("a", ["b"], 5)
    assert problem.solve() == ({"a": 0, "b": 0}, 0)


def test_a_chain_follows_its_only_pin() -> None:
    problem = LabelProblem()
    for node in NODES:
        problem.add_node(node)
    for maker, user in itertools.pairwise(NODES):
        problem.cost_of_difference(maker, [user], 3)
    problem.cost_of_difference(ONE, ["a"], 1)
    assert problem.solve() == (dict.fromkeys(NODES, 1), 0)


def test_a_shared_value_is_paid_once() -> None:
    problem = LabelProblem()
    for node in "abc":
        problem.add_node(node)
        problem.cost_of_zero(node, 4)
    problem.cost_of_difference(ZERO, ["a", "b", "c"], 10)
    assert problem.solve() == ({"a": 1, "b": 1, "c": 1}, 10)


def test_pins_that_disagree_cost_what_they_cost() -> None:
    problem = LabelProblem()
    problem.cost_of_difference(ZERO, [ONE], 7)
    assert problem.solve() == ({}, 7)
