"""From a model to outputs by way of the driver: options, names, precision, versions."""

from pathlib import Path

import numpy as np
import pytest

import glmir
from glmir import interpreter
from glmir.backends.coreml.target import make_target
from glmir.backends.target import TargetOptions
from glmir.errors import CompileError, InputError
from glmir.ir import Array, Module
from glmir.parser import parse_module
from glmir.types import DType
from tests.backends.coreml.mil_loader import assert_loads
from tests.backends.coreml.packages import read_model, read_operations, written_operations
from tests.tolerances import assert_close

NETWORK = """
func @main(%"image:0": f32[n, 3, 8, 8], %gain: f32[]) -> (%"probs/1": f32[n, 4], %best: i64[n]) {
  %w = tensor.constant() {value = weight<w>} : f32[4, 3, 3, 3]
  %0 = nn.conv(%"image:0", %w, none) {strides = [2, 2], padding = [1, 1, 1, 1], dilations = [1, 1]} : f32[n, 4, 4, 4]
  %1 = nn.relu(%0) : f32[n, 4, 4, 4]
  %2 = math.reduce_mean(%1) {axes = [2, 3]} : f32[n, 4]
  %3 = math.mul(%2, %gain) : f32[n, 4]
  %4 = nn.softmax(%3) {axis = 1} : f32[n, 4]
  %5 = math.arg_max(%3) {axis = 1} : i64[n]
  return %4, %5
}
"""


def network() -> Module:
    weights = {"w": np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)}
    return parse_module(NETWORK, weights)


def inputs(batch: int) -> dict[str, Array]:
    image = np.random.default_rng(1).standard_normal((batch, 3, 8, 8)).astype(np.float32)
    return {"image:0": image, "gain": np.array(3, np.float32)}


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", "f32-sums"), (None, "f16")])
def test_a_network_computes_what_the_interpreter_does(precision: str | None, tolerance: str, batch: int) -> None:
    artifact = glmir.compile(network(), target="coreml", precision=precision)
    outputs = artifact.run(inputs(batch))
    expected = interpreter.run(network(), inputs(batch))
    assert list(outputs) == ["probs/1", "best"]
    assert_close(outputs["probs/1"], expected["probs/1"], tolerance)
    np.testing.assert_array_equal(outputs["best"], expected["best"].astype(np.int32))


@pytest.mark.parametrize("version", ["ios15", "ios16", "ios17", "ios18"])
def test_every_version_is_accepted(tmp_path: Path, version: str) -> None:
    artifact = glmir.compile(network(), target="coreml", coreml_target=version)
    package = artifact.save(tmp_path / "model.mlpackage")
    assert_loads(package)
    assert not artifact.target.problems(package)
    outputs = artifact.run(inputs(2))
    assert_close(outputs["probs/1"], interpreter.run(network(), inputs(2))["probs/1"], "f16")


def test_halves_are_the_default_and_the_border_is_single(tmp_path: Path) -> None:
    package = glmir.compile(network(), target="coreml").save(tmp_path / "model.mlpackage")
    conv = next(o for o in read_operations(package) if o.type == "conv")
    assert conv.outputs[0].type.tensor_type.data_type == 10
    assert {f.type.multi_array_type.data_type for f in read_model(package).description.input} == {65568}


def test_artifacts_are_reproducible(tmp_path: Path) -> None:
    def files(name: str) -> dict[str, bytes]:
        package = glmir.compile(network(), target="coreml").save(tmp_path / f"{name}.mlpackage")
        return {str(p.relative_to(package)): p.read_bytes() for p in package.rglob("*") if p.is_file()}

    assert files("a") == files("b")


def test_images_and_labels_come_through(tmp_path: Path) -> None:
    artifact = glmir.compile(
        network(),
        target="coreml",
        dims={"n": 1},
        image_inputs={"image:0": "bgr:scale=0.5:bias=-1"},
        class_labels=["a", "b", "c", "d"],
    )
    package = artifact.save(tmp_path / "model.mlpackage")
    assert_loads(package)
    assert written_operations(package)[-1] == "classify"
    pixels = np.random.default_rng(2).integers(0, 256, (1, 3, 8, 8)).astype(np.float32)
    gain = np.array(0.01, np.float32)
    outputs = artifact.target.run(package, {"image:0": pixels, "gain": gain})
    expected = interpreter.run(network(), {"image:0": pixels * np.float32(0.5) - 1, "gain": gain})
    assert_close(outputs["probs/1"], expected["probs/1"], "f16")
    assert str(outputs["classLabel"]) == "abcd"[int(expected["best"][0])]


def test_a_later_version_is_taken_where_the_model_needs_it() -> None:
    target = make_target(TargetOptions())
    later = []
    while target.newer is not None:
        target = target.newer()
        later += [p.options["version"] for p in target.legalize if p.name == "legalize-coreml"]
    assert later == [17, 18]
    assert make_target(TargetOptions(coreml_target=16)).newer is None


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(InputError, match="there is no --coreml-target ios14; there are ios15, ios16, ios17, ios18"):
        make_target(TargetOptions(coreml_target=14))


def test_the_border_narrows() -> None:
    border = make_target(TargetOptions()).border
    narrowed = {d: border(d) for d in (DType.BOOL, DType.I64, DType.U8, DType.F64, DType.F32, DType.F16)}
    assert list(narrowed.values()) == [DType.I32, DType.I32, DType.I32, DType.F32, DType.F32, DType.F16]
    assert make_target(TargetOptions(coreml_target=15)).border(DType.F16) is DType.F32


def test_inputs_of_six_axes_are_refused() -> None:
    text = """
    func @main(%x: f32[1, 2, 3, 1, 2, 2]) -> (%y: f32[1, 2, 3, 1, 2, 2]) {
      %y = math.exp(%x) : f32[1, 2, 3, 1, 2, 2]
      return %y
    }
    """
    with pytest.raises(CompileError, match="tensors of at most 5 axes"):
        glmir.compile(parse_module(text), target="coreml")
