"""Differential tests of the ONNX frontend: what a model means to us against what it means to a reference.

``check`` builds a model of one node, ``check_model`` takes a model; both import it, verify the module, print it and
parse it back, run the interpreter and compare with onnxruntime (with onnx's reference evaluator for opsets and
operators that onnxruntime lacks).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from glmir.errors import CompileError
from glmir.frontends.onnx.importer import import_model
from glmir.interpreter import run
from glmir.ir import Module
from glmir.ops import DEFINITIONS, tensor
from glmir.parser import parse_module
from glmir.printer import print_module
from glmir.verifier import verify
from glmir.weights import assign_names
from tests.tolerances import assert_close

Array = NDArray[Any]
Dims = Sequence[int | str | None]
Oracle = Literal["onnxruntime", "onnx"]

NEWEST = onnx.defs.onnx_opset_version()
ONNXRUNTIME_NEWEST = 26
"""onnxruntime 1.31 knows no later opset."""


@dataclass(frozen=True)
class OneNode:
    """A model of one node. Its inputs are ``x0``, ``x1``, … and its outputs ``y0``, ``y1``, …

    ``inputs`` has None for an input that is left out; those at the places ``constants`` are initializers; ``dims`` are
    declared shapes with symbols (or None) by place, where they differ from the array's.
    """

    op_type: str
    inputs: Sequence[Array | None]
    attributes: Mapping[str, object] = field(default_factory=dict)
    opset: int = 17
    constants: Collection[int] = ()
    dims: Mapping[int, Dims] = field(default_factory=dict)
    outputs: int | Sequence[str] = 1
    domain: str = ""

    @property
    def model(self) -> onnx.ModelProto:
        names = [f"x{i}" if x is not None else "" for i, x in enumerate(self.inputs)]
        outputs = [f"y{i}" for i in range(self.outputs)] if isinstance(self.outputs, int) else list(self.outputs)
        node = helper.make_node(
            self.op_type, names, outputs, name="node", domain=self.domain or None, **self.attributes
        )
        infos = [input_info(n, self.inputs[int(n[1:])], self.dims.get(int(n[1:]))) for n in self.run_time_inputs]
        weights = [numpy_helper.from_array(np.asarray(self.inputs[i]), f"x{i}") for i in sorted(self.constants)]
        return model_of([node], infos, [n for n in outputs if n], weights, self.opset, self.domain)

    @property
    def run_time_inputs(self) -> dict[str, Array]:
        """The arrays that the model is run on, by input name."""
        return {f"x{i}": x for i, x in enumerate(self.inputs) if x is not None and i not in self.constants}


def input_info(name: str, array: Array | None, dims: Dims | None = None) -> onnx.ValueInfoProto:
    """A graph input of the array's dtype, and of its shape or the declared ``dims``."""
    assert array is not None
    dtype = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, dtype, array.shape if dims is None else dims)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[str | onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto] = (),
    opset: int = 17,
    domain: str = "",
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """A model; outputs given by name alone have no declared type."""
    infos = [onnx.ValueInfoProto(name=o) if isinstance(o, str) else o for o in outputs]
    graph = helper.make_graph(nodes, "g", inputs, infos, weights)
    imports = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    # onnxruntime refuses the newest IR version; what a version adds is not used here.
    return helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=10)


def check(
    op_type: str,
    *inputs: Array | None,
    opset: int = 17,
    constants: Collection[int] = (),
    dims: Mapping[int, Dims] | None = None,
    outputs: int | Sequence[str] = 1,
    tolerance: str = "f32",
    domain: str = "",
    oracle: Oracle = "onnxruntime",
    **attributes: object,
) -> Module:
    """Imports a model of one node and compares it with the reference; returns the module."""
    node = OneNode(op_type, inputs, attributes, opset, constants, dims or {}, outputs, domain)
    return check_model(node.model, node.run_time_inputs, tolerance, oracle)


def check_model(
    model: onnx.ModelProto, inputs: Mapping[str, Array], tolerance: str = "f32", oracle: Oracle = "onnxruntime"
) -> Module:
    """Imports a model and compares it with the reference on ``inputs``; returns the module."""
    module = imported(model)
    expected = reference(model, inputs, oracle)
    actual = run(module, inputs)
    assert list(actual) == list(expected)
    for name, array in expected.items():
        assert_close(actual[name], array, tolerance, f"output {name}")
    return module


def imported(model: onnx.ModelProto) -> Module:
    """The module of a model, verified and carried through its text."""
    module = import_model(model)
    verify(module)
    assert round_tripped(module) == module
    return module


def round_tripped(module: Module) -> Module:
    constants = [op for f in module.functions.values() for op in f.ops if isinstance(op, tensor.Constant)]
    weights = [(op.value, op.result.name) for op in constants if not op.value.is_inline]
    names = assign_names(weights)
    return parse_module(print_module(module), {names[id(weight)]: weight.array for weight, _ in weights})


def reasons_of(model: onnx.ModelProto | OneNode) -> list[str]:
    """Why a model is refused."""
    with pytest.raises(CompileError) as caught:
        import_model(model.model if isinstance(model, OneNode) else model)
    return caught.value.reasons


def op_names(module: Module) -> list[str]:
    """The ops of the module in order, constants left out."""
    names = [op.definition.name for op in module.main.ops]
    assert all(name in DEFINITIONS for name in names)
    return [name for name in names if name != "tensor.constant"]


def reference(model: onnx.ModelProto, inputs: Mapping[str, Array], oracle: Oracle = "onnxruntime") -> dict[str, Array]:
    """The model's outputs by name, from onnxruntime, or from onnx's reference evaluator where onnxruntime cannot."""
    names = [o.name for o in model.graph.output]
    session = _session(model) if oracle == "onnxruntime" else None
    if session is not None:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))
    from onnx.reference import ReferenceEvaluator

    with np.errstate(all="ignore"):
        computed = ReferenceEvaluator(model).run(names, dict(inputs))
    return dict(zip(names, map(np.asarray, computed), strict=True))


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession | None:
    """None when onnxruntime does not know the opset or has no kernel for an operator in these dtypes."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    if versions.get("", 0) > ONNXRUNTIME_NEWEST:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    # Optimised graphs round otherwise, and the fused kernels are not the operator under test.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        return None


def floats(*shape: int, seed: int = 0, dtype: Any = np.float32) -> Array:
    """Normally distributed numbers, the same for the same seed and shape."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def positive(*shape: int, seed: int = 0, dtype: Any = np.float32) -> Array:
    """Numbers in [0.5, 2)."""
    return np.random.default_rng(seed).uniform(0.5, 2, shape).astype(dtype)


def integers(*shape: int, low: int = -5, high: int = 6, seed: int = 0, dtype: Any = np.int64) -> Array:
    """Integers in [low, high)."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def booleans(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random(shape) < 0.5
