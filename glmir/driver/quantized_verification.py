"""--verify with --quantize: an artifact may be off from its source by what rounding to integers explains, and no more.

Three things are run on the same samples: the source, the quantized module with each pair of quantize and dequantize as
it stands (in onnxruntime, or the interpreter), and the artifact. What the compiler did before it pruned and quantized
is held to the tolerance of float models; then the noise of the artifact to that of the quantized module.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..backends.target import Target
from ..errors import GlmirError, VerificationError
from ..ir import Module, Value
from ..ops import quant
from ..passes.patterns import constant_array
from ..states import Memory
from ..types import Array, DType
from .compilation import Options
from .quantization.comparison import comparable_outputs
from .quantization.data import Sample
from .quantization.recipe import Dynamic, Static
from .quantization.record import Record
from .quantization.runner import Runner
from .samples import Arrays, run_on_samples
from .sources import load_pinned
from .verification import compare_output, given_by_artifact, given_to_artifact, source_runner

MARGIN = 4.0
"""How much more power the artifact's error may have than the pairs': where a pair rounds once, an integer kernel rounds
its products and its result, which doubles the power; another factor of 2 is for chance, which few elements leave."""

CHANGED = 0.25
"""The part of an output's elements that may be off by a step, however exact the pairs are: sums of another order round
to the other side of a half."""

TABLES = {DType.I16: 1e-3}
"""By how much of an output's magnitude kernels of 16 bits are off that look functions up in tables of 513 entries
(TFLite's softmax, sigmoid, tanh)."""

LAYER_NOISE = 1e-3
"""What quantizing at run time what a layer takes adds to the power of an output, as a part of it: 8 bits a row keep 30
dB at least, unless single elements spoil the scale."""


@dataclass(frozen=True)
class OutputNoise:
    """The powers of one output's signal and of errors, summed over all samples: of the artifact against the source, of
    the artifact and of the quantized module against the float module; and what the artifact's may be."""

    name: str
    signal: float
    against_source: float
    artifact: float
    pairs: float
    allowed: float

    @property
    def is_accepted(self) -> bool:
        return self.artifact <= self.allowed

    def __str__(self) -> str:
        sqnr, expected = _decibels(self.signal, self.against_source), _decibels(self.signal, self.pairs)
        return f"{self.name}: SQNR {sqnr} against the source; the recipe explains {expected}"


def _decibels(signal: float, noise: float) -> str:
    if not noise > 0:
        return "exact" if noise == 0 else "not a number"
    return f"{10 * np.log10(signal / noise):.1f} dB" if signal > 0 else "no signal"


Run = Callable[[Arrays], Mapping[str, Array]]


@dataclass(frozen=True)
class _Parties:
    """What is compared: each takes the source's inputs and gives its outputs."""

    source: Run
    before: Runner
    exact: Runner
    pairs: Runner
    artifact: Run
    memories: Sequence[Memory]

    def reset(self) -> None:
        for runner in (self.before, self.exact, self.pairs):
            runner.reset()
        for memory in self.memories:
            memory.reset()


def verify_quantized(
    artifact: Path, target: Target, source: Path, options: Options, record: Record
) -> list[OutputNoise]:
    """The noise of each float output, on the first samples of the calibration data, or on seeded ones without.

    Raises VerificationError when one is too far off, or when one of the models cannot be run; InputError without
    runtimes.
    """
    if problems := target.problems(artifact):
        raise VerificationError("\n  ".join([f"{artifact} breaks rules of {target.name}:", *problems]))
    module, pinned = load_pinned(source, options.specs)
    run_source = source_runner(source, module, pinned)
    changed = options.io_layout.selected(module)
    border = _Border(record)

    def run_artifact(inputs: Arrays) -> dict[str, Array]:
        given = {n: given_to_artifact(n, border.taken(n, a), n in changed, target) for n, a in inputs.items()}
        outputs = target.run(artifact, given)
        return {name: border.given(name, given_by_artifact(a, name in changed)) for name, a in outputs.items()}

    memories = (Memory(module), Memory(module))
    exact = Runner(record.reference)
    is_pruned = options.compression is not None and bool(options.compression.pruning)
    parties = _Parties(
        lambda inputs: memories[0].call(run_source, inputs),
        Runner(record.source) if is_pruned and record.source is not None else exact,
        exact,
        Runner(record.measurable),
        lambda inputs: memories[1].call(run_artifact, inputs),
        memories,
    )
    try:
        noises = _compare(parties, _samples(record, module, run_source, options), _Limits(target, record))
    except VerificationError:
        raise
    except GlmirError as error:
        raise VerificationError(f"{artifact} cannot be verified: {error}") from error
    failed = "".join(f"\n  {noise}" for noise in noises if not noise.is_accepted)
    if failed:
        raise VerificationError(f"{artifact} is farther from {source} than its quantization explains:{failed}")
    return noises


def _samples(record: Record, module: Module, run_source: Run, options: Options) -> list[Sample]:
    if record.first is not None:
        return record.first.take()
    states = {state.input for state in module.states}
    types = {v.name: v.type for v in module.main.inputs if v.name not in states}
    try:
        inputs, _ = run_on_samples(types, lambda given: Memory(module).call(run_source, given), options.specs.sizes)
    except GlmirError:
        raise
    except Exception as error:
        # onnxruntime has an exception class per status, and the interpreter fails where numpy does.
        reason = str(error).strip().split("\n")[0]
        raise VerificationError(f"the source cannot be run on seeded inputs; give --calibrate ({reason})") from None
    return [Sample(inputs, "seeded inputs", begins=True)]


def _compare(parties: _Parties, samples: Sequence[Sample], limits: "_Limits") -> list[OutputNoise]:
    sums: dict[str, OutputNoise] = {}
    for sample in samples:
        if sample.begins:
            parties.reset()
        expected = parties.source(sample.inputs)
        exact, pairs = parties.exact.run(sample.inputs), parties.pairs.run(sample.inputs)
        before = exact if parties.before is parties.exact else parties.before.run(sample.inputs)
        found = parties.artifact(sample.inputs)
        if missing := [name for name in expected if name not in found]:
            raise VerificationError(f"the artifact has no output {', '.join(missing)}")
        for name, reference in expected.items():
            if not np.issubdtype(reference.dtype, np.floating) or name not in exact:
                continue
            _check_float(name, before[name], reference, sample.where)
            if name not in limits.comparable:
                continue
            noise = _noise(name, reference, exact[name], pairs[name], found[name], limits)
            sums[name] = noise if name not in sums else _sum(sums[name], noise)
    return list(sums.values())


def _check_float(name: str, exact: Array, reference: Array, where: str) -> None:
    """Raises VerificationError when the model is another one before it is quantized."""
    error = compare_output(name, exact, reference)
    if not error.is_accepted:
        raise VerificationError(f"what is quantized does not compute what the source does: {error} ({where})")


def _noise(name: str, source: Array, exact: Array, pairs: Array, found: Array, limits: "_Limits") -> OutputNoise:
    if found.shape != source.shape:
        raise VerificationError(f"the output {name} is {list(found.shape)}, not {list(source.shape)}")
    wide = source.astype(np.float64)
    signal, pair_noise = float(np.sum(np.square(wide))), _power(exact, pairs)
    allowed = MARGIN * pair_noise + limits.floor(name, wide) + limits.dynamic * signal
    return OutputNoise(name, signal, _power(source, found), _power(exact, found), pair_noise, allowed)


def _power(a: Array, b: Array) -> float:
    """Of the difference; what is not finite in both alike does not count."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return float(np.sum(np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.square(a - b))))


def _sum(a: OutputNoise, b: OutputNoise) -> OutputNoise:
    return OutputNoise(
        a.name,
        a.signal + b.signal,
        a.against_source + b.against_source,
        a.artifact + b.artifact,
        a.pairs + b.pairs,
        a.allowed + b.allowed,
    )


class _Limits:
    """What is allowed beside the noise of the pairs: steps of the outputs' scales, the target's float arithmetic, and
    what kernels quantize by themselves."""

    def __init__(self, target: Target, record: Record) -> None:
        main = record.measurable.main
        self.comparable = frozenset(comparable_outputs(main))
        outputs = zip(main.output_names, main.outputs, strict=True)
        self._steps = {name: _step(value) for name, value in outputs}
        recipe = record.recipe
        tables = TABLES.get(recipe.storage, 0.0) if isinstance(recipe, Static) else 0.0
        self._tolerance = max(target.tolerance, tables)
        layers = len(record.weights) if isinstance(record.recipe, Dynamic) else 0
        self.dynamic = LAYER_NOISE * layers

    def floor(self, name: str, array: Array) -> float:
        magnitude = float(np.max(np.abs(array), initial=0.0, where=np.isfinite(array)))
        step, tolerance = self._steps.get(name, 0.0), self._tolerance * magnitude
        return array.size * (CHANGED * step**2 + tolerance**2)


def _step(value: Value) -> float:
    """The scale in which an output is stored; 0 when it is float."""
    owner = value.owner
    scale = constant_array(owner.scale) if isinstance(owner, quant.Dequantize) else None
    return 0.0 if scale is None else float(np.max(scale))


class _Border:
    """Inputs and outputs that are passed as integers: from and to what they mean."""

    def __init__(self, record: Record) -> None:
        integer, floats = record.quantized.main, record.measurable.main
        self._inputs = {
            given.name: (_first(meant), given.type.stored)
            for given, meant in zip(integer.inputs, floats.inputs, strict=True)
            if given.type != meant.type
        }
        outputs = zip(integer.output_names, integer.outputs, floats.outputs, strict=True)
        self._outputs = {
            name: (meant.owner, given.type.stored)
            for name, given, meant in outputs
            if given.type != meant.type and isinstance(meant.owner, quant.Dequantize)
        }

    def taken(self, name: str, array: Array) -> Array:
        """An input as the artifact takes it."""
        if name not in self._inputs:
            return array
        op, dtype = self._inputs[name]
        scale, zero = _parameters(op, dtype)
        return np.asarray(np.clip(np.rint(array / scale) + zero, dtype.lowest, dtype.highest), dtype.numpy)

    def given(self, name: str, array: Array) -> Array:
        """What an output of the artifact means."""
        if name not in self._outputs:
            return array
        scale, zero = _parameters(*self._outputs[name])
        return np.asarray((array.astype(np.float32) - np.float32(zero)) * scale)


def _first(value: Value) -> quant.Quantize:
    (op,) = {user for user in value.users if isinstance(user, quant.Quantize)}
    return op


def _parameters(op: quant.Scaled, dtype: DType) -> tuple[np.float32, int]:
    """Scale, and the zero point as integers of ``dtype`` have it."""
    scale, zero = constant_array(op.scale), constant_array(op.zero_point)
    assert scale is not None
    point = 0 if zero is None else int(zero.reshape(()))
    return np.float32(scale.reshape(())), point - op.stored.lowest + dtype.lowest


__all__ = ["OutputNoise", "verify_quantized"]
