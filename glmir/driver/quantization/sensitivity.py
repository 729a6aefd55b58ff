"""What each rounding costs the outputs: measured on samples, one group of roundings at a time.

Errors of roundings are small and nearly independent, so that the powers of what they do to an output add up. What each
group does alone, measured once, therefore tells what any mixture of integer and float ops does, before it is tried.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...ir import Function, Module, Value
from ...ops import nn
from ...passes.quantization.costs import multiplications
from ...passes.quantization.moves import moved_operands
from ...types import Array
from .calibration import Progress, silent
from .data import Sample
from .runner import Runner
from .switches import Site, Switched, name_of, with_switches

TEMPERATURE = 2.0
"""What logits are divided by before distributions are compared, so that all classes count and not the likeliest alone
(Hinton et al. 2015, "Distilling the Knowledge in a Neural Network")."""

SMALLEST_SHARE = 1 / 32
"""Groups that together do less than this part of what is allowed are not told apart."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Deviation:
    """How far outputs are from float's: the power of the error of each, as a part of its own (f64[outputs]).

    ``divergence`` is the mean KL divergence of the softened distributions that outputs stand for (teacher float,
    student quantized), in nats; None where no output is one.
    """

    noise: Vector
    divergence: float | None = None

    @property
    def sqnr(self) -> float:
        """The signal-to-noise ratio of the worst output, in dB."""
        return decibels(float(self.noise.max(initial=0.0)))

    def plus(self, other: "Deviation") -> "Deviation":
        """What both do together."""
        both = None if self.divergence is None or other.divergence is None else self.divergence + other.divergence
        return Deviation(self.noise + other.noise, both)

    def times(self, factor: float) -> "Deviation":
        return Deviation(self.noise * factor, None if self.divergence is None else self.divergence * factor)


def decibels(noise: float) -> float:
    """10 log10(1 / noise); infinite for none."""
    return float("inf") if noise <= 0 else -10 * float(np.log10(noise))


class Comparison:
    """Compares mixtures of float and integer ops with all in float, on the same samples.

    ``module`` is float, all of its values have names; ``quantized`` is what insertion of pairs made of its clone.
    """

    def __init__(self, module: Module, quantized: Module, samples: Sequence[Sample]) -> None:
        self.module = module
        self.switched: Switched = with_switches(module, quantized)
        self.runs = 0
        self._samples = samples
        self._logits = _logits(module.main)
        self._runner = Runner(self.switched.module, list(self._logits))
        off = np.zeros(len(self.switched.sites), np.bool_)
        self._references = [self._run(sample, off) for sample in samples]
        self._names = [n for n in self._references[0].outputs if self._power(n) > 0]

    def measure(self, setting: Array, samples: int | None = None) -> Deviation:
        """What these switches do, on the first of the samples or on all."""
        used = range(len(self._samples) if samples is None else min(samples, len(self._samples)))
        errors, powers = np.zeros(len(self._names)), np.zeros(len(self._names))
        divergences: list[float] = []
        for index in used:
            found, expected = self._run(self._samples[index], setting), self._references[index]
            for i, name in enumerate(self._names):
                exact = expected.outputs[name].astype(np.float64)
                errors[i] += np.sum(np.square(exact - found.outputs[name]))
                powers[i] += np.sum(np.square(exact))
            divergences += [kind(expected.logits[n], found.logits[n]) for n, kind in self._logits.items()]
        noise = np.where(np.isfinite(errors), errors, np.inf) / np.maximum(powers, 1e-300)
        return Deviation(noise, float(np.mean(divergences)) if divergences else None)

    def measure_ops(self, integer: Collection[str]) -> Deviation:
        """What it does that exactly these ops compute on integers, on all samples."""
        return self.measure(self.switched.setting(integer))

    def _power(self, output: str) -> float:
        arrays = [reference.outputs[output] for reference in self._references]
        if not np.issubdtype(arrays[0].dtype, np.floating):
            return 0.0
        power = float(sum(np.sum(np.square(array.astype(np.float64))) for array in arrays))
        return power if np.isfinite(power) else 0.0

    def _run(self, sample: Sample, setting: Array) -> "_Result":
        self.runs += 1
        # Each sample on its own: what a state remembers would carry one mixture's errors into the next.
        self._runner.reset()
        logits: dict[str, Array] = {}

        def keep(name: str, array: Array) -> None:
            logits[name] = array.copy()

        outputs = self._runner.run({**sample.inputs, self.switched.name: setting}, keep)
        return _Result(outputs, logits)

    @cached_property
    def groups(self) -> tuple["Group", ...]:
        """The sites in groups that round the same numbers in the same way: once or twice is the same."""
        return _groups(self.module.main, self.switched.sites)

    @cached_property
    def costs(self) -> Mapping[str, int]:
        """The multiplications of each op by its name, for the sizes of the first sample."""
        sizes: dict[str, int] = {}
        for value in self.module.main.inputs:
            shape = np.shape(self._samples[0].inputs[value.name]) if value.name in self._samples[0].inputs else ()
            sizes.update((str(d), s) for d, s in zip(value.type.shape, shape, strict=False) if not isinstance(d, int))
        return {name_of(op): multiplications(op, sizes) for op in self.module.main.ops if op.results}


@dataclass(frozen=True)
class _Result:
    outputs: Mapping[str, Array]
    logits: Mapping[str, Array]


@dataclass(frozen=True)
class Group:
    """Sites of which one that rounds is as good as all."""

    members: tuple[int, ...]
    sites: tuple[Site, ...]

    def is_on(self, integer: Collection[str]) -> bool:
        return any(site.is_on(integer) for site in self.sites)

    @property
    def ops(self) -> frozenset[str]:
        """The ops that make it round when they compute on integers."""
        return frozenset(name for site in self.sites for name in (site.user, site.producer) if name)


def _groups(function: Function, sites: Sequence[Site]) -> tuple[Group, ...]:
    values = {value.name: value for value in function.values()}
    members: dict[tuple[str, str], list[int]] = {}
    for index, site in enumerate(sites):
        # Constants belong to the op that takes them.
        key = (site.user, "") if not site.producer else ("", _origin(values[site.value]).name)
        members.setdefault(key, []).append(index)
    return tuple(Group(tuple(found), tuple(sites[i] for i in found)) for found in members.values())


def _origin(value: Value) -> Value:
    """The value whose elements ``value`` has, behind ops that only move them."""
    while value.owner is not None and len(moved := moved_operands(value.owner)) == 1:
        value = moved[0]
    return value


_Divergence = Callable[[Array, Array], float]


def _logits(function: Function) -> dict[str, _Divergence]:
    """The values that outputs make distributions of, by name, and how two of each are compared."""
    found: dict[str, _Divergence] = {}
    for output in function.outputs:
        owner = _origin(output).owner
        if isinstance(owner, nn.Softmax | nn.LogSoftmax):
            found[owner.x.name] = _softmax_divergence(owner.axis)
        elif isinstance(owner, nn.Sigmoid):
            found[owner.x.name] = _sigmoid_divergence
    return found


def _softmax_divergence(axis: int) -> _Divergence:
    def divergence(teacher: Array, student: Array) -> float:
        p, q = (_log_softmax(x.astype(np.float64) / TEMPERATURE, axis) for x in (teacher, student))
        return float(np.mean(np.sum(np.exp(p) * (p - q), axis=axis))) if p.size else 0.0

    return divergence


def _log_softmax(x: Vector, axis: int) -> Vector:
    shifted = x - x.max(axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)))


def _sigmoid_divergence(teacher: Array, student: Array) -> float:
    pair = (np.stack([x.astype(np.float64), np.zeros(x.shape)]) for x in (teacher, student))
    return _softmax_divergence(0)(*pair)


@dataclass(frozen=True)
class Sensitivities:
    """What each group of roundings does alone, and what all do at once."""

    groups: tuple[Group, ...]
    alone: tuple[Deviation, ...]
    together: Deviation

    def predict(self, integer: Collection[str]) -> Deviation:
        """What it does that exactly these ops compute on integers."""
        return self._sum(d for g, d in zip(self.groups, self.alone, strict=True) if g.is_on(integer))

    def of_op(self, op: str) -> Deviation:
        """What it does that only this op computes on integers."""
        return self._sum(d for g, d in zip(self.groups, self.alone, strict=True) if op in g.ops)

    def _sum(self, parts: Iterator[Deviation]) -> Deviation:
        total = self.together.times(0)
        for part in parts:
            total = total.plus(part)
        return total


def measure_sensitivities(
    comparison: Comparison, allowed: float, samples: int | None = None, progress: Progress = silent
) -> Sensitivities:
    """Measures what groups of roundings do. ``allowed`` is the noise that the outputs may have in the end.

    Half of the groups are measured at once, then half of those, as long as they do anything of note: a network that is
    nearly good enough takes few runs, and no network more than two for each group.
    """
    groups, count = comparison.groups, len(comparison.switched.sites)
    alone: list[Deviation | None] = [None] * len(groups)

    def measure(first: int, last: int) -> Deviation:
        setting = np.zeros(count, np.bool_)
        setting[[i for group in groups[first:last] for i in group.members]] = True
        return comparison.measure(setting, samples)

    def refine(first: int, last: int) -> None:
        progress(f"measuring what {last - first} of {len(groups)} groups of roundings cost")
        found = measure(first, last)
        if last - first == 1 or float(found.noise.max(initial=0.0)) <= allowed * SMALLEST_SHARE:
            alone[first:last] = [found.times(1 / (last - first))] * (last - first)
            return
        middle = (first + last) // 2
        refine(first, middle)
        refine(middle, last)

    if groups:
        refine(0, len(groups))
    together = comparison.measure(np.ones(count, np.bool_), samples)
    return Sensitivities(groups, tuple(d for d in alone if d is not None), together)


__all__ = ["Comparison", "Deviation", "Group", "Sensitivities", "decibels", "measure_sensitivities"]
