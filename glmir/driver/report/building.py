"""Gathers the facts of a report from what the compiler made."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import GlmirError
from ...ir import Module, Op
from ...passes.layout.layout_report import LayoutReport
from ...passes.memory.memory_report import MemoryReport
from ...passes.patterns import is_known
from ...passes.quantization.calibrators import expected_error
from ...passes.quantization.costs import multiplications
from ...passes.quantization.parameters import Parameters
from ...passes.quantization.plan import Decision
from ...passes.quantization.roles import LAYERS
from ...types import bind_lone_symbols
from ..compilation import Artifact
from ..quantization.comparison import Comparison
from ..quantization.data import Sample
from ..quantization.recipe import Recipe, Static
from ..quantization.record import Record
from ..quantization.sensitivity import measure_sensitivities
from ..samples import sample_inputs
from .advice import advise
from .facts import Measured, OpFacts, OutputFacts, Report, TargetFacts, TensorFacts
from .live_memory import memory_facts
from .measuring import Measurement, measure, measured_or_none, parameters_of, stored_values
from .speed import warnings_of
from .targets import INTEGERS, Written, constant_bytes, conversions
from .transposes import transpose_facts
from .weights import weight_facts

ALL = float("inf")
"""The noise that the outputs may have, as far as the report is concerned: it is told, not mended."""

ATTEMPTS = 6
"""Seeded inputs that are tried, where there is no data: the first that the model takes are used."""


@dataclass(frozen=True)
class Compiled:
    """What the compiler made: the module that all targets begin with, and an artifact and its path for each; and, where
    it was watched, what order-ops and the layout passes did."""

    source: Path
    module: Module
    artifacts: Sequence[tuple[Path, Artifact]]
    record: Record | None = None
    memory: MemoryReport | None = None
    precision: Sequence[str] = ()
    """What stays f32 where the rest is f16, a line each."""

    layouts: LayoutReport | None = None


def build_report(compiled: Compiled, is_full: bool, show: Callable[[str], None]) -> Report:
    """All facts; those that take long only when it ``is_full``: what each op does to the outputs, and advice."""
    record = compiled.record
    reference = compiled.module if record is None else record.reference
    samples, is_random = _samples(record)
    sizes = _sizes(reference, samples)
    ops = _op_facts(reference, record, sizes)
    report = Report(
        source=compiled.source.name,
        recipe="" if record is None or record.recipe is None else record.recipe.name,
        options="" if record is None or record.recipe is None else recipe_text(record.recipe),
        source_bytes=bytes_of(compiled.source),
        source_weight_bytes=constant_bytes((record.source if record else None) or compiled.module),
        calibration_samples=record.calibration.samples if record is not None and record.calibration is not None else 0,
        ops=ops,
        notes=_notes(record),
        precision=tuple(compiled.precision),
    )
    if record is not None:
        show("measuring how exact it is")
        report = _with_measurements(report, record, samples, is_random, is_full)
    targets = [_target_facts(report, compiled, sizes, *pair) for pair in compiled.artifacts]
    if is_full:
        targets = [
            replace(
                facts,
                memory=memory_facts(artifact, path, compiled.memory),
                transposes=transpose_facts(artifact, compiled.layouts),
            )
            for facts, (path, artifact) in zip(targets, compiled.artifacts, strict=True)
        ]
    return replace(report, targets=tuple(targets))


def recipe_text(recipe: Recipe) -> str:
    """The recipe as the command line takes it, with the options that are not the default ones."""
    changed = []
    for field in dataclasses.fields(recipe):
        value: object = getattr(recipe, field.name)
        if value != field.default:
            text = getattr(value, "value", value)
            changed.append(f"{field.name.replace('_', '-')}={str(text).lower() if isinstance(text, bool) else text}")
    return f"{recipe.name}{{{', '.join(changed)}}}" if changed else recipe.name


def bytes_of(path: Path) -> int:
    """Of a file, or of all files in a folder; 0 of what is not there."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.exists())


def _samples(record: Record | None) -> tuple[list[Sample], bool]:
    """The samples to measure on, and whether they are random."""
    if record is None:
        return [], False
    if record.first is not None:
        return record.first.take(), False
    states = {state.input for state in record.reference.states}
    types = {v.name: v.type for v in record.reference.main.inputs if v.name not in states}
    for attempt, inputs in enumerate(sample_inputs(types)):
        sample = Sample(inputs, "random numbers", begins=True)
        try:
            found = measure(record.reference, record.reference, [sample], (), has_detail=False)
        except (GlmirError, ValueError, IndexError):
            found = Measurement()
        if found.samples:
            return [sample], True
        if attempt == ATTEMPTS:
            break
    return [], True


def _sizes(module: Module, samples: Sequence[Sample]) -> dict[str, int]:
    """The sizes that the first sample gives to symbolic dims."""
    sizes: dict[str, int] = {}
    for value in module.main.inputs:
        if samples and value.name in samples[0].inputs:
            bind_lone_symbols(value.type, np.shape(samples[0].inputs[value.name]), sizes)
    return sizes


def _op_facts(reference: Module, record: Record | None, sizes: Mapping[str, int]) -> tuple[OpFacts, ...]:
    decisions = {d.op: d for d in record.decisions} if record is not None else {}
    is_static = record is not None and isinstance(record.recipe, Static)
    facts = []
    for op in reference.main.ops:
        computes = op.results and any(r.type.dtype.is_float for r in op.results) and not is_known(op.results[0])
        if computes:
            decision = decisions.get(op.results[0].name)
            facts.append(_of_op(op, decision, "" if is_static or record is None else _weights_only(record), sizes))
    found = _found(record)
    return tuple(replace(f, reason=found[f.name]) if f.name in found and not f.is_integer else f for f in facts)


def _found(record: Record | None) -> dict[str, str]:
    """Why the search for mixed precision left ops in float."""
    kept = record.search.kept if record is not None and record.search is not None else ()
    return {
        op.op: f"the search left it in float: with it alone on integers {op.sqnr:.1f} dB remain ({op.reason})"
        for op in kept
    }


def _notes(record: Record | None) -> tuple[str, ...]:
    if record is None:
        return ()
    found = record.search
    if found is None:
        return tuple(record.notes)
    part = f"{len(found.keep)} ops in float, {found.float_share:.1%} of the multiplications"
    exactness = f"the worst output keeps {found.after.sqnr:.1f} dB instead of {found.before.sqnr:.1f}"
    return (f"the search left {part}: {exactness}", *record.notes)


def _of_op(op: Op, decision: Decision | None, otherwise: str, sizes: Mapping[str, int]) -> OpFacts:
    is_integer = decision is not None and decision.is_integer
    reason = decision.reason if decision is not None else otherwise
    kind, is_layer = op.definition.name, isinstance(op, LAYERS)
    return OpFacts(op.results[0].name, op.location, kind, is_layer, is_integer, reason, multiplications(op, sizes))


def _weights_only(record: Record) -> str:
    return f"{record.recipe.name} stores weights in fewer bits, and computes with floats" if record.recipe else ""


def _with_measurements(
    report: Report, record: Record, samples: Sequence[Sample], is_random: bool, is_full: bool
) -> Report:
    quantized = record.measurable
    names = [op.name for op in report.ops] + [v.name for v in record.reference.main.inputs]
    found = Measurement(notes=("there are no samples to measure on",))
    if samples:
        found = measured_or_none(record.reference, quantized, samples, names, has_detail=True)
    shares = _shares(report, record, samples) if is_full and found.samples else {}
    ops = tuple(
        replace(op, sqnr=found.accumulated.get(op.name), own=found.own.get(op.name), share=shares.get(op.name))
        for op in report.ops
    )
    report = replace(
        report,
        measured=Measured(found.samples, is_random) if found.samples else None,
        outputs=tuple(OutputFacts(name, found.outputs.get(name)) for name in record.reference.main.output_names),
        ops=ops,
        tensors=_tensor_facts(record, found),
        weights=tuple(weight_facts(record.reference, quantized, record.weights)) if is_full else (),
        notes=(*report.notes, *(note for note in found.notes if note not in report.notes)),
    )
    return replace(report, advice=tuple(advise(report, record))) if is_full else report


def _shares(report: Report, record: Record, samples: Sequence[Sample]) -> dict[str, float]:
    """The part of the error of the worst output that each op makes when it alone computes on integers; of its logits
    where the output is a distribution. What an op takes is rounded for it and for the op before: it counts for both."""
    try:
        comparison = Comparison(record.reference, record.measurable, samples[:1])
        integer = frozenset(d.op for d in record.decisions if d.is_integer)
        found = measure_sensitivities(comparison, ALL, integer)
    except (GlmirError, ValueError):
        return {}
    if not found.together.noise.size:
        return {}
    worst = int(np.argmax(found.together.guide))
    alone = {op.name: float(found.of_op(op.name).guide[worst]) for op in report.ops}
    total = sum(float(deviation.guide[worst]) for deviation in found.alone)
    return {name: noise / total for name, noise in alone.items()} if total > 0 and np.isfinite(total) else {}


def _tensor_facts(record: Record, found: Measurement) -> tuple[TensorFacts, ...]:
    facts = []
    for name, op in stored_values(record.measurable.main).items():
        scale, zero = parameters_of(op)
        statistics = record.calibration.tensors.get(name) if record.calibration is not None else None
        fact = TensorFacts(
            name=name,
            nodes=op.location,
            storage=op.storage.value,
            scale=scale,
            zero_point=zero,
            low=(op.storage.lowest - zero) * scale,
            high=(op.storage.highest - zero) * scale,
            measured=found.rounded.get(name),
        )
        if statistics is not None and not statistics.is_empty:
            error = expected_error(statistics, Parameters(scale, zero), op.storage)
            fact = replace(
                fact,
                seen_low=statistics.minimum,
                seen_high=statistics.maximum,
                clipped=error.clipped,
                expected=error.sqnr,
            )
        facts.append(fact)
    return tuple(facts)


def _target_facts(
    report: Report, compiled: Compiled, sizes: Mapping[str, int], path: Path, artifact: Artifact
) -> TargetFacts:
    written = Written(artifact, compiled.module)
    computed = tuple(written.computed(op) for op in report.ops)
    pairs = list(zip(report.ops, computed, strict=True))
    layers = [op for op in report.ops if op.is_layer]
    integer = [op for op, made in pairs if op.is_layer and made.computed == INTEGERS]
    total = sum(op.multiplications for op in layers)
    record = compiled.record
    warnings = () if record is None else tuple(warnings_of(artifact, record, sizes))
    return TargetFacts(
        name=artifact.target.name,
        file=path.name,
        file_bytes=bytes_of(path),
        weight_bytes=constant_bytes(artifact.module),
        ops=len(artifact.module.main.ops),
        conversions=conversions(artifact.module),
        layers=len(layers),
        integer_layers=len(integer),
        integer_share=sum(op.multiplications for op in integer) / total if total else 0.0,
        computed=computed,
        warnings=warnings,
    )


__all__ = ["Compiled", "build_report", "bytes_of", "recipe_text"]
