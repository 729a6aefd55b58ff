"""Rules for fused activations, layers on more than matrices, softmax and normalisations."""

from math import prod

import numpy as np

from ...dims import product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.nn.activation import SoftmaxFamily
from ...passes.lowering.activations import split_off_activation
from ...passes.lowering.building import expanded
from ...passes.lowering.grid_sampling import grid_between_centres, grid_within_image
from ...passes.lowering.optional import (
    group_norm_as_instance_norm,
    linear_as_product,
    softmax_along_last_axis,
    with_last_axes_exchanged,
)
from ...passes.patterns import constant, is_constant, reshape
from ...rewriter import RuleSet

RULES = RuleSet()

TIED = 2**16
"""Elements from which on a weight that two ops share is worth two reshapes."""

RULES.on(nn.Conv)(split_off_activation)
RULES.on(nn.ConvTranspose)(split_off_activation)
RULES.on(nn.Linear)(split_off_activation)
RULES.on(nn.GridSample)(grid_between_centres)
RULES.on(nn.GridSample)(grid_within_image)


@RULES.on(nn.Linear)
def linear_of_tied_weight(op: nn.Linear) -> Op | None:
    """linear(x, w) -> reshape(linear(reshape(x), w)) where others use a large w too, as embeddings do"""
    # Products of more than matrices take their weight transposed: it would be stored twice.
    weight = op.weight
    others = [user for user in weight.uses if not isinstance(user, nn.Linear)]
    if op.x.type.rank <= 2 or not others or not is_constant(weight) or prod(weight.type.static_shape) < TIED:
        return None
    matrix = reshape(op.x, (product(op.x.type.shape[:-1]), op.x.type.shape[-1]))
    return tensor.Reshape(replace(op, x=matrix).result, None, op.result.type.shape)


RULES.on(nn.Linear)(linear_as_product)
# Before opset 13 softmax takes all axes from one on as one.
RULES.on(SoftmaxFamily)(softmax_along_last_axis)
RULES.on(nn.GroupNorm)(group_norm_as_instance_norm)


@RULES.on(math.MatMul)
def matmul_of_transposed(op: math.MatMul) -> Op | None:
    """matmul(x, y, transposed) -> matmul(transpose(x), transpose(y))"""
    if not op.transpose_x and not op.transpose_y:
        return None
    x = with_last_axes_exchanged(op.x) if op.transpose_x else op.x
    y = with_last_axes_exchanged(op.y) if op.transpose_y else op.y
    return math.MatMul(x, y)


@RULES.on(nn.LayerNorm)
def layer_norm_with_full_parameters(op: nn.LayerNorm) -> Op | None:
    """layer_norm(x) -> layer_norm(x, ones), its scale and bias as large as what is normalised"""
    scale, bias = _full(op.scale, op), None if op.bias is None else _full(op.bias, op)
    if scale is None or (scale is op.scale and bias is op.bias):
        return None
    return replace(op, scale=scale, bias=bias)


@RULES.on(nn.RmsNorm)
def rms_norm_with_full_scale(op: nn.RmsNorm) -> Op | None:
    """rms_norm(x) -> rms_norm(x, ones), its scale as large as what is normalised"""
    scale = _full(op.scale, op)
    return None if scale is None or scale is op.scale else replace(op, scale=scale)


def _full(parameter: Value | None, op: nn.LayerNorm | nn.RmsNorm) -> Value | None:
    """The parameter, or ones, for every element along the normalised axes; None where those are not known."""
    sizes = op.x.type.shape[op.axis :]
    if parameter is not None and parameter.type.shape == sizes:
        return parameter
    known = tuple(d for d in sizes if isinstance(d, int))
    if len(known) != len(sizes):
        return None
    if parameter is None:
        return constant(np.ones(known, op.x.type.dtype.numpy))
    return expanded(parameter, sizes)
