"""A zip archive as PyTorch writes it, mapped into memory: its members by their path below the root folder.

PyTorch stores weights plainly and aligned, so they are read as views of the mapping and cost nothing; code, debug
tables and JSON may be deflated. Nothing is ever written to disk.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..file_mapping import map_file
from .zip_directory import DEFLATED, Buffer, Member, damaged, read_directory

MAX_INFLATED_BYTES = 256 << 20
"""How many bytes all deflated members of one archive may unpack to: a hundred times the code of the largest models."""


class Archive:
    """An open archive. The root folder, which all members share, is left out of their names."""

    root: str
    """The root folder, without a slash; "" if the members share none."""
    names: Sequence[str]
    """The members' names below the root, sorted."""

    def __init__(self, data: Buffer) -> None:
        members = read_directory(data)
        self._data = data
        self._bytes = np.frombuffer(data, np.uint8)
        self._bytes.flags.writeable = False
        self.root = _common_folder(members)
        skipped = len(self.root) + 1 if self.root else 0
        self._members = {member.name[skipped:]: member for member in members}
        self.names = sorted(self._members)
        self._inflated: set[str] = set()
        self._inflated_bytes = 0

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def size(self, name: str) -> int:
        """How many bytes a member has, unpacked. Raises InputError if there is none of that name."""
        return self._member(name).size

    def read(self, name: str) -> bytes:
        """A member's bytes, unpacked, its checksum compared.

        Raises InputError if there is none of that name, if it is damaged, or if the archive unpacks to too much.
        """
        member = self._member(name)
        if member.method == DEFLATED:
            return self._inflate(name, member)
        content = bytes(self._data[member.start : member.end])
        _compare_checksum(name, member, content)
        return content

    def raw(self, name: str) -> NDArray[np.uint8]:
        """A member's bytes, read-only: a view of the mapped file, or unpacked if the member is deflated.

        The checksum of a view is not compared: that would read every weight from disk once more than needed, and
        weights that were changed can do no more harm than weights that were trained so. Raises as ``read`` does.
        """
        member = self._member(name)
        if member.method == DEFLATED:
            return np.frombuffer(self._inflate(name, member), np.uint8)
        return self._bytes[member.start : member.end]

    def nested(self, name: str) -> Archive:
        """The archive that a member holds, its stored members views of the same mapping. Raises InputError."""
        return Archive(self.raw(name).data)

    def _member(self, name: str) -> Member:
        member = self._members.get(name)
        if member is None:
            raise InputError(f"The archive has no member {name!r}: it is incomplete or not a PyTorch model.")
        return member

    def _inflate(self, name: str, member: Member) -> bytes:
        if name not in self._inflated:
            self._inflated.add(name)
            self._inflated_bytes += member.size
        if self._inflated_bytes > MAX_INFLATED_BYTES:
            raise InputError(
                f"The archive unpacks to more than {MAX_INFLATED_BYTES >> 20} MB (at member {name!r}). "
                "PyTorch stores weights unpacked; if a zip tool packed them, pack the archive again with 'zip -0'."
            )
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            # One byte more than is said to be there: a member that is longer is found out without unpacking it.
            content = inflater.decompress(bytes(self._data[member.start : member.end]), member.size + 1)
        except zlib.error:
            raise damaged(f"member {name!r} cannot be unpacked") from None
        if len(content) != member.size or not inflater.eof or inflater.unused_data:
            raise damaged(f"member {name!r} does not unpack to the {member.size} bytes it is said to have")
        _compare_checksum(name, member, content)
        return content


def open_archive(source: str | os.PathLike[str] | bytes) -> Archive:
    """Opens the archive at a path, or in memory.

    Raises InputError for what cannot be read or is no zip archive, and for archives that are damaged, encrypted,
    split, or hold names that lead out of a folder.
    """
    data = source if isinstance(source, bytes) else map_file(os.fsdecode(source), "The model cannot be read")
    return Archive(data)


def _compare_checksum(name: str, member: Member, content: bytes) -> None:
    if zlib.crc32(content) != member.crc:
        raise damaged(f"the checksum of member {name!r} is wrong")


def _common_folder(members: Sequence[Member]) -> str:
    """The top folder that all members stand in; "" if they do not share one."""
    tops = {member.name.partition("/")[0] if "/" in member.name else "" for member in members}
    return tops.pop() if len(tops) == 1 else ""
