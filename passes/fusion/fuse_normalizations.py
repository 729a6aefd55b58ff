"""fuse-normalizations: norms that are spelled with other ops, and the scales and shifts behind them.

The patterns stand in canonical form, after common subexpressions became one value.
"""

import numpy as np

from ...dims import known_different, known_equal
from ...ir import Array, Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Activation, Layout
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import constant, constant_array, either_order, number, same_shape

RULES = RuleSet()


@module_pass()
def fuse_normalizations(module: Module) -> bool:
    """Makes layer, RMS and group norms of their parts, and scales and shifts their parameters."""
    return apply_rules(module, RULES)


@RULES.on(math.Div)
def divided_by_deviation(op: math.Div) -> Op | None:
    """(x - mean(x)) / sqrt(mean((x - mean(x)) ** 2) + e) -> layer_norm(x); x / sqrt(mean(x ** 2) + e) -> rms_norm(x)"""
    match op:
        case math.Div(x=x, y=Value(owner=math.Sqrt(x=variance)), activation=Activation.NONE):
            return _normalized(x, variance)
    return None


@RULES.on(math.Mul)
def multiplied_by_inverse_deviation(op: math.Mul) -> Op | None:
    """(x - mean(x)) * rsqrt(mean((x - mean(x)) ** 2) + e) -> layer_norm(x); without the mean it is rms_norm"""
    if op.activation is not Activation.NONE:
        return None
    for x, other in either_order(op):
        match other:
            case Value(owner=math.Rsqrt(x=variance)):
                return _normalized(x, variance)
    return None


def _normalized(x: Value, variance: Value) -> Op | None:
    """The norm that dividing ``x`` by the root of ``variance`` amounts to."""
    match variance:
        case Value(owner=math.Add(
            x=Value(owner=math.ReduceMean(x=Value(owner=math.Square(x=squared)), axes=axes, keep_dims=True)) as mean,
            y=epsilon,
            activation=Activation.NONE,
        )) if squared is x and same_shape(mean, variance):  # fmt: skip
            pass
        case _:
            return None
    e, rank = number(epsilon), x.type.rank
    if e is None or not axes or axes != tuple(range(axes[0], rank)):
        return None
    centred = _centred(x, axes)
    if centred is not None:
        return nn.LayerNorm(centred, None, None, axes[0], float(e))
    return nn.RmsNorm(x, None, axes[0], float(e))


def _centred(value: Value, axes: tuple[int, ...]) -> Value | None:
    """x when ``value`` is x - mean(x) over the axes."""
    match value:
        case Value(
            owner=math.Sub(
                x=x,
                y=Value(owner=math.ReduceMean(x=averaged, axes=mean_axes, keep_dims=True)),
                activation=Activation.NONE,
            )
        ) if averaged is x and mean_axes == axes:
            return x
    return None


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
    """reshape(instance_norm(reshape(x, [n, groups, elements of a group]))) -> group_norm(x)"""
    match op:
        case tensor.Reshape(
            x=Value(
                owner=nn.InstanceNorm(x=Value(owner=tensor.Reshape(x=x, dims=None)) as grouped) as norm,
                has_one_use=True,
            ),
        ) if same_shape(x, op.result) and norm.layout is Layout.NCHW and x.type.rank > 2:
            batch, channels = x.type.shape[:2]
            groups = grouped.type.shape[1]
        case _:
            return None
    if not isinstance(groups, int) or not isinstance(channels, int) or channels % groups != 0:
        return None
    if not known_equal(grouped.type.shape[0], batch):
        return None
    scale, bias = constant_array(norm.scale), constant_array(norm.bias)
    if scale is None or bias is None:
        return None
    each = channels // groups
    repeated = (constant(np.repeat(scale, each), norm.scale), constant(np.repeat(bias, each), norm.bias))
    return nn.GroupNorm(x, *repeated, groups, norm.epsilon)


ChannelNorm = nn.GroupNorm | nn.InstanceNorm


@RULES.on(math.Mul)
def factor_into_channel_norm(op: math.Mul) -> Op | None:
    """group_norm(x) * c -> group_norm(x) with other parameters, for c of one number a channel; instance_norm too"""
    norm = op.x.owner
    if not isinstance(norm, ChannelNorm) or op.activation is not Activation.NONE or not op.x.has_one_use:
        return None
    factor, scale, bias = _per_channel(op.y, norm), constant_array(norm.scale), constant_array(norm.bias)
    if factor is None or scale is None or bias is None:
        return None
    return replace(norm, scale=constant(scale * factor, norm.scale), bias=constant(bias * factor, norm.bias))


@RULES.on(math.Add)
def summand_into_channel_norm(op: math.Add) -> Op | None:
    """group_norm(x) + c -> group_norm(x) with another bias, for c of one number a channel; instance_norm too"""
    norm = op.x.owner
    if not isinstance(norm, ChannelNorm) or op.activation is not Activation.NONE or not op.x.has_one_use:
        return None
    summand, bias = _per_channel(op.y, norm), constant_array(norm.bias)
    if summand is None or bias is None:
        return None
    return replace(norm, bias=constant(bias + summand, norm.bias))


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
    if any(known_different(a, b) for a, b in zip(own, trailing, strict=True)):
        return None
    if len(own) == len(shape):
        return value
    array = constant_array(value)
    return (
        tensor.Reshape(value, None, own).result if array is None else constant(array.reshape(array.shape[-len(own) :]))
    )
