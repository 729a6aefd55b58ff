"""The latency of a compiled model in the MNN runtime, beside what MNN's own converter makes of it and onnxruntime.

    python -m tests.benchmarks.mnn_latency model.onnx [--runs 50] [--dim NAME=SIZE]

One thread, full precision, the runtime's defaults otherwise; one run of each in turn. Every row says how far its
outputs are from onnxruntime's, so that no wrong file looks fast.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from MNN import expr, nn

import glmir
from glmir.backends.flatbuffer import read
from glmir.backends.mnn.runtime import CPU, HIGH
from glmir.backends.mnn.schema import Net
from glmir.backends.mnn.schema_enums import OpType
from glmir.driver.samples import seeded_inputs
from glmir.ir import Array

from .latency import Arrays, Candidate, _measure, _print, _with_dims

CONVERT = "import _tools, sys; _tools.mnnconvert(sys.argv[1:])"
"""MNN's converter as a call: its command installs a package and reports its use."""


def main() -> None:
    """Compiles and converts the model, measures both, and prints a table."""
    arguments = _parser().parse_args()
    dims = {name: int(size) for name, _, size in (text.partition("=") for text in arguments.dim)}
    types = {v.name: v.type for v in glmir.load(arguments.model).main.inputs}
    inputs = seeded_inputs(_with_dims(types, dims))
    session = _session(arguments.model)
    outputs = [output.name for output in session.get_outputs()]
    with tempfile.TemporaryDirectory() as folder:
        compiled = glmir.compile(arguments.model, target="mnn").save(Path(folder, "glmc.mnn"))
        candidates = [_in_mnn("glmc", compiled, inputs, outputs)]
        converted = _converted(arguments.model.resolve(), Path(folder))
        if converted.exists():
            candidates.append(_in_mnn("mnnconvert", converted, inputs, outputs))
        candidates.append(_in_onnxruntime(session, inputs))
        _measure(candidates, arguments.runs)
        _print(candidates)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.mnn_latency", description="Measure the latency of a model compiled for MNN."
    )
    parser.add_argument("model", type=Path, help="an ONNX model")
    parser.add_argument("--runs", type=int, default=50, help="measured runs of each (default: 50)")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE", help="the size of a symbolic dim")
    return parser


def _converted(model: Path, folder: Path) -> Path:
    """What MNN's converter makes of the model; the file is missing when it can make nothing."""
    result = folder / "mnnconvert.mnn"
    command = ["mnnconvert", "-f", "ONNX", "--modelFile", str(model), "--MNNModel", str(result), "--bizCode", "x"]
    subprocess.run([sys.executable, "-c", CONVERT, *command], cwd=folder, check=False, capture_output=True)
    return result


def _in_mnn(name: str, path: Path, inputs: Arrays, outputs: Sequence[str]) -> Candidate:
    manager = nn.create_runtime_manager(({"backend": CPU, "numThread": 1, "precision": HIGH},))
    module = nn.load_module_from_file(str(path), list(inputs), list(outputs), runtime_manager=manager)
    variables = [_variable(array) for array in inputs.values()]

    def results() -> list[Array]:
        return [result.read() for result in module.forward(variables)]

    def run() -> None:
        results()

    ops = [op.type for op in read(Net, path.read_bytes()).oplists or ()]
    written = sum(op not in (OpType.CONST, OpType.INPUT) for op in ops)
    return Candidate(name, run, results, f"{written} | {ops.count(OpType.CONVERT_TENSOR)}")


def _variable(array: Array) -> object:
    is_float = array.dtype.kind == "f"
    values = np.ascontiguousarray(array, np.float32 if is_float else np.int32)
    return expr.const(values.reshape(-1), list(array.shape), expr.NCHW, expr.float if is_float else expr.int)


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _in_onnxruntime(session: onnxruntime.InferenceSession, inputs: Arrays) -> Candidate:
    outputs: list[Array] = session.run(None, dict(inputs))

    def run() -> None:
        session.run(None, dict(inputs))

    return Candidate("onnxruntime", run, lambda: outputs, " | ")


if __name__ == "__main__":
    main()
