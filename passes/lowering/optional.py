"""Rewrites that suit some targets and not others: each registers those that it wants, in its own rule set."""

import numpy as np

from ...dims import Dim, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import ChannelOrder, Layout
from ...ops.math.reduction import LogicalReduction
from ...ops.nn.activation import SoftmaxFamily
from ...types import DType
from ..patterns import constant, is_known, reshape
from .activations import activated
from .building import folded, folded_reshape, insert_axis, scalar
from .normalization import affine

# ---- elementwise


def select_of_truths(op: math.Select) -> Op | None:
    """select(c, x, y) -> (c and x) or (not c and y) for truth values"""
    if op.x.type.dtype is not DType.BOOL:
        return None
    otherwise = math.LogicalAnd(math.LogicalNot(op.condition).result, op.y).result
    return math.LogicalOr(math.LogicalAnd(op.condition, op.x).result, otherwise)


def floor_mod_as_fmod(op: math.FloorMod) -> Op | None:
    """x floor_mod y -> m + y where m = fmod(x, y) is not 0 and has another sign than y, else m, for floats"""
    if not op.x.type.dtype.is_float:
        return None
    remainder = math.Fmod(op.x, op.y).result
    signs = (math.Less(v, scalar(0, v)).result for v in (remainder, op.y))
    is_rest = math.NotEqual(remainder, scalar(0, remainder)).result
    is_other = math.LogicalAnd(is_rest, math.LogicalXor(*signs).result).result
    return math.Select(is_other, math.Add(remainder, op.y).result, remainder)


def maximum_as_select(op: math.Maximum) -> Op | None:
    """max(x, y) -> select(x > y, x, y) for integers"""
    return math.Select(math.Greater(op.x, op.y).result, op.x, op.y) if op.x.type.dtype.is_integer else None


def minimum_as_select(op: math.Minimum) -> Op | None:
    """min(x, y) -> select(x < y, x, y) for integers"""
    return math.Select(math.Less(op.x, op.y).result, op.x, op.y) if op.x.type.dtype.is_integer else None


def bitwise_not_as_difference(op: math.BitwiseNot) -> Op:
    """not x -> all bits - x"""
    dtype = op.x.type.dtype
    return math.Sub(scalar(-1 if dtype.is_signed_integer else dtype.highest, op.x), op.x)


def logical_reduction_as_extremum(op: LogicalReduction) -> Op | None:
    """reduce_any(x) -> reduce_max(x) and reduce_all(x) -> reduce_min(x) as integers"""
    if not op.axes:
        return None
    reduce = math.ReduceMax if isinstance(op, math.ReduceAny) else math.ReduceMin
    reduced = reduce(tensor.Cast(op.x, DType.I32).result, op.axes, op.keep_dims).result
    return tensor.Cast(reduced, DType.BOOL)


# ---- layers


def linear_as_product(op: nn.Linear) -> Value:
    """linear(x, w, b) -> matmul(x, transpose(w)) + b"""
    x = op.x if op.x.type.rank > 1 else insert_axis(op.x, 0)
    multiplied = math.MatMul(x, op.weight, transpose_y=True).result
    if op.bias is None:
        return reshape(activated(multiplied, op.activation), op.result.type.shape)
    return reshape(math.Add(multiplied, op.bias, op.activation).result, op.result.type.shape)


def linear_of_computed_weight(op: nn.Linear) -> Value | None:
    """linear(x, w, b) -> matmul(x, transpose(w)) + b, w not constant"""
    return None if is_known(op.weight) else linear_as_product(op)


def with_last_axes_exchanged(x: Value) -> Value:
    """``x`` [..., m, n] as [..., n, m]."""
    rank = x.type.rank
    return folded(tensor.Transpose(x, (*range(rank - 2), rank - 1, rank - 2)))


def softmax_along_last_axis(op: SoftmaxFamily) -> Value | None:
    """softmax(x, axis) -> transpose(softmax(transpose(x), last axis))"""
    last = op.x.type.rank - 1
    if op.axis == last:
        return None
    swap = list(range(last + 1))
    swap[op.axis], swap[last] = last, op.axis
    moved = replace(op, x=tensor.Transpose(op.x, tuple(swap)).result, axis=last)
    return tensor.Transpose(moved.result, tuple(swap)).result


def log_softmax_as_difference(op: nn.LogSoftmax) -> Op:
    """log_softmax(x) -> y - log(reduce_sum(exp(y))) with y = x - reduce_max(x)"""
    shifted = math.Sub(op.x, math.ReduceMax(op.x, (op.axis,), True).result).result
    total = math.ReduceSum(math.Exp(shifted).result, (op.axis,), True).result
    return math.Sub(shifted, math.Log(total).result)


def layer_norm_and_affine(op: nn.LayerNorm) -> Value | None:
    """layer_norm(x, s, b) -> layer_norm(x) * s + b"""
    if op.scale is None and op.bias is None:
        return None
    return affine(replace(op, scale=None, bias=None).result, op.scale, op.bias)


def group_norm_as_instance_norm(op: nn.GroupNorm) -> Value | None:
    """group_norm(x, s, b) -> reshape(instance_norm(reshape(x, [n, groups, rest]), 1, 0)) * s + b"""
    if op.layout is not Layout.NCHW:
        return None
    shape = op.x.type.shape
    rest = (shape[1] // op.groups) * product(shape[2:])
    grouped = folded_reshape(op.x, (shape[0], op.groups, rest))
    ones, zeros = (constant(np.full(op.groups, n, op.x.type.dtype.numpy)) for n in (1, 0))
    standard = folded_reshape(nn.InstanceNorm(grouped, ones, zeros, op.epsilon).result, shape)
    return affine(standard, *(per_channel(p, len(shape)) for p in (op.scale, op.bias)))


def per_channel(parameter: Value, rank: int) -> Value:
    """A vector shaped to broadcast along the channels of [n, channels, ...]."""
    return folded_reshape(parameter, (*parameter.type.shape, *(1,) * (rank - 2)))


# ---- blocks of channels, in data [n, channels, h, w]


def depth_to_space_as_transpose(op: tensor.DepthToSpace) -> Value | None:
    """depth_to_space(x) -> reshape(transpose(reshape(x, [n, b, b, c, h, w])))"""
    if op.layout is not Layout.NCHW:
        return None
    (n, channels, h, w), b = op.x.type.shape, op.block
    inner = channels // (b * b)
    is_outer = op.order is ChannelOrder.DCR
    split: tuple[Dim, ...] = (n, b, b, inner, h, w) if is_outer else (n, inner, b, b, h, w)
    order = (0, 3, 4, 1, 5, 2) if is_outer else (0, 1, 4, 2, 5, 3)
    moved = tensor.Transpose(folded_reshape(op.x, split), order).result
    return folded_reshape(moved, op.result.type.shape)


def space_to_depth_as_transpose(op: tensor.SpaceToDepth) -> Value | None:
    """space_to_depth(x) -> reshape(transpose(reshape(x, [n, c, h, b, w, b])))"""
    if op.layout is not Layout.NCHW:
        return None
    (n, c, _, _), b = op.x.type.shape, op.block
    _, _, h, w = op.result.type.shape
    moved = tensor.Transpose(folded_reshape(op.x, (n, c, h, b, w, b)), (0, 3, 5, 1, 2, 4)).result
    return folded_reshape(moved, op.result.type.shape)
