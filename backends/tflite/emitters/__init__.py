"""What TFLite can express: one emitter an op (or several, under conditions), by family."""

from ..graph import TfliteTable
from . import control, conversion, elementwise, indexing, neural, resize, sparse, spatial, structure, transposed

TABLE: TfliteTable = TfliteTable(
    control.TABLE,
    conversion.TABLE,
    elementwise.TABLE,
    indexing.TABLE,
    neural.TABLE,
    resize.TABLE,
    sparse.TABLE,
    spatial.TABLE,
    structure.TABLE,
    transposed.TABLE,
)
