"""Writes arrays as every format holds them: the bytes of their elements, little-endian, in C order."""

from typing import BinaryIO

import numpy as np

from ..types import Array

BLOCK_BYTES = 2**24
"""How much of a strided array is copied at a time."""


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
