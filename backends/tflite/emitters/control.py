"""Control flow: functions are subgraphs.

Recurrent layers are loops too. TFLite's own UNIDIRECTIONAL_SEQUENCE_LSTM keeps its state in variable tensors from one
run to the next, unless the program that runs the model resets them: it does not compute the same every time.
"""

from ....ops import control
from ..graph import Graph, TfliteTable
from ..schema_enums import BuiltinOperator
from ..schema_options import IfOptions, WhileOptions

TABLE = TfliteTable()


@TABLE.emits(control.While)
def while_(op: control.While, graph: Graph) -> None:
    condition, body = graph.subgraph(op.condition.name), graph.subgraph(op.body.name)
    options = WhileOptions(cond_subgraph_index=condition, body_subgraph_index=body)
    graph.add(BuiltinOperator.WHILE, op.values, op.results, options)


@TABLE.emits(control.If)
def if_(op: control.If, graph: Graph) -> None:
    then, otherwise = graph.subgraph(op.then_branch.name), graph.subgraph(op.else_branch.name)
    options = IfOptions(then_subgraph_index=then, else_subgraph_index=otherwise)
    graph.add(BuiltinOperator.IF, (op.condition, *op.values), op.results, options)
