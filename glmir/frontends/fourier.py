"""Discrete Fourier transforms, as products with matrices of cosines and sines.

The matrices are constants where the sizes are known, else they are computed as the model runs. Complex tensors are
pairs of real ones. Matrices have a row for every element that is transformed, a column for every one of the result.
"""

import numpy as np

from ..dims import Dim, SymInt
from ..ir import Array, Value
from ..ops import math, tensor
from ..types import DType
from .layers import scalar
from .values import MAX_CONSTANT, cast, constant, positions, reshape, size_of, transposed

Parts = tuple[Value, Value | None]
"""The real and the imaginary part; None is an imaginary part of zeros."""

Size = Dim | Value
"""A number of elements: known, symbolic, or a scalar that running the model shows."""


def angles(rows: int, columns: int, size: int) -> Array:
    """2 pi i k / size, as [rows, columns]; exact in i k mod size."""
    turns = np.outer(np.arange(rows), np.arange(columns)) % size
    return np.asarray(2 * np.pi * turns / size)


def times_matrix(x: Value, axis: int, matrix: Value) -> Value:
    """x with its axis, of n elements, replaced by the m that ``matrix`` [n, m] makes of them."""
    rank = x.type.rank
    if rank == 1:
        row = reshape(x, (1, *x.type.shape))
        return reshape(math.MatMul(row, matrix).result, matrix.type.shape[1:])
    order = [*(i for i in range(rank) if i != axis), axis]
    product = math.MatMul(transposed(x, order), matrix).result
    return transposed(product, [order.index(i) for i in range(rank)])


def transformed(
    x: Parts, axis: int, columns: Dim, size: Size, is_inverse: bool = False, scale: float = 1
) -> tuple[Value, Value]:
    """The first ``columns`` elements of the transform of ``size`` elements of an axis, times ``scale``.

    What the axis has beyond ``size`` elements is left out, what it lacks is zero.
    """
    real, imag = x
    cosine, sine = _matrices(real.type.shape[axis], columns, size, real.type.dtype, scale, 1 if is_inverse else -1)
    real_part, imag_part = times_matrix(real, axis, cosine), times_matrix(real, axis, sine)
    if imag is None:
        return real_part, imag_part
    real_part = math.Sub(real_part, times_matrix(imag, axis, sine)).result
    return real_part, math.Add(imag_part, times_matrix(imag, axis, cosine)).result


def real_of_half(x: Parts, axis: int, columns: Dim, size: Size, scale: float = 1) -> Value:
    """``columns`` elements of the real signal whose transform begins with these, times ``scale``."""
    real, imag = x
    cosine, sine = _matrices(real.type.shape[axis], columns, size, real.type.dtype, scale, -1, is_half=True)
    y = times_matrix(real, axis, cosine)
    return y if imag is None else math.Add(y, times_matrix(imag, axis, sine)).result


def scaled_by_size(x: Value, size: Size) -> Value:
    """x / size"""
    if isinstance(size, int):
        return math.Mul(x, scalar(1 / max(size, 1), x)).result
    return math.Div(x, as_number(size, x.type.dtype)).result


def _matrices(
    rows: Dim, columns: Dim, size: Size, dtype: DType, scale: float, sign: int, *, is_half: bool = False
) -> tuple[Value, Value]:
    """cos(t) * scale and sin(t) * scale * sign for t = 2 pi i k / size, as [rows, columns]; zeros in rows beyond."""
    if isinstance(rows, int) and isinstance(columns, int) and isinstance(size, int) and rows * columns <= MAX_CONSTANT:
        turned, factors = angles(rows, columns, max(size, 1)), _factors(rows, size, is_half) * scale
        cosine, sine = np.cos(turned) * factors, np.sin(turned) * factors * sign
        return constant(cosine.astype(dtype.numpy)), constant(sine.astype(dtype.numpy))
    down, count = reshape(positions(rows, DType.I32), (rows, 1)), as_number(size, DType.I32)
    turns = math.FloorMod(math.Mul(down, positions(columns, DType.I32)).result, count).result
    step = math.Div(_number(2 * np.pi * sign, dtype), cast(count, dtype)).result
    turned_by = math.Mul(cast(turns, dtype), step).result
    weights = math.Mul(_factors_at_run_time(down, count, is_half, dtype), _number(scale, dtype)).result
    return math.Mul(math.Cos(turned_by).result, weights).result, math.Mul(math.Sin(turned_by).result, weights).result


def _factors(rows: int, size: int, is_half: bool) -> Array:
    """[rows, 1]: what each element is multiplied by: 1, and 0 beyond the size.

    Of half a transform of real numbers every element but the first, and the middle one of an even size, stands for two:
    the other is its conjugate.
    """
    place = np.arange(rows)[:, None]
    if not is_half:
        return np.where(place < size, 1.0, 0.0)
    is_single = (place == 0) | (2 * place == size)
    return np.where(is_single, 1.0, np.where(2 * place < size, 2.0, 0.0))


def _factors_at_run_time(down: Value, count: Value, is_half: bool, dtype: DType) -> Value:
    """As ``_factors``, of the places [rows, 1] and the size."""
    zero, one, two = (_number(number, dtype) for number in range(3))
    if not is_half:
        return math.Select(math.Less(down, count).result, one, zero).result
    doubled = math.Add(down, down).result
    is_first = math.Equal(down, _number(0, DType.I32)).result
    is_single = math.LogicalOr(is_first, math.Equal(doubled, count).result).result
    others = math.Select(math.Less(doubled, count).result, two, zero).result
    return math.Select(is_single, one, others).result


def as_number(size: Size, dtype: DType) -> Value:
    """The size as a scalar."""
    if isinstance(size, int | SymInt):
        return size_of(size, dtype)
    return cast(size if size.type.rank == 0 else tensor.Reshape(size, None, ()).result, dtype)


def _number(number: float, dtype: DType) -> Value:
    return constant(np.array(number, dtype.numpy))
