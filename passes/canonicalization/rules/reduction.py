"""Reductions, and the pools that are reductions."""

from math import prod

import numpy as np

from ....ir import Op, Value
from ....opdef import replace
from ....ops import math, nn, tensor
from ....ops.enums import Activation
from ....ops.nn.activation import SoftmaxFamily
from ....rewriter import RuleSet
from ...patterns import constant, is_number, reshape, same_shape

RULES = RuleSet()


@RULES.on(math.Reduction)
def reduce_nothing(op: math.Reduction) -> Value | None:
    """sum(x) -> x over no axes or axes of size 1, in the shape of the result; likewise for every reduction"""
    if not all(op.x.type.shape[axis] == 1 for axis in op.axes):
        return None
    return reshape(op.x, op.result.type.shape)


@RULES.on(SoftmaxFamily)
def softmax_of_one(op: SoftmaxFamily) -> Op | None:
    """softmax(x) -> 1, log_softmax(x) -> 0, along an axis of size 1"""
    # Attention to a single key is one such; the 1 overflows in onnxruntime's integer kernel.
    if op.x.type.shape[op.axis] != 1:
        return None
    number = 1 if isinstance(op, nn.Softmax) else 0
    return tensor.Expand(constant(np.array(number, op.x.type.dtype.numpy)), None, op.result.type.shape)


@RULES.on(math.Reduction)
def reduce_twice(op: math.Reduction) -> Op | None:
    """sum(sum(x, a), b) -> sum(x, a and b) with both keeping their axes or both not; likewise for every reduction"""
    inner = op.x.owner
    if not isinstance(inner, type(op)) or inner.keep_dims != op.keep_dims or not op.x.has_one_use:
        return None
    if op.x.type.dtype.is_integer and isinstance(op, math.ReduceMean):
        # Every mean of integers rounds.
        return None
    kept = range(inner.x.type.rank) if op.keep_dims else [a for a in range(inner.x.type.rank) if a not in inner.axes]
    axes = sorted({*inner.axes, *(kept[a] for a in op.axes)})
    return replace(op, x=inner.x, axes=tuple(axes))


@RULES.on(tensor.Reshape)
def reshape_of_reduction(op: tensor.Reshape) -> Op | None:
    """reshape(sum(x)) -> sum(x) that keeps its axes, or drops them, where that fits; likewise for all, also arg_max"""
    reduction = op.x.owner
    if not isinstance(reduction, math.Reduction | math.ArgReduction) or not op.x.has_one_use:
        return None
    other = replace(reduction, keep_dims=not reduction.keep_dims)
    return other if same_shape(other.result, op.result) else None


@RULES.on(math.Div)
def sum_divided_to_mean(op: math.Div) -> Op | None:
    """sum(x) / count -> mean(x)"""
    reduction = op.x.owner
    count = _reduced_elements(reduction)
    if not isinstance(reduction, math.ReduceSum) or count is None or op.activation is not Activation.NONE:
        return None
    return _mean_of(reduction) if is_number(op.y, count) and same_shape(op.x, op.result) else None


@RULES.on(math.Mul)
def sum_multiplied_to_mean(op: math.Mul) -> Op | None:
    """sum(x) * (1 / count) -> mean(x)"""
    reduction = op.x.owner
    count = _reduced_elements(reduction)
    if not isinstance(reduction, math.ReduceSum) or count is None or op.activation is not Activation.NONE:
        return None
    # The constant is the reciprocal as its dtype rounds it.
    return _mean_of(reduction) if is_number(op.y, 1 / count, 1e-7) and same_shape(op.x, op.result) else None


def _mean_of(reduction: math.ReduceSum) -> Op:
    return math.ReduceMean(reduction.x, reduction.axes, reduction.keep_dims)


def _reduced_elements(op: Op | None) -> int | None:
    """How many floats each result of a sum adds up, when that is known."""
    if not isinstance(op, math.ReduceSum) or not op.x.type.dtype.is_float:
        return None
    dims = [op.x.type.shape[axis] for axis in op.axes]
    sizes = [d for d in dims if isinstance(d, int)]
    return prod(sizes) if len(sizes) == len(dims) and 0 not in sizes else None


@RULES.on(nn.AveragePool)
def average_of_everything(op: nn.AveragePool) -> Op | None:
    """average_pool(x) -> mean(x) over the spatial axes when one window covers them"""
    return math.ReduceMean(op.x, _spatial_axes(op), True) if _covers_everything(op) else None


@RULES.on(nn.MaxPool)
def maximum_of_everything(op: nn.MaxPool) -> Op | None:
    """max_pool(x) -> max(x) over the spatial axes when one window covers them"""
    return math.ReduceMax(op.x, _spatial_axes(op), True) if _covers_everything(op) else None


@RULES.on(nn.Pool)
def pool_nothing(op: nn.Pool) -> Value | None:
    """max_pool(x) -> x, and likewise average_pool, with windows of one element side by side"""
    ones = (1,) * op.spatial_rank
    is_trivial = op.kernel == op.strides == ones and all(p == 0 for p in op.padding)
    return op.x if is_trivial and same_shape(op.x, op.result) else None


def _spatial_axes(op: nn.Pool) -> tuple[int, ...]:
    return op.layout.spatial_axes(op.x.type.rank)


def _covers_everything(op: nn.Pool) -> bool:
    sizes = tuple(op.x.type.shape[axis] for axis in _spatial_axes(op))
    is_plain = all(p == 0 for p in op.padding) and all(d == 1 for d in op.dilations)
    return is_plain and op.kernel == sizes
