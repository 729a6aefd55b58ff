"""Random ONNX models, of one operator and of several."""

from . import elementwise, layers, moving
from .graphs import draw_graph
from .node import Drawn, Strategy, draw

STRATEGIES: dict[str, Strategy] = {**elementwise.STRATEGIES, **moving.STRATEGIES, **layers.STRATEGIES}
"""How operands and attributes of each operator are drawn."""

__all__ = ["STRATEGIES", "Drawn", "draw", "draw_graph"]
