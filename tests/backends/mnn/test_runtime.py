"""Running MNN files: what fits, what is refused, and with which words."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from glmir.backends.flatbuffer import write
from glmir.backends.mnn import runtime
from glmir.backends.mnn.runtime import input_types, run
from glmir.backends.mnn.schema import Net, Op
from glmir.backends.mnn.schema_enums import DataType, OpType
from glmir.backends.mnn.schema_parameters import Input
from glmir.backends.mnn.serializer import serialize
from glmir.errors import GlmirError, InputError
from glmir.parser import parse_module
from glmir.types import DType

from .harness import WORKER, legalise

MODEL = """
func @main(%x: f32[n, 3], %ids: i64[2], %flag: bool[]) -> (%y: f32[n, 3]) {
  %table = tensor.constant() {value = dense<[[1.0, 2.0, 3.0]]>} : f32[1, 3]
  %zero = math.sub(%ids, %ids) : i64[2]
  %picked = tensor.gather(%table, %zero) {axis = 0} : f32[2, 3]
  %row = math.reduce_sum(%picked) {axes = [0]} : f32[3]
  %other = math.add(%x, %row) : f32[n, 3]
  %y = math.select(%flag, %other, %x) : f32[n, 3]
  return %y
}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    module = parse_module(MODEL)
    legalise(module)
    serialize(module, tmp_path / "m.mnn")
    return tmp_path / "m.mnn"


def inputs(rows: int, flag: int = 1) -> dict[str, np.ndarray]:
    return {
        "x": np.ones((rows, 3), np.float32),
        "ids": np.array([4, 5], np.int32),
        "flag": np.array(flag, np.int32),
    }


def test_dynamic_sizes_and_scalars(model: Path) -> None:
    for rows, flag in ((1, 1), (5, 1), (2, 0)):
        expected = np.ones((rows, 3)) + (np.array([2, 4, 6]) if flag else 0)
        np.testing.assert_array_equal(WORKER.run(model, inputs(rows, flag))["y"], expected)


def test_input_types(model: Path) -> None:
    types = input_types(model)
    assert list(types) == ["x", "ids", "flag"]
    assert [t.dtype for t in types.values()] == [DType.F32, DType.I32, DType.I32]
    assert types["x"].shape[1] == 3 and not isinstance(types["x"].shape[0], int)
    assert types["flag"].shape == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((2, 4), np.float32)}, r"input x is .*, not \[2, 4\]"),
        ({"x": np.ones((2, 3))}, "input x is f32, not f64"),
        ({"z": np.ones(3)}, "the inputs are x, ids, flag, not x, ids, flag, z"),
    ],
)
def test_inputs_that_do_not_fit(model: Path, change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(model, inputs(2) | change)


def test_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "m.mnn"
    path.write_bytes(b"no model at all")
    with pytest.raises(GlmirError, match="is no MNN model"):
        run(path, {})


def test_inputs_of_which_there_are_no_arrays(tmp_path: Path) -> None:
    x = Op(type=OpType.INPUT, name="x", main=Input(dims=[1], dtype=DataType.UINT8), output_indexes=[0])
    with (tmp_path / "m.mnn").open("wb") as stream:
        write(Net(oplists=[x], tensor_name=["x"], output_name=["x"]), stream)
    with pytest.raises(GlmirError, match="input x has elements of type "):
        input_types(tmp_path / "m.mnn")


def test_what_the_runtime_prints_goes_into_the_error(
    model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object) -> None:
        os.write(1, b"The device supports: nothing\nCompute Shape Error for y\n")
        raise ValueError("no outputs")

    monkeypatch.setattr(runtime, "_computed", failing)
    with pytest.raises(GlmirError, match=r"MNN cannot run .*m\.mnn: no outputs; Compute Shape Error for y$"):
        run(model, inputs(2))
    assert capfd.readouterr() == ("", "")


def test_without_the_runtime(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "MNN", None)
    with pytest.raises(InputError, match=r"pip install 'glmc\[mnn\]'"):
        run(model, inputs(2))
