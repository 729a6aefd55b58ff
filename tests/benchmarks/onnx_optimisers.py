"""Our ONNX beside onnxslim's and onnxsim's: nodes, time to optimise, and latency in onnxruntime.

    python -m tests.benchmarks.onnx_optimisers model.onnx [other.onnx ...] [--dim n=4] [--runs 50] [--opset 18]

Needs ``pip install onnxslim onnxsim``; what is not installed is left out. Latency is the processor time of one thread,
with the runtime's own optimisations on, one run of each in turn and the best of all. ``Constant`` nodes do not count.
Every row says how far its outputs are from the source's. The last line tells in how many models ours has the fewest
nodes, and how its latency compares with the best of the others.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import glmir
from glmir.driver.samples import run_on_samples
from glmir.driver.verification import compare_output
from glmir.ir import Array

WARM_UP = 3
SECONDS = 30
"""After this long the runs of one model end."""

Arrays = Mapping[str, Array]
Optimise = Callable[[Path, Path], None]


@dataclass
class Candidate:
    """One form of a model: its file, the seconds that it took to make, and those of all its runs."""

    name: str
    nodes: int
    made_in: float
    session: onnxruntime.InferenceSession
    seconds: list[float] = field(default_factory=list)

    def outputs(self, inputs: Arrays) -> dict[str, Array]:
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, dict(inputs)), strict=True))

    def measure(self, inputs: Arrays) -> None:
        # What ran before has filled the caches with its own weights, which would count against this one.
        self.session.run(None, dict(inputs))
        started = time.thread_time()
        self.session.run(None, dict(inputs))
        self.seconds.append(time.thread_time() - started)


@dataclass(frozen=True)
class Result:
    """How ours compares with the best of the others on one model."""

    has_fewest_nodes: bool
    latency: float
    """Ours over the best other."""


def main() -> None:
    """Optimises and measures every model, and prints a table."""
    arguments = _parser().parse_args()
    dims = {name: int(size) for name, _, size in (text.partition("=") for text in arguments.dim)}
    print("| model | | nodes | made in s | min ms | largest error |\n|---|---|---|---|---|---|")
    results = []
    for model in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            candidates = _candidates(model, Path(folder), arguments.opt_level, arguments.opset)
            results.append(_compare(model, candidates, dims, arguments.runs))
    mean = exp(sum(log(r.latency) for r in results) / len(results))
    fewest = sum(r.has_fewest_nodes for r in results)
    slower = sum(r.latency > 1.03 for r in results)
    print(
        f"\nfewest nodes in {fewest} of {len(results)}; latency {mean:.3f} of the best other's, in {slower} above 1.03"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.onnx_optimisers", description="Compare ONNX optimisers."
    )
    parser.add_argument("models", type=Path, nargs="+", help="ONNX models")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE", help="the size of a symbolic dim")
    parser.add_argument("--runs", type=int, default=50, help="measured runs of each (default: 50)")
    parser.add_argument("--opset", type=int, help="as in glmc")
    parser.add_argument("-O", dest="opt_level", default="2", help="as in glmc")
    return parser


def _candidates(model: Path, folder: Path, level: str, opset: int | None) -> list[Candidate]:
    """Ours first, then the source, then what the others make of it."""

    def ours(source: Path, destination: Path) -> None:
        glmir.compile(source, target="onnx", opt_level=level, opset=opset).save(destination)

    candidates = [_made("glmc", ours, model, folder), _candidate("source", model, 0.0)]
    for name, optimise in (("onnxslim", _onnxslim), ("onnxsim", _onnxsim)):
        try:
            candidates.append(_made(name, optimise, model, folder))
        except Exception as error:
            # Each has errors of its own, and some models crash one of them.
            print(f"| {model.name} | {name}: {str(error).strip().splitlines()[0][:80]} | | | | |")
    return candidates


def _made(name: str, optimise: Optimise, model: Path, folder: Path) -> Candidate:
    destination = folder / f"{name}.onnx"
    started = time.process_time()
    optimise(model, destination)
    return _candidate(name, destination, time.process_time() - started)


def _candidate(name: str, path: Path, made_in: float) -> Candidate:
    graph = onnx.load(path, load_external_data=False).graph
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return Candidate(name, sum(node.op_type != "Constant" for node in graph.node), made_in, session)


def _onnxslim(source: Path, destination: Path) -> None:
    import onnxslim

    onnx.save(onnxslim.slim(str(source)), destination)


def _onnxsim(source: Path, destination: Path) -> None:
    import onnxsim

    simplified, _ = onnxsim.simplify(onnx.load(source))
    onnx.save(simplified, destination)


def _compare(model: Path, candidates: Sequence[Candidate], dims: Mapping[str, int], runs: int) -> Result:
    ours, source, *others = candidates
    types = {v.name: v.type.substitute(dict(dims)) for v in glmir.load(model).main.inputs}
    inputs, expected = run_on_samples(types, source.outputs)
    for candidate in candidates:
        for _ in range(WARM_UP):
            candidate.session.run(None, dict(inputs))
    end = time.monotonic() + SECONDS
    for _ in range(runs):
        for candidate in candidates:
            candidate.measure(inputs)
        if time.monotonic() > end:
            break
    for candidate in candidates:
        actual = candidate.outputs(inputs)
        error = max((compare_output(n, actual[n], e).relative for n, e in expected.items()), default=0.0)
        best = min(candidate.seconds) * 1e3
        figures = f"{candidate.nodes} | {candidate.made_in:.2f} | {best:.3f} | {error:.0e}"
        print(f"| {model.name} | {candidate.name} | {figures} |")
    fewest = all(ours.nodes <= other.nodes for other in (source, *others))
    best_other = min(min(other.seconds) for other in (source, *others))
    return Result(fewest, min(ours.seconds) / max(best_other, np.finfo(float).tiny))


if __name__ == "__main__":
    main()
