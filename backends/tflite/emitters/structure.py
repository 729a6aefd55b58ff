"""Ops that move or make elements."""

from ....ops import tensor
from ..graph import Graph, TfliteTable

TABLE = TfliteTable()


@TABLE.emits(tensor.Constant)
def constant(op: tensor.Constant, graph: Graph) -> None:
    """Constants are written where they are used."""
