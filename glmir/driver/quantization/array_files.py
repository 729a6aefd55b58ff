"""Arrays in .npy and .npz files, read a few rows at a time: a file of a thousand images takes the room of one."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from ...errors import InputError
from ...types import Array

SUFFIXES = (".npy", ".npz")

_CHUNK = 1 << 20


@dataclass(frozen=True)
class StoredArray:
    """An array of a file: what its header says, and how to get at its elements."""

    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    is_fortran: bool
    open: Callable[[], IO[bytes]]

    def rows(self, count: int) -> Iterator[Array]:
        """The array, ``count`` indices of its first axis after another; raises InputError when the file is damaged."""
        if self.is_fortran:
            whole = self._read(self.shape)
            yield from (whole[i : i + count] for i in range(0, self.shape[0], count))
            return
        with self.open() as stream:
            self._to_elements(stream)
            for start in range(0, self.shape[0], count):
                shape = (min(count, self.shape[0] - start), *self.shape[1:])
                yield self._next(stream, shape)

    def whole(self) -> Array:
        """All elements; raises InputError when the file is damaged."""
        return self._read(self.shape)

    def _read(self, shape: tuple[int, ...]) -> Array:
        with self.open() as stream:
            self._to_elements(stream)
            array = self._next(stream, shape[::-1] if self.is_fortran else shape)
        return array.T if self.is_fortran else array

    def _to_elements(self, stream: IO[bytes]) -> None:
        _read_header(stream)

    def _next(self, stream: IO[bytes], shape: tuple[int, ...]) -> Array:
        size = prod(shape) * self.dtype.itemsize
        try:
            content = stream.read(size)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise InputError(f"{self.where} is damaged: {error}") from error
        if len(content) < size:
            raise InputError(f"{self.where} was cut off: elements are missing")
        array = np.frombuffer(content, self.dtype).reshape(shape)
        return array if self.dtype.isnative else array.astype(self.dtype.newbyteorder("="))


def arrays_in(path: Path) -> dict[str, StoredArray]:
    """The arrays of a .npz file by name, or that of a .npy file by the name ``""``; raises InputError."""
    try:
        if path.suffix == ".npy":
            return {"": _stored(str(path), lambda: path.open("rb"))}
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
        return {name[:-4]: _stored(f"{name[:-4]} in {path}", _member_opener(path, name)) for name in names}
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except zipfile.BadZipFile:
        raise InputError(f"{path} is not a .npz file, or it was cut off") from None


def _member_opener(path: Path, name: str) -> Callable[[], IO[bytes]]:
    def open_member() -> IO[bytes]:
        # The stream keeps the file open after the archive is closed.
        with zipfile.ZipFile(path) as archive:
            return archive.open(name)

    return open_member


def _stored(where: str, open_: Callable[[], IO[bytes]]) -> StoredArray:
    try:
        with open_() as stream:
            shape, is_fortran, dtype = _read_header(stream)
    except (ValueError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        # An unknown compression and a password are NotImplementedError and RuntimeError of zipfile.
        raise InputError(f"{where} is not an array as numpy writes it, or it was cut off") from None
    if dtype.hasobject:
        raise InputError(f"{where} holds Python objects; write the arrays of numbers themselves")
    return StoredArray(where, shape, dtype, is_fortran, open_)


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, whether columns come first, and dtype; leaves the stream at the elements."""
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError("structures are no arrays of numbers")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, is_fortran, dtype = read(stream)
    return tuple(int(d) for d in shape), bool(is_fortran), np.dtype(dtype)


def fingerprint(path: Path) -> bytes:
    """What tells a file's content from another's: an archive's checksums, or the bytes' hash; raises InputError."""
    digest = hashlib.sha256()
    try:
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                members = sorted((m.filename, m.CRC, m.file_size) for m in archive.infolist())
            digest.update(repr(members).encode())
        else:
            with path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.digest()
