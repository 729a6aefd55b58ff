"""MatMul, Gemm and Einsum."""

from collections.abc import Callable

import numpy as np

from ....dims import known_different, known_equal
from ....ir import Op, Value
from ....ops import math, nn, tensor
from ...einsum import EquationError, einsum
from ...elimination import LARGEST, determinant
from ..node import Imported, ImporterTable, Node, Unsupported, constant, scalar

TABLE = ImporterTable()


@TABLE.imports("MatMul")
def mat_mul(node: Node) -> Imported:
    return matrix_product(node.operand(0), node.operand(1), multiplied)


def multiplied(x: Value, y: Value) -> Value:
    return math.MatMul(x, y).result


def matrix_product(x: Value, y: Value, multiply: Callable[[Value, Value], Value]) -> Value:
    """As numpy.matmul: a vector on the left is a row, on the right a column, and its axis of size 1 goes afterwards."""
    if x.type.rank == 0 or y.type.rank == 0:
        raise Unsupported(f"an operand is a scalar: {x.type}, {y.type}")
    is_row, is_column = x.type.rank == 1, y.type.rank == 1
    row = tensor.Reshape(x, None, (1, *x.type.shape)).result if is_row else x
    column = tensor.Reshape(y, None, (*y.type.shape, 1)).result if is_column else y
    product = multiply(row, column)
    if not (is_row or is_column):
        return product
    shape = list(product.type.shape)
    kept = shape[:-2] + shape[-2:-1] * (not is_row) + shape[-1:] * (not is_column)
    return tensor.Reshape(product, None, tuple(kept)).result


@TABLE.imports("Gemm")
def gemm(node: Node) -> Imported:
    """alpha * A * B + beta * C; a constant B makes it a linear layer."""
    a, b = node.operand(0), node.operand(1)
    if a.type.rank != 2 or b.type.rank != 2:
        raise Unsupported(f"the operands are no matrices: {a.type}, {b.type}")
    alpha = node.float("alpha", 1.0)
    transpose_a, transpose_b = bool(node.int("transA", 0)), bool(node.int("transB", 0))
    bias = None if node.optional(2) is None else _scaled(node.operand(2), node.float("beta", 1.0))
    if isinstance(b.owner, tensor.Constant):
        x = tensor.Transpose(a, (1, 0)).result if transpose_a else a
        return _linear(x, _linear_weight(b.owner, transpose_b, alpha), bias)
    product = _scaled(math.MatMul(a, b, transpose_a, transpose_b).result, alpha)
    return product if bias is None else math.Add(product, bias)


def _linear_weight(b: tensor.Constant, is_transposed: bool, alpha: float) -> Value:
    """The weight as Linear has it, [out, in]: as it is, or a view of it, and copied only for an alpha."""
    if not is_transposed:
        return _scaled(constant(b.value.array.T, f"{b.value.name}.transposed"), alpha)
    return _scaled(b.result, alpha)


def _linear(x: Value, weight: Value, bias: Value | None) -> Op:
    if bias is None:
        return nn.Linear(x, weight, None)
    features, shape = weight.type.shape[0], bias.type.shape
    if shape and known_equal(shape[-1], features) and all(d == 1 for d in shape[:-1]):
        return nn.Linear(x, weight, _as_vector(bias))
    return math.Add(nn.Linear(x, weight, None).result, bias)


def _as_vector(bias: Value) -> Value:
    if bias.type.rank == 1:
        return bias
    if isinstance(bias.owner, tensor.Constant):
        return constant(bias.owner.value.array.reshape(-1), bias.owner.value.name)
    return tensor.Reshape(bias, None, (bias.type.elements,)).result


def _scaled(value: Value, factor: float) -> Value:
    """``factor * value``; a constant is multiplied here."""
    if factor == 1:
        return value
    if isinstance(value.owner, tensor.Constant):
        weight = value.owner.value
        scaled = weight.array * np.asarray(factor).astype(weight.array.dtype)
        return constant(scaled.astype(weight.array.dtype, copy=False), weight.name)
    return math.Mul(value, scalar(factor, value)).result


@TABLE.imports("Einsum")
def import_einsum(node: Node) -> Value:
    try:
        return einsum(node.string("equation"), node.present)
    except EquationError as error:
        raise Unsupported(str(error)) from error


@TABLE.imports("Det")
def det(node: Node) -> Value:
    x = node.operand(0)
    rows = x.type.shape[-1] if x.type.rank > 1 else None
    if not isinstance(rows, int) or known_different(x.type.shape[-2], rows) or not 1 <= rows <= LARGEST:
        raise Unsupported(f"its operand {x.type} is no square matrix of 1 to {LARGEST} rows")
    return determinant(x, rows)
