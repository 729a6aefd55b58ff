"""Linear layers as convolutions of 1 x 1, pools over whole images."""

import numpy as np

from ...dims import product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn
from ...ops.enums import Activation
from ...passes.fusion.fuse_linear import product_to_linear
from ...passes.lowering.building import expanded
from ...passes.lowering.optional import linear_of_computed_weight, log_softmax_as_difference
from ...passes.patterns import constant, constant_array, reshape
from ...rewriter import RuleSet
from .emitters.neural import has_plain_batches

RULES = RuleSet()

# Weights may turn out to be constants after layers were recognised.
RULES.on(math.MatMul)(product_to_linear)

RULES.on(nn.Linear)(linear_of_computed_weight)
RULES.on(nn.LogSoftmax)(log_softmax_as_difference)


@RULES.on(nn.Linear)
def linear_of_computed_bias(op: nn.Linear) -> Op | None:
    """linear(x, w, b) -> linear(x, w) + b, b not constant"""
    if op.bias is None or constant_array(op.bias) is not None:
        return None
    unbiased = replace(op, bias=None, activation=Activation.NONE)
    return math.Add(unbiased.results[0], op.bias, op.activation)


@RULES.on(nn.Linear)
def linear_on_matrix(op: nn.Linear) -> Value | None:
    """linear(x) -> reshape(linear(reshape(x, [rows, features])))"""
    shape = op.x.type.shape
    if len(shape) == 2:
        return None
    rows = reshape(op.x, (product(shape[:-1]), shape[-1]))
    return reshape(replace(op, x=rows).results[0], op.result.type.shape)


@RULES.on(math.MatMul)
def product_with_constant_as_linear(op: math.MatMul) -> Op | None:
    """matmul(x, constant) -> linear(x, constant)"""
    matrix = constant_array(op.y)
    if matrix is None or matrix.ndim != 2 or op.transpose_x:
        return None
    weight = op.y if op.transpose_y else constant(np.transpose(matrix), op.y)
    return nn.Linear(op.x, weight, None)


@RULES.on(math.MatMul)
def product_of_equal_batches(op: math.MatMul) -> Op | None:
    """matmul(x, y) -> matmul(expand(x), expand(y)) to the same leading dims"""
    if has_plain_batches(op):
        return None
    batch = op.result.type.shape[:-2]
    shapes = {"x": (*batch, *op.x.type.shape[-2:]), "y": (*batch, *op.y.type.shape[-2:])}
    spread = {name: expanded(v, shapes[name]) for name, v in (("x", op.x), ("y", op.y)) if v.type.shape != shapes[name]}
    return replace(op, **spread)


@RULES.on(math.Reduction)
def global_pool_keeps_axes(op: math.Reduction) -> Value | None:
    """reduce(x, [2, 3]) -> reshape(reduce(x, [2, 3], keep_dims = true)) for a mean or maximum over images"""
    if op.keep_dims or op.x.type.rank != 4 or op.axes != (2, 3):
        return None
    return reshape(replace(op, keep_dims=True).results[0], op.result.type.shape)
