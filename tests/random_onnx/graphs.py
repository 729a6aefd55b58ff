"""Random ONNX models of several nodes: each takes what others have computed, where dtype and shape fit."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .node import Array, Drawn, RandomNode, Strategy, UnsuitedError, expected_of

OPSETS = (11, 13, 15, 17, 18, 21, 23)
LARGEST = 50.0
"""Results beyond this magnitude, or not finite, are not added."""

_ATTEMPTS = 3
"""How many operators are drawn for one that is added."""

DRAWN = (
    "Abs", "Add", "ArgMax", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Conv", "ConvTranspose",
    "CumSum", "DepthToSpace", "Div", "Einsum", "Elu", "Erf", "Exp", "Expand", "Flatten", "Gather", "GatherElements",
    "Gemm", "GlobalAveragePool", "GroupNormalization", "HardSigmoid", "HardSwish", "Identity",
    "InstanceNormalization", "LayerNormalization", "LeakyRelu", "LogSoftmax", "MatMul", "Max",
    "MaxPool", "Mean", "Min", "Mish", "Mul", "Neg", "PRelu", "Pad", "Pow", "Reciprocal", "ReduceL2", "ReduceMax",
    "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize", "Shape", "Sigmoid", "Slice", "Softmax", "Softplus",
    "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile", "TopK", "Transpose",
    "Trilu", "Unsqueeze", "Where",
)  # fmt: skip


_JUMPING = frozenset(("ArgMax", "Cast", "TopK"))
"""Operators to which the last bit of their operands matters: they take inputs alone."""


class _FloatNode(RandomNode):
    """A node of single precision whose data has the shape of an earlier value, where its rank suits."""

    wanted: tuple[int, ...] | None = None

    def dtype(self, place: int = 0) -> str:
        return "float32"

    def shape(self, low: int = 0, high: int = 5) -> tuple[int, ...]:
        if self.wanted is not None and low <= len(self.wanted) <= high:
            return self.wanted
        return tuple(self.integer(1, 4) for _ in range(self.integer(low, high)))


@dataclass
class _Graph:
    """A graph that grows, and what its values are."""

    random: random.Random
    opset: int
    is_symbolic: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    infos: list[onnx.ValueInfoProto] = field(default_factory=list)
    inputs: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)

    def add(self, op_type: str, strategy: Strategy) -> None:
        """Adds a node, unless what is drawn does not fit."""
        try:
            node = _FloatNode(self.random, onnx.defs.get_schema(op_type, self.opset), self.opset)
        except onnx.defs.SchemaError:
            return
        shapes = [v.shape for v in self.values.values() if v.dtype == np.float32]
        node.wanted = self.random.choice(shapes) if shapes and node.flag(0.9) else None
        try:
            strategy(node)
        except (UnsuitedError, ValueError, IndexError):
            return
        grown = _Graph(
            self.random, self.opset, self.is_symbolic, [*self.nodes], [*self.weights], [*self.infos], {**self.inputs},
            {**self.values},
        )  # fmt: skip
        if grown.append(node):
            self.__dict__.update(grown.__dict__)

    def append(self, node: RandomNode) -> bool:
        """Appends the node; returns whether it takes what others computed, and computes what can be compared."""
        names = [self._operand(node, place, array) for place, array in enumerate(node.operands)]
        if self.nodes and not any(name in self.computed for name in names):
            return False
        outputs = [f"v{len(self.nodes)}_{i}" for i in range(node.outputs)]
        name = f"{node.schema.name}{len(self.nodes)}"
        self.nodes.append(helper.make_node(node.schema.name, names, outputs, name=name, **node.attributes))
        computed = expected_of(self.model(outputs), self.inputs)
        if computed is None or not all(map(_is_comparable, computed.values())):
            return False
        self.values |= computed
        return True

    def _operand(self, node: RandomNode, place: int, array: Array | None) -> str:
        if array is None:
            return ""
        if place not in node.parameters:
            like = [n for n, v in self.values.items() if v.dtype == array.dtype and v.shape == array.shape]
            if like and node.flag(0.85):
                return str(node.choose(like[-3:]))
            if not self.nodes or node.flag(0.4):
                return self._add_input(array)
        self.weights.append(numpy_helper.from_array(array, f"w{len(self.weights)}"))
        return str(self.weights[-1].name)

    def _add_input(self, array: Array) -> str:
        name = f"x{len(self.inputs)}"
        dims = [
            f"{name}_{i}" if self.is_symbolic and self.random.random() < 0.5 else d for i, d in enumerate(array.shape)
        ]
        self.infos.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), dims))
        self.inputs[name] = self.values[name] = array
        return name

    @property
    def computed(self) -> list[str]:
        return [name for node in self.nodes for name in node.output]

    def model(self, outputs: Sequence[str]) -> onnx.ModelProto:
        results = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(self.nodes, "g", self.infos, results, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10)


def draw_graph(seed: int, largest: int, strategies: Mapping[str, Strategy]) -> Drawn | None:
    """A model of up to ``largest`` nodes, whose outputs are the values that no node reads; None when none fits."""
    rng = random.Random(seed)
    graph = _Graph(rng, rng.choice(OPSETS), rng.random() < 0.3)
    for _ in range(largest * _ATTEMPTS):
        op_type = rng.choice(DRAWN)
        if len(graph.nodes) < largest and not (graph.nodes and op_type in _JUMPING):
            graph.add(op_type, strategies[op_type])
    read = {name for node in graph.nodes for name in node.input}
    outputs = [name for name in graph.computed if name not in read]
    if not outputs:
        return None
    if rng.random() < 0.3:
        # An output that is used inside too.
        outputs = list(dict.fromkeys([*outputs, rng.choice(graph.computed)]))
    model = graph.model(outputs)
    expected = expected_of(model, graph.inputs)
    what = f"opset {graph.opset}: {' '.join(n.op_type for n in graph.nodes)}"
    return None if expected is None else Drawn(model, graph.inputs, expected, what)


def _is_comparable(array: Array) -> bool:
    if not array.size or array.dtype.kind != "f":
        return bool(array.size)
    return bool(np.isfinite(array).all() and np.abs(array).max() <= LARGEST)
