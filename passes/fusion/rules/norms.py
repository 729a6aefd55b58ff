"""Norms that are spelled with means, squares and roots, along the last axes, the channels or the pixels."""

from typing import NamedTuple

import numpy as np

from ....ir import Op, Value
from ....ops import math, nn, tensor
from ....ops.enums import Activation
from ....rewriter import RuleSet
from ...patterns import constant, either_order, number, same_shape

RULES = RuleSet()


class _Variance(NamedTuple):
    """The mean of squares of ``of`` over the axes, plus ``epsilon``; ``is_about_mean``: of distances to its mean."""

    of: Value
    axes: tuple[int, ...]
    epsilon: float
    is_about_mean: bool


def _variance(value: Value) -> _Variance | None:
    """What ``value`` is when it is a variance or a mean of squares, with or without an epsilon."""
    match value:
        case Value(owner=math.Add(x=inner, y=summand, activation=Activation.NONE)) if same_shape(inner, value):
            epsilon = number(summand)
        case _:
            inner, epsilon = value, 0.0
    match inner:
        case Value(owner=nn.Relu(x=limited)):
            # What rounding may have made of a difference of squares.
            inner = limited
    if epsilon is None or epsilon < 0:
        return None
    match inner:
        case Value(owner=math.ReduceMean(x=Value(owner=math.Square(x=x)), axes=axes, keep_dims=True)):
            return _Variance(x, axes, float(epsilon), is_about_mean=False)
        case Value(
            owner=math.Sub(
                x=Value(owner=math.ReduceMean(x=Value(owner=math.Square(x=x)), axes=axes, keep_dims=True)),
                y=Value(owner=math.Square(x=Value(owner=math.ReduceMean(x=averaged, axes=same, keep_dims=True)))),
                activation=Activation.NONE,
            )
        ) if averaged is x and same == axes:
            return _Variance(x, axes, float(epsilon), is_about_mean=True)
    return None


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


def _root_divisor(value: Value) -> tuple[Value, Value | None] | None:
    """v and g when ``value`` is g / sqrt(v), without g when that is 1."""
    match value:
        case Value(owner=math.Rsqrt(x=variance)):
            return variance, None
        case Value(owner=math.Div(x=scale, y=Value(owner=math.Sqrt(x=variance)), activation=Activation.NONE)):
            return variance, scale
        case Value(owner=math.Mul(activation=Activation.NONE) as product):
            for scale, inverse in either_order(product):
                match inverse:
                    case Value(owner=math.Rsqrt(x=variance)):
                        return variance, scale
    return None


def _normalized(x: Value, variance: Value) -> Value | None:
    """The norm that dividing ``x`` by the root of ``variance`` amounts to."""
    found = _variance(variance)
    if found is None or not x.type.dtype.is_float or not found.axes:
        return None
    centred = _centred(x, found.axes)
    if found.is_about_mean:
        return _norm(found.of, found, is_centred=True) if centred is found.of else None
    if found.of is not x:
        return None
    return _norm(x, found, is_centred=False) if centred is None else _norm(centred, found, is_centred=True)


def _norm(x: Value, variance: _Variance, is_centred: bool) -> Value | None:
    """A norm without parameters: of pixels, of the last axes, or of the channels, which become the last axis for it."""
    axes, rank, epsilon = variance.axes, x.type.rank, variance.epsilon
    pixels, channels = tuple(range(2, rank)), x.type.shape[1] if rank > 1 else 1
    if is_centred and axes == pixels and rank >= 4 and isinstance(channels, int):
        ones, zeros = (constant(np.full(channels, n, x.type.dtype.numpy)) for n in (1, 0))
        return nn.InstanceNorm(x, ones, zeros, epsilon).result
    if axes == tuple(range(axes[0], rank)):
        return _along_last(x, axes[0], epsilon, is_centred)
    if axes != (1,):
        return None
    # Over the last axis the runtimes have kernels; where layouts meet, the transposes vanish.
    to_last, back = (0, *range(2, rank), 1), (0, rank - 1, *range(1, rank - 1))
    normed = _along_last(tensor.Transpose(x, to_last).result, rank - 1, epsilon, is_centred)
    return tensor.Transpose(normed, back).result


def _along_last(x: Value, axis: int, epsilon: float, is_centred: bool) -> Value:
    return (nn.LayerNorm(x, None, None, axis, epsilon) if is_centred else nn.RmsNorm(x, None, axis, epsilon)).result


@RULES.on(nn.RmsNorm)
def root_mean_square_of_distances(op: nn.RmsNorm) -> Value | None:
    """rms_norm(x - mean(x)) * g -> layer_norm(x) * g, also with a transpose before the norm"""
    axes = tuple(range(op.axis, op.x.type.rank))
    match op.x:
        case Value(owner=tensor.Transpose(x=centred, permutation=order)):
            x = _centred(centred, tuple(sorted(order[axis] for axis in axes)))
            x = None if x is None else tensor.Transpose(x, order).result
        case _:
            x = _centred(op.x, axes)
    return None if x is None else nn.LayerNorm(x, op.scale, None, op.axis, op.epsilon).result


@RULES.on(math.Div)
def divided_by_deviation(op: math.Div) -> Value | None:
    """(x - mean(x)) / sqrt(mean((x - mean(x)) ** 2) + e) -> layer_norm(x); x / sqrt(mean(x ** 2) + e) -> rms_norm(x)"""
    match op:
        case math.Div(x=x, y=Value(owner=math.Sqrt(x=variance)), activation=Activation.NONE):
            return _normalized(x, variance)
    return None


@RULES.on(math.Mul)
def multiplied_by_inverse_deviation(op: math.Mul) -> Op | Value | None:
    """(x - mean(x)) * (rsqrt(mean((x - mean(x)) ** 2) + e) * g) -> layer_norm(x) * g; without the mean rms_norm"""
    if op.activation is not Activation.NONE:
        return None
    for x, other in either_order(op):
        root = _root_divisor(other)
        normed = None if root is None else _normalized(x, root[0])
        if root is not None and normed is not None:
            scale = root[1]
            return normed if scale is None else math.Mul(normed, scale)
    return None


@RULES.on(math.Add)
def norm_with_folded_shift(op: math.Add) -> Op | None:
    """x * r + (b - mean(x) * r) -> layer_norm(x) * g + b for r = g * rsqrt(mean((x - mean(x)) ** 2) + e)"""
    if op.activation is not Activation.NONE:
        return None
    for product, rest in either_order(op):
        match rest:
            case Value(owner=math.Sub(x=bias, y=Value(owner=math.Mul() as shift), activation=Activation.NONE)):
                normed = _unfolded(product.owner, shift)
                if normed is not None:
                    return math.Add(normed, bias)
    return None


def _unfolded(product: Op | None, shift: math.Mul) -> Value | None:
    """layer_norm(x) * g when ``product`` is x * r and ``shift`` mean(x) * r."""
    if not isinstance(product, math.Mul) or {product.activation, shift.activation} != {Activation.NONE}:
        return None
    for x, factor in either_order(product):
        means = [m for m, r in either_order(shift) if r is factor]
        root = _root_divisor(factor)
        found = None if root is None else _variance(root[0])
        if root is None or found is None or not found.axes or not means:
            continue
        match means[0]:
            case Value(owner=math.ReduceMean(x=averaged, axes=axes, keep_dims=True)) if averaged is x:
                if axes != found.axes or x is not (found.of if found.is_about_mean else _centred(found.of, axes)):
                    continue
                normed = _norm(x, found, is_centred=True)
                if normed is not None:
                    return normed if root[1] is None else math.Mul(normed, root[1]).result
    return None
