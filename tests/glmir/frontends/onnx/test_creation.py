"""ONNX's operators that create tensors, against onnxruntime."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.glmir.frontends.onnx.harness import (
    Array,
    OneNode,
    check,
    check_model,
    floats,
    input_info,
    model_of,
    op_names,
    reasons_of,
)


@pytest.mark.parametrize(
    "attributes",
    [
        {"value": numpy_helper.from_array(floats(2, 3))},
        {"value": numpy_helper.from_array(np.array(7))},
        {"value_float": 0.1},
        {"value_floats": [0.1, 2.5]},
        {"value_int": 7},
        {"value_ints": [7, 8]},
    ],
)
def test_constant(attributes: Mapping[str, Any]) -> None:
    check("Constant", opset=13, tolerance="exact", **attributes)


@pytest.mark.parametrize("attributes", [{"value_string": "a"}, {"value_strings": ["a", "b"]}])
def test_constants_of_strings_are_refused(attributes: Mapping[str, Any]) -> None:
    assert "value_string" in reasons_of(OneNode("Constant", [], attributes, opset=13))[0]


def test_constant_tensors_of_strings_are_refused() -> None:
    strings = helper.make_tensor("t", TensorProto.STRING, [1], [b"a"])
    assert "strings" in reasons_of(OneNode("Constant", [], {"value": strings}, opset=13))[0]


@pytest.mark.parametrize("shape", [(2, 3), (), (0, 2), (40, 50)])
@pytest.mark.parametrize("value", [None, np.array([1.5], np.float32), np.array([7]), np.array([True])])
def test_constant_of_shape(shape: tuple[int, ...], value: Array | None) -> None:
    attributes = {} if value is None else {"value": numpy_helper.from_array(value)}
    operand = np.array(shape, np.int64)
    for opset in (9, 20):
        check("ConstantOfShape", operand, opset=opset, constants=[0], **attributes)
    if shape:
        check("ConstantOfShape", operand, **attributes)


def test_constant_of_a_symbolic_shape() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("ConstantOfShape", ["s"], ["y"]),
    ]
    x = floats(2, 3)
    module = check_model(model_of(nodes, [input_info("x", x, ["n", 3])], ["y"]), {"x": x})
    assert str(module.main.outputs[0].type) == "f32[n, 3]"


RANGES = [
    (np.array(0), np.array(7), np.array(2)),
    (np.array(5), np.array(-3), np.array(-2)),
    (np.array(5), np.array(3), np.array(1)),
    (np.array(1, np.int32), np.array(6, np.int32), np.array(1, np.int32)),
    (np.array(0, np.float32), np.array(1, np.float32), np.array(0.3, np.float32)),
    (np.array(0, np.float32), np.array(1, np.float32), np.array(0.1, np.float32)),
]


@pytest.mark.parametrize("operands", RANGES)
@pytest.mark.parametrize("constants", [(0, 1, 2), (0, 2), ()])
def test_range(operands: tuple[Array, ...], constants: tuple[int, ...]) -> None:
    check("Range", *operands, opset=11, constants=constants)


def test_range_over_a_symbolic_dim() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Range", ["zero", "n", "one"], ["y"]),
        helper.make_node("Range", ["n", "zero", "back"], ["z"]),
    ]
    weights = [numpy_helper.from_array(np.array(v), k) for k, v in (("zero", 0), ("one", 1), ("back", -2))]
    x = floats(5)
    module = check_model(model_of(nodes, [input_info("x", x, ["n"])], ["y", "z"], weights), {"x": x})
    assert [str(v.type) for v in module.main.outputs] == ["i64[n]", "i64[(n + 1) // 2]"]


def test_a_range_of_no_step_is_refused() -> None:
    assert "delta is 0" in reasons_of(OneNode("Range", [np.array(0)] * 3, constants=[0, 1, 2]))[0]


@pytest.mark.parametrize("k", [-2, 0, 1])
@pytest.mark.parametrize("attributes", [{}, {"dtype": TensorProto.INT64}])
def test_eye_like(k: int, attributes: dict[str, int]) -> None:
    check("EyeLike", floats(3, 4), opset=9, k=k, **attributes)
    check("EyeLike", floats(3, 4), opset=9, k=k, dims={0: ["n", "m"]}, **attributes)


def test_constants_of_one_value_vanish_into_the_shape_they_make() -> None:
    module = check("ConstantOfShape", np.array([3]), constants=[0])
    assert op_names(module) == []
