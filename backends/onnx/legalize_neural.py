"""Rules for fused activations, layers on more than matrices, softmax and normalisations."""

import numpy as np

from ...dims import product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Activation, Layout
from ...ops.nn.activation import SoftmaxFamily
from ...passes.lowering.building import expanded, folded, folded_reshape
from ...passes.patterns import constant
from ...rewriter import RuleSet

RULES = RuleSet()

Layer = nn.Conv | nn.ConvTranspose | nn.Linear


def _activated(op: Layer) -> Op | None:
    if op.activation is Activation.NONE:
        return None
    plain = replace(op, activation=Activation.NONE).result
    return nn.Relu(plain) if op.activation is Activation.RELU else nn.Relu6(plain)


@RULES.on(nn.Convolution)
def split_off_convolution_activation(op: nn.Convolution) -> Op | None:
    """convolution(x, w, activation=f) -> f(convolution(x, w))"""
    assert isinstance(op, nn.Conv | nn.ConvTranspose)
    return _activated(op)


@RULES.on(nn.Linear)
def split_off_linear_activation(op: nn.Linear) -> Op | None:
    """linear(x, w, activation=f) -> f(linear(x, w))"""
    return _activated(op)


@RULES.on(nn.Linear)
def linear_as_product(op: nn.Linear) -> Value:
    """linear(x, w, b) -> matmul(x, transpose(w)) + b"""
    x = op.x if op.x.type.rank > 1 else folded_reshape(op.x, (1, *op.x.type.shape))
    multiplied = math.MatMul(x, folded(tensor.Transpose(op.weight, (1, 0)))).result
    biased = multiplied if op.bias is None else math.Add(multiplied, op.bias).result
    return folded_reshape(biased, op.result.type.shape)


@RULES.on(math.MatMul)
def matmul_of_transposed(op: math.MatMul) -> Op | None:
    """matmul(x, y, transposed) -> matmul(transpose(x), transpose(y))"""
    if not op.transpose_x and not op.transpose_y:
        return None
    x = _swapped(op.x) if op.transpose_x else op.x
    y = _swapped(op.y) if op.transpose_y else op.y
    return math.MatMul(x, y)


def _swapped(x: Value) -> Value:
    """``x`` with its last two axes exchanged."""
    rank = x.type.rank
    return folded(tensor.Transpose(x, (*range(rank - 2), rank - 1, rank - 2)))


@RULES.on(SoftmaxFamily)
def softmax_moved_to_last_axis(op: SoftmaxFamily) -> Value | None:
    """softmax(x, axis) -> transpose(softmax(transpose(x), last axis)), before opset 13"""
    last = op.x.type.rank - 1
    if op.axis == last:
        return None
    swap = list(range(last + 1))
    swap[op.axis], swap[last] = last, op.axis
    moved = replace(op, x=tensor.Transpose(op.x, tuple(swap)).result, axis=last)
    return tensor.Transpose(moved.result, tuple(swap)).result


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


@RULES.on(nn.GroupNorm)
def group_norm_as_instance_norm(op: nn.GroupNorm) -> Value | None:
    """group_norm(x) -> reshape(instance_norm(reshape(x, [n, groups, rest]))) * scale + bias"""
    if op.layout is not Layout.NCHW or op.x.type.rank < 3:
        return None
    shape = op.x.type.shape
    rest = (shape[1] // op.groups) * product(shape[2:])
    ones, zeros = (constant(np.full(op.groups, n, op.x.type.dtype.numpy)) for n in (1, 0))
    grouped = folded_reshape(op.x, (shape[0], op.groups, rest))
    standard = folded_reshape(nn.InstanceNorm(grouped, ones, zeros, op.epsilon).result, shape)
    scale, bias = (folded_reshape(p, (shape[1], *(1,) * (len(shape) - 2))) for p in (op.scale, op.bias))
    return math.Add(math.Mul(standard, scale).result, bias).result
