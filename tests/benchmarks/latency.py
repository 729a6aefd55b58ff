"""Operators and latency of compiled models beside what the other tools make of them, in the same runtime.

    python -m tests.benchmarks.latency model.onnx [other.onnx ...] --kept FOLDER [--target tflite ...]

TFLite beside onnx2tf in LiteRT, MNN beside its own converter, ONNX beside onnxslim and onnxsim in onnxruntime: one
thread, the runtimes' own optimisations on. The others' files are made once and kept in FOLDER/<tool>; onnx2tf needs an
environment of its own, whose command ``--onnx2tf`` names. Two copies of each file are loaded and run in turn, and the
better one of each round counts; the ratio of the two of our own is the row's noise. The error is the largest of any
output against onnxruntime on the source, as a part of its largest magnitude, so that no wrong file looks fast.

TFLite files of ours are compiled with channels-last images, as onnx2tf's are. The last lines list what is lost: where
another tool's file has fewer operators, or is more than 2 % faster.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path

import glmir
from glmir.driver.samples import run_on_samples

from .measuring import Arrays, Candidate, largest_error, measure_in_turn
from .peers import PEERS
from .runtimes import in_litert, in_mnn, in_onnxruntime, session_of

TARGETS = ("tflite", "mnn", "onnx")
OURS = "glmc"
NOTICEABLE = 1.02


@dataclass(frozen=True)
class Row:
    """One model on one target: candidates and errors by name, and one copy of ours over the other."""

    model: str
    candidates: dict[str, Candidate]
    errors: dict[str, float]
    noise: float

    @property
    def ours(self) -> Candidate:
        return self.candidates[OURS]

    @property
    def others(self) -> dict[str, Candidate]:
        return {name: c for name, c in self.candidates.items() if name != OURS}

    @property
    def latency(self) -> float:
        """Ours over the best other."""
        return max((self.ours.ratio(other) for other in self.others.values()), default=1.0)

    @property
    def operators(self) -> int:
        """Ours beyond the fewest of any other."""
        return self.ours.operators - min((other.operators for other in self.others.values()), default=1 << 30)

    @property
    def is_lost(self) -> bool:
        return self.operators > 0 or self.latency > NOTICEABLE


def main() -> None:
    """Compiles, converts and measures every model for every target, and prints a table of each."""
    arguments = _parser().parse_args()
    for target in arguments.target or TARGETS:
        _print_heading(target)
        rows = []
        for model in arguments.models:
            try:
                rows.append(_row(model, target, arguments))
            except Exception as error:
                # Compilers and runtimes have errors of their own, and one model's should not end the others.
                print(f"| {model.stem} | {type(error).__name__}: {str(error).splitlines()[0][:120]} |", flush=True)
                continue
            _print_row(rows[-1], target)
        _print_summary(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.latency", description="Compare compiled models with other tools' files."
    )
    parser.add_argument("models", type=Path, nargs="+", help="ONNX models")
    parser.add_argument("--kept", type=Path, required=True, metavar="FOLDER", help="where the others' files are kept")
    parser.add_argument("--target", action="append", choices=TARGETS, help="default: all")
    parser.add_argument("--onnx2tf", default="", metavar="COMMAND", help="the command, if not that of this environment")
    parser.add_argument("--rounds", type=int, default=40, help="measured runs of each, at least (default: 40)")
    parser.add_argument("--seconds", type=float, default=10, help="more runs within this time (default: 10)")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE", help="the size of a symbolic dim")
    parser.add_argument("-O", dest="opt_level", default="2", help="as in glmc")
    return parser


def _row(model: Path, target: str, arguments: argparse.Namespace) -> Row:
    dims = {name: int(size) for name, _, size in (text.partition("=") for text in arguments.dim)}
    types = {v.name: v.type.substitute(dict(dims)) for v in glmir.load(model).main.inputs}
    session = session_of(model)
    names = [output.name for output in session.get_outputs()]
    inputs, results = run_on_samples(types, lambda given: dict(zip(names, session.run(None, dict(given)), strict=True)))
    load = _loader(target, inputs, names)
    with tempfile.TemporaryDirectory() as folder:
        layout = "nhwc" if target == "tflite" else "nchw"
        artifact = glmir.compile(model, target=target, opt_level=arguments.opt_level, io_layout=layout)
        files = {OURS: artifact.save(Path(folder, f"ours{artifact.target.suffix}"))}
        for peer in PEERS[target]:
            command = arguments.onnx2tf if peer.name == "onnx2tf" else ""
            if made := peer.file(model, arguments.kept, command):
                files[peer.name] = made
        first, second = _copies(files, load)
    measure_in_turn([*first.values(), *reversed(second.values())], arguments.rounds, arguments.seconds)
    candidates = {name: first[name].best_of_both(second[name]) for name in first}
    errors = {c.name: largest_error(c.outputs(), list(results.values())) for c in candidates.values()}
    return Row(model.stem, candidates, errors, second[OURS].ratio(first[OURS]))


def _copies(
    files: Mapping[str, Path], load: Callable[[str, Path], Candidate]
) -> tuple[dict[str, Candidate], dict[str, Candidate]]:
    """Two copies of each, loaded forwards and backwards: where the memory of a copy lies is worth a percent or two.

    A file of the others that does not run is left out, with the reason; ours raises it.
    """
    first = {}
    for name, path in files.items():
        try:
            first[name] = load(name, path)
        except Exception as error:
            # Each runtime has errors of its own.
            if name == OURS:
                raise
            print(f"{path} does not run: {str(error).splitlines()[0][:120]}", file=sys.stderr)
    return first, {name: load(name, files[name]) for name in reversed(first)}


def _loader(target: str, inputs: Arrays, outputs: Sequence[str]) -> Callable[[str, Path], Candidate]:
    if target == "tflite":
        return lambda name, path: in_litert(name, path, inputs)
    if target == "mnn":
        return lambda name, path: in_mnn(name, path, inputs, outputs)
    return lambda name, path: in_onnxruntime(name, path, inputs)


def _print_heading(target: str) -> None:
    others = [peer.name for peer in PEERS[target]]
    columns = ["model", f"operators, glmc / {' / '.join(others)}", "transposes", "glmc, min ms"]
    columns += [f"glmc / {other}, by min" for other in others] + [f"glmc / {other}, median" for other in others]
    columns += ["noise", "error, glmc", *(f"error, {other}" for other in others)]
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)


def _print_row(row: Row, target: str) -> None:
    others = [row.candidates.get(peer.name) for peer in PEERS[target]]
    operators = [str(row.ours.operators), *(str(o.operators) if o else "" for o in others)]
    transposes = [str(row.ours.transposes), *(str(o.transposes) if o else "" for o in others)]
    cells = [row.model, " / ".join(operators), " / ".join(transposes), f"{row.ours.best_ms:.2f}"]
    cells += [f"{row.ours.best_ms / o.best_ms:.3f}" if o else "" for o in others]
    cells += [f"{row.ours.ratio(o):.3f}" if o else "" for o in others]
    cells += [f"{row.noise:.3f}", f"{row.errors[OURS]:.0e}"]
    cells += [f"{row.errors[o.name]:.0e}" if o else "" for o in others]
    print(f"| {' | '.join(cells)} |", flush=True)


def _print_summary(rows: Sequence[Row]) -> None:
    compared = [row for row in rows if row.others]
    if not compared:
        return
    mean = exp(sum(log(row.latency) for row in compared) / len(compared))
    print(f"\nlatency {mean:.3f} of the best other's over {len(compared)} models; lost:")
    for row in sorted(compared, key=lambda row: row.latency, reverse=True):
        if row.is_lost:
            print(f"  {row.model}: latency {row.latency:.3f}, {row.operators:+} operators")


if __name__ == "__main__":
    main()
