"""Random ONNX models of one operator, made of the operators' schemas: any opset, dtype, rank, and attributes it takes.

What operands suit an operator, the strategies beside this file say. What a model must compute is onnxruntime's to say;
one that it refuses is dropped. Axes, shapes and the like are initializers more often than not; dims may be symbolic.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.defs import OpSchema

Array = NDArray[Any]

OLDEST, NEWEST = 7, 26
"""The opsets that onnxruntime knows are drawn from."""

FLOATS = ("float16", "float32", "float32", "float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
DTYPES = (*FLOATS, *SIGNED, *UNSIGNED, "bool")


class UnsuitedError(Exception):
    """What was drawn does not fit the operator."""


@dataclass
class RandomNode:
    """One node that is being drawn: its operands in order (None: left out), which of them are constants, attributes."""

    random: random.Random
    schema: OpSchema
    opset: int
    operands: list[Array | None] = field(default_factory=list)
    constants: set[int] = field(default_factory=set)
    parameters: set[int] = field(default_factory=set)
    attributes: dict[str, object] = field(default_factory=dict)
    outputs: int = 1

    def flag(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance

    def choose(self, options: Sequence[Any]) -> Any:
        return self.random.choice(options)

    def integer(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def dtype(self, place: int = 0) -> str:
        """One that the schema allows for the operand of that place."""
        allowed = {t.removeprefix("tensor(").removesuffix(")") for t in self._allowed(place)}
        names = {"float": "float32", "double": "float64"}
        fitting = [d for d in DTYPES if d in {names.get(a, a) for a in allowed}]
        if not fitting:
            raise UnsuitedError
        return str(self.choose(fitting))

    def _allowed(self, place: int) -> Sequence[str]:
        formal = self.schema.inputs[min(place, len(self.schema.inputs) - 1)]
        return sorted(formal.types)

    def shape(self, low: int = 0, high: int = 5) -> tuple[int, ...]:
        rank = self.integer(low, high)
        smallest = 0 if self.flag(0.07) else 1
        return tuple(self.integer(smallest, 4 if rank < 4 else 3) for _ in range(rank))

    def array(self, dtype: str, shape: Sequence[int], low: float = -4, high: float = 4) -> Array:
        rng = np.random.default_rng(self.integer(0, 2**31))
        if dtype == "bool":
            return np.asarray(rng.random(tuple(shape)) < 0.5)
        if dtype.startswith("u"):
            low = max(low, 0)
        if "int" in dtype:
            return np.asarray(rng.integers(int(low), int(high) + 1, tuple(shape)), dtype)
        # Multiples of an eighth: halves, and what rounds to integers, are among them.
        return np.asarray(rng.integers(int(low * 8), int(high * 8) + 1, tuple(shape)) / 8, dtype)

    def add(self, array: Array | None) -> None:
        self.operands.append(array)

    def add_parameter(self, array: Array | None) -> None:
        """Axes, shapes, scales: mostly constants."""
        self.parameters.add(len(self.operands))
        if array is not None and self.flag(0.85):
            self.constants.add(len(self.operands))
        self.operands.append(array)

    def set(self, name: str, value: object, chance: float = 1.0) -> None:
        """Sets an attribute, if the operator has it in this opset. An empty list has no type to be written in."""
        if name in self.schema.attributes and self.flag(chance) and value != []:
            self.attributes[name] = value

    def broadcast(self, shape: Sequence[int]) -> tuple[int, ...]:
        """A shape that broadcasts to this one: some dims 1, some at the front left out."""
        kept = shape[self.integer(0, len(shape)) if self.flag(0.4) else 0 :]
        return tuple(1 if self.flag(0.25) else d for d in kept)

    def axis(self, rank: int) -> int:
        if not rank:
            raise UnsuitedError
        return self.integer(-rank, rank - 1)

    def axes(self, rank: int) -> list[int]:
        picked = self.random.sample(range(rank), self.integer(1, rank)) if rank else []
        return [a - rank if self.flag(0.3) else a for a in picked]

    @property
    def has_axes_input(self) -> bool:
        return any(i.name == "axes" for i in self.schema.inputs)


Strategy = Callable[[RandomNode], None]


@dataclass(frozen=True)
class Drawn:
    """A model of one node, inputs for it, and what onnxruntime computes."""

    model: onnx.ModelProto
    inputs: Mapping[str, Array]
    expected: Mapping[str, Array]
    what: str


def draw(seed: int, strategies: Mapping[str, Strategy], only: Sequence[str] = ()) -> Drawn | None:
    """A model of one of the operators; None when what was drawn does not fit."""
    rng = random.Random(seed)
    op_type = rng.choice(sorted(only or strategies))
    opset = rng.randint(OLDEST, NEWEST)
    try:
        schema = onnx.defs.get_schema(op_type, opset)
    except onnx.defs.SchemaError:
        return None
    if schema.deprecated:
        return None
    node = RandomNode(rng, schema, opset)
    try:
        strategies[op_type](node)
        model, inputs = _model(node)
        expected = expected_of(model, inputs)
    except (UnsuitedError, ValueError):
        return None
    if expected is None:
        return None
    if all(isinstance(d, int) for info in model.graph.input for d in _declared(info)):
        # As exporters do.
        for info, array in zip(model.graph.output, expected.values(), strict=True):
            dtype = helper.np_dtype_to_tensor_dtype(array.dtype)
            info.CopyFrom(helper.make_tensor_value_info(info.name, dtype, array.shape))
    shown = [None if a is None else f"{a.dtype}{list(a.shape)}" for a in node.operands]
    what = f"{op_type}@{opset} {shown} constants {sorted(node.constants)} {node.attributes}"
    return Drawn(model, inputs, expected, what)


def _declared(info: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in info.type.tensor_type.shape.dim]


def _model(node: RandomNode) -> tuple[onnx.ModelProto, dict[str, Array]]:
    names = [f"x{i}" if a is not None else "" for i, a in enumerate(node.operands)]
    outputs = [f"y{i}" for i in range(node.outputs)]
    proto = helper.make_node(node.schema.name, names, outputs, **node.attributes)
    weights, infos, inputs = [], [], {}
    # Broadcasts of symbolic dims that are 0 are not told from those of 1.
    is_symbolic = node.flag(0.3) and all(a is None or a.size for a in node.operands)
    for place, (name, array) in enumerate(zip(names, node.operands, strict=True)):
        if array is None:
            continue
        if place in node.constants:
            weights.append(numpy_helper.from_array(array, name))
            continue
        can_vary = is_symbolic and place not in node.parameters
        dims = [f"{name}_{i}" if can_vary and node.flag(0.6) else d for i, d in enumerate(array.shape)]
        infos.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), dims))
        inputs[name] = array
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph([proto], "g", infos, results, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", node.opset)], ir_version=10), inputs


def expected_of(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array] | None:
    """None when onnxruntime refuses the model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    names = [o.name for o in model.graph.output]
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        computed = session.run(names, dict(inputs))
    except Exception:
        return None
    if not all(isinstance(array, np.ndarray) for array in computed):
        return None
    return dict(zip(names, computed, strict=True))
