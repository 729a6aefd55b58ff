"""The workbench: glmir opt, glmir run, glmir spec."""

import os
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from glmir.driver.output import load_arrays, save_arrays
from glmir.driver.switches import known_passes
from glmir.types import Array

from .commands import DIGITS, glmc, glmir, model, relu_model, saved, tensor

TEXT = """\
func @main(%x: f32[n, 3]) -> (%y: f32[n, 3]) {
  %zero = tensor.constant() {value = dense<0.0>} : f32[]
  %0 = math.add(%x, %zero) : f32[n, 3]
  %y = nn.relu(%0) : f32[n, 3]
  return %y
}
"""
SIMPLER = """\
func @main(%x: f32[n, 3]) -> (%y: f32[n, 3]) {
  %y = nn.relu(%x) : f32[n, 3]
  return %y
}
"""


@pytest.fixture(autouse=True)
def _in_folder_with_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.glir").write_text(TEXT, encoding="utf-8")


def test_opt_prints() -> None:
    assert glmir("opt", "x.glir").out == TEXT
    assert glmir("opt", "x.glir", "--passes", "canonicalize, eliminate-dead-code").out == SIMPLER
    assert glmir("opt", "x.glir", "--passes", "canonicalize", "--dim", "n=4").out == SIMPLER.replace("n, 3", "4, 3")
    assert glmir("opt", "x.glir", "--passes", "", "--input", "x=f32[k, 3]").out == TEXT.replace("n, 3", "k, 3")


def test_opt_writes_in_place() -> None:
    assert glmir("opt", DIGITS, "-o", "digits.glir").code == 0
    before = Path("digits.safetensors").read_bytes()
    outcome = glmir("opt", "digits.glir", "-o", "digits.glir")
    assert (outcome.code, outcome.out) == (0, "")
    assert Path("digits.safetensors").read_bytes() == before
    assert sorted(os.listdir()) == ["digits.glir", "digits.safetensors", "x.glir"]


def test_opt_watches_the_passes() -> None:
    outcome = glmir("opt", "x.glir", "--passes", "canonicalize", "--statistics", "--timing", "--print-ir-after", "all")
    assert outcome.out == SIMPLER
    assert "1 x  " in outcome.err and "ms  canonicalize" in outcome.err and "# after canonicalize" in outcome.err


def test_opt_takes_functions_of_any_name() -> None:
    Path("f.glir").write_text(TEXT.replace("@main", "@f"), encoding="utf-8")
    assert glmir("opt", "f.glir", "--passes", "canonicalize").out == SIMPLER.replace("@main", "@f")
    for refused in (glmir("run", "f.glir"), glmc("f.glir"), glmir("opt", "f.glir", "--dim", "n=1")):
        assert refused.code == 2
        assert "there is no function @main; there are f" in refused.err and "f.glir" in refused.err


def test_opt_lists_the_passes() -> None:
    outcome = glmir("opt", "--list-passes")
    assert outcome.code == 0
    assert "fold-constants{max_elements=" in outcome.out
    names = [line.partition("{")[0] for line in outcome.out.splitlines() if not line.startswith(" ")]
    assert names == sorted(known_passes())


def test_opt_refuses_what_a_pass_cannot_take() -> None:
    assert glmc(DIGITS, "--emit", "ir").code == 0
    outcome = glmir("opt", "digits.glir", "--passes", "assign-layouts")
    assert outcome.code == 2
    assert outcome.err.startswith("error: digits.glir: assign-layouts cannot run: it needs that ")


def save_every_form() -> None:
    path = saved(Path("m.onnx"), relu_model())
    targets = ("--target", "tflite", "--target", "coreml", "--target", "mnn")
    assert glmc(path, *targets, "--precision", "fp32").code == 0
    assert glmir("opt", path, "-o", "m.glir").code == 0


@pytest.mark.parametrize("suffix", ["glir", "onnx", "tflite", "mlpackage", "mnn"])
def test_run_gives_the_same_for_every_form(suffix: str) -> None:
    save_every_form()
    x = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    save_arrays({"x": x}, Path("in.npz"))
    outcome = glmir("run", f"m.{suffix}", "--data", "in.npz", "-o", "out.npz")
    assert (outcome.code, outcome.out) == (0, ""), outcome.err
    np.testing.assert_array_equal(load_arrays(Path("out.npz"))["y"], np.maximum(x, 0))


@pytest.mark.parametrize("suffix", ["glir", "onnx", "tflite", "mlpackage", "mnn"])
def test_run_makes_inputs(suffix: str) -> None:
    save_every_form()
    outcome = glmir("run", f"m.{suffix}")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("y: float32[2, 3]\n[[0.12573022 0.")
    assert glmir("run", f"m.{suffix}").out == outcome.out


def test_run_of_a_typed_and_pinned_model() -> None:
    adding = helper.make_node("Add", ["x", "shift"], ["y"])
    path = saved(Path("m.onnx"), model([adding], [tensor("x", "n"), tensor("shift", 1)], ["y"]))
    save_arrays({"x": np.zeros(2, np.float32)}, Path("in.npz"))
    outcome = glmir("run", path, "--input", "shift=1.5", "--data", "in.npz")
    assert outcome.out == "y: float32[2]\n[1.5 1.5]\n"
    assert glmc(path).code == 0
    assert glmir("run", "m.tflite", "--dim", "x_dim0=2").out.startswith("y: float32[2]\n")


def test_run_saves_any_names() -> None:
    arrays: dict[str, Array] = {
        "file": np.arange(2),
        "a/b:0": np.array(1, np.float32),
        "": np.zeros((0, 2)),
        "ü": np.array(True),
    }
    save_arrays(arrays, Path("a.npz"))
    again = load_arrays(Path("a.npz"))
    assert list(again) == list(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)


def test_spec_writes_pages() -> None:
    outcome = glmir("spec", "pages")
    assert outcome.code == 0, outcome.err
    assert "pages/ops/nn.md" in outcome.out.split()
    assert glmir("spec", "pages").out == ""


def test_a_command_is_needed() -> None:
    outcome = glmir()
    assert outcome.code == 2
    assert "COMMAND" in outcome.err
