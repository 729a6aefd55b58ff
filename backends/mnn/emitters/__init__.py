"""What MNN can express: one emitter an op (or several, under conditions), by family."""

from ..graph import MnnTable
from . import (
    control,
    elementwise,
    embedding,
    indexing,
    neural,
    quantization,
    reduction,
    resize,
    sampling,
    sparse,
    spatial,
    structure,
)

TABLE: MnnTable = MnnTable(
    control.TABLE,
    elementwise.TABLE,
    embedding.TABLE,
    indexing.TABLE,
    neural.TABLE,
    quantization.TABLE,
    reduction.TABLE,
    resize.TABLE,
    sampling.TABLE,
    sparse.TABLE,
    spatial.TABLE,
    structure.TABLE,
)
