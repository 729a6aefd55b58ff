"""What runtimes print past Python, straight to the process's standard output and error: kept from the user's."""

import ctypes
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

STREAMS = (1, 2)
"""The file descriptors of standard output and error."""

_LOCK = threading.RLock()


@contextmanager
def kept_native_output() -> Iterator[BinaryIO]:
    """Sends what is printed inside the block to a temporary file, which it gives.

    Descriptors belong to the process: one thread at a time is in such a block. A descriptor that is closed stays so.
    """
    with _LOCK, tempfile.TemporaryFile() as kept, ExitStack() as restoring:
        for printed in (sys.stdout, sys.stderr):
            if printed is not None and not printed.closed:
                printed.flush()
        _flush_native()
        for stream in STREAMS:
            try:
                saved = os.dup(stream)
            except OSError:
                continue
            restoring.callback(os.close, saved)
            restoring.callback(os.dup2, saved, stream)
            os.dup2(kept.fileno(), stream)
        # What the runtime's own buffers hold must leave them before the descriptors are the user's again.
        restoring.callback(_flush_native)
        yield kept


def _flush_native() -> None:
    if os.name == "posix":
        # All of the C library's streams.
        ctypes.CDLL(None).fflush(None)


def kept_lines(kept: BinaryIO) -> list[str]:
    """The lines that were printed, without those that are blank."""
    _flush_native()
    kept.seek(0)
    return [line.strip() for line in kept.read().decode(errors="replace").splitlines() if line.strip()]
