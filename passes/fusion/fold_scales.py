"""fold-scales: factors move to where a weight can take them.

Those of a norm go into the layers behind it, and numbers travel back to the layer that makes what they multiply:
from there ``fold-batch-norm`` takes them.
"""

import numpy as np

from ...ir import Array, Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import constant, constant_array, number

RULES = RuleSet()

SMALLEST_FACTOR = 1e-3
"""Sums are divided by factors down to this: what they are added to keeps its last bits."""

Norm = nn.LayerNorm | nn.RmsNorm
Layer = nn.Conv | nn.ConvTranspose | nn.Linear


@module_pass()
def fold_scales(module: Module) -> bool:
    """Folds scales and shifts of norms into the layers behind them, and moves factors to the layers before them."""
    return apply_rules(module, RULES)


@RULES.on(nn.Linear)
def norm_into_linear(op: nn.Linear) -> Op | None:
    """linear(layer_norm(x, s, b), w, c) -> linear(layer_norm(x), w * s, c + w · b), when all that use it are linear"""
    norm = op.x.owner
    if not isinstance(norm, Norm) or not all(isinstance(u, nn.Linear) and _takes_scales(u) for u in op.x.uses):
        return None
    return _with_scales_of(norm, op, _without_scales(norm))


@RULES.on(nn.Conv)
def norm_into_conv(op: nn.Conv) -> Op | None:
    """conv(transpose(layer_norm(x, s, b)), w, c) -> conv(transpose(layer_norm(x)), w * s, c + w · b), not padded"""
    match op.x.owner:
        case tensor.Transpose(x=Value(owner=norm, has_one_use=True)) as move if op.x.has_one_use:
            channel_axis = move.permutation[op.layout.channel_axis(op.x.type.rank)]
        case _:
            return None
    if not isinstance(norm, Norm) or channel_axis != norm.axis or op.groups != 1 or not _takes_scales(op):
        return None
    return _with_scales_of(norm, op, replace(move, x=_without_scales(norm)).result)


def _takes_scales(layer: nn.Linear | nn.Conv) -> bool:
    has_padding = isinstance(layer, nn.Conv) and any(p != 0 for p in layer.padding)
    return not has_padding and constant_array(layer.weight) is not None and _is_known(layer.bias)


def _is_known(value: Value | None) -> bool:
    return value is None or constant_array(value) is not None


def _without_scales(norm: Norm) -> Value:
    if isinstance(norm, nn.LayerNorm):
        return replace(norm, scale=None, bias=None).result
    return replace(norm, scale=None).result


def _with_scales_of(norm: Norm, layer: nn.Linear | nn.Conv, x: Value) -> Op | None:
    """The layer on ``x``, with the norm's scale and shift of its input features; None when there is nothing to fold."""
    weight, offset, parameters = constant_array(layer.weight), constant_array(layer.bias), _parameters(norm)
    if weight is None or parameters is None or norm.axis != norm.x.type.rank - 1:
        return None
    scale, bias = parameters
    # [out, in, *kernel]
    along_inputs = (-1, *(1,) * (weight.ndim - 2))
    scaled = weight if scale is None else np.asarray(weight * scale.reshape(along_inputs))
    if bias is not None:
        # In double precision: it is a sum over all features.
        shift = (weight.astype(np.float64) * bias.reshape(along_inputs)).reshape(weight.shape[0], -1).sum(axis=1)
        offset = (shift if offset is None else shift + offset).astype(weight.dtype)
    new_bias = None if offset is None else constant(offset, layer.bias)
    return replace(layer, x=x, weight=constant(scaled, layer.weight), bias=new_bias)


def _parameters(norm: Norm) -> tuple[Array | None, Array | None] | None:
    """The constant scale and bias of a norm that has any; None when it has none, or computed ones."""
    scale, bias = norm.scale, norm.bias if isinstance(norm, nn.LayerNorm) else None
    if (scale is None and bias is None) or not _is_known(scale) or not _is_known(bias):
        return None
    return constant_array(scale), constant_array(bias)


@RULES.on(math.Mul)
def factor_before_movement(op: math.Mul) -> Op | None:
    """transpose(x) * c -> transpose(x * c) for a number c, when a layer stands before; reshape likewise"""
    move = op.x.owner
    if number(op.y) is None or op.activation is not Activation.NONE or op.result.type.rank != op.x.type.rank:
        return None
    if not isinstance(move, tensor.Reshape | tensor.Transpose) or not op.x.has_one_use:
        return None
    layer = _origin(move.x)
    if not isinstance(layer, Layer) or layer.activation is not Activation.NONE or constant_array(layer.weight) is None:
        return None
    factor = constant(np.asarray(constant_array(op.y)).reshape(()), op.y)
    return replace(move, x=math.Mul(move.x, factor).result)


def _origin(value: Value) -> Op | None:
    """What made the elements of ``value``, behind ops that only move them; None when something else uses them."""
    while value.has_one_use and isinstance(value.owner, tensor.Reshape | tensor.Transpose):
        value = value.owner.x
    return value.owner if value.has_one_use else None


@RULES.on(nn.Conv)
def factor_into_conv_behind(op: nn.Conv) -> Op | None:
    """conv(x * c, w) -> conv(x, w * c) for a number, or one an input channel"""
    scaled = _factor_of(op.x, op.layout.channel_axis(op.x.type.rank))
    weight = constant_array(op.weight)
    if scaled is None or weight is None:
        return None
    x, factors = scaled
    # [O, C / groups, *kernel]: the outputs of group g see its channels only.
    outputs, channels, *kernel = weight.shape
    per_channel = np.broadcast_to(factors, (op.groups * channels,)).reshape(op.groups, 1, channels, *[1] * len(kernel))
    grouped = weight.reshape(op.groups, outputs // op.groups, channels, *kernel)
    return replace(op, x=x, weight=constant(np.asarray(grouped * per_channel).reshape(weight.shape), op.weight))


@RULES.on(nn.Linear)
def factor_into_linear_behind(op: nn.Linear) -> Op | None:
    """linear(x * c, w) -> linear(x, w * c) for a number, or one an input feature"""
    scaled = _factor_of(op.x, op.x.type.rank - 1)
    weight = constant_array(op.weight)
    if scaled is None or weight is None:
        return None
    x, factors = scaled
    return replace(op, x=x, weight=constant(np.asarray(weight * factors), op.weight))


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


def _factor_of(value: Value, axis: int) -> tuple[Value, Array] | None:
    """x and c when ``value`` is x * c, of floats, c a number or a vector along ``axis``."""
    match value:
        case Value(owner=math.Mul(x=x, y=y, activation=Activation.NONE), has_one_use=True):
            factors, rank = constant_array(y), value.type.rank
            if factors is None or x.type.shape != value.type.shape or not x.type.dtype.is_float:
                return None
            shape = (1,) * (rank - factors.ndim) + factors.shape
            is_along = all(d == 1 for i, d in enumerate(shape) if i != axis)
            return (x, factors.reshape(-1)) if is_along and np.isfinite(factors).all() else None
    return None


@RULES.on(math.Mul)
def power_of_two_into_factor(op: math.Mul) -> Op | None:
    """(x * c) * d -> x * (c * d) where one of the two is a power of two: nothing is rounded"""
    match op.x:
        case Value(owner=math.Mul(x=x, y=inner, activation=Activation.NONE), has_one_use=True):
            c, d = constant_array(inner), constant_array(op.y)
            if c is None or d is None or not x.type.dtype.is_float or x.type.shape != op.result.type.shape:
                return None
            if not _is_power_of_two(c) and not _is_power_of_two(d):
                return None
            return replace(op, x=x, y=constant(np.asarray(c * d)))
    return None


def _is_power_of_two(array: Array) -> bool:
    return array.size == 1 and abs(np.frexp(array.astype(np.float64).item())[0]) == 0.5


@RULES.on(math.MatMul)
def factors_of_product(op: math.MatMul) -> Op | None:
    """matmul(x * c, y * d) -> matmul(x * (c * d), y) for numbers c and d"""
    left, right = _scaled(op.x), _scaled(op.y)
    # Products of integers wrap, and must not pass through floats.
    if left is None or right is None or not op.x.type.dtype.is_float:
        return None
    (x, c), (y, d) = left, right
    total = constant(np.asarray(c * d).astype(op.x.type.dtype.numpy))
    return replace(op, x=math.Mul(x, total).result, y=y)


def _scaled(value: Value) -> tuple[Value, float] | None:
    """x and c when ``value`` is x * c."""
    match value:
        case Value(owner=math.Mul(x=x, y=y, activation=Activation.NONE), has_one_use=True):
            factor = number(y)
            if factor is not None and x.type.shape == value.type.shape:
                return x, float(factor)
    return None
