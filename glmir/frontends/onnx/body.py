"""The nodes of a graph, of a branch or of a function, imported one by one.

A node is imported by the importer of its operator (ops/), or by inlining: the branch taken of an ``If`` whose condition
is constant, a function of the model, or the body that the standard gives for the operator (standard_functions.py). The
branches of an ``If`` whose condition depends on the data, and the body of a ``Loop``, become functions of the module.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import onnx_graphsurgeon as gs

from ...ir import Array, Function, Op, Value
from ...opdef import ConstraintError
from ...ops import tensor
from ...rewriter import insert_new_ops
from ...types import DType
from ...weights import Weight
from .control import Loop, branching
from .declared import declared_shapes
from .loading import LoadedModel
from .node import AttributeValue, Imported, Node, Scope, Unsupported
from .ops import IMPORTERS
from .standard_functions import StandardFunctions, is_standard_operator

MAX_DEPTH = 64
"""How deep functions and branches may be nested."""

MAX_NODES = 1_000_000
"""How many nodes may be imported in all: a few functions that call each other twice each can stand for any number."""

_ON_DATA = (("", "If"), ("", "Loop"))
_CONTROL_FLOW = ("Scan", "SequenceMap")


@dataclass
class Body:
    """What the nodes of one body share.

    ``values`` has None for an operand that the caller left out; ``failed`` are names whose nodes could not be imported.
    ``outer`` is the body that encloses a branch, ``caller`` the outermost node that stands for the nodes of a function.
    """

    opsets: Mapping[str, int]
    values: dict[str, Value | None]
    attributes: Mapping[str, object] = field(default_factory=dict)
    outer: "Body | None" = None
    caller: Node | None = None
    depth: int = 0
    failed: set[str] = field(default_factory=set)


class BodyImporter:
    """Imports bodies into one function, collecting ``reasons`` against it."""

    def __init__(self, model: LoadedModel, function: Function) -> None:
        self.reasons: list[str] = []
        self._model = model
        self.called: list[Function] = []
        """The functions that ops of ``function`` call."""
        self._function = function
        self._enclosing: list[Function] = []
        self._scope = Scope(taken_symbols={s for v in function.inputs for s in v.type.symbols})
        self._declared_shapes = declared_shapes(model.graph)
        self._standard_functions = StandardFunctions()
        self._used_names = {v.name for v in function.inputs}
        self._node_count = 0

    def import_body(self, body: Body, nodes: Iterable[gs.Node], outputs: Sequence[gs.Tensor]) -> None:
        """Imports the nodes that the body's outputs depend on, in their order, into ``body.values``."""
        needed, used = _needed(nodes, outputs)
        for raw in needed:
            self._node(body, raw, used)

    def outputs(self, body: Body, tensors: Sequence[gs.Tensor]) -> list[Value | None]:
        """The body's outputs, None for those that failed (``reasons`` has why) or that a function leaves out."""
        values: list[Value | None] = []
        for tensor_ in tensors:
            try:
                values.append(self._lookup(body, tensor_))
            except Unsupported as error:
                self.reasons.append(f"output {tensor_.name}: {error}")
                values.append(None)
        return values

    def _lookup(self, body: Body, tensor_: gs.Tensor) -> Value | None:
        """The tensor's value, made on first use for constants; None for one that is left out or has failed."""
        scope: Body | None = body
        while scope is not None:
            if tensor_.name in scope.values:
                return scope.values[tensor_.name]
            scope = scope.outer
        if not isinstance(tensor_, gs.Constant):
            return None
        op = tensor.Constant(Weight(self._elements(tensor_), tensor_.name))
        self._function.ops.append(op)
        if body.caller is None:
            self._name(op.result, tensor_.name)
        body.values[tensor_.name] = op.result
        return op.result

    def _elements(self, constant: gs.Constant) -> Array:
        array = self._model.tensor_array(constant)
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
                self.reasons.append(f"{_label(body, raw)}: {error}")
        for place, tensor_ in enumerate(raw.outputs):
            result = results[place] if results is not None and place < len(results) else None
            if result is None:
                body.failed.add(tensor_.name)
            elif tensor_.name:
                body.values[tensor_.name] = result

    def _results(self, body: Body, raw: gs.Node, used: set[str]) -> Sequence[Value | None] | None:
        """The node's outputs, or None when an operand has failed before, and its reason is told."""
        key = (raw.domain or "", raw.op)
        opset = body.opsets.get(key[0], 1)
        # A function of the model is the definition that its author meant, even of an operator that has an importer.
        function = self._model.functions.get(key)
        importer = IMPORTERS.get(key) if function is None else None
        if importer is None and function is None and key not in _ON_DATA:
            self._require_known(raw, opset)
        if any(_has_failed(body, t.name) for t in raw.inputs):
            return None
        node = self._parsed(body, raw, opset, used)
        results: Sequence[Value | None]
        if importer is not None:
            results = self._inserted(node, importer(node))
        elif key in _ON_DATA:
            results = self._branch(body, raw, node) if raw.op == "If" else self._loop(body, raw, node)
        else:
            results = self._call(body, node, function or self._standard_functions.body_of(node))
        self._require_outputs(node, results)
        if body.caller is None:
            for name, result in zip(node.output_names, results, strict=False):
                if name and result is not None:
                    self._name(result, name)
        return results

    def _require_known(self, raw: gs.Node, opset: int) -> None:
        """Refuses an operator that nothing can import, whether or not its operands could be."""
        if raw.domain:
            known = {domain for domain, _ in (*IMPORTERS, *self._model.functions)}
            if raw.domain in known or is_standard_operator(raw.domain, raw.op, opset):
                raise Unsupported(f"the operator {raw.op} of the domain {raw.domain} is not supported")
            raise Unsupported(f"the domain {raw.domain} is unknown, and the model defines no function {raw.op} in it")
        if raw.op in _CONTROL_FLOW:
            raise Unsupported(f"control flow ({raw.op}) is not supported yet")
        if not is_standard_operator("", raw.op, opset):
            raise Unsupported(f"ONNX has no operator {raw.op} in opset {opset}")
        if not self._standard_functions.has_body("", raw.op, opset):
            raise Unsupported(f"the operator {raw.op} (ONNX opset {opset}) is not supported")

    def _parsed(self, body: Body, raw: gs.Node, opset: int, used: set[str]) -> Node:
        attributes: dict[str, AttributeValue] = {}
        for name, value in raw.attrs.items():
            if isinstance(value, gs.Node.AttributeRef):
                value = body.attributes.get(value.name)
            if isinstance(value, gs.Constant):
                value = self._model.tensor_array(value)
            if value is not None and not isinstance(value, gs.Graph):
                attributes[name] = value
        names = tuple([t.name for t in raw.outputs])
        return Node(
            raw.op,
            raw.domain or "",
            body.caller.name if body.caller is not None else raw.name or next(filter(None, names), ""),
            opset,
            tuple([self._lookup(body, t) if t.name else None for t in raw.inputs]),
            attributes,
            names,
            self._scope,
            frozenset([name for name in names if name in used]),
            tuple([self._declared_shape(body, name) for name in names]),
        )

    def _declared_shape(self, body: Body, name: str) -> Sequence[object] | None:
        is_outermost = body.caller is None and body.outer is None
        return self._declared_shapes.get(name) if is_outermost else None

    def _inserted(self, node: Node, imported: Imported) -> Sequence[Value]:
        results = imported.results if isinstance(imported, Op) else imported
        if isinstance(results, Value):
            results = (results,)
        for op in insert_new_ops(results, self._function.ops.append):
            op.location = op.location or (node.name,)
        return results

    def _require_outputs(self, node: Node, results: Sequence[Value | None]) -> None:
        missing = [name for name in node.output_names[len(results) :] if name in node.used_outputs]
        if missing:
            raise Unsupported(f"its output {missing[0]} is used, but only the first {len(results)} are supported")

    def _branch(self, body: Body, raw: gs.Node, node: Node) -> Sequence[Value | None]:
        """Inlines the branch taken of an If with a constant condition, or makes functions of both."""
        condition = node.dims(0)
        branches = [raw.attrs.get(name) for name in ("then_branch", "else_branch")]
        if condition is not None and len(condition) == 1 and isinstance(condition[0], int):
            taken = branches[0 if condition[0] else 1]
            if not isinstance(taken, gs.Graph):
                raise Unsupported("the branch taken is missing")
            return self._inlined(self._inside(body), taken)
        then, otherwise = branches
        if not isinstance(then, gs.Graph) or not isinstance(otherwise, gs.Graph):
            raise Unsupported("a branch is missing")
        if len(then.outputs) != len(otherwise.outputs):
            raise Unsupported(f"its branches have {len(then.outputs)} and {len(otherwise.outputs)} outputs")
        functions = [self._outlined(body, graph, name) for graph, name in ((then, "then"), (otherwise, "else"))]
        if any(function is None for function in functions):
            return [None] * len(then.outputs)
        made = [function for function in functions if function is not None]
        return self._inserted(node, branching(node, made, self._visible()))

    def _inside(self, body: Body) -> Body:
        return Body(body.opsets, {}, body.attributes, body, body.caller, body.depth + 1)

    def _loop(self, body: Body, raw: gs.Node, node: Node) -> Sequence[Value | None]:
        """Makes functions of a Loop's body and condition."""
        graph = raw.attrs.get("body")
        if not isinstance(graph, gs.Graph):
            raise Unsupported("its body is missing")
        if not len(graph.inputs) == len(raw.inputs) <= len(graph.outputs) + 1 or len(raw.inputs) < 2:
            raise Unsupported("its body does not take and give as many values as it has")
        loop = Loop(node, self._function_name("condition"), self._function_name("body"))
        self.called += [loop.condition, loop.body]
        inner = self._inside(body)
        inner.values |= dict(zip([t.name for t in graph.inputs], loop.body.inputs, strict=True))
        with self._importing_into(loop.body):
            # Inside the body the condition has held.
            holds = tensor.Constant(Weight(np.array(True)))
            loop.body.ops.append(holds)
            inner.values[graph.inputs[1].name] = holds.result
            made = [v for v in self._inlined(inner, graph) if v is not None]
        if len(made) < len(graph.outputs):
            return [None] * len(raw.outputs)
        return self._inserted(node, loop.finish(made, self._visible()))

    def _outlined(self, body: Body, graph: gs.Graph, name: str) -> Function | None:
        """The branch as a function that uses the values around it; None when it failed, for reasons that are told."""
        function = Function(self._function_name(name))
        self.called.append(function)
        with self._importing_into(function):
            outputs = self._inlined(self._inside(body), graph)
        values = [v for v in outputs if v is not None]
        if len(values) < len(outputs):
            return None
        function.set_outputs(values, [f"output{i}" for i in range(len(values))])
        return function

    def _function_name(self, stem: str) -> str:
        number = sum(f.name.partition("_")[0] == stem for f in self.called) + 1
        return stem if number == 1 else f"{stem}_{number}"

    @contextmanager
    def _importing_into(self, function: Function) -> Iterator[None]:
        self._enclosing.append(self._function)
        self._function = function
        try:
            yield
        finally:
            self._function = self._enclosing.pop()

    def _visible(self) -> list[Value]:
        """The values that a branch or body may use."""
        return [v for f in (self._function, *reversed(self._enclosing)) for v in f.values()]

    def _call(self, body: Body, node: Node, function: gs.Function) -> Sequence[Value | None]:
        """Inlines a function, with the node's operands and attributes for its parameters."""
        names = [t.name for t in function.inputs]
        if len(node.operands) > len(names):
            raise Unsupported(f"it has {len(node.operands)} operands, but its definition takes {len(names)}")
        operands = [*node.operands, *[None] * (len(names) - len(node.operands))]
        defaults = {name: value for name, value in function.attrs.items() if value is not None}
        opsets = {("" if d.domain == "ai.onnx" else d.domain): d.version for d in function.import_domains or ()}
        inner = Body(
            {**body.opsets, **opsets},
            dict(zip(names, operands, strict=True)),
            {**defaults, **node.attributes},
            caller=body.caller or node,
            depth=body.depth + 1,
        )
        return self._inlined(inner, function)

    def _inlined(self, inner: Body, graph: gs.Graph) -> Sequence[Value | None]:
        """The body's outputs, None for those that failed (the reasons are told) or that it leaves out."""
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
