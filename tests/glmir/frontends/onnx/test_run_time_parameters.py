"""Axes, pads, bounds, repeats and counts that are inputs of the model: what it declares of its outputs tells them."""

from collections.abc import Mapping

import numpy as np
import pytest
from onnx import TensorProto, helper

from glmir.errors import CompileError
from glmir.frontends.onnx.importer import import_model
from glmir.interpreter import run
from glmir.ops import math
from glmir.types import DType, TensorType
from tests.glmir.frontends.onnx.harness import (
    Array,
    OneNode,
    check,
    check_model,
    floats,
    imported,
    input_info,
    integers,
    model_of,
    op_names,
    reasons_of,
    reference,
)


def ints(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


Case = tuple[str, list[Array | None], Mapping[str, object]]

CASES: Mapping[str, Case] = {
    "sum, one of two axes": ("ReduceSum", [floats(3, 3, 2), ints(-3)], {"keepdims": 0}),
    "max, kept": ("ReduceMax", [floats(3, 4), ints(1)], {}),
    "norm beside an axis of one": ("ReduceL2", [floats(3, 1, 3), ints(0, 1)], {"keepdims": 0}),
    "mean of an axis of one": ("ReduceMean", [floats(1, 4), ints(0)], {}),
    "no axes mean all": ("ReduceProd", [floats(2, 3), ints()], {}),
    "no axes mean none": ("ReduceL1", [floats(2, 3), ints()], {"noop_with_empty_axes": 1}),
    "running sum": ("CumSum", [floats(3, 4, 2), np.array(-2)], {"exclusive": 1, "reverse": 1}),
    "squeeze": ("Squeeze", [floats(1, 3, 1, 4), ints(-2)], {}),
    "unsqueeze": ("Unsqueeze", [floats(3, 4), ints(3, 0)], {}),
    "split": ("Split", [floats(5, 2), ints(3, 0, 2)], {"axis": 0}),
    "tile": ("Tile", [floats(2, 3), ints(2, 3)], {}),
    "one hot": ("OneHot", [integers(2, 3, low=-4, high=4), np.array([4]), floats(2)], {"axis": 1}),
    "upper triangle": ("Trilu", [floats(2, 4, 5), np.array(-1)], {}),
    "lower triangle": ("Trilu", [integers(4, 5), np.array(2)], {"upper": 0}),
    "largest": ("TopK", [floats(3, 6), ints(2)], {"axis": 0}),
    "slice": ("Slice", [floats(5, 6, 2), ints(-1, 1), ints(-100, 5), ints(1, 0), ints(-2, 3)], {}),
    "slice along axes": ("Slice", [floats(5, 6), ints(1), ints(100), ints(-1)], {}),
    "pad": ("Pad", [floats(4, 5), ints(2, -1, -1, 3), np.array(1.5, np.float32)], {}),
    "pad axes": ("Pad", [floats(4, 5, 2), ints(1, 2, 3, 0), None, ints(-1, 0)], {}),
    "pad the edge": ("Pad", [floats(4, 3), ints(2, 0, 1, 4)], {"mode": "edge"}),
    "pad mirrored": ("Pad", [floats(4, 3), ints(3, 2, 1, 0)], {"mode": "reflect"}),
    "pad repeated": ("Pad", [floats(4, 3), ints(3, 2, 1, 0)], {"mode": "wrap"}),
    "pad nothing": ("Pad", [floats(0, 3), ints(1, 0, 1, 1)], {}),
    "cut and pad": ("CenterCropPad", [floats(7, 4, 2), ints(4, 7)], {"axes": [0, -2]}),
}


def made(case: Case, dims: Mapping[int, list[str]] | None = None) -> tuple[OneNode, list[Array]]:
    op_type, arrays, attributes = case
    count = len(arrays[1]) if op_type == "Split" and arrays[1] is not None else 2 if op_type == "TopK" else 1
    node = OneNode(op_type, arrays, attributes, opset=21, outputs=count, dims=dims or {})
    return node, list(reference(node.model, node.run_time_inputs).values())


@pytest.mark.parametrize("name", CASES)
def test_what_is_declared_decides(name: str) -> None:
    node, expected = made(CASES[name])
    model = node.model
    for info, array in zip(model.graph.output, expected, strict=True):
        info.CopyFrom(input_info(info.name, array))
    module = check_model(model, node.run_time_inputs)
    assert [v.type.shape for v in module.main.outputs] == [a.shape for a in expected]


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"max, kept", "mean of an axis of one", "squeeze", "unsqueeze"}))
def test_other_sizes_stay_open(name: str) -> None:
    op_type, arrays, attributes = CASES[name]
    if op_type.startswith("Reduce"):
        arrays = [floats(2, 2), ints(-1) if arrays[1] is not None and arrays[1].size else ints()]
    node, _ = made((op_type, arrays, attributes))
    check_model(node.model, node.run_time_inputs)


@pytest.mark.parametrize("name", ["squeeze", "upper triangle", "slice", "pad", "pad mirrored", "cut and pad", "tile"])
def test_symbolic_operands(name: str) -> None:
    x = CASES[name][1][0]
    assert x is not None
    node, expected = made(CASES[name], dims={0: [f"d{i}" for i in range(x.ndim)]})
    model = node.model
    model.graph.output[0].CopyFrom(input_info("y0", expected[0]))
    check_model(model, node.run_time_inputs)


def test_one_set_of_axes_is_not_picked() -> None:
    model = OneNode("ReduceSum", [floats(3, 4), ints(1)], opset=13).model
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y0", TensorProto.FLOAT, [3, 1]))
    assert op_names(imported(model)) == ["math.reduce_sum"]


def test_declared_shapes_reach_into_functions() -> None:
    nodes = [
        helper.make_node("ReduceSum", ["x", "axes"], ["a"], keepdims=0),
        helper.make_node("CastLike", ["a", "x"], ["b"]),
        helper.make_node("Sqrt", ["b"], ["c"]),
    ]
    function = helper.make_function("own", "F", ["x", "axes"], ["c"], nodes, [helper.make_opsetid("", 17)])
    inputs = {"x": np.abs(floats(2, 3)), "axes": ints(0)}
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])]
    call = helper.make_node("F", ["x", "axes"], ["y"], domain="own")
    infos = [input_info(n, a) for n, a in inputs.items()]
    module = check_model(model_of([call], infos, outputs, domain="own", functions=[function]), inputs)
    assert not any(isinstance(op, math.Select) for op in module.main.ops)


def test_pinned_inputs_need_no_declaration() -> None:
    model = OneNode("Unsqueeze", [floats(2, 3), ints(1)]).model
    module = import_model(model, pin=lambda inputs: {"x1": ints(1)})
    assert module.main.outputs[0].type.shape == (2, 1, 3)


def test_other_sizes_than_the_declared_ones_make_the_declared_output_void() -> None:
    model = OneNode("ReduceSum", [floats(3, 4), ints(1)], {"keepdims": 0}, opset=13).model
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y0", TensorProto.FLOAT, [3]))
    with pytest.raises(CompileError, match="--input x1="):
        import_model(model, specialize=lambda types: {**types, "x0": TensorType(DType.F32, (4, 3))})


def test_what_is_left_open_is_refused() -> None:
    assert "--input x1=" in reasons_of(OneNode("ReduceSum", [floats(2, 3), ints(1)], opset=13))[0]
    assert "--input x1=" in reasons_of(OneNode("Unsqueeze", [floats(2, 3), ints(1)]))[0]
    model = OneNode("ReduceSum", [floats(2, 3), ints(1)], opset=13).model
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y0", TensorProto.FLOAT, [5, 5]))
    assert "no axes give" in reasons_of(model)[0]


def test_of_no_elements_the_largest_is_the_least_number() -> None:
    for op_type, expected in {"ReduceMax": -np.inf, "ReduceMin": np.inf}.items():
        node = OneNode(op_type, [floats(2, 0), ints(1)], constants=[1], opset=18)
        (y,) = run(imported(node.model), node.run_time_inputs).values()
        assert y.tolist() == [[expected], [expected]]


def test_range_of_pads_is_checked() -> None:
    assert "4 amounts" in reasons_of(OneNode("Pad", [floats(2, 3), ints(1, 1)]))[0]
    check("Pad", floats(2, 3), ints(0, 0, 0, 0), constants=[1])
