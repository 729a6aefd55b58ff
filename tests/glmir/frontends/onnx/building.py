"""Small ONNX models for the tests, and what loading them says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from glmir.errors import CompileError, InputError
from glmir.frontends.onnx.loading import LoadedModel, load_graph

Array = npt.NDArray[np.generic]


def value(name: str, shape: Sequence[int] = (4,), dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op: str, inputs: str, outputs: str, name: str = "", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), name=name, **attributes)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    initializers: Sequence[onnx.TensorProto] = (),
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
    opsets: Sequence[tuple[str, int]] = (("", 17),),
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "g", [value(i) for i in inputs], [value(o) for o in outputs], initializers)
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
    return helper.make_model(graph, opset_imports=imports, functions=functions, producer_name="maker")


def model_with(tensor: onnx.TensorProto) -> onnx.ModelProto:
    tensor.name = "w"
    return model_of([node("Add", "x w", "y", "add")], [tensor])


def floats(name: str, count: int = 4) -> onnx.TensorProto:
    return numpy_helper.from_array(np.arange(count, dtype=np.float32), name)


def constant_of(model: LoadedModel, place: int = 0) -> Array:
    return model.tensor_array(model.graph.nodes[place].inputs[1])


def reasons_of(model: onnx.ModelProto | bytes) -> list[str]:
    with pytest.raises(CompileError) as caught:
        load_graph(model)
    return caught.value.reasons


def refusal_of(source: str | Path | bytes | onnx.ModelProto) -> str:
    with pytest.raises(InputError) as caught:
        load_graph(source)
    assert caught.value.exit_code == 2
    return str(caught.value)


def if_node(
    then_nodes: Sequence[onnx.NodeProto], output: str, initializers: Sequence[TensorProto] = ()
) -> onnx.NodeProto:
    """An If on `flag` that writes `y`; its else branch negates `x`."""
    then_branch = helper.make_graph(then_nodes, "t", [], [value(output)], initializers)
    else_branch = helper.make_graph([node("Neg", "x", "neg")], "e", [], [value("neg")])
    return node("If", "flag", "y", "if", then_branch=then_branch, else_branch=else_branch)
