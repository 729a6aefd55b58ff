"""Rules for activations, normalizations and matrix products that Core ML has in another form."""

from math import isclose, sqrt

import numpy as np

from ...dims import product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Layout
from ...passes.lowering.building import folded_reshape, insert_axis
from ...passes.lowering.normalization import affine
from ...passes.lowering.optional import (
    group_norm_as_instance_norm,
    layer_norm_and_affine,
    linear_as_product,
    log_softmax_as_difference,
    per_channel,
    with_last_axes_exchanged,
)
from ...passes.patterns import constant, constant_array
from ...rewriter import RuleSet
from .emitters.neural import has_heads_apart, has_mask_for_every_key

RULES = RuleSet()
ATTENTION_RULES = RuleSet()
"""For versions that have attention as one op."""

RULES.on(nn.LogSoftmax)(log_softmax_as_difference)
RULES.on(nn.LayerNorm)(layer_norm_and_affine)
RULES.on(nn.GroupNorm)(group_norm_as_instance_norm)
# A computed weight, or many axes.
RULES.on(nn.Linear)(linear_as_product)

EXACT_PRODUCTS = 2**22
"""Products of integers are formed one by one up to this number."""


@RULES.on(nn.Mish)
def mish_as_product(op: nn.Mish) -> Op:
    """mish(x) -> x * tanh(softplus(x)), whose numbers halves can hold"""
    return math.Mul(op.x, math.Tanh(nn.Softplus(op.x).result).result)


@RULES.on(nn.HardSwish)
def hard_swish_as_product(op: nn.HardSwish) -> Op:
    """hard_swish(x) -> x * hard_sigmoid(x, 1/6, 1/2)"""
    return math.Mul(op.x, nn.HardSigmoid(op.x, 1 / 6, 0.5).result)


@ATTENTION_RULES.on(nn.Attention)
def attention_of_usual_scale(op: nn.Attention) -> Op | None:
    """attention(q, k, v, scale=c) -> attention(q * (c * sqrt(d)), k, v, scale=1 / sqrt(d)), d the length of a key"""
    size = op.q.type.shape[-1]
    if not isinstance(size, int) or not has_heads_apart(op) or not has_mask_for_every_key(op):
        return None
    usual = 1 / sqrt(size)
    if isclose(op.scale, usual, rel_tol=1e-6):
        return None
    factor = constant(np.asarray(op.scale / usual).astype(op.q.type.dtype.numpy))
    return replace(op, q=math.Mul(op.q, factor).result, scale=usual)


@RULES.on(nn.PRelu)
def p_relu_of_one_slope(op: nn.PRelu) -> Op | None:
    """p_relu(x, slope) -> leaky_relu(x, slope), for a constant slope with one value only"""
    slope = constant_array(op.slope)
    if slope is None or slope.size == 0 or not np.all(slope == slope.flat[0]):
        return None
    return nn.LeakyRelu(op.x, float(slope.flat[0]))


@RULES.on(nn.InstanceNorm)
def instance_norm_and_affine(op: nn.InstanceNorm) -> Value | None:
    """instance_norm(x, s, b) -> instance_norm(x, 1, 0) * s + b, for computed parameters"""
    channels = op.channels
    if constant_array(op.scale) is not None and constant_array(op.bias) is not None:
        return None
    if op.layout is not Layout.NCHW or not isinstance(channels, int):
        return None
    plain = replace(op, scale=_filled(op.x, channels, 1), bias=_filled(op.x, channels, 0))
    return affine(plain.result, *(per_channel(p, op.x.type.rank) for p in (op.scale, op.bias)))


@RULES.on(nn.InstanceNorm)
def instance_norm_of_three_axes(op: nn.InstanceNorm) -> Op | None:
    """instance_norm(x) -> reshape(instance_norm(reshape(x, [n, c, space])))"""
    n, c, *space = op.x.type.shape
    if op.layout is not Layout.NCHW or len(space) <= 2:
        return None
    return tensor.Reshape(replace(op, x=folded_reshape(op.x, (n, c, product(space)))).result, None, op.x.type.shape)


def _filled(like: Value, count: int, number: float) -> Value:
    return constant(np.full(count, number, like.type.dtype.numpy))


@RULES.on(nn.LocalResponseNorm)
def local_response_norm_of_four_axes(op: nn.LocalResponseNorm) -> Op | None:
    """local_response_norm(x) -> reshape(local_response_norm(reshape(x, [n, c, space, 1])))"""
    n, c, *space = op.x.type.shape
    if op.layout is not Layout.NCHW or len(space) == 2 or op.size % 2 == 0:
        return None
    flat = replace(op, x=folded_reshape(op.x, (n, c, product(space), 1)))
    return tensor.Reshape(flat.result, None, op.x.type.shape)


@RULES.on(math.MatMul)
def integer_mat_mul_as_sum(op: math.MatMul) -> Op | None:
    """mat_mul(x, y) -> reduce_sum(x[..., m, k, 1] * y[..., 1, k, n], k) for integers, small enough"""
    if op.x.type.dtype.is_float:
        return None
    inner = op.x.type.shape[-2 if op.transpose_x else -1]
    count = product(op.result.type.shape) * inner
    if isinstance(count, int) and count > EXACT_PRODUCTS:
        return None
    x = with_last_axes_exchanged(op.x) if op.transpose_x else op.x
    y = with_last_axes_exchanged(op.y) if op.transpose_y else op.y
    products = math.Mul(insert_axis(x, x.type.rank), insert_axis(y, y.type.rank - 2)).result
    return math.ReduceSum(products, (products.type.rank - 2,), False)
