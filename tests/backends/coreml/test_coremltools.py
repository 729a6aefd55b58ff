"""Whole packages in coremltools: everything that we write loads and has the types that it infers; on a Mac it runs."""

import sys
from pathlib import Path

import numpy as np
import pytest

import glmir
from glmir.backends.coreml import schema
from glmir.backends.coreml.executor import run
from glmir.backends.coreml.protobuf import serialize
from glmir.backends.coreml.schema import DataType
from tests.backends.coreml import mil_loader

MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
DIGITS = Path(__file__).parents[3] / "examples" / "digits.onnx"
needs_coremltools = pytest.mark.skipif(not mil_loader.is_available(), reason=mil_loader.REASON)


def written(folder: Path, precision: str, version: str) -> Path:
    artifact = glmir.compile(DIGITS, target="coreml", precision=precision, coreml_target=version)
    return artifact.save(folder / "digits.mlpackage")


@pytest.mark.coremltools
@needs_coremltools
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
@pytest.mark.parametrize("version", ["ios15", "ios16", "ios17", "ios18"])
def test_a_model_loads(tmp_path: Path, precision: str, version: str) -> None:
    mil_loader.assert_loads(written(tmp_path, precision, version))


@pytest.mark.coremltools
@needs_coremltools
def test_a_wrong_type_does_not_load(tmp_path: Path) -> None:
    package = written(tmp_path, "fp16", "ios16")
    model = schema.Model.parse((package / MODEL).read_bytes())
    operations = model.ml_program.functions["main"].block_specializations["CoreML6"].operations
    declared = next(op for op in operations if op.type == "conv").outputs[0].type.tensor_type
    declared.data_type = DataType.FLOAT32
    (package / MODEL).write_bytes(serialize(model))
    assert "Mismatch" in mil_loader.problem_of(package)


@pytest.mark.macos
@pytest.mark.skipif(sys.platform != "darwin", reason="Core ML runs on a Mac only")
@needs_coremltools
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_core_ml_computes_what_our_executor_does(tmp_path: Path, precision: str) -> None:
    package = written(tmp_path, precision, "ios16")
    inputs = {"image": np.random.default_rng(0).random((3, 1, 8, 8), np.float32)}
    expected, actual = run(package, inputs), mil_loader.predict(package, inputs)
    for name, array in expected.items():
        np.testing.assert_allclose(actual[name], array, rtol=0, atol=1e-2 * np.abs(array).max())
