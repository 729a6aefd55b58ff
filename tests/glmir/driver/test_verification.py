"""--verify: how outputs are compared, and what is said when one of the two cannot be run."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from glmir.backends.target import Target, load_target
from glmir.dims import symbol
from glmir.driver import verification
from glmir.driver.compilation import Options, compile
from glmir.driver.inputs import parse_input_specs
from glmir.driver.io_layout import IoLayout
from glmir.driver.samples import SYMBOL_SIZES, run_on_samples, sample_inputs, seeded_inputs
from glmir.driver.verification import compare_output, verify_file
from glmir.errors import GlmirError, InputError, ModelWarning, VerificationError
from glmir.types import Array, DType, TensorType

from .commands import DIGITS, conv_model, glmc, glmir, model, relu_model, saved, tensor

INFINITY, NAN = float("inf"), float("nan")


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("actual", "expected", "error", "magnitude"),
    [
        ([1.0, -4.0], [1.0, -4.0], 0, 4),
        ([1.5, -4.0], [1.0, -4.0], 0.5, 4),
        ([INFINITY, NAN, 1], [INFINITY, NAN, 1], 0, 1),
        ([INFINITY], [1.0], INFINITY, 1),
        ([NAN], [1.0], INFINITY, 1),
        ([1.0], [NAN], INFINITY, 0),
        ([-INFINITY], [INFINITY], INFINITY, 0),
        ([], [], 0, 0),
    ],
)
def test_errors(actual: list[float], expected: list[float], error: float, magnitude: float) -> None:
    found = compare_output("y", np.array(actual, np.float32), np.array(expected, np.float32))
    assert (found.error, found.magnitude) == (error, magnitude)
    assert found.is_accepted == (error == 0)


def test_errors_are_measured_by_the_largest_magnitude() -> None:
    expected = np.array([1e-3, 1000], np.float32)
    assert compare_output("y", expected + np.float32(0.05), expected).is_accepted
    assert not compare_output("y", expected + np.float32(0.5), expected).is_accepted
    tiny = np.array([4e-7], np.float32)
    assert compare_output("y", tiny + np.float32(5e-8), tiny).is_accepted
    half = expected.astype(np.float16)
    assert compare_output("y", half + np.float16(1), half).is_accepted


def test_integers_and_bools_must_be_equal() -> None:
    for dtype in (np.int64, np.uint8, np.bool_):
        ones = np.ones(3, dtype)
        assert compare_output("y", ones, ones).is_accepted
        assert not compare_output("y", np.zeros(3, dtype), ones).is_accepted


def test_other_shapes_and_dtypes_are_no_match() -> None:
    zeros = np.zeros((2, 3), np.float32)
    other_shape = compare_output("y", zeros.T, zeros)
    assert str(other_shape) == "y: its shape is [3, 2], not [2, 3]" and not other_shape.is_accepted
    other_dtype = compare_output("y", zeros.astype(np.int32), zeros)
    assert str(other_dtype) == "y: its dtype is int32, not float32" and not other_dtype.is_accepted


def test_samples_are_the_same_in_every_run() -> None:
    n, h = symbol("n"), symbol("h")
    types = {
        "x": TensorType(DType.F32, (n, 3, h)),
        "i": TensorType(DType.I64, (2 * h,)),
        "b": TensorType(DType.BOOL, (4,)),
        "s": TensorType(DType.F16, ()),
    }
    for name, array in seeded_inputs(types).items():
        np.testing.assert_array_equal(array, seeded_inputs(types)[name])
        assert array.dtype == types[name].dtype.numpy
    sets = list(sample_inputs(types))
    small_batches = [(batch, 3, size) for batch in (2, 1) for size in SYMBOL_SIZES]
    assert [s["x"].shape for s in sets[::2]] == small_batches + [(size, 3, size) for size in SYMBOL_SIZES]
    assert sets[0]["i"].max() > 2 > sets[1]["i"].max()
    assert sets[0]["i"].shape == (2 * SYMBOL_SIZES[0],)
    assert len(list(sample_inputs({"b": types["b"]}))) == 1


def test_sizes_are_tried_until_the_source_runs() -> None:
    reshape = helper.make_node("Reshape", ["x", "shape"], ["y"])
    proto = model([reshape], [tensor("x", "n")], ["y"], {"shape": np.array([7, -1])})
    outcome = glmc(saved(Path("m.onnx"), proto), "--verify")
    assert outcome.code == 0, outcome.err


def test_a_source_that_never_runs() -> None:
    reshape = helper.make_node("Reshape", ["x", "shape"], ["y"])
    proto = model([reshape], [tensor("x", "n")], ["y"], {"shape": np.array([11, -1])})
    outcome = glmc(saved(Path("m.onnx"), proto), "--verify")
    assert outcome.code == 3
    assert outcome.err.startswith(
        "error: m.onnx cannot be run on seeded inputs; fix dims with --dim, or an input with --input ("
    )
    assert glmc("m.onnx", "--verify", "--dim", "n=22").code == 0


def test_a_source_that_onnxruntime_refuses() -> None:
    proto = relu_model()
    proto.opset_import[0].version = 17
    proto.ir_version = 99
    outcome = glmc(saved(Path("m.onnx"), proto), "--verify")
    assert outcome.code == 3
    assert outcome.err.startswith("error: onnxruntime cannot load m.onnx: ") and outcome.err.count("\n") == 1


def test_text_is_verified_by_the_interpreter() -> None:
    assert glmir("opt", DIGITS, "-o", "digits.glir").code == 0
    outcome = glmc("digits.glir", "--verify", "-o", "out.tflite")
    assert outcome.code == 0, outcome.err
    assert "probabilities: largest error" in outcome.out


def test_verification_needs_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "find_spec", lambda name: None)
    outcome = glmc(DIGITS, "--verify")
    assert outcome.code == 2
    assert "--verify needs onnxruntime: pip install" in outcome.err
    assert list(Path().iterdir()) == []


def test_verification_of_text_is_refused() -> None:
    assert glmc(DIGITS, "--verify", "--emit", "ir").code == 2


def runs_as(function: Callable[[object, Mapping[str, Array]], dict[str, Array]]) -> Target:
    return replace(load_target("tflite"), run=function)


def test_failures_of_the_runtime() -> None:
    def fails(artifact: object, inputs: Mapping[str, Array]) -> dict[str, Array]:
        raise GlmirError("LiteRT cannot run the model: no kernel")

    def needs(artifact: object, inputs: Mapping[str, Array]) -> dict[str, Array]:
        raise InputError("running a .tflite file needs LiteRT")

    def forgets(artifact: object, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return {"other": np.zeros(1)}

    artifact = Path("digits.tflite")
    for function, error, sentence in (
        (fails, VerificationError, "LiteRT cannot run the model: no kernel"),
        (needs, InputError, "running a .tflite file needs LiteRT"),
        (forgets, VerificationError, "digits.tflite has the outputs other, not probabilities"),
    ):
        with pytest.raises(error) as caught:
            verify_file(artifact, runs_as(function), DIGITS, Options())
        assert str(caught.value) == sentence


def test_layouts_and_pinned_values_reach_both_sides() -> None:
    scale = helper.make_node("Mul", ["features", "scale"], ["y"])
    proto = conv_model()
    proto.graph.node.append(scale)
    proto.graph.input.append(tensor("scale", dtype=TensorProto.FLOAT))
    del proto.graph.output[:]
    proto.graph.output.extend([helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    path = saved(Path("m.onnx"), proto)
    options = Options(specs=parse_input_specs(["scale=3"], ["n=1"]), io_layout=IoLayout.parse(["nhwc"]))
    arguments = ["--input", "scale=3", "--dim", "n=1", "--io-layout", "nhwc"]
    assert glmc(path, *arguments).code == 0
    (error,) = verify_file(Path("m.tflite"), load_target("tflite"), path, options)
    assert error.name == "y" and error.is_accepted and error.magnitude > 1
    other = replace(options, specs=parse_input_specs(["scale=4"], ["n=1"]))
    with pytest.raises(VerificationError):
        verify_file(Path("m.tflite"), load_target("tflite"), path, other)


def test_samples_are_tried_until_the_outputs_are_finite() -> None:
    types = {"i": TensorType(DType.I64, (symbol("n"),))}

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        if len(inputs["i"]) == SYMBOL_SIZES[0]:
            raise ValueError("no such size")
        return {"y": np.log(np.maximum(1 - inputs["i"], -1).astype(np.float32) + 1)}

    with np.errstate(divide="ignore"):
        inputs, _ = run_on_samples(types, run)
        assert inputs["i"].shape == (SYMBOL_SIZES[1],) and inputs["i"].max() == 1
        _, outputs = run_on_samples(types, lambda inputs: {"y": np.array([INFINITY])})
        assert outputs["y"] == INFINITY
    with pytest.raises(ZeroDivisionError):
        run_on_samples(types, lambda inputs: {"y": np.array(1 // 0)})


def test_inputs_that_the_artifact_alone_refuses_are_said(tmp_path: Path) -> None:
    target = load_target("tflite")

    def fails_on_small_images(artifact: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if inputs["x"].shape[2] < 40:
            raise GlmirError("too small")
        return target.run(artifact, inputs)

    path = saved(tmp_path / "m.onnx", relu_model(dims=(1, 3, "h")))
    artifact = compile(path).save(tmp_path / "m.tflite")
    verify_file(artifact, replace(target, run=fails_on_small_images), path, Options())
    options = Options(specs=parse_input_specs([], {"h": "32|64"}))
    with pytest.warns(ModelWarning, match=r"on x \[1, 3, 32\] it fails: too small"):
        verify_file(artifact, replace(target, run=fails_on_small_images), path, options)
    options = Options(specs=parse_input_specs([], {"h": "1..32"}))
    with pytest.raises(VerificationError, match="too small"):
        verify_file(artifact, replace(target, run=fails_on_small_images), path, options)
