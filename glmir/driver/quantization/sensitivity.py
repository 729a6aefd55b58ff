"""What each rounding costs the outputs: measured on samples, one group of roundings at a time.

Errors of roundings are small and nearly independent, so that the powers of what they do to an output add up. What each
group does alone, measured once, therefore tells what any mixture of integer and float ops does, before it is tried.
"""

import heapq
from collections.abc import Collection, Iterable, Sequence
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

    def joined(self, other: "Sensitivities") -> "Sensitivities":
        """With the larger of what both say of each group."""
        alone = tuple(a.joined(b) for a, b in zip(self.alone, other.alone, strict=True))
        return Sensitivities(self.groups, alone, self.together)

    def _sum(self, parts: Iterable[Deviation]) -> Deviation:
        total = self.together.times(0)
        for part in parts:
            total = total.plus(part)
        return total


def measure_sensitivities(
    comparison: Comparison, allowed: float, integer: Collection[str], progress: Progress = silent
) -> Sensitivities:
    """Measures what groups of roundings do, of those that happen when ``integer`` ops compute on integers; of others 0.

    ``allowed`` is the noise that the outputs may have in the end. Groups are halved, and each half measured, the
    noisiest first, until those left together do nothing of note: a network that is nearly good enough takes few runs.
    The samples that suffer most are used.
    """
    together = comparison.put_worst_first(comparison.switched.setting(integer))
    groups = comparison.groups
    active = [index for index, group in enumerate(groups) if group.is_on(integer)]
    alone = [together.times(0)] * len(groups)
    if active:
        work = max(sum(comparison.costs.values()), 1)
        samples = int(np.clip(WORK / work / (2 * len(active)), FEWEST_SAMPLES, MOST_SAMPLES))
        runs = int(max(WORK / work / samples, FEWEST_RUNS))
        # The guide may be in units of its own; it falls about as fast as the noise.
        negligible = NEGLIGIBLE * together.worst_guide * min(1.0, allowed / max(together.worst, 1e-30))
        told = _Halving(comparison, active, samples, progress).told_apart(negligible, runs)
        for index, found in told.items():
            alone[index] = found
    return Sensitivities(groups, tuple(alone), together)


@dataclass(frozen=True)
class _Halving:
    """Measures ranges of ``active``, which are indices of groups."""

    comparison: Comparison
    active: Sequence[int]
    samples: int
    progress: Progress

    def told_apart(self, negligible: float, runs: int) -> dict[int, Deviation]:
        """What each group does."""
        whole = self._measure(0, len(self.active))
        if len(self.active) == 1:
            return {self.active[0]: whole}
        told: dict[int, Deviation] = {}
        # Noise, negative, to have the noisiest first; then the range of groups that makes it.
        ranges = [(-whole.worst_guide, 0, len(self.active), whole)]
        while ranges and runs > 0 and -sum(entry[0] for entry in ranges) > negligible:
            _, first, last, _ = heapq.heappop(ranges)
            middle = (first + last) // 2
            for low, high in ((first, middle), (middle, last)):
                found = self._measure(low, high)
                runs -= 1
                if high - low == 1:
                    told[self.active[low]] = found
                else:
                    heapq.heappush(ranges, (-found.worst_guide, low, high, found))
            self.progress(f"measuring which roundings cost most: {len(told)} of {len(self.active)} told apart")
        for _, first, last, found in ranges:
            told.update(dict.fromkeys(self.active[first:last], found.times(1 / (last - first))))
        return told

    def _measure(self, first: int, last: int) -> Deviation:
        setting = np.zeros(len(self.comparison.switched.sites), np.bool_)
        setting[[i for index in self.active[first:last] for i in self.comparison.groups[index].members]] = True
        return self.comparison.measure(setting, self.samples)


__all__ = ["Sensitivities", "measure_sensitivities"]
