"""The ONNX graph under construction: values to tensors, constants to initializers, nodes in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import onnx_graphsurgeon as gs

from ...dim_terms import is_symbol
from ...dims import Dim, free_symbols
from ...ir import Array, Function, Module, Op, Value
from ...ops import tensor
from ...types import DType, TensorType
from ..array_bytes import exactly
from ..emission import EmitterTable
from .initializers import INLINE_BYTES, ONNX_TYPES, Initializer

Operand: TypeAlias = "Value | Array | gs.Tensor | None"
"""What a node takes: a value of the function, constant elements, a tensor made before, or nothing."""

Result: TypeAlias = "Value | gs.Tensor | None"
"""What a node gives: a value of the function, a tensor between two nodes, or a result that is not asked for."""

Attribute: TypeAlias = int | float | str | Sequence[int] | Sequence[float] | Sequence[str] | gs.Graph

SHARED_ELEMENTS = 64
"""Constants of at most this many elements are compared, and equal ones written once."""


@dataclass
class Names:
    """The names of tensors and nodes that are taken, in the graph and all graphs inside."""

    tensors: set[str] = field(default_factory=set)
    nodes: set[str] = field(default_factory=set)

    def tensor(self, wanted: str) -> str:
        return _unique(wanted, self.tensors)

    def node(self, wanted: str) -> str:
        return _unique(wanted, self.nodes)


def _unique(wanted: str, taken: set[str]) -> str:
    unique, number = wanted, 1
    while unique in taken:
        unique, number = f"{wanted}_{number}", number + 1
    taken.add(unique)
    return unique


class Graph:
    """One graph of the model. Emitters call ``add``."""

    def __init__(
        self,
        module: Module,
        table: OnnxTable,
        opset: int,
        names: Names | None = None,
        short_float: DType | None = None,
    ) -> None:
        """``short_float`` is the dtype in which large f32 weights are stored that it holds exactly."""
        self.module = module
        self._short_float = short_float
        self.opset = opset
        self.nodes: list[gs.Node] = []
        self.weights: dict[str, Array] = {}
        """The initializers whose elements are not in the graph, by name."""
        self._table = table
        self._is_inner = names is not None
        self._names = names or Names()
        self._tensors: dict[Value, gs.Tensor] = {}
        self._constants: dict[tuple[object, ...], tuple[gs.Tensor, Array]] = {}
        self._node_name = ""
        self._nothing = gs.Variable.empty()

    def whole(self, function: Function) -> gs.Graph:
        """The function as the graph, its inputs and outputs called as they are there. All its ops must be legal."""
        inputs = [self._declare(v, v.name) for v in function.inputs]
        # Outputs are called so whatever else is called alike, so their names are taken first.
        outputs = [self._output(*pair) for pair in zip(function.outputs, function.output_names, strict=True)]
        self._add_ops(function)
        for value, variable in zip(function.outputs, outputs, strict=True):
            if self._tensors.get(value) is not variable:
                # An output that is an input, a constant, or another output as well.
                self._copy(self.operand(value), variable)
        return gs.Graph(self.nodes, inputs, outputs, name=function.name, opset=self.opset)

    def _output(self, value: Value, name: str) -> gs.Tensor:
        """The tensor that an output is: the value's own, or one to copy the value to."""
        if value.owner is None and value.name == name:
            # An input that is handed on as it is.
            return self._tensors[value]
        is_computed = value.owner is not None and not isinstance(value.owner, tensor.Constant)
        is_named_here = is_computed and value not in self._tensors
        return self._declare(value, name) if is_named_here else self._variable(name, value.type)

    def inlined(self, function: Function, operands: Sequence[gs.Tensor]) -> list[gs.Tensor]:
        """Appends what the function computes from the operands, and gives its outputs."""
        outer = self._tensors
        # A function may be called twice, and its values are others then.
        self._tensors = dict(zip(function.inputs, operands, strict=True))
        self._add_ops(function)
        outputs = [self.operand(v) for v in function.outputs]
        self._tensors = outer
        return outputs

    def loop_body(self, condition: Function, body: Function) -> gs.Graph:
        """What Loop repeats: the values that ``body`` makes of the values, and whether ``condition`` holds of those."""
        inner = Graph(self.module, self._table, self.opset, self._names)
        counter = inner._variable("iteration", TensorType(DType.I64, ()))
        holds, goes_on = (inner._variable(name, TensorType(DType.BOOL, ())) for name in ("holds", "goes_on"))
        inputs = [inner._declare(v, v.name or "value") for v in body.inputs]
        results = inner.inlined(body, inputs)
        inner._copy(inner.inlined(condition, results)[0], goes_on)
        outputs = [inner._variable(v.name or "next", v.type) for v in body.outputs]
        for result, output in zip(results, outputs, strict=True):
            inner._copy(result, output)
        return gs.Graph(inner.nodes, [counter, holds, *inputs], [goes_on, *outputs], name=body.name, opset=self.opset)

    def branch(self, function: Function, values: Sequence[gs.Tensor]) -> gs.Graph:
        """What If runs: the function on ``values``, which the graph inside sees by their names."""
        inner = Graph(self.module, self._table, self.opset, self._names)
        results = inner.inlined(function, values)
        outputs = [inner._variable(v.name or "result", v.type) for v in function.outputs]
        for result, output in zip(results, outputs, strict=True):
            inner._copy(result, output)
        return gs.Graph(inner.nodes, [], outputs, name=function.name, opset=self.opset)

    def _copy(self, source: gs.Tensor, result: gs.Variable) -> None:
        self._node_name = result.name
        self._append("Identity", [source], [result], {})

    def _add_ops(self, function: Function) -> None:
        # What was fused and taken apart again has several ops of one location.
        left = Counter(op.location for op in function.ops if not isinstance(op, tensor.Constant))
        for op in function.ops:
            emitter = self._table.find(op)
            assert emitter is not None
            if isinstance(op, tensor.Constant):
                continue
            left[op.location] -= 1
            self._node_name = _node_name(op, left[op.location])
            emitter.emit(op, self)

    def add(self, operator: str, inputs: Sequence[Operand], outputs: Sequence[Result], **attributes: Attribute) -> None:
        """Appends a node. Operands that are left out at the end are not written."""
        self._append(operator, [self.operand(i) for i in inputs], [self._result(o) for o in outputs], attributes)

    def _append(
        self,
        operator: str,
        operands: list[gs.Tensor],
        results: list[gs.Tensor],
        attributes: Mapping[str, Attribute],
    ) -> None:
        for tensors in (operands, results):
            while tensors and tensors[-1] is self._nothing:
                tensors.pop()
        name = self._names.node(self._node_name)
        self.nodes.append(gs.Node(operator, name, dict(attributes), operands, results))

    def operand(self, operand: Operand) -> gs.Tensor:
        """The tensor of an operand, made on first use."""
        if operand is None:
            return self._nothing
        if isinstance(operand, gs.Tensor):
            return operand
        if isinstance(operand, np.ndarray):
            return self.constant(operand)
        found = self._tensors.get(operand)
        if found is None:
            owner = operand.owner
            assert isinstance(owner, tensor.Constant)
            found = self.constant(owner.value.array, owner.value.name or operand.name)
            self._tensors[operand] = found
        return found

    def _result(self, value: Result) -> gs.Tensor:
        if value is None:
            return self._nothing
        if isinstance(value, gs.Tensor):
            return value
        return self._tensors.get(value) or self._declare(value, value.name or self._node_name)

    def _declare(self, value: Value, name: str) -> gs.Variable:
        variable = self._variable(name, value.type)
        self._tensors[value] = variable
        return variable

    def temporary(self, type_: TensorType) -> gs.Variable:
        """A tensor between two nodes of one op."""
        return self._variable(self._node_name, type_)

    def _variable(self, name: str, type_: TensorType) -> gs.Variable:
        return gs.Variable(self._names.tensor(name), ONNX_TYPES[type_.dtype], [_dim(d) for d in type_.shape])

    def constant(self, array: Array, name: str = "") -> gs.Tensor:
        """An initializer with these elements. Equal small ones are one, and so are equal views of one large array."""
        address = array.__array_interface__["data"][0]
        key: tuple[object, ...] = (address, array.dtype.str, array.dtype.name, array.shape, array.strides)
        if array.size <= SHARED_ELEMENTS:
            key = (array.dtype.name, array.shape, np.ascontiguousarray(array).tobytes())
        if key in self._constants:
            return self._constants[key][0]
        unique = self._names.tensor(name or f"{self._node_name}_constant")
        if self._short_float is not None and (short := exactly(array, self._short_float)) is not None:
            restored = self._restored(short, unique)
            self._constants[key] = restored, array
            return restored
        is_inside = self._is_inner or array.nbytes <= INLINE_BYTES
        if not is_inside:
            self.weights[unique] = array
        made = gs.Constant(unique, Initializer(unique, array, is_inside))
        # The array is kept, that no other comes to lie at its address.
        self._constants[key] = made, array
        return made

    def _restored(self, short: Array, name: str) -> gs.Variable:
        """f32 of an initializer in fewer bits, which runtimes compute as they load."""
        stored = self._names.tensor(f"{name}_stored")
        self.weights[stored] = short
        variable = gs.Variable(name, ONNX_TYPES[DType.F32], list(short.shape))
        source = gs.Constant(stored, Initializer(stored, short, is_inside=False))
        node = gs.Node("Cast", self._names.node(name), {"to": ONNX_TYPES[DType.F32]}, [source], [variable])
        self.nodes.append(node)
        return variable


def _node_name(op: Op, behind: int) -> str:
    """What nodes are called: like the source node that gave the result, or one of those before it when as many ops of
    the same location follow."""
    if not op.location:
        return op.results[0].name or op.definition.name
    return op.location[max(len(op.location) - 1 - behind, 0)]


def _dim(dim: Dim) -> int | str:
    """A number, or the text that stands for it in the file: a symbol's own name, or what is computed from symbols."""
    if isinstance(dim, int):
        return dim
    names = free_symbols(dim)
    return names[0] if len(names) == 1 and is_symbol(dim, names[0]) else str(dim)


OnnxTable = EmitterTable[Graph]
