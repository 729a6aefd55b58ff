"""Sparse tensors as TFLite writes them: what is not zero, and where it stands (schema table SparsityParameters).

The last axis is compressed (CSR): for every index of the others ``array_segments`` says where its elements begin among
all, and ``array_indices`` at which index of the last axis each of them stands. The format is that of Kjolstad et al.,
"The Tensor Algebra Compiler", 2017, with all other axes dense and no blocks.
"""

import numpy as np

from ...ir import Array
from ..flatbuffer import Table
from .schema import DimensionMetadata, Int32Vector, SparsityParameters, Uint8Vector, Uint16Vector
from .schema_enums import DimensionType


def sparse(dense: Array) -> tuple[Array, SparsityParameters]:
    """What is not zero of an array of rank 1 or more, in row-major order, and where it stands."""
    places = np.argwhere(dense != 0)
    rows = np.ravel_multi_index(tuple(places[:, :-1].T), dense.shape[:-1]) if dense.ndim > 1 else places[:, 0] * 0
    counts = np.bincount(rows, minlength=int(np.prod(dense.shape[:-1])))
    segments = np.concatenate([[0], np.cumsum(counts)])
    metadata = [DimensionMetadata(format=DimensionType.DENSE, dense_size=size) for size in dense.shape[:-1]]
    metadata.append(
        DimensionMetadata(
            format=DimensionType.SPARSE_CSR,
            array_segments=_numbers(segments),
            array_indices=_numbers(places[:, -1]),
        )
    )
    parameters = SparsityParameters(traversal_order=list(range(dense.ndim)), dim_metadata=metadata)
    return dense[tuple(places.T)], parameters


def _numbers(numbers: Array) -> Table:
    """The numbers in the narrowest of the vectors that there are for them."""
    largest = int(numbers.max()) if numbers.size else 0
    if largest <= np.iinfo(np.uint8).max:
        return Uint8Vector(values=numbers.astype(np.uint8))
    if largest <= np.iinfo(np.uint16).max:
        return Uint16Vector(values=[int(n) for n in numbers])
    return Int32Vector(values=[int(n) for n in numbers])
