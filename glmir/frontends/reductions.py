"""Reductions and scans that the frontends have in common."""

from ..ir import Value
from ..ops import math, tensor
from ..ops.inference import without_axes
from .layers import scalar

Axes = tuple[int, ...]


def reduced(op: type[math.Reduction], x: Value, axes: Axes, keep_dims: bool) -> Value:
    """x with the axes reduced; itself if there are none."""
    return op(x, axes, keep_dims).result if axes else x


def log_sum_exp(x: Value, axes: Axes, keep_dims: bool) -> Value:
    """log(sum(exp(x - m))) + m, with m the largest element, so that no exponential overflows."""
    if not axes:
        return x
    # A finite m, where all elements are -inf or one is inf, keeps inf - inf out.
    limit = x.type.dtype.largest
    largest = math.Clamp(reduced(math.ReduceMax, x, axes, True), -limit, limit).result
    total = reduced(math.ReduceSum, math.Exp(math.Sub(x, largest).result).result, axes, True)
    y = math.Add(math.Log(total).result, largest).result
    return y if keep_dims else tensor.Reshape(y, None, without_axes(x.type.shape, axes, False)).result


def running_product(x: Value, axis: int, length: int) -> Value:
    """Products of 1, 2, 4, … elements, each from two of half the length (Hillis and Steele, 1986)."""
    distance = 1
    while distance < length:
        x = math.Mul(x, shifted_in_ones(x, axis, distance)).result
        distance *= 2
    return x


def shifted_in_ones(x: Value, axis: int, distance: int) -> Value:
    """x moved towards the end of the axis, with ones in the places that this leaves."""
    shape = x.type.shape
    low = tuple(distance if i == axis else 0 for i in range(len(shape)))
    padded = tensor.Pad(x, scalar(1, x), low, (0,) * len(shape)).result
    return tensor.Slice(padded, (0,) * len(shape), shape, (1,) * len(shape)).result
