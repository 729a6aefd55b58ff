"""Sequences and optionals, held against onnxruntime."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import glmir
from glmir.backends.target import TARGETS
from tests.backends.workers import at_border, run_artifact
from tests.tolerances import assert_close

from .building import node
from .harness import check_model, floats, imported, model_of, op_names, reasons_of, reference

X, Y = floats(3, 2), floats(3, 2, seed=1)
CONSTANTS = [
    numpy_helper.from_array(np.array(value), name)
    for name, value in (("zero", 0), ("one", 1), ("two", 2), ("last", -1), ("yes", True), ("parts", [1, 2]))
]


def proto(nodes: Sequence[onnx.NodeProto], outputs: Sequence[str] = ("z",), rows: int | str = 3) -> onnx.ModelProto:
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, 2]) for name in "xy"]
    infos.append(helper.make_tensor_value_info("n", TensorProto.INT64, []))
    infos.append(helper.make_tensor_value_info("go", TensorProto.BOOL, []))
    return model_of(nodes, infos, outputs, CONSTANTS)


def inputs(place: int = 1) -> dict[str, np.ndarray]:
    return {"x": X, "y": Y, "n": np.array(place), "go": np.array(True)}


@pytest.mark.parametrize("position", ["", " zero", " one", " last"])
def test_insert_erase_and_length(position: str) -> None:
    nodes = [
        node("SequenceConstruct", "x y", "s"),
        node("SequenceInsert", f"s q{position}", "t"),
        node("SequenceErase", f"t{position}", "u"),
        node("ConcatFromSequence", "t", "z", axis=0),
        node("ConcatFromSequence", "u", "w", axis=-1, new_axis=1),
        node("SequenceLength", "u", "count"),
    ]
    check_model(proto([node("Neg", "x", "q"), *nodes], ["z", "w", "count"]), inputs())


@pytest.mark.parametrize(("given", "attributes"), [
    ("x", {}), ("x", {"keepdims": 0}), ("x", {"axis": -1, "keepdims": 0}), ("x parts", {}), ("x two", {}),
    ("x one", {"axis": 1}),
])  # fmt: skip
def test_split(given: str, attributes: dict[str, int]) -> None:
    nodes = [node("SplitToSequence", given, "s", **attributes), node("SequenceAt", "s last", "z")]
    check_model(proto(nodes), inputs())


def test_an_unknown_number_of_elements() -> None:
    nodes = [
        node("SplitToSequence", "x", "s", keepdims=0),
        node("SequenceAt", "s n", "z"),
        node("SequenceErase", "s zero", "t"),
        node("ConcatFromSequence", "t", "w", axis=1, new_axis=1),
        node("SplitToSequence", "x", "v"),
        node("ConcatFromSequence", "v", "u", axis=1),
        node("SequenceLength", "s", "count"),
    ]
    check_model(proto(nodes, ["z", "w", "u", "count"], rows="k"), inputs())


def test_an_element_that_data_chooses() -> None:
    check_model(proto([node("SequenceConstruct", "x y", "s"), node("SequenceAt", "s n", "z")]), inputs())
    other = [node("Transpose", "y", "t"), node("SequenceConstruct", "x t", "s"), node("SequenceAt", "s n", "z")]
    assert "its elements differ" in reasons_of(proto(other))[0]


def collecting(trips: str, appended: Sequence[str] = ("b",), condition: str = "Identity") -> list[onnx.NodeProto]:
    """A loop that appends to a sequence, which is concatenated then."""
    sequence = [helper.make_tensor_sequence_value_info(name, TensorProto.FLOAT, None) for name in ("s", "out")]
    nodes = [node("Add", "a y", "b"), node("ReduceMax", "a", "top", keepdims=0)]
    nodes.append(node("Identity", "holds", "more") if condition == "Identity" else node("Less", "top five", "more"))
    names = ["s", *(f"s{i}" for i in range(len(appended) - 1)), "out"]
    for before, after, element in zip(names[:-1], names[1:], appended, strict=True):
        nodes.append(node("SequenceInsert", f"{before} {element}", after))
    infos = [
        helper.make_tensor_value_info("step", TensorProto.INT64, []),
        helper.make_tensor_value_info("holds", TensorProto.BOOL, []), sequence[0], onnx.ValueInfoProto(name="a"),
    ]  # fmt: skip
    given = [helper.make_tensor_value_info("more", TensorProto.BOOL, []), sequence[1], onnx.ValueInfoProto(name="b")]
    body = helper.make_graph(nodes, "body", infos, given, [numpy_helper.from_array(np.float32(5), "five")])
    return [
        node("SequenceConstruct", "x", "first"),
        node("Loop", f"{trips} yes first x", "all after", "loop", body=body),
        node("ConcatFromSequence", "all", "z", axis=1),
    ]


@pytest.mark.parametrize(("trips", "condition"), [("two", "Identity"), ("n", "Identity"), ("two", "Less")])
@pytest.mark.parametrize("appended", [("b",), ("b", "a")])
def test_a_loop_that_collects(trips: str, condition: str, appended: tuple[str, ...]) -> None:
    check_model(proto(collecting(trips, appended, condition)), inputs(3))


@pytest.mark.parametrize("target", TARGETS)
def test_a_loop_that_collects_on_targets(target: str) -> None:
    model, given = proto(collecting("n")), inputs(3)
    artifact = glmir.compile(model, target=target, precision="fp32")
    expected = at_border(artifact.target, reference(model, given)["z"])
    assert_close(np.asarray(run_artifact(artifact, given)["z"]), expected, "f32", "z")


def test_branches_that_give_sequences() -> None:
    def branch(*elements: str) -> onnx.GraphProto:
        output = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node("SequenceConstruct", elements, ["s"])], "b", [], [output])

    choose = node("If", "go", "s", "if", then_branch=branch("x", "y"), else_branch=branch("y", "y"))
    check_model(proto([choose, node("ConcatFromSequence", "s", "z", axis=0)]), inputs())
    choose = node("If", "go", "s", "if", then_branch=branch("x", "y"), else_branch=branch("y"))
    assert reasons_of(proto([choose, node("ConcatFromSequence", "s", "z", axis=0)])) == [
        "node if (If): a result is a sequence of 2 if its condition holds, and a sequence of 1 if not"
    ]


def test_sequence_map() -> None:
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("e", "f")]
    output = helper.make_tensor_value_info("g", TensorProto.FLOAT, None)
    body = helper.make_graph([node("Mul", "e f", "g")], "body", infos, [output])
    nodes = [
        node("SequenceConstruct", "x y", "s"),
        node("SequenceMap", "s x", "t", body=body),
        node("ConcatFromSequence", "t", "z", axis=0),
    ]
    check_model(proto(nodes), inputs())


def test_optionals_fold_away() -> None:
    nodes = [
        node("Optional", "x", "o"),
        node("OptionalHasElement", "o", "has"),
        node("OptionalGetElement", "o", "e"),
        node("Neg", "e", "z"),
    ]
    module = imported(proto(nodes, ["z", "has"]))
    assert op_names(module) == ["math.neg"]
    nothing = helper.make_node("Optional", [], ["o"], type=helper.make_tensor_type_proto(TensorProto.FLOAT, [2]))
    module = imported(proto([nothing, node("OptionalHasElement", "o", "has")], ["has"]))
    assert op_names(module) == []
    assert reasons_of(proto([nothing, node("OptionalGetElement", "o", "z")])) == [
        "node z (OptionalGetElement): the optional holds nothing"
    ]


def test_an_optional_input_is_a_tensor() -> None:
    type_ = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [2]))
    model = model_of([node("OptionalGetElement", "x", "e"), node("Neg", "e", "z")], [], ["z"])
    model.graph.input.append(helper.make_value_info("x", type_))
    assert [str(v.type) for v in imported(model).main.inputs] == ["f32[2]"]


def test_what_is_refused() -> None:
    assert reasons_of(proto([node("SequenceConstruct", "x y", "z")])) == [
        "output z: it is a sequence of 2; only tensors can be compiled: make it one with ConcatFromSequence or name "
        "its elements by SequenceAt"
    ]
    assert reasons_of(proto([node("SequenceConstruct", "x y", "s"), node("Neg", "s", "z")])) == [
        "node z (Neg): a tensor is needed, but operand 0 is a sequence of 2"
    ]
    assert reasons_of(proto([node("SequenceLength", "x", "z")])) == [
        "node z (SequenceLength): input 0 is f32[3, 2], not a sequence"
    ]
