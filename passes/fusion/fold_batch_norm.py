"""fold-batch-norm: scales and shifts of channels become part of the weights before them.

``(w · x + b) * s + t = (s * w) · x + (s * b + t)`` for every output channel of a convolution or a linear layer.
"""

import numpy as np
from numpy.typing import NDArray

from ...ir import Array, Module, Op, Value
from ...opdef import replace
from ...ops import math, nn
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from ..patterns import constant, constant_array

RULES = RuleSet()
Vector = NDArray[np.float64]
"""A number for every output channel."""


@module_pass()
def fold_batch_norm(module: Module) -> bool:
    """Folds batch norms, and scales and shifts by a constant per channel, into the constant weights before them."""
    return apply_rules(module, RULES)


@RULES.on(nn.BatchNorm)
def batch_norm_into_weights(op: nn.BatchNorm) -> Op | None:
    """batch_norm(conv(x)) -> conv(x) with other weights; likewise for transposed convolutions and linear layers"""
    layer = _foldable(op.x)
    parameters = [constant_array(v) for v in (op.scale, op.bias, op.mean, op.variance)]
    if layer is None or op.axis != _channel_axis(layer):
        return None
    scale, bias, mean, variance = (None if p is None else p.astype(np.float64) for p in parameters)
    if scale is None or bias is None or mean is None or variance is None:
        return None
    factor = scale / np.sqrt(variance + op.epsilon)
    return _scaled(layer, factor, bias - mean * factor)


@RULES.on(math.Mul)
def factor_into_weights(op: math.Mul) -> Op | None:
    """conv(x) * c -> conv(x) with other weights, for a number or one a channel; likewise for the other layers"""
    layer = _foldable(op.x)
    factor = None if layer is None else _per_channel(op.y, layer)
    if layer is None or factor is None or not np.isfinite(factor).all():
        return None
    return _scaled(layer, factor, np.zeros_like(factor), op.activation)


@RULES.on(math.Div)
def divisor_into_weights(op: math.Div) -> Op | None:
    """conv(x) / c -> conv(x) with other weights, for a number or one a channel; likewise for the other layers"""
    layer = _foldable(op.x)
    divisor = None if layer is None else _per_channel(op.y, layer)
    if layer is None or divisor is None or not np.isfinite(divisor).all() or not divisor.all():
        return None
    return _scaled(layer, 1 / divisor, np.zeros_like(divisor), op.activation)


@RULES.on(math.Add)
def summand_into_bias(op: math.Add) -> Op | None:
    """conv(x) + c -> conv(x) with another bias, for a number or one a channel; likewise for the other layers"""
    layer = _foldable(op.x)
    summand = None if layer is None else _per_channel(op.y, layer)
    if layer is None or summand is None or not np.isfinite(summand).all():
        return None
    return replace(layer, bias=_new_bias(layer, np.ones_like(summand), summand), activation=op.activation)


@RULES.on(math.Neg)
def negation_into_weights(op: math.Neg) -> Op | None:
    """-conv(x) -> conv(x) with the weights negated; likewise for the other layers"""
    layer = _foldable(op.x)
    if layer is None:
        return None
    factor = np.full(_channels(layer), -1.0)
    return _scaled(layer, factor, np.zeros_like(factor))


Layer = nn.Conv | nn.ConvTranspose | nn.Linear


def _foldable(value: Value) -> Layer | None:
    """The layer behind ``value`` when its weights are constant floats and nothing else uses what it computes."""
    layer = value.owner
    if not isinstance(layer, Layer) or not value.has_one_use or layer.activation is not Activation.NONE:
        return None
    if constant_array(layer.weight) is None or not layer.x.type.dtype.is_float:
        return None
    return layer if layer.bias is None or constant_array(layer.bias) is not None else None


def _channel_axis(layer: Layer) -> int:
    rank = layer.result.type.rank
    return rank - 1 if isinstance(layer, nn.Linear) else layer.layout.channel_axis(rank)


def _channels(layer: Layer) -> int:
    weight = layer.weight.type.static_shape
    return weight[1] * layer.groups if isinstance(layer, nn.ConvTranspose) else weight[0]


def _per_channel(value: Value, layer: Layer) -> Vector | None:
    """The elements of a constant that broadcasts along the layer's channel axis only, one a channel."""
    array, rank = constant_array(value), layer.result.type.rank
    if array is None or array.ndim > rank:
        return None
    channels, axis = _channels(layer), _channel_axis(layer)
    expected = [1] * rank
    expected[axis] = channels
    shape = [1] * (rank - array.ndim) + list(array.shape)
    if array.size != 1 and shape != expected:
        return None
    return np.broadcast_to(array.astype(np.float64).reshape(-1), (channels,))


def _scaled(layer: Layer, factor: Vector, offset: Vector, activation: Activation = Activation.NONE) -> Op:
    """The layer whose result is ``factor`` times that of ``layer`` plus ``offset``, both one a channel."""
    weight = constant_array(layer.weight)
    assert weight is not None
    scaled = constant(_scaled_weight(layer, weight, factor), layer.weight)
    return replace(layer, weight=scaled, bias=_new_bias(layer, factor, offset), activation=activation)


def _scaled_weight(layer: Layer, weight: Array, factor: Vector) -> Array:
    if not isinstance(layer, nn.ConvTranspose):
        # One pass over the weight, in its own dtype.
        return np.asarray(weight * factor.astype(weight.dtype).reshape(-1, *[1] * (weight.ndim - 1)))
    # [C, O / groups, *K]: the input channels of group g meet its output channels only.
    groups = layer.groups
    grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    factors = factor.astype(weight.dtype).reshape(groups, 1, weight.shape[1], *[1] * (weight.ndim - 2))
    return np.asarray(grouped * factors).reshape(weight.shape)


def _new_bias(layer: Layer, factor: Vector, offset: Vector) -> Value:
    bias = constant_array(layer.bias)
    total = offset if bias is None else bias.astype(np.float64) * factor + offset
    dtype: DType = layer.x.type.dtype
    return constant(total.astype(dtype.numpy), layer.bias)
