"""``weight.bin``: MIL's blob storage, version 2. Little endian, everything at multiples of 64 bytes:

header    u32 count, u32 version, 7 x u64 0
metadata  u32 0xDEADBEEF, u32 type, u64 bytes, u64 offset of the data, u64 padding bits, 4 x u64 0   } for each
data      the elements, row-major                                                                    } array
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from ...ir import Array
from ...types import DType
from ..array_bytes import write_array
from .packing import Packed
from .schema import DataType

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

PACKED_TYPES: dict[DataType, int] = {
    DataType.INT4: 8,
    DataType.UINT1: 9,
    DataType.UINT2: 10,
    DataType.UINT4: 11,
    DataType.UINT3: 12,
    DataType.UINT6: 13,
}


@dataclass(frozen=True)
class _Blob:
    """Where an array will stand; the bytes of a packed one have a type of their own, and may end in empty bits."""

    array: Array
    offset: int
    type: int
    padding_bits: int


class WeightFile:
    """The arrays of a ``weight.bin``, by where they will stand. Equal ones stand there once; none is copied."""

    def __init__(self) -> None:
        self._blobs: list[_Blob] = []
        self._end = _HEADER.size
        # With the arrays themselves: as long as they live, no other can be at their address.
        self._by_address: dict[tuple[object, ...], tuple[int, Array]] = {}
        self._by_sample: dict[tuple[object, ...], list[_Blob]] = {}

    def offset(self, array: Array) -> int:
        """Where the metadata of an array of these elements stands; adds it at the end if there is none yet."""
        # Many constants are views of one mapped file: the same view is found without reading it.
        address = array.__array_interface__["data"][0]
        key = (address, array.dtype.str, array.shape, array.strides)
        if key not in self._by_address:
            self._by_address[key] = self._find_or_append(array, BLOB_TYPES[DType.of(array.dtype)], 0), array
        return self._by_address[key][0]

    def packed_offset(self, tensor: Packed) -> int:
        """The same for elements of fewer than eight bits."""
        return self._find_or_append(tensor.data, PACKED_TYPES[tensor.data_type], tensor.padding_bits)

    def _find_or_append(self, array: Array, blob_type: int, padding_bits: int) -> int:
        """The offset of equal elements. Only arrays of one type, size, beginning and end are compared."""
        alike = self._by_sample.setdefault((blob_type, padding_bits, *_sample(array)), [])
        for other in alike:
            if _equal_bytes(array, other.array):
                return other.offset
        blob = _Blob(array, self._end, blob_type, padding_bits)
        self._blobs.append(blob)
        alike.append(blob)
        self._end = _aligned(blob.offset + _METADATA.size + array.nbytes)
        return blob.offset

    def write(self, stream: BinaryIO) -> None:
        """Writes the file to a stream at its start."""
        stream.write(_HEADER.pack(len(self._blobs), VERSION))
        position = _HEADER.size
        for blob in self._blobs:
            stream.write(bytes(blob.offset - position))
            data, size = blob.offset + _METADATA.size, blob.array.nbytes
            stream.write(_METADATA.pack(_SENTINEL, blob.type, size, data, blob.padding_bits))
            write_array(blob.array, stream)
            position = data + size


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
