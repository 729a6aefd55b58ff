"""What can be watched while passes run: verification, printing, timing, statistics, and a reproducer on a crash."""

import enum
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from .errors import CompileError, InputError
from .ir import Module
from .pass_manager import PassInstance, PassManager, Pipeline, format_pipeline
from .printer import print_module, save_module
from .rewriter import RewriteSession
from .verifier import verify

PIPELINE_COMMENT = "# pipeline: "
"""How the first line of a reproducer begins; ``glmir opt`` runs what follows when no ``--passes`` is given."""


class SilentInstrument:
    """Does nothing; the base of instruments that watch only some of the events."""

    def before_pass(self, instance: PassInstance, module: Module) -> None:
        """Called before the pass runs."""

    def after_pass(self, instance: PassInstance, module: Module, changed: bool) -> None:
        """Called after the pass has run."""

    def on_failure(self, index: int, pipeline: Pipeline, module: Module, error: Exception) -> None:
        """Called when pass number ``index`` of the pipeline, or an instrument after it, has raised ``error``."""


class VerifyEach(SilentInstrument):
    """Verifies the module after every pass, whatever the pass says of having changed it."""

    def after_pass(self, instance: PassInstance, module: Module, changed: bool) -> None:
        verify(module)


class PrintWhen(enum.Enum):
    ALL = "all"
    CHANGE = "change"
    FAILURE = "failure"


@dataclass
class PrintAfter(SilentInstrument):
    """Prints the module's text after every pass, after those that changed it, or where one failed."""

    when: PrintWhen
    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def after_pass(self, instance: PassInstance, module: Module, changed: bool) -> None:
        if self.when is PrintWhen.ALL or (self.when is PrintWhen.CHANGE and changed):
            self._print(f"after {instance}", module)

    def on_failure(self, index: int, pipeline: Pipeline, module: Module, error: Exception) -> None:
        if self.when is PrintWhen.FAILURE:
            self._print(f"where {pipeline[index]} failed", module)

    def _print(self, heading: str, module: Module) -> None:
        self.stream.write(f"# {heading}\n{print_module(module)}")


@dataclass
class Timing(SilentInstrument):
    """Seconds per pass, in order."""

    seconds: list[tuple[str, float]] = field(default_factory=list)
    _started: float = 0.0

    def before_pass(self, instance: PassInstance, module: Module) -> None:
        self._started = time.perf_counter()

    def after_pass(self, instance: PassInstance, module: Module, changed: bool) -> None:
        self.seconds.append((str(instance), time.perf_counter() - self._started))

    def report(self) -> str:
        """A line per pass and the sum."""
        lines = [f"{seconds * 1e3:9.1f} ms  {name}" for name, seconds in self.seconds]
        return "\n".join([*lines, f"{sum(s for _, s in self.seconds) * 1e3:9.1f} ms  all passes"])


@dataclass
class Statistics(SilentInstrument):
    """Ops before and after each pass, and how often each rule fired."""

    session: RewriteSession
    lines: list[str] = field(default_factory=list)
    _ops: int = 0

    def before_pass(self, instance: PassInstance, module: Module) -> None:
        self._ops = _count_ops(module)

    def after_pass(self, instance: PassInstance, module: Module, changed: bool) -> None:
        self.lines.append(f"{self._ops:7} -> {_count_ops(module):7} ops  {instance}")

    def report(self) -> str:
        fired = [f"{count:7} x  {rule}" for rule, count in sorted(self.session.fired.items())]
        return "\n".join([*self.lines, *fired, *self.session.remarks])


def _count_ops(module: Module) -> int:
    return sum(len(f.ops) for f in module.functions.values())


@dataclass
class CrashReproducer(SilentInstrument):
    """On a crash writes one ``.glir`` file whose first line is the remaining pipeline.

    Nothing is kept while all goes well: the module before the crash is made again, from its source, when it is needed,
    under a session that allows what the first run's did.
    """

    path: Path
    make_module: Callable[[], Module]
    session: RewriteSession = field(default_factory=RewriteSession)

    def on_failure(self, index: int, pipeline: Pipeline, module: Module, error: Exception) -> None:
        if isinstance(error, CompileError | InputError):
            # The user's model or options are at fault, not a pass.
            return
        try:
            before = self.make_module()
            PassManager(pipeline[:index], session=self.session).run(before)
            save_module(before, self.path)
            text = self.path.read_text(encoding="utf-8")
            self.path.write_text(f"{PIPELINE_COMMENT}{format_pipeline(pipeline[index:])}\n{text}", encoding="utf-8")
        except OSError as problem:
            error.add_note(f"there is no reproducer: cannot write {self.path}: {problem.strerror}")
            return
        except Exception as problem:
            # Whatever goes wrong here must not hide what went wrong before.
            error.add_note(f"there is no reproducer: {type(problem).__name__}: {problem}")
            return
        error.add_note(f"a reproducer is in {self.path}: run glmir opt {self.path}")
