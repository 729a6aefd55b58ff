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

PACKAGE_MANIFEST = "Manifest.json"
"""The file by which a folder is known as a package, which another package may replace."""


def check_destination(path: Path, source: Path | None = None, is_folder: bool = False) -> None:
    """Raises InputError for a path that cannot be written, or that is the source: better before the work than after.

    ``is_folder``: a package is to be written, which may replace a package.
    """
    folder = path.parent
    if path.is_dir() and not (is_folder and (path / PACKAGE_MANIFEST).is_file()):
        raise InputError(f"cannot write {path}: it is a folder{' without a package' if is_folder else ''}")
    if is_folder and path.exists() and not path.is_dir():
        raise InputError(f"cannot write {path}: it is a file, and a package is a folder")
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
    with place_whole(path) as fresh, fresh.open("xb") as stream:
        yield cast(BinaryIO, stream)


@contextmanager
def place_whole(path: Path, is_folder: bool = False) -> Iterator[Path]:
    """A fresh path whose file or folder, with what else was put beside it, moves to ``path`` when the block ends well.

    What stands there stays as it is until the new one is complete. Raises InputError when it cannot be written.
    """
    check_destination(path, is_folder=is_folder)
    # A link stays a link; what it points at is replaced.
    destination = Path(os.path.realpath(path))
    is_device = destination.exists() and not destination.is_file() and not destination.is_dir()
    place = Path(tempfile.gettempdir()) if is_device else destination.parent
    workshop = place / f".glmc-{secrets.token_hex(8)}.tmp"
    try:
        workshop.mkdir()
        yield workshop / destination.name
        if is_device:
            with (workshop / destination.name).open("rb") as stream, destination.open("wb") as device:
                shutil.copyfileobj(stream, device)
            return
        # The artifact itself comes last: until then the old one is in its place.
        for made in sorted(workshop.iterdir(), key=lambda made: made.name == destination.name):
            _replace(made, destination.parent / made.name)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _replace(made: Path, destination: Path) -> None:
    if not destination.is_dir():
        if destination.exists():
            shutil.copymode(destination, made)
        made.replace(destination)
        return
    # A folder cannot be replaced in one step.
    old = made.with_name(f"{made.name}.old")
    try:
        destination.replace(old)
        made.replace(destination)
    except BaseException:
        # Also when a signal comes between the two.
        if not destination.exists():
            old.replace(destination)
        raise


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
