"""Rules for matrix products, sums, softmax and channels to space."""

import numpy as np

from ...dims import product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import ChannelOrder, Layout
from ...ops.nn.activation import SoftmaxFamily
from ...passes.lowering.building import folded_reshape
from ...passes.lowering.optional import linear_of_computed_weight, softmax_along_last_axis
from ...passes.patterns import constant, constant_array
from ...rewriter import RuleSet

RULES = RuleSet()

RULES.on(nn.Linear)(linear_of_computed_weight)
RULES.on(SoftmaxFamily)(softmax_along_last_axis)


@RULES.on(math.MatMul)
def matmul_of_many_batch_axes(op: math.MatMul) -> Value | None:
    """matmul(x, y) -> reshape(matmul(reshape(x), reshape(y))) with one batch axis, of batches that are alike"""
    x, y = op.x.type.shape, op.y.type.shape
    if x[:-2] != y[:-2] or len(x) <= 3:
        return None
    batch = product(x[:-2])
    flat = replace(op, x=folded_reshape(op.x, (batch, *x[-2:])), y=folded_reshape(op.y, (batch, *y[-2:])))
    return folded_reshape(flat.result, op.result.type.shape)


def _axis_by_axis(op: math.ReduceSum | math.ReduceMean) -> Op | None:
    """The reduction along the last of its axes, then along the others."""
    if len(op.axes) <= 1 or not op.x.type.dtype.is_float:
        return None
    rows = replace(op, axes=op.axes[-1:])
    return replace(op, x=rows.result, axes=op.axes[:-1])


@RULES.on(math.ReduceMean)
def mean_axis_by_axis(op: math.ReduceMean) -> Op | None:
    """reduce_mean(x, [a, b]) -> reduce_mean(reduce_mean(x, [b]), [a])"""
    return _axis_by_axis(op)


@RULES.on(math.ReduceSum)
def sum_axis_by_axis(op: math.ReduceSum) -> Op | None:
    """reduce_sum(x, [a, b]) -> reduce_sum(reduce_sum(x, [b]), [a])"""
    return _axis_by_axis(op)


@RULES.on(tensor.DepthToSpace)
def pixel_shuffle_of_conv(op: tensor.DepthToSpace) -> Op | None:
    """depth_to_space(conv(x, w), crd) -> depth_to_space(conv(x, w with its outputs reordered), dcr)"""
    conv = op.x.owner
    if op.order is not ChannelOrder.CRD or not isinstance(conv, nn.Conv) or not op.x.has_one_use or conv.groups != 1:
        return None
    weight = constant_array(conv.weight)
    bias = constant_array(conv.bias)
    if weight is None or (conv.bias is not None and bias is None):
        return None
    order = np.arange(weight.shape[0]).reshape(-1, op.block**2).T.ravel()
    reordered = replace(conv, weight=constant(weight[order]), bias=None if bias is None else constant(bias[order]))
    return replace(op, x=reordered.result, order=ChannelOrder.DCR)


@RULES.on(tensor.DepthToSpace)
def pixel_shuffle(op: tensor.DepthToSpace) -> Op | None:
    """depth_to_space(x, crd) -> depth_to_space(x with its channels reordered, dcr)"""
    if op.order is not ChannelOrder.CRD or op.layout is not Layout.NHWC:
        return None
    n, h, w, c = op.x.type.shape
    blocks = op.block**2
    split = folded_reshape(op.x, (n * h * w, c // blocks, blocks))
    swapped = tensor.Transpose(split, (0, 2, 1)).result
    return replace(op, x=folded_reshape(swapped, (n, h, w, c)), order=ChannelOrder.DCR)
