"""What the command line asks to see of the passes, and what it forbids them."""

import argparse
import difflib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import InputError
from ..instrumentation import PrintAfter, PrintWhen, Statistics, Timing, VerifyEach
from ..pass_manager import Instrument
from ..rewriter import RewriteSession
from .compilation import Watch
from .progress import ProgressLine

if TYPE_CHECKING:
    from ..passes.precision.lower_precision import IslandReport


class Watching:
    """The instruments that the arguments ask for, and their reports, for one run of a pipeline."""

    def __init__(self, arguments: argparse.Namespace, progress: ProgressLine | None = None) -> None:
        self._session = RewriteSession(arguments.fuel, frozenset(arguments.disable_rule))
        self._timing = Timing() if arguments.timing else None
        self._statistics = Statistics(self._session) if arguments.statistics else None
        self._islands = _island_report() if arguments.statistics else None
        instruments: list[Instrument] = [] if progress is None else [progress]
        instruments += [i for i in (self._timing, self._statistics, self._islands) if i is not None]
        if arguments.print_ir_after:
            instruments.append(PrintAfter(PrintWhen(arguments.print_ir_after)))
        if arguments.verify_each:
            instruments.append(VerifyEach())
        show = progress.show if progress is not None else _silent
        self.watch = Watch(tuple(instruments), self._session, arguments.reproducer, show)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Prints, when the block ends well or badly, what --timing and --statistics ask for.

        Raises InputError for a switched-off rule that no pass has had: a misspelt name would go unnoticed.
        """
        try:
            yield
        finally:
            for part in (self._timing, self._statistics):
                if part is not None:
                    print(part.report(), file=sys.stderr)
            for line in self._islands.lines if self._islands else ():
                print(line, file=sys.stderr)
        for name in sorted(self._session.disabled - self._session.known):
            close = difflib.get_close_matches(name, self._session.known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise InputError(f"--disable-rule {name}: the passes that ran have no such rule{hint}")


def _silent(text: str) -> None:
    pass


def _island_report() -> "IslandReport":
    # Few commands ask for it, and it brings the machinery of minimum cuts.
    from ..passes.precision.lower_precision import IslandReport

    return IslandReport()
