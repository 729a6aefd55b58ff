"""What a user may do with any target: odd but legal models through the command line, damage, and other folders."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from glmir.backends.native_output import kept_lines, kept_native_output
from glmir.backends.target import TARGETS, load_target
from glmir.driver import output

from .commands import DIGITS, Outcome, glmc, glmir, model, relu_model, saved, tensor

SUFFIXES = {name: load_target(name).suffix for name in TARGETS}


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def verified(proto: onnx.ModelProto, target: str, name: str = "m") -> list[str]:
    """The arguments by which glmc compiles the model for a target, in full precision, and verifies it."""
    path = saved(Path(f"{name}.source"), proto)
    precision = ["--precision", "fp32"] if target == "coreml" else []
    return [str(path), "--target", target, "-o", f"{name}{SUFFIXES[target]}", "--verify", *precision]


def command(name: str, *arguments: object) -> Outcome:
    """How the command ends and what it says, runtimes' own printing included."""
    module = f"glmir.driver.{'workbench' if name == 'glmir' else name}"
    line = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


EACH = """
import json, sys
from glmir.driver.glmc import main
print(json.dumps([main(arguments) for arguments in json.load(sys.stdin)]), file=sys.stderr)
"""


def codes_of(commands: Sequence[list[str]]) -> tuple[list[int], str]:
    """The exit codes of glmc with each of the arguments, in a process that runtimes may spoil, and what was said."""
    done = subprocess.run(
        [sys.executable, "-c", EACH], input=json.dumps(commands), capture_output=True, text=True, check=True
    )
    *said, codes = done.stderr.splitlines()
    return json.loads(codes), "\n".join(said)


def unary(operator: str, x: str, y: str) -> onnx.NodeProto:
    return helper.make_node(operator, [x], [y], f"{operator}_{y}")


ODD = {
    "names": model(
        [
            unary("Relu", '{"a": [1]}', "../b"),
            unary("Neg", "x.1", "tensor"),
            unary("Abs", "x/1", "x_1"),
            unary("Exp", "ü" * 300, "%d\n"),
        ],
        [tensor(n, 2) for n in ('{"a": [1]}', "x.1", "x/1", "ü" * 300)],
        ["../b", "tensor", "x_1", "%d\n"],
    ),
    "handed on": model(
        [unary("Relu", "x", "y"), unary("Identity", "y", "z"), unary("Identity", "x", "copy")],
        [tensor("x", 2, 3)],
        [tensor(n, 2, 3) for n in ("z", "x", "y", "copy")],
    ),
    "constant": model([unary("Identity", "c", "y")], [], ["y", "c"], {"c": np.array([1, -2])}),
    "scalars": model(
        [helper.make_node("Add", ["a", "b"], ["y"]), unary("Not", "t", "n")],
        [tensor("a"), tensor("b"), tensor("t", dtype=TensorProto.BOOL)],
        ["y", "n"],
    ),
    "brain floats": model(
        [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)],
        [tensor("x", 3, dtype=TensorProto.BFLOAT16)],
        ["y"],
    ),
    "sizes that depend on data": model([unary("NonZero", "x", "y")], [tensor("x", "n", 3)], ["y"]),
}


@pytest.mark.parametrize("target", TARGETS)
def test_odd_models_are_right(target: str) -> None:
    codes, said = codes_of([verified(proto, target, case) for case, proto in ODD.items()])
    assert (dict(zip(ODD, codes, strict=True)), said) == (dict.fromkeys(ODD, 0), "")


@pytest.mark.parametrize("target", TARGETS)
def test_many_axes_are_right_or_refused(target: str) -> None:
    softmax = helper.make_node("Softmax", ["product"], ["y"], "softmax", axis=2)
    product = helper.make_node("MatMul", ["x", "w"], ["product"], "product")
    weight = np.arange(12, dtype=np.float32).reshape(3, 4)
    protos = {
        rank: model([product, softmax], [tensor("x", *(2,) * (rank - 1), 3)], ["y"], {"w": weight})
        for rank in (7, 8, 9)
    }
    codes, said = codes_of([verified(proto, target, f"m{rank}") for rank, proto in protos.items()])
    most = {"coreml": 5, "onnx": 9}.get(target, 8)
    assert codes == [int(rank > most) for rank in protos], said
    assert said.count("axes") >= sum(codes)


@pytest.mark.parametrize("target", TARGETS)
def test_runtimes_do_not_spoil_what_is_printed(target: str) -> None:
    written = command("glmc", *verified(relu_model(dims=(2, 3)), target))
    assert written.out.startswith(f"m{SUFFIXES[target]}: ") and written.out.count("\n") == 2
    ran = command("glmir", "run", f"m{SUFFIXES[target]}")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("y: float32[2, 3]\n")


def test_native_output_is_kept_and_streams_are_restored(capfd: pytest.CaptureFixture[str]) -> None:
    print("before")
    with kept_native_output() as kept:
        os.write(1, b"native\n\n")
        os.write(2, b"also\n")
        lines = kept_lines(kept)
    print("after")
    assert lines == ["native", "also"]
    assert capfd.readouterr() == ("before\nafter\n", "")


def test_closed_streams_are_no_error() -> None:
    saved(Path("m.onnx"), relu_model(dims=(2, 3)))
    assert glmc("m.onnx", "--target", "mnn", "--quiet").code == 0
    line = f"{sys.executable} -m glmir.driver.workbench run m.mnn"
    assert subprocess.run(f"{line} >&-", shell=True, check=False).returncode == 0
    assert subprocess.run(f"{line} 2>&-", shell=True, check=False, stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize("target", TARGETS)
def test_other_folders_and_processes_give_the_same_bytes(target: str) -> None:
    content = {}
    for seed in ("1", "2"):
        folder = Path(f"folder {seed}")
        folder.mkdir()
        shutil.copy(DIGITS, folder / f"{seed}.onnx")
        line = [sys.executable, "-m", "glmir.driver.glmc", f"{seed}.onnx", "--target", target, "-o", "m", "--quiet"]
        subprocess.run(line, cwd=folder, env={**os.environ, "PYTHONHASHSEED": seed}, check=True)
        files = [f for f in (folder / "m", *(folder / "m").rglob("*")) if f.is_file()]
        content[seed] = {f.relative_to(folder): f.read_bytes() for f in files}
    assert content["1"] == content["2"] != {}


def test_an_output_called_like_another_targets_is_refused() -> None:
    outcome = glmc(DIGITS, "-o", "m.mlpackage")
    sentence = "that is a name for --target coreml, and this is --target tflite, whose files end in .tflite"
    assert (outcome.code, outcome.err) == (2, f"error: cannot write m.mlpackage: {sentence}\n")
    assert glmc(DIGITS, "-o", "m.bin").code == 0
    assert glmc(DIGITS, "--emit", "ir", "-o", "m.mnn").code == 0


@pytest.mark.parametrize("target", ["coreml", "onnx"])
def test_damaged_artifacts(target: str) -> None:
    """Artifacts that we read ourselves; LiteRT and MNN may crash of them, in their own code."""
    whole, damaged = Path(f"m{SUFFIXES[target]}"), Path(f"damaged{SUFFIXES[target]}")
    assert glmc(DIGITS, "--target", target, "-o", whole).code == 0
    generator, codes = random.Random(2), set()
    for turn in range(60):
        (shutil.copytree if whole.is_dir() else shutil.copy)(whole, damaged)
        file = generator.choice([f for f in (damaged, *sorted(damaged.rglob("*"))) if f.is_file()])
        content = bytearray(file.read_bytes())
        place = generator.randrange(min(len(content), 4000))
        content[place] ^= 1 << generator.randrange(8)
        file.write_bytes(content[:place] if turn % 4 == 0 else content)
        outcome = glmir("run", damaged)
        codes.add(outcome.code)
        assert "defect" not in outcome.err and outcome.code in (0, 1, 2), outcome.err
        assert outcome.err.startswith("error: ") == (outcome.code != 0)
        shutil.rmtree(damaged) if damaged.is_dir() else damaged.unlink()
    assert {0, 1} <= codes


def test_a_signal_between_two_packages_leaves_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Path("m.mlpackage")
    assert glmc(DIGITS, "--target", "coreml", "-o", old).code == 0
    content = (old / output.PACKAGE_MANIFEST).read_bytes()
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == old.name and target.parent.samefile("."):
            raise SystemExit(143)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    assert glmc(DIGITS, "--target", "coreml", "--precision", "fp32", "-o", old).code == 143
    assert (old / output.PACKAGE_MANIFEST).read_bytes() == content
    assert os.listdir() == [old.name]
