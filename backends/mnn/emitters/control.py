"""Control flow: functions are subgraphs."""

from ....ops import control
from ..graph import Graph, MnnTable
from ..schema import SubGraphProto
from ..schema_enums import OpType
from ..schema_parameters import StringVec, WhileParam

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


def _names(subgraph: SubGraphProto, tensors: object) -> list[str]:
    assert subgraph.tensors is not None and isinstance(tensors, list)
    return [subgraph.tensors[index] for index in tensors]
