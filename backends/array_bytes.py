"""Arrays as formats hold them: bytes of elements, little-endian, in C order; f32 that shorter floats hold exactly."""

from typing import BinaryIO

import numpy as np

from ..types import Array, DType
from ..weights import release

BLOCK_BYTES = 2**24
"""How much of a strided array is copied at a time."""

SMALLEST_SHORTENED = 1024
"""Weights of fewer elements are stored as they are computed with."""


def exactly(array: Array, dtype: DType) -> Array | None:
    """A large array of f32 as a shorter float, in C order, when that holds all its elements; None when not."""
    if array.dtype != np.float32 or array.size < SMALLEST_SHORTENED:
        return None
    with np.errstate(over="ignore"):
        first = array.reshape(-1)[:SMALLEST_SHORTENED] if array.flags.c_contiguous else array[:1]
        if not np.array_equal(first, first.astype(dtype.numpy).astype(np.float32)):
            return None
        short = array.astype(dtype.numpy, order="C")
    return short if np.array_equal(short.astype(np.float32), array) else None


def write_array(elements: Array, stream: BinaryIO) -> None:
    """Writes the little-endian bytes of an array in C order. A strided array is copied, a few megabytes at a time."""
    blocks = [elements]
    if not elements.flags.c_contiguous:
        elements = elements.squeeze()
        rows = max(1, BLOCK_BYTES * len(elements) // elements.nbytes)
        blocks = [elements[start : start + rows] for start in range(0, len(elements), rows)]
    for block in blocks:
        contiguous = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
        stream.write(contiguous.reshape(-1).view(np.uint8).data)
    release(elements)
