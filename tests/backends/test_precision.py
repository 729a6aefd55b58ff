"""--precision on every target: files of half the size that compute the same, islands where data or the table ask for
them, and refusals that say what to do."""

from pathlib import Path

import numpy as np
import onnx
import pytest

import glmir
from glmir.backends.flatbuffer import read
from glmir.backends.mnn.graph import DataType
from glmir.backends.mnn.schema import Net
from glmir.backends.mnn.schema_parameters import Blob, Convolution2D
from glmir.backends.mnn.serializer import serialize as serialize_mnn
from glmir.backends.tflite.schema import Model
from glmir.backends.tflite.schema_enums import TensorType
from glmir.backends.tflite.serializer import COMPUTED_IN_HALVES, REDUCED_PRECISION
from glmir.driver.glmc import main
from glmir.driver.output import save_ir
from glmir.errors import InputError
from glmir.interpreter import run
from glmir.ir import Array, Module
from glmir.ops import tensor
from glmir.parser import parse_module
from glmir.types import DType
from tests.tolerances import assert_close

NET = """
    func @main(%x: f32[1, 32, 6, 6], %i: i32[4]) -> (%y: f32[1, 4, 40]) {{
      %w = tensor.constant() {{value = weight<w>}} : f32[64, 32, 3, 3]
      %b = tensor.constant() {{value = weight<b>}} : f32[64]
      %0 = nn.conv(%x, %w, %b) {{strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1]}} : f32[1, 64, 6, 6]
      %1 = math.reduce_mean(%0) {{axes = [2, 3]}} : f32[1, 64]
      %t = tensor.constant() {{value = weight<t>}} : f32[50, 64]
      %2 = tensor.gather(%t, %i) {{axis = 0}} : f32[4, 64]
      %3 = math.add(%1, %2) : f32[4, 64]
      {middle}
      %v = tensor.constant() {{value = weight<v>}} : f32[40, 64]
      %5 = nn.linear(%4, %v, none) : f32[4, 40]
      %y = tensor.reshape(%5, none) {{shape = [1, 4, 40]}} : f32[1, 4, 40]
      return %y
    }}"""

PLAIN = "%4 = nn.relu(%3) : f32[4, 64]"
STEEP = """%6 = math.square(%3) : f32[4, 64]
      %7 = math.reduce_mean(%6) {axes = [1], keep_dims = true} : f32[4, 1]
      %8 = math.sqrt(%7) : f32[4, 1]
      %4 = math.div(%3, %8) : f32[4, 64]"""


def net(middle: str = PLAIN) -> Module:
    rng = np.random.default_rng(0)
    shapes = {"w": (64, 32, 3, 3), "b": (64,), "t": (50, 64), "v": (40, 64)}
    weights = {name: rng.standard_normal(shape).astype(np.float32) / 8 for name, shape in shapes.items()}
    return parse_module(NET.format(middle=middle), weights)


def inputs(scale: float = 1.0) -> dict[str, Array]:
    x = np.random.default_rng(1).standard_normal((1, 32, 6, 6)) * scale
    return {"x": x.astype(np.float32), "i": np.array([3, 0, 49, 7], np.int32)}


@pytest.mark.parametrize(
    ("target", "precision", "tolerance"),
    [("tflite", "fp16", "f16"), ("mnn", "fp16", "f16"), ("onnx", "fp16", "f16"), ("onnx", "bf16", "bf16")],
)
def test_half_the_size_and_the_same_numbers(target: str, precision: str, tolerance: str) -> None:
    module = net()
    artifact = glmir.compile(module, target=target, precision=precision)
    assert len(bytes(artifact)) < 0.55 * len(bytes(glmir.compile(module, target=target)))
    assert_close(artifact.run(inputs())["y"], run(module, inputs())["y"], tolerance)


@pytest.mark.parametrize(("middle", "allows"), [(PLAIN, True), (STEEP, False)])
def test_tflite_says_whether_all_may_be_computed_in_f16(middle: str, allows: bool) -> None:
    content = bytes(glmir.compile(net(middle), target="tflite", precision="fp16"))
    model = read(Model, content)
    assert model.subgraphs is not None and model.buffers is not None
    found = {m.name: model.buffers[m.buffer].data for m in model.metadata or ()}
    text = found.get(REDUCED_PRECISION)
    assert (text is not None and text.tobytes() == COMPUTED_IN_HALVES) == allows
    dtypes = [t.type for t in model.subgraphs[0].tensors or ()]
    assert dtypes.count(TensorType.FLOAT16) == 3


def test_mnn_reads_halves_from_beside_the_model(tmp_path: Path) -> None:
    artifact = glmir.compile(net(), target="mnn", precision="fp16")
    within = read(Net, bytes(artifact))
    mains = [op.main for op in within.oplists or ()]
    assert [m.quan_parameter.type for m in mains if isinstance(m, Convolution2D) and m.quan_parameter] == [3, 3]
    assert [m.data_type for m in mains if isinstance(m, Blob)].count(DataType.HALF) == 1
    path = tmp_path / "beside.mnn"
    serialize_mnn(artifact.module, path, largest=0)
    actual = artifact.target.run(path, inputs())["y"]
    np.testing.assert_array_equal(actual, artifact.run(inputs())["y"])


def test_onnx_computes_in_f16_with_inputs_and_outputs_in_f32() -> None:
    model = onnx.load_from_string(bytes(glmir.compile(net(STEEP), target="onnx", precision="fp16")))
    onnx.checker.check_model(model, full_check=True)
    weights = {i.name: i.data_type for i in model.graph.initializer}
    assert weights["w"] == weights["v"] == onnx.TensorProto.FLOAT16
    border = (model.graph.input[0], *model.graph.output)
    assert {v.type.tensor_type.elem_type for v in border} == {onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("target", ["tflite", "mnn", "onnx"])
def test_quantized_weights_stand_beside_halves(target: str) -> None:
    module = net()
    sizes = {}
    for precision in ("fp32", "fp16"):
        recipe = "int8-weights{keep=v}"
        artifact = glmir.compile(module, target=target, precision=precision, quantize=recipe)
        assert_close(artifact.run(inputs())["y"], run(module, inputs())["y"], "int8-weights")
        sizes[precision] = len(bytes(artifact))
    assert sizes["fp16"] < sizes["fp32"] - 40 * 64


def test_data_decides_what_stays_single() -> None:
    module = net(STEEP)

    def floats(scale: float) -> int:
        """How many ops compute in f32."""
        sample = inputs(scale)
        artifact = glmir.compile(module, target="onnx", precision="fp16", calibrate=lambda: [sample])
        assert_close(artifact.run(sample)["y"], run(module, sample)["y"], "f16")
        ops = [op for op in artifact.module.main.ops if not isinstance(op, tensor.Cast | tensor.Constant)]
        return sum(op.results[0].type.dtype is DType.F32 for op in ops)

    assert floats(1.0) == 0
    assert floats(3000.0) > 0


@pytest.mark.parametrize("target", ["tflite", "mnn", "coreml"])
def test_bf16_is_refused_where_there_is_none(target: str) -> None:
    with pytest.raises(InputError, match=f"target {target} is not written in bf16: .*; --precision fp16 makes"):
        glmir.compile(net(), target=target, precision="bf16")


def test_bf16_needs_a_cast_that_takes_it() -> None:
    with pytest.raises(InputError, match="bf16 needs an --opset from 13 on, not 12"):
        glmir.compile(net(), target="onnx", precision="bf16", opset=12)


def test_samples_are_for_what_they_can_tell() -> None:
    with pytest.raises(InputError, match="--calibrate is for --quantize, and for --precision fp16"):
        glmir.compile(net(), target="onnx", calibrate=inputs())


def test_the_command_tells_what_stays_single(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_ir(net(STEEP), Path("net.glir"))
    command = ["net.glir", "--target", "mnn", "--target", "onnx", "-O0", "--precision", "fp16", "--verify"]
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "note: 4 ops stay f32, where f16 would lose the result; --statistics says which, and why" in told
    assert "ops are not for runtimes that compute in f16" in told
    assert main([*command, "--statistics"]) == 0
    told = capsys.readouterr().err
    assert "math.square stays f32: a square overflows f16 from 256 on" in told
    assert "math.square is not for f16: a square overflows f16 from 256 on" in told
