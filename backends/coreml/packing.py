"""Integers of fewer than eight bits, as MIL keeps them: a little-endian stream of bits, without gaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from ...ir import Array
from ...types import DType
from .schema import DataType

UNSIGNED: Mapping[int, DataType] = {
    1: DataType.UINT1,
    2: DataType.UINT2,
    3: DataType.UINT3,
    4: DataType.UINT4,
    6: DataType.UINT6,
    8: DataType.UINT8,
}
"""The type of unsigned integers of so many bits, where there is one."""

_CHUNK = 2**20
"""How many elements are packed at a time: a multiple of eight, so that each chunk fills whole bytes."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A tensor of few bits an element. ``data`` is u8, the bits in row-major order of the elements, lowest first."""

    data: Array
    data_type: DataType
    bits: int
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def padding_bits(self) -> int:
        """How many bits of the last byte mean nothing."""
        return -self.count * self.bits % 8


def packed(array: Array, bits: int) -> Array | Packed:
    """Unsigned integers that ``bits`` bits hold, packed; bytes as they are."""
    if bits == 8:
        return array.astype(np.uint8, copy=False)
    return Packed(pack_bits(array, bits), UNSIGNED[bits], bits, array.shape)


def packed_nibbles(array: Array) -> Packed:
    """An array of i4 or u4, two elements a byte."""
    data_type = DataType.INT4 if DType.of(array.dtype) is DType.I4 else DataType.UINT4
    return Packed(pack_bits(array.astype(np.int8).view(np.uint8), 4), data_type, 4, array.shape)


def pack_bits(array: Array, bits: int) -> Array:
    """The lowest ``bits`` bits of each element, u8[ceil(elements * bits / 8)]."""
    flat = array.reshape(-1)
    chunks = (flat[start : start + _CHUNK].astype(np.uint8) for start in range(0, flat.size, _CHUNK))
    streams = (np.unpackbits(chunk[:, np.newaxis], axis=1, count=bits, bitorder="little") for chunk in chunks)
    packed_chunks = [np.packbits(stream.reshape(-1), bitorder="little") for stream in streams]
    return np.concatenate(packed_chunks) if packed_chunks else np.zeros(0, np.uint8)
