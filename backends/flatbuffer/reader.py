"""The reader: tables become objects, arrays become views of the buffer. It trusts no byte of what it reads."""

import mmap
import struct
from typing import TypeVar

from .tables import OFFSET, MalformedBufferError, Table

ReadableBuffer = bytes | bytearray | memoryview | mmap.mmap

MAX_DEPTH = 64
"""Tables nested deeper than this are a cycle."""

_INT32, _UINT16 = struct.Struct("<i"), struct.Struct("<H")

AnyTable = TypeVar("AnyTable", bound=Table)


def read(root: type[AnyTable], buffer: ReadableBuffer, *, file_identifier: bytes = b"") -> AnyTable:
    """The root table of `buffer` and all that hangs from it; arrays are read-only views of the buffer.

    Raises `MalformedBufferError` for bytes that are no such buffer: a wrong identifier, positions outside the buffer,
    members of an enumeration or a union that the schema does not have.
    """
    view = memoryview(buffer).toreadonly().cast("B")
    if bytes(view[4 : 4 + len(file_identifier)]) != file_identifier:
        raise MalformedBufferError(f"The file identifier is not {file_identifier.decode()}.")
    return Reader(view).table(root, 0)


class Reader:
    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.depth = 0
        self.budget = 8 * len(view)

    def charge(self, size: int) -> None:
        """Bounds the work: a small buffer can point at the same bytes so often that no memory holds what it says."""
        self.budget -= size
        if self.budget < 0:
            raise MalformedBufferError("The tables of the buffer overlap.")

    def check(self, start: int, size: int) -> None:
        if start < 0 or start + size > len(self.view):
            raise MalformedBufferError(
                f"Bytes {start} to {start + size} are outside the {len(self.view)} of the buffer."
            )

    def unpack(self, kind: struct.Struct, at: int) -> int:
        """The scalar at `at`."""
        self.check(at, kind.size)
        value: int = kind.unpack_from(self.view, at)[0]
        return value

    def follow(self, at: int) -> int:
        """The position that the offset at `at` points to."""
        return at + self.unpack(OFFSET, at)

    def vector(self, at: int, itemsize: int) -> memoryview:
        """The content of the vector that the offset at `at` points to."""
        start = self.follow(at)
        size = self.unpack(OFFSET, start) * itemsize
        self.check(start + 4, size)
        return self.view[start + 4 : start + 4 + size]

    def table(self, kind: type[AnyTable], at: int) -> AnyTable:
        """The table that the offset at `at` points to."""
        if self.depth == MAX_DEPTH:
            raise MalformedBufferError(f"The tables are nested more than {MAX_DEPTH} deep.")
        cells = self.cells(self.follow(at), kind.schema.slots)
        self.depth += 1
        present = [field for field in kind.schema.fields if field.slot in cells]
        table = kind(**{field.name: field.read_member(self, cells) for field in present})
        self.depth -= 1
        return table

    def cells(self, start: int, slots: int) -> dict[int, int]:
        """The positions of the first `slots` cells of the table at `start`, by slot; absent ones are left out."""
        vtable = start - self.unpack(_INT32, start)
        count = min(max(self.unpack(_UINT16, vtable) // 2 - 2, 0), slots)
        self.check(vtable, 4 + 2 * count)
        offsets = struct.unpack_from(f"<{count}H", self.view, vtable + 4)
        cells = {slot: start + offset for slot, offset in enumerate(offsets) if offset}
        self.charge(8 + 4 * len(cells))
        return cells
