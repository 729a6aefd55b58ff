"""The steps of a recipe, in order: prune, calibrate, make integers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from pathlib import Path

from ...errors import CompileError, InputError
from ...ir import Module
from ...pass_manager import PassManager, Pipeline
from ...passes.canonicalization.eliminate_dead_code import eliminate_dead_code
from ...passes.compression.dense_weights import Selection
from ...passes.compression.quantize_weights import WeightOptions, quantize_weights_of
from ...passes.compression.store_sparse import store_sparse
from ...passes.pipelines import cleanup
from ...passes.quantization.calibration_file import Calibration
from ...passes.quantization.calibrators import activation_range
from ...passes.quantization.insert_quantization import insert_pairs
from ...passes.quantization.parameters import Range, activation_parameters
from ...passes.quantization.plan import Decision, StaticOptions, activations, name_values
from ...passes.quantization.quantize_border import quantize_border
from ...passes.quantization.roles import LAYERS
from .calibration import Progress, calibrate, silent
from .data import Samples, open_samples
from .first_samples import FirstSamples
from .model_inputs import ModelInputs
from .recipe import Dynamic, Palette, Recipe, Static, Weights
from .record import Record, StoredActivation
from .request import Compression
from .weight_recipes import names, palettize, store_weights


@dataclass(frozen=True)
class Context:
    """What the steps of a recipe share."""

    compression: Compression
    samples: Samples | None
    progress: Progress

    @property
    def cache(self) -> Path | None:
        return self.compression.cache


def compress(
    module: Module, compression: Compression, pinned: Collection[str] = (), progress: Progress = silent
) -> Record:
    """The module pruned and quantized as asked, with what is to be told of it; the module itself stays as it is.

    ``pinned`` are inputs that the user fixed: samples need not have them. Raises InputError for data that does not fit,
    CompileError for a model that cannot be quantized.
    """
    reference = module.clone()
    _run(reference, compression.pruning)
    name_values(reference)
    first = None
    if compression.data is not None:
        first = FirstSamples(open_samples(compression.data, ModelInputs.of(reference, pinned)))
    context = Context(compression, None if first is None else first.all, progress)
    record = Record(compression.recipe, reference, reference.clone(), source=module, first=first)
    if compression.recipe is not None:
        record = apply(compression.recipe, record, context)
    if compression.border is not None:
        record.float_bordered = record.quantized.clone()
        _run(record.quantized, (quantize_border.with_options(dtype=compression.border),))
    if compression.pruning:
        _run(record.quantized, (store_sparse.with_options(), eliminate_dead_code.with_options()))
    _run(record.quantized, cleanup())
    return record


def _run(module: Module, pipeline: Pipeline) -> None:
    PassManager(pipeline).run(module)


@singledispatch
def apply(recipe: Recipe, record: Record, context: Context) -> Record:
    """Quantizes ``record.quantized`` in place and returns the record with what became of it."""
    raise NotImplementedError(recipe.name)


@apply.register(Weights)
@apply.register(Dynamic)
def _(recipe: Weights | Dynamic, record: Record, context: Context) -> Record:
    return store_weights(recipe, record, context.samples, context.progress, context.cache)


@apply.register
def _(recipe: Palette, record: Record, context: Context) -> Record:
    return palettize(recipe, record)


@apply.register
def _(recipe: Static, record: Record, context: Context) -> Record:
    if context.samples is None:
        raise InputError(f"--quantize {recipe.name} needs samples of what the model is given: --calibrate FILE")
    reference = record.reference
    wanted = [v.name for v in activations(reference)]
    context.progress("calibrating")
    calibration = calibrate(reference, context.samples, wanted, context.progress, context.cache)
    _require_numbers(calibration)
    options = StaticOptions(
        ranges_of(calibration, recipe),
        recipe.storage,
        recipe.symmetric,
        recipe.per_channel,
        names(recipe.keep),
    )
    decisions = insert_pairs(record.quantized, options)
    # Tables and recurrent layers have no integer kernels everywhere, but need not take the room of floats.
    others = WeightOptions(selection=Selection(keep=_kept_in_float(decisions)))
    weights = quantize_weights_of(record.quantized, others)
    stored = tuple(
        StoredActivation(name, range_, activation_parameters(range_, recipe.storage, recipe.symmetric))
        for name, range_ in options.ranges.items()
    )
    return replace(
        record,
        calibration=calibration,
        activations=stored,
        decisions=tuple(decisions),
        weights=tuple(weights),
        notes=[*record.notes, *calibration.notes],
    )


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


__all__ = ["compress"]
