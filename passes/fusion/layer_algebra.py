"""What layers with constant weights do to their channels: scales and shifts before them and behind them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir import Array, Op, Value
from ...opdef import replace
from ...ops import math, nn
from ...ops.enums import Activation
from ..patterns import constant, constant_array

Vector = NDArray[np.float64]
"""A number for every channel."""

Layer = nn.Conv | nn.ConvTranspose | nn.Linear


@dataclass(frozen=True)
class Affine:
    """``x * factor + offset``, both a number for every index of ``axis``, or one number for all of them."""

    axis: int
    factor: Vector
    offset: Vector

    @property
    def is_uniform(self) -> bool:
        """Whether it is the same for all channels."""
        return self.factor.size == 1

    @property
    def has_offset(self) -> bool:
        return bool(self.offset.any())

    def along(self, axis: int) -> "Affine":
        return Affine(axis, self.factor, self.offset)

    def for_channels(self, count: int) -> "Affine":
        """The same with a number for each of ``count`` channels."""
        return Affine(self.axis, np.broadcast_to(self.factor, (count,)), np.broadcast_to(self.offset, (count,)))


def affine_of(op: Op) -> Affine | None:
    """What a batch norm, a negation or arithmetic with a constant does to its first operand.

    None when the constants vary along more than one axis, or when it is no such op, not of floats, not finite.
    """
    match op:
        case nn.BatchNorm():
            found = _affine_of_batch_norm(op)
        case math.Neg(x=x) if x.type.dtype.is_float:
            found = Affine(0, np.array([-1.0]), np.array([0.0]))
        case math.Mul() | math.Div() | math.Add() | math.Sub():
            found = _affine_of_arithmetic(op)
        case _:
            return None
    if found is None or not (np.isfinite(found.factor).all() and np.isfinite(found.offset).all()):
        return None
    return found


def _affine_of_batch_norm(op: nn.BatchNorm) -> Affine | None:
    parameters = [constant_array(v) for v in (op.scale, op.bias, op.mean, op.variance)]
    scale, bias, mean, variance = (None if p is None else p.astype(np.float64) for p in parameters)
    if scale is None or bias is None or mean is None or variance is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = scale / np.sqrt(variance + op.epsilon)
    return Affine(op.axis, factor, bias - mean * factor)


def _affine_of_arithmetic(op: math.Mul | math.Div | math.Add | math.Sub) -> Affine | None:
    """Of the arithmetic without its activation."""
    array = constant_array(op.y)
    if array is None or not op.x.type.dtype.is_float or op.x.type.shape != op.result.type.shape:
        return None
    lead = op.x.type.rank - array.ndim
    wide_axes = [axis for axis, size in enumerate(array.shape) if size != 1]
    if len(wide_axes) > 1:
        return None
    axis = lead + wide_axes[0] if wide_axes else 0
    numbers = array.astype(np.float64).reshape(-1)
    ones, zeros = np.ones_like(numbers), np.zeros_like(numbers)
    match op:
        case math.Mul():
            return Affine(axis, numbers, zeros)
        case math.Div():
            with np.errstate(divide="ignore", over="ignore"):
                return Affine(axis, 1 / numbers, zeros)
        case math.Add():
            return Affine(axis, ones, numbers)
    return Affine(axis, ones, -numbers)


def plain_layer(value: Value) -> Layer | None:
    """The layer behind ``value`` when its weights are constant floats, nothing else uses what it computes, and no
    activation stands in it."""
    layer = value.owner
    if not isinstance(layer, Layer) or not value.has_one_use or layer.activation is not Activation.NONE:
        return None
    return layer if has_constant_weights(layer) else None


def has_constant_weights(layer: Layer) -> bool:
    """Whether weight and bias are constant floats, not compressed ones."""
    if constant_array(layer.weight) is None or not layer.x.type.dtype.is_float:
        return False
    return layer.bias is None or constant_array(layer.bias) is not None


def input_axis(layer: Layer) -> int:
    """The axis of the layer's input whose elements its weights combine."""
    rank = layer.x.type.rank
    return rank - 1 if isinstance(layer, nn.Linear) else layer.layout.channel_axis(rank)


def output_axis(layer: Layer) -> int:
    """The axis of the layer's result with the elements that its weights make."""
    rank = layer.result.type.rank
    return rank - 1 if isinstance(layer, nn.Linear) else layer.layout.channel_axis(rank)


def output_channels(layer: Layer) -> int:
    weight = layer.weight.type.static_shape
    return weight[1] * layer.groups if isinstance(layer, nn.ConvTranspose) else weight[0]


def with_affine_behind(layer: Layer, affine: Affine, activation: Activation = Activation.NONE) -> Layer | None:
    """The layer that computes what ``layer`` does, then ``affine`` along its output channels, then ``activation``.

    None when its numbers, which are constant, would overflow.
    """
    weight, bias = constant_array(layer.weight), constant_array(layer.bias)
    wide = affine.for_channels(output_channels(layer))
    assert weight is not None
    scaled = _outputs_scaled(layer, weight, wide.factor) if (affine.factor != 1).any() else None
    total = wide.offset if bias is None else bias.astype(np.float64) * wide.factor + wide.offset
    has_bias = layer.bias is not None or affine.has_offset
    return _with_numbers(layer, layer.x, scaled, total if has_bias else None, activation)


def _with_numbers(
    layer: Layer, x: Value, weight: Array | None, bias: Array | None, activation: Activation
) -> Layer | None:
    """The layer on ``x`` with other numbers where any are given; None when some are too large for its dtype."""
    with np.errstate(over="ignore"):
        shift = None if bias is None else bias.astype(layer.x.type.dtype.numpy)
    if any(numbers is not None and not np.isfinite(numbers).all() for numbers in (weight, shift)):
        return None
    new_weight = layer.weight if weight is None else constant(weight, layer.weight)
    new_bias = layer.bias if shift is None else constant(shift, layer.bias)
    return replace(layer, x=x, weight=new_weight, bias=new_bias, activation=activation)


@np.errstate(over="ignore", invalid="ignore")
def _outputs_scaled(layer: Layer, weight: Array, factor: Vector) -> Array:
    if not isinstance(layer, nn.ConvTranspose):
        # One pass over the weight, in its own dtype.
        return np.asarray(weight * factor.astype(weight.dtype).reshape(-1, *[1] * (weight.ndim - 1)))
    # [C, O / groups, *K]: the input channels of group g meet its output channels only.
    groups = layer.groups
    grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    factors = factor.astype(weight.dtype).reshape(groups, 1, weight.shape[1], *[1] * (weight.ndim - 2))
    return np.asarray(grouped * factors).reshape(weight.shape)


def with_affine_before(layer: Layer, x: Value, affine: Affine) -> Layer | None:
    """The layer on ``x`` that computes what ``layer`` does on ``affine`` of x along its input channels.

    None when the offset meets padding, which it is not added to, or when its numbers, which are constant, would
    overflow.
    """
    weight, bias = constant_array(layer.weight), constant_array(layer.bias)
    assert weight is not None
    if affine.has_offset and not takes_offset(layer):
        return None
    groups = 1 if isinstance(layer, nn.Linear) else layer.groups
    channels = weight.shape[0] if isinstance(layer, nn.ConvTranspose) else weight.shape[1] * groups
    wide = affine.for_channels(channels)
    scaled = _inputs_scaled(layer, weight, wide.factor)
    total: Array | None = None
    if affine.has_offset:
        # In double precision: it is a sum over all channels.
        rows = weight.astype(np.float64).reshape(groups, weight.shape[0] // groups, weight.shape[1], -1).sum(axis=3)
        shift = np.einsum("goc,gc->go", rows, wide.offset.reshape(groups, -1)).reshape(-1)
        total = shift if bias is None else bias.astype(np.float64) + shift
    return _with_numbers(layer, x, scaled, total, layer.activation)


def is_pointwise(conv: nn.Conv) -> bool:
    """Whether every element of the result comes from one position of x, and every position gives some."""
    has_small_kernel = all(k == 1 for k in conv.weight.type.shape[2:])
    return has_small_kernel and all(s == 1 for s in conv.strides) and all(p == 0 for p in conv.padding)


def takes_offset(layer: Layer) -> bool:
    """Whether a shift of the layer's input is a shift of its result: no border is without it."""
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv) and all(p == 0 for p in layer.padding))


@np.errstate(over="ignore", invalid="ignore")
def _inputs_scaled(layer: Layer, weight: Array, factor: Vector) -> Array:
    factor = factor.astype(weight.dtype)
    if isinstance(layer, nn.ConvTranspose):
        return np.asarray(weight * factor.reshape(-1, *[1] * (weight.ndim - 1)))
    # [O, C / groups, *kernel]: the outputs of group g see its channels only.
    groups = 1 if isinstance(layer, nn.Linear) else layer.groups
    grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    factors = factor.reshape(groups, 1, weight.shape[1], *[1] * (weight.ndim - 2))
    return np.asarray(grouped * factors).reshape(weight.shape)
