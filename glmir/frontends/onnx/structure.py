"""What must hold of an ONNX graph before graphsurgeon reads it: names, order, tensors, opsets.

onnx-graphsurgeon makes up a variable for a name nobody defines, leaves out attributes that it cannot represent, and
in a subgraph takes an outer tensor for a local initializer of the same name. So all of that is settled here, on the
protobuf, in time linear in its size. Rules: https://onnx.ai/onnx/repo-docs/IR.html, "Graphs", "Names Within a Graph".
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import onnx

from .repairs import (
    all_names,
    copy_output,
    drop_attribute,
    nodes_within,
    rename,
    reorder,
    spell_out_overloads,
    take_as_tensor,
)
from .sparse import sparse_problem, spell_out_attribute, spell_out_initializers
from .tensor_data import TensorReader, is_known_data_type

MIN_OPSET = 1
MAX_SUBGRAPH_DEPTH = 24
_LISTED_NAMES = 8

# Which node first reads each name that a body does not define.
_Readers: TypeAlias = dict[str, str]
_ATTRIBUTE = onnx.AttributeProto
_HELD_ATTRIBUTES = frozenset(
    {
        *(_ATTRIBUTE.FLOAT, _ATTRIBUTE.INT, _ATTRIBUTE.STRING, _ATTRIBUTE.TENSOR, _ATTRIBUTE.GRAPH),
        *(_ATTRIBUTE.FLOATS, _ATTRIBUTE.INTS, _ATTRIBUTE.STRINGS),
    }
)

_SPARSE_CONSTANT = ("Constant", "sparse_value")


class NotTextError(ValueError):
    """A name in the model is not UTF-8 text; protobuf hands such a string out as bytes."""


@dataclass
class Structure:
    """What is wrong with a model, and what has to be done to its protobuf before it can be read (sorting, renaming)."""

    reasons: list[str] = field(default_factory=list)
    repairs: list[Callable[[], None]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What the model leaves open, and how it is taken."""


def examine(model: onnx.ModelProto, reader: TensorReader) -> Structure:
    """Every structural problem of the model, its functions and its subgraphs. The model is left as it is.

    Raises InputError where an external data file cannot be read, NotTextError where a name is not text.
    """
    structure = Structure()
    _require_text(entry.domain for entry in model.opset_import)
    structure.reasons += _opset_problems(model)
    structure.warnings += _opset_warnings(model)
    structure.reasons += _function_problems(model)
    structure.repairs += [partial(spell_out_overloads, model)] if any(f.overload for f in model.functions) else []
    examination = _Examination(model, structure, reader)
    examination.main_graph(model.graph)
    for function in model.functions:
        examination.function(function)
    return structure


def normal_domain(domain: str) -> str:
    """The empty string for the standard's own domain, which files write in two ways."""
    return "" if domain == "ai.onnx" else domain


def opset_versions(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """Domain to version; of contradicting imports the last, as onnx's checker and onnxruntime have it."""
    return {normal_domain(entry.domain): entry.version for entry in imports}


def model_opsets(model: onnx.ModelProto) -> dict[str, int]:
    """The same for a model; without one of the standard's the newest, as onnxruntime has it."""
    return {"": onnx.defs.onnx_opset_version(), **opset_versions(model.opset_import)}


def _opset_problems(model: onnx.ModelProto) -> list[str]:
    if not model.opset_import:
        return [
            "The model imports no opset, so the meaning of its nodes is not known; "
            "write the version that it was made for into its opset_import."
        ]
    reasons = _import_problems("The model", model.opset_import)
    for function in model.functions:
        reasons += _import_problems(f"Function '{function.name}'", function.opset_import)
    return reasons


def _import_problems(owner: str, imports: Sequence[onnx.OperatorSetIdProto]) -> list[str]:
    versions = opset_versions(imports)
    reasons = []
    newest = onnx.defs.onnx_opset_version()
    version = versions.get("", MIN_OPSET)
    if version < MIN_OPSET:
        reasons.append(f"{owner} uses opset {version}; the oldest that can be read is {MIN_OPSET}.")
    if version > newest:
        reasons.append(f"{owner} uses opset {version}; the newest that the installed onnx package knows is {newest}.")
    return reasons


def _opset_warnings(model: onnx.ModelProto) -> list[str]:
    """What the model leaves open of the meaning of its nodes."""
    versions = opset_versions(model.opset_import)
    warnings = [
        f"the model imports the opset '{domain}' as versions "
        f"{' and '.join(str(e.version) for e in entries)}; the last is taken"
        for domain, version in versions.items()
        for entries in [[e for e in model.opset_import if normal_domain(e.domain) == domain]]
        if any(e.version != version for e in entries)
    ]
    uses_standard = any(normal_domain(node.domain) == "" for node in model.graph.node)
    if uses_standard and versions and "" not in versions:
        newest = onnx.defs.onnx_opset_version()
        warnings.append(f"the model uses operators of the ONNX standard but imports no opset of it; {newest} is taken")
    return warnings


def _function_problems(model: onnx.ModelProto) -> list[str]:
    """Functions that share a name, and functions that call themselves, directly or through others."""
    for function in model.functions:
        _require_text(
            (function.name, function.overload, function.domain, *function.input, *function.output, *function.attribute)
        )
        _require_text(entry.domain for entry in function.opset_import)
    positions: dict[tuple[str, str, str], int] = {}
    reasons: list[str] = []
    for position, function in enumerate(model.functions):
        key = (normal_domain(function.domain), function.name, function.overload)
        if positions.setdefault(key, position) != position:
            reasons.append(f"Two functions are named '{function.name}' in the domain '{function.domain}'.")
    callees: list[set[int]] = []
    for function in model.functions:
        calls = {(normal_domain(n.domain), n.op_type, n.overload) for n in nodes_within(function.node)}
        callees.append({positions[call] for call in calls if call in positions})
    order, cycle = _topological_order(callees)
    if order is None:
        names = _listed([f"'{model.functions[position].name}'" for position in cycle])
        reasons.append(f"The functions {names} call each other in a circle.")
    return reasons


@dataclass(frozen=True)
class _Body:
    """A graph or a function, seen as a list of nodes between named inputs and outputs.

    `where` completes a sentence about one of its nodes ("" for the main graph), `outer` holds for each enclosing graph
    the names graphsurgeon knows there.
    """

    proto: onnx.GraphProto | onnx.FunctionProto
    inputs: list[str]
    initializers: list[str]
    outputs: list[str]
    where: str
    outer: tuple[set[str], ...] = ()
    is_function: bool = False


class _Examination:
    """Collects the problems of all bodies of one model."""

    def __init__(self, model: onnx.ModelProto, structure: Structure, reader: TensorReader) -> None:
        self.model = model
        self.reasons = structure.reasons
        self.repairs = structure.repairs
        self.warnings = structure.warnings
        self.reader = reader
        self.taken: set[str] = set()

    def main_graph(self, graph: onnx.GraphProto) -> None:
        self._report_undefined(self._graph(graph, "", ()))

    def function(self, function: onnx.FunctionProto) -> None:
        where = f" in function '{function.name}'"
        for attribute in function.attribute_proto:
            self._attribute(attribute, f"Function '{function.name}'", where, is_function=False)
        for info in function.value_info:
            self._value_info(info, where)
        body = _Body(function, list(function.input), [], list(function.output), where, is_function=True)
        self._report_undefined(self._body(body))

    def _report_undefined(self, readers: _Readers) -> None:
        self.reasons += [
            f"{reader} reads '{name}', which no node, input or initializer defines." for name, reader in readers.items()
        ]

    def _graph(
        self, graph: onnx.GraphProto, where: str, outer: tuple[set[str], ...], in_function: bool = False
    ) -> _Readers:
        for tensor in graph.initializer:
            self._tensor(tensor, f"Initializer '{tensor.name}'{where}")
        for sparse in graph.sparse_initializer:
            self._sparse_tensor(sparse, f"Initializer '{sparse.values.name}'{where}")
        if graph.sparse_initializer:
            self.repairs.append(partial(spell_out_initializers, graph, self.reader))
        for infos in (graph.input, graph.output, graph.value_info):
            for info in infos:
                self._value_info(info, where)
        initializers = [tensor.name for tensor in graph.initializer]
        initializers += [sparse.values.name for sparse in graph.sparse_initializer]
        inputs = [info.name for info in graph.input]
        outputs = [info.name for info in graph.output]
        readers = self._body(_Body(graph, inputs, initializers, outputs, where, outer, in_function))
        self._rename_shadows(graph, initializers, outer)
        return readers

    def _body(self, body: _Body) -> _Readers:
        """Reports the body's problems and returns the names it takes from outside, with a node that reads each."""
        nodes = body.proto.node
        for node in nodes:
            _require_text((node.name, node.op_type, node.domain, *node.input, *node.output))
        labels = [_label(node, position) + body.where for position, node in enumerate(nodes)]
        producers = self._definitions(body, labels)
        known = {info.name for info in body.proto.value_info} | producers.keys()
        outer = (*body.outer, known)
        free: _Readers = {}
        dependencies: list[set[int]] = []
        for node, label in zip(nodes, labels, strict=True):
            readers = {name: label for name in node.input if name}
            for attribute in node.attribute:
                if attribute.type == _ATTRIBUTE.SPARSE_TENSOR and (node.op_type, attribute.name) == _SPARSE_CONSTANT:
                    self._sparse_tensor(
                        attribute.sparse_tensor, f"The attribute '{attribute.name}' of {_inside(label)}"
                    )
                    self.repairs.append(partial(spell_out_attribute, node, attribute.name, self.reader))
                    continue
                if attribute.type == _ATTRIBUTE.TYPE_PROTO and node.op_type == "Optional":
                    self.repairs.append(partial(drop_attribute, node, attribute.name))
                    continue
                captured = self._attribute(attribute, label, body.where, body.is_function, outer)
                readers = {**captured, **readers} if captured else readers
            for name, reader in readers.items():
                if name not in producers:
                    free.setdefault(name, reader)
            dependencies.append({producers[name] for name in readers if producers.get(name, -1) >= 0})
        self._order(body, labels, dependencies)
        self._outputs(body, producers, free)
        return free

    def _definitions(self, body: _Body, labels: list[str]) -> dict[str, int]:
        """What the body defines: a name's node, or -1 for an input or initializer."""
        for kind, names in (("input", body.inputs), ("initializer", body.initializers)):
            if "" in names:
                self.reasons.append(f"An {kind} of the graph{body.where} has no name.")
            self.reasons += [f"Two {kind}s{body.where} are named '{name}'." for name in _repeated(names) if name]
        producers = dict.fromkeys([*body.inputs, *body.initializers], -1)
        for position, node in enumerate(body.proto.node):
            for name in node.output:
                if not name:
                    continue
                earlier = producers.setdefault(name, position)
                if earlier == position and list(node.output).count(name) == 1:
                    continue
                rival = f"{labels[earlier]} writes" if earlier >= 0 else "an input or initializer is named"
                self.reasons.append(f"{labels[position]} writes '{name}', but {rival} it too.")
        return producers

    def _outputs(self, body: _Body, producers: dict[str, int], free: _Readers) -> None:
        """Reports outputs that nothing writes, and plans Identity nodes for those that have no value of their own."""
        if not body.outputs and not body.where:
            self.reasons.append("The graph has no outputs.")
        seen: set[str] = set()
        for place, name in enumerate(body.outputs):
            is_outer = name not in producers and any(name in names for names in body.outer)
            if name not in producers and not is_outer:
                self.reasons.append(f"Nothing writes the output '{name}' of the graph{body.where}.")
            elif is_outer or name in seen:
                fresh = self._fresh_name(name)
                self.repairs.append(partial(copy_output, body.proto, place, fresh))
                if is_outer:
                    free.setdefault(name, f"The output of the graph{body.where}")
                elif not body.where:
                    self.warnings.append(f"the output '{name}' is listed twice; the second is called '{fresh}'")
            seen.add(name)

    def _order(self, body: _Body, labels: list[str], dependencies: list[set[int]]) -> None:
        order, cycle = _topological_order(dependencies)
        if order is None:
            names = _listed([labels[position] for position in cycle])
            self.reasons.append(f"The graph has a cycle through {names}.")
        elif any(position != place for place, position in enumerate(order)):
            self.repairs.append(partial(reorder, body.proto, order))

    def _attribute(
        self,
        attribute: onnx.AttributeProto,
        label: str,
        where: str,
        is_function: bool,
        outer: tuple[set[str], ...] = (),
    ) -> _Readers:
        """Reports an attribute that cannot be read; of a subgraph returns the names it takes from outside."""
        kind = attribute.type
        _require_text((attribute.name, attribute.ref_attr_name))
        if attribute.ref_attr_name and not is_function:
            self.reasons.append(
                f"{label} takes the attribute '{attribute.name}' from '{attribute.ref_attr_name}' of a function, "
                "but lies in none."
            )
        elif kind not in _HELD_ATTRIBUTES:
            name = _ATTRIBUTE.AttributeType.Name(kind)
            self.reasons.append(f"{label} has the attribute '{attribute.name}' of kind {name}, which is not supported.")
        elif kind == _ATTRIBUTE.TENSOR and not attribute.ref_attr_name:
            self._tensor(attribute.t, f"The attribute '{attribute.name}' of {_inside(label)}")
        elif kind == _ATTRIBUTE.GRAPH and not attribute.ref_attr_name:
            if len(outer) > MAX_SUBGRAPH_DEPTH:
                self.reasons.append(f"{label} nests graphs deeper than {MAX_SUBGRAPH_DEPTH} levels.")
                return {}
            return self._graph(attribute.g, f" in {attribute.name} of {_inside(label)}", outer, is_function)
        return {}

    def _sparse_tensor(self, sparse: onnx.SparseTensorProto, label: str) -> None:
        _require_text((sparse.values.name,))
        problem = sparse_problem(sparse, self.reader)
        if problem is not None:
            self.reasons.append(f"{label} {problem}.")

    def _tensor(self, tensor: onnx.TensorProto, label: str) -> None:
        _require_text((tensor.name,))
        problem = self.reader.problem(tensor)
        if problem is not None:
            self.reasons.append(f"{label} {problem}.")

    def _value_info(self, info: onnx.ValueInfoProto, where: str) -> None:
        _require_text((info.name,))
        kind = info.type.WhichOneof("value")
        if kind == "optional_type" and info.type.optional_type.elem_type.HasField("tensor_type"):
            self.repairs.append(partial(take_as_tensor, info))
        if kind != "tensor_type" and kind != "sparse_tensor_type":
            return
        tensor_type = getattr(info.type, kind)
        _require_text(dim.dim_param for dim in tensor_type.shape.dim)
        data_type = tensor_type.elem_type
        if not is_known_data_type(data_type):
            self.reasons.append(f"Tensor '{info.name}'{where} has the unknown data type {data_type}.")

    def _rename_shadows(self, graph: onnx.GraphProto, initializers: list[str], outer: tuple[set[str], ...]) -> None:
        """Plans new names for initializers of a subgraph named like something outside, which graphsurgeon mixes up."""
        for name in initializers:
            if not any(name in names for names in outer):
                continue
            self.repairs.append(partial(rename, graph, name, self._fresh_name(name)))

    def _fresh_name(self, name: str) -> str:
        """A name like this one that no value has."""
        self.taken = self.taken or all_names(self.model)
        number = 1
        while f"{name}.{number}" in self.taken:
            number += 1
        self.taken.add(f"{name}.{number}")
        return f"{name}.{number}"


def _require_text(texts: Iterable[str]) -> None:
    try:
        "".join(texts)
    except TypeError:
        raise NotTextError from None


def _label(node: onnx.NodeProto, position: int) -> str:
    """How sentences name a node: by its name, else by what it writes."""
    if node.name:
        return f"Node '{node.name}' ({node.op_type})"
    if node.output and node.output[0]:
        return f"The {node.op_type} node that writes '{node.output[0]}'"
    return f"The {node.op_type} node at place {position}"


def _inside(label: str) -> str:
    """The label in the middle of a sentence."""
    return label[0].lower() + label[1:]


def _listed(names: Sequence[str]) -> str:
    listed = [name if place == 0 else _inside(name) for place, name in enumerate(names[:_LISTED_NAMES])]
    rest = len(names) - len(listed)
    return ", ".join(listed) + (f" and {rest} more" if rest else "")


def _repeated(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, each once."""
    seen: set[str] = set()
    repeated: dict[str, None] = {}
    for name in names:
        if name in seen:
            repeated[name] = None
        seen.add(name)
    return list(repeated)


def _topological_order(dependencies: Sequence[set[int]]) -> tuple[list[int] | None, list[int]]:
    """An order in which each position follows its dependencies, the smallest free position always first.

    Returns (order, []), or (None, the positions on one cycle, each depending on the one before it).
    """
    if all(earlier < position for position, needed in enumerate(dependencies) for earlier in needed):
        return list(range(len(dependencies))), []
    waiting = [len(needed) for needed in dependencies]
    dependents: list[list[int]] = [[] for _ in dependencies]
    for position, needed in enumerate(dependencies):
        for earlier in needed:
            dependents[earlier].append(position)
    ready = [position for position, count in enumerate(waiting) if count == 0]
    order: list[int] = []
    while ready:
        position = heapq.heappop(ready)
        order.append(position)
        for later in dependents[position]:
            waiting[later] -= 1
            if waiting[later] == 0:
                heapq.heappush(ready, later)
    if len(order) == len(dependencies):
        return order, []
    # Whatever still waits depends on something that waits, so following such dependencies must come round.
    position = next(position for position, count in enumerate(waiting) if count)
    path: dict[int, int] = {}
    while position not in path:
        path[position] = len(path)
        position = min(earlier for earlier in dependencies[position] if waiting[earlier])
    return None, list(path)[path[position] :][::-1]
