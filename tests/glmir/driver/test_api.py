"""glmir.compile, and what artifacts compute for inputs and outputs of every kind."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from onnx import TensorProto, helper

import glmir
from glmir import interpreter
from glmir.driver.inputs import parse_plain_type
from glmir.errors import CompileError, InputError
from glmir.ir import Module
from glmir.parser import parse_module, parse_type
from glmir.printer import print_module
from glmir.types import Array
from tests.tolerances import assert_close

from .commands import DIGITS, conv_model, model, relu_model, saved, tensor

X = np.arange(-3, 3, dtype=np.float32).reshape(2, 3)


def test_a_file_is_compiled_run_and_saved(tmp_path: Path) -> None:
    artifact = glmir.compile(DIGITS, target="tflite", opt_level=2)
    image = np.random.default_rng(0).standard_normal((5, 1, 8, 8)).astype(np.float32)
    outputs = artifact.run({"image": image})
    assert_close(
        outputs["probabilities"], interpreter.run(glmir.load(DIGITS), {"image": image})["probabilities"], "model"
    )
    path = artifact.save(tmp_path / "digits.tflite")
    assert path.read_bytes() == artifact.to_bytes() == bytes(artifact)
    assert list(artifact.module.functions) == ["main"]


def test_every_form_of_source_gives_the_same(tmp_path: Path) -> None:
    proto = relu_model()
    path = saved(tmp_path / "m.onnx", proto)
    before = proto.SerializeToString()
    sources = (str(path), path, path.read_bytes(), proto, glmir.load(path))
    artifacts = [bytes(glmir.compile(source)) for source in sources]
    assert all(artifact == artifacts[0] for artifact in artifacts)
    assert proto.SerializeToString() == before


def test_a_module_is_not_altered() -> None:
    module = glmir.load(DIGITS)
    text = print_module(module)
    glmir.compile(module, dims={"n": 1}, io_layout="nhwc")
    assert print_module(module) == text


def test_a_clone_is_equal_and_apart() -> None:
    module = glmir.load(DIGITS)
    clone = module.clone()
    assert clone == module
    assert not set(clone.main.values()) & set(module.main.values())
    clone.main.inputs[0].name = "other"
    assert clone != module


@pytest.mark.parametrize(
    "inputs",
    [
        {"x": "f32[2, 3]", "sr": 16000},
        {"x": "f32[2, 3]", "sr": np.float32(16000)},
        {"x": "f32[2, 3]", "sr": np.array([16000])},
        {"x": "f32[2, 3]", "sr": "16000"},
        ["f32[2, 3]", 16000],
        ["f32[2, 3]", "sr=16000"],
        ["f32[2, 3]", [16000.0]],
    ],
    ids=str,
)
def test_inputs_are_typed_and_pinned(inputs: "Mapping[str, object] | list[object]") -> None:
    nodes = [helper.make_node("Mul", ["x", "sr"], ["y"])]
    artifact = glmir.compile(model(nodes, [tensor("x", "n", 3), tensor("sr", 1)], ["y"]), inputs=inputs)
    assert [str(v.type) for v in artifact.module.main.inputs] == ["f32[2, 3]"]
    np.testing.assert_array_equal(artifact.run({"x": X})["y"], X * 16000)


def test_a_pinned_input_may_say_which_axes() -> None:
    """What the frontend must know when it reads the model, a pinned input can tell."""
    node = helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)
    source = model([node], [tensor("x", 2, 3), tensor("axes", 1, dtype=TensorProto.INT64)], ["y"])
    with pytest.raises(CompileError, match="give its value with --input axes"):
        glmir.compile(source, target="tflite")
    artifact = glmir.compile(source, target="tflite", inputs={"axes": [1]})
    assert_close(artifact.run({"x": X})["y"], X.sum(1), "f32")


def test_options_of_the_command_line() -> None:
    artifact = glmir.compile(
        conv_model(), inputs=None, dims={"n": 1, "h": 4}, io_layout=["features=nhwc"], opt_level="s"
    )
    image = np.ones((1, 3, 4, 5), np.float32)
    assert artifact.run({"image": image})["features"].shape == (1, 4, 5, 4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"target": "abacus"}, "there is no target abacus; the targets are tflite, coreml, mnn, onnx"),
        ({"opt_level": 9}, "there is no optimisation level 9; the levels are 0, 1, 2, 3, s"),
        ({"io_layout": "nchwc"}, "--io-layout takes nchw, nhwc or NAME=nhwc, not 'nchwc'"),
        ({"dims": {"n": 0}}, "dim n takes a positive size, low..high or size|size, not 0"),
        ({"dims": {"n": 1.5}}, "dim n takes a positive size, low..high or size|size, not 1.5"),
        ({"dims": {"k": 1}}, "the given ModelProto: there is no dim k; the symbolic dims are n"),
        ({"inputs": "f32[1, 3]"}, "inputs are a mapping or a list, not the text 'f32[1, 3]'"),
        ({"inputs": {"z": "f32[1, 3]"}}, "the given ModelProto: there is no input z; the inputs are x"),
        (
            {"inputs": {"x": None}},
            "the given ModelProto: input x cannot be None: it takes a type such as f32[1, 3, 224, 224], or numbers",
        ),
        ({"inputs": {"x": ["a"]}}, "['a'] is not a number or a list of numbers"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        glmir.compile(relu_model(), **options)
    assert str(caught.value) == sentence


def test_sources_of_other_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="not int"):
        glmir.compile(3)


def test_what_the_target_lacks_is_told_by_compile() -> None:
    nodes = [helper.make_node("ImageDecoder", ["x"], ["y"], "photo")]
    with pytest.raises(CompileError, match=r"the given ModelProto: node photo \(ImageDecoder\)"):
        glmir.compile(model(nodes, [tensor("x", 9, dtype=TensorProto.UINT8)], ["y"]))


ARGUMENT = "func @main(%x: f32[n, 3]) -> "
RELU = f"{ARGUMENT}(%y: f32[n, 3]) {{ %y = nn.relu(%x) : f32[n, 3] return %y }}"
CASES: dict[str, tuple[str, dict[str, Array]]] = {
    "an output is an input": (f"{ARGUMENT}(%y: f32[n, 3]) {{ return %x }}", {"x": X}),
    "an output is an input of its name": (f"{ARGUMENT}(%x: f32[n, 3]) {{ return %x }}", {"x": X}),
    "two outputs are an input": (f"{ARGUMENT}(%y: f32[n, 3], %z: f32[n, 3]) {{ return %x, %x }}", {"x": X}),
    "an output is an input, another is computed": (
        f"{ARGUMENT}(%y: f32[n, 3], %z: f32[n, 3]) {{ %r = nn.relu(%x) : f32[n, 3] return %x, %r }}",
        {"x": X},
    ),
    "two outputs are one result": (
        f"{ARGUMENT}(%y: f32[n, 3], %z: f32[n, 3]) {{ %r = nn.relu(%x) : f32[n, 3] return %r, %r }}",
        {"x": X},
    ),
    "an output is used inside": (
        f"{ARGUMENT}(%z: f32[n, 3], %y: f32[n, 3])"
        " { %z = nn.relu(%x) : f32[n, 3] %y = math.exp(%z) : f32[n, 3] return %z, %y }",
        {"x": X},
    ),
    "an output has the name of another tensor": (
        f"{ARGUMENT}(%x: f32[n, 3], %a: f32[n, 3])"
        " { %a = nn.relu(%x) : f32[n, 3] %b = math.exp(%a) : f32[n, 3] return %a, %b }",
        {"x": X},
    ),
    "outputs are constants": (
        f"{ARGUMENT}(%y: f32[n, 3], %c: i64[2], %d: i64[2])"
        " { %c = tensor.constant() {value = dense<[1, 2]>} : i64[2] %y = nn.relu(%x) : f32[n, 3] return %y, %c, %c }",
        {"x": X},
    ),
    "nothing is computed": (
        f"{ARGUMENT}(%c: f32[]) {{ %c = tensor.constant() {{value = dense<1.5>}} : f32[] return %c }}",
        {"x": X},
    ),
    "no inputs": (
        "func @main() -> (%c: i32[1]) { %c = tensor.constant() {value = dense<[7]>} : i32[1] return %c }",
        {},
    ),
    "an input is not used": (
        "func @main(%x: f32[3], %z: i64[n]) -> (%y: f32[3]) { %y = nn.relu(%x) : f32[3] return %y }",
        {"x": X[0], "z": np.arange(4)},
    ),
    "scalars": (
        "func @main(%x: f32[], %k: f32[]) -> (%y: f32[]) { %y = math.add(%x, %k) : f32[] return %y }",
        {"x": np.array(1, np.float32), "k": np.array(2, np.float32)},
    ),
    "int64": (
        "func @main(%self: i64[n]) -> (%y: i64[n]) { %y = math.add(%self, %self) : i64[n] return %y }",
        {"self": np.array([1, -(2**40)])},
    ),
    "an array in another order": (RELU, {"x": X[::-1, ::-1]}),
    "transposed array": (RELU, {"x": X.reshape(3, 2).T}),
    "an empty array": (f"{ARGUMENT}(%y: f32[n, 3]) {{ %y = math.exp(%x) : f32[n, 3] return %y }}", {"x": X[:0]}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("level", [0, 2])
def test_inputs_and_outputs_of_every_kind(case: str, level: int) -> None:
    text, inputs = CASES[case]
    module = parse_module(text)
    artifact = glmir.compile(module, opt_level=level)
    expected = interpreter.run(module, inputs)
    outputs = artifact.run(inputs)
    assert list(outputs) == list(expected)
    for name, array in expected.items():
        assert_close(outputs[name], array, "f32", name)
    _check_signature(artifact.to_bytes(), module)


def _check_signature(content: bytes, module: Module) -> None:
    """Fails unless the file itself has the module's names, and its inputs and outputs in the module's order."""
    runtime = Interpreter(model_content=content)
    assert len(runtime.get_input_details()) == len(module.main.inputs)
    assert len(runtime.get_output_details()) == len(module.main.outputs)
    signature = runtime.get_signature_list()["serving_default"]
    assert set(signature["inputs"]) == {v.name for v in module.main.inputs}
    assert set(signature["outputs"]) == set(module.main.output_names)
    assert [d["name"] for d in runtime.get_input_details()] == [v.name for v in module.main.inputs]


def test_outputs_keep_their_order_and_names() -> None:
    names = ["zeta", "alpha", "mid"]
    nodes = [helper.make_node(op, ["x"], [name]) for op, name in zip(["Relu", "Exp", "Neg"], names, strict=True)]
    artifact = glmir.compile(model(nodes, [tensor("x", 2, 3)], names))
    assert list(artifact.run({"x": X})) == names
    details = Interpreter(model_content=artifact.to_bytes()).get_output_details()
    assert [d["name"] for d in details] == names


def test_outputs_that_are_made_channels_last_keep_their_tensors_names() -> None:
    artifact = glmir.compile(conv_model(), io_layout="nhwc")
    runtime = Interpreter(model_content=artifact.to_bytes())
    assert [d["name"] for d in runtime.get_input_details()] == ["image"]
    assert [d["name"] for d in runtime.get_output_details()] == ["features"]


@pytest.mark.parametrize(("x", "y"), list(itertools.permutations(["x:0", "a/b", "two words", "größe", "0", "y"], 2)))
def test_names_may_be_anything(x: str, y: str) -> None:
    outputs = glmir.compile(relu_model(x, y)).run({x: X})
    np.testing.assert_array_equal(outputs[y], np.maximum(X, 0))


def test_inputs_that_do_not_fit_are_refused() -> None:
    artifact = glmir.compile(relu_model(dims=(2, 3)))
    for inputs, sentence in (
        ({}, "the inputs are x, not none"),
        ({"z": X}, "the inputs are x, not z"),
        ({"x": X.astype(np.float64)}, "input x is float32, not float64"),
        ({"x": X[0]}, "input x has shape [2, 3], not [3]"),
        ({"x": X[:1]}, "input x has shape [2, 3], not [1, 3]"),
    ):
        with pytest.raises(InputError) as caught:
            artifact.run(inputs)
        assert str(caught.value) == sentence


def test_a_dynamic_model_runs_at_any_size() -> None:
    artifact = glmir.compile(conv_model())
    module = glmir.load(conv_model())
    for n, h, w in ((1, 4, 4), (3, 7, 5), (1, 1, 1)):
        image = np.random.default_rng(0).standard_normal((n, 3, h, w)).astype(np.float32)
        expected = interpreter.run(module, {"image": image})["features"]
        assert_close(artifact.run({"image": image})["features"], expected, "f32-sums")


def test_integer_and_bool_outputs() -> None:
    nodes = [helper.make_node("ArgMax", ["x"], ["i"], axis=1), helper.make_node("Greater", ["x", "z"], ["b"])]
    outputs = ["i", helper.make_tensor_value_info("b", TensorProto.BOOL, [2, 3])]
    zero = np.zeros((), np.float32)
    got = glmir.compile(model(nodes, [tensor("x", 2, 3)], outputs, {"z": zero})).run({"x": X})
    np.testing.assert_array_equal(got["i"], [[2], [2]])
    np.testing.assert_array_equal(got["b"], X > 0)
    assert [str(got[name].dtype) for name in "ib"] == ["int64", "bool"]


@pytest.mark.parametrize("text", ["f32[1, 3, 224, 224]", "f32[]", "bool[ n ]", "i64[n,h_2,0]", "u8[0007]"])
def test_plain_types_mean_what_the_grammar_says(text: str) -> None:
    assert parse_plain_type(text) == parse_type(text)


@pytest.mark.parametrize("text", ["f32", "f32[1,]", "f33[1]", "f32[2*n]", "f32[-1]", "f32[n m]", "f32[max]", "f32[٣]"])
def test_other_types_are_left_to_the_grammar(text: str) -> None:
    assert parse_plain_type(text) is None
