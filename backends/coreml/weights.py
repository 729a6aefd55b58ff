"""``weight.bin``: MIL's blob storage, version 2. Little endian, everything at multiples of 64 bytes:

header    u32 count, u32 version, 7 x u64 0
metadata  u32 0xDEADBEEF, u32 type, u64 bytes, u64 offset of the data, u64 padding bits, 4 x u64 0   } for each
data      the elements, row-major                                                                    } array
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from ...ir import Array
from ...types import DType
from ..array_bytes import write_array

ALIGNMENT = 64
VERSION = 2
_HEADER = struct.Struct("<II56x")
_METADATA = struct.Struct("<IIQQQ32x")
_SENTINEL = 0xDEADBEEF
_SAMPLE_BYTES = 64
_COMPARED_BYTES = 2**24

BLOB_TYPES: dict[DType, int] = {
    DType.F16: 1,
    DType.F32: 2,
    DType.U8: 3,
    DType.I8: 4,
    DType.I16: 6,
    DType.U16: 7,
    DType.I32: 14,
    DType.U32: 15,
}


class WeightFile:
    """The arrays of a ``weight.bin``, by where they will stand. Equal ones stand there once; none is copied."""

    def __init__(self) -> None:
        self._arrays: list[tuple[Array, int]] = []
        self._end = _HEADER.size
        # With the arrays themselves: as long as they live, no other can be at their address.
        self._by_address: dict[tuple[object, ...], tuple[int, Array]] = {}
        self._by_sample: dict[tuple[object, ...], list[tuple[Array, int]]] = {}

    def offset(self, array: Array) -> int:
        """Where the metadata of an array of these elements stands; adds it at the end if there is none yet."""
        # Many constants are views of one mapped file: the same view is found without reading it.
        address = array.__array_interface__["data"][0]
        key = (address, array.dtype.str, array.shape, array.strides)
        if key not in self._by_address:
            self._by_address[key] = self._find(array) or self._append(array), array
        return self._by_address[key][0]

    def _find(self, array: Array) -> int | None:
        """The offset of equal elements. Only arrays of one dtype, size, beginning and end are compared."""
        for other, offset in self._by_sample.get(_sample(array), ()):
            if _equal_bytes(array, other):
                return offset
        return None

    def _append(self, array: Array) -> int:
        offset = self._end
        self._arrays.append((array, offset))
        self._by_sample.setdefault(_sample(array), []).append((array, offset))
        self._end = _aligned(offset + _METADATA.size + array.nbytes)
        return offset

    def write(self, stream: BinaryIO) -> None:
        """Writes the file to a stream at its start."""
        stream.write(_HEADER.pack(len(self._arrays), VERSION))
        position = _HEADER.size
        for array, offset in self._arrays:
            stream.write(bytes(offset - position))
            data = offset + _METADATA.size
            blob_type = BLOB_TYPES[DType.of(array.dtype)]
            stream.write(_METADATA.pack(_SENTINEL, blob_type, array.nbytes, data, 0))
            write_array(array, stream)
            position = data + array.nbytes


def _aligned(position: int) -> int:
    return position + -position % ALIGNMENT


def _sample(array: Array) -> tuple[object, ...]:
    """The dtype, the size, and the first and last bytes in row-major order."""
    count = _SAMPLE_BYTES // array.itemsize
    ends = (np.asarray(array.flat[:count]).tobytes(), np.asarray(array.flat[max(0, array.size - count) :]).tobytes())
    return (array.dtype.str, array.size, *ends)


def _equal_bytes(a: Array, b: Array) -> bool:
    """Whether two arrays of one size have the same elements in row-major order, bit for bit."""
    return all(np.array_equal(x, y) for x, y in zip(_blocks(a), _blocks(b), strict=True))


def _blocks(array: Array) -> Iterator[Array]:
    """The bytes in row-major order, some megabytes at a time."""
    if array.flags.c_contiguous:
        flat = array.reshape(-1).view(np.uint8)
        yield from (flat[start : start + _COMPARED_BYTES] for start in range(0, flat.size, _COMPARED_BYTES))
        return
    count = _COMPARED_BYTES // array.itemsize
    for start in range(0, array.size, count):
        yield np.asarray(array.flat[start : start + count]).view(np.uint8)
