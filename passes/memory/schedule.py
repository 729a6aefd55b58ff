"""Orders of ops, as numbers: how much memory an order needs, and orders that need little.

Ops are numbered in their source order, which is one that respects all dependences. The least peak is NP-hard to find
(R. Sethi, "Complete Register Allocation Problems", 1975); what is tried here is linear in the number of ops.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

Order = Sequence[int]


@dataclass(frozen=True)
class Block:
    """Memory of ``size`` bytes that op ``maker`` fills and that is free behind the last of ``users``, unless it
    ``stays``. What views it has counts as its users; what the function takes is no block."""

    size: int
    maker: int
    users: frozenset[int]
    stays: bool = False


@dataclass
class Problem:
    """So many ops, whom each must follow, the blocks, and the bytes that an op needs while it runs (``scratch``)."""

    predecessors: Sequence[frozenset[int]]
    blocks: Sequence[Block]
    scratch: Sequence[int]
    made: list[list[int]] = field(init=False)
    """The blocks that an op makes, by number."""

    used: list[list[int]] = field(init=False)
    """The blocks that may be free behind an op: those that it uses, or makes for nobody."""

    def __post_init__(self) -> None:
        self.made = [[] for _ in self.predecessors]
        self.used = [[] for _ in self.predecessors]
        for number, block in enumerate(self.blocks):
            self.made[block.maker].append(number)
            for user in block.users or (block.maker,):
                self.used[user].append(number)

    def __len__(self) -> int:
        return len(self.predecessors)

    @cached_property
    def successors(self) -> list[list[int]]:
        """Who must follow each op."""
        found: list[list[int]] = [[] for _ in self.predecessors]
        for op, before in enumerate(self.predecessors):
            for other in sorted(before):
                found[other].append(op)
        return found

    @cached_property
    def need(self) -> list[int]:
        """What each op needs in any order: what it makes and takes, and its scratch."""
        sizes = [block.size for block in self.blocks]
        return [self.scratch[op] + sum(sizes[b] for b in {*self.made[op], *self.used[op]}) for op in range(len(self))]

    def growth(self, op: int) -> int:
        """The bytes that an op makes."""
        return sum(self.blocks[b].size for b in self.made[op])

    def live_bytes(self, order: Order) -> list[int]:
        """The bytes that are live while each op of the order runs."""
        left = [len(block.users) or 1 for block in self.blocks]
        live, found = 0, []
        for op in order:
            live += self.growth(op)
            found.append(live + self.scratch[op])
            for number in self.used[op]:
                left[number] -= 1
                if not left[number] and not self.blocks[number].stays:
                    live -= self.blocks[number].size
        return found


def smallest_growth_first(problem: Problem) -> list[int]:
    """At each step the op that leaves the least behind; of equal ones the one that came last into question, so that
    what was begun is ended."""
    left = [len(block.users) or 1 for block in problem.blocks]
    waiting = [len(before) for before in problem.predecessors]
    delta = [problem.growth(op) for op in range(len(problem))]
    users = [set(block.users or (block.maker,)) for block in problem.blocks]
    heap: list[tuple[int, int, int]] = []
    time, done = 0, [False] * len(problem)

    def frees_with(number: int) -> None:
        (op,) = users[number]
        if not problem.blocks[number].stays:
            delta[op] -= problem.blocks[number].size
            if not waiting[op]:
                heapq.heappush(heap, (delta[op], -time, op))

    for number in range(len(left)):
        if left[number] == 1:
            frees_with(number)
    for op, count in enumerate(waiting):
        if not count:
            heapq.heappush(heap, (delta[op], 0, op))
    order = []
    while heap:
        given, _, op = heapq.heappop(heap)
        if done[op] or given != delta[op]:
            continue
        done[op], time = True, time + 1
        order.append(op)
        for number in problem.used[op]:
            users[number].discard(op)
            if len(users[number]) == 1:
                frees_with(number)
        for follower in problem.successors[op]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(heap, (delta[follower], -time, follower))
    return order


def largest_need_first(problem: Problem) -> list[int]:
    """Each op right behind what it needs, and of what it needs first that which needs most and leaves least.

    Source: R. Sethi, J. D. Ullman, "The Generation of Optimal Code for Arithmetic Expressions", 1970: the best order of
    a tree; here of the graph as if each op belonged to the first that asks for it.
    """
    needs, ranked = [0] * len(problem), []
    for op in range(len(problem)):
        before = sorted(problem.predecessors[op], key=lambda o: (problem.growth(o) - needs[o], o))
        ranked.append(before)
        held, need = 0, 0
        for other in before:
            need = max(need, held + needs[other])
            held += problem.growth(other)
        needs[op] = max(need, held + problem.growth(op) + problem.scratch[op])
    return _depth_first(ranked, (op for op in range(len(problem)) if not problem.successors[op]))


def _depth_first(ranked: Sequence[Sequence[int]], roots: Iterable[int]) -> list[int]:
    """All ops, each behind those that it needs, which are asked for in the order given."""
    order: list[int] = []
    is_begun, is_done = [False] * len(ranked), [False] * len(ranked)
    for root in roots:
        stack = [root]
        while stack:
            op = stack[-1]
            if is_done[op] or is_begun[op]:
                stack.pop()
                if not is_done[op]:
                    is_done[op] = True
                    order.append(op)
                continue
            is_begun[op] = True
            stack += [other for other in reversed(ranked[op]) if not is_begun[other]]
    return order


__all__ = ["Block", "Order", "Problem", "largest_need_first", "smallest_growth_first"]
