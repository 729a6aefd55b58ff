"""Whether a program may write to the module's tensors, told without running it."""

from collections.abc import Iterable

from .operations import operation_name
from .schema import Argument, Graph, Node, Reference, Subgraph


def may_write_payloads(graph: Graph, payloads: Iterable[str]) -> bool:
    """Whether some in-place operation may write to one of the inputs of these names, or to a view of one.

    Any result of a node counts as a view of the node's first tensor, so this is never wrong when it says no, but for
    operations such as batch_norm that write to others of their arguments.
    """
    views = set(payloads)
    for node in graph.nodes:
        if any(isinstance(i.argument, Subgraph) and _writes(i.argument.graph) for i in node.inputs):
            return True
        first = next((r.name for i in node.inputs for r in _references(i.argument)), None)
        if first not in views:
            continue
        if _is_in_place(node):
            return True
        views.update(r.name for output in node.outputs for r in _references(output))
    return False


def _writes(graph: Graph) -> bool:
    inner = (i.argument.graph for node in graph.nodes for i in node.inputs if isinstance(i.argument, Subgraph))
    return any(map(_is_in_place, graph.nodes)) or any(map(_writes, inner))


def _is_in_place(node: Node) -> bool:
    name = operation_name(node.target)
    return name.endswith("_") and not name.endswith("__")


def _references(argument: Argument) -> Iterable[Reference]:
    if isinstance(argument, Reference):
        yield argument
    elif isinstance(argument, list):
        for element in argument:
            yield from _references(element)
