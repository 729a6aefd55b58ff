"""How long compiling takes and how much memory, as whole processes with imports; beside another converter if asked for.

    python -m tests.benchmarks.compile_time
    python -m tests.benchmarks.compile_time mobilenet_v2 some/model.onnx --runs 5 --target coreml --target mnn
    python -m tests.benchmarks.compile_time --peer "converter -i {model} -o {output}" vit_tiny

Models are names of zoo.py, which are built first, or paths. The figures are the least of all runs: what the work costs
when nothing disturbs it. `CPU s` counts the work of all cores, and is steadier on a machine that has more to do.
`ms/node`, of the synthetic graphs, is CPU time without what a chain of ten nodes takes, which is start-up: where cost
is linear it is the same for 1,000 and for 10,000 nodes.
"""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glmir.backends.target import TARGETS, load_target
from tests.benchmarks.processes import Measurement, interleaved, measure

GRAPHS = ("chain", "tangle", "diamonds", "encoder")
MODELS = ("mobilenet_v2", "densenet121", "vit_tiny", "resnet50", *(f"{g}_{n}" for g in GRAPHS for n in (1000, 10000)))
START_UP = "chain_10"


def compiler(target: str) -> tuple[str, ...]:
    """The command that compiles a model for a target."""
    command = (sys.executable, "-m", "glmir.driver.glmc", "{model}", "--quiet", "--target", target)
    return (*command, "-o", f"{{output}}.{target}{load_target(target).suffix}")


@dataclass(frozen=True)
class Model:
    """A model file; ``nodes`` counts its graph's nodes."""

    name: str
    path: Path
    nodes: int


def main() -> None:
    """Measures the models that the arguments name and prints a table."""
    arguments = _parser().parse_args()
    peer = tuple(shlex.split(arguments.peer)) if arguments.peer else ()
    with tempfile.TemporaryDirectory() as folder:
        for target in arguments.target or ["tflite"]:
            _measure_target(target, peer, arguments, Path(folder))


def _measure_target(target: str, peer: tuple[str, ...], arguments: argparse.Namespace, folder: Path) -> None:
    command = compiler(target)
    start_up = _least(_run(find_model(START_UP, folder), [command], arguments.runs)[0])
    print(f"\n{target}: start-up {start_up.seconds:.2f} s, {start_up.cpu_seconds:.2f} CPU s (a chain of ten nodes)\n")
    columns = ["model", "nodes", "MB", "s", "CPU s", "ms/node", "peak MB"]
    columns += ["peer s", "peer CPU s", "peer peak MB"] if peer else []
    print(_row(*columns))
    print("|" + "---|" * len(columns))
    for name in arguments.models or MODELS:
        model = find_model(name, folder)
        results = [_least(runs) for runs in _run(model, [command, *([peer] if peer else [])], arguments.runs)]
        print(_row(*_cells(model, results, start_up)), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.compile_time", description="Measure seconds and memory of compiling."
    )
    parser.add_argument("models", nargs="*", help=f"names of zoo.py or paths (default: {' '.join(MODELS)})")
    parser.add_argument("--runs", type=int, default=3, help="how often each is compiled (default: 3)")
    parser.add_argument(
        "--target", action="append", choices=TARGETS, help="as in glmc; may be given several times (default: tflite)"
    )
    parser.add_argument(
        "--peer", metavar="COMMAND", help='another converter, timed in turn: "convert {model} {output}"'
    )
    return parser


def find_model(name: str, folder: Path) -> Model:
    """The model at a path, or the one of zoo.py, written to ``folder``; exits with a message when there is none."""
    path = Path(name)
    built_before = folder / f"{name}.onnx"
    if built_before.exists():
        path = built_before
    elif not path.exists():
        path = built_before
        # In a process of its own: building takes memory that would count as that of what is measured.
        built = measure((sys.executable, "-m", "tests.benchmarks.zoo", name, str(path)))
        if built.exit_code:
            raise SystemExit(f"{name}: {built.last_line}")
    script = "import sys, onnx; print(len(onnx.load(sys.argv[1], load_external_data=False).graph.node))"
    counted = measure((sys.executable, "-c", script, str(path)))
    if counted.exit_code:
        raise SystemExit(f"{name}: {counted.last_line}")
    return Model(Path(name).stem, path, int(counted.last_line))


def _run(model: Model, commands: Sequence[Sequence[str]], runs: int) -> list[list[Measurement]]:
    with tempfile.TemporaryDirectory() as folder:
        places = {"model": str(model.path), "output": str(Path(folder) / model.name)}
        return interleaved([[part.format(**places) for part in command] for command in commands], runs)


def _least(measurements: Sequence[Measurement]) -> Measurement:
    """The quickest run that succeeded, or one that failed."""
    return min(measurements, key=lambda m: (m.exit_code != 0, m.seconds))


def _cells(model: Model, results: Sequence[Measurement], start_up: Measurement) -> list[str]:
    ours, *peers = results
    megabytes = f"{model.path.stat().st_size / 1e6:.1f}"
    if ours.exit_code:
        return [model.name, str(model.nodes), megabytes, f"failed: {ours.last_line[:60]}"]
    per_node = f"{(ours.cpu_seconds - start_up.cpu_seconds) / model.nodes * 1e3:.2f}"
    seconds, cpu_seconds, peak = _figures(ours)
    cells = [model.name, str(model.nodes), megabytes, seconds, cpu_seconds]
    cells += [per_node if model.name.startswith(GRAPHS) else "", peak]
    for peer in peers:
        cells += ["failed", "", ""] if peer.exit_code else _figures(peer)
    return cells


def _figures(measurement: Measurement) -> list[str]:
    return [f"{measurement.seconds:.2f}", f"{measurement.cpu_seconds:.2f}", f"{measurement.peak_bytes / 1e6:.0f}"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
