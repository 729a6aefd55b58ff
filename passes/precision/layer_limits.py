"""Limits of what layers, norms and activations compute, from those of what they take.

A sum of products lies within the L1 norm of its weights times the largest magnitude of what they multiply; a
standardized element within the square root of how many are standardized together, whatever they are.
"""

from collections.abc import Callable, Mapping
from math import inf, isinf, prod, sqrt

import numpy as np

from ...ir import Array, Op, Value
from ...ops import math, nn, tensor
from ...ops.enums import Activation, Layout
from ..patterns import constant_array

Limits = tuple[float, float]
Find = Callable[[Op, list[Limits]], Limits]
ANY: Limits = (-inf, inf)

_LEAST_OF: Mapping[type[Op], float] = {nn.Gelu: -0.2, nn.Silu: -0.2785, nn.Mish: -0.3089, nn.HardSwish: -0.375}
"""A little below the minimum of each of these functions, all of which lie below max(x, 0)."""


def product(a: float, b: float) -> float:
    """Nothing times infinity is nothing here: the bound is infinite, not the number."""
    return a * b if a and b else 0.0


def activated(activation: Activation, found: Limits) -> Limits:
    """The limits behind a fused activation."""
    low, high = (float(math.activate(np.asarray(bound), activation)) for bound in found)
    return low, high


def _magnitude(limits: Limits) -> float:
    return max(-limits[0], limits[1])


def _layer(op: Op, operands: list[Limits]) -> Limits:
    """Convolutions and linear layers with constant weights, exact to the sign of each weight."""
    assert isinstance(op, nn.Conv | nn.Linear)
    low, high = operands[0]
    if isinf(low) and isinf(high):
        return activated(op.activation, ANY)
    if isinstance(op, nn.Conv):
        # Padding is zeros.
        low, high = min(low, 0.0), max(high, 0.0)
    weight, bias = constant_array(op.weight), _bias(op.bias)
    if weight is None or bias is None:
        return activated(op.activation, ANY)
    rows = weight.reshape(weight.shape[0], -1)
    above = np.maximum(rows, 0).sum(1, dtype=np.float64)
    below = np.minimum(rows, 0).sum(1, dtype=np.float64)
    tops = [product(a, high) + product(b, low) for a, b in zip(above, below, strict=True)] + bias
    bottoms = [product(a, low) + product(b, high) for a, b in zip(above, below, strict=True)] + bias
    return activated(op.activation, _spread(np.asarray(bottoms), np.asarray(tops)))


def _transposed_layer(op: Op, operands: list[Limits]) -> Limits:
    """Every weight that leads to a channel, although one position gets the products of some only."""
    assert isinstance(op, nn.ConvTranspose)
    weight, bias, largest = constant_array(op.weight), _bias(op.bias), _magnitude(operands[0])
    if weight is None or bias is None or isinf(largest):
        return activated(op.activation, ANY)
    grouped = np.abs(weight).reshape(op.groups, -1, *weight.shape[1:])
    norms = grouped.sum((1, *range(3, grouped.ndim)), dtype=np.float64).reshape(-1)
    return activated(op.activation, _spread(bias - norms * largest, bias + norms * largest))


def _bias(value: Value | None) -> Array | None:
    """The numbers that are added, one or one a channel; None when they are not known."""
    return np.zeros(1) if value is None else constant_array(value)


def _spread(bottoms: Array, tops: Array) -> Limits:
    return (float(bottoms.min()), float(tops.max())) if tops.size else (0.0, 0.0)


def _matrix_product(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.MatMul)
    summed = op.x.type.shape[-2 if op.transpose_x else -1]
    if not isinstance(summed, int):
        return ANY
    corners = [product(a, b) for a in operands[0] for b in operands[1]]
    return product(min(corners), summed), product(max(corners), summed)


def _attention(op: Op, operands: list[Limits]) -> Limits:
    """Every result is a mean of values, weighted; of rows that are masked altogether some runtimes make zeros."""
    low, high = operands[2]
    return min(low, 0.0), max(high, 0.0)


def _standardized(count: float, scale: Value | None, bias: Value | None) -> Limits:
    """What lies ``sqrt(count)`` from zero at most, after scale and bias."""
    scales, biases = (np.ones(1) if scale is None else constant_array(scale)), _bias(bias)
    if scales is None or biases is None or isinf(count) or not scales.size or not biases.size:
        return ANY
    reach = sqrt(count) * float(np.abs(scales).max())
    return float(biases.min()) - reach, float(biases.max()) + reach


def _count(op: Op, axes: range) -> float:
    sizes = [op.operands[0].type.shape[a] for a in axes]
    return prod(d if isinstance(d, int) else inf for d in sizes)


def _layer_norm(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, nn.LayerNorm)
    return _standardized(_count(op, range(op.axis, op.x.type.rank)), op.scale, op.bias)


def _rms_norm(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, nn.RmsNorm)
    return _standardized(_count(op, range(op.axis, op.x.type.rank)), op.scale, None)


def _channel_norm(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, nn.InstanceNorm | nn.GroupNorm)
    is_first = op.layout is Layout.NCHW
    count = _count(op, range(2, op.x.type.rank) if is_first else range(1, op.x.type.rank - 1))
    if isinstance(op, nn.GroupNorm):
        channels = op.x.type.shape[1 if is_first else -1]
        count *= (channels if isinstance(channels, int) else inf) / op.groups
    return _standardized(count, op.scale, op.bias)


def _batch_norm(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, nn.BatchNorm)
    arrays = [constant_array(v) for v in (op.scale, op.bias, op.mean, op.variance)]
    known = [a.astype(np.float64) for a in arrays if a is not None]
    if len(known) < len(arrays):
        return ANY
    scale, bias, mean, variance = known
    slope = scale / np.sqrt(variance + op.epsilon)
    ends = np.stack([[product(float(s), bound) for s in slope] + bias - slope * mean for bound in operands[0]])
    return _spread(ends.min(0), ends.max(0))


def _rectified(op: Op, operands: list[Limits]) -> Limits:
    low, high = operands[0]
    least = _LEAST_OF[type(op)]
    return (0.0 if low >= 0 else least), max(high, 0.0)


def _leaky(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, nn.LeakyRelu)
    ends = [bound if bound >= 0 else product(op.alpha, bound) for bound in operands[0]]
    return min(*ends, 0.0), max(*ends, 0.0)


def _exponential(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, nn.Elu | nn.Celu)
    return -abs(op.alpha), max(operands[0][1], abs(op.alpha) if op.alpha < 0 else 0.0)


def _softplus(op: Op, operands: list[Limits]) -> Limits:
    # log(1 + exp(x)) is at most log(2) above max(x, 0).
    return 0.0, max(operands[0][1], 0.0) + 0.7


def _scattered(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, tensor.ScatterElements | tensor.ScatterNd)
    if op.reduction.value != "none":
        return ANY
    return min(operands[0][0], operands[2][0]), max(operands[0][1], operands[2][1])


LAYERS: Mapping[type[Op], Find] = {
    **dict.fromkeys((nn.Conv, nn.Linear), _layer),
    nn.ConvTranspose: _transposed_layer,
    math.MatMul: _matrix_product,
    nn.Attention: _attention,
    nn.LayerNorm: _layer_norm,
    nn.RmsNorm: _rms_norm,
    **dict.fromkeys((nn.InstanceNorm, nn.GroupNorm), _channel_norm),
    nn.BatchNorm: _batch_norm,
    **dict.fromkeys(_LEAST_OF, _rectified),
    nn.LeakyRelu: _leaky,
    **dict.fromkeys((nn.Elu, nn.Celu), _exponential),
    nn.Softplus: _softplus,
    **dict.fromkeys((tensor.ScatterElements, tensor.ScatterNd), _scattered),
}
