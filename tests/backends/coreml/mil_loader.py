"""Packages read, and on a Mac run, by coremltools in a process of another Python: its type inference is Apple's.

``GLMC_COREMLTOOLS_PYTHON`` names a Python that has what requirements.txt lists. Run as a program, this file answers
each line of its input, a JSON list, with one: ``["load", package]`` with what is wrong with the package, or nothing,
``["predict", package, inputs.npz, outputs.npz]`` with what went wrong.
"""

import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VARIABLE = "GLMC_COREMLTOOLS_PYTHON"
REASON = f"there is no coremltools: {VARIABLE} names a Python that has tests/backends/coreml/requirements.txt"

Array = NDArray[Any]


def is_available() -> bool:
    """Whether there is a Python that has coremltools."""
    return _python() is not None


def assert_loads(package: Path) -> None:
    """Fails when coremltools does not accept a package, or infers other types; passes when there is no coremltools."""
    problem = problem_of(package)
    assert not problem, problem


def problem_of(package: Path) -> str:
    """Why coremltools does not accept a package; empty when it does, and when there is no coremltools."""
    return _ask("load", str(package)) if is_available() else ""


def predict(package: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What Core ML computes, on a Mac; raises RuntimeError."""
    with tempfile.TemporaryDirectory() as folder:
        given, computed = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
        np.savez(given, **inputs)
        if problem := _ask("predict", str(package), str(given), str(computed)):
            raise RuntimeError(problem)
        return dict(np.load(computed))


def installed_folder() -> Path | None:
    """Where coremltools is installed; None when it is not."""
    python = _python()
    if python is None:
        return None
    # Finding a package does not import it.
    script = "import importlib.util as u; print(u.find_spec('coremltools').origin)"
    return Path(
        subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    ).parent


def _python() -> str | None:
    named = os.environ.get(VARIABLE)
    if named is None and importlib.util.find_spec("coremltools") is not None:
        return sys.executable
    return named


def _ask(*request: str) -> str:
    process = _server()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    assert answer, "the process that has coremltools ended"
    return answer.strip()


@functools.cache
def _server() -> "subprocess.Popen[str]":
    python = _python()
    assert python is not None, REASON
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.Popen(
        [python, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    # What coremltools prints is no answer.
    os.dup2(2, 1)
    for line in sys.stdin:
        request, *arguments = json.loads(line)
        try:
            (_load if request == "load" else _predict)(*arguments)
            problem = ""
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        answers.write(problem.replace("\n", " ") + "\n")
        answers.flush()


def _load(package: str) -> None:
    """Builds coremltools' own program, which infers every type and holds it against the declared one."""
    from coremltools.converters.mil.frontend.milproto.load import load
    from coremltools.models import MLModel

    model = MLModel(package, skip_model_load=True)
    load(model.get_spec(), model.get_spec().specificationVersion, model.weights_dir)


def _predict(package: str, inputs: str, outputs: str) -> None:
    from coremltools.models import MLModel

    np.savez(outputs, **MLModel(package).predict(dict(np.load(inputs))))


if __name__ == "__main__":
    _serve()
