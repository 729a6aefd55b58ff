"""What ``glmir opt``, ``glmir run``, ``glmir report`` and ``glmir spec`` do, once their arguments are parsed."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ..attributes import format_attribute
from ..backends.target import TARGETS, Target, load_target
from ..errors import InputError
from ..instrumentation import PIPELINE_COMMENT
from ..pass_manager import parse_pipeline
from ..printer import print_module
from ..states import Memory
from ..types import TensorType
from .compilation import run_passes
from .inputs import InputSpecs, parse_input_specs
from .output import check_destination, load_arrays, save_arrays, save_ir
from .samples import Arrays, run_on_samples
from .sources import IR_SUFFIX, SOURCE_SUFFIXES, load_specified, naming, require_main
from .switches import known_passes
from .watching import Watching


def list_passes() -> str:
    """All passes with their options and what they do."""
    lines = []
    for name, pass_ in sorted(known_passes().items()):
        options = ",".join(f"{o.name}={format_attribute(o.default)}" for o in pass_.options.values())
        lines += [f"{name}{{{options}}}" if options else name, f"    {pass_.summary.rstrip('.')}"]
    return "\n".join(lines)


def opt(arguments: argparse.Namespace) -> None:
    """Runs passes on a model and prints or writes the result; raises InputError, and what the passes raise."""
    if arguments.output:
        check_destination(arguments.output)
    specs = parse_input_specs(arguments.input, arguments.dim)
    module = load_specified(arguments.model, specs)
    watching = Watching(arguments)
    with naming(str(arguments.model)), watching.reporting():
        pipeline = parse_pipeline(_pipeline_text(arguments), known_passes())
        run_passes(module, pipeline, watching.watch, lambda: load_specified(arguments.model, specs))
    if arguments.output:
        save_ir(module, arguments.output)
    else:
        sys.stdout.write(print_module(module))


def _pipeline_text(arguments: argparse.Namespace) -> str:
    if arguments.passes is not None:
        return str(arguments.passes)
    model: Path = arguments.model
    if model.suffix == IR_SUFFIX:
        first = model.read_text(encoding="utf-8").partition("\n")[0]
        if first.startswith(PIPELINE_COMMENT):
            return first.removeprefix(PIPELINE_COMMENT)
    return ""


def run(arguments: argparse.Namespace) -> None:
    """Runs a model and prints or writes its outputs; raises InputError and GlmirError."""
    if arguments.output:
        check_destination(arguments.output, arguments.model)
    specs = parse_input_specs(arguments.input, arguments.dim)
    data = load_arrays(arguments.data) if arguments.data else None
    # What a frontend reads is interpreted, be it an artifact or not.
    by_suffix = {t.suffix: t for t in map(load_target, TARGETS) if t.suffix not in SOURCE_SUFFIXES}
    target = by_suffix.get(arguments.model.suffix)
    outputs = _interpret(arguments.model, specs, data) if target is None else _run(arguments.model, target, specs, data)
    if arguments.output:
        save_arrays(outputs, arguments.output)
        return
    for name, array in outputs.items():
        print(f"{name}: {array.dtype}{list(array.shape)}\n{array}")


def _interpret(model: Path, specs: InputSpecs, data: Arrays | None) -> Arrays:
    from .. import interpreter

    module = load_specified(model, specs)
    require_main(module, str(model))
    states = {state.input for state in module.states}
    types = {v.name: v.type for v in module.main.inputs if v.name not in states}

    def call(inputs: Arrays) -> Arrays:
        return Memory(module).call(lambda given: interpreter.run(module, given), inputs)

    with naming(str(model)):
        return _outputs(types, data, call)


def _run(model: Path, target: Target, specs: InputSpecs, data: Arrays | None) -> Arrays:
    if not (model.is_dir() if target.is_folder else model.is_file()):
        what = "missing" if not model.exists() else "a file" if target.is_folder else "a folder"
        raise InputError(f"cannot read {model}: it is {what}")
    with naming(str(model)):
        types = specs.specialize(target.input_types(model))
        given = {name: t for name, t in types.items() if t is not None}
        return _outputs(given, data, lambda inputs: target.run(model, inputs))


def _outputs(types: Mapping[str, TensorType], data: Arrays | None, run: Callable[[Arrays], Arrays]) -> Arrays:
    if data is not None:
        return run(data)
    _, outputs = run_on_samples(types, run)
    return outputs


def report(arguments: argparse.Namespace) -> None:
    """Prints a report, or makes a page of it; raises InputError."""
    from .report.json_file import read_report
    from .report.markdown import markdown
    from .report.writing import check_report_path, write_report

    if arguments.output:
        check_report_path(arguments.output, arguments.report)
    facts = read_report(arguments.report)
    if arguments.output:
        write_report(facts, arguments.output)
    else:
        sys.stdout.write(markdown(facts))


def spec(arguments: argparse.Namespace) -> None:
    """Writes the generated pages that changed, and prints their paths."""
    from .spec import write_pages

    for path in write_pages(arguments.folder, known_passes().values()):
        print(path)
