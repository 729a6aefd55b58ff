"""Recipes whose layers compute on integers: what values hold is measured, and pairs say how they are stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import CompileError, InputError
from ...ir import Module
from ...passes.compression.dense_weights import Selection
from ...passes.compression.quantize_weights import WeightOptions, quantize_weights_of
from ...passes.names import names
from ...passes.quantization.calibration_file import Calibration
from ...passes.quantization.calibrators import activation_range
from ...passes.quantization.equalize_layers import equalize_layers
from ...passes.quantization.equalize_outputs import equalize_outputs, output_candidates
from ...passes.quantization.insert_quantization import insert_pairs
from ...passes.quantization.layer_channels import output_axis
from ...passes.quantization.parameters import Range
from ...passes.quantization.plan import Decision, Plan, StaticOptions, activations, make_plan, name_values
from ...passes.quantization.roles import LAYERS
from ...passes.quantization.smooth_activations import smooth_activations, smoothable
from ...passes.quantization.statistics import PLAIN, Request
from .calibration import Progress, calibrate
from .data import Sample, Samples
from .recipe import Automatic, Static
from .record import Record, StoredActivation
from .search import SearchResult, search


def quantize_statically(
    recipe: Static, record: Record, samples: Samples | None, progress: Progress, cache: Path | None
) -> Record:
    """Puts ``record.quantized`` on integers as the recipe says, and returns what became of it.

    The reference is then the float module that the pairs were put into: equalized, it computes what it did before.
    Raises InputError without samples and for bad ones, CompileError for a model that computes no numbers of them.
    """
    if samples is None:
        raise InputError(f"--quantize {recipe.name} needs samples of what the model is given: --calibrate FILE")
    module = record.reference.clone()
    if recipe.equalize:
        equalize_layers(module)
        name_values(module)
    progress("calibrating")
    calibration = calibrate(module, samples, _requests(module), progress, cache)
    _require_numbers(calibration)
    # What can be gone through once only shows no new ranges.
    changed = set() if samples.is_once else _reshaped(module, recipe, calibration)
    if changed:
        wanted = [v.name for v in activations(module) if v.name in changed]
        calibration.tensors |= calibrate(module, samples, wanted, progress).tensors
    options = StaticOptions(
        ranges_of(calibration, recipe), recipe.storage, recipe.symmetric, recipe.per_channel, names(recipe.keep)
    )
    found = None
    if isinstance(recipe, Automatic):
        found = _searched(recipe, module, options, samples, record, progress)
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
        notes=[*record.notes, *calibration.notes, *_notes(recipe, found, samples.is_once)],
    )


def _requests(module: Module) -> dict[str, Request]:
    """What is asked of each value: of those that factors may leave or come to, the extremes of their channels too."""
    requests = dict.fromkeys((v.name for v in activations(module)), PLAIN)
    axes = {op.results[0].name: output_axis(op) for op in output_candidates(_plan_of_all(module))}
    axes |= smoothable(module)
    return requests | {name: Request(axis=axis) for name, axis in axes.items() if name in requests}


def _plan_of_all(module: Module) -> Plan:
    """The plan with every value known: which ops compute on integers does not depend on the ranges."""
    return make_plan(module.main, StaticOptions({v.name: Range(-1.0, 1.0) for v in activations(module)}))


def _reshaped(module: Module, recipe: Static, calibration: Calibration) -> set[str]:
    """Moves factors where they make values easier to store; the names of values that are new or other than before."""
    channels = {name: s.channels for name, s in calibration.tensors.items() if s.channels is not None}
    changed: set[str] = set()
    if recipe.smooth is not None:
        changed.update(smooth_activations(module, channels, recipe.smooth))
    if recipe.equalize:
        changed.update(equalize_outputs(module, _plan_of_all(module), channels))
    name_values(module)
    return changed


def _searched(
    recipe: Automatic,
    module: Module,
    options: StaticOptions,
    samples: Samples,
    record: Record,
    progress: Progress,
) -> SearchResult:
    progress("searching for what must stay float")
    # What can be gone through once only has been.
    first = record.first.take() if record.first is not None else []
    source: Samples | Sequence[Sample] = first if samples.is_once else samples
    return search(module, options, source, recipe.min_sqnr, recipe.max_float, progress=progress)


def _notes(recipe: Static, found: SearchResult | None, is_once: bool) -> Iterator[str]:
    if is_once and (recipe.equalize or recipe.smooth is not None):
        yield (
            "the samples cannot be gone through again, so that no channels were scaled by what they show: give a list, "
            "or a function that gives an iterator"
        )
    if isinstance(recipe, Automatic) and found is not None and not found.is_reached:
        yield (
            f"the outputs reach {found.after.sqnr:.1f} dB, not {recipe.min_sqnr:g} dB, with {found.float_share:.0%} of "
            f"the multiplications in float: allow more (max_float), or ask for less (--min-sqnr)"
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
