"""Automatic mixed precision: which ops stay float so that the outputs are as exact as asked, at the least cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...ir import Module
from ...passes.quantization.insert_quantization import Roundings, insert_pairs
from ...passes.quantization.plan import StaticOptions, make_plan
from .calibration import Progress, silent
from .comparison import Comparison, Deviation, Group
from .data import Sample, Samples
from .sensitivity import Sensitivities, measure_sensitivities
from .switches import name_of

SAMPLES = 12
"""Samples that mixtures are compared on: the outputs of each are held in memory."""

FIRST, CLEAR = 4, 1.25
"""Samples that are enough where the noise is by this factor less than allowed."""

OVERHEAD = 0.002
"""What an op costs that stays float, as a part of all multiplications: its conversions, and that it is one more."""

WORST_GROUPS = 12
"""Roundings whose ops are considered at each step."""

STEPS = 200
"""Ops, or few together, that are taken at most before the whole is measured again."""

ROUNDS = 12
"""How often the whole is measured with more ops in float."""

SURPRISE = 4.0
"""How many times more noise is left than was foreseen when sensitivities are measured anew, on what is left."""

REPEATS = 2
"""How often they are."""

RETURNS = 6
"""How many ops are tried on integers again in the end."""

NOTABLE = 0.01
"""Ops of fewer multiplications, as a part of all, are not tried: nothing is won by them."""


@dataclass(frozen=True)
class KeptOp:
    """An op that stays float: its name, the SQNR in dB that it alone on integers would leave, the rounding that it was
    kept float for, and its multiplications."""

    op: str
    sqnr: float
    reason: str
    multiplications: int


@dataclass(frozen=True)
class Round:
    """Ops that were kept float together: the SQNR of the worst output before and after, in dB, as measured."""

    ops: tuple[str, ...]
    before: float
    after: float


@dataclass(frozen=True)
class SearchResult:
    """``keep`` names the ops to be kept float, ``kept`` says why each, and ``rounds`` how they were found.

    ``before`` and ``after`` are with nothing and with these kept. ``float_share`` is the part of all multiplications
    that is float then. ``is_reached``: whether it is as exact as asked.
    """

    keep: frozenset[str]
    kept: tuple[KeptOp, ...]
    rounds: tuple[Round, ...]
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
    quantized = module.clone()
    insert_pairs(quantized, options, roundings)
    comparison = Comparison(module, quantized, representative(samples, SAMPLES))
    allowed = 10 ** (-min_sqnr / 10)
    integer = frozenset(name_of(op) for op in make_plan(module.main, options).integer)
    before = comparison.measure(comparison.switched.setting(integer), FIRST)
    if before.worst > allowed / CLEAR:
        before = comparison.measure_ops(integer)
    if before.worst <= allowed:
        # Nothing needs to be told apart.
        sensitivities = Sensitivities((), (), before)
    else:
        sensitivities = measure_sensitivities(comparison, allowed, integer, progress)
    return _Search(module, options, comparison, sensitivities, allowed, max_float, progress).run(before)


def representative(samples: Iterable[Sample], count: int) -> list[Sample]:
    """At most ``count`` of the samples, evenly spaced over all of them, of which few are held at a time."""
    kept: list[Sample] = []
    stride = 1
    for index, sample in enumerate(samples):
        if index % stride:
            continue
        if len(kept) == 2 * count:
            kept, stride = kept[::2], stride * 2
            if index % stride:
                continue
        kept.append(replace(sample, inputs={name: np.array(array) for name, array in sample.inputs.items()}))
    spaced = np.linspace(0, len(kept) - 1, min(count, len(kept))).round().astype(int)
    return [kept[index] for index in spaced]


@dataclass
class _Search:
    module: Module
    options: StaticOptions
    comparison: Comparison
    sensitivities: Sensitivities
    allowed: float
    max_float: float
    progress: Progress

    def run(self, before: Deviation) -> SearchResult:
        keep: dict[str, str] = {}
        after, target = before, np.inf
        rounds: list[Round] = []
        repeats = 0
        best = keep, after
        while after.worst > self.allowed and len(rounds) < ROUNDS:
            # What is predicted is not what is measured: aim lower by as much as was missed.
            predicted = self.sensitivities.predict(self._integer(keep)).worst_guide
            target = min(target, predicted) * float(np.clip(self.allowed / after.worst, 0.1, 0.8))
            more = self._lowered(keep, target)
            if len(more) == len(keep):
                break
            self.progress(f"measuring with {len(more)} ops in float")
            measured = self.comparison.measure_ops(self._integer(more))
            rounds.append(Round(tuple(name for name in more if name not in keep), after.sqnr, measured.sqnr))
            left = self.sensitivities.predict(self._integer(more)).worst_guide / max(predicted, 1e-30)
            is_surprising = measured.worst > self.allowed and measured.worst / after.worst > SURPRISE * left
            keep, after = more, measured
            if after.worst < best[1].worst:
                best = keep, after
            if is_surprising and repeats < REPEATS:
                repeats, target = repeats + 1, np.inf
                again = measure_sensitivities(self.comparison, self.allowed, self._integer(keep), self.progress)
                self.sensitivities = self.sensitivities.joined(again)
        if after.worst > self.allowed:
            # Not reached: the nearest that was come to, which may be all on integers.
            keep, after = best
        keep, after = self._without_needless(self._without_implied(keep), after)
        costs = self.comparison.costs
        kept = (KeptOp(op, self.sensitivities.of_op(op).sqnr, reason, costs[op]) for op, reason in keep.items())
        share = self._float_cost(self._integer(keep)) / max(self._total, 1)
        return SearchResult(
            frozenset(keep),
            tuple(kept),
            tuple(rounds),
            before,
            after,
            share,
            after.worst <= self.allowed,
            self.sensitivities,
        )

    def _integer(self, keep: Iterable[str]) -> frozenset[str]:
        """The ops on integers when these stay float."""
        options = replace(self.options, keep=self.options.keep.union(keep))
        return frozenset(name_of(op) for op in make_plan(self.module.main, options).integer)

    @cached_property
    def _total(self) -> int:
        return sum(self.comparison.costs.values())

    def _float_cost(self, integer: frozenset[str]) -> int:
        """The multiplications in float when these compute on integers."""
        return sum(cost for name, cost in self.comparison.costs.items() if name not in integer)

    def _lowered(self, keep: dict[str, str], target: float) -> dict[str, str]:
        """With more ops, and why, until the noise that is predicted is at most ``target``."""
        more = dict(keep)
        for _ in range(STEPS):
            integer = self._integer(more)
            predicted = self.sensitivities.predict(integer)
            if predicted.worst_guide <= target:
                break
            best = self._best(more, integer, predicted, target)
            if best is None:
                break
            group, ops = best
            more.update(dict.fromkeys(sorted(ops), _describe(group)))
        return more

    def _best(
        self, keep: dict[str, str], integer: frozenset[str], predicted: Deviation, target: float
    ) -> tuple[Group, frozenset[str]] | None:
        """The ops that save most noise for what they cost, and the rounding that they do without."""
        base, excess = self._float_cost(integer), _excess(predicted, target)
        best, best_score = None, 0.0
        for group, ops in self._candidates(integer):
            left = self._integer({*keep, *ops})
            cost = self._float_cost(left)
            if cost > self.max_float * self._total:
                continue
            saved = excess - _excess(self.sensitivities.predict(left), target)
            score = saved / ((cost - base) / max(self._total, 1) + OVERHEAD * len(ops))
            if score > best_score * (1 + 1e-9):
                best, best_score = (group, ops), score
        return best

    def _candidates(self, integer: frozenset[str]) -> list[tuple[Group, frozenset[str]]]:
        """Ops that single or together stop one of the worst roundings."""
        pairs = zip(self.sensitivities.groups, self.sensitivities.alone, strict=True)
        active = [
            (float(np.sum(alone.guide)), index) for index, (group, alone) in enumerate(pairs) if group.is_on(integer)
        ]
        found: dict[frozenset[str], Group] = {}
        for _, index in sorted(active, key=lambda entry: (-entry[0], entry[1]))[:WORST_GROUPS]:
            group = self.sensitivities.groups[index]
            ops = group.ops & integer
            for subset in [*(frozenset([name]) for name in sorted(ops)), ops]:
                found.setdefault(subset, group)
        return [(group, ops) for ops, group in found.items()]

    def _without_implied(self, keep: dict[str, str]) -> dict[str, str]:
        """Without what is float anyway when the others are: what only moves what they take."""
        integer = self._integer(keep)
        for name in sorted(keep, key=lambda n: (self.comparison.costs[n], n)):
            fewer = {op: reason for op, reason in keep.items() if op != name}
            if self._integer(fewer) == integer:
                keep = fewer
        return keep

    def _without_needless(self, keep: dict[str, str], after: Deviation) -> tuple[dict[str, str], Deviation]:
        """Without what need not be kept, the dearest first: an early step may not have been needed in the end."""
        if after.worst > self.allowed:
            return keep, after
        costs = self.comparison.costs
        dear = [name for name in keep if costs[name] >= NOTABLE * self._total]
        for name in sorted(dear, key=lambda n: (-costs[n], n))[:RETURNS]:
            fewer = {op: reason for op, reason in keep.items() if op != name}
            measured = self.comparison.measure_ops(self._integer(fewer))
            if measured.worst <= self.allowed:
                keep, after = fewer, measured
        return keep, after


def _excess(deviation: Deviation, target: float) -> float:
    """How much too much noise there is; a little of what is allowed counts too."""
    return float(np.sum(np.maximum(deviation.guide - target, 0)) + 1e-3 * np.sum(deviation.guide))


def _describe(group: Group) -> str:
    """What rounding an op is kept float for."""
    site = group.sites[0]
    return f"rounding {site.value}" if site.producer else f"rounding its constant {site.value}"


__all__ = ["KeptOp", "Round", "SearchResult", "representative", "search"]
