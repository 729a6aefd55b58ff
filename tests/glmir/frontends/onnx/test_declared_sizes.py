"""Sizes that only running the model shows, where the model declares what its outputs are."""

from collections.abc import Mapping

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.glmir.frontends.onnx.harness import Array, check_model, floats, input_info, model_of

CASES: Mapping[str, tuple[str, list[Array], Mapping[str, object]]] = {
    "reshape": ("Reshape", [floats(2, 6), np.array([3, 4])], {}),
    "expand": ("Expand", [floats(2, 1), np.array([3, 1, 4])], {}),
    "fill": ("ConstantOfShape", [np.array([0, 3])], {}),
    "range": ("Range", [np.array(2), np.array(9), np.array(3)], {}),
    "resize": ("Resize", [floats(1, 1, 2, 3), floats(0), floats(0), np.array([1, 1, 4, 5])], {"mode": "linear"}),
    "slice": ("Slice", [floats(5, 4), np.array([1]), np.array([-1])], {}),
}


def declaring(name: str, shape: tuple[int, ...] | None) -> tuple[onnx.ModelProto, dict[str, Array]]:
    op_type, arrays, attributes = CASES[name]
    inputs = {f"x{i}": a for i, a in enumerate(arrays) if a.size}
    operands = [f"x{i}" if a.size else "" for i, a in enumerate(arrays)]
    node = helper.make_node(op_type, operands, ["y"], **attributes)
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, shape) if shape else "y"
    return model_of([node], [input_info(n, a) for n, a in inputs.items()], [output]), inputs


@pytest.mark.parametrize(("name", "shape"), [
    ("reshape", (3, 4)), ("expand", (3, 2, 4)), ("resize", (1, 1, 4, 5)), ("slice", (3, 4)),
])  # fmt: skip
def test_declared_sizes_are_taken(name: str, shape: tuple[int, ...]) -> None:
    module = check_model(*declaring(name, shape))
    assert module.main.outputs[0].type.shape == shape


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_declared_stays_open(name: str) -> None:
    module = check_model(*declaring(name, None))
    assert not module.main.outputs[0].type.is_static


def test_an_inner_result_does_not_take_the_size_of_an_output() -> None:
    """Only what the model declares of its outputs counts: of inner results tools keep stale shapes."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["a"]), helper.make_node("ReduceSum", ["a"], ["y"])]
    inputs = {"x": floats(2, 6), "shape": np.array([3, 4])}
    model = model_of(nodes, [input_info(n, a) for n, a in inputs.items()], ["y"])
    model.graph.value_info.append(helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, (4, 3)))
    check_model(model, inputs)
