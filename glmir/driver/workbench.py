"""glmir: the workbench for the IR: ``glmir opt`` runs passes on text, ``glmir run`` runs models."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .. import __version__
from ..backends.target import TARGETS, load_target
from ..errors import InputError
from ..instrumentation import PIPELINE_COMMENT
from ..ir import Module
from ..pass_manager import Pass, PassManager, parse_pipeline
from ..printer import print_module, save_module
from ..types import Array
from .arguments import Watching, add_input_arguments, add_watch_arguments, input_specs
from .compilation import load
from .messages import run_command


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    arguments = _parser().parse_args(argv)
    return run_command(lambda: arguments.command(arguments), arguments.debug)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="glmir", description="The workbench for glmc's intermediate representation.")
    parser.add_argument("--version", action="version", version=f"glmir {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_opt(commands.add_parser("opt", help="run passes on IR text or a model, print the result"))
    _add_run(commands.add_parser("run", help="run a model or artifact on arrays"))
    _add_spec(commands.add_parser("spec", help="write the generated pages of spec/"))
    return parser


def _add_opt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="IR text (.glir) or an ONNX model")
    parser.add_argument("--passes", help='a pipeline: "canonicalize,fold-constants{max_elements=64}"')
    parser.add_argument("--list-passes", action=_ListPasses, nargs=0, help="print all passes with their options")
    parser.add_argument("-o", "--output", type=Path, help="write the text (and its weights) there, not to standard output")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    add_input_arguments(parser)
    add_watch_arguments(parser)
    parser.set_defaults(command=_opt)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="IR text (.glir), an ONNX model, or an artifact (.tflite)")
    parser.add_argument("--data", type=Path, help="an .npz file with an array per input (default: seeded random arrays)")
    parser.add_argument("-o", "--output", type=Path, help="write the outputs to an .npz file, do not print them")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    add_input_arguments(parser)
    parser.set_defaults(command=_run)


def _add_spec(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", default=Path("spec"), help="where the pages are (default: spec)")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(command=_spec)


def known_passes() -> Mapping[str, Pass]:
    """All passes by name: those of passes/ and the targets' legalisations."""
    from .. import passes

    legalizations = (load_target(name).legalize for name in TARGETS)
    return {**passes.BY_NAME, **{p.name: p for p in legalizations}}


class _ListPasses(argparse.Action):
    def __call__(self, *_: object) -> None:
        for name, pass_ in sorted(known_passes().items()):
            options = ", ".join(f"{o.name}={o.default}" for o in pass_.options.values())
            print(f"{name}{f'{{{options}}}' if options else ''}\n    {pass_.summary}")
        sys.exit(0)


def _opt(arguments: argparse.Namespace) -> None:
    module = load(arguments.model, input_specs(arguments))
    pipeline = parse_pipeline(_pipeline_text(arguments), known_passes())
    watching = Watching(arguments)
    PassManager(pipeline, watching.watch.instruments, watching.watch.session).run(module)
    if report := watching.report():
        print(report, file=sys.stderr)
    if arguments.output:
        save_module(module, arguments.output)
    else:
        sys.stdout.write(print_module(module))


def _pipeline_text(arguments: argparse.Namespace) -> str:
    if arguments.passes is not None:
        return str(arguments.passes)
    if arguments.model.suffix == ".glir":
        first: str = arguments.model.read_text(encoding="utf-8").partition("\n")[0]
        if first.startswith(PIPELINE_COMMENT):
            return first.removeprefix(PIPELINE_COMMENT)
    return ""


def _run(arguments: argparse.Namespace) -> None:
    data = _read_arrays(arguments.data) if arguments.data else None
    suffixes = {t.suffix: t for t in map(load_target, TARGETS)}
    if target := suffixes.get(arguments.model.suffix):
        if data is None:
            raise InputError(f"running a {target.suffix} file needs --data")
        outputs = target.run(arguments.model, data)
    else:
        outputs = _interpret(load(arguments.model, input_specs(arguments)), data)
    if arguments.output:
        np.savez(arguments.output, **outputs)  # type: ignore[arg-type]
        return
    for name, array in outputs.items():
        print(f"{name}: {array.dtype}{list(array.shape)}\n{array}")


def _spec(arguments: argparse.Namespace) -> None:
    from .spec import write_pages

    for path in write_pages(arguments.folder, known_passes().values()):
        print(path)


def _interpret(module: Module, data: Mapping[str, Array] | None) -> dict[str, Array]:
    from ..interpreter import run
    from .verification import seeded_inputs

    return run(module, data if data is not None else seeded_inputs({v.name: v.type for v in module.main.inputs}))


def _read_arrays(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
