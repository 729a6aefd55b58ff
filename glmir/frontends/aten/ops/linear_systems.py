"""Systems of linear equations, inverses and determinants of small matrices."""

import functools

import numpy as np

from ....dims import known_different
from ....ir import Value
from ....ops import math, tensor
from ....types import Shape
from ...elimination import LARGEST, determinant, product_of, signs_and_divisors, solved
from ..registry import Table
from ..scope import constant, expand, reshape
from ..tensors import Tensor, Unsupported

TABLE = Table()


def _size(matrix: Value) -> int:
    """The number of rows; raises Unsupported for what is no small square matrix of floats."""
    if matrix.type.rank < 2 or known_different(*matrix.type.shape[-2:]):
        raise Unsupported(f"its matrix has the type {matrix.type}, and is not square")
    if not matrix.type.dtype.is_float:
        raise Unsupported(f"its matrix has the type {matrix.type}; PyTorch refuses that, too")
    rows = matrix.type.shape[-1] if isinstance(matrix.type.shape[-1], int) else matrix.type.shape[-2]
    if not isinstance(rows, int) or not 1 <= rows <= LARGEST:
        raise Unsupported(
            f"its matrix has the type {matrix.type}, and only matrices of 1 to {LARGEST} rows are supported; "
            "take what it computes as an input of the model"
        )
    return rows


def solution(matrix: Value, right: Value) -> Value:
    """The X of ``matrix`` [..., n, n] times X = ``right`` [..., n, m]; infinities for singular matrices."""
    rows, columns = _size(matrix), right.type.shape[-1]
    if not isinstance(columns, int):
        raise Unsupported(f"it solves for {right.type}, whose number of columns is not known")
    return solved(matrix, right, rows, columns)


def _inverse(matrix: Value) -> Value:
    return solution(matrix, constant(np.eye(_size(matrix), dtype=matrix.type.dtype.numpy)))


def _determinant(matrix: Value) -> Value:
    return determinant(matrix, _size(matrix))


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
    sign, divisors = signs_and_divisors(A.value, _size(A.value))
    logarithms = [math.Log(math.Abs(d).result).result for d in divisors]
    total = functools.reduce(lambda x, y: math.Add(x, y).result, logarithms)
    return product_of([sign, *(math.Sign(d).result for d in divisors)]), total


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
