"""What TFLite can express: one emitter an op (or several, under conditions), by family."""

from ..graph import TfliteTable
from . import elementwise, spatial, structure

TABLE: TfliteTable = TfliteTable(elementwise.TABLE, spatial.TABLE, structure.TABLE)
