"""The other tools that make files of a target: what they make is kept, since some take minutes."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

MNN_CONVERTER = "import _tools, sys; _tools.mnnconvert(sys.argv[1:])"
"""MNN's converter as a call: its command installs a package and reports its use."""

ONNXSLIM = "import onnx, onnxslim, sys; onnx.save(onnxslim.slim(sys.argv[1]), sys.argv[2])"
ONNXSIM = "import onnx, onnxsim, sys; onnx.save(onnxsim.simplify(onnx.load(sys.argv[1]))[0], sys.argv[2])"

LONGEST_SECONDS = 600


@dataclass(frozen=True)
class Peer:
    """A tool; ``convert`` runs it on a model in an empty folder, and says where its file would be."""

    name: str
    suffix: str
    convert: Callable[[Path, Path, str], Path]

    def file(self, model: Path, kept: Path, command: str = "") -> Path | None:
        """What the tool makes of the model: made now if it was not before, None when it makes nothing.

        ``command`` is how it is called, for one that has an environment of its own.
        """
        path = kept / self.name / f"{model.stem}{self.suffix}"
        failed = path.with_suffix(".failed")
        if path.exists() and path.stat().st_mtime >= model.stat().st_mtime:
            return path
        if failed.exists():
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = self.convert(model.resolve(), Path(folder), command)
            if not made.exists():
                failed.touch()
                return None
            made.replace(path)
        return path


def _run(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """What the tool says is not of interest; what it makes is."""
    try:
        subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=LONGEST_SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        return


def _by_onnx2tf(model: Path, folder: Path, command: str) -> Path:
    # It simplifies the model in place, by calling a command that it only finds on the path.
    copy = Path(shutil.copy(model, folder))
    path = os.pathsep.join([str(Path(command).parent), os.environ.get("PATH", "")])
    result = folder / "result"
    _run([command or "onnx2tf", "-i", str(copy), "-o", str(result), "-n"], folder, {**os.environ, "PATH": path})
    return result / f"{model.stem}_float32.tflite"


def _by_mnn(model: Path, folder: Path, command: str) -> Path:
    made = folder / "made.mnn"
    arguments = ["mnnconvert", "-f", "ONNX", "--modelFile", str(model), "--MNNModel", str(made), "--bizCode", "x"]
    _run([sys.executable, "-c", MNN_CONVERTER, *arguments], folder)
    return made


def _by_onnxslim(model: Path, folder: Path, command: str) -> Path:
    _run([sys.executable, "-c", ONNXSLIM, str(model), "made.onnx"], folder)
    return folder / "made.onnx"


def _by_onnxsim(model: Path, folder: Path, command: str) -> Path:
    _run([sys.executable, "-c", ONNXSIM, str(model), "made.onnx"], folder)
    return folder / "made.onnx"


PEERS: dict[str, tuple[Peer, ...]] = {
    "tflite": (Peer("onnx2tf", ".tflite", _by_onnx2tf),),
    "mnn": (Peer("mnnconvert", ".mnn", _by_mnn),),
    "onnx": (Peer("onnxslim", ".onnx", _by_onnxslim), Peer("onnxsim", ".onnx", _by_onnxsim)),
}
"""Target -> the tools that ours is compared with."""
