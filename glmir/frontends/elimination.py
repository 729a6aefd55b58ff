"""Systems of linear equations, inverses and determinants of small matrices, by Gauss-Jordan elimination.

No target solves systems, so the elimination is written out, a dozen operations a row: the matrices of camera geometry,
of homographies and thin-plate splines. The rows are exchanged so that the largest element of the column divides
(Golub and Van Loan, Matrix Computations, section 3.4).
"""

import functools

import numpy as np

from ..ir import Value
from ..ops import math, tensor
from ..ops.inference import broadcast
from .layers import scalar
from .values import constant, expand, reshape

LARGEST = 16
"""Rows of the largest matrix: the elimination's operations grow with the rows, its rounding error faster."""


def _part(x: Value, rows: tuple[int, int], columns: tuple[int, int]) -> Value:
    """``x[..., rows[0]:rows[1], columns[0]:columns[1]]``."""
    batch = x.type.shape[:-2]
    starts = (*(0,) * len(batch), rows[0], columns[0])
    sizes = (*batch, rows[1] - rows[0], columns[1] - columns[0])
    return tensor.Slice(x, starts, sizes, (1,) * x.type.rank).result


def _eliminated(joined: Value, rows: int, divides_by_zero: bool) -> tuple[Value, list[Value], list[Value]]:
    """``joined`` [..., n, n + m], its first n columns made the unit matrix; the divisors, and whether rows changed.

    Both lists hold a value [..., 1, 1] a row. A divisor of zero, which singular matrices have, gives infinities
    unless ``divides_by_zero`` is false.
    """
    rank, width = joined.type.rank, joined.type.shape[-1]
    assert isinstance(width, int)
    places = constant(np.arange(rows)[:, None])
    divisors, exchanged = [], []
    for k in range(rows):
        column = math.Abs(_part(joined, (k, rows), (k, k + 1))).result
        below = math.ArgMax(column, rank - 2, True).result
        is_chosen = math.Equal(places, math.Add(below, scalar(k, below)).result).result
        zero = scalar(0, joined)
        chosen = math.ReduceSum(math.Select(is_chosen, joined, zero).result, (rank - 2,), True).result
        rest = math.Select(is_chosen, _part(joined, (k, k + 1), (0, width)), joined).result
        divisor = _part(chosen, (0, 1), (k, k + 1))
        divisors.append(divisor)
        exchanged.append(math.Greater(below, scalar(0, below)).result)
        if not divides_by_zero:
            divisor = math.Select(math.Equal(divisor, zero).result, scalar(1, joined), divisor).result
        row = math.Div(chosen, divisor).result
        reduced = math.Sub(rest, math.Mul(_part(rest, (0, rows), (k, k + 1)), row).result).result
        joined = math.Select(constant(np.arange(rows)[:, None] == k), row, reduced).result
    return joined, divisors, exchanged


def solved(matrix: Value, right: Value, rows: int, columns: int) -> Value:
    """The X of ``matrix`` [..., n, n] times X = ``right`` [..., n, m]; infinities for singular matrices."""
    batch = broadcast(matrix.type.shape[:-2], right.type.shape[:-2])
    sides = (expand(matrix, (*batch, rows, rows)), expand(right, (*batch, rows, columns)))
    joined, _, _ = _eliminated(tensor.Concat(sides, len(batch) + 1).result, rows, True)
    return _part(joined, (0, rows), (rows, rows + columns))


def signs_and_divisors(matrix: Value, rows: int) -> tuple[Value, list[Value]]:
    """The sign that exchanging rows gives the determinant, and the factors of the rest, all [...]."""
    _, divisors, exchanged = _eliminated(matrix, rows, False)
    shape = matrix.type.shape[:-2]
    minus, plus = scalar(-1, matrix), scalar(1, matrix)
    signs = [math.Select(is_exchanged, minus, plus).result for is_exchanged in exchanged]
    return reshape(product_of(signs), shape), [reshape(d, shape) for d in divisors]


def product_of(factors: list[Value]) -> Value:
    return functools.reduce(lambda x, y: math.Mul(x, y).result, factors)


def determinant(matrix: Value, rows: int) -> Value:
    """[...] of [..., n, n]"""
    sign, divisors = signs_and_divisors(matrix, rows)
    return product_of([sign, *divisors])
