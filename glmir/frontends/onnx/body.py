"""The nodes of a graph, of a branch or of a function, imported one by one.

A node is imported by the importer of its operator (ops/), by graph_operators.py if it has graphs of its own or is on
sequences, or by inlining: a function of the model, or the body that the standard gives for the operator
(standard_functions.py).
"""

from collections.abc import Iterable, Sequence

import onnx_graphsurgeon as gs

from ...ir import Array, Function, Value
from ...opdef import ConstraintError
from ...ops import tensor
from ...types import DType
from ...weights import Weight
from .declared import declared_shapes
from .graph_operators import OWN_OPERATORS, Body, GraphOperators, require_values
from .loading import LoadedModel
from .narrow_elements import widened
from .node import AttributeValue, Node, Unsupported
from .ops import IMPORTERS
from .ops.random_numbers import random_results
from .refused import refusal
from .sequences import Item, SequenceNode
from .standard_functions import StandardFunctions, is_standard_operator

MAX_DEPTH = 64
"""How deep functions and branches may be nested."""

MAX_NODES = 1_000_000
"""How many nodes may be imported in all: a few functions that call each other twice each can stand for any number."""

_CONSTRAINED_AS_HERE = frozenset(("Concat", "Conv", "GRU", "Gemm", "LSTM", "MatMul", "RNN"))
"""Operators of which the standard demands all that our ops demand: what these refuse no runtime can compute."""


class BodyImporter(GraphOperators):
    """Imports bodies into one function, collecting ``reasons`` against it."""

    def __init__(self, model: LoadedModel, function: Function) -> None:
        self._model = model
        super().__init__(function)
        self._standard_functions = StandardFunctions()
        self._used_names = {v.name for v in function.inputs}
        self._node_count = 0

    @property
    def warnings(self) -> list[str]:
        """What is odd about the nodes imported so far."""
        random_nodes = list(dict.fromkeys(self._scope.random_nodes))
        return [*self.notes, *self._scope.notes, *([random_results(random_nodes)] if random_nodes else [])]

    def import_body(self, body: Body, nodes: Iterable[gs.Node], outputs: Sequence[gs.Tensor]) -> None:
        """Imports the nodes that the body's outputs depend on, in their order, into ``body.values``."""
        needed, used = _needed(nodes, outputs)
        for raw in needed:
            self._node(body, raw, used)

    def outputs(self, body: Body, tensors: Sequence[gs.Tensor]) -> list[Item | None]:
        """The body's outputs, None for those that failed (``reasons`` has why) or that a function leaves out."""
        values: list[Item | None] = []
        for tensor_ in tensors:
            try:
                values.append(self._lookup(body, tensor_))
            except Unsupported as error:
                self.reasons.append(f"output {tensor_.name}: {error}")
                values.append(None)
        return values

    def _lookup(self, body: Body, tensor_: gs.Tensor) -> Item | None:
        """What the tensor's name stands for, made on first use for constants; None if it is left out or has failed."""
        scope: Body | None = body
        while scope is not None:
            if tensor_.name in scope.values:
                return scope.values[tensor_.name]
            scope = scope.outer
        if not isinstance(tensor_, gs.Constant):
            return None
        stored = self._model.tensor_array(tensor_)
        op = tensor.Constant(Weight(self._elements(tensor_, stored), tensor_.name))
        self._function.ops.append(op)
        if op.value.array.dtype != stored.dtype:
            self._scope.widened.add(op.result)
        if body.caller is None:
            self._name(op.result, tensor_.name)
        body.values[tensor_.name] = op.result
        return op.result

    def _elements(self, constant: gs.Constant, stored: Array) -> Array:
        array = widened(stored)
        try:
            DType.of(array.dtype)
        except ValueError:
            kind = "strings" if array.dtype == object else f"elements of type {array.dtype}"
            raise Unsupported(f"the constant {constant.name} has {kind}, which are not supported") from None
        return array

    def _name(self, value: Value, name: str) -> None:
        if not value.name and name not in self._used_names:
            value.name = name
            self._used_names.add(name)

    def _node(self, body: Body, raw: gs.Node, used: set[str]) -> None:
        self._node_count += 1
        try:
            if self._node_count > MAX_NODES:
                raise Unsupported(f"with all its functions inlined the model has over {MAX_NODES} nodes")
            results = self._results(body, raw, used)
        except (Unsupported, ConstraintError) as error:
            results = None
            if self._node_count <= MAX_NODES + 1:
                if isinstance(error, ConstraintError) and not raw.domain and raw.op in _CONSTRAINED_AS_HERE:
                    self.contradictions.add(len(self.reasons))
                self.reasons.append(f"{_label(body, raw)}: {error}")
        for place, tensor_ in enumerate(raw.outputs):
            result = results[place] if results is not None and place < len(results) else None
            if result is None:
                body.failed.add(tensor_.name)
            elif tensor_.name:
                body.values[tensor_.name] = result

    def _results(self, body: Body, raw: gs.Node, used: set[str]) -> Sequence[Item | None] | None:
        """The node's outputs, or None when an operand has failed before, and its reason is told."""
        key = (raw.domain or "", raw.op)
        opset = body.opsets.get(key[0], 1)
        # A function of the model is the definition that its author meant, even of an operator that has an importer.
        function = self._model.functions.get(key)
        importer = IMPORTERS.get(key) if function is None else None
        is_own = function is None and key in OWN_OPERATORS
        if importer is None and function is None and not is_own:
            self._require_known(raw, opset)
        if any(_has_failed(body, t.name) for t in raw.inputs):
            return None
        items = tuple([self._lookup(body, t) if t.name else None for t in raw.inputs])
        node = self._parsed(body, raw, opset, used, items)
        results: Sequence[Item | None]
        is_on_values = all(item is None or isinstance(item, Value) for item in items)
        if is_own and not (importer is not None and is_on_values):
            results = self._graph_operator(body, raw, SequenceNode(node, items))
        elif importer is not None:
            require_values(items)
            results = self._inserted(node, importer(node))
        else:
            results = self._call(body, node, items, function or self._standard_functions.body_of(node))
        self._require_outputs(node, results)
        if body.caller is None:
            for name, result in zip(node.output_names, results, strict=False):
                if name and isinstance(result, Value):
                    self._name(result, name)
        return results

    def _require_known(self, raw: gs.Node, opset: int) -> None:
        """Refuses an operator that nothing can import, whether or not its operands could be."""
        if (reason := refusal(raw.domain, raw.op)) is not None:
            raise Unsupported(reason)
        if raw.domain:
            known = {domain for domain, _ in (*IMPORTERS, *self._model.functions)}
            if raw.domain in known or is_standard_operator(raw.domain, raw.op, opset):
                raise Unsupported(f"the operator {raw.op} of the domain {raw.domain} is not supported")
            raise Unsupported(f"the domain {raw.domain} is unknown, and the model defines no function {raw.op} in it")
        if not is_standard_operator("", raw.op, opset):
            raise Unsupported(f"ONNX has no operator {raw.op} in opset {opset}")
        if not self._standard_functions.has_body("", raw.op, opset):
            raise Unsupported(f"the operator {raw.op} (ONNX opset {opset}) is not supported")

    def _parsed(self, body: Body, raw: gs.Node, opset: int, used: set[str], items: Sequence[Item | None]) -> Node:
        attributes: dict[str, AttributeValue] = {}
        for name, value in raw.attrs.items():
            if isinstance(value, gs.Node.AttributeRef):
                value = body.attributes.get(value.name)
            if isinstance(value, gs.Constant):
                value = widened(self._model.tensor_array(value))
            if value is not None and not isinstance(value, gs.Graph):
                attributes[name] = value
        names = tuple([t.name for t in raw.outputs])
        return Node(
            raw.op,
            raw.domain or "",
            body.caller.name if body.caller is not None else raw.name or next(filter(None, names), ""),
            opset,
            tuple([item if isinstance(item, Value) else None for item in items]),
            attributes,
            names,
            self._scope,
            frozenset([name for name in names if name in used]),
            tuple([body.declared_shapes.get(name) for name in names]),
        )

    def _require_outputs(self, node: Node, results: Sequence[Item | None]) -> None:
        missing = [name for name in node.output_names[len(results) :] if name in node.used_outputs]
        if missing:
            raise Unsupported(f"its output {missing[0]} is used, but only the first {len(results)} are supported")

    def _call(
        self, body: Body, node: Node, items: Sequence[Item | None], function: gs.Function
    ) -> Sequence[Item | None]:
        """Inlines a function, with the node's operands and attributes for its parameters."""
        names = [t.name for t in function.inputs]
        if len(items) > len(names):
            raise Unsupported(f"it has {len(items)} operands, but its definition takes {len(names)}")
        operands = [*items, *[None] * (len(names) - len(items))]
        defaults = {name: value for name, value in function.attrs.items() if value is not None}
        opsets = {("" if d.domain == "ai.onnx" else d.domain): d.version for d in function.import_domains or ()}
        inner = Body(
            {**body.opsets, **opsets},
            dict(zip(names, operands, strict=True)),
            {**defaults, **node.attributes},
            caller=body.caller or node,
            depth=body.depth + 1,
        )
        return self._inlined(inner, function, node.declared_shapes)

    def _inlined(
        self, inner: Body, graph: gs.Graph | gs.Function, declared: Sequence[Sequence[object] | None] = ()
    ) -> list[Item | None]:
        """The body's outputs, None for those that failed (the reasons are told) or that it leaves out.

        ``declared`` are the shapes of its outputs that follow from what the model declares.
        """
        inner.declared_shapes = declared_shapes(graph, declared)
        if inner.depth > MAX_DEPTH:
            raise Unsupported(f"functions and branches are nested over {MAX_DEPTH} deep")
        self.import_body(inner, graph.nodes, graph.outputs)
        return self.outputs(inner, graph.outputs)


def _has_failed(body: Body, name: str) -> bool:
    scope: Body | None = body
    while scope is not None:
        if name in scope.failed and name:
            return True
        scope = scope.outer
    return False


def _needed(nodes: Iterable[gs.Node], outputs: Sequence[gs.Tensor]) -> tuple[list[gs.Node], set[str]]:
    """The nodes, in their order, that the outputs depend on, and the names that those and the outputs read."""
    names = {t.name for t in outputs}
    needed: list[gs.Node] = []
    for node in reversed(list(nodes)):
        if any(t.name in names for t in node.outputs):
            needed.append(node)
            names |= _names_read([node])
    return needed[::-1], names


def _names_read(nodes: Iterable[gs.Node]) -> set[str]:
    """The names that the nodes read, branches within them included."""
    names: set[str] = set()
    for node in nodes:
        names.update([t.name for t in node.inputs])
        for value in node.attrs.values():
            if isinstance(value, gs.Graph):
                names |= _names_read(value.nodes) | {t.name for t in value.outputs}
    names.discard("")
    return names


def _label(body: Body, raw: gs.Node) -> str:
    """How a reason names a node: by its name or else what it writes, and a node of a function by its caller too."""
    operator = f"{raw.domain}.{raw.op}" if raw.domain else raw.op
    if body.caller is None:
        return f"node {raw.name or next((t.name for t in raw.outputs if t.name), '?')} ({operator})"
    caller = body.caller
    outer = f"{caller.domain}.{caller.op_type}" if caller.domain else caller.op_type
    return f"node {caller.name} ({outer}), whose definition has {operator}"


def is_imported(domain: str, op_type: str) -> bool:
    """Whether the operator has an importer, in all versions."""
    return (domain, op_type) in IMPORTERS or (domain, op_type) in OWN_OPERATORS
