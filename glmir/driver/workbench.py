"""glmir: the workbench for the IR: ``glmir opt`` runs passes on text, ``glmir run`` runs models."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from .. import __version__
from .arguments import add_debug_argument, add_input_arguments, add_watch_arguments
from .messages import run_command

OPT_EPILOG = """examples:
  glmir opt model.onnx                                        prints the model as IR
  glmir opt model.glir --passes "canonicalize,fold-constants{max_elements=64}"
  glmir opt reproducer.glir                                   re-runs the passes named in its first line"""

RUN_EPILOG = """examples:
  glmir run model.onnx                          prints the outputs for seeded random inputs
  glmir run model.tflite --data inputs.npz -o outputs.npz"""


REPORT_EPILOG = """examples:
  glmir report model.json                       prints it
  glmir report model.json -o model.html         makes a page of it"""


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code; bad usage raises SystemExit, as argparse does."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], None] = arguments.command
    return run_command(lambda: command(arguments), arguments.debug)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="glmir", description="The workbench for glmc's intermediate representation.")
    parser.add_argument("--version", action="version", version=f"glmir {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add, name, summary, epilog in (
        (_add_opt, "opt", "run passes on IR text or a model, print the result", OPT_EPILOG),
        (_add_run, "run", "run a model or an artifact on arrays", RUN_EPILOG),
        (_add_report, "report", "show a report that glmc --report FILE.json wrote", REPORT_EPILOG),
        (_add_spec, "spec", "write the generated pages of spec/", ""),
    ):
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(command)
        add_debug_argument(command)
    return parser


def _add_opt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="IR text (.glir), an ONNX model or an archive of PyTorch")
    parser.add_argument("--passes", help="the passes to run; default: those in the first line of a reproducer, or none")
    parser.add_argument("--list-passes", action=_ListPasses, nargs=0, help="print all passes with their options")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write text and weights there; default: print the text"
    )
    add_input_arguments(parser)
    add_watch_arguments(parser)
    parser.set_defaults(command=_opt)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=Path,
        help="IR text (.glir), an ONNX model or an archive of PyTorch, for the interpreter, "
        "or an artifact (.tflite, .mlpackage, .mnn)",
    )
    parser.add_argument(
        "--data", type=Path, metavar="FILE", help="an .npz file with an array per input; default: seeded random arrays"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write the outputs to an .npz file; default: print them"
    )
    add_input_arguments(parser)
    parser.set_defaults(command=_run)


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", type=Path, help="a .json file of glmc --report")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE.html|.md", help="write a page there; default: print the text"
    )
    parser.set_defaults(command=_report)


def _add_spec(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", default=Path("spec"), help="where they are (default: spec)")
    parser.set_defaults(command=_spec)


def _opt(arguments: argparse.Namespace) -> None:
    from .workbench_commands import opt

    opt(arguments)


def _run(arguments: argparse.Namespace) -> None:
    from .workbench_commands import run

    run(arguments)


def _report(arguments: argparse.Namespace) -> None:
    from .workbench_commands import report

    report(arguments)


def _spec(arguments: argparse.Namespace) -> None:
    from .workbench_commands import spec

    spec(arguments)


class _ListPasses(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from .workbench_commands import list_passes

        print(list_passes())
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
