"""Fully connected layers, products of matrices and vectors, cross products."""

from collections.abc import Sequence

import numpy as np

from ....dims import known_different
from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.enums import GeluForm
from ....ops.inference import broadcast
from ....types import DType
from ..promotion import promoted
from ..registry import Table
from ..scalars import Number
from ..scope import Scope, cast, constant, expand, require_fixed, reshape
from ..tensors import Tensor, Unsupported, values_of
from ..work import require_small
from .windows import check_axis

TABLE = Table()


def linear_layer(x: Value, weight: Value, bias: Value | None = None) -> Value:
    """x times the transpose of weight [out, in], or of a single row [in], plus the bias."""
    if weight.type.rank == 1:
        y = product(x, weight)
    elif bias is not None and (bias.type.rank != 1 or known_different(bias.type.shape[0], weight.type.shape[0])):
        y = nn.Linear(x, weight, None).result
    else:
        return nn.Linear(x, weight, bias).result
    return y if bias is None else math.Add(y, bias).result


@TABLE.imports("linear", "mkldnn_linear")
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Value:
    if input.rank:
        require_fixed(input.value, -1, weight.shape[-1], "batch, features")
    return linear_layer(input.value, weight.value, None if bias is None else bias.value)


def product(x: Value, y: Value) -> Value:
    """As numpy.matmul: a vector on the left is a row, on the right a column, and its axis of size 1 goes afterwards."""
    if x.type.rank == 0 or y.type.rank == 0:
        raise Unsupported(f"an operand has no axes: {x.type}, {y.type}")
    is_row, is_column = x.type.rank == 1, y.type.rank == 1
    row = reshape(x, (1, *x.type.shape)) if is_row else x
    column = reshape(y, (*y.type.shape, 1)) if is_column else y
    matrices = math.MatMul(row, column).result
    if not (is_row or is_column):
        return matrices
    shape = matrices.type.shape
    kept = (*shape[:-2], *(() if is_row else shape[-2:-1]), *(() if is_column else shape[-1:]))
    return reshape(matrices, kept)


@TABLE.imports("matmul", "linalg_matmul", "__matmul__")
def matmul(self: Tensor, other: Tensor) -> Value:
    return product(self.value, other.value)


@TABLE.imports("mm", "bmm")
def mm(self: Tensor, mat2: Tensor, out_dtype: DType | None = None) -> Value:
    dtype = out_dtype or self.dtype
    return math.MatMul(cast(self.value, dtype), cast(mat2.value, dtype)).result


@TABLE.imports("mv")
def mv(self: Tensor, vec: Tensor) -> Value:
    return product(self.value, vec.value)


@TABLE.imports("dot")
def dot(self: Tensor, tensor: Tensor) -> Value:
    return product(self.value, tensor.value)


@TABLE.imports("vdot")
def vdot(self: Tensor, other: Tensor) -> Value:
    return product(self.value, other.value)


@TABLE.imports("inner")
def inner(self: Tensor, other: Tensor) -> Value:
    """Sums of products along the last axes of both."""
    x, y = self.value, other.value
    if x.type.rank == 0 or y.type.rank == 0:
        return math.Mul(x, y).result
    rows = reshape(x, (x.type.elements // x.type.shape[-1], x.type.shape[-1]))
    columns = reshape(y, (y.type.elements // y.type.shape[-1], y.type.shape[-1]))
    products = math.MatMul(rows, columns, transpose_y=True).result
    return reshape(products, (*x.type.shape[:-1], *y.type.shape[:-1]))


@TABLE.imports("outer", "ger")
def outer(scope: Scope, self: Tensor, vec2: Tensor) -> Value:
    x, y = promoted(scope, (self, vec2))
    return math.Mul(reshape(x, (*x.type.shape, 1)), y).result


def _blend(scope: Scope, self: Tensor, beta: Number, products: Value, alpha: Number) -> Value:
    """beta * self + alpha * products; of a beta of 0 nothing of ``self`` is left, not even what is no number."""
    dtype = products.type.dtype
    if alpha != 1:
        products = math.Mul(products, scope.scalar(alpha, dtype)).result
    if beta == 0:
        return products
    addend = cast(self.value, dtype)
    if beta != 1:
        addend = math.Mul(addend, scope.scalar(beta, dtype)).result
    return math.Add(products, addend).result


@TABLE.imports("addmm")
def addmm(
    scope: Scope,
    self: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    out_dtype: DType | None = None,
    *,
    beta: Number = 1,
    alpha: Number = 1,
) -> Value:
    """A linear layer where ``mat2`` is a transposed weight and ``self`` a bias."""
    weight = mat2.value.owner
    is_linear = isinstance(weight, tensor.Transpose) and self.rank == 1 and beta == 1 and alpha == 1
    if is_linear and isinstance(weight, tensor.Transpose) and out_dtype is None:
        return linear_layer(mat1.value, weight.x, self.value)
    return _blend(scope, self, beta, mm(mat1, mat2, out_dtype), alpha)


@TABLE.imports("_addmm_activation")
def addmm_activation(
    scope: Scope,
    self: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    *,
    beta: Number = 1,
    alpha: Number = 1,
    use_gelu: bool = False,
) -> Value:
    y = addmm(scope, self, mat1, mat2, beta=beta, alpha=alpha)
    return nn.Gelu(y, GeluForm.ERF).result if use_gelu else nn.Relu(y).result


@TABLE.imports("baddbmm")
def baddbmm(
    scope: Scope,
    self: Tensor,
    batch1: Tensor,
    batch2: Tensor,
    out_dtype: DType | None = None,
    *,
    beta: Number = 1,
    alpha: Number = 1,
) -> Value:
    return _blend(scope, self, beta, mm(batch1, batch2, out_dtype), alpha)


@TABLE.imports("addbmm")
def addbmm(scope: Scope, self: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Value:
    """The products of a batch, summed up: one product of matrices that stand side by side."""
    x, y = batch1.value, batch2.value
    (batch, rows, inner), columns = x.type.shape, y.type.shape[2]
    wide = reshape(tensor.Transpose(x, (1, 0, 2)).result, (rows, batch * inner))
    return _blend(scope, self, beta, math.MatMul(wide, reshape(y, (batch * inner, columns))).result, alpha)


@TABLE.imports("addmv")
def addmv(scope: Scope, self: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Value:
    return _blend(scope, self, beta, product(mat.value, vec.value), alpha)


@TABLE.imports("addr")
def addr(scope: Scope, self: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Value:
    return _blend(scope, self, beta, outer(scope, vec1, vec2), alpha)


@TABLE.imports("chain_matmul")
def chain_matmul(matrices: Sequence[Tensor]) -> Value:
    return _multiplied(values_of(matrices))


@TABLE.imports("linalg_multi_dot")
def linalg_multi_dot(tensors: Sequence[Tensor]) -> Value:
    return _multiplied(values_of(tensors))


def _multiplied(matrices: Sequence[Value]) -> Value:
    first, *rest = matrices
    for matrix in rest:
        first = product(first, matrix)
    return first


@TABLE.imports("linalg_matrix_power", "matrix_power")
def matrix_power(self: Tensor, n: int) -> Value:
    """The product of n equal matrices, by squaring."""
    if n < 0:
        raise Unsupported("inverse matrices are not supported")
    x = self.value
    result: Value | None = None
    for bit in bin(n)[:1:-1]:
        if bit == "1":
            result = x if result is None else math.MatMul(result, x).result
        if bit == "1" and n < 2:
            break
        n //= 2
        x = math.MatMul(x, x).result if n else x
    if result is not None:
        return result
    size = x.type.shape[-1]
    if not isinstance(size, int):
        raise Unsupported(f"the power 0 of matrices of the symbolic size {size} is not supported")
    require_small(size * size, "the identity matrix")
    return expand(constant(np.eye(size, dtype=x.type.dtype.numpy)), x.type.shape)


@TABLE.imports("bilinear")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Value:
    """x1 W_o x2 for every matrix W_o of the weight [out, in1, in2]."""
    x1, x2, w = input1.value, input2.value, weight.value
    features, in1, in2 = w.type.shape
    rows = x1.type.elements // in1
    # Every W_o by x2 first, one linear layer for all of them: [rows, out, in1].
    folded = nn.Linear(reshape(x2, (rows, in2)), reshape(w, (features * in1, in2)), None).result
    products = math.MatMul(reshape(folded, (rows, features, in1)), reshape(x1, (rows, in1, 1))).result
    y = reshape(products, (*x1.type.shape[:-1], features))
    return y if bias is None else math.Add(y, bias.value).result


@TABLE.imports("linalg_vecdot")
def linalg_vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Value:
    products = math.Mul(x.value, y.value).result
    return math.ReduceSum(products, (check_axis(dim, products.type.rank),)).result


@TABLE.imports("linalg_cross")
def linalg_cross(scope: Scope, self: Tensor, other: Tensor, *, dim: int = -1) -> Value:
    """a[1] b[2] - a[2] b[1] and its rotations along an axis of size 3."""
    x, y = promoted(scope, (self, other))
    shape = broadcast(x.type.shape, y.type.shape)
    x, y = expand(x, shape), expand(y, shape)
    axis = check_axis(dim, len(shape))

    def rotated(vectors: Value, *places: int) -> Value:
        return tensor.Gather(vectors, constant(np.array(places, np.int64)), axis).result

    left = math.Mul(rotated(x, 1, 2, 0), rotated(y, 2, 0, 1)).result
    return math.Sub(left, math.Mul(rotated(x, 2, 0, 1), rotated(y, 1, 2, 0)).result).result


@TABLE.imports("cross")
def cross(scope: Scope, self: Tensor, other: Tensor, dim: int | None = None) -> Value:
    """Without a dimension it is the first of size 3."""
    axis = next((i for i, d in enumerate(self.shape) if d == 3), None) if dim is None else dim
    if axis is None:
        raise Unsupported(f"{self.type} has no dimension of size 3")
    return linalg_cross(scope, self, other, dim=axis)


@TABLE.imports("_trilinear")
def trilinear(
    i1: Tensor,
    i2: Tensor,
    i3: Tensor,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    unroll_dim: int = 1,
) -> Value:
    """The product of three tensors, each with new axes at the places of its ``expand``, summed along ``sumdim``."""
    x, y, z = (_with_axes(t.value, axes) for t, axes in ((i1, expand1), (i2, expand2), (i3, expand3)))
    products = math.Mul(math.Mul(x, z).result, y).result
    axes = tuple(sorted(check_axis(axis, products.type.rank) for axis in sumdim))
    return math.ReduceSum(products, axes).result if axes else products


def _with_axes(x: Value, axes: Sequence[int]) -> Value:
    sizes = iter(x.type.shape)
    rank = x.type.rank + len(axes)
    return reshape(x, tuple(1 if axis in axes else next(sizes) for axis in range(rank)))
