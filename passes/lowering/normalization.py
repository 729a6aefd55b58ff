"""Normalizations as means and elementwise arithmetic.

Variances are means of squared distances from the mean, never differences of large squares.
"""

from collections.abc import Sequence

from ...dims import product
from ...ir import Op, Value
from ...ops import math, nn
from ...ops.enums import Layout
from ...rewriter import RuleSet
from ...types import Shape
from ..patterns import constant_array
from .building import folded, folded_reshape, pad_axes, scalar, slice_axes

RULES = RuleSet()


@RULES.on(nn.BatchNorm)
def batch_norm_to_mul_add(op: nn.BatchNorm) -> Op:
    """batch_norm(x) -> x * f + (bias - mean * f) with f = scale / sqrt(variance + epsilon)"""
    factor = folded(math.Mul(op.scale, _inverse_root(op.variance, op.epsilon)))
    offset = folded(math.Sub(op.bias, folded(math.Mul(op.mean, factor))))
    rank = op.x.type.rank
    return math.Add(
        math.Mul(op.x, _along(factor, op.axis, rank)).result,
        _along(offset, op.axis, rank),
    )


@RULES.on(nn.LayerNorm)
def layer_norm_to_means(op: nn.LayerNorm) -> Value:
    """layer_norm(x) -> (x - m) * rsqrt(mean((x - m)^2) + epsilon) * scale + bias with m = mean(x)"""
    y = _standardized(op.x, range(op.axis, op.x.type.rank), op.epsilon)
    return affine(y, op.scale, op.bias)


@RULES.on(nn.RmsNorm)
def rms_norm_to_mean(op: nn.RmsNorm) -> Value:
    """rms_norm(x) -> x * rsqrt(mean(x^2) + epsilon) * scale"""
    square = _mean_of_square(op.x, range(op.axis, op.x.type.rank))
    return affine(math.Mul(op.x, _inverse_root(square, op.epsilon)).result, op.scale, None)


@RULES.on(nn.InstanceNorm)
def instance_norm_to_means(op: nn.InstanceNorm) -> Value:
    """instance_norm(x) -> (x - m) * (rsqrt(mean((x - m)^2) + epsilon) * scale) + bias with m = mean(x) over space"""
    rank = op.x.type.rank
    axis = op.layout.channel_axis(rank)
    return _scaled_standard(
        op.x, op.layout.spatial_axes(rank), op.epsilon, _along(op.scale, axis, rank), _along(op.bias, axis, rank)
    )


@RULES.on(nn.GroupNorm)
def group_norm_to_means(op: nn.GroupNorm) -> Value:
    """group_norm(x) -> reshape(instance_norm(reshape(x)) * scale + bias), a group of channels being an instance"""
    shape = op.x.type.shape
    if op.groups == 1:
        axis = op.layout.channel_axis(len(shape))
        scale, bias = (_along(p, axis, len(shape)) for p in (op.scale, op.bias))
        return _scaled_standard(op.x, range(1, len(shape)), op.epsilon, scale, bias)
    each = op.channels // op.groups
    spatial: Shape = tuple(shape[axis] for axis in op.layout.spatial_axes(len(shape)))
    grouped: Shape = (shape[0], op.groups, each, product(spatial))
    parameters: Shape = (op.groups, each, 1)
    axes: tuple[int, ...] = (2, 3)
    if op.layout is Layout.NHWC:
        grouped, parameters = (shape[0], *spatial, op.groups, each), (op.groups, each)
        axes = (*range(1, len(spatial) + 1), len(spatial) + 2)
    x = folded_reshape(op.x, grouped)
    scale, bias = folded_reshape(op.scale, parameters), folded_reshape(op.bias, parameters)
    return folded_reshape(_scaled_standard(x, axes, op.epsilon, scale, bias), shape)


@RULES.on(nn.LocalResponseNorm)
def local_response_norm_to_sums(op: nn.LocalResponseNorm) -> Op:
    """local_response_norm(x) -> x * (bias + alpha / size * (sum of shifted x^2)) ^ -beta"""
    axis = op.layout.channel_axis(op.x.type.rank)
    channels = op.x.type.shape[axis]
    before = (op.size - 1) // 2
    squares = pad_axes(math.Square(op.x).result, [axis], [before], [op.size - 1 - before])
    total = slice_axes(squares, [axis], [0], [channels])
    for offset in range(1, op.size):
        total = math.Add(total, slice_axes(squares, [axis], [offset], [channels])).result
    scaled = math.Mul(total, scalar(op.alpha / op.size, total)).result
    base = math.Add(scaled, scalar(op.bias, scaled)).result
    return math.Mul(op.x, math.Pow(base, scalar(-op.beta, base)).result)


def _along(parameter: Value, axis: int, rank: int) -> Value:
    """A vector shaped to broadcast along ``axis``: as it is along the last."""
    if axis == rank - 1:
        return parameter
    return folded_reshape(parameter, (parameter.type.shape[0], *(1,) * (rank - 1 - axis)))


def _inverse_root(x: Value, epsilon: float) -> Value:
    """1 / sqrt(x + epsilon)"""
    return folded(math.Rsqrt(folded(math.Add(x, scalar(epsilon, x)))))


def _mean_of_square(x: Value, axes: Sequence[int]) -> Value:
    return math.ReduceMean(math.Square(x).result, tuple(axes), keep_dims=True).result


def _centred(x: Value, axes: Sequence[int]) -> Value:
    return math.Sub(x, math.ReduceMean(x, tuple(axes), keep_dims=True).result).result


def _standardized(x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """``x`` with mean 0 and variance 1 over ``axes``."""
    centred = _centred(x, axes)
    return math.Mul(centred, _inverse_root(_mean_of_square(centred, axes), epsilon)).result


def _scaled_standard(x: Value, axes: Sequence[int], epsilon: float, scale: Value, bias: Value) -> Value:
    """``x`` standardized over ``axes``, scaled and shifted; the scale meets the factor, which is small."""
    centred = _centred(x, axes)
    factor = affine(_inverse_root(_mean_of_square(centred, axes), epsilon), scale, None)
    return affine(math.Mul(centred, factor).result, None, bias)


def _is_filled(value: Value, number: int) -> bool:
    array = constant_array(value)
    return array is not None and bool((array == number).all())


def affine(x: Value, scale: Value | None, bias: Value | None) -> Value:
    """``x * scale + bias``, of what there is and is not all ones or all zeros."""
    scaled = x if scale is None or _is_filled(scale, 1) else math.Mul(x, scale).result
    return scaled if bias is None or _is_filled(bias, 0) else math.Add(scaled, bias).result
