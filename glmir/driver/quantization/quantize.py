"""The steps of a recipe, in order: prune, calibrate, make integers."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path

from ...ir import Module
from ...pass_manager import PassManager, Pipeline
from ...passes.canonicalization.eliminate_dead_code import eliminate_dead_code
from ...passes.compression.store_sparse import store_sparse
from ...passes.quantization.plan import name_values
from ...passes.quantization.quantize_border import quantize_border
from .calibration import Progress, silent
from .data import Samples, open_samples
from .first_samples import FirstSamples
from .model_inputs import ModelInputs
from .recipe import Dynamic, Palette, Recipe, Static, Weights
from .record import Record
from .request import Compression
from .static_recipes import quantize_statically
from .weight_recipes import palettize, store_weights


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
    return quantize_statically(recipe, record, context.samples, context.progress, context.cache)


__all__ = ["compress"]
