"""What the command line asks to see of the passes, and what it forbids them."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..instrumentation import PrintAfter, PrintWhen, Statistics, Timing, VerifyEach
from ..pass_manager import Instrument
from ..passes.layout.layout_report import LayoutReport
from ..passes.memory.memory_report import MemoryReport
from .compilation import Watch
from .progress import ProgressLine
from .switches import check_rules, rewrite_switches

if TYPE_CHECKING:
    from ..passes.precision.report import PrecisionReport


class Watching:
    """The instruments that the arguments ask for, and their reports, for one run of a pipeline."""

    def __init__(self, arguments: argparse.Namespace, progress: ProgressLine | None = None) -> None:
        self._session = rewrite_switches(arguments.disable_pass, arguments.disable_rule, arguments.fuel)
        self._timing = Timing() if arguments.timing else None
        self._statistics = Statistics(self._session) if arguments.statistics else None
        self.precision = _precision_report() if _chooses_precision(arguments) else None
        self._is_quiet: bool = getattr(arguments, "quiet", False)
        self._tells_all: bool = arguments.statistics
        # The workbench has no reports.
        has_report = getattr(arguments, "report", None) is not None
        self.memory = MemoryReport() if has_report or arguments.statistics else None
        self.layouts = LayoutReport() if has_report else None
        self._tells_memory: bool = arguments.statistics
        instruments: list[Instrument] = [] if progress is None else [progress]
        watches = (self._timing, self._statistics, self.precision, self.memory, self.layouts)
        instruments += [i for i in watches if i is not None]
        if arguments.print_ir_after:
            instruments.append(PrintAfter(PrintWhen(arguments.print_ir_after)))
        if arguments.verify_each:
            instruments.append(VerifyEach())
        show = progress.show if progress is not None else _silent
        self.watch = Watch(tuple(instruments), self._session, arguments.reproducer, show)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Prints, when the block ends well or badly, what --timing and --statistics ask for.

        Raises InputError for switched-off rules that no pass has had.
        """
        try:
            yield
        finally:
            for part in (self._timing, self._statistics):
                if part is not None:
                    print(part.report(), file=sys.stderr)
            self._report_precision()
            for line in self.memory.lines() if self.memory and self._tells_memory else ():
                print(line, file=sys.stderr)
        check_rules(self._session)

    def _report_precision(self) -> None:
        """What stays in f32: how much by default, all of it with --statistics."""
        if self.precision is None:
            return
        for line in self.precision.lines() if self._tells_all else ():
            print(line, file=sys.stderr)
        for sentence in () if self._tells_all or self._is_quiet else self.precision.summary():
            print(f"note: {sentence}; --statistics says which, and why", file=sys.stderr)


def _silent(text: str) -> None:
    pass


def _chooses_precision(arguments: argparse.Namespace) -> bool:
    """Whether something is computed, or stored, in f16: what was asked for, or what Core ML does by itself."""
    is_half = getattr(arguments, "precision", None) not in (None, "fp32")
    return is_half or arguments.statistics or "coreml" in (getattr(arguments, "target", None) or ())


def _precision_report() -> "PrecisionReport":
    # Few commands ask for it, and it brings the machinery of minimum cuts.
    from ..passes.precision.report import PrecisionReport

    return PrecisionReport()
