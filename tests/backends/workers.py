"""Processes that run artifacts: when a runtime crashes, or is left in a bad state, that costs one case."""

import functools
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from glmir import Artifact
from glmir.backends.target import Target
from glmir.ir import Array
from glmir.types import DType

SECONDS = 600
"""After so long a run is taken to hang. Large models are slow where they are executed op by op."""

SPOILED_BY_FAILURE = frozenset({"mnn"})
"""Runtimes that compute wrong results in a process where a run has failed."""


class RuntimeFailure(Exception):
    """The runtime refused the artifact, or died of it."""


class Worker:
    """A process that runs artifacts of one target; the next case after a crash gets a new one."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, artifact: Path | bytes, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The artifact's outputs; raises RuntimeFailure."""
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        try:
            pickle.dump((artifact, dict(inputs)), process.stdin)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
        except (EOFError, BrokenPipeError):
            self._process = None
            raise RuntimeFailure(f"the runtime crashed with exit code {process.wait()}") from None
        finally:
            timer.cancel()
        if isinstance(answer, str):
            if self._target in SPOILED_BY_FAILURE:
                self._stop(process)
            raise RuntimeFailure(answer)
        outputs: dict[str, Array] = answer
        return outputs

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), self._target]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return self._process

    def _stop(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()
        self._process = None


@functools.cache
def worker(target: str) -> Worker:
    """The process of a target, one for all tests."""
    return Worker(target)


def run_artifact(artifact: Artifact, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of an artifact for its source's inputs, in a process of its own; raises RuntimeFailure."""
    given = {name: at_border(artifact.target, array) for name, array in inputs.items()}
    with tempfile.TemporaryDirectory(prefix="glmc-") as folder:
        path = artifact.save(Path(folder) / f"model{artifact.target.suffix}")
        return {name: np.asarray(a) for name, a in worker(artifact.target.name).run(path, given).items()}


def at_border(target: Target, array: Array) -> Array:
    """An input or output of the source in the dtype that it has in the target's artifact."""
    border = target.border(DType.of(array.dtype)).numpy
    return array if array.dtype == border else array.astype(border)
