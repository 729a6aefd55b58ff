"""Automatic mixed precision: which ops stay float so that the outputs are as exact as asked, at the least cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...ir import Module
from ...passes.quantization.insert_quantization import Roundings, insert_pairs
from ...passes.quantization.plan import StaticOptions, make_plan
from .calibration import Progress, silent
from .data import Sample, Samples
from .comparison import Comparison, Deviation, Group, decibels
from .sensitivity import Sensitivities, measure_sensitivities
from .switches import name_of

SAMPLES = 12
"""Samples that mixtures are compared on: the outputs of each are held in memory."""

OVERHEAD = 0.002
"""What an op costs that stays float, as a part of all multiplications: its conversions, and that it is one more."""

WORST_GROUPS = 12
"""Roundings whose ops are considered at each step."""

STEPS = 200
CORRECTIONS = 12
"""How often the whole is measured, and the allowed noise corrected, until it is as asked."""


@dataclass(frozen=True)
class Step:
    """That ops were left in float: their names, and the SQNR of the worst output before and after, in dB.

    ``measured`` tells whether ``after`` was measured, or follows from what was measured of each op alone.
    """

    ops: tuple[str, ...]
    before: float
    after: float
    multiplications: int
    reason: str
    measured: bool = False


@dataclass(frozen=True)
class SearchResult:
    """``keep`` names the ops to be kept float. ``integer``: what is then reached; ``before``: with nothing kept.

    ``float_share`` is the part of all multiplications that is float. ``is_reached``: whether it is as exact as asked.
    """

    keep: frozenset[str]
    steps: tuple[Step, ...]
    before: Deviation
    after: Deviation
    float_share: float
    is_reached: bool
    sensitivities: Sensitivities


def search(
    module: Module,
    options: StaticOptions,
    samples: Samples | Sequence[Sample],
    min_sqnr: float,
    max_float: float = 1.0,
    roundings: Roundings | None = None,
    progress: Progress = silent,
) -> SearchResult:
    """Finds the ops of a float module, whose values have names, that must stay float for ``min_sqnr`` (dB).

    Ops are taken by how much noise they save for the multiplications that become float, at most ``max_float`` of all.
    The same module, options and samples give the same result. Raises InputError when there are no samples, GlmirError
    when the module cannot be run.
    """
    chosen = representative(samples, SAMPLES)
    quantized = module.clone()
    insert_pairs(quantized, options, roundings)
    comparison = Comparison(module, quantized, chosen)
    allowed = 10 ** (-min_sqnr / 10)
    sensitivities = measure_sensitivities(comparison, allowed, progress)
    return _Search(module, options, comparison, sensitivities, allowed, max_float, progress).run()


def representative(samples: Samples | Sequence[Sample], count: int) -> list[Sample]:
    """At most ``count`` of the samples, evenly spaced over all of them."""
    kept: list[Sample] = []
    stride = 1
    for index, sample in enumerate(samples):
        if index % stride:
            continue
        if len(kept) == 2 * count:
            kept, stride = kept[::2], stride * 2
            if index % stride:
                continue
        kept.append(replace(sample, inputs={n: np.array(a) for n, a in sample.inputs.items()}))
    spaced = np.linspace(0, len(kept) - 1, min(count, len(kept))).round().astype(int)
    return [kept[i] for i in spaced]


@dataclass
class _Search:
    module: Module
    options: StaticOptions
    comparison: Comparison
    sensitivities: Sensitivities
    allowed: float
    max_float: float
    progress: Progress

    def run(self) -> SearchResult:
        keep: frozenset[str] = frozenset()
        before = after = self.comparison.measure_ops(self._integer(keep))
        steps: list[Step] = []
        target = self.allowed
        for _ in range(CORRECTIONS):
            if after.worst <= self.allowed:
                break
            # What is predicted is not what is measured: aim lower by as much as was missed.
            target = min(target, self._predicted(keep)) * np.clip(self.allowed / after.worst, 0.1, 0.8)
            more, taken = self._lower(keep, target)
            if more == keep:
                break
            self.progress(f"measuring with {len(more)} ops in float")
            measured = self.comparison.measure_ops(self._integer(more))
            steps.append(Step(taken, decibels(after.worst), measured.sqnr, self._cost(more) - self._cost(keep)))
            keep, after = more, measured
        keep, after = self._returned(keep, after)
        share = self._cost(keep) / max(self._total, 1)
        return SearchResult(keep, tuple(steps), before, after, share, after.worst <= self.allowed, self.sensitivities)

    def _predicted(self, keep: frozenset[str]) -> float:
        return self.sensitivities.predict(self._integer(keep)).worst_guide

    def _cost(self, keep: frozenset[str]) -> int:
        """The multiplications in float when these stay float."""
        return self._float_cost(self._integer(keep))

    def _integer(self, keep: frozenset[str]) -> frozenset[str]:
        """The ops on integers when these stay float."""
        options = replace(self.options, keep=self.options.keep | keep)
        return frozenset(name_of(op) for op in make_plan(self.module.main, options).integer)

    @cached_property
    def _total(self) -> int:
        return sum(self.comparison.costs.values())

    def _float_cost(self, integer: frozenset[str]) -> int:
        return sum(cost for name, cost in self.comparison.costs.items() if name not in integer)

    def _lower(self, keep: frozenset[str], target: float) -> tuple[frozenset[str], list[Step]]:
        """Keeps more ops float until the noise that is predicted is at most ``target``."""
        steps: list[Step] = []
        for _ in range(STEPS):
            integer = self._integer(keep)
            predicted = self.sensitivities.predict(integer)
            if float(predicted.noise.max(initial=0.0)) <= target and steps:
                break
            best = self._best(keep, integer, predicted, target)
            if best is None:
                break
            group, ops = best
            after = self.sensitivities.predict(self._integer(keep | ops))
            cost = sum(self.comparison.costs[name] for name in ops)
            steps.append(Step(tuple(sorted(ops)), predicted.sqnr, after.sqnr, cost, _describe(group)))
            keep |= ops
        return keep, steps

    def _best(
        self, keep: frozenset[str], integer: frozenset[str], predicted: Deviation, target: float
    ) -> tuple[Group, frozenset[str]] | None:
        """The ops that save most noise for what they cost, and the rounding that they do without."""
        base = self._float_cost(integer)
        best, best_score = None, 0.0
        for group, ops in self._candidates(integer, target):
            left = self._integer(keep | ops)
            cost = self._float_cost(left)
            if cost > self.max_float * self._total:
                continue
            saved = self._excess(predicted, target) - self._excess(self.sensitivities.predict(left), target)
            score = saved / ((cost - base) / max(self._total, 1) + OVERHEAD * len(ops))
            if score > best_score * (1 + 1e-9):
                best, best_score = (group, ops), score
        return best

    def _excess(self, deviation: Deviation, target: float) -> float:
        """How much too much noise there is in all outputs; a little of what is less than allowed counts too."""
        return float(np.sum(np.maximum(deviation.noise - target, 0)) + 1e-3 * np.sum(deviation.noise))

    def _candidates(self, integer: frozenset[str], target: float) -> list[tuple[Group, frozenset[str]]]:
        """Ops that single or together stop one of the worst roundings."""
        active = [
            (float(np.sum(deviation.noise)), index)
            for index, (group, deviation) in enumerate(
                zip(self.sensitivities.groups, self.sensitivities.alone, strict=True)
            )
            if group.is_on(integer)
        ]
        found: dict[frozenset[str], Group] = {}
        for _, index in sorted(active, key=lambda entry: (-entry[0], entry[1]))[:WORST_GROUPS]:
            group = self.sensitivities.groups[index]
            ops = group.ops & integer
            for subset in [*(frozenset([name]) for name in sorted(ops)), ops]:
                found.setdefault(subset, group)
        return [(group, ops) for ops, group in found.items()]

    def _returned(self, keep: frozenset[str], after: Deviation) -> tuple[frozenset[str], Deviation]:
        """Without what need not be kept, the dearest first: an early step may not have been needed in the end."""
        if float(after.noise.max(initial=0.0)) > self.allowed:
            return keep, after
        costs = self.comparison.costs
        for name in sorted(keep, key=lambda n: (-costs[n], n))[:CORRECTIONS]:
            fewer = self._integer(keep - {name})
            if float(self.sensitivities.predict(fewer).noise.max(initial=0.0)) > 1.5 * self.allowed:
                continue
            tried = self.comparison.measure_ops(fewer)
            if float(tried.noise.max(initial=0.0)) <= self.allowed:
                keep, after = keep - {name}, tried
        return keep, after


def _describe(group: Group) -> str:
    """What rounding an op is kept float for."""
    site = group.sites[0]
    return f"rounding {site.value}" if site.producer else f"rounding its constant {site.value}"


__all__ = ["SearchResult", "Step", "representative", "search"]
