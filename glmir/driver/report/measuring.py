"""How exact a quantized module is, op by op, measured on a few samples against the float module."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import GlmirError
from ...ir import Function, Module, Value
from ...ops import quant
from ...passes.patterns import constant_array, is_known
from ...types import Array, DType
from ..quantization.data import Sample
from ..quantization.runner import Runner

SAMPLES = 4
"""Samples that are run: errors of rounding average out over the elements of a tensor, not over samples alone."""

ELEMENTS = 2**14
"""Elements of a tensor that are compared, of each sample: a ratio of powers is then known to a tenth of a dB."""

LOCAL = "local "


@dataclass(frozen=True)
class Measurement:
    """SQNRs in dB by name: of outputs; of values with all errors before them (``accumulated``), with those of the op
    alone that computes them (``own``), and of values that are only rounded as they are stored (``rounded``)."""

    samples: int = 0
    outputs: Mapping[str, float] = field(default_factory=dict)
    accumulated: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)
    rounded: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Ratios:
    """Sums of the powers of signals and of their errors, by name."""

    def __init__(self) -> None:
        self._powers: dict[str, tuple[float, float]] = {}

    def add(self, name: str, exact: Array, found: Array) -> None:
        """Takes in what a tensor is, and what it should be; nothing of other shapes, or without elements."""
        if exact.shape != found.shape or not exact.size:
            return
        wide = exact.astype(np.float64)
        with np.errstate(all="ignore"):
            signal, noise = float(np.sum(np.square(wide))), float(np.sum(np.square(wide - found)))
        before = self._powers.get(name, (0.0, 0.0))
        self._powers[name] = (before[0] + signal, before[1] + noise)

    def decibels(self) -> dict[str, float]:
        """Of those with a signal of finite power."""
        return {n: _decibels(s, e) for n, (s, e) in self._powers.items() if s > 0 and np.isfinite(s)}


def _decibels(signal: float, noise: float) -> float:
    if not np.isfinite(noise):
        return -float("inf")
    return 10 * float(np.log10(signal / noise)) if noise > 0 else float("inf")


def measure(
    reference: Module, quantized: Module, samples: Sequence[Sample], names: Iterable[str], has_detail: bool = True
) -> Measurement:
    """Runs both modules; ``names`` are values of both. Without detail only outputs are compared.

    Raises GlmirError when one of the modules cannot be run.
    """
    shared = _shared(reference, quantized, names) if has_detail else []
    stored = {name: op for name, op in stored_values(quantized.main).items() if has_detail and name in shared}
    twin, local = _with_reference(reference, quantized, shared)
    exact_runner = Runner(twin, [*shared, *local])
    runner = Runner(quantized, shared)
    outputs, accumulated, own, rounded = Ratios(), Ratios(), Ratios(), Ratios()
    for sample in samples:
        if sample.begins:
            exact_runner.reset()
            runner.reset()
        exact, found = _Thinned(), _Thinned()
        expected = exact_runner.run(sample.inputs, exact)
        for name, array in runner.run(sample.inputs, found).items():
            if name in expected and expected[name].dtype.kind not in "iub":
                outputs.add(name, expected[name], array)
        for name in shared:
            store = stored.get(name)
            accumulated.add(name, exact.arrays[name], _rounded(store, found.arrays[name]))
            if LOCAL + name in exact.arrays:
                own.add(name, exact.arrays[name], _rounded(store, exact.arrays[LOCAL + name]))
            if store is not None:
                rounded.add(name, exact.arrays[name], _rounded(store, exact.arrays[name]))
    notes = tuple(dict.fromkeys([*exact_runner.notes, *runner.notes]))
    return Measurement(
        len(samples), outputs.decibels(), accumulated.decibels(), own.decibels(), rounded.decibels(), notes
    )


class _Thinned:
    """Keeps of each array that it is shown elements at a stride, at most ELEMENTS."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}

    def __call__(self, name: str, array: Array) -> None:
        flat = array.reshape(-1)
        stride = -(-flat.size // ELEMENTS) or 1
        while np.gcd(stride, flat.size) > 1:
            # With a common factor some channels would never be seen.
            stride += 1
        self.arrays[name] = flat[::stride].copy()


def _shared(reference: Module, quantized: Module, names: Iterable[str]) -> list[str]:
    ours, theirs = (_floats(module.main) for module in (reference, quantized))
    return [name for name in dict.fromkeys(names) if name in ours and name in theirs]


def _floats(function: Function) -> dict[str, Value]:
    """The computed values by name."""
    is_wanted = (v for v in function.values() if v.name and v.type.dtype.is_float and not is_known(v))
    return {v.name: v for v in is_wanted if v.type.quantization is None}


def stored_values(function: Function) -> dict[str, quant.Quantize]:
    """Name of a value -> how it is stored, with one scale that is known."""
    stores = (op for op in function.ops if isinstance(op, quant.Quantize) and op.x.name and op.axis is None)
    return {op.x.name: op for op in stores if constant_array(op.scale) is not None}


def parameters_of(op: quant.Quantize) -> tuple[float, int]:
    """The scale and the zero point of what ``stored_values`` has found."""
    scale, zero = constant_array(op.scale), constant_array(op.zero_point)
    assert scale is not None
    return float(scale.reshape(())), 0 if zero is None else int(zero.reshape(()))


def _rounded(op: quant.Quantize | None, array: Array) -> Array:
    """What is left of an array that is stored so; all of it when it is not."""
    if op is None:
        return array
    scale, zero = parameters_of(op)
    integers = np.clip(np.rint(array / np.float32(scale)) + zero, op.storage.lowest, op.storage.highest)
    return np.asarray((integers - zero) * np.float32(scale))


def _with_reference(reference: Module, quantized: Module, shared: Sequence[str]) -> tuple[Module, list[str]]:
    """The float module, and beside each of its ops the quantized one that takes the same floats; and what these are
    called. Where functions are called there are none beside: those of both modules have the same names."""
    if len(reference.functions) > 1 or not shared:
        return reference, []
    twin, source = reference.clone(), quantized.clone().main
    main = twin.main
    floats = _floats(main)
    inputs = {v.name: v for v in main.inputs}
    for value in source.inputs:
        value.replace_all_uses_with(inputs[value.name])
    source.set_outputs((), ())
    local = []
    for op in list(source.ops):
        source.ops.unlink(op)
        main.ops.append(op)
    for name, value in {v.name: v for op in main.ops for v in op.results if v.name}.items():
        exact = floats.get(name)
        if exact is None or exact is value:
            continue
        value.replace_all_uses_with(exact)
        value.name = LOCAL + name
        if name in shared and value.type.dtype is DType.F32:
            local.append(value.name)
    return twin, local


def measured_or_none(
    reference: Module, quantized: Module, samples: Sequence[Sample], names: Iterable[str], has_detail: bool
) -> Measurement:
    """The measurement; an empty one with a note when the modules cannot be run on the samples."""
    try:
        return measure(reference, quantized, samples, names, has_detail)
    except GlmirError as error:
        return Measurement(notes=(f"how exact it is could not be measured: {str(error).splitlines()[0]}",))


__all__ = ["Measurement", "measure", "measured_or_none", "parameters_of", "stored_values"]
