"""The best order of a few neighbours in an order of ops: exact, by branch and bound over sets of ops that have run.

What lives behind a set of ops does not depend on their order, so a set is visited once (dynamic programming over the
ideals of the partial order). Sets are taken with the lowest peak first, so that the first complete one is the best.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from .schedule import Order, Problem

WIDTHS = (6, 12, 24, 48)
"""How many ops to each side of the peak may move, tried in this order."""

SETS_PER_WINDOW = 2_000
SETS = 20_000
SETS_PER_OP = 40
"""How many sets of ops are visited at most: for one window, and in all; the fewer the ops, the less time is there."""

STEPS = 2_000_000
"""Ops times windows: how often the whole order may be looked through."""


@dataclass
class _Window:
    """Ops from a place in an order, as bits. ``frees`` has for each op (the users of a block, its size)."""

    ops: list[int]
    predecessors: list[int]
    growth: list[int]
    scratch: list[int]
    frees: list[list[tuple[int, int]]]
    live: int
    """The bytes that live when it begins."""


def improve(problem: Problem, order: Order) -> list[int]:
    """The order with the ops around its peak rearranged, as long as that lowers the peak."""
    found = list(order)
    sets = min(SETS, max(SETS_PER_OP * len(found), SETS_PER_WINDOW // 2))
    lowest = max(problem.need, default=0)
    for _ in range(max(4, STEPS // max(len(found), 1))):
        live = problem.live_bytes(found)
        peak = max(live, default=0)
        if peak <= lowest or sets <= 0:
            break
        place = live.index(peak)
        improved, visited = _improved_around(problem, found, live, place, min(sets, 4 * SETS_PER_WINDOW))
        sets -= visited
        if improved is None:
            break
        found = improved
    return found


def _improved_around(
    problem: Problem, order: list[int], live: Sequence[int], place: int, sets: int
) -> tuple[list[int] | None, int]:
    """The order with a lower peak at ``place``, if one was found; and how many sets of ops were looked at."""
    looked = 0
    begun: tuple[int, int] | None = None
    for width in WIDTHS:
        start, stop = max(place - width, 0), min(place + width + 1, len(order))
        if (start, stop) == begun or looked >= sets:
            break
        begun = start, stop
        elsewhere = max(max(live[:start], default=0), max(live[stop:], default=0))
        window = _window(problem, order, start, stop)
        best, visited = _search(window, elsewhere, live[place], SETS_PER_WINDOW)
        looked += visited
        if best is not None:
            return [*order[:start], *best, *order[stop:]], looked
    return None, looked


def _window(problem: Problem, order: Sequence[int], start: int, stop: int) -> _Window:
    ops = list(order[start:stop])
    bits = {op: 1 << i for i, op in enumerate(ops)}
    behind = set(order[stop:]) if stop < len(order) else set()
    live, frees = 0, [list[tuple[int, int]]() for _ in ops]
    before = order[:start]
    is_before = [False] * len(problem)
    for op in before:
        is_before[op] = True
    for block in problem.blocks:
        inside = sum(bits[u] for u in block.users if u in bits) or bits.get(block.maker, 0)
        is_needed = block.stays or not behind.isdisjoint(block.users)
        if is_before[block.maker] and (inside or is_needed):
            live += block.size
        if inside and not is_needed:
            for i in range(len(ops)):
                if inside >> i & 1:
                    frees[i].append((inside, block.size))
    return _Window(
        ops,
        [sum(bits[p] for p in problem.predecessors[op] if p in bits) for op in ops],
        [problem.growth(op) for op in ops],
        [problem.scratch[op] for op in ops],
        frees,
        live,
    )


def _search(window: _Window, enough: int, limit: int, most: int) -> tuple[list[int] | None, int]:
    """The order of the window with the least peak, below ``limit``; a peak of ``enough`` is as good as a lower one."""
    count = len(window.ops)
    everything = (1 << count) - 1
    # (peak, ops to come, ops that run before earlier ones, set, live bytes): source order among equals.
    heap = [(enough, count, 0, 0, window.live)]
    came_from: dict[int, tuple[int, int]] = {}
    seen = {0: enough}
    visited = 0
    while heap and visited < most:
        peak, left, moved, done, live = heapq.heappop(heap)
        if done == everything:
            return _traced(window, came_from), visited
        if seen[done] < peak:
            continue
        visited += 1
        for i, needed, after in _moves(window, done, live, peak):
            made, following = max(peak, needed), done | 1 << i
            if made < limit and made < seen.get(following, limit):
                seen[following] = made
                came_from[following] = done, i
                skipped = moved + (~done & (1 << i) - 1).bit_count()
                heapq.heappush(heap, (made, left - 1, skipped, following, after))
    return None, visited


def _moves(window: _Window, done: int, live: int, peak: int) -> list[tuple[int, int, int]]:
    """The ops that can run next, what each needs and what lives behind it.

    One that leaves no more than there was, and needs no more than was needed, is best run at once: it would not free
    less now than later.
    """
    moves = []
    for i, predecessors in enumerate(window.predecessors):
        if done >> i & 1 or predecessors & ~done:
            continue
        needed = live + window.growth[i]
        now = done | 1 << i
        after = needed - sum(size for users, size in window.frees[i] if not users & ~now)
        needed += window.scratch[i]
        if after <= live and needed <= peak:
            return [(i, needed, after)]
        moves.append((i, needed, after))
    return moves


def _traced(window: _Window, came_from: dict[int, tuple[int, int]]) -> list[int]:
    order: list[int] = []
    done = (1 << len(window.ops)) - 1
    while done:
        done, i = came_from[done]
        order.append(window.ops[i])
    return order[::-1]


__all__ = ["improve"]
