"""fold-scales: factors move to where a weight can take them.

Those of a norm go into the layers behind it, and so do batch norms, factors and summands that no layer before them
takes: to those ``fold-batch-norm`` brings them.
"""

import numpy as np

from ...ir import Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..canonicalization.rules.arithmetic import power_of_two_into_factor
from ..patterns import constant, constant_array, either_order, number
from ..thrift import thrifty
from .layer_algebra import (
    Affine,
    Layer,
    affine_of,
    has_constant_weights,
    input_axis,
    plain_layer,
    takes_offset,
    with_affine_before,
)
from .rules.matching import factored

RULES = RuleSet()

SMALLEST_FACTOR = 1e-3
"""Sums are divided by factors down to this: what they are added to keeps its last bits."""

Norm = nn.LayerNorm | nn.RmsNorm


@module_pass()
def fold_scales(module: Module, *, grows: bool = True) -> bool:
    """Folds scales and shifts, those of norms and others, into the layers behind them.

    Without ``grows``, only where no more is stored in the end: not for weights that others use as well.
    """
    return apply_rules(module, RULES if grows else thrifty(RULES))


@RULES.on(nn.Linear)
def norm_into_linear(op: nn.Linear) -> Op | None:
    """linear(layer_norm(x, s, b), w, c) -> linear(layer_norm(x), w * s, c + w · b), when all that use it are linear"""
    norm = op.x.owner
    if not isinstance(norm, Norm) or not all(isinstance(u, nn.Linear) and has_constant_weights(u) for u in op.x.uses):
        return None
    return _with_scales_of(norm, op, _without_scales(norm))


@RULES.on(nn.Conv)
def norm_into_conv(op: nn.Conv) -> Op | None:
    """conv(transpose(layer_norm(x, s, b)), w, c) -> conv(transpose(layer_norm(x)), w * s, c + w · b); padded: no b"""
    match op.x.owner:
        case tensor.Transpose(x=Value(owner=norm, has_one_use=True)) as move if op.x.has_one_use:
            channel_axis = move.permutation[op.layout.channel_axis(op.x.type.rank)]
        case _:
            return None
    if not isinstance(norm, Norm) or channel_axis != norm.axis or op.groups != 1 or not has_constant_weights(op):
        return None
    return _with_scales_of(norm, op, replace(move, x=_without_scales(norm)).result)


@RULES.on(nn.Conv)
def channel_norm_into_conv(op: nn.Conv) -> Op | None:
    """conv(group_norm(x, s, b), w, c) -> conv(group_norm(x, 1, 0), w * s, c + w · b), when all users are layers"""
    norm = op.x.owner
    if not isinstance(norm, nn.GroupNorm | nn.InstanceNorm):
        return None
    scale, bias = constant_array(norm.scale), constant_array(norm.bias)
    if scale is None or bias is None or ((scale == 1).all() and (bias == 0).all()):
        return None
    axis = norm.layout.channel_axis(norm.x.type.rank)
    affine = Affine(axis, scale.astype(np.float64), bias.astype(np.float64))
    if not all(_takes(user, op.x, affine) for user in op.x.uses):
        return None
    plain = replace(norm, scale=constant(np.ones_like(scale)), bias=constant(np.zeros_like(bias)))
    return with_affine_before(op, plain.result, affine)


def _without_scales(norm: Norm) -> Value:
    if isinstance(norm, nn.LayerNorm):
        return replace(norm, scale=None, bias=None).result
    return replace(norm, scale=None).result


def _with_scales_of(norm: Norm, layer: nn.Linear | nn.Conv, x: Value) -> Op | None:
    """The layer on ``x``, with the norm's scale and shift of its input features; None when there is nothing to fold."""
    affine = _affine_of_norm(norm)
    if affine is None or norm.axis != norm.x.type.rank - 1:
        return None
    return with_affine_before(layer, x, affine)


def _affine_of_norm(norm: Norm) -> Affine | None:
    """The constant scale and bias of a norm that has any; None when it has none, or computed ones."""
    parameters = (norm.scale, norm.bias if isinstance(norm, nn.LayerNorm) else None)
    given = [v for v in parameters if v is not None]
    if not given or any(constant_array(v) is None for v in given):
        return None
    scale, bias = (None if p is None else p.astype(np.float64) for p in map(constant_array, parameters))
    if scale is None:
        scale = np.ones_like(bias)
    return Affine(norm.axis, scale, np.zeros_like(scale) if bias is None else bias)


@RULES.on(nn.Conv)
def affine_into_conv_behind(op: nn.Conv) -> Op | None:
    """conv(x * c + d, w, b) -> conv(x, w * c, b + w · d) for numbers, or one a channel; d only without padding"""
    return _with_affine_of_operand(op)


@RULES.on(nn.ConvTranspose)
def factor_into_conv_transpose_behind(op: nn.ConvTranspose) -> Op | None:
    """conv_transpose(x * c, w) -> conv_transpose(x, w * c) for a number, or one an input channel"""
    return _with_affine_of_operand(op)


@RULES.on(nn.Linear)
def affine_into_linear_behind(op: nn.Linear) -> Op | None:
    """linear(x * c + d, w, b) -> linear(x, w * c, b + w · d) for numbers, or one an input feature"""
    return _with_affine_of_operand(op)


@RULES.on(math.Mul)
def factor_of_gate(op: math.Mul) -> Op | None:
    """x * sigmoid(x * c) -> silu(x * c) * (1 / c) between layers, which take both factors"""
    for x, gate in either_order(op):
        match gate:
            case Value(
                owner=nn.Sigmoid(x=Value(owner=math.Mul(x=source, y=y, activation=Activation.NONE) as scaled))
            ) if source is x and scaled.result.has_one_use and gate.has_one_use:
                factor = number(y)
            case _:
                continue
        if not factor or not np.isfinite(factor) or not _stands_between_layers(op, x):
            return None
        inverse = constant(np.array(1 / factor, x.type.dtype.numpy))
        return math.Mul(nn.Silu(scaled.result).result, inverse)
    return None


def _stands_between_layers(op: math.Mul, x: Value) -> bool:
    """Whether a layer makes ``x`` for the op and its gate alone, and layers alone take the op's result."""
    maker = x.owner
    if not isinstance(maker, Layer) or maker.activation is not Activation.NONE or len(x.users) > 2:
        return False
    if op.activation is not Activation.NONE or not op.result.is_used or not has_constant_weights(maker):
        return False
    return all(isinstance(u, Layer) and u.x is op.result and has_constant_weights(u) for u in op.result.uses)


def _with_affine_of_operand(layer: Layer) -> Op | None:
    """The layer with the batch norm, factor or summand before it in its weights, when all that use that are layers."""
    before = layer.x.owner
    affine = _plain_affine(before)
    if before is None or affine is None or not all(_takes(user, layer.x, affine) for user in layer.x.uses):
        return None
    if affine.has_offset and plain_layer(before.operands[0]) is not None:
        # It goes there: what lies between stays as small as the norm makes it.
        return None
    return with_affine_before(layer, before.operands[0], affine)


def _plain_affine(op: Op | None) -> Affine | None:
    is_activated = isinstance(op, math.ActivatedArithmetic) and op.activation is not Activation.NONE
    return None if op is None or is_activated else affine_of(op)


def _takes(user: Op, value: Value, affine: Affine) -> bool:
    if not isinstance(user, Layer) or user.x is not value or value in user.operands[1:]:
        return False
    is_along = affine.is_uniform or affine.axis == input_axis(user)
    return is_along and has_constant_weights(user) and not (affine.has_offset and not takes_offset(user))


@RULES.on(math.ReduceMean)
def mean_before_affine(op: math.ReduceMean) -> Op | None:
    """mean(x * c + d) -> mean(x) * c + d for c and d that do not vary along the axes of the mean"""
    before = op.x.owner if op.x.has_one_use else None
    affine = _plain_affine(before)
    if before is None or affine is None or (affine.axis in op.axes and not affine.is_uniform):
        return None
    mean = replace(op, x=before.operands[0]).result
    kept = [axis for axis in range(op.x.type.rank) if op.keep_dims or axis not in op.axes]
    match before:
        case nn.BatchNorm(axis=axis):
            return replace(before, x=mean, axis=kept.index(axis)) if axis in kept else None
        case math.Mul(y=y) | math.Div(y=y) | math.Add(y=y) | math.Sub(y=y):
            shape = [-1 if axis == affine.axis and not affine.is_uniform else 1 for axis in kept]
            constants = np.asarray(constant_array(y)).reshape(() if affine.is_uniform else shape)
            return replace(before, x=mean, y=constant(constants, y))
    return None


@RULES.on(math.Add)
def factor_behind_sum(op: math.Add) -> Op | None:
    """x * c + b -> (x + b / c) * c for numbers c and b, when only layers that take the factor stand behind"""
    scaled, shift = _scaled(op.x), number(op.y)
    is_plain = op.activation is Activation.NONE and op.x.type.shape == op.result.type.shape
    if scaled is None or shift is None or not is_plain or not op.result.type.dtype.is_float:
        return None
    x, factor = scaled
    user = next(iter(op.result.uses), None)
    if not op.result.has_one_use or not isinstance(user, Layer) or user.x is not op.result or not _takes_factor(user):
        return None
    if not SMALLEST_FACTOR <= abs(factor) <= 1 / SMALLEST_FACTOR:
        return None
    dtype = op.result.type.dtype.numpy
    moved = math.Add(x, constant(np.asarray(shift / factor, dtype))).result
    return math.Mul(moved, constant(np.asarray(factor, dtype)))


def _takes_factor(layer: Layer) -> bool:
    return isinstance(layer, nn.Conv | nn.Linear) and constant_array(layer.weight) is not None


# What factors that moved have met.
RULES.on(math.Mul)(power_of_two_into_factor)


@RULES.on(math.MatMul)
def factors_of_product(op: math.MatMul) -> Op | None:
    """matmul(x * c, y * d) -> matmul(x * (c * d), y) for numbers c and d"""
    left, right = _scaled(op.x), _scaled(op.y)
    # Products of integers wrap, and must not pass through floats.
    if left is None or right is None or not op.x.type.dtype.is_float:
        return None
    (x, c), (y, d) = left, right
    with np.errstate(over="ignore"):
        total = np.asarray(c * d).astype(op.x.type.dtype.numpy)
    if not np.isfinite(total) or not total:
        return None
    return replace(op, x=math.Mul(x, constant(total)).result, y=y)


def _scaled(value: Value) -> tuple[Value, float] | None:
    """x and c when ``value`` is x * c, and nothing else uses it."""
    return factored(value) if value.has_one_use else None
