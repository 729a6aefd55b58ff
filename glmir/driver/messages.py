"""How commands speak: errors as sentences with the exit code of their class, never a traceback unless asked for."""

import gc
import io
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from ..errors import GlmirError, InputError, ModelWarning

DEFECT = 1
INTERRUPTED = 130
TERMINATED = 143


def run_command(command: Callable[[], None], debug: bool) -> int:
    """Runs a command and returns its exit code; what the user caused is told in a sentence on standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names in a model are any text, and paths may be none at all.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _cleaning_up_when_terminated(), collector_paused(), _speaking_of_warnings():
            command()
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output (head, less) is gone; nothing is wrong, and nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        message, code = _explain(error)
        notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
        _say(f"error: {message}{notes}")
        return code
    return 0


def _explain(error: Exception) -> tuple[str, int]:
    """The sentence for an error, and the exit code."""
    if isinstance(error, GlmirError):
        return str(error), error.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}", InputError.exit_code
    if isinstance(error, MemoryError):
        return "there is not enough memory", InputError.exit_code
    return f"a defect of the compiler: {type(error).__name__}: {error} (--debug shows where)", DEFECT


@contextmanager
def _speaking_of_warnings() -> Iterator[None]:
    """Says what is odd about a model as a sentence, not as a line of a Python file."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", ModelWarning)
        show = warnings.showwarning
        said = set[str]()

        def say(
            message: Warning | str, category: type[Warning], filename: str, lineno: int,
            file: TextIO | None = None, line: str | None = None,
        ) -> None:  # fmt: skip
            if issubclass(category, ModelWarning):
                # --verify reads the model once more.
                if str(message) not in said:
                    _say(f"warning: {message}")
                said.add(str(message))
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = say
        yield


@contextmanager
def _cleaning_up_when_terminated() -> Iterator[None]:
    """Lets SIGTERM unwind the stack, so that no temporary file stays behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(*_: object) -> None:
        raise SystemExit(TERMINATED)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keeps Python's cycle collector from running: it would visit every op again and again, and a module lives till the
    end anyway (a third of the time at 10,000 nodes)."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _say(message: str) -> None:
    print(message, file=sys.stderr)
