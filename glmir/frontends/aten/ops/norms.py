"""Norms, distances, and the logarithm of a sum of exponentials."""

from collections.abc import Sequence

import numpy as np

from ....dims import SymInt
from ....ir import Value
from ....ops import math, tensor
from ....ops.inference import broadcast, without_axes
from ....types import DType
from ...layers import scalar
from ...reductions import log_sum_exp, reduced
from ..axes import axes_of, axis_of
from ..promotion import as_float, promoted
from ..registry import Table
from ..scalars import Number
from ..scope import Scope, cast, constant, expand, known_float, reshape
from ..tensors import Tensor, Unsupported
from ..work import require_small
from .reduction import is_true, largest_over, smallest_over

TABLE = Table()

Axes = tuple[int, ...]

_WHAT = "the order of its norm"


def vector_norm(x: Value, order: float, axes: Axes, keep_dims: bool) -> Value:
    """(sum |x|^order)^(1/order) over the axes; 0 counts what is not zero, ±inf is the largest or smallest |x|."""
    if order == 0:
        return reduced(math.ReduceSum, cast(is_true(x), x.type.dtype), axes, keep_dims)
    if order == 2:
        return math.Sqrt(reduced(math.ReduceSum, math.Square(x).result, axes, keep_dims)).result
    size = math.Abs(x).result
    if order == float("inf"):
        return largest_over(size, axes, keep_dims)
    if order == float("-inf"):
        return smallest_over(size, axes, keep_dims)
    if order == 1:
        return reduced(math.ReduceSum, size, axes, keep_dims)
    total = reduced(math.ReduceSum, math.Pow(size, scalar(order, x)).result, axes, keep_dims)
    return math.Pow(total, scalar(1 / order, x)).result


def _norm(
    self: Tensor, order: Number | None, dim: int | Sequence[int] | None, keepdim: bool, dtype: DType | None
) -> Value:
    x = as_float(cast(self.value, dtype or self.dtype))
    known = 2.0 if order is None else known_float(order, _WHAT)
    return vector_norm(x, known, axes_of(dim, x.type.rank), keepdim)


@TABLE.imports("norm", "native_norm")
def norm(
    self: Tensor,
    p: Number | None = 2,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Value:
    return _norm(self, p, dim, keepdim, dtype)


@TABLE.imports("linalg_vector_norm")
def linalg_vector_norm(
    self: Tensor,
    ord: Number = 2,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Value:
    return _norm(self, ord, dim, keepdim, dtype)


@TABLE.imports("frobenius_norm")
def frobenius_norm(self: Tensor, dim: int | Sequence[int] = (), keepdim: bool = False) -> Value:
    return _norm(self, 2, dim, keepdim, None)


@TABLE.imports("linalg_norm")
def linalg_norm(
    self: Tensor,
    ord: Number | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Value:
    axes = self.rank if dim is None else len(axes_of(dim, self.rank))
    if ord is None or (axes == 1 and not isinstance(ord, str)):
        return _norm(self, ord, dim, keepdim, dtype)
    return linalg_matrix_norm(self, ord, (-2, -1) if dim is None or isinstance(dim, int) else dim, keepdim, dtype=dtype)


@TABLE.imports("linalg_matrix_norm")
def linalg_matrix_norm(
    self: Tensor,
    ord: Number | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Value:
    if ord == "fro":
        return _norm(self, 2, dim, keepdim, dtype)
    if isinstance(ord, str):
        raise Unsupported(f"the {ord} norm needs singular values, which are not supported")
    order = known_float(ord, _WHAT)
    if abs(order) == 2:
        raise Unsupported("the spectral norm needs singular values, which are not supported")
    x = as_float(cast(self.value, dtype or self.dtype))
    rows, columns = (axis_of(d, x.type.rank) for d in dim)
    summed, chosen = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = reduced(math.ReduceSum, math.Abs(x).result, (summed,), True)
    extreme = largest_over if order > 0 else smallest_over
    y = extreme(sums, (chosen,), True)
    return y if keepdim else reshape(y, without_axes(x.type.shape, (rows, columns), False))


@TABLE.imports("nuclear_norm")
def nuclear_norm(self: Tensor, *options: object) -> Value:
    raise Unsupported("it needs singular values, which are not supported")


@TABLE.imports("logsumexp", "special_logsumexp")
def logsumexp(self: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Value:
    x = as_float(self.value)
    return log_sum_exp(x, axes_of(dim, x.type.rank), keepdim)


# Distances


@TABLE.imports("dist")
def dist(scope: Scope, self: Tensor, other: Tensor, p: Number = 2) -> Value:
    x, y = map(as_float, promoted(scope, (self, other)))
    difference = math.Sub(x, y).result
    return vector_norm(difference, known_float(p, _WHAT), axes_of(None, difference.type.rank), False)


@TABLE.imports("pairwise_distance")
def pairwise_distance(
    scope: Scope, x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False
) -> Value:
    x, y = map(as_float, promoted(scope, (x1, x2)))
    difference = math.Sub(x, y).result
    shifted = math.Add(difference, scalar(eps, difference)).result
    return vector_norm(shifted, p, axes_of(-1, shifted.type.rank), keepdim)


@TABLE.imports("cosine_similarity")
def cosine_similarity(scope: Scope, x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-08) -> Value:
    x, y = map(as_float, promoted(scope, (x1, x2)))
    shape = broadcast(x.type.shape, y.type.shape)
    axes = axes_of(dim, len(shape))

    def unit(v: Value) -> Value:
        length = vector_norm(v, 2, axes, True)
        return math.Div(v, math.Maximum(length, scalar(eps, v)).result).result

    products = math.Mul(unit(expand(x, shape)), unit(expand(y, shape))).result
    return reduced(math.ReduceSum, products, axes, False)


@TABLE.imports("cdist", "_cdist_forward")
def cdist(scope: Scope, x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: int | None = None) -> Value:
    x, y = promoted(scope, (x1, x2))
    if p == 2 and compute_mode != 2 and (compute_mode == 1 or _is_long(x) or _is_long(y)):
        return _euclidean(x, y)
    (*_, rows, size), (*_, columns, _) = x.type.shape, y.type.shape
    left = reshape(x, (*x.type.shape[:-2], rows, 1, size))
    right = reshape(y, (*y.type.shape[:-2], 1, columns, size))
    return vector_norm(math.Sub(left, right).result, p, (max(x.type.rank, y.type.rank),), False)


def _is_long(x: Value) -> bool:
    """Whether there are so many rows that PyTorch multiplies matrices instead of subtracting every pair of rows."""
    rows = x.type.shape[-2]
    return isinstance(rows, SymInt) or rows > 25


def _euclidean(x: Value, y: Value) -> Value:
    """sqrt(|x|^2 + |y|^2 - 2 x.y) for each pair of rows."""
    axis_x, axis_y = x.type.rank - 1, y.type.rank - 1
    squares_x = math.ReduceSum(math.Square(x).result, (axis_x,), True).result
    squares_y = math.ReduceSum(math.Square(y).result, (axis_y,), False).result
    row = reshape(squares_y, (*y.type.shape[:-2], 1, y.type.shape[-2]))
    products = math.MatMul(x, y, transpose_y=True).result
    total = math.Sub(math.Add(squares_x, row).result, math.Mul(products, scalar(2, x)).result).result
    return math.Sqrt(math.Clamp(total, 0.0).result).result


@TABLE.imports("pdist")
def pdist(self: Tensor, p: float = 2.0) -> Value:
    x = self.value
    rows = x.type.shape[0]
    if isinstance(rows, SymInt):
        raise Unsupported(f"the number of rows, {rows}, must be known; give the input's type with numbers")
    require_small(rows * rows, "all pairs")
    first, second = np.triu_indices(rows, 1)
    left, right = (tensor.Gather(x, constant(i.astype(np.int64)), 0).result for i in (first, second))
    return vector_norm(math.Sub(left, right).result, p, (1,), False)
