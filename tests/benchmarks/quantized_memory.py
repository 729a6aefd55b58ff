"""Seconds and peak memory of quantizing, whole processes with imports: with few and with many samples.

    python -m tests.benchmarks.quantized_memory [mobilenet_v2] [--samples 10 --samples 1000] [--calibrator mse]
    python -m tests.benchmarks.quantized_memory --samples 32 --file --runs 5 [--peers]

Models are names of zoo.py that take images, or paths with --input and --shape. Samples are random and made one at a
time, or with --file lie in an .npz file. --peers adds onnxruntime's calibrators on 40 lines of text, and ours.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.compile_time import find_model
from tests.benchmarks.processes import Measurement, interleaved, measure

if TYPE_CHECKING:
    import numpy as np

CALIBRATORS = ("minmax", "moving-average", "entropy", "percentile", "mse")
IMAGE_SHAPE = "1,3,224,224"
NAME, SHAPE, COUNT = (f"GLMC_BENCHMARK_{what}" for what in ("INPUT", "SHAPE", "SAMPLES"))
PEERS = ("ours onnx int8", "onnxruntime int8 minmax", "onnxruntime int8 entropy", "onnxruntime int8 percentile")
WRITE = (
    "import sys, numpy as np; from tests.benchmarks.quantized_memory import samples; made = list(samples()); "
    "np.savez(sys.argv[1], **{name: np.concatenate([s[name] for s in made]) for name in made[0]})"
)


def samples() -> "Iterator[dict[str, np.ndarray]]":
    """As many samples as the environment says, f32 in the shape that it says; glmc calls this in its own process."""
    import numpy as np  # what measures should be small: a process begins its account with the size of its parent's

    generator = np.random.default_rng(0)
    shape = [int(size) for size in os.environ[SHAPE].split(",")]
    for _ in range(int(os.environ[COUNT])):
        yield {os.environ[NAME]: generator.standard_normal(shape, np.float32)}


def main() -> None:
    """Measures and prints a table."""
    arguments = _parser().parse_args()
    os.environ[NAME], os.environ[SHAPE] = arguments.input, arguments.shape
    print(_row("model", "calibrator", "samples", "s", "CPU s", "peak MB"))
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="glmc-memory-") as folder:
        for name in arguments.models or ["mobilenet_v2"]:
            model = find_model(name, Path(folder)).path
            for calibrator in arguments.calibrator or CALIBRATORS:
                for count in arguments.samples or [10, 1000]:
                    command = _command(model, calibrator, count, arguments.file, Path(folder))
                    (runs,) = interleaved([command], arguments.runs)
                    print(_row(model.stem, calibrator, str(count), *_figures(runs)), flush=True)
    for tool in PEERS if arguments.peers else ():
        command = [sys.executable, "-m", "tests.benchmarks.quantization", "--worker", "--cases", "1"]
        print(_row("text lines", tool, "40", *_figures([measure([*command, "--task", "text lines", "--tool", tool])])))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.quantized_memory", description="Measure seconds and memory of quantizing."
    )
    parser.add_argument("models", nargs="*", help="names of zoo.py or paths (default: mobilenet_v2)")
    parser.add_argument("--samples", type=int, action="append", help="may be given several times (default: 10, 1000)")
    parser.add_argument("--calibrator", action="append", choices=CALIBRATORS, help="default: all")
    parser.add_argument("--input", default="input", help="the name of the model's input (default: input)")
    parser.add_argument("--shape", default=IMAGE_SHAPE, help=f"of one sample (default: {IMAGE_SHAPE})")
    parser.add_argument("--file", action="store_true", help="read the samples from a file, not from a function")
    parser.add_argument("--runs", type=int, default=1, help="how often each is run (default: 1)")
    parser.add_argument("--peers", action="store_true", help="measure other tools, too")
    return parser


def _command(model: Path, calibrator: str, count: int, is_file: bool, folder: Path) -> Sequence[str]:
    os.environ[COUNT] = str(count)
    data = "python:tests.benchmarks.quantized_memory:samples"
    if is_file:
        data = str(folder / f"{count}.npz")
        written = measure([sys.executable, "-c", WRITE, data])
        if written.exit_code:
            raise SystemExit(written.last_line)
    recipe = f"int8{{calibrator={calibrator}}}"
    command = [sys.executable, "-m", "glmir.driver.glmc", str(model), "--quiet", "--target", "tflite"]
    return [*command, "--quantize", recipe, "--calibrate", data, "-o", str(folder / "quantized.tflite")]


def _figures(runs: Sequence[Measurement]) -> list[str]:
    best = min(runs, key=lambda m: (m.exit_code != 0, m.seconds))
    if best.exit_code:
        return [f"failed: {best.last_line[:100]}", "", ""]
    return [f"{best.seconds:.2f}", f"{best.cpu_seconds:.2f}", f"{best.peak_bytes / 1e6:.0f}"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
