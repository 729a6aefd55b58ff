"""The first samples of a source, kept while it is gone through: what is an iterator cannot begin again."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .data import Sample, Samples

KEPT = 4
"""Enough to measure errors of rounding, and little to hold in memory."""


class FirstSamples:
    """``all`` are the samples of a source, of which the first KEPT are remembered as they pass."""

    def __init__(self, samples: Samples) -> None:
        self._source = samples
        self._first: list[Sample] = []
        self.all = replace(samples, open=self._open)

    def take(self) -> list[Sample]:
        """The first samples. Raises InputError for bad ones, and when there are none."""
        if not self._first:
            for number, _ in enumerate(self.all, 1):
                if number == KEPT:
                    break
        return list(self._first)

    def _open(self) -> Iterator[Sample]:
        for number, sample in enumerate(self._source.open()):
            if number == len(self._first) < KEPT:
                # Whoever gives them may fill the same arrays again.
                copies = {name: np.array(array) for name, array in sample.inputs.items()}
                self._first.append(replace(sample, inputs=copies))
            yield sample


__all__ = ["FirstSamples"]
