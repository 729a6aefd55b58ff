"""Loops, held against onnxruntime."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import glmir
from glmir.backends.target import TARGETS
from glmir.errors import CompileError
from glmir.interpreter import run
from tests.backends.workers import at_border, run_artifact
from tests.tolerances import assert_close

from .building import node
from .harness import check_model, floats, imported, model_of, reasons_of, reference

X = floats(2, 3)
CONSTANTS = [
    numpy_helper.from_array(np.array(value, dtype), name)
    for name, value, dtype in (
        ("yes", True, np.bool_), ("half", 0.5, np.float32), ("four", 4.0, np.float32), ("two", 2, np.int64),
        ("two_f", 2.0, np.float32),
        ("three", 3, np.int64), ("none", 0, np.int64),
    )
]  # fmt: skip


def loop(
    nodes: Sequence[onnx.NodeProto], outputs: str, trips: str = "n", goes_on: str = "", results: str = "y"
) -> onnx.NodeProto:
    """A loop over one value, ``a``, at first the outer ``x``; the body's outputs are the condition, then others."""
    infos = [
        helper.make_tensor_value_info("step", TensorProto.INT64, []),
        helper.make_tensor_value_info("holds", TensorProto.BOOL, []),
        onnx.ValueInfoProto(name="a"),
    ]
    given = [onnx.ValueInfoProto(name=name) for name in outputs.split()]
    body = helper.make_graph(nodes, "body", infos, given)
    return helper.make_node("Loop", [trips, goes_on, "x"], results.split(), "loop", body=body)


STEPS = {
    "counted": loop([node("Identity", "holds", "more"), node("Add", "a half", "b")], "more b"),
    "uses the step": loop(
        [node("Identity", "holds", "more"), helper.make_node("Cast", ["step"], ["f"], to=1), node("Mul", "a f", "b")],
        "more b",
    ),
    "uses what is outside": loop([node("Identity", "holds", "more"), node("Mul", "a r", "b")], "more b"),
    "ends itself": loop(
        [node("ReduceMax", "a", "top", keepdims=0), node("Less", "top four", "more"), node("Add", "a half", "b")],
        "more b",
        goes_on="yes",
    ),
    "may not begin": loop([node("Identity", "holds", "more"), node("Add", "a half", "b")], "more b", goes_on="go"),
}


def proto(step: onnx.NodeProto, outputs: Sequence[str] = ("y",)) -> onnx.ModelProto:
    infos = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["k", 3]),
        helper.make_tensor_value_info("n", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
    ]
    return model_of([node("Relu", "x", "r"), step], infos, outputs, CONSTANTS)


@pytest.mark.parametrize("trips", [0, 1, 5])
@pytest.mark.parametrize("go", [True, False])
@pytest.mark.parametrize("name", STEPS)
def test_loops(name: str, go: bool, trips: int) -> None:
    check_model(proto(STEPS[name]), {"x": X, "n": np.array(trips), "go": np.array(go)})


@pytest.mark.parametrize("target", TARGETS)
def test_loops_on_targets(target: str) -> None:
    given = {"x": X, "n": np.array(3), "go": np.array(True)}
    for step in STEPS.values():
        model = proto(step)
        expected = reference(model, given, "onnxruntime")
        artifact = glmir.compile(model, target=target, precision="fp32")
        for name, array in run_artifact(artifact, given).items():
            assert_close(np.asarray(array), at_border(artifact.target, expected[name]), "f32", name)


def test_rows_of_a_known_number_of_rounds() -> None:
    nodes = [node("Identity", "holds", "more"), node("Add", "a half", "b"), node("ReduceSum", "b", "s", keepdims=0)]
    step = loop([*nodes, node("Neg", "a", "c")], "more b s c", trips="three", results="y sums rows")
    model = proto(step, ["y", "sums", "rows"])
    module = check_model(model, {"x": X, "n": np.array(0), "go": np.array(True)})
    assert [str(v.type) for v in module.main.outputs] == ["f32[k, 3]", "f32[3]", "f32[3, k, 3]"]


def test_rows_of_no_rounds() -> None:
    nodes = [
        node("Identity", "holds", "more"),
        node("Add", "a half", "b"),
        node("Neg", "a", "c"),
        node("Abs", "a", "d"),
    ]
    step = loop(nodes, "more b c d", trips="none", results="y rows others")
    # onnxruntime gives rows of an unknown shape as f32[0].
    artifact = glmir.compile(proto(step, ["y", "rows", "others"]), target="onnx", opt_level=0)
    outputs = run_artifact(artifact, {"x": X, "n": np.array(0), "go": np.array(True)})
    assert {name: array.shape for name, array in outputs.items()} == {
        "y": (2, 3),
        "rows": (0, 2, 3),
        "others": (0, 2, 3),
    }


ROWS = {
    "counted by data": loop(
        [node("Identity", "holds", "more"), node("Add", "a half", "b"), node("Neg", "a", "c")],
        "more b c", results="y z",
    ),
    "ended early": loop(
        [node("ReduceMax", "a", "top", keepdims=0), node("Less", "top two_f", "more"), node("Add", "a half", "b"),
         node("Neg", "a", "c")],
        "more b c", trips="three", goes_on="go", results="y z",
    ),
    "ended by its condition alone": loop(
        [node("ReduceMax", "a", "top", keepdims=0), node("Less", "top two_f", "more"), node("Add", "a half", "b"),
         node("ReduceSum", "a", "c", keepdims=0)],
        "more b c", trips="", goes_on="go", results="y z",
    ),
}  # fmt: skip


@pytest.mark.parametrize("trips", [1, 4])
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_a_number_of_rounds_that_data_decides(name: str, trips: int) -> None:
    check_model(proto(ROWS[name], ["y", "z"]), {"x": X, "n": np.array(trips), "go": np.array(True)})


@pytest.mark.parametrize("name", ROWS)
def test_no_round_gives_no_rows(name: str) -> None:
    # onnxruntime gives them the shape [0].
    outputs = run(imported(proto(ROWS[name], ["y", "z"])), {"x": X, "n": np.array(0), "go": np.array(False)})
    assert outputs["z"].size == 0
    assert outputs["y"].tolist() == X.tolist()


@pytest.mark.parametrize("target", TARGETS)
def test_rows_on_targets(target: str) -> None:
    given = {"x": X, "n": np.array(3), "go": np.array(True)}
    for step in ROWS.values():
        model = proto(step, ["y", "z"])
        expected = reference(model, given, "onnxruntime")
        artifact = glmir.compile(model, target=target, precision="fp32")
        for name, array in run_artifact(artifact, given).items():
            assert_close(np.asarray(array), at_border(artifact.target, expected[name]), "f32", name)


def test_a_value_keeps_the_size_that_the_model_declares() -> None:
    nodes = [
        node("Identity", "holds", "more"), node("Slice", "r step_1 next", "part"), node("Add", "a part", "b"),
        node("Unsqueeze", "step zero", "step_1"), node("Add", "step_1 one", "next"),
    ]  # fmt: skip
    step = loop([nodes[0], nodes[3], nodes[4], nodes[1], nodes[2]], "more b", trips="two")
    body = step.attribute[0].g
    for info in (body.input[2], body.output[1]):
        info.CopyFrom(helper.make_tensor_value_info(info.name, TensorProto.FLOAT, [1, 3]))
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])
    initializers = [*CONSTANTS, *(numpy_helper.from_array(np.array([i]), n) for i, n in enumerate(("zero", "one")))]
    rows = node("Concat", "x x x", "r", axis=0)
    module = check_model(model_of([rows, step], [info], ["y"], initializers), {"x": floats(1, 3)})
    assert str(module.main.outputs[0].type) == "f32[1, 3]"


GROWING = {
    "at the end": [helper.make_node("Concat", ["a", "r", "x"], ["b"], axis=0)],
    "along the last axis": [helper.make_node("Concat", ["a", "r"], ["t"], axis=-1), node("Identity", "t", "b")],
}


@pytest.mark.parametrize("trips", ["n", "three"])
@pytest.mark.parametrize("name", GROWING)
def test_a_tensor_that_only_grows(name: str, trips: str) -> None:
    model = proto(loop([node("Identity", "holds", "more"), *GROWING[name]], "more b", trips=trips))
    check_model(model, {"x": X, "n": np.array(2), "go": np.array(True)})


@pytest.mark.parametrize("name", ["doubled", "read"])
def test_a_tensor_that_changes_in_a_known_number_of_rounds(name: str) -> None:
    nodes = {
        "doubled": [helper.make_node("Concat", ["a", "a"], ["b"], axis=0)],
        "read": [node("ReduceMean", "a", "m", axes=[0]), helper.make_node("Concat", ["a", "m"], ["b"], axis=0)],
    }
    step = loop([node("Identity", "holds", "more"), *nodes[name]], "more b", trips="three")
    module = check_model(proto(step), {"x": X, "n": np.array(2), "go": np.array(True)})
    assert list(module.functions) == ["main"]


CHANGING = {
    "doubled": [helper.make_node("Concat", ["a", "a"], ["b"], axis=0)],
    "read": [node("ReduceMax", "a", "m", axes=[0]), helper.make_node("Concat", ["a", "m"], ["b"], axis=0)],
    "shorter": [node("Slice", "a one_1 many_1", "b")],
}


@pytest.mark.parametrize("name", CHANGING)
def test_a_tensor_that_changes_its_size(name: str) -> None:
    step = loop([node("Identity", "holds", "more"), *CHANGING[name]], "more b")
    model = proto(step)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array([value]), name) for name, value in (("one_1", 1), ("many_1", 99))
    )
    for trips in (0, 1):
        module = check_model(model, {"x": X, "n": np.array(trips), "go": np.array(True)})
    assert [str(v.type) for v in module.main.outputs] == ["f32[u1, 3]"]


@pytest.mark.parametrize("target", [t for t in TARGETS if t != "coreml"])
def test_a_tensor_that_changes_its_size_on_targets(target: str) -> None:
    nodes = [node("Identity", "holds", "more"), *CHANGING["read"]]
    model, given = proto(loop(nodes, "more b")), {"x": X, "n": np.array(3), "go": np.array(True)}
    artifact = glmir.compile(model, target=target, precision="fp32")
    expected = at_border(artifact.target, reference(model, given)["y"])
    assert_close(np.asarray(run_artifact(artifact, given)["y"]), expected, "f32", "y")


def test_what_is_refused() -> None:
    nodes = [node("Identity", "holds", "more"), node("ReduceMax", "a", "b", keepdims=0)]
    assert reasons_of(proto(loop(nodes, "more b"))) == [
        "node loop (Loop): a value of the loop is f32[k, 3] at first and f32[] after a round"
    ]
    model = proto(loop([nodes[0], *CHANGING["doubled"]], "more b"))
    with pytest.raises(CompileError, match="the target needs values that keep their sizes from round to round"):
        glmir.compile(model, target="coreml")
