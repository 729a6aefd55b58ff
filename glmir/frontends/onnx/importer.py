"""ONNX models to modules: the graph's inputs, its nodes one by one, its outputs.

All reasons why a model cannot be imported are collected and reported together.
"""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence

import onnx
import onnx_graphsurgeon as gs

from ...call_graph import reachable
from ...errors import CompileError, ModelWarning
from ...ir import Array, Function, Module, Value
from ...ops.tensor import Constant
from ...types import TensorType
from ...weights import Weight
from .body import BodyImporter
from .declared import declared_shapes, dtype_contradiction, input_type, keeps_sizes, shape_contradiction
from .graph_operators import Body
from .loading import LoadedModel, load_graph
from .sequences import Item, described

DeclaredTypes = Mapping[str, TensorType | None]
Specialize = Callable[[DeclaredTypes], Mapping[str, TensorType | None]]
Pin = Callable[[Sequence[Value]], Mapping[str, Array]]


def import_model(
    source: str | os.PathLike[str] | bytes | onnx.ModelProto,
    specialize: Specialize | None = None,
    pin: Pin | None = None,
) -> Module:
    """The module of an ONNX model; ``specialize`` changes the inputs' types, by name (None: the model does not say).

    Nodes find constants in place of the inputs that ``pin`` gives values for, by name: axes and shapes that are inputs
    can be read then. The inputs themselves stay, without a use.

    Warns (``ModelWarning``) of outputs whose declared shapes are not those that their nodes compute, and of nodes whose
    results are random. Raises InputError for what is no ONNX model, CompileError with every reason for one that cannot
    be imported.
    """
    model = load_graph(source)
    _warn(model.warnings, model.source, stacklevel=3)
    return Module(_functions(model, specialize or dict, pin))


def _functions(model: LoadedModel, specialize: Specialize, pin: Pin | None) -> list[Function]:
    """``main``, and the functions that it calls."""
    graph = model.graph
    function = Function("main", _inputs(model, specialize))
    importer = BodyImporter(model, function)
    body = Body(model.opsets, {v.name: v for v in function.inputs})
    if keeps_sizes(graph.inputs, {v.name: v.type for v in function.inputs}):
        body.declared_shapes = declared_shapes(graph, [t.shape for t in graph.outputs])
    for name, array in (pin(function.inputs) if pin else {}).items():
        constant = Constant(Weight(array, name))
        function.ops.append(constant)
        body.values[name] = constant.result
    importer.import_body(body, graph.nodes, graph.outputs)
    items = importer.outputs(body, graph.outputs)
    outputs = [item if isinstance(item, Value) else None for item in items]
    reasons = [*importer.reasons, *_containers(graph.outputs, items), *_output_problems(graph.outputs, outputs)]
    if reasons:
        raise CompileError(reasons, model.source)
    values = [v for v in outputs if v is not None]
    _warn(importer.warnings, model.source, stacklevel=4)
    _warn_of_declared_shapes(graph.outputs, values, model.source)
    function.set_outputs(values, [t.name for t in graph.outputs])
    _erase_unused_constants(function)
    called = {function.name: function for function in importer.called}
    kept = Module([function, *called.values()])
    return reachable(kept, function)


def _erase_unused_constants(function: Function) -> None:
    """Removes what importers have read into attributes, such as axes and shapes."""
    for op in function.ops:
        if isinstance(op, Constant) and not op.has_uses:
            op.erase()


def _inputs(model: LoadedModel, specialize: Specialize) -> list[Value]:
    declared: dict[str, TensorType | None] = {}
    reasons = {}
    for tensor in model.graph.inputs:
        try:
            declared[tensor.name] = input_type(tensor)
        except ValueError as error:
            declared[tensor.name] = None
            reasons[tensor.name] = f"input {tensor.name}: {error}"
    types = specialize(declared)
    if unknown := [reasons[name] for name, type_ in types.items() if type_ is None]:
        raise CompileError(unknown, model.source)
    return [Value(type_, name) for name, type_ in types.items() if type_ is not None]


def _containers(tensors: Sequence[gs.Tensor], items: Sequence[Item | None]) -> list[str]:
    """Outputs that are no tensors."""
    pairs = zip(tensors, items, strict=True)
    return [
        f"output {tensor.name}: it is {described(item)}; only tensors can be compiled: make it one with "
        "ConcatFromSequence or name its elements by SequenceAt"
        for tensor, item in pairs
        if item is not None and not isinstance(item, Value)
    ]


def _output_problems(tensors: Sequence[gs.Tensor], values: Sequence[Value | None]) -> list[str]:
    problems = []
    for tensor, value in zip(tensors, values, strict=True):
        problem = None if value is None else dtype_contradiction(tensor, value.type)
        if problem is not None:
            problems.append(f"output {tensor.name}: {problem}")
    return problems


def _warn_of_declared_shapes(tensors: Sequence[gs.Tensor], values: Sequence[Value], source: str) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        problem = shape_contradiction(tensor, value.type)
        if problem is not None:
            _warn([f"output {tensor.name}: {problem}, which holds"], source, stacklevel=5)


def _warn(messages: Sequence[str], source: str, stacklevel: int) -> None:
    prefix = f"{source}: " if source else ""
    for message in messages:
        warnings.warn(ModelWarning(f"{prefix}{message}"), stacklevel=stacklevel)
