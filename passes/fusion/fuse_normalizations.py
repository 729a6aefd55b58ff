"""fuse-normalizations: norms that are spelled with other ops, and the scales and shifts behind them.

The patterns stand in canonical form, after common subexpressions became one value.
"""

from typing import NamedTuple

import numpy as np

from ...dims import known_equal
from ...ir import Array, Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Activation, Layout
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import constant, constant_array, either_order, same_shape
from .rules import norms

RULES = RuleSet(norms.RULES)


@module_pass()
def fuse_normalizations(module: Module) -> bool:
    """Makes layer, RMS and group norms of their parts, and scales and shifts their parameters."""
    return apply_rules(module, RULES)


@RULES.on(math.Mul)
def factor_into_norm(op: math.Mul) -> Op | None:
    """layer_norm(x) * s -> layer_norm(x, scale=s), and rms_norm likewise"""
    if op.activation is not Activation.NONE:
        return None
    for normed, factor in either_order(op):
        match normed:
            case Value(owner=nn.LayerNorm(scale=None, bias=None) | nn.RmsNorm(scale=None) as norm, has_one_use=True):
                scale = _parameter(factor, norm)
                if scale is not None and same_shape(normed, op.result):
                    return replace(norm, scale=scale)
    return None


@RULES.on(math.Add)
def summand_into_norm(op: math.Add) -> Op | None:
    """layer_norm(x) + b -> layer_norm(x, bias=b)"""
    if op.activation is not Activation.NONE:
        return None
    for normed, summand in either_order(op):
        match normed:
            case Value(owner=nn.LayerNorm(bias=None) as norm, has_one_use=True):
                bias = _parameter(summand, norm)
                if bias is not None and same_shape(normed, op.result):
                    return replace(norm, bias=bias)
    return None


@RULES.on(tensor.Reshape)
def group_norm_of_instances(op: tensor.Reshape) -> Op | None:
    """reshape(instance_norm(reshape(x, [n, groups, elements of a group]))) -> group_norm(x); layer_norm likewise"""
    match op:
        case tensor.Reshape(
            dims=None,
            x=Value(
                owner=nn.InstanceNorm(x=Value(owner=tensor.Reshape(x=x, dims=None)) as grouped, layout=Layout.NCHW)
                | nn.LayerNorm(
                    x=Value(owner=tensor.Reshape(x=x, dims=None)) as grouped, axis=2, scale=None, bias=None
                ) as norm,
                has_one_use=True,
            ),
        ) if len(op.shape) > 2:
            batch, channels = op.shape[:2]
            groups = grouped.type.shape[1]
        case _:
            return None
    if not isinstance(groups, int) or not isinstance(channels, int) or channels % groups != 0:
        return None
    if not known_equal(grouped.type.shape[0], batch):
        return None
    scale, bias = _parameters_of_groups(norm, groups)
    if scale is None or bias is None:
        return None
    each = channels // groups
    if not same_shape(x, op.result):
        # What made an image of x may have become one with the reshape to the groups; norms of other things have not.
        if each == 1 or isinstance(norm, nn.LayerNorm) or (scale != 1).any() or bias.any():
            return None
        x = tensor.Reshape(x, None, op.shape).result
    repeated = (constant(np.repeat(scale, each)), constant(np.repeat(bias, each)))
    if each == 1:
        return nn.InstanceNorm(x, *repeated, norm.epsilon)
    return nn.GroupNorm(x, *repeated, groups, norm.epsilon)


def _parameters_of_groups(norm: nn.InstanceNorm | nn.LayerNorm, groups: int) -> tuple[Array | None, Array | None]:
    """The scale and the bias of each group, where they are known."""
    if isinstance(norm, nn.InstanceNorm):
        return constant_array(norm.scale), constant_array(norm.bias)
    dtype = norm.x.type.dtype.numpy
    return np.ones(groups, dtype), np.zeros(groups, dtype)


@RULES.on(math.Mul)
def factor_behind_channels(op: math.Mul) -> Op | None:
    """transpose(layer_norm(x)) * s -> transpose(layer_norm(x, scale=s)) for one number a channel; rms_norm likewise"""
    moved = _norm_behind_transpose(op)
    if moved is None or (isinstance(moved.norm, nn.LayerNorm) and moved.norm.bias is not None):
        return None
    scale = moved.vector if moved.norm.scale is None else math.Mul(moved.norm.scale, moved.vector).result
    return replace(moved.transpose, x=replace(moved.norm, scale=scale).result)


@RULES.on(math.Add)
def summand_behind_channels(op: math.Add) -> Op | None:
    """transpose(layer_norm(x)) + b -> transpose(layer_norm(x, bias=b)) for a constant of one number a channel"""
    moved = _norm_behind_transpose(op)
    if moved is None or not isinstance(moved.norm, nn.LayerNorm) or moved.norm.bias is not None:
        return None
    return replace(moved.transpose, x=replace(moved.norm, bias=moved.vector).result)


class _MovedNorm(NamedTuple):
    """A norm over its last axis, the transpose behind it, and a constant with an element for each normalized one."""

    transpose: tensor.Transpose
    norm: nn.LayerNorm | nn.RmsNorm
    vector: Value


def _norm_behind_transpose(op: math.Mul | math.Add) -> _MovedNorm | None:
    transpose, array = op.x.owner, constant_array(op.y)
    if not isinstance(transpose, tensor.Transpose) or array is None or op.activation is not Activation.NONE:
        return None
    norm, rank = transpose.x.owner, op.x.type.rank
    if not isinstance(norm, nn.LayerNorm | nn.RmsNorm) or norm.axis != rank - 1 or not same_shape(op.x, op.result):
        return None
    if not op.x.has_one_use or not transpose.x.has_one_use:
        return None
    axis, size = transpose.permutation.index(rank - 1), norm.x.type.shape[-1]
    shape = (1,) * (rank - array.ndim) + array.shape
    if array.size != size or shape[axis] != size:
        return None
    return _MovedNorm(transpose, norm, constant(array.reshape(-1), op.y))


@RULES.on(math.Mul)
def factor_of_whole_images(op: math.Mul) -> Op | None:
    """layer_norm(x) * s -> group_norm(x, s, groups=1) when it is of whole images, and s has one number a channel"""
    norm = _norm_of_images(op.x.owner)
    if norm is None or op.activation is not Activation.NONE or not op.x.has_one_use:
        return None
    factor = _per_channel(op.y, norm)
    if factor is None or factor.size != norm.scale.type.shape[0]:
        return None
    return replace(norm, scale=constant(factor, op.y))


def _norm_of_images(norm: Op | None) -> nn.GroupNorm | None:
    """The same norm as one of channels, with parameters that change nothing."""
    if not isinstance(norm, nn.LayerNorm) or norm.axis != 1 or norm.x.type.rank < 3:
        return None
    channels, dtype = norm.x.type.shape[1], norm.x.type.dtype.numpy
    if norm.scale is not None or norm.bias is not None or not isinstance(channels, int):
        return None
    ones, zeros = (constant(np.full(channels, n, dtype)) for n in (1, 0))
    return nn.GroupNorm(norm.x, ones, zeros, 1, norm.epsilon)


ChannelNorm = nn.GroupNorm | nn.InstanceNorm


@RULES.on(math.Mul)
def factor_into_channel_norm(op: math.Mul) -> Op | None:
    """group_norm(x) * c -> group_norm(x) with other parameters, for c of one number a channel; instance_norm too"""
    norm = _plain_channel_norm(op)
    if norm is None:
        return None
    factor, scale, bias = _per_channel(op.y, norm), constant_array(norm.scale), constant_array(norm.bias)
    if factor is None or scale is None or bias is None:
        return None
    return replace(norm, scale=constant(scale * factor, norm.scale), bias=constant(bias * factor, norm.bias))


@RULES.on(math.Add)
def summand_into_channel_norm(op: math.Add) -> Op | None:
    """group_norm(x) + c -> group_norm(x) with another bias, for c of one number a channel; instance_norm too"""
    norm = _plain_channel_norm(op)
    if norm is None:
        return None
    summand, bias = _per_channel(op.y, norm), constant_array(norm.bias)
    if summand is None or bias is None:
        return None
    return replace(norm, bias=constant(bias + summand, norm.bias))


def _plain_channel_norm(op: math.Mul | math.Add) -> ChannelNorm | None:
    """The norm that the op alone uses, and gives no other shape."""
    norm = op.x.owner
    if not isinstance(norm, ChannelNorm) or op.activation is not Activation.NONE or not op.x.has_one_use:
        return None
    return norm if same_shape(op.x, op.result) else None


def _per_channel(value: Value, norm: ChannelNorm) -> Array | None:
    """The elements of a constant that has one, or one for each channel and the axis where the norm has them."""
    array, rank = constant_array(value), norm.x.type.rank
    if array is None or array.ndim > rank:
        return None
    shape = (1,) * (rank - array.ndim) + array.shape
    axis = norm.layout.channel_axis(rank)
    if array.size != 1 and any(d != 1 for a, d in enumerate(shape) if a != axis):
        return None
    return array.reshape(-1)


def _parameter(value: Value, norm: nn.LayerNorm | nn.RmsNorm) -> Value | None:
    """``value`` as a scale or bias of the norm, one element for each normalized one; None when it does not vary so."""
    trailing = norm.x.type.shape[norm.axis :]
    shape = value.type.shape
    if len(shape) < len(trailing) or any(d != 1 for d in shape[: len(shape) - len(trailing)]):
        return None
    own = shape[len(shape) - len(trailing) :]
    if any(not known_equal(a, b) for a, b in zip(own, trailing, strict=True)):
        return None
    if len(own) == len(shape):
        return value
    array = constant_array(value)
    return (
        tensor.Reshape(value, None, own).result if array is None else constant(array.reshape(array.shape[-len(own) :]))
    )
