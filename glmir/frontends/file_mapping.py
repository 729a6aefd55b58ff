"""Files of models, mapped into memory."""

from __future__ import annotations

import mmap
import os

from ..errors import InputError


def map_file(path: str, failure: str) -> bytes | mmap.mmap:
    """Maps the regular file at `path` read-only (an empty one gives b""). Raises InputError, begun by `failure`."""
    try:
        if os.path.isdir(path):
            raise InputError(f"{failure}: '{path}' is a directory.")
        if os.path.exists(path) and not os.path.isfile(path):
            raise InputError(f"{failure}: '{path}' is not a regular file.")
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise InputError(f"{failure}: '{path}' does not exist.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{failure}: {reason}.") from None
