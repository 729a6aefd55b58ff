"""The command glmc: its options, what it prints, what it loads, and that its bytes are always the same."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from glmir import passes
from glmir.backends.target import TARGETS, Target, TargetOptions, load_target
from glmir.backends.tflite.runtime import input_types
from glmir.driver import compile_command, progress
from glmir.driver import glmc as glmc_module
from glmir.ir import Module
from glmir.pass_manager import Pass
from glmir.passes import pipelines
from glmir.types import Array

from .commands import DIGITS, conv_model, glmc, glmir, model, relu_model, saved, tensor

LOADED_FOR_HELP = ("numpy", "onnx", "networkx", "lark", "rich", "ml_dtypes", "onnx_graphsurgeon")
LOADED_FOR_DIGITS = ("lark", "rich", "onnxruntime", "ai_edge_litert", "safetensors", "glmir.passes.all_passes")


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_output_is_named_after_the_model(tmp_path: Path) -> None:
    outcome = glmc(DIGITS)
    assert outcome.code == 0 and outcome.err == ""
    assert re.fullmatch(r"digits\.tflite: [\d,]+ bytes, \d+ ops, \d\.\d\d s\n", outcome.out)
    assert os.listdir(tmp_path) == ["digits.tflite"]


@pytest.mark.parametrize("level", [["-O0"], ["-O1"], ["-O2"], ["-O3"], ["-Os"], ["-O", "2"]], ids=" ".join)
def test_every_level_computes_the_same(level: list[str]) -> None:
    outcome = glmc(DIGITS, *level, "--target", "tflite", "-o", "out.tflite", "--verify")
    assert outcome.code == 0, outcome.err
    assert re.search(r"^  probabilities: largest error \S+, \S+ of the magnitude", outcome.out, re.MULTILINE)


def test_levels_and_targets_are_those_that_exist() -> None:
    assert set(glmc_module.OPT_LEVELS) == {level.value for level in pipelines.OptLevel}
    assert glmc("m.onnx", "-O7").code == 2
    assert glmc("m.onnx", "--target", "abacus").code == 2


def test_quiet_says_nothing() -> None:
    outcome = glmc(DIGITS, "--verify", "--quiet")
    assert (outcome.code, outcome.out) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "image", "features"),
    [
        ([], "f32[1, 3, 8, 6]", (1, 4, 8, 6)),
        (["--io-layout", "nchw"], "f32[1, 3, 8, 6]", (1, 4, 8, 6)),
        (["--io-layout", "nhwc"], "f32[1, 8, 6, 3]", (1, 8, 6, 4)),
        (["--io-layout", "image=nhwc"], "f32[1, 8, 6, 3]", (1, 4, 8, 6)),
        (["--io-layout", "image=nhwc", "--io-layout", "features=nhwc"], "f32[1, 8, 6, 3]", (1, 8, 6, 4)),
    ],
)
def test_io_layout(arguments: list[str], image: str, features: tuple[int, ...]) -> None:
    path = saved(Path("m.onnx"), conv_model())
    outcome = glmc(path, "--input", "image=f32[1, 3, 8, 6]", *arguments, "--verify")
    assert outcome.code == 0, outcome.err
    types = input_types(Path("m.tflite"))
    assert str(types["image"]) == image
    run = load_target("tflite").run(Path("m.tflite"), {"image": np.zeros(types["image"].static_shape, np.float32)})
    assert run["features"].shape == features


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--input", "image=f32[1, 3, 8, 6]"], "f32[1, 3, 8, 6]"),
        (["--input", "f32[1, 3, 8, 6]"], "f32[1, 3, 8, 6]"),
        (["--input", "image = f32[k, 3, 8, k]", "--dim", "k=5"], "f32[5, 3, 8, 5]"),
        (["--dim", "n=2", "--dim", "h=5"], "f32[2, 3, 5, image_dim3]"),
    ],
)
def test_inputs_are_typed(arguments: list[str], expected: str) -> None:
    path = saved(Path("m.onnx"), conv_model())
    outcome = glmc(path, *arguments, "--verify")
    assert outcome.code == 0, outcome.err
    assert str(input_types(Path("m.tflite"))["image"]) == expected


@pytest.mark.parametrize("arguments", [["--input", "scale=2.5"], ["--input", "f32[2]", "--input", "2.5"]])
def test_inputs_are_pinned(arguments: list[str]) -> None:
    scaling = helper.make_node("Mul", ["x", "scale"], ["y"])
    path = saved(Path("m.onnx"), model([scaling], [tensor("x", 2), tensor("scale", 1)], ["y"]))
    assert glmc(path, *arguments, "--verify").code == 0
    outputs = load_target("tflite").run(Path("m.tflite"), {"x": np.array([1, 2], np.float32)})
    np.testing.assert_array_equal(outputs["y"], np.array([2.5, 5], np.float32))


def test_pinning_fixes_the_dims_of_other_inputs() -> None:
    adding = helper.make_node("Add", ["x", "shift"], ["y"])
    path = saved(Path("m.onnx"), model([adding], [tensor("x", "n"), tensor("shift", "n")], ["y"]))
    assert glmc(path, "--input", "shift=[1, 2, 3]", "--verify").code == 0
    assert {name: str(t) for name, t in input_types(Path("m.tflite")).items()} == {"x": "f32[3]"}


def test_emit_ir() -> None:
    outcome = glmc(DIGITS, "--emit", "ir")
    assert outcome.code == 0, outcome.err
    assert sorted(os.listdir()) == ["digits.glir", "digits.safetensors"]
    text = Path("digits.glir").read_text(encoding="utf-8")
    assert "layout = nhwc" in text
    assert glmir("opt", "digits.glir").out == text


def test_emit_ir_replaces_no_weights_of_others() -> None:
    Path("digits.safetensors").write_bytes(b"precious")
    outcome = glmc(DIGITS, "--emit", "ir")
    assert outcome.code == 2
    assert "would replace digits.safetensors" in outcome.err
    assert os.listdir() == ["digits.safetensors"]
    assert Path("digits.safetensors").read_bytes() == b"precious"


def test_fuel_stops_the_rewriting() -> None:
    def rules_that_fired(*arguments: str) -> int:
        outcome = glmc(DIGITS, "--emit", "ir", "--statistics", *arguments)
        assert outcome.code == 0, outcome.err
        fired = re.findall(r"^ *(\d+) x  (\w+)", outcome.err, re.MULTILINE)
        # What legalisation needs is rewritten in any case.
        required = {rule.name for rule in load_target("tflite").rules.rules}
        return sum(int(count) for count, rule in fired if rule not in required)

    assert rules_that_fired("--fuel", "0") == 0
    assert rules_that_fired("--fuel", "3") == 3
    assert rules_that_fired() > 3
    assert glmc(DIGITS, "--fuel", "-1").code == 2


def test_a_rule_is_disabled() -> None:
    assert "x  relu_into_producer" in glmc(DIGITS, "--statistics").err
    outcome = glmc(DIGITS, "--statistics", "--disable-rule", "relu_into_producer", "--verify")
    assert outcome.code == 0
    assert "x  relu_into_producer" not in outcome.err


def test_an_unknown_rule_is_refused() -> None:
    outcome = glmc(DIGITS, "--disable-rule", "relu_into_produce")
    assert outcome.code == 2
    assert "did you mean relu_into_producer?" in outcome.err
    assert os.listdir() == []


def test_passes_are_watched() -> None:
    outcome = glmc(DIGITS, "--timing", "--verify-each", "--print-ir-after", "change")
    assert outcome.code == 0
    assert re.search(r"^ +\d+\.\d ms  fold-batch-norm$", outcome.err, re.MULTILINE)
    assert "# after fold-batch-norm\nfunc @main(" in outcome.err
    assert "# after infer-types" not in outcome.err
    assert "# after infer-types" in glmc(DIGITS, "--print-ir-after", "all").err
    assert "func" not in glmc(DIGITS, "--print-ir-after", "failure").err


def crash(module: Module) -> bool:
    """Raises"""
    raise RuntimeError("the pass is broken")


def test_a_crash_leaves_a_reproducer(monkeypatch: pytest.MonkeyPatch) -> None:
    crash.__name__ = "fuse_activations"
    broken = Pass(crash)
    with monkeypatch.context() as patched:
        patched.setattr(pipelines, "fuse_activations", broken)
        patched.setitem(passes.BY_NAME, "fuse-activations", broken)
        outcome = glmc(DIGITS, "--reproducer", "crash.glir", "--print-ir-after", "failure", "--dim", "n=2")
        assert outcome.code == 1
        assert "# where fuse-activations failed\n" in outcome.err
        assert "error: a defect of the compiler: RuntimeError: the pass is broken (--debug shows where)" in outcome.err
        assert outcome.err.endswith("a reproducer is in crash.glir: run glmir opt crash.glir\n")
        first, second = Path("crash.glir").read_text(encoding="utf-8").splitlines()[:2]
        assert first.startswith("# pipeline: fuse-activations,")
        assert second.startswith("func @main(%image: f32[2, 1, 8, 8])")
        assert sorted(os.listdir()) == ["crash.glir", "crash.safetensors"]
        assert "the pass is broken" in glmir("opt", "crash.glir").err
        again = glmir("opt", "crash.glir", "--reproducer", "again.glir")
        assert "run glmir opt again.glir" in again.err
        assert Path("again.glir").read_bytes() == Path("crash.glir").read_bytes()
    outcome = glmir("opt", "crash.glir")
    assert outcome.code == 0, outcome.err
    assert "activation = relu" in outcome.out


def test_a_crash_whose_reproducer_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines, "fuse_activations", Pass(crash))
    outcome = glmc(DIGITS, "--reproducer", "nowhere/crash.glir")
    assert outcome.code == 1
    assert "the pass is broken" in outcome.err and "there is no reproducer: cannot write nowhere" in outcome.err


def test_several_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(name: str, options: TargetOptions) -> Target:
        return replace(load_target("tflite"), name=name, suffix=f".{name}")

    monkeypatch.setattr(glmc_module, "TARGETS", (*TARGETS, "abacus"))
    monkeypatch.setattr(compile_command, "load_target", named)
    outcome = glmc(DIGITS, "--target", "abacus", "--target", "tflite", "--target", "abacus", "--verify")
    assert outcome.code == 0, outcome.err
    assert sorted(os.listdir()) == ["digits.abacus", "digits.tflite"]
    assert outcome.out.count("largest error") == 2
    refused = glmc(DIGITS, "--target", "abacus", "--target", "tflite", "-o", "x")
    assert refused.code == 2 and "-o names one file" in refused.err


def test_a_wrong_artifact_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    target = load_target("tflite")

    def off_by_a_bit(*arguments: object) -> dict[str, Array]:
        return {name: array + np.float32(0.01) for name, array in target.run(*arguments).items()}  # type: ignore[arg-type]

    wrong = replace(target, run=off_by_a_bit, advice="\n  it rounds")
    monkeypatch.setattr(compile_command, "load_target", lambda name, options: wrong)
    outcome = glmc(DIGITS, "--verify")
    assert outcome.code == 3
    assert re.search(r"error: digits\.tflite does not compute what \S+digits\.onnx does:\n  prob", outcome.err)
    assert outcome.err.endswith("\n  it rounds\n")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert glmc_module.main([str(DIGITS), "--quiet"]) == 0
    with progress.ProgressLine(is_wanted=True) as line:
        line.show("too early")
    assert terminal.getvalue() == ""
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.ProgressLine(is_wanted=True) as line:
        line.show("legalising [model]")
    assert "legalising [model]" in terminal.getvalue()


def test_progress_is_not_shown_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    assert glmc(DIGITS).err == ""


def python(*arguments: object, seed: int = 0) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("flag", ["--help", "--version"])
@pytest.mark.parametrize("module", ["glmc", "workbench"])
def test_asking_for_help_loads_nothing_heavy(module: str, flag: str) -> None:
    code = f"import sys; from glmir.driver.{module} import main\ntry: main([{flag!r}])\nfinally: print(*sys.modules)"
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert set(LOADED_FOR_HELP).isdisjoint(done.stdout.splitlines()[-1].split())


def test_compiling_loads_only_what_it_needs() -> None:
    code = "import sys; from glmir.driver.glmc import main\nmain([sys.argv[1], '--quiet'])\nprint(*sys.modules)"
    done = python("-c", code, DIGITS)
    assert set(LOADED_FOR_DIGITS).isdisjoint(done.stdout.split()), done.stderr


def test_modules_are_commands() -> None:
    assert python("-m", "glmir.driver.glmc", "--version").stdout == "glmc 0.1.0\n"
    assert python("-m", "glmir.driver.workbench", "--version").stdout == "glmir 0.1.0\n"


def test_every_process_writes_the_same_bytes() -> None:
    for seed in (1, 2):
        for arguments in (["-o", f"{seed}.tflite"], ["--emit", "ir", "-o", f"{seed}.glir"]):
            done = python("-m", "glmir.driver.glmc", DIGITS, *arguments, seed=seed)
            assert done.returncode == 0, done.stderr
    for suffix in ("tflite", "glir", "safetensors"):
        assert Path(f"1.{suffix}").read_bytes() == Path(f"2.{suffix}").read_bytes()


def test_a_closed_pipe_is_no_error() -> None:
    code = f"import sys; from glmir.driver.workbench import main; sys.exit(main(['opt', {str(DIGITS)!r}]))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_names_may_be_anything() -> None:
    x, y = "serving:0/the image =ü", "a b/c:1, {d}"
    path = saved(Path("m.onnx"), relu_model(x, y, ("n", 3, 4, 5)))
    outcome = glmc(path, "--io-layout", f"{y}=nhwc", "--input", f"{x}=f32[2, 3, 4, 5]", "--verify")
    assert outcome.code == 0, outcome.err
    outputs = load_target("tflite").run(Path("m.tflite"), {x: np.zeros((2, 3, 4, 5), np.float32)})
    assert {name: a.shape for name, a in outputs.items()} == {y: (2, 4, 5, 3)}


def test_int64_and_bool_inputs_are_verified() -> None:
    where = helper.make_node("Where", ["c", "a", "b"], ["y"])
    inputs = [tensor("c", 4, dtype=TensorProto.BOOL), *(tensor(n, 4, dtype=TensorProto.INT64) for n in "ab")]
    assert glmc(saved(Path("m.onnx"), model([where], inputs, ["y"])), "--verify").code == 0
