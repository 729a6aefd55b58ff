"""ONNX models to modules: the graph's inputs, its nodes one by one, its outputs.

All reasons why a model cannot be imported are collected and reported together.
"""

import os
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from ...dims import Dim, symbol
from ...errors import CompileError, GlmirError, InputError
from ...ir import Array, Function, Module, Op, Value
from ...opdef import ConstraintError
from ...ops import tensor
from ...rewriter import insert_new_ops
from ...types import DType, TensorType
from ...weights import Weight
from .loading import LoadedModel, load_graph
from .node import AttributeValue, Node, Scope, Unsupported
from .ops import IMPORTERS

InputTypes = Mapping[str, TensorType]


def import_model(
    source: str | os.PathLike[str] | bytes | onnx.ModelProto, input_types: InputTypes | None = None
) -> Module:
    """The module of an ONNX model; ``input_types`` overrides the types of inputs by name.

    Raises InputError for what is no ONNX model, CompileError with every reason for one that cannot be imported.
    """
    model = load_graph(source)
    return Module([_GraphImporter(model).function(input_types or {})])


class _GraphImporter:
    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._scope = Scope()
        self._function = Function("main")
        self._values: dict[str, Value | None] = {}
        self._used_names: set[str] = set()
        self._reasons: list[str] = []

    def function(self, input_types: InputTypes) -> Function:
        graph = self._model.graph
        unknown = sorted(set(input_types) - {t.name for t in graph.inputs})
        if unknown:
            names = ", ".join(t.name for t in graph.inputs)
            raise InputError(f"{self._model.source}: there is no input {', '.join(unknown)}; the inputs are {names}")
        self._inputs(graph.inputs, input_types)
        self._raise_reasons()
        for node in graph.nodes:
            self._node(node)
        self._raise_reasons()
        outputs = [self._lookup(t) for t in graph.outputs]
        self._function.set_outputs([v for v in outputs if v is not None], [t.name for t in graph.outputs])
        return self._function

    def _raise_reasons(self) -> None:
        if self._reasons:
            raise CompileError(self._reasons, self._model.source)

    def _inputs(self, tensors: Sequence[gs.Tensor], overrides: InputTypes) -> None:
        for tensor_ in tensors:
            try:
                type_ = overrides.get(tensor_.name) or _input_type(tensor_)
            except ValueError as error:
                self._reasons.append(f"input {tensor_.name}: {error}")
                continue
            self._scope.taken_symbols.update(type_.symbols)
            value = Value(type_, tensor_.name)
            self._used_names.add(tensor_.name)
            self._function.inputs.append(value)
            self._values[tensor_.name] = value

    def _lookup(self, tensor_: gs.Tensor) -> Value | None:
        """The tensor's value, made on first use for constants; None for a left-out input or what failed before."""
        if tensor_.name in self._values or not isinstance(tensor_, gs.Constant):
            return self._values.get(tensor_.name)
        weight = Weight(self._model.tensor_array(tensor_), tensor_.name)
        op = tensor.Constant(weight)
        self._function.ops.append(op)
        self._name(op.result, tensor_.name)
        self._values[tensor_.name] = op.result
        return op.result

    def _name(self, value: Value, name: str) -> None:
        if not value.name and name not in self._used_names:
            value.name = name
            self._used_names.add(name)

    def _node(self, raw: gs.Node) -> None:
        operands = tuple(None if t.is_empty() else self._lookup(t) for t in raw.inputs)
        if any(o is None and not t.is_empty() for o, t in zip(operands, raw.inputs, strict=True)):
            # An operand's node failed, and its reason is told already.
            return
        domain = "" if raw.domain in (None, "ai.onnx") else raw.domain
        node = Node(
            raw.op,
            domain,
            raw.name or (raw.outputs[0].name if raw.outputs else ""),
            self._model.opsets.get(domain, 1),
            operands,
            dict(raw.attrs),
            tuple(t.name for t in raw.outputs),
            self._scope,
        )
        try:
            results = self._import(node)
        except (Unsupported, ConstraintError) as error:
            self._reasons.append(f"node {node.name} ({node.op_type}): {error}")
            return
        for name, result in zip(node.output_names, results, strict=False):
            if name:
                self._values[name] = result

    def _import(self, node: Node) -> Sequence[Value]:
        importer = IMPORTERS.get((node.domain, node.op_type))
        if importer is None:
            raise Unsupported(f"there is no importer for {node.domain or 'ai.onnx'}.{node.op_type} yet")
        imported = importer(node)
        results = imported.results if isinstance(imported, Op) else (imported,) if isinstance(imported, Value) else imported
        inserted = insert_new_ops(results, self._function.ops.append)
        for op in inserted:
            op.location = op.location or (node.name,)
        for name, result in zip(node.output_names, results, strict=False):
            if name:
                self._name(result, name)
        return tuple(results)


def _input_type(tensor_: gs.Tensor) -> TensorType:
    if tensor_.dtype is None or tensor_.shape is None:
        raise ValueError("its dtype and rank must be known; give them with --input")
    dims = tuple(_input_dim(d, f"{tensor_.name}_dim{i}") for i, d in enumerate(tensor_.shape))
    return TensorType(DType.of(tensor_.dtype), dims)


def _input_dim(dim: object, default_name: str) -> Dim:
    if isinstance(dim, int) and dim >= 0:
        return dim
    return symbol(dim if isinstance(dim, str) and dim else default_name)
