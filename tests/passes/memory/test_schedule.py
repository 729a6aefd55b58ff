"""Orders of ops against every order there is, on small graphs; and that large ones come to an end."""

import random
from collections.abc import Callable

import pytest

from glmir.passes.memory.schedule import Block, Problem, largest_need_first, smallest_growth_first
from glmir.passes.memory.window_search import improve


def random_problem(ops: int, operands: int, reach: int, seed: int) -> Problem:
    """Ops that each take results of up to ``operands`` of the ``reach`` ops before it."""
    rng = random.Random(seed)
    predecessors = [
        frozenset(rng.sample(range(max(i - reach, 0), i), min(i, reach, rng.randint(0, operands)))) for i in range(ops)
    ]
    users: list[set[int]] = [set() for _ in range(ops)]
    for op, before in enumerate(predecessors):
        for other in before:
            users[other].add(op)
    blocks = [
        Block(rng.randint(1, 20), i, frozenset(users[i]), not users[i] and rng.random() < 0.5) for i in range(ops)
    ]
    return Problem(predecessors, blocks, [rng.choice((0, 0, 5)) for _ in range(ops)])


def least_peak(problem: Problem) -> int:
    """Of all orders, by dynamic programming over the sets of ops that can have run."""
    peaks = {0: 0}
    for _ in range(len(problem)):
        following: dict[int, int] = {}
        for done, peak in peaks.items():
            live = sum(b.size for b in problem.blocks if done >> b.maker & 1 and is_needed(b, done))
            for op, before in enumerate(problem.predecessors):
                if done >> op & 1 or any(not done >> other & 1 for other in before):
                    continue
                made = max(peak, live + problem.growth(op) + problem.scratch[op])
                following[done | 1 << op] = min(made, following.get(done | 1 << op, made))
        peaks = following
    return peaks.popitem()[1]


def is_needed(block: Block, done: int) -> bool:
    return block.stays or any(not done >> user & 1 for user in block.users)


def check_order(problem: Problem, order: list[int]) -> None:
    places = {op: place for place, op in enumerate(order)}
    assert sorted(order) == list(range(len(problem)))
    assert all(places[o] < places[op] for op, before in enumerate(problem.predecessors) for o in before)


@pytest.mark.parametrize("operands", [1, 2, 3])
def test_small_graphs_get_the_least_peak_of_all_orders(operands: int) -> None:
    improved = 0
    for seed in range(15):
        problem = random_problem(4 + seed % 7, operands, reach=20, seed=seed)
        given = max(problem.live_bytes(range(len(problem))))
        order = improve(problem, range(len(problem)))
        check_order(problem, order)
        assert max(problem.live_bytes(order)) == least_peak(problem)
        improved += max(problem.live_bytes(order)) < given
    assert improved


@pytest.mark.parametrize("make_order", [largest_need_first, smallest_growth_first])
def test_other_orders_respect_dependences(make_order: Callable[[Problem], list[int]]) -> None:
    for seed in range(5):
        problem = random_problem(40, 3, reach=12, seed=seed)
        check_order(problem, make_order(problem))


def test_ten_thousand_ops_are_ordered() -> None:
    problem = random_problem(10_000, 2, reach=8, seed=0)
    order = improve(problem, largest_need_first(problem))
    check_order(problem, order)
