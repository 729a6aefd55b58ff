"""What each rounding costs the outputs: measured on samples, one group of roundings at a time.

Errors of roundings are small and nearly independent, so that the powers of what they do to an output add up. What each
group does alone, measured once, therefore tells what any mixture of integer and float ops does, before it is tried.
"""

import heapq
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from .calibration import Progress, silent
from .comparison import Comparison, Deviation, Group

WORK = 3e10
"""Multiplications that go into telling roundings apart: they bound on how many samples, and how many groups."""

FEWEST_SAMPLES, MOST_SAMPLES = 2, 8
FEWEST_RUNS = 96

NEGLIGIBLE = 1 / 16
"""Groups that together do less than this part of what is allowed are not told apart."""


@dataclass(frozen=True)
class Sensitivities:
    """What each group of roundings does alone, and what all do at once. Groups that were not told apart share what
    they do together."""

    groups: tuple[Group, ...]
    alone: tuple[Deviation, ...]
    together: Deviation

    def predict(self, integer: Collection[str]) -> Deviation:
        """What it does that exactly these ops compute on integers."""
        return self._sum(d for g, d in zip(self.groups, self.alone, strict=True) if g.is_on(integer))

    def of_op(self, op: str) -> Deviation:
        """What it does that only this op computes on integers."""
        return self._sum(d for g, d in zip(self.groups, self.alone, strict=True) if op in g.ops)

    def _sum(self, parts: Iterable[Deviation]) -> Deviation:
        total = self.together.times(0)
        for part in parts:
            total = total.plus(part)
        return total


def measure_sensitivities(comparison: Comparison, allowed: float, progress: Progress = silent) -> Sensitivities:
    """Measures what groups of roundings do. ``allowed`` is the noise that the outputs may have in the end.

    Groups are halved, and each half measured, the noisiest first, until those left together do nothing of note: a
    network that is nearly good enough takes few runs. The samples that suffer most are used.
    """
    together = comparison.put_worst_first()
    groups = comparison.groups
    if not groups:
        return Sensitivities((), (), together)
    work = max(sum(comparison.costs.values()), 1)
    samples = int(np.clip(WORK / work / (2 * len(groups)), FEWEST_SAMPLES, MOST_SAMPLES))
    runs = int(max(WORK / work / samples, FEWEST_RUNS))
    # The guide may be in units of its own; it falls about as fast as the noise.
    negligible = NEGLIGIBLE * together.worst_guide * min(1.0, allowed / max(together.worst, 1e-30))
    return Sensitivities(groups, _alone(comparison, negligible, samples, runs, progress), together)


def _alone(
    comparison: Comparison, negligible: float, samples: int, runs: int, progress: Progress
) -> tuple[Deviation, ...]:
    groups, count = comparison.groups, len(comparison.switched.sites)

    def measure(first: int, last: int) -> Deviation:
        setting = np.zeros(count, np.bool_)
        setting[[i for group in groups[first:last] for i in group.members]] = True
        return comparison.measure(setting, samples)

    whole = measure(0, len(groups))
    # Noise, negative, to have the noisiest first; then what range of groups makes it.
    ranges = [(-whole.worst_guide, 0, len(groups), whole)] if len(groups) > 1 else []
    told = {} if ranges else {0: whole}
    while ranges and runs > 0 and -sum(entry[0] for entry in ranges) > negligible:
        _, first, last, _ = heapq.heappop(ranges)
        middle = (first + last) // 2
        for low, high in ((first, middle), (middle, last)):
            found = measure(low, high)
            runs -= 1
            if high - low == 1:
                told[low] = found
            else:
                heapq.heappush(ranges, (-found.worst_guide, low, high, found))
        progress(f"measuring which roundings cost most: {len(told)} of {len(groups)} told apart")
    for _, first, last, found in ranges:
        told.update(dict.fromkeys(range(first, last), found.times(1 / (last - first))))
    return tuple(told[index] for index in range(len(groups)))


__all__ = ["Sensitivities", "measure_sensitivities"]
