"""Reads weight files: MIL blob storage, version 2, little endian.

Source: MILBlob/Blob/StorageFormat.hpp of Apple's converter: a header of 64 bytes (count, version), and for each blob
64 bytes of metadata (0xDEADBEEF, type, bytes, offset of the data, padding in bits) before its data, both aligned to 64.
"""

import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ....types import Array
from .kinds import NUMPY, SUB_BYTE_BITS, ProgramError

_HEADER = struct.Struct("<II56x")
_METADATA = struct.Struct("<IIQQQ32x")
_SENTINEL = 0xDEADBEEF
_ALIGNMENT = 64

_BLOB_KINDS: Mapping[int, str] = MappingProxyType(
    {1: "fp16", 2: "fp32", 3: "u8", 4: "i8", 6: "i16", 7: "u16", 8: "i4", 9: "u1", 10: "u2", 11: "u4", 12: "u3"}
    | {13: "u6", 14: "i32", 15: "u32"}
)
_PREFIX = "@model_path/"


class WeightFiles:
    """The weight files beside a model, each mapped into memory when first read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Array] = {}

    def read(self, file_name: str, offset: int, kind: str, shape: tuple[int, ...]) -> Array:
        """The array whose metadata is at that offset, without a copy for whole-byte kinds; raises ProgramError."""
        data = self._file(file_name)
        where = f"the blob at offset {offset} of {file_name}"
        if offset % _ALIGNMENT or offset + _METADATA.size > data.size or offset < _HEADER.size:
            raise ProgramError(f"{where}: there is none, the file has {data.size} bytes")
        sentinel, blob_type, size, start, padding_bits = _METADATA.unpack(
            data[offset : offset + _METADATA.size].tobytes()
        )
        if sentinel != _SENTINEL:
            raise ProgramError(f"{where}: no metadata is there")
        if _BLOB_KINDS.get(blob_type) != kind:
            raise ProgramError(f"{where} holds {_BLOB_KINDS.get(blob_type, f'type {blob_type}')}, not {kind}")
        if start % _ALIGNMENT or start + size > data.size:
            raise ProgramError(f"{where}: its data is out of place")
        stored = data[start : start + size]
        count = prod(shape)
        if kind in SUB_BYTE_BITS:
            bits = count * SUB_BYTE_BITS[kind]
            if size != (bits + 7) // 8 or padding_bits != -bits % 8:
                raise ProgramError(f"{where} has {size} bytes and {padding_bits} padding bits for {count} x {kind}")
            return unpack(stored, kind, count).reshape(shape)
        # Of whole-byte kinds the padding means nothing; older writers leave anything in its place.
        if size != count * NUMPY[kind].itemsize:
            raise ProgramError(f"{where} has {size} bytes for {count} x {kind}")
        return stored.view(NUMPY[kind]).reshape(shape)

    def _file(self, name: str) -> Array:
        if name in self._files:
            return self._files[name]
        path = self._folder / name.removeprefix(_PREFIX)
        if not name.startswith(_PREFIX) or not path.is_file():
            raise ProgramError(f"there is no weight file {name}")
        data = np.memmap(path, np.uint8, "r")
        _, version = _HEADER.unpack(data[: _HEADER.size].tobytes()) if data.size >= _HEADER.size else (0, 0)
        if version != 2:
            raise ProgramError(f"the weight file {name} is not of version 2")
        self._files[name] = data
        return data


def unpack(packed: Array, kind: str, count: int) -> Array:
    """The elements of a little-endian stream of bits, a byte each; i4 is in two's complement."""
    width = SUB_BYTE_BITS[kind]
    bits = np.unpackbits(packed, count=count * width, bitorder="little").reshape(count, width)
    values = np.packbits(bits, axis=1, bitorder="little").reshape(count)
    if kind != "i4":
        return values
    return ((values ^ 8).astype(np.int8) - 8).astype(np.int8)
