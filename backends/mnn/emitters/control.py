"""Control flow: functions are subgraphs."""

from ....ops import control
from ..graph import Graph, MnnTable
from ..schema import SubGraphProto
from ..schema_enums import OpType
from ..schema_parameters import IfParam, StringVec, WhileParam

TABLE = MnnTable()


@TABLE.emits(control.While)
def while_(op: control.While, graph: Graph) -> None:
    """Every value goes to an input of both subgraphs; what the body makes of it goes there in turn, and is a result."""
    condition, body = graph.subgraph(op.condition.name), graph.subgraph(op.body.name)
    into_condition, into_body = _names(condition, condition.inputs), _names(body, body.inputs)
    made = _names(body, body.outputs)
    parameter = WhileParam(
        cond_graph=condition.name,
        body_graph=body.name,
        aliases_inputs=[StringVec(data=list(names)) for names in zip(into_body, into_condition, strict=True)],
        aliases_updates=[
            StringVec(data=[new, old])
            for names in (into_body, into_condition)
            for new, old in zip(made, names, strict=True)
        ],
        aliases_outputs=into_body,
    )
    graph.add(OpType.WHILE, op.values, op.results, parameter)


@TABLE.emits(control.If)
def if_(op: control.If, graph: Graph) -> None:
    """Every value goes to an input of both subgraphs, the condition, which comes first, to none."""
    then, otherwise = graph.subgraph(op.then_branch.name), graph.subgraph(op.else_branch.name)
    takers = zip(_names(then, then.inputs), _names(otherwise, otherwise.inputs), strict=True)
    makers = zip(_names(then, then.outputs), _names(otherwise, otherwise.outputs), strict=True)
    parameter = IfParam(
        then_graph=then.name,
        else_graph=otherwise.name,
        aliases_inputs=[StringVec(data=[]), *(StringVec(data=list(names)) for names in takers)],
        aliases_outputs=[StringVec(data=list(names)) for names in makers],
    )
    graph.add(OpType.IF, (op.condition, *op.values), op.results, parameter)


def _names(subgraph: SubGraphProto, tensors: object) -> list[str]:
    assert subgraph.tensors is not None and isinstance(tensors, list)
    return [subgraph.tensors[index] for index in tensors]
