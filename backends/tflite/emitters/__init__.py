"""What TFLite can express: one emitter an op (or several, under conditions), by family."""

from ..graph import TfliteTable
from . import control, elementwise, indexing, neural, resize, spatial, structure, transposed

TABLE: TfliteTable = TfliteTable(
    control.TABLE,
    elementwise.TABLE,
    indexing.TABLE,
    neural.TABLE,
    resize.TABLE,
    spatial.TABLE,
    structure.TABLE,
    transposed.TABLE,
)
