"""Pieces of layers that several frontends build: statistics over axes, zeros around windows."""

import numpy as np

from ..dims import Dim, dim_max
from ..ir import Value
from ..ops import math, tensor
from ..ops.nn.windows import Windows
from ..types import DType
from ..weights import Weight


def scalar(value: float, like: Value) -> Value:
    """A constant scalar of the dtype of ``like``."""
    return tensor.Constant(Weight(np.array(value).astype(like.type.dtype.numpy))).result


def channel_statistics(x: Value) -> tuple[Value, Value]:
    """The mean and the variance of every channel of ``x`` [N, C, ...], both [C]."""
    axes = tuple(axis for axis in range(x.type.rank) if axis != 1)
    mean = math.ReduceMean(x, axes, keep_dims=True).result
    squares = math.Square(math.Sub(x, mean).result).result
    channels = (x.type.shape[1],)
    return tensor.Reshape(mean, None, channels).result, math.ReduceMean(squares, axes, keep_dims=False).result


def statistics(x: Value, axes: tuple[int, ...], epsilon: float) -> tuple[Value, Value]:
    """The mean and 1 / sqrt(variance + epsilon) over the axes, which halves are computed of in single precision."""
    dtype = DType.F64 if x.type.dtype is DType.F64 else DType.F32
    x = x if x.type.dtype is dtype else tensor.Cast(x, dtype).result
    mean = math.ReduceMean(x, axes, keep_dims=True).result
    centred = math.Sub(x, mean).result
    variance = math.ReduceMean(math.Square(centred).result, axes, keep_dims=True).result
    return mean, math.Rsqrt(math.Add(variance, scalar(epsilon, x)).result).result


def padded(x: Value, windows: Windows, fill: float = 0) -> Value:
    """``x`` [N, C, *spatial] with ``fill`` for the padding, and for what a last window of ceil_mode reaches beyond."""
    sizes = x.type.shape[2:]
    high: list[Dim] = list(windows.high)
    if windows.ceil_mode:
        spans = zip(windows.counts(sizes), windows.strides, windows.extents, strict=True)
        covered = [(count - 1) * stride + extent for count, stride, extent in spans]
        reach = [c - low - size for c, low, size in zip(covered, windows.low, sizes, strict=True)]
        high = [dim_max(a, b) for a, b in zip(high, reach, strict=True)]
    if not any(d != 0 for d in (*windows.low, *high)):
        return x
    value = scalar(fill, x) if fill else None
    return tensor.Pad(x, value, (0, 0, *windows.low), (0, 0, *high)).result
