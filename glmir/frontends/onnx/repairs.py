"""Changes to a model's protobuf that leave its meaning as it is and make it readable: order, names, copies."""

from collections.abc import Iterable

import onnx


def nodes_within(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    """The nodes and those of their subgraphs, at any depth."""
    pending = [iter(nodes)]
    while pending:
        node = next(pending[-1], None)
        if node is None:
            pending.pop()
            continue
        yield node
        pending.extend(
            iter(attribute.g.node) for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH
        )


def reorder(proto: onnx.GraphProto | onnx.FunctionProto, order: list[int]) -> None:
    nodes = [proto.node[position] for position in order]
    del proto.node[:]
    proto.node.extend(nodes)


def copy_output(proto: onnx.GraphProto | onnx.FunctionProto, place: int, name: str) -> None:
    """Gives the output of that place a value of its own."""
    output = proto.output[place]
    old = output if isinstance(output, str) else output.name
    proto.node.append(onnx.helper.make_node("Identity", [old], [name]))
    if isinstance(output, str):
        proto.output[place] = name
    else:
        output.name = name


def spell_out_overloads(model: onnx.ModelProto) -> None:
    """Makes the overload part of a function's name, where it is defined and where it is called."""
    overloaded = {(f.domain, f.name, f.overload) for f in model.functions if f.overload}
    for nodes in (model.graph.node, *(function.node for function in model.functions)):
        for node in nodes_within(nodes):
            if (node.domain, node.op_type, node.overload) in overloaded:
                node.op_type = f"{node.op_type}:{node.overload}"
    for function in model.functions:
        if function.overload:
            function.name = f"{function.name}:{function.overload}"


def all_names(model: onnx.ModelProto) -> set[str]:
    """Every name of a value that the model's graphs define or read, at any depth."""
    names: set[str] = set()
    pending = [model.graph]
    bodies: list[Iterable[onnx.NodeProto]] = [function.node for function in model.functions]
    while pending:
        graph = pending.pop()
        names.update(entry.name for entry in (*graph.initializer, *graph.input, *graph.output))
        bodies.append(graph.node)
        while bodies:
            for node in bodies.pop():
                names.update(node.input, node.output)
                pending.extend(
                    attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH
                )
    return names


def take_as_tensor(info: onnx.ValueInfoProto) -> None:
    """Declares an optional tensor as a tensor: what is compiled always has it."""
    tensor_type = onnx.TypeProto.Tensor()
    tensor_type.CopyFrom(info.type.optional_type.elem_type.tensor_type)
    info.type.tensor_type.CopyFrom(tensor_type)


def drop_attribute(node: onnx.NodeProto, name: str) -> None:
    """Takes out an attribute that says nothing which is not known anyway."""
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)


def rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Renames a value that `graph` defines, in the graph and in the subgraphs that capture it."""
    for entry in (*graph.initializer, *graph.input, *graph.output, *graph.value_info):
        if entry.name == old:
            entry.name = new
    _rename_reads(graph, old, new)


def _rename_reads(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == old:
                node.input[place] = new
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH and not _defines(attribute.g, old):
                _rename_reads(attribute.g, old, new)


def _defines(graph: onnx.GraphProto, name: str) -> bool:
    return any(entry.name == name for entry in (*graph.initializer, *graph.input)) or any(
        name in node.output for node in graph.node
    )
