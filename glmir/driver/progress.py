"""A line on a terminal for what takes over a second; nothing elsewhere, and nothing for what is quick."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from ..instrumentation import SilentInstrument
from ..ir import Module
from ..pass_manager import PassInstance

if TYPE_CHECKING:
    from rich.status import Status

PATIENCE = 1.0
"""Seconds before anything is shown."""


class ProgressLine(SilentInstrument):
    """Says on standard error what is being done; as an instrument it names each pass. A context manager."""

    def __init__(self, is_wanted: bool) -> None:
        self._is_enabled = is_wanted and sys.stderr.isatty()
        self._started = time.perf_counter()
        self._status: Status | None = None

    def show(self, text: str) -> None:
        """Called when something begins; shows it if the command has been running for a while."""
        if not self._is_enabled or time.perf_counter() - self._started < PATIENCE:
            return
        # Slow to load, and of no use to what is done within a second.
        from rich.console import Console
        from rich.text import Text

        if self._status is None:
            self._status = Console(stderr=True).status("")
            self._status.start()
        self._status.update(Text(text))

    def before_pass(self, instance: PassInstance, module: Module) -> None:
        self.show(instance.name)

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
