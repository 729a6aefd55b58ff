"""Accuracy, size and latency of quantized networks, ours beside other tools', on the tasks of tests/models.

    python -m tests.benchmarks.quantization [--task "text lines"] [--tool "*int8*"] [--cases 20]
    python -m tests.benchmarks.quantization --latency --task "text lines" --tool "ours tflite*" --tool "ai-edge int8"

Tasks and tools are chosen by name or by a pattern; --list names them. Every pair runs in a process of its own, so that
one that crashes or eats all memory is one row. All tools get the same float network and the same calibration data.
Score is the task's own; SQNR is 10 log10(sum of squares / sum of squared differences) of each output against the float
network on the first test inputs, in dB, of the worst output; latency is the best run of one thread, in milliseconds.
Where other work goes on, such latencies say little of one tool beside another: with --latency all tools' artifacts are
run in turn in one process, so that all meet the same moods of the machine; --runs says how often.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

import numpy as np

from tests.benchmarks.quantizers import TOOLS
from tests.models.quantization.task import Inputs, Run, Task
from tests.models.quantization.tasks import CLASSIFIERS, TASKS

ALL_TASKS: Mapping[str, Task] = {**TASKS, **CLASSIFIERS}
TIMEOUT_SECONDS = 900
SQNR_INPUTS = 40
LATENCY_RUNS = 30
SLOW_CASES = {"ours coreml": 4}
"""Tools whose artifacts are executed op by op take this many test cases unless --cases says otherwise."""


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


def measure(task: Task, tool: str, cases: int | None) -> Row:
    slow = next((count for prefix, count in SLOW_CASES.items() if tool.startswith(prefix)), None)
    with tempfile.TemporaryDirectory(prefix="glmc-quantization-") as folder:
        started = time.perf_counter()
        artifact = TOOLS[tool](task, Path(folder))
        seconds = time.perf_counter() - started
        files = [artifact.path] if artifact.path.is_file() else [p for p in artifact.path.rglob("*") if p.is_file()]
        size = sum(path.stat().st_size for path in files)
        score = task.score(artifact.run, cases or slow)
        ratio = sqnr(task, artifact.run, slow or SQNR_INPUTS)
        return Row(task.name, tool, score, ratio, size, latency(task, artifact.run, slow or LATENCY_RUNS), seconds)


def sqnr(task: Task, run: Run, count: int) -> float:
    """Of the worst output, over the first `count` test inputs, in dB."""
    signal: dict[str, float] = defaultdict(float)
    noise: dict[str, float] = defaultdict(float)
    expected_of = task.float_run()
    for inputs in islice(task.test(), count):
        found = run(inputs)
        for name, array in expected_of(inputs).items():
            expected = np.asarray(array, np.float64)
            error = np.asarray(found[name], np.float64).reshape(expected.shape) - expected
            signal[name] += float(np.square(expected).sum())
            noise[name] += float(np.square(error).sum())
    with np.errstate(divide="ignore"):
        return float(min(10 * np.log10(np.float64(signal[name]) / noise[name]) for name in signal))


def latency(task: Task, run: Run, runs: int) -> float:
    inputs = next(task.test())
    return min(timed(run, inputs) for _ in range(runs)) * 1e3


def timed(run: Run, inputs: Inputs) -> float:
    started = time.perf_counter()
    run(inputs)
    return time.perf_counter() - started


def compare_latencies(task: Task, tools: list[str], runs: int) -> None:
    """Prints each tool's best and median latency, and the best as a part of that of the first tool."""
    inputs = next(task.test())
    with tempfile.TemporaryDirectory(prefix="glmc-quantization-") as folder:
        artifacts = {}
        for index, tool in enumerate(tools):
            (place := Path(folder, str(index))).mkdir()
            artifacts[tool] = TOOLS[tool](task, place).run
        seconds: dict[str, list[float]] = {tool: [] for tool in tools}
        for _ in range(runs):
            for tool, run in artifacts.items():
                run(inputs)  # not counted: what ran before filled the caches with its own weights
                seconds[tool].append(timed(run, inputs))
    first = min(seconds[tools[0]])
    for tool, times in seconds.items():
        best, median = min(times), float(np.median(times))
        print(f"{task.name:20} {tool:28} {best * 1e3:8.2f} {median * 1e3:8.2f} {best / first:6.2f}", flush=True)


def measure_apart(task: str, tool: str, cases: int | None) -> Row | str:
    """A row, measured in another process, or what went wrong."""
    command = [sys.executable, "-m", "tests.benchmarks.quantization", "--worker", "--task", task, "--tool", tool]
    command += [] if cases is None else ["--cases", str(cases)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"took over {TIMEOUT_SECONDS} s"
    if run.returncode != 0:
        lines = run.stderr.strip().splitlines() or ["no message"]
        return f"failed ({run.returncode}): {lines[-1][:160]}"
    return Row(**json.loads(run.stdout.splitlines()[-1]))


def format_row(row: Row) -> str:
    return f"{row.score:7.4f} {row.sqnr:7.1f} {row.bytes / 1e6:8.2f} {row.milliseconds:8.2f} {row.seconds:7.1f}"


def chosen(patterns: list[str] | None, names: Mapping[str, object]) -> Iterator[str]:
    for name in names:
        if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns):
            yield name


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quantization", description="Measure quantizers.")
    parser.add_argument("--task", action="append", help="a name or a pattern")
    parser.add_argument("--tool", action="append", help="a name or a pattern")
    parser.add_argument("--cases", type=int, help="only so many test cases of each task")
    parser.add_argument("--latency", action="store_true", help="only latencies, of all tools in turn")
    parser.add_argument("--runs", type=int, default=LATENCY_RUNS, help=f"with --latency (default: {LATENCY_RUNS})")
    parser.add_argument("--list", action="store_true", help="name the tasks and the tools")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    tasks, tools = list(chosen(arguments.task, ALL_TASKS)), list(chosen(arguments.tool, TOOLS))
    if arguments.list:
        print("tasks:", *tasks, "", "tools:", *tools, sep="\n")
    elif arguments.worker:
        print(json.dumps(dataclasses.asdict(measure(ALL_TASKS[tasks[0]], tools[0], arguments.cases))))
    elif arguments.latency:
        print(f"{'task':20} {'tool':28} {'min ms':>8} {'med ms':>8} {'ratio':>6}")
        for task in tasks:
            compare_latencies(ALL_TASKS[task], tools, arguments.runs)
    else:
        print(f"{'task':20} {'tool':28} {'score':>7} {'SQNR':>7} {'MB':>8} {'ms':>8} {'s':>7}")
        for task in tasks:
            for tool in tools:
                result = measure_apart(task, tool, arguments.cases)
                print(f"{task:20} {tool:28}", result if isinstance(result, str) else format_row(result), flush=True)


if __name__ == "__main__":
    main()
