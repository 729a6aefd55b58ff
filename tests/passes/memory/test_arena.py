"""Offsets in an arena: nothing that lives at the same time overlaps, and little is lost in gaps."""

import random

from glmir.passes.memory.arena import ALIGNMENT, Interval, assign_offsets


def test_what_lives_at_the_same_time_does_not_overlap() -> None:
    for seed in range(20):
        rng = random.Random(seed)
        steps = 15
        intervals = []
        for _ in range(25):
            first = rng.randrange(steps)
            intervals.append(Interval(rng.randint(0, 900), first, rng.randrange(first, steps)))
        arena = assign_offsets(intervals)
        for i, a in enumerate(intervals):
            assert arena.offsets[i] % ALIGNMENT == 0
            assert arena.offsets[i] + a.size <= arena.size
            for j, b in enumerate(intervals[:i]):
                if a.first <= b.last and b.first <= a.last and a.size and b.size:
                    apart = arena.offsets[j] + b.size, arena.offsets[i] + a.size
                    assert apart[0] <= arena.offsets[i] or apart[1] <= arena.offsets[j]


def test_a_place_is_used_again() -> None:
    arena = assign_offsets([Interval(128, 0, 1), Interval(64, 1, 2), Interval(128, 2, 3)])
    assert arena.offsets == (0, 128, 0)
    assert arena.size == 192


def test_the_smallest_gap_is_taken() -> None:
    intervals = [Interval(640, 0, 3), Interval(512, 0, 0), Interval(384, 1, 3), Interval(256, 0, 3), Interval(64, 0, 1)]
    arena = assign_offsets(intervals)
    assert arena.size <= 640 + 512 + 256 + 64
    assert assign_offsets([]).size == 0
