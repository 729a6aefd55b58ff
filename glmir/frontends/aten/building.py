"""Values that several families of operations build: positions, moved axes, masks of diagonals."""

from collections.abc import Sequence

import numpy as np

from ...dims import Dim
from ...ir import Value
from ...ops import math, tensor
from ...ops.enums import ScatterReduction
from ...types import DType, Shape
from ..values import joined as joined
from ..values import positions as positions
from ..values import sliced as sliced
from ..values import transposed as transposed
from .scope import Scope, cast, constant, reshape
from .work import MAX_CONSTANT


def flat(x: Value) -> Value:
    """The elements in one row."""
    return reshape(x, (x.type.elements,))


def inverse(order: Sequence[int]) -> list[int]:
    """The order that undoes another."""
    return [list(order).index(i) for i in range(len(order))]


def along(x: Value, axis: int, rank: int) -> Value:
    """A row of values as a tensor of a rank whose other axes have size 1."""
    return reshape(x, tuple(x.type.elements if i == axis else 1 for i in range(rank)))


def filled(scope: Scope, number: float, dtype: DType, shape: Shape) -> Value:
    """A tensor of equal elements."""
    value = scope.scalar(number, dtype)
    return tensor.Expand(value, None, shape).result if shape else value


def diagonal_mask(scope: Scope, rows: Dim, columns: Dim, offset: int = 0) -> Value:
    """bool[rows, columns], true where the column is the row plus ``offset``."""
    if isinstance(rows, int) and isinstance(columns, int) and rows * columns <= MAX_CONSTANT:
        return constant(np.eye(rows, columns, offset, dtype=np.bool_))
    down, across = along(positions(rows), 0, 2), along(positions(columns), 1, 2)
    shifted = math.Add(down, scope.scalar(offset, DType.I64)).result if offset else down
    return math.Equal(shifted, across).result


def as_indices(x: Value) -> Value:
    """Integers as the IR takes indices: i32 or i64."""
    return x if x.type.dtype in (DType.I32, DType.I64) else cast(x, DType.I64)


def rows_written(scope: Scope, rows: Value, shape: Sequence[Dim]) -> Value:
    """bool[shape], true where a row of indices [..., rank] names an element; unlike scatters, rows may repeat."""
    zeros = filled(scope, 0, DType.I32, tuple(shape))
    ones = filled(scope, 1, DType.I32, rows.type.shape[:-1])
    counts = tensor.ScatterNd(zeros, rows, ones, ScatterReduction.ADD).result
    return math.Greater(counts, scope.scalar(0, DType.I32)).result


def elements_written(scope: Scope, indices: Value, axis: int, shape: Sequence[Dim]) -> Value:
    """bool[shape], true where an index along the axis names an element; unlike in scatters, indices may repeat."""
    zeros = filled(scope, 0, DType.I32, tuple(shape))
    ones = filled(scope, 1, DType.I32, indices.type.shape)
    counts = tensor.ScatterElements(zeros, indices, ones, axis, ScatterReduction.ADD).result
    return math.Greater(counts, scope.scalar(0, DType.I32)).result
