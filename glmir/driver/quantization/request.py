"""What the user asks of quantization and pruning, checked before anything is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import InputError
from ...pass_manager import Pipeline, parse_pipeline
from ...passes.compression.prune_channels import prune_channels
from ...passes.compression.prune_weights import prune_weights
from ...passes.quantization.quantize_border import BORDERS
from ...types import DType
from .data import DataSource
from .recipe import Automatic, Dynamic, Recipe, Static, parse_recipe

PRUNERS = {p.name: p for p in (prune_weights, prune_channels)}


@dataclass(frozen=True)
class Compression:
    """A recipe, the data and the file that calibrate it, how inputs and outputs are passed, and what is pruned."""

    recipe: Recipe | None = None
    data: DataSource | None = None
    cache: Path | None = None
    border: DType | None = None
    pruning: Pipeline = ()

    @property
    def is_dynamic(self) -> bool:
        """Whether layers shall quantize at run time what they take."""
        return isinstance(self.recipe, Dynamic)


def parse_compression(
    quantize: str | None,
    data: DataSource | None,
    cache: Path | None,
    min_sqnr: float | None,
    border: str | None,
    prune: Sequence[str],
) -> Compression:
    """What the arguments ask for; raises InputError for those that do not go together."""
    recipe = None if quantize is None else parse_recipe(quantize)
    if min_sqnr is not None:
        if not isinstance(recipe, Static):
            raise InputError("--min-sqnr is for --quantize auto, int8 and int16")
        recipe = replace(recipe, min_sqnr=min_sqnr)
    if recipe is None:
        if data is not None:
            raise InputError("--calibrate is for --quantize, and for --precision fp16")
        for flag, value in (("--calibration-cache", cache), ("--io-dtype", border)):
            if value is not None:
                raise InputError(f"{flag} is for --quantize")
    elif recipe.needs_data and data is None and (cache is None or not cache.exists() or isinstance(recipe, Automatic)):
        raise InputError(f"--quantize {recipe.name} needs samples of what the model is given: --calibrate FILE")
    if border is not None and not isinstance(recipe, Static):
        raise InputError("--io-dtype is for --quantize int8, int16 and auto, which make integers of inputs and outputs")
    return Compression(recipe, data, cache, _border(border), _pruning(prune))


def _border(text: str | None) -> DType | None:
    if text is None:
        return None
    found = {"int8": DType.I8, "uint8": DType.U8, "int16": DType.I16}.get(text)
    if found is None or found not in BORDERS:
        raise InputError(f"--io-dtype takes int8, uint8 or int16, not {text}")
    return found


def _pruning(texts: Sequence[str]) -> Pipeline:
    """The passes that ``0.5``, ``2:4`` and ``prune-channels{amount=0.3}`` stand for."""
    passes: Pipeline = ()
    for text in texts:
        if re.fullmatch(r"\d+:\d+", text):
            passes += (prune_weights.with_options(pattern=text),)
        elif re.fullmatch(r"0?\.\d+", text):
            passes += (prune_weights.with_options(amount=float(text)),)
        else:
            passes += parse_pipeline(text, PRUNERS)
    return passes
