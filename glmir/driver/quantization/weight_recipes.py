"""Recipes that store weights in fewer bits and compute with floats."""

from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...passes.compression.dense_weights import Selection
from ...passes.compression.feedback_rounding import FeedbackRounding
from ...passes.compression.palettize_weights import palettize_weights_of
from ...passes.compression.quantize_weights import WIDE_PART, WeightOptions, quantize_weights_of
from ...passes.names import names
from ...passes.quantization.uniform import Scheme
from .calibration import Progress, calibrate
from .data import Samples
from .recipe import Dynamic, Palette, Weights
from .record import Record


def store_weights(
    recipe: Weights | Dynamic, record: Record, samples: Samples | None, progress: Progress, cache: Path | None
) -> Record:
    """Makes small integers of weights. With samples each weight is rounded so that its layer's results change least.

    Raises InputError for bad samples and options, CompileError for weights with NaNs or infinities.
    """
    options = _options(recipe, has_data=samples is not None)
    if samples is None:
        return replace(record, weights=tuple(quantize_weights_of(record.quantized, options)))
    rounding = FeedbackRounding(record.quantized, options)
    if not rounding.requests:
        return replace(record, weights=tuple(quantize_weights_of(record.quantized, options)))
    progress("calibrating")
    calibration = calibrate(record.reference, samples, rounding.requests, progress, cache)
    rounding.learn(calibration.tensors)
    progress("rounding weights")
    weights = quantize_weights_of(record.quantized, replace(options, rounding=rounding))
    notes = [*record.notes, *calibration.notes]
    return replace(record, weights=tuple(weights), calibration=calibration, notes=notes)


def _options(recipe: Weights | Dynamic, has_data: bool) -> WeightOptions:
    kept = Selection(keep=names(recipe.keep))
    if isinstance(recipe, Dynamic):
        # The kernels that quantize at run time want a scale per channel and no zero points.
        return WeightOptions(selection=kept)
    # Error feedback makes up for what zero points would win, and more targets store weights without them.
    is_symmetric = (recipe.bits > 4 or has_data) if recipe.symmetric is None else recipe.symmetric
    try:
        scheme = Scheme(recipe.bits, is_symmetric)
    except ValueError as error:
        raise InputError(f"--quantize {recipe.name}: {error}") from None
    if recipe.block is not None and recipe.block < 2:
        raise InputError(f"--quantize {recipe.name}: a block has at least 2 elements, not {recipe.block}")
    wide_part = WIDE_PART if recipe.bits < 8 else 0.0
    return WeightOptions(scheme, recipe.block, recipe.refine, kept, wide_part=wide_part)


def palettize(recipe: Palette, record: Record) -> Record:
    """Makes indices into tables of weights; raises InputError and CompileError as ``store_weights``."""
    if not 1 <= recipe.bits <= 8:
        raise InputError(f"--quantize palette: bits is 1 to 8, not {recipe.bits}")
    weights = palettize_weights_of(record.quantized, recipe.bits, Selection(keep=names(recipe.keep)))
    return replace(record, weights=tuple(weights))
