"""Layers whose output and input channels can be scaled: their weights as [groups, outputs, inputs, kernel]."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...ir import Array, Op, Value
from ...ops import nn
from ...types import DType
from ..patterns import constant, constant_array

Layer = nn.Conv | nn.ConvTranspose | nn.Linear
Vector = NDArray[np.float64]


def is_scalable(op: Op | None) -> bool:
    """Whether an op is a layer of finite f32 constants that no other op uses."""
    if not isinstance(op, Layer) or op.x.type.dtype is not DType.F32:
        return False
    arrays = [constant_array(v) for v in (op.weight, op.bias) if v is not None]
    if not op.weight.has_one_use:
        return False
    return all(array is not None and array.size > 0 and np.isfinite(array).all() for array in arrays)


def output_axis(layer: Layer) -> int:
    """The axis of the result along which the output channels lie."""
    rank = layer.results[0].type.rank
    return rank - 1 if isinstance(layer, nn.Linear) else layer.layout.channel_axis(rank)


def input_axis(layer: Layer) -> int:
    """The axis of ``x`` along which the input channels lie."""
    rank = layer.x.type.rank
    return rank - 1 if isinstance(layer, nn.Linear) else layer.layout.channel_axis(rank)


def grouped(layer: Layer, weight: Array) -> Array:
    """The weight as [groups, outputs of a group, inputs of a group, kernel elements]."""
    if isinstance(layer, nn.Linear):
        return weight.reshape(1, *weight.shape, 1)
    first, second = weight.shape[0] // layer.groups, weight.shape[1]
    whole = weight.reshape(layer.groups, first, second, -1)
    return whole.swapaxes(1, 2) if isinstance(layer, nn.ConvTranspose) else whole


def ungrouped(layer: Layer, weight: Array) -> Array:
    """The inverse of ``grouped``."""
    whole = weight.swapaxes(1, 2) if isinstance(layer, nn.ConvTranspose) else weight
    return np.ascontiguousarray(whole).reshape(layer.weight.type.static_shape)


def output_magnitudes(weight: Array) -> Vector:
    """The largest magnitude among the weights of each output channel, of a grouped weight; f64[outputs]."""
    return np.asarray(np.abs(weight).max(axis=(2, 3)), np.float64).reshape(-1)


def input_magnitudes(weight: Array) -> Vector:
    """The largest magnitude among the weights of each input channel, of a grouped weight; f64[inputs]."""
    return np.asarray(np.abs(weight).max(axis=(1, 3)), np.float64).reshape(-1)


def scale_outputs(layer: Layer, factors: Vector) -> None:
    """Makes the layer compute ``factors`` times what it did, one a channel; f64[outputs]."""
    per_output = factors.reshape(layer.groups if not isinstance(layer, nn.Linear) else 1, -1, 1, 1)
    _change(layer, layer.weight, lambda w: ungrouped(layer, grouped(layer, w) * per_output))
    if layer.bias is not None:
        _change(layer, layer.bias, lambda b: b * factors)


def scale_inputs(layer: Layer, factors: Vector) -> None:
    """Makes the layer compute the same of inputs that are divided by ``factors``, one a channel; f64[inputs]."""
    per_input = factors.reshape(layer.groups if not isinstance(layer, nn.Linear) else 1, 1, -1, 1)
    _change(layer, layer.weight, lambda w: ungrouped(layer, grouped(layer, w) * per_input))


def _change(layer: Layer, operand: Value, change: Callable[[Array], Array]) -> None:
    array = constant_array(operand)
    assert array is not None and layer.function is not None
    # In double precision: each element is rounded once.
    changed = constant(np.asarray(change(array.astype(np.float64))).astype(array.dtype), operand)
    assert changed.owner is not None
    changed.name, operand.name = operand.name, ""
    layer.function.ops.insert_before(layer, changed.owner)
    layer.replace_operand(operand, changed)
    if operand.owner is not None and not operand.is_used:
        operand.owner.erase()


__all__ = [
    "Layer",
    "Vector",
    "grouped",
    "input_axis",
    "input_magnitudes",
    "is_scalable",
    "output_axis",
    "output_magnitudes",
    "scale_inputs",
    "scale_outputs",
]
