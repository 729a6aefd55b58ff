"""Recipes whose layers compute on integers: what values hold is measured, and pairs say how they are stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import CompileError, InputError
from ...ir import Module
from ...passes.compression.dense_weights import Selection
from ...passes.compression.quantize_weights import WeightOptions, quantize_weights_of
from ...passes.names import names
from ...passes.quantization.calibration_file import Calibration, read_calibration
from ...passes.quantization.calibrators import activation_range
from ...passes.quantization.correct_biases import correct_biases, correctable
from ...passes.quantization.equalize_layers import equalize_layers
from ...passes.quantization.equalize_outputs import equalize_outputs, output_candidates
from ...passes.quantization.insert_quantization import insert_pairs
from ...passes.quantization.layer_channels import output_axis
from ...passes.quantization.parameters import Range
from ...passes.quantization.plan import Decision, Plan, StaticOptions, activations, make_plan, name_values
from ...passes.quantization.roles import LAYERS
from ...passes.quantization.smooth_activations import smooth_activations, smoothable
from ...passes.quantization.statistics import PLAIN, ChannelStatistics, Request
from .calibration import Progress, calibrate, module_hash
from .comparison import comparable_outputs, decibels
from .data import Sample, Samples
from .recipe import Automatic, Static
from .record import Record, StoredActivation
from .runner import Runner
from .search import SearchResult, search

SLACK = 2.5
"""By how many dB outputs may miss what int8 aims at before it is worth a search, which takes ten times as long."""


def quantize_statically(
    recipe: Static, record: Record, samples: Samples | None, progress: Progress, cache: Path | None
) -> Record:
    """Puts ``record.quantized`` on integers as the recipe says, and returns what became of it.

    The reference is then the float module that the pairs were put into: equalized, it computes what it did before.
    Raises InputError without samples and for bad ones, CompileError for a model that computes no numbers of them.
    """
    module = record.reference.clone()
    if recipe.equalize and not recipe.per_channel:
        # Scales per channel do the same, and factors between layers cost the activations.
        equalize_layers(module)
        name_values(module)
    calibration = _calibration(module, recipe, samples, progress, cache)
    options = StaticOptions(
        ranges_of(calibration, recipe), recipe.storage, recipe.symmetric, recipe.per_channel, names(recipe.keep)
    )
    if recipe.correct_biases and not recipe.per_channel:
        _correct_biases(module, options, calibration)
    quantized = module.clone()
    decisions = insert_pairs(quantized, options)
    found = _searched(recipe, module, quantized, options, samples, record, progress)
    if found is not None and found.keep:
        options = replace(options, keep=options.keep | found.keep)
        quantized = module.clone()
        decisions = insert_pairs(quantized, options)
    # Tables and recurrent layers have no integer kernels everywhere, but need not take the room of floats.
    others = WeightOptions(selection=Selection(keep=_kept_in_float(decisions) | options.keep))
    return replace(
        record,
        reference=module,
        quantized=quantized,
        calibration=calibration,
        activations=tuple(_stored(module, options)),
        decisions=tuple(decisions),
        weights=tuple(quantize_weights_of(quantized, others)),
        search=found,
        notes=[*record.notes, *calibration.notes, *_notes(recipe, found, samples)],
    )


def _calibration(
    module: Module, recipe: Static, samples: Samples | None, progress: Progress, cache: Path | None
) -> Calibration:
    """What the values hold; factors move in ``module`` where that makes them easier to store."""
    requests = _requests(module, recipe)
    if samples is None:
        if cache is None:
            raise InputError(f"--quantize {recipe.name} needs samples of what the model is given: --calibrate FILE")
        calibration = read_calibration(cache, module_hash(module))
        _require_numbers(calibration)
        return calibration
    progress("calibrating")
    calibration = calibrate(module, samples, requests, progress, cache)
    _require_numbers(calibration)
    # What can be gone through once only shows no new ranges.
    changed = set() if samples.is_once else _reshaped(module, recipe, calibration)
    if changed:
        wanted = [v.name for v in activations(module) if v.name in changed]
        calibration.tensors |= calibrate(module, samples, wanted, progress).tensors
    return calibration


def _requests(module: Module, recipe: Static) -> dict[str, Request]:
    """What is asked of each value: of those whose channels count, what these hold too."""
    requests = dict.fromkeys((v.name for v in activations(module)), PLAIN)
    plan = _plan_of_all(module, recipe)
    axes: dict[str, int] = {}
    if recipe.equalize:
        axes |= {op.results[0].name: output_axis(op) for op in output_candidates(plan)}
    if recipe.smooth is not None:
        axes |= smoothable(module)
    if recipe.correct_biases and not recipe.per_channel:
        axes |= correctable(plan)
    return requests | {name: Request(axis=axis) for name, axis in axes.items() if name in requests}


def _plan_of_all(module: Module, recipe: Static) -> Plan:
    """The plan with every value known: which ops compute on integers does not depend on the ranges."""
    ranges = {v.name: Range(-1.0, 1.0) for v in activations(module)}
    return make_plan(module.main, StaticOptions(ranges, keep=names(recipe.keep)))


def _reshaped(module: Module, recipe: Static, calibration: Calibration) -> set[str]:
    """Moves factors where they make values easier to store; the names of values that are new or other than before."""
    channels = _channels(calibration)
    changed: set[str] = set()
    if recipe.smooth is not None:
        changed.update(smooth_activations(module, channels, recipe.smooth))
    if recipe.equalize:
        changed.update(equalize_outputs(module, _plan_of_all(module, recipe), channels))
    name_values(module)
    return changed


def _channels(calibration: Calibration) -> dict[str, ChannelStatistics]:
    return {name: s.channels for name, s in calibration.tensors.items() if s.channels is not None}


def _correct_biases(module: Module, options: StaticOptions, calibration: Calibration) -> None:
    trial = module.clone()
    insert_pairs(trial, options)
    correct_biases(module, trial, _channels(calibration))
    name_values(module)


def _searched(
    recipe: Static,
    module: Module,
    quantized: Module,
    options: StaticOptions,
    samples: Samples | None,
    record: Record,
    progress: Progress,
) -> SearchResult | None:
    """What must stay float for the outputs to be as exact as the recipe asks; None when nothing need be looked for."""
    if recipe.min_sqnr <= 0 or samples is None:
        return None
    first = record.first.take() if record.first is not None else []
    # Who asks for integers gets them, in no time, unless a few samples show that the outputs are far from usable.
    if not isinstance(recipe, Automatic) and _worst_sqnr(module, quantized, first) >= recipe.min_sqnr - SLACK:
        return None
    progress("searching for what must stay float")
    # What can be gone through once only has been.
    source: Samples | Sequence[Sample] = first if samples.is_once else samples
    return search(module, options, source, recipe.min_sqnr, recipe.max_float, progress=progress)


def _worst_sqnr(module: Module, quantized: Module, samples: Sequence[Sample]) -> float:
    """The SQNR of the worst output of the pairs against the floats, in dB."""
    exact, rounded = Runner(module), Runner(quantized)
    comparable = set(comparable_outputs(module.main))
    signal: dict[str, float] = {}
    noise: dict[str, float] = {}
    for sample in samples:
        if sample.begins:
            exact.reset()
            rounded.reset()
        actual = rounded.run(sample.inputs)
        for name, array in exact.run(sample.inputs).items():
            if name in comparable:
                reference = array.astype(np.float64)
                signal[name] = signal.get(name, 0.0) + float(np.sum(reference**2))
                noise[name] = noise.get(name, 0.0) + float(np.sum((actual[name] - reference) ** 2))
    return min((decibels(noise[name] / signal[name]) for name in signal if signal[name] > 0), default=np.inf)


def _notes(recipe: Static, found: SearchResult | None, samples: Samples | None) -> Iterator[str]:
    if samples is None:
        yield "without samples no channels were scaled by what they show, and nothing was searched: --calibrate FILE"
    elif samples.is_once and (recipe.equalize or recipe.smooth is not None):
        yield (
            "the samples cannot be gone through again, so that no channels were scaled by what they show: give a list, "
            "or a function that gives an iterator"
        )
    if found is not None and found.keep and not isinstance(recipe, Automatic):
        yield (
            f"{len(found.keep)} ops stay float ({found.float_share:.1%} of the multiplications): the outputs reach "
            f"{found.after.sqnr:.1f} dB with them, {found.before.sqnr:.1f} dB without (min_sqnr=0 keeps none)"
        )
    if found is not None and not found.is_reached:
        yield (
            f"the outputs reach {found.after.sqnr:.1f} dB, not {recipe.min_sqnr:g} dB, with {found.float_share:.0%} of "
            f"the multiplications in float: allow more (max_float), or ask for less (min_sqnr)"
        )


def _stored(module: Module, options: StaticOptions) -> Iterator[StoredActivation]:
    """How each value is stored that pairs are put around."""
    plan = make_plan(module.main, options)
    for value, parameters in plan.parameters.items():
        if value.name in options.ranges:
            yield StoredActivation(value.name, options.ranges[value.name], parameters)


def _kept_in_float(decisions: Sequence[Decision]) -> frozenset[str]:
    """The names of layers that could compute on integers, but shall not."""
    layers = {op.definition.name for op in LAYERS}
    return frozenset(d.op for d in decisions if not d.is_integer and d.kind in layers)


def ranges_of(calibration: Calibration, recipe: Static) -> Mapping[str, Range]:
    """The range of each value that was seen, as the recipe's calibrator chooses it."""
    return {
        name: activation_range(s, recipe.calibrator, recipe.storage, recipe.symmetric, recipe.percentile)
        for name, s in calibration.tensors.items()
        if s.elements
    }


def _require_numbers(calibration: Calibration) -> None:
    """Raises CompileError when the model computes NaN or infinities of the samples: no range would mean anything."""
    bad = [name for name, s in calibration.tensors.items() if s.not_finite and s.not_finite == s.elements]
    if bad:
        named = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
        raise CompileError([f"the calibration data makes nothing but NaN or infinities of {named}"])
