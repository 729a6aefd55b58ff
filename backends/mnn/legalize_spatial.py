"""Convolutions over three spatial axes in terms of those over two."""

import numpy as np

from ...dims import Dim
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Activation, Layout
from ...passes.lowering import layouts
from ...passes.lowering.building import folded, folded_reshape, pad_axes, slice_axes
from ...passes.lowering.grid_sampling import grid_within_image
from ...passes.patterns import constant, constant_array
from ...rewriter import RuleSet

RULES = RuleSet()

RULES.on(nn.GridSample)(grid_within_image)

_DEPTH_FIRST = (0, 2, 1, 3, 4)


@RULES.on(nn.Conv)
def conv_3d_in_2d(op: nn.Conv) -> Value | None:
    """conv_3d(x, w) -> conv_2d(planes of x, w[:, :, 0]) + conv_2d(later planes of x, w[:, :, 1]) + ..."""
    if op.spatial_rank != 3 or op.layout is not Layout.NCHW or not op.weight.type.is_static:
        return None
    low, high = op.padding[:3], op.padding[3:]
    planes = folded(tensor.Transpose(pad_axes(op.x, [2], low[:1], high[:1]), _DEPTH_FIRST))
    batch, _, channels, height, width = planes.type.shape
    outputs, _, depth, *kernel = op.weight.type.static_shape
    count = op.result.type.shape[2]
    total: Value | None = None
    for position in range(depth):
        taken = slice_axes(planes, [1], [position * op.dilations[0]], [count], op.strides[:1])
        image = folded_reshape(taken, (batch * count, channels, height, width))
        tap = slice_axes(op.weight, [2], [position], [1])
        part = replace(
            op,
            x=image,
            weight=folded_reshape(_folded(tap), (outputs, op.weight.type.shape[1], *kernel)),
            bias=op.bias if position == 0 else None,
            strides=op.strides[1:],
            padding=(*low[1:], *high[1:]),
            dilations=op.dilations[1:],
            activation=op.activation if depth == 1 else Activation.NONE,
        ).result
        is_last = position == depth - 1
        total = part if total is None else math.Add(total, part, op.activation if is_last else Activation.NONE).result
    assert total is not None
    shape: tuple[Dim, ...] = (batch, count, *total.type.shape[1:])
    return tensor.Transpose(folded_reshape(total, shape), _DEPTH_FIRST).result


@RULES.on(nn.Conv)
def depthwise_of_several_results(op: nn.Conv) -> Value | None:
    """conv(x, w, a group for each channel) -> gather(concat(depthwise(x, w[0::k]), depthwise(x, w[1::k]), ...))"""
    weight, bias = constant_array(op.weight), constant_array(op.bias)
    if weight is None or weight.shape[1] != 1 or op.groups == 1 or op.layout is not Layout.NCHW:
        return None
    count = weight.shape[0] // op.groups
    if count == 1 or (op.bias is not None and bias is None):
        return None
    parts = []
    for index in range(count):
        taken = None if bias is None else constant(bias[index::count])
        parts.append(replace(op, weight=constant(weight[index::count]), bias=taken).result)
    order = np.arange(weight.shape[0], dtype=np.int32).reshape(count, op.groups).T.ravel()
    return tensor.Gather(tensor.Concat(tuple(parts), axis=1).result, constant(order), axis=1).result


def _folded(x: Value) -> Value:
    return x if x.owner is None else folded(x.owner)


@RULES.on(nn.ConvTranspose)
def conv_transpose_of_few_channels(op: nn.ConvTranspose) -> Op | None:
    """conv_transpose(x, w, groups) -> conv_transpose(x, w with zeros between the groups), for one channel a group"""
    weight = constant_array(op.weight)
    if weight is None or op.groups == 1 or weight.shape[0] != op.groups:
        return None
    outputs = weight.shape[1]
    dense = np.zeros((op.groups, op.groups * outputs, *weight.shape[2:]), weight.dtype)
    for group in range(op.groups):
        dense[group, group * outputs : (group + 1) * outputs] = weight[group]
    return replace(op, weight=constant(dense), groups=1)


def _becomes_conv(op: nn.ConvTranspose) -> bool:
    """Whether it is a convolution of stuffed data that MNN can compute instead."""
    return op.spatial_rank == 3 or constant_array(op.weight) is None


@RULES.on(nn.ConvTranspose)
def conv_transpose_channels_last(op: nn.ConvTranspose) -> Value | None:
    """conv_transpose(x) -> transpose(conv_transpose(transpose(x))), which becomes a conv"""
    return layouts.channels_last(op) if _becomes_conv(op) else None


@RULES.on(Op)
def channels_first(op: Op) -> Value | None:
    """op(x, layout = nhwc) -> transpose(op(transpose(x), layout = nchw))"""
    return None if isinstance(op, nn.ConvTranspose) and _becomes_conv(op) else layouts.channels_first(op)
