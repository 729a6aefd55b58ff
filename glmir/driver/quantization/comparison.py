"""How far mixtures of float and integer ops are from all in float, on samples."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...ir import Function, Module, Value
from ...ops import nn
from ...passes.quantization.costs import multiplications
from ...passes.quantization.moves import moved_operands
from ...types import Array, bind_lone_symbols
from .data import Sample
from .runner import Runner
from .switches import Site, name_of, with_switches

TEMPERATURE = 2.0
"""What logits are divided by before distributions are compared, so that all classes count and not the likeliest alone
(Hinton et al. 2015, "Distilling the Knowledge in a Neural Network")."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Deviation:
    """How far outputs are from float's: the power of the error of each, as a part of its own (f64[outputs]).

    ``guide`` is the same of what adds up better: of the logits where an output is a distribution, since one likelihood
    that tips over hides all else. ``divergence`` is the mean KL divergence of these distributions, softened (teacher
    float, student quantized), in nats; None where no output is one.
    """

    noise: Vector
    guide: Vector
    divergence: float | None = None

    @property
    def worst(self) -> float:
        """The noise of the worst output."""
        return float(self.noise.max(initial=0.0))

    @property
    def sqnr(self) -> float:
        """The signal-to-noise ratio of the worst output, in dB."""
        return decibels(self.worst)

    @property
    def worst_guide(self) -> float:
        """The noise of the worst guide."""
        return float(self.guide.max(initial=0.0))

    def plus(self, other: "Deviation") -> "Deviation":
        """What both do together."""
        both = None if self.divergence is None or other.divergence is None else self.divergence + other.divergence
        return Deviation(self.noise + other.noise, self.guide + other.guide, both)

    def joined(self, other: "Deviation") -> "Deviation":
        """The larger of each."""
        larger = max(self.divergence or 0.0, other.divergence or 0.0)
        divergence = None if self.divergence is None else larger
        return Deviation(np.maximum(self.noise, other.noise), np.maximum(self.guide, other.guide), divergence)

    def times(self, factor: float) -> "Deviation":
        divergence = None if self.divergence is None else self.divergence * factor
        return Deviation(self.noise * factor, self.guide * factor, divergence)


def decibels(noise: float) -> float:
    """10 log10(1 / noise); infinite for none."""
    return float("inf") if noise <= 0 else -10 * float(np.log10(noise))


def comparable_outputs(function: Function) -> list[str]:
    """The names of float outputs whose sizes the inputs tell.

    Of others, as of boxes that a detector keeps, rounding may change how many there are, and which stands where.
    """
    outputs = zip(function.output_names, function.outputs, strict=True)
    known = set(function.symbols)
    return [n for n, value in outputs if value.type.dtype.is_float and known.issuperset(value.type.symbols)]


@dataclass(frozen=True)
class Group:
    """Sites that round the same numbers in the same way: that one rounds is as good as that all do."""

    members: tuple[int, ...]
    sites: tuple[Site, ...]

    def is_on(self, integer: Collection[str]) -> bool:
        """Whether something is rounded when these ops compute on integers."""
        return any(site.is_on(integer) for site in self.sites)

    @property
    def ops(self) -> frozenset[str]:
        """The ops that make it round when they compute on integers."""
        return frozenset(name for site in self.sites for name in (site.user, site.producer) if name)


class Comparison:
    """Compares mixtures of float and integer ops with all in float, on the same samples.

    ``module`` is float, all of its values have names; ``quantized`` is what insertion of pairs made of its clone.
    Raises InputError for samples that do not fit, GlmirError when the module cannot be run.
    """

    def __init__(self, module: Module, quantized: Module, samples: Sequence[Sample]) -> None:
        self.module = module
        self.switched = with_switches(module, quantized)
        self._samples = list(samples)
        self._logits = _logits(module.main)
        self._runner = Runner(self.switched.module, [logits.name for logits in self._logits.values()])
        self._references: dict[int, _Result] = {}
        self._order = list(range(len(self._samples)))
        states = {state.output for state in module.states}
        self._names = [name for name in comparable_outputs(module.main) if name not in states]

    def measure(self, setting: Array, samples: int | None = None) -> Deviation:
        """What these switches do, on the first of the samples or on all."""
        return self._deviation(self._pairs(setting, self._order[:samples]))

    def measure_ops(self, integer: Collection[str]) -> Deviation:
        """What it does that exactly these ops compute on integers, on all samples."""
        return self.measure(self.switched.setting(integer))

    def put_worst_first(self, setting: Array) -> Deviation:
        """Orders the samples by what these switches do to the outputs, which it returns for all samples."""
        indices = range(len(self._samples))
        pairs = self._pairs(setting, indices)
        alone = [self._deviation([pair]).worst for pair in pairs]
        self._order = sorted(indices, key=lambda index: (-alone[index], index))
        return self._deviation(pairs)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """All sites, in groups."""
        return _groups(self.module.main, self.switched.sites)

    @cached_property
    def costs(self) -> Mapping[str, int]:
        """The multiplications of each op by its name, for the sizes of one of the samples."""
        sizes: dict[str, int] = {}
        for value in self.module.main.inputs:
            if value.name in self._samples[0].inputs:
                bind_lone_symbols(value.type, np.shape(self._samples[0].inputs[value.name]), sizes)
        return {name_of(op): multiplications(op, sizes) for op in self.module.main.ops if op.results}

    def _pairs(self, setting: Array, indices: Iterable[int]) -> "list[tuple[_Result, _Result]]":
        """What floats give of samples, and what these switches do."""
        off = np.zeros_like(setting)
        pairs = []
        for index in indices:
            if index not in self._references:
                self._references[index] = self._run(self._samples[index], off)
            pairs.append((self._references[index], self._run(self._samples[index], setting)))
        return pairs

    def _run(self, sample: Sample, setting: Array) -> "_Result":
        # Each sample on its own: what a state remembers would carry one mixture's errors into the next.
        self._runner.reset()
        logits: dict[str, Array] = {}

        def keep(name: str, array: Array) -> None:
            logits[name] = array.copy()

        outputs = self._runner.run({**sample.inputs, self.switched.name: setting}, keep)
        return _Result(outputs, logits)

    def _deviation(self, pairs: "Sequence[tuple[_Result, _Result]]") -> Deviation:
        """From pairs of what floats give and what was found."""
        noise = [_noise([(exact.outputs[n], found.outputs[n]) for exact, found in pairs]) for n in self._names]
        guide, divergences = list(noise), []
        for index, name in enumerate(self._names):
            if (kind := self._logits.get(name)) is None:
                continue
            logits = [(exact.logits[kind.name], found.logits[kind.name]) for exact, found in pairs]
            guide[index] = _noise([(kind.centred(exact), kind.centred(found)) for exact, found in logits])
            divergences += [kind.divergence(exact, found) for exact, found in logits]
        return Deviation(np.array(noise), np.array(guide), float(np.mean(divergences)) if divergences else None)


@dataclass(frozen=True)
class _Result:
    outputs: Mapping[str, Array]
    logits: Mapping[str, Array]


def _noise(pairs: Sequence[tuple[Array, Array]]) -> float:
    """The power of all errors as a part of that of all exact numbers; infinite where an error is. Of what is zero
    everywhere, or not finite in float either, there is no part to tell: 0."""
    error = sum(float(np.sum(np.square(exact.astype(np.float64) - found))) for exact, found in pairs)
    power = sum(float(np.sum(np.square(exact, dtype=np.float64))) for exact, _ in pairs)
    if not 0 < power < np.inf:
        return 0.0
    return error / power if np.isfinite(error) else np.inf


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


@dataclass(frozen=True)
class _Logits:
    """The value that an output makes a distribution of: along ``axis``, or of each element and its opposite."""

    name: str
    axis: int | None

    def centred(self, logits: Array) -> Vector:
        """Without what all logits of a distribution may have in common."""
        wide = logits.astype(np.float64)
        return wide if self.axis is None else wide - wide.mean(axis=self.axis, keepdims=True)

    def divergence(self, teacher: Array, student: Array) -> float:
        """The mean KL divergence at TEMPERATURE, in nats."""
        if not teacher.size:
            return 0.0
        p, q = (self._log_probabilities(logits) for logits in (teacher, student))
        axis = -1 if self.axis is None else self.axis
        return float(np.mean(np.sum(np.exp(p) * (p - q), axis=axis)))

    def _log_probabilities(self, logits: Array) -> Vector:
        softened = logits.astype(np.float64) / TEMPERATURE
        if self.axis is None:
            softened = np.stack([softened, np.zeros_like(softened)], axis=-1)
        axis = -1 if self.axis is None else self.axis
        shifted = softened - softened.max(axis=axis, keepdims=True)
        return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)))


def _logits(function: Function) -> dict[str, _Logits]:
    """The logits of the outputs that are distributions, by the outputs' names."""
    found: dict[str, _Logits] = {}
    for name, output in zip(function.output_names, function.outputs, strict=True):
        owner = _origin(output).owner
        if isinstance(owner, nn.Softmax | nn.LogSoftmax | nn.Sigmoid):
            found[name] = _Logits(owner.x.name, None if isinstance(owner, nn.Sigmoid) else owner.axis)
    return found


__all__ = ["Comparison", "Deviation", "Group", "comparable_outputs", "decibels"]
