"""The forward writer.

Apart from a table's signed offset to its vtable all offsets of the format point forward, so a table is laid down before
what hangs from it, and the arrays, where nearly all bytes of a model are, come last: they are streamed to the file one
at a time and never collected in memory. (The usual builders go backwards and keep the whole file, twice at times.)
"""

import io
import struct
from typing import BinaryIO

from ..array_bytes import write_array
from .tables import OFFSET, Array, ArrayField, Table

MAX_BYTES = 2**31 - 1
"""Readers refuse a longer buffer: offsets are 32 bits wide, some of them signed."""


class BufferTooLargeError(ValueError):
    """What was to be written exceeds `MAX_BYTES`."""


def write(root: Table, stream: BinaryIO, *, file_identifier: bytes = b"") -> int:
    """Writes `root` and all that hangs from it to `stream`, a buffered binary file at its start.

    The same tables give the same bytes. The tables' own bytes are built in memory, the arrays go straight to the stream
    (see `write_array`). Returns the number of bytes written. Raises
    `BufferTooLargeError` before anything is written, `TypeError` or `ValueError` for a value its field cannot hold.
    """
    writer = Writer(root, file_identifier)
    end = len(writer.head)
    paddings = []
    for at, field, elements in writer.arrays:
        paddings.append(padding_before(end, field.align))
        start = end + paddings[-1]
        end = start + 4 + elements.nbytes
        if end > MAX_BYTES:
            raise BufferTooLargeError(f"A FlatBuffer holds at most {MAX_BYTES} bytes; these weights need more.")
        OFFSET.pack_into(writer.head, at, start - at)
    stream.write(writer.head)
    for padding, (_, field, elements) in zip(paddings, writer.arrays, strict=True):
        stream.write(bytes(padding) + OFFSET.pack(elements.nbytes // field.dtype.itemsize))
        write_array(elements, stream)
    return end


def to_bytes(root: Table, *, file_identifier: bytes = b"") -> bytes:
    """What `write` writes."""
    stream = io.BytesIO()
    write(root, stream, file_identifier=file_identifier)
    return stream.getvalue()


def padding_before(end: int, align: int) -> int:
    """The padding after `end` that aligns what follows a 4-byte header: a vector's length, a table's vtable offset."""
    return -(end + 4) % max(4, align)


class Writer:
    """The tables of a buffer (`head`), laid down one after the other, and the arrays that are to follow them."""

    def __init__(self, root: Table, file_identifier: bytes) -> None:
        if len(file_identifier) not in (0, 4):
            raise ValueError(f"a file identifier has 4 bytes, not {len(file_identifier)}")
        self.head = bytearray(4) + file_identifier
        self.vtables: dict[bytes, int] = {}
        self.arrays: list[tuple[int, ArrayField, Array]] = []
        self.append_table(0, root)

    def append(self, at: int, align: int, content: bytes) -> int:
        """Appends 4 header bytes and what is to be aligned, points the offset at `at` there, returns the start."""
        self.head += bytes(padding_before(len(self.head), align))
        start = len(self.head)
        self.head += content
        OFFSET.pack_into(self.head, at, start - at)
        return start

    def append_table(self, at: int, table: Table) -> None:
        """Appends a table and what hangs from it, and points the offset at `at` there."""
        values = vars(table)
        schema = table.schema
        present = []
        for field in schema.cells:
            value = values.get(field.name)
            if value is not None and (field.is_offset or value != field.default):
                present.append(field)
        layout = schema.layout(tuple(present))
        cells = [field.cell(values[field.name]) for field in layout.fields]
        vtable = self.vtable(layout.vtable)
        start = len(self.head) + padding_before(len(self.head), layout.align)
        try:
            self.append(at, layout.align, layout.struct.pack(start - vtable, *cells))
        except struct.error as error:
            raise ValueError(f"a field of this {schema.name} does not fit ({error}): {table}") from None
        for offset, field in layout.offsets:
            field.write(self, start + offset, values[field.name])

    def vtable(self, content: bytes) -> int:
        """The position of a vtable; equal ones are written once."""
        if content not in self.vtables:
            self.head += bytes(len(self.head) % 2)
            self.vtables[content] = len(self.head)
            self.head += content
        return self.vtables[content]
