"""Accuracy, size and latency of quantized networks, ours beside other tools', on the tasks of tests/models.

    python -m tests.benchmarks.quantization [--task "text lines"] [--tool onnxruntime-minmax] [--cases 20]

Every pair of task and tool runs in a process of its own, so that one that crashes or eats all memory is one row. All
tools get the same float network (the source with the task's shapes, written by us as ONNX) and the same calibration
data. Score is the task's own; SQNR is 10 log10(sum of squares / sum of squared differences) of all outputs against
the float network on the first test inputs, in dB; latency is the best run of one thread, in milliseconds.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

import glmir
from tests.models.quantization.task import Array, Inputs, Run, Task, onnxruntime_run
from tests.models.quantization.tasks import TASKS

TIMEOUT_SECONDS = 900
SQNR_INPUTS = 40
LATENCY_RUNS = 20


@dataclass(frozen=True)
class Row:
    """One tool on one task. `bytes` is the artifact's size, `seconds` what quantizing took."""

    task: str
    tool: str
    score: float
    sqnr: float
    bytes: int
    milliseconds: float
    seconds: float


@dataclass(frozen=True)
class Artifact:
    """A file and how to run it."""

    path: Path
    run: Run


Tool = Callable[[Task, Path], Artifact]
"""From a task and an empty folder to a quantized artifact."""


def float_network(task: Task, folder: Path) -> Path:
    # Above opset 18 onnxruntime's quantizer writes files for some networks that onnxruntime refuses.
    return glmir.compile(task.model(), target="onnx", inputs=dict(task.pins), opset=17).save(folder / "float.onnx")


def float_onnx(task: Task, folder: Path) -> Artifact:
    path = float_network(task, folder)
    return Artifact(path, onnxruntime_run(path))


def float_tflite(task: Task, folder: Path) -> Artifact:
    return ours(task, folder, "tflite")


def ours(task: Task, folder: Path, target: str, **recipe: object) -> Artifact:
    """Compiled by glmc with a recipe (`quantize=`, `calibrate=`, …), run in the target's runtime."""
    artifact = glmir.compile(task.model(), target=target, inputs=dict(task.pins), **recipe)  # type: ignore[arg-type]
    path = artifact.save(folder / f"ours{artifact.target.suffix}")
    return Artifact(path, RUNNERS[target](path) if target in RUNNERS else artifact.run)


def litert_run(path: Path) -> Run:
    """A .tflite file in LiteRT on one thread, prepared once. Inputs take the types that the file has at its border."""
    interpreter = Interpreter(str(path), num_threads=1)
    (signature,) = interpreter.get_signature_list()
    runner = interpreter.get_signature_runner(signature)
    types = {name: detail["dtype"] for name, detail in runner.get_input_details().items()}

    def run(inputs: Inputs) -> Mapping[str, Array]:
        outputs: Mapping[str, Array] = runner(**{name: inputs[name].astype(dtype) for name, dtype in types.items()})
        return outputs

    return run


RUNNERS: Mapping[str, Callable[[Path], Run]] = {"onnx": onnxruntime_run, "tflite": litert_run}
"""Runs that are prepared once. The others open the file at each run, so that their latency means nothing."""


def onnxruntime_static(calibrator: str) -> Tool:
    """onnxruntime's static quantizer: QDQ, int8 activations, int8 weights per channel."""

    def quantize(task: Task, folder: Path) -> Artifact:
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        path = folder / "quantized.onnx"
        quantize_static(
            prepared_by_onnxruntime(task, folder),
            path,
            Reader(task.calibration()),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[calibrator],
        )
        return Artifact(path, onnxruntime_run(path))

    return quantize


def onnxruntime_int4(task: Task, folder: Path) -> Artifact:
    """onnxruntime's weight-only int4, blocks of 32, of matrix products."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    path = folder / "quantized.onnx"
    quantizer = MatMulNBitsQuantizer(str(float_network(task, folder)), block_size=32, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(str(path))
    return Artifact(path, onnxruntime_run(path))


class Reader:
    """Calibration data as onnxruntime's quantizer takes them."""

    def __init__(self, samples: Iterator[Inputs]) -> None:
        self.samples = samples

    def get_next(self) -> Inputs | None:
        return next(self.samples, None)


def prepared_by_onnxruntime(task: Task, folder: Path) -> Path:
    """The float network after the preparation that the tool's documentation asks for."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    path = folder / "prepared.onnx"
    quant_pre_process(str(float_network(task, folder)), str(path), skip_symbolic_shape=True)
    return path


TOOLS: Mapping[str, Tool] = {
    "float onnx": float_onnx,
    "float tflite": float_tflite,
    "onnxruntime-minmax": onnxruntime_static("MinMax"),
    "onnxruntime-entropy": onnxruntime_static("Entropy"),
    "onnxruntime-percentile": onnxruntime_static("Percentile"),
    "onnxruntime-int4": onnxruntime_int4,
}


def measure(task: Task, tool: str, cases: int | None) -> Row:
    with tempfile.TemporaryDirectory(prefix="glmc-quantization-") as folder:
        started = time.perf_counter()
        artifact = TOOLS[tool](task, Path(folder))
        seconds = time.perf_counter() - started
        size = artifact.path.stat().st_size
        score = task.score(artifact.run, cases)
        return Row(task.name, tool, score, sqnr(task, artifact.run), size, latency(task, artifact.run), seconds)


def sqnr(task: Task, run: Run) -> float:
    signal = noise = 0.0
    expected_of = task.float_run()
    for inputs in islice(task.test(), SQNR_INPUTS):
        expected, found = expected_of(inputs), run(inputs)
        for name, array in expected.items():
            signal += float(np.square(array, dtype=np.float64).sum())
            noise += float(np.square(as_double(found[name]) - as_double(array)).sum())
    return float(10 * np.log10(signal / noise)) if noise > 0 else float("inf")


def as_double(array: Array) -> NDArray[np.float64]:
    return np.asarray(array, np.float64)


def latency(task: Task, run: Run) -> float:
    inputs = next(task.test())
    best = float("inf")
    for _ in range(LATENCY_RUNS):
        started = time.perf_counter()
        run(inputs)
        best = min(best, time.perf_counter() - started)
    return best * 1e3


def measure_apart(task: str, tool: str, cases: int | None) -> str:
    """One line of the table, measured in another process."""
    command = [sys.executable, "-m", "tests.benchmarks.quantization", "--worker", "--task", task, "--tool", tool]
    command += [] if cases is None else ["--cases", str(cases)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{task:20} {tool:26} took over {TIMEOUT_SECONDS} s"
    if run.returncode != 0:
        lines = run.stderr.strip().splitlines() or ["no message"]
        return f"{task:20} {tool:26} failed ({run.returncode}): {lines[-1][:120]}"
    return format_row(Row(**json.loads(run.stdout.splitlines()[-1])))


def format_row(row: Row) -> str:
    return (
        f"{row.task:20} {row.tool:26} {row.score:7.4f} {row.sqnr:7.1f} {row.bytes / 1e6:8.2f} "
        f"{row.milliseconds:8.2f} {row.seconds:7.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", action="append", choices=TASKS)
    parser.add_argument("--tool", action="append", choices=TOOLS)
    parser.add_argument("--cases", type=int, help="only so many test cases of each task")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    tasks, tools = arguments.task or list(TASKS), arguments.tool or list(TOOLS)
    if arguments.worker:
        print(json.dumps(dataclasses.asdict(measure(TASKS[tasks[0]], tools[0], arguments.cases))))
        return
    print(f"{'task':20} {'tool':26} {'score':>7} {'SQNR':>7} {'MB':>8} {'ms':>8} {'s':>7}")
    for task in tasks:
        for tool in tools:
            print(measure_apart(task, tool, arguments.cases), flush=True)


if __name__ == "__main__":
    main()
