"""Graphs that contradict themselves get one clear sentence each; the others come out sorted and resolved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from glmir.errors import CompileError
from glmir.frontends.onnx.loading import load_graph
from tests.glmir.frontends.onnx.building import (
    constant_of,
    floats,
    if_node,
    model_of,
    model_with,
    node,
    reasons_of,
)

# ---- graphs that contradict themselves


def test_cycle_names_its_nodes() -> None:
    nodes = [node("Add", "x c", "a", "first"), node("Neg", "a", "b", "second"), node("Neg", "b", "c", "third")]
    reasons = reasons_of(model_of([node("Relu", "x", "y", "fine"), *nodes, node("Neg", "c", "d", "after")]))
    assert len(reasons) == 1
    assert all(name in reasons[0] for name in ("cycle", "'first'", "'second'", "'third'"))
    assert "'fine'" not in reasons[0]
    assert "'after'" not in reasons[0]


def test_cycle_through_a_subgraph() -> None:
    model = model_of([if_node([node("Neg", "y", "t")], "t")], inputs=("x", "flag"))
    assert reasons_of(model) == ["The graph has a cycle through Node 'if' (If)."]


def test_all_reasons_come_together() -> None:
    model = model_of([node("Add", "x ghost", "y", "add"), node("Neg", "x", "y")], outputs=("y", "z"))
    with pytest.raises(CompileError) as caught:
        load_graph(model)
    assert caught.value.reasons == [
        "The Neg node that writes 'y' writes 'y', but Node 'add' (Add) writes it too.",
        "Nothing writes the output 'z' of the graph.",
        "Node 'add' (Add) reads 'ghost', which no node, input or initializer defines.",
    ]
    assert "3 reasons" in str(caught.value)
    assert caught.value.exit_code == 1


def test_names() -> None:
    relu = node("Relu", "x", "y")
    assert reasons_of(model_of([relu], inputs=("x", "x"))) == ["Two inputs are named 'x'."]
    assert reasons_of(model_of([relu], outputs=())) == ["The graph has no outputs."]
    assert reasons_of(model_of([relu], [floats("w"), floats("w")])) == ["Two initializers are named 'w'."]
    assert "is named" in reasons_of(model_of([relu], [floats("y")]))[0]
    assert "it too" in reasons_of(model_of([node("Split", "x", "y y")]))[0]


def test_initializers_may_be_inputs() -> None:
    loaded = load_graph(model_of([node("Add", "x w", "y")], [floats("w")], inputs=("x", "w")))
    assert [tensor.name for tensor in loaded.graph.inputs] == ["x"]


@pytest.mark.parametrize(
    ("opsets", "sentence"),
    [
        ((), "imports no opset"),
        ((("", 0),), "uses opset 0; the oldest that can be read is 1"),
        ((("", 999),), "uses opset 999; the newest"),
    ],
)
def test_opsets(opsets: Sequence[tuple[str, int]], sentence: str) -> None:
    model = model_of([node("Relu", "x", "y")], opsets=opsets or (("", 17),))
    if not opsets:
        del model.opset_import[:]
    assert sentence in reasons_of(model)[0]


def test_what_the_model_leaves_open_is_told() -> None:
    relu = node("Relu", "x", "y")
    model = load_graph(model_of([relu], opsets=(("", 17), ("ai.onnx", 18))))
    assert model.opsets == {"": 18}
    assert model.warnings == ("the model imports the opset '' as versions 17 and 18; the last is taken",)
    model = load_graph(model_of([relu], opsets=(("com.microsoft", 1),)))
    assert model.opsets == {"": onnx.defs.onnx_opset_version(), "com.microsoft": 1}
    assert "imports no opset of it" in model.warnings[0]
    model = load_graph(model_of([relu], outputs=("y", "y")))
    assert [t.name for t in model.graph.outputs] == ["y", "y.1"]
    assert model.warnings == ("the output 'y' is listed twice; the second is called 'y.1'",)


def broken(**fields: object) -> onnx.TensorProto:
    return TensorProto(**fields)


@pytest.mark.parametrize(
    ("tensor", "sentence"),
    [
        (broken(dims=[5], data_type=1, raw_data=bytes(16)), "dimensions [5], which take 20 bytes, but holds 16"),
        (broken(dims=[5], data_type=1, raw_data=bytes(2000)), "which take 20 bytes, but holds 2000"),
        (broken(dims=[2], data_type=1, float_data=[1]), "which take 2 entries of float_data, but holds 1"),
        (broken(dims=[-1], data_type=1), "negative dimension"),
        (broken(dims=[2**40, 2**40], data_type=1), "more than can be addressed"),
        (broken(dims=[0, 2**62], data_type=1), "more than can be addressed"),
        (broken(dims=[1] * 65, data_type=1, raw_data=bytes(4)), "more than can be addressed"),
        (broken(dims=[1], data_type=77, raw_data=bytes(4)), "data type 77"),
        (broken(dims=[1], raw_data=bytes(4)), "data type UNDEFINED"),
        (broken(dims=[1], data_type=1, raw_data=bytes(4), float_data=[1]), "twice"),
        (broken(dims=[1], data_type=1, raw_data=bytes(4), segment=TensorProto.Segment(begin=0, end=4)), "segments"),
    ],
)
def test_broken_tensors(tensor: onnx.TensorProto, sentence: str) -> None:
    for source in (model_with(tensor), model_with(tensor).SerializeToString()):
        (reason,) = reasons_of(source)
        assert sentence in reason
        assert reason.startswith("Initializer 'w' ")


def test_broken_constant_node_is_named() -> None:
    model = model_of([node("Constant", "", "y", "c", value=broken(dims=[5], data_type=1, raw_data=bytes(16)))])
    assert "The attribute 'value' of node 'c' (Constant) has the dimensions [5]" in reasons_of(model)[0]


def sparse(indices: Sequence[object], dims: Sequence[int], values: Sequence[float] = (5,)) -> onnx.SparseTensorProto:
    elements = numpy_helper.from_array(np.array(values, np.float32), "w")
    return helper.make_sparse_tensor(elements, numpy_helper.from_array(np.array(indices, np.int64)), dims)


def sparse_initializer(tensor: onnx.SparseTensorProto) -> onnx.ModelProto:
    model = model_of([node("Add", "x w", "y")])
    model.graph.sparse_initializer.append(tensor)
    return model


def sparse_constant(tensor: onnx.SparseTensorProto) -> onnx.ModelProto:
    return model_of([node("Constant", "", "w", "c", sparse_value=tensor), node("Add", "x w", "y")])


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (sparse([2], [4]), [0, 0, 5, 0]),
        (sparse([3, 1], [4], [5, 6]), [0, 6, 0, 5]),
        (sparse([3, 1], [2, 2], [5, 6]), [[0, 6], [0, 5]]),
        (sparse([[1, 1], [0, 1]], [2, 2], [5, 6]), [[0, 6], [0, 5]]),
        (sparse([], [2, 2], []), [[0, 0], [0, 0]]),
    ],
)
def test_sparse_tensors_are_spelled_out(tensor: onnx.SparseTensorProto, expected: Sequence[object]) -> None:
    loaded = load_graph(sparse_initializer(tensor).SerializeToString())
    np.testing.assert_array_equal(constant_of(loaded), np.array(expected, np.float32))
    constant, _ = load_graph(sparse_constant(tensor)).graph.nodes
    np.testing.assert_array_equal(loaded.tensor_array(constant.attrs["value"]), np.array(expected, np.float32))


@pytest.mark.parametrize(
    ("tensor", "sentence"),
    [
        (sparse([4], [4]), "an index lies outside"),
        (sparse([[0, -1]], [2, 2]), "an index lies outside"),
        (sparse([1, 2], [4]), "with 1 values, but its indices have the dimensions [2]"),
        (sparse([1], [2**20, 2**20]), "are not supported"),
    ],
)
def test_broken_sparse_tensors(tensor: onnx.SparseTensorProto, sentence: str) -> None:
    for model, who in (
        (sparse_initializer(tensor), "Initializer 'w' "),
        (sparse_constant(tensor), "The attribute 'sparse_value' of node 'c' (Constant) "),
    ):
        (reason,) = reasons_of(model)
        assert sentence in reason
        assert reason.startswith(who)


def test_unknown_type_of_an_input() -> None:
    model = model_of([node("Relu", "x", "y")])
    model.graph.input[0].type.tensor_type.elem_type = 99
    assert reasons_of(model) == ["Tensor 'x' has the unknown data type 99."]


# ---- order, subgraphs, functions


def test_nodes_are_sorted_stably() -> None:
    edges = {"n3": ("b", "y"), "n1": ("x", "a"), "n0": ("x", "u"), "n2": ("a", "b")}
    nodes = [node("Neg", *edge, name) for name, edge in edges.items()]
    model = model_of(nodes, outputs=("y", "u"))
    before = model.SerializeToString()
    for source in (model, before):
        assert [n.name for n in load_graph(source).graph.nodes] == ["n1", "n0", "n2", "n3"]
    assert model.SerializeToString() == before


def test_subgraph_captures_are_sorted_and_resolved() -> None:
    branch = [node("Neg", "m", "t", "inner2"), node("Add", "late w", "m", "inner1")]
    model = model_of([if_node(branch, "t"), node("Neg", "x", "late", "late")], [floats("w")], inputs=("x", "flag"))
    loaded = load_graph(model)
    late, conditional = loaded.graph.nodes
    inner = conditional.attrs["then_branch"].nodes
    assert (late.name, [n.name for n in inner]) == ("late", ["inner1", "inner2"])
    assert inner[0].inputs[0] is late.outputs[0]
    np.testing.assert_array_equal(loaded.tensor_array(inner[0].inputs[1]), np.arange(4, dtype=np.float32))


def test_subgraph_problems_say_where() -> None:
    model = model_of([if_node([node("Neg", "ghost", "t", "inner")], "t")], inputs=("x", "flag"))
    assert reasons_of(model) == [
        "Node 'inner' (Neg) in then_branch of node 'if' (If) reads 'ghost', "
        "which no node, input or initializer defines."
    ]
    model = model_of([if_node([node("Neg", "x", "t")], "ghost")], inputs=("x", "flag"))
    assert "Nothing writes the output 'ghost' of the graph in then_branch of node 'if' (If)" in reasons_of(model)[0]


def test_subgraph_initializer_may_shadow_an_outer_name() -> None:
    own = numpy_helper.from_array(np.full(4, 9, np.float32), "w")
    branch = if_node([node("Add", "x w", "t")], "t", [own])
    model = model_of([node("Add", "x w", "o"), branch], [floats("w")], inputs=("x", "flag"))
    before = model.SerializeToString()
    loaded = load_graph(model)
    inner = loaded.graph.nodes[1].attrs["then_branch"].nodes[0].inputs[1]
    np.testing.assert_array_equal(loaded.tensor_array(inner), np.full(4, 9, np.float32))
    np.testing.assert_array_equal(constant_of(loaded), np.arange(4, dtype=np.float32))
    assert model.SerializeToString() == before


def function(name: str, nodes: Sequence[onnx.NodeProto]) -> onnx.FunctionProto:
    return helper.make_function("local", name, ["p"], ["q"], nodes, [helper.make_opsetid("", 17)])


def test_functions() -> None:
    weight = numpy_helper.from_array(np.arange(1000, dtype=np.float32))
    body = [node("Add", "p c", "q"), node("Constant", "", "c", value=weight)]
    calls = [helper.make_node("Twice", ["x"], ["y"], domain="local")]
    data = model_of(calls, functions=[function("Twice", body)], opsets=(("", 17), ("local", 1))).SerializeToString()
    loaded = load_graph(data)
    twice = loaded.functions["local", "Twice"]
    assert [n.op for n in twice.nodes] == ["Constant", "Add"]
    assert loaded.tensor_array(twice.nodes[0].attrs["value"]).base is data


def test_function_problems() -> None:
    def call(name: str) -> onnx.NodeProto:
        return helper.make_node(name, ["p"], ["q"], domain="local")

    functions = [function("A", [call("B")]), function("B", [call("A")]), function("C", [node("Add", "p ghost", "q")])]
    reasons = reasons_of(model_of([node("Relu", "x", "y")], functions=functions))
    assert "call each other in a circle" in reasons[0]
    assert reasons[1].startswith("The Add node that writes 'q' in function 'C' reads 'ghost'")
