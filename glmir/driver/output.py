"""Files written whole or not at all: an existing file stays as it is until the new one is complete."""

import os
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ..errors import InputError
from ..ir import Module
from ..printer import save_module
from ..types import Array


def check_destination(path: Path, source: Path | None = None) -> None:
    """Raises InputError for a path that cannot be written, or that is the source: better before the work than after."""
    folder = path.parent
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: the folder {folder} does not exist")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: the folder {folder} is not writable")
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise InputError(f"cannot write {path}: it is the model itself; give another -o")


@contextmanager
def write_whole(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes the file at ``path`` when the block ends well, and vanishes when it does not.

    Raises InputError when the file cannot be written.
    """
    check_destination(path)
    # A link stays a link; what it points at is replaced.
    destination = Path(os.path.realpath(path))
    is_replaceable = destination.is_file() or not destination.exists()
    folder = destination.parent if is_replaceable else Path(tempfile.gettempdir())
    temporary = folder / f".glmc-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("x+b") as stream:
            yield cast(BinaryIO, stream)
            if not is_replaceable:
                _copy_to_device(stream, destination)
        if is_replaceable:
            if destination.exists():
                shutil.copymode(destination, temporary)
            temporary.replace(destination)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _copy_to_device(stream: BinaryIO, destination: Path) -> None:
    stream.seek(0)
    with destination.open("wb") as device:
        shutil.copyfileobj(stream, device)


def save_ir(module: Module, path: Path) -> None:
    """Writes a module's text, and the ``.safetensors`` file of its weights beside it; raises InputError.

    Refuses to replace a ``.safetensors`` file that belongs to no text.
    """
    check_destination(path)
    sidecar = path.with_suffix(".safetensors")
    if sidecar == path:
        raise InputError(f"cannot write {path}: that is the name of the weights beside the text; give another -o")
    try:
        with tempfile.TemporaryDirectory(prefix=".glmc-", dir=path.parent) as folder:
            written = Path(folder) / path.name
            save_module(module, written)
            weights = Path(folder) / sidecar.name
            if weights.exists():
                if sidecar.exists() and not path.exists():
                    raise InputError(f"cannot write {path}: its weights would replace {sidecar}; give another -o")
                shutil.copymode(written, weights)
                weights.replace(sidecar)
            written.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def save_arrays(arrays: Mapping[str, Array], path: Path) -> None:
    """Writes named arrays as an ``.npz`` file; raises InputError. (``np.savez`` cannot: a name may be ``file``.)"""
    with write_whole(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def load_arrays(path: Path) -> dict[str, Array]:
    """The named arrays of an ``.npz`` file; raises InputError."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise InputError(f"{path} holds one array without a name; an .npz file with an array per input is needed")
        with loaded:
            return dict(loaded)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile):
        raise InputError(f"{path} is not an .npz file of arrays") from None
