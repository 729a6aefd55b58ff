"""The written file: names, shapes, weights in it and beside it, and what the runtime says to wrong inputs."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from glmir.backends.onnx import serializer as serializing
from glmir.backends.onnx.emitters import TABLE
from glmir.backends.onnx.graph import Graph
from glmir.backends.onnx.opsets import NEWEST_OPSET
from glmir.backends.onnx.runtime import input_types, run
from glmir.backends.target import TargetOptions, load_target
from glmir.errors import GlmirError, InputError
from glmir.interpreter import run as interpret
from glmir.ir import Module
from glmir.parser import parse_module
from glmir.types import DType
from tests.tolerances import assert_close

TWO_LAYERS = """
func @main(%image: f32[batch, 4, h, 8]) -> (%first: f32[batch, 40, h, 8], %"second/out": f32[batch, 40, h, 8]) {
  %w = tensor.constant() {value = dense<0.5>} : f32[40, 4, 3, 3] loc("w")
  %first = nn.conv(%image, %w, none) {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1]} : \
f32[batch, 40, h, 8] loc("conv1")
  %"second/out" = nn.relu(%first) : f32[batch, 40, h, 8] loc("relu1")
  return %first, %"second/out"
}
"""


def save(module: Module, path: Path, opset: int = NEWEST_OPSET) -> onnx.ModelProto:
    serializing.serializer(TABLE.at(opset), opset)(module, path)
    return onnx.load(path, load_external_data=False)


def test_names_and_shapes(tmp_path: Path) -> None:
    model = save(parse_module(TWO_LAYERS), tmp_path / "m.onnx")
    graph = model.graph
    assert [v.name for v in graph.input] == ["image"]
    assert [v.name for v in graph.output] == ["first", "second/out"]
    assert [n.name for n in graph.node] == ["conv1", "relu1"]
    dims = [d.dim_param or d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["batch", 4, "h", 8]
    assert model.producer_name == "glmc"
    assert [(o.domain, o.version) for o in model.opset_import] == [("", NEWEST_OPSET)]


def test_same_module_same_bytes(tmp_path: Path) -> None:
    save(parse_module(TWO_LAYERS), tmp_path / "a.onnx")
    save(parse_module(TWO_LAYERS), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_arrays_that_come_and_go_at_one_address_are_constants_of_their_own() -> None:
    graph = Graph(parse_module(TWO_LAYERS), TABLE, NEWEST_OPSET)
    made = [graph.constant(np.full(100, i)) for i in range(20)]
    assert len({id(constant) for constant in made}) == 20


def test_weights_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"image": np.random.default_rng(0).random((2, 4, 5, 8), np.float32)}
    expected = interpret(parse_module(TWO_LAYERS), inputs)
    monkeypatch.setattr(serializing, "MAX_BYTES", serializing.MARGIN + 1000)
    path = tmp_path / "large.onnx"
    model = save(parse_module(TWO_LAYERS), path)
    assert {p.name for p in tmp_path.iterdir()} == {"large.onnx", "large.onnx.data"}
    assert model.graph.initializer[0].data_location == onnx.TensorProto.EXTERNAL
    onnx.checker.check_model(str(path), full_check=True)
    for name, array in run(path, inputs).items():
        assert_close(array, expected[name], "f32-sums", name)


@pytest.mark.parametrize(
    "text",
    [
        "func @main(%x: f32[2]) -> (%y: f32[2], %z: f32[2]) {\n  return %x, %x\n}",
        "func @main(%x: f32[2]) -> (%y: f32[2]) {\n  %c = tensor.constant() {value = dense<[1.0, 2.0]>} : f32[2]\n"
        "  return %c\n}",
        "func @main(%x: f32[2]) -> (%y: f32[2], %z: f32[2]) {\n  %a = math.exp(%x) : f32[2]\n  return %a, %a\n}",
        "func @main(%x: f32[2], %unused: i64[]) -> (%y: f32[2]) {\n  %x0 = math.exp(%x) : f32[2]\n  return %x0\n}",
    ],
)
def test_outputs_that_are_no_results(text: str, tmp_path: Path) -> None:
    module = parse_module(text)
    inputs = {
        v.name: np.ones(v.type.static_shape, v.type.dtype.numpy) for v in module.main.inputs
    }  # fmt: skip
    expected = interpret(module, inputs)
    save(module, tmp_path / "m.onnx")
    actual = run(tmp_path / "m.onnx", inputs)
    assert list(actual) == list(module.main.output_names)
    for name, array in expected.items():
        assert_close(actual[name], array, "f32", name)


def test_wrong_inputs(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    save(parse_module(TWO_LAYERS), path)
    assert str(input_types(path)["image"]) == "f32[batch, 4, h, 8]"
    image = np.zeros((1, 4, 2, 8), np.float32)
    with pytest.raises(InputError, match="the inputs are image, not picture"):
        run(path, {"picture": image})
    with pytest.raises(InputError, match="input image is float32, not float64"):
        run(path, {"image": image.astype(np.float64)})
    with pytest.raises(InputError, match=r"input image has shape \[\?, 4, \?, 8\], not \[1, 3, 2, 8\]"):
        run(path, {"image": image[:, :3]})
    path.write_bytes(b"no model")
    with pytest.raises(GlmirError, match="onnxruntime cannot run"):
        run(path, {"image": image})


def test_bfloat16_goes_in_and_out(tmp_path: Path) -> None:
    transpose = "%y = tensor.transpose(%x) {permutation = [1, 0]} : bf16[3, 2]"
    module = parse_module(f"func @main(%x: bf16[2, 3]) -> (%y: bf16[3, 2]) {{\n  {transpose}\n  return %y\n}}")
    save(module, tmp_path / "m.onnx")
    x = np.arange(6).reshape(2, 3).astype(DType.BF16.numpy)
    assert_close(run(tmp_path / "m.onnx", {"x": x})["y"], x.T, "exact")


@pytest.mark.parametrize("opset", [10, NEWEST_OPSET + 1])
def test_opsets_that_are_not_written(opset: int) -> None:
    with pytest.raises(InputError, match=f"--opset is from 11 to {NEWEST_OPSET}, not {opset}"):
        load_target("onnx", TargetOptions(opset=opset))
