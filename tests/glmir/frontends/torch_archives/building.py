"""Zip archives and pickles put together by hand, byte by byte, so that they can be wrong in every way."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from glmir.errors import InputError
from glmir.frontends.torch_archives import Archive, open_archive, unpickle

STREAMED = 0x808
"""Flags that PyTorch sets: names are UTF-8, checksum and sizes follow the data."""


@dataclass
class Entry:
    """A member to be written; what is None is written as it is, everything else as it says."""

    name: str
    content: bytes = b""
    deflated: bool = False
    flags: int = 0x800
    method: int | None = None
    crc: int | None = None
    packed: int | None = None
    size: int | None = None
    offset: int | None = None
    local_name: str | None = None
    local_method: int | None = None
    local_size: int | None = None
    extra: bytes = b""
    raw_name: bytes | None = None


def deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


def zip_of(entries: Iterable[Entry], *, aligned: bool = True, zip64: bool = False, comment: bytes = b"") -> bytes:
    """The bytes of a zip file; stored members are aligned to 64 bytes as PyTorch's are."""
    data, directory, count = bytearray(), bytearray(), 0
    for entry in entries:
        count += 1
        header, central = _headers(entry, len(data), aligned)
        data += header
        directory += central
    offset = len(data)
    end = b""
    if zip64:
        end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), offset)
        end += struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + len(directory), 1)
    end += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), offset, len(comment))
    return bytes(data + directory + end + comment)


def _headers(entry: Entry, at: int, aligned: bool) -> tuple[bytes, bytes]:
    """Local header with the data, and the directory's entry, of a member that is written at ``at``."""
    name = entry.raw_name if entry.raw_name is not None else entry.name.encode()
    own_name = name if entry.local_name is None else entry.local_name.encode()
    packed = deflate(entry.content) if entry.deflated else entry.content
    method = entry.method if entry.method is not None else 8 * entry.deflated
    sums = (
        zlib.crc32(entry.content) if entry.crc is None else entry.crc,
        len(packed) if entry.packed is None else entry.packed,
        len(entry.content) if entry.size is None else entry.size,
    )
    own_sums = (0, 0, 0) if entry.flags & 8 else sums
    if entry.local_size is not None:
        own_sums = (*own_sums[:2], entry.local_size)
    own_method = method if entry.local_method is None else entry.local_method
    padding = -(at + 30 + len(own_name) + 4) % 64 if aligned else 0
    own_extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding if aligned else b""
    own = (20, entry.flags, own_method, 0, 0, *own_sums, len(own_name), len(own_extra))
    header = struct.pack("<4s5H3L2H", b"PK\x03\x04", *own) + own_name + own_extra + packed
    if entry.flags & 8:
        header += struct.pack("<4s3L", b"PK\x07\x08", *sums)
    place = at if entry.offset is None else entry.offset
    listed = (20, 20, entry.flags, method, 0, 0, *sums, len(name), len(entry.extra), 0, 0, 0, 0, place)
    return header, struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *listed) + name + entry.extra


def archive_of(pickle: bytes, storages: dict[str, bytes] | None = None, **members: bytes) -> bytes:
    """An archive ``m/`` with a data.pkl, storages by key, and more members (``_`` stands for ``.``)."""
    files = {"data.pkl": pickle, **{f"data/{key}": content for key, content in (storages or {}).items()}}
    files |= {name.replace("_", "."): content for name, content in members.items()}
    return zip_of([Entry(f"m/{name}", content, flags=STREAMED) for name, content in files.items()])


def read(pickle: bytes, storages: dict[str, bytes] | None = None) -> object:
    """What the reader makes of a pickle: what follows the protocol and precedes the stop."""
    return unpickle(open_archive(archive_of(b"\x80\x02" + pickle + b".", storages)))


def refusal(data: bytes) -> str:
    """The sentence with which an archive, or the data.pkl in it, is refused."""
    with pytest.raises(InputError) as caught:
        unpickle(open_archive(data))
    return str(caught.value)


def pickle_refusal(pickle: bytes, storages: dict[str, bytes] | None = None) -> str:
    return refusal(archive_of(b"\x80\x02" + pickle + b".", storages))


def archive(*entries: Entry) -> Archive:
    return open_archive(zip_of(entries))


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    return b"J" + struct.pack("<i", value) if -(1 << 31) <= value < 1 << 31 else long(value)


def long(value: int, size: int = 8) -> bytes:
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def decimal(value: float) -> bytes:
    return b"G" + struct.pack(">d", value)


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + tuple_of(*arguments) + b"R"


def storage(elements: int, key: str = "0", class_name: str = "FloatStorage", module: str = "torch") -> bytes:
    return tuple_of(text("storage"), name(module, class_name), text(key), text("cpu"), number(elements)) + b"Q"


HOOKS = call(name("collections", "OrderedDict"))
REBUILD = name("torch._utils", "_rebuild_tensor_v2")


def tensor(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0, source: bytes | None = None, rest: bytes = b""
) -> bytes:
    """A tensor over a storage of six floats, unless another is given."""
    place = storage(6) if source is None else source
    sizes = tuple_of(*map(number, shape))
    return call(REBUILD, place, number(offset), sizes, tuple_of(*map(number, strides)), b"\x89", HOOKS, rest)


def script_object(class_name: str, state: bytes) -> bytes:
    module, _, attribute = class_name.rpartition(".")
    return name(module, attribute) + b")\x81" + state + b"b"
