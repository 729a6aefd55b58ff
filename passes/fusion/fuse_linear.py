"""fuse-linear: a product with a constant matrix is a fully connected layer, and a vector added to it its bias."""

from math import prod

import numpy as np

from ...dims import known_equal
from ...dims import product as product_of
from ...ir import Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..compressed_weights import known_reshape, known_transpose
from ..patterns import constant, constant_array, either_order, is_elementwise, is_known, reshape

RULES = RuleSet()


@module_pass()
def fuse_linear(module: Module) -> bool:
    """Makes linear layers of matrix products with constant matrices and of the biases added to them."""
    return apply_rules(module, RULES)


@RULES.on(math.MatMul)
def product_to_linear(op: math.MatMul) -> Op | None:
    """matmul(x, w) -> linear(x, transpose(w)) for a constant matrix w, of a transposed x linear(transpose(x))"""
    if not is_known(op.y) or not op.x.type.dtype.is_float or isinstance(op.x.owner, tensor.Constant):
        return None
    matrix = op.y if op.y.type.rank == 2 else _same_for_all(op)
    if matrix is None:
        return None
    weight = matrix if op.transpose_y else known_transpose(matrix, (1, 0))
    if weight is None:
        return None
    rank = op.x.type.rank
    exchanged = (*range(rank - 2), rank - 1, rank - 2)
    x = tensor.Transpose(op.x, exchanged).result if op.transpose_x else op.x
    return nn.Linear(x, weight, None)


def _same_for_all(op: math.MatMul) -> Value | None:
    """The matrix of a constant that repeats it for the whole batch of x."""
    array, rank = constant_array(op.y), op.y.type.rank
    if array is None or rank < 3 or array.size == 0 or op.x.type.shape[:-2] != op.result.type.shape[:-2]:
        return None
    matrices = array.reshape(-1, *array.shape[-2:])
    if not (matrices == matrices[0]).all():
        return None
    return constant(np.ascontiguousarray(matrices[0]), op.y)


@RULES.on(math.Add)
def bias_into_linear(op: math.Add) -> Op | None:
    """linear(x) + b -> linear(x, b)"""
    for product, summand in either_order(op):
        match product:
            case Value(owner=nn.Linear(bias=None, activation=Activation.NONE) as linear, has_one_use=True):
                bias = _vector(summand, linear)
                if bias is not None:
                    return replace(linear, bias=bias, activation=op.activation)
    return None


def _vector(summand: Value, linear: nn.Linear) -> Value | None:
    """The bias that adding ``summand`` amounts to: one constant a feature."""
    added, result = summand.type, linear.result.type
    if not is_known(summand) or added.rank > result.rank or added.rank == 0:
        return None
    size = added.static_shape[-1]
    if prod(added.static_shape) != size or not known_equal(size, result.shape[-1]):
        return None
    return summand if added.rank == 1 else known_reshape(summand, (size,))


@RULES.on(tensor.Reshape)
def flatten_around_linear(op: tensor.Reshape) -> Op | None:
    """reshape(linear(reshape(x))) -> linear(x) when the reshapes only flatten and restore the leading axes"""
    match op.x:
        case Value(owner=nn.Linear(x=Value(owner=tensor.Reshape(x=x))) as linear, has_one_use=True):
            same_features = x.type.rank > 0 and x.type.shape[-1] == linear.x.type.shape[-1]
            if same_features and (*x.type.shape[:-1], linear.result.type.shape[-1]) == op.result.type.shape:
                return replace(linear, x=x)
    return None


@RULES.on(nn.Linear)
def linear_before_flatten(op: nn.Linear) -> Value | None:
    """linear(f(reshape(x))) -> reshape(linear(f(x))) when the reshape flattens sequences, f elementwise or nothing"""
    functions: list[Op] = []
    value = op.x
    while value.has_one_use and isinstance(owner := value.owner, math.Unary) and is_elementwise(owner):
        functions.append(owner)
        value = owner.x
    if not isinstance(value.owner, tensor.Reshape) or value.owner.dims is not None or value.type.rank != 2:
        return None
    x = value.owner.x
    # Heads of attention may be merged by the same reshape; single rows stay matrices.
    if x.type.rank not in (3, 4) or x.type.shape[1] == 1:
        return None
    if not known_equal(product_of(x.type.shape[2:]), value.type.shape[1]):
        return None
    x = reshape(x, (*x.type.shape[:2], value.type.shape[1]))
    for function in reversed(functions):
        x = replace(function, x=x).result
    return reshape(replace(op, x=x).result, op.result.type.shape)
