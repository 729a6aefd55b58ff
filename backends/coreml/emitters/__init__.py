"""What Core ML can express: one emitter an op (or several, under conditions), by family."""

from dataclasses import replace

from ..program import CoremlTable
from . import (
    compression,
    constants,
    control,
    elementwise,
    indexing,
    neural,
    quantization,
    recurrent,
    reduction,
    spatial,
    structure,
)
from .conditions import has_elements, has_few_axes

TABLE = CoremlTable(
    compression.TABLE,
    constants.TABLE,
    control.TABLE,
    elementwise.TABLE,
    indexing.TABLE,
    neural.TABLE,
    quantization.TABLE,
    recurrent.TABLE,
    reduction.TABLE,
    spatial.TABLE,
    structure.TABLE,
    version="--coreml-target ios{}",
)
"""All emitters, of all versions. No tensor of a program has more than five axes, or no elements, whatever the op."""

_OF_ALL = (has_few_axes, has_elements)
TABLE.emitters = [replace(e, conditions=(*e.conditions, *_OF_ALL)) for e in TABLE.emitters]
