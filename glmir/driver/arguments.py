"""Command-line arguments that glmc and the workbench share."""

import argparse
from pathlib import Path

from ..errors import InputError
from ..instrumentation import PrintAfter, PrintWhen, Statistics, Timing, VerifyEach
from ..pass_manager import Instrument
from ..rewriter import RewriteSession
from .compilation import Watch
from .inputs import InputSpecs, parse_dims, parse_input_specs


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]TYPE|NAME=VALUE",
        help='an input\'s type, "x=f32[1, 3, 224, 224]" (by position without a name), or a value that pins it, sr=16000',
    )
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE", help="fixes a symbolic dim")


def input_specs(arguments: argparse.Namespace) -> InputSpecs:
    return parse_input_specs(arguments.input, parse_dims(arguments.dim))


def add_watch_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("watching the passes")
    group.add_argument("--verify-each", action="store_true", help="verify the IR after every pass")
    group.add_argument(
        "--print-ir-after", choices=[w.value for w in PrintWhen], help="print the IR after all, changing, failing passes"
    )
    group.add_argument("--timing", action="store_true", help="print seconds per pass")
    group.add_argument("--statistics", action="store_true", help="print ops per pass and how often each rule fired")
    group.add_argument("--fuel", type=int, metavar="N", help="stop rewriting after N rewrites (to find a bad one)")
    group.add_argument("--disable-rule", action="append", default=[], metavar="RULE", help="leave a rule out")
    group.add_argument("--reproducer", type=Path, metavar="FILE", help="on a crash write the IR and remaining pipeline")


class Watching:
    """The instruments that the arguments ask for, and their reports."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        if arguments.fuel is not None and arguments.fuel < 0:
            raise InputError("--fuel takes a number of rewrites, 0 or more")
        session = RewriteSession(arguments.fuel, frozenset(arguments.disable_rule))
        instruments: list[Instrument] = []
        self._timing = Timing() if arguments.timing else None
        self._statistics = Statistics(session) if arguments.statistics else None
        instruments += [i for i in (self._timing, self._statistics) if i is not None]
        if arguments.print_ir_after:
            instruments.append(PrintAfter(PrintWhen(arguments.print_ir_after)))
        if arguments.verify_each:
            instruments.append(VerifyEach())
        self.watch = Watch(tuple(instruments), session, arguments.reproducer)

    def report(self) -> str:
        return "\n".join(part.report() for part in (self._timing, self._statistics) if part is not None)
