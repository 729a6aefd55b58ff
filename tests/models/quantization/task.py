"""What a task is: a network, the data to calibrate it on, and a score of whatever computes the network."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Array = NDArray[np.generic]
Floats = NDArray[np.float32]
Inputs = dict[str, Array]
Run = Callable[[Inputs], Mapping[str, Array]]
"""Inputs by name (without those pinned to a constant) to outputs by name."""
Points = tuple[float, float]
"""Points reached in one test case, and the points that there were."""


@dataclass(frozen=True)
class Task:
    """A network and how well something computes it.

    `model` gives the path of the float source; `pins` is what `glmir.compile` takes as `inputs` (a type that fixes the
    shape, or a constant). `calibration` and `test` give inputs in the pinned shapes, without the constants, from
    different seeds. `grade` runs the test cases one after the other; it may feed what it got into the next run.
    """

    name: str
    model: Callable[[], Path]
    pins: Mapping[str, str | int]
    calibration: Callable[[], Iterator[Inputs]]
    test: Callable[[], Iterator[Inputs]]
    grade: Callable[[Run], Iterator[Points]]
    constants: Mapping[str, Array] = field(default_factory=dict)

    def score(self, run: Run, cases: int | None = None) -> float:
        """The share of all points reached, of the first `cases` test cases where the whole would take too long."""
        points = np.array(list(itertools.islice(self.grade(run), cases)), np.float64)
        return float(points[:, 0].sum() / points[:, 1].sum())

    def float_run(self) -> Run:
        """The source in onnxruntime."""
        return onnxruntime_run(self.model(), self.constants)


def onnxruntime_run(model: Path, constants: Mapping[str, Array] | None = None) -> Run:
    """An ONNX file in onnxruntime on one thread; `constants` are given to each run beside its inputs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors; the warnings are about initializers that nothing reads
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    wanted = {value.name for value in session.get_inputs()}
    always = {name: array for name, array in (constants or {}).items() if name in wanted}

    def run(inputs: Inputs) -> Mapping[str, Array]:
        return dict(zip(names, session.run(names, {**inputs, **always}), strict=True))

    return run


def cosine(a: Array, b: Array) -> float:
    """The cosine of two arrays as vectors; 0 where one is not finite or nothing but zeros."""
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    norms = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / norms) if np.isfinite(norms) and norms > 0 else 0.0
