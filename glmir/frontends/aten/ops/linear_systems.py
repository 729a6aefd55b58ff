"""Systems of linear equations, inverses and determinants of small matrices, by Gauss-Jordan elimination.

No target solves systems, so the elimination is written out, a dozen operations a row: the matrices of camera geometry,
of homographies and thin-plate splines. The rows are exchanged so that the largest element of the column divides
(Golub and Van Loan, Matrix Computations, section 3.4).
"""

import functools

import numpy as np

from ....dims import known_different
from ....ir import Value
from ....ops import math, tensor
from ....ops.inference import broadcast
from ....types import Shape
from ...layers import scalar
from ..registry import Table
from ..scope import constant, expand, reshape
from ..tensors import Tensor, Unsupported

TABLE = Table()

_LARGEST = 16
"""Rows of the largest matrix: the elimination's operations grow with the rows, its rounding error faster."""


def _size(matrix: Value) -> int:
    """The number of rows; raises Unsupported for what is no small square matrix of floats."""
    if matrix.type.rank < 2 or known_different(*matrix.type.shape[-2:]):
        raise Unsupported(f"its matrix has the type {matrix.type}, and is not square")
    if not matrix.type.dtype.is_float:
        raise Unsupported(f"its matrix has the type {matrix.type}; PyTorch refuses that, too")
    rows = matrix.type.shape[-1] if isinstance(matrix.type.shape[-1], int) else matrix.type.shape[-2]
    if not isinstance(rows, int) or not 1 <= rows <= _LARGEST:
        raise Unsupported(
            f"its matrix has the type {matrix.type}, and only matrices of 1 to {_LARGEST} rows are supported; "
            "take what it computes as an input of the model"
        )
    return rows


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


def solution(matrix: Value, right: Value) -> Value:
    """The X of ``matrix`` [..., n, n] times X = ``right`` [..., n, m]; infinities for singular matrices."""
    rows, columns = _size(matrix), right.type.shape[-1]
    if not isinstance(columns, int):
        raise Unsupported(f"it solves for {right.type}, whose number of columns is not known")
    batch = broadcast(matrix.type.shape[:-2], right.type.shape[:-2])
    sides = (expand(matrix, (*batch, rows, rows)), expand(right, (*batch, rows, columns)))
    joined, _, _ = _eliminated(tensor.Concat(sides, len(batch) + 1).result, rows, True)
    return _part(joined, (0, rows), (rows, rows + columns))


def _inverse(matrix: Value) -> Value:
    return solution(matrix, constant(np.eye(_size(matrix), dtype=matrix.type.dtype.numpy)))


def _signs_and_divisors(matrix: Value) -> tuple[Value, list[Value]]:
    """The sign that exchanging rows gives the determinant, and the factors of the rest, all [...]."""
    _, divisors, exchanged = _eliminated(matrix, _size(matrix), False)
    shape = matrix.type.shape[:-2]
    minus, plus = scalar(-1, matrix), scalar(1, matrix)
    signs = [math.Select(is_exchanged, minus, plus).result for is_exchanged in exchanged]
    return reshape(_product(signs), shape), [reshape(d, shape) for d in divisors]


def _product(factors: list[Value]) -> Value:
    return functools.reduce(lambda x, y: math.Mul(x, y).result, factors)


def _determinant(matrix: Value) -> Value:
    sign, divisors = _signs_and_divisors(matrix)
    return _product([sign, *divisors])


def _no_errors(batch: Shape) -> Value:
    """What LAPACK tells when nothing went wrong."""
    return expand(constant(np.array(0, np.int32)), batch)


@TABLE.imports("linalg_inv")
def linalg_inv(A: Tensor) -> Value:  # noqa: N803
    return _inverse(A.value)


@TABLE.imports("inverse")
def inverse(self: Tensor) -> Value:
    return _inverse(self.value)


@TABLE.imports("linalg_inv_ex")
def linalg_inv_ex(A: Tensor, *, check_errors: bool = False) -> tuple[Value, Value]:  # noqa: N803
    return _inverse(A.value), _no_errors(A.shape[:-2])


@TABLE.imports("linalg_det")
def linalg_det(A: Tensor) -> Value:  # noqa: N803
    return _determinant(A.value)


@TABLE.imports("det")
def det(self: Tensor) -> Value:
    return _determinant(self.value)


@TABLE.imports("_linalg_det")
def linalg_det_and_factors(A: Tensor) -> tuple[Value, None, None]:  # noqa: N803
    """The factors are for gradients."""
    return _determinant(A.value), None, None


@TABLE.imports("logdet")
def logdet(self: Tensor) -> Value:
    return math.Log(_determinant(self.value)).result


@TABLE.imports("linalg_slogdet")
def linalg_slogdet(A: Tensor) -> tuple[Value, Value]:  # noqa: N803
    """The sign of the determinant, and the logarithm of its magnitude, which does not overflow."""
    sign, divisors = _signs_and_divisors(A.value)
    logarithms = [math.Log(math.Abs(d).result).result for d in divisors]
    total = functools.reduce(lambda x, y: math.Add(x, y).result, logarithms)
    return _product([sign, *(math.Sign(d).result for d in divisors)]), total


@TABLE.imports("slogdet")
def slogdet(self: Tensor) -> tuple[Value, Value]:
    return linalg_slogdet(self)


@TABLE.imports("_linalg_slogdet")
def linalg_slogdet_and_factors(A: Tensor) -> tuple[Value, Value, None, None]:  # noqa: N803
    return (*linalg_slogdet(A), None, None)


@TABLE.imports("linalg_solve")
def linalg_solve(A: Tensor, B: Tensor, *, left: bool = True) -> Value:  # noqa: N803
    """B is a vector if it has one axis, or the shape of A without its last."""
    matrix, right = A.value, B.value
    if right.type.rank == 1 or right.type.shape == matrix.type.shape[:-1]:
        found = solution(matrix, reshape(right, (*right.type.shape, 1)))
        return reshape(found, found.type.shape[:-1])
    if left:
        return solution(matrix, right)
    return _transposed(solution(_transposed(matrix), _transposed(right)))


def _transposed(x: Value) -> Value:
    axes = range(x.type.rank)
    return tensor.Transpose(x, (*axes[:-2], axes[-1], axes[-2])).result


@TABLE.imports("linalg_solve_ex")
def linalg_solve_ex(
    A: Tensor,  # noqa: N803
    B: Tensor,  # noqa: N803
    *,
    left: bool = True,
    check_errors: bool = False,
) -> tuple[Value, Value]:
    return linalg_solve(A, B, left=left), _no_errors(A.shape[:-2])


@TABLE.imports("_linalg_solve_ex")
def linalg_solve_and_factors(
    A: Tensor,  # noqa: N803
    B: Tensor,  # noqa: N803
    *,
    left: bool = True,
    check_errors: bool = False,
) -> tuple[Value, None, None, Value]:
    return linalg_solve(A, B, left=left), None, None, _no_errors(A.shape[:-2])
