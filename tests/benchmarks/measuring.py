"""Latencies measured against each other, so that the ratio is steady also on a machine that has more to do."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from glmir.driver.verification import compare_output
from glmir.ir import Array

WARM_UP = 3
ENOUGH_ROUNDS = 300
"""More rounds than this tell nothing new, however quick they are."""

Arrays = Mapping[str, Array]


@dataclass
class Candidate:
    """Something that computes the network: one run, its outputs after it, and the seconds of all runs.

    Runs are in the calling thread, whose processor time is counted: what else the machine does is not.
    """

    name: str
    run: Callable[[], None]
    outputs: Callable[[], list[Array]]
    operators: int = 0
    transposes: int = 0
    seconds: list[float] = field(default_factory=list)

    def measure(self) -> None:
        # What ran before has filled the caches with its own weights, which would count against this one.
        self.run()
        started = time.thread_time()
        self.run()
        self.seconds.append(time.thread_time() - started)

    @property
    def best_ms(self) -> float:
        return min(self.seconds) * 1e3

    def best_of_both(self, other: "Candidate") -> "Candidate":
        """This one with the shorter of both seconds in each round; the other is a second copy of it."""
        return replace(self, seconds=[min(pair) for pair in zip(self.seconds, other.seconds, strict=True)])

    def ratio(self, other: "Candidate") -> float:
        """This one's seconds over the other's: the median over the rounds, in each of which both ran."""
        return median(mine / theirs for mine, theirs in zip(self.seconds, other.seconds, strict=True))


def measure_in_turn(candidates: Sequence[Candidate], rounds: int, seconds: float) -> None:
    """At least ``rounds`` runs of each, one of each in turn, every other round backwards; more within ``seconds``."""
    for candidate in candidates:
        for _ in range(WARM_UP):
            candidate.run()
    end = time.monotonic() + seconds
    for number in range(max(rounds, ENOUGH_ROUNDS)):
        if number >= rounds and time.monotonic() > end:
            return
        for candidate in candidates[:: 1 if number % 2 else -1]:
            candidate.measure()


def largest_error(outputs: Sequence[Array], expected: Sequence[Array]) -> float:
    """The largest error of any output, as a part of its largest magnitude; outputs are matched by position.

    Outputs whose channels come last are compared with channels first, and narrower ones in the source's dtype.
    """
    errors = []
    for actual, reference in zip(outputs, expected, strict=True):
        if actual.shape != reference.shape and actual.ndim == reference.ndim:
            actual = np.moveaxis(actual, -1, 1)
        errors.append(compare_output("", actual.astype(reference.dtype), reference).relative)
    return max(errors, default=0.0)
