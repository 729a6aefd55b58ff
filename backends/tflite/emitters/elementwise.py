"""Elementwise arithmetic, comparisons, activations."""

from ....ops import math, nn
from ....ops.enums import Activation
from ..graph import Graph, TfliteTable
from ..schema_enums import ActivationFunctionType, BuiltinOperator
from ..schema_options import AddOptions

TABLE = TfliteTable()

ACTIVATIONS = {
    Activation.NONE: ActivationFunctionType.NONE,
    Activation.RELU: ActivationFunctionType.RELU,
    Activation.RELU6: ActivationFunctionType.RELU6,
}


@TABLE.emits(math.Add)
def add(op: math.Add, graph: Graph) -> None:
    options = AddOptions(fused_activation_function=ACTIVATIONS[op.activation])
    graph.add(BuiltinOperator.ADD, [op.x, op.y], [op.result], options)
