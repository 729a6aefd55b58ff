"""How long quantized artifacts take beside float ones, in LiteRT, MNN and onnxruntime, and what glmc says of it.

    python -m tests.benchmarks.quantized_latency model.onnx [--recipe int8 ...] [--target tflite ...] [--runs 30]

One thread, the runtimes' defaults otherwise; the shortest of many runs, one of each artifact in turn. Calibration is on
seeded random inputs: how long integers take does not depend on what they are. The table in
`glmir/driver/report/speed.py` is from here.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import glmir
from glmir.driver.compilation import Artifact
from glmir.driver.report.building import Compiled, build_report
from glmir.driver.samples import seeded_inputs
from glmir.errors import GlmirError

from .measuring import Arrays, Candidate
from .runtimes import in_litert, in_mnn, in_onnxruntime

RECIPES = ("int8", "int16", "int8-dynamic", "int8-weights", "int4-weights", "palette")
TARGETS = ("tflite", "mnn", "onnx")
SAMPLES = 2
WARM_UP = 3


def main() -> None:
    """Compiles the model by all recipes for all targets, and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quantized_latency")
    parser.add_argument("model", type=Path, help="an ONNX model")
    parser.add_argument("--recipe", action="append", help=f"default: {', '.join(RECIPES)}")
    parser.add_argument("--target", action="append", choices=TARGETS, help="default: all")
    parser.add_argument("--runs", type=int, default=30, help="measured runs of each (default: 30)")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE", help="the size of a symbolic dim")
    arguments = parser.parse_args()
    dims = {name: int(size) for name, _, size in (text.partition("=") for text in arguments.dim)}
    types = {v.name: v.type.substitute(dict(dims)) for v in glmir.load(arguments.model).main.inputs}
    inputs = seeded_inputs(types)
    for target in arguments.target or TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            _measure(arguments.model, target, arguments.recipe or RECIPES, inputs, arguments.runs, Path(folder))


def _measure(model: Path, target: str, recipes: Sequence[str], inputs: Arrays, runs: int, folder: Path) -> None:
    candidates, said = [], {}
    for recipe in ("float", *recipes):
        try:
            artifact = _compiled(model, target, recipe, inputs)
            path = artifact.save(folder / f"{recipe}{artifact.target.suffix}")
            candidates.append(candidate_of(recipe, path, target, artifact, inputs))
        except GlmirError as error:
            print(f"{model.stem:16} {target:8} {recipe:16} {str(error).splitlines()[0]}")
            continue
        report = build_report(Compiled(model, artifact.module, [(path, artifact)], None), False, lambda text: None)
        said[recipe] = report.targets[0].warnings if artifact.record is None else _warnings(model, path, artifact)
    for number in range(WARM_UP + runs):
        for candidate in candidates:
            candidate.measure()
            if number < WARM_UP:
                candidate.seconds.clear()
    exact = min(candidates[0].seconds)
    for candidate in candidates:
        shortest = min(candidate.seconds)
        figures = f"{shortest * 1e3:9.2f} ms {shortest / exact:6.2f} x"
        print(f"{model.stem:16} {target:8} {candidate.name:16} {figures}  {'; '.join(said[candidate.name])}")


def _compiled(model: Path, target: str, recipe: str, inputs: Arrays) -> Artifact:
    if recipe == "float":
        return glmir.compile(model, target=target)
    has_data = recipe.split("{")[0] in ("int8", "int16", "auto")
    return glmir.compile(model, target=target, quantize=recipe, calibrate=[inputs] * SAMPLES if has_data else None)


def _warnings(model: Path, path: Path, artifact: Artifact) -> Sequence[str]:
    record = artifact.record
    assert record is not None
    compiled = Compiled(model, record.quantized, [(path, artifact)], record)
    return build_report(compiled, False, lambda text: None).targets[0].warnings


def candidate_of(name: str, path: Path, target: str, artifact: Artifact, inputs: Arrays) -> Candidate:
    if target == "tflite":
        return in_litert(name, path, inputs)
    if target == "mnn":
        return in_mnn(name, path, inputs, list(artifact.module.main.output_names))
    return in_onnxruntime(name, path, inputs)


if __name__ == "__main__":
    main()
