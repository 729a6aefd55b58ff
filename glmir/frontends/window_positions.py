"""Where windows have their largest elements (ONNX MaxPool, PyTorch's max_pool with indices), and the way back."""

from collections.abc import Sequence
from math import inf, prod

import numpy as np

from ..dims import Dim, product
from ..ir import Value
from ..ops import math, tensor
from ..ops.nn.windows import Windows
from ..types import DType
from .layers import padded, scalar
from .values import MAX_CONSTANT, cast, constant, expand, joined, positions, reshape, size_of


def largest_positions(x: Value, windows: Windows, kernel: tuple[int, ...], column_major: bool = False) -> Value:
    """Where in its channel's data, flattened, each window's largest element stands: i64 [N, C, *counts].

    Of equal elements it is the first one; ``column_major`` numbers those of the first spatial axis consecutively.
    """
    rank, sizes = len(kernel), x.type.shape[2:]
    counts = windows.counts(sizes)
    taps = _padded_below(x, windows)
    for axis in range(rank):
        taps = axis_in_windows(
            taps, 2 + 2 * axis, kernel[axis], windows.strides[axis], windows.dilations[axis], counts[axis]
        )
    order = (0, 1, *range(3, 3 + 2 * rank, 2), *range(2, 2 + 2 * rank, 2))
    columns = reshape(tensor.Transpose(taps, order).result, (*x.type.shape[:2], *counts, prod(kernel)))
    tap = math.ArgMax(columns, 2 + rank).result
    places = np.indices(kernel).reshape(rank, -1) * np.array(windows.dilations)[:, None]
    total: Value | None = None
    for axis in reversed(range(rank)) if column_major else range(rank):
        within = tensor.Gather(constant(places[axis].astype(np.int64)), tap, 0).result
        firsts = reshape(_window_starts(windows, axis, counts[axis]), (counts[axis], *(1,) * (rank - 1 - axis)))
        at = math.Add(within, firsts).result
        total = at if total is None else math.Add(math.Mul(total, size_of(sizes[axis])).result, at).result
    assert total is not None
    return total


def _padded_below(x: Value, windows: Windows) -> Value:
    """x with something in the padding that is less than any of its elements."""
    dtype = x.type.dtype
    if dtype.is_float:
        needs_none = padded(x, windows) is x
        return x if needs_none else padded(math.Maximum(x, scalar(-dtype.largest, x)).result, windows, -inf)
    if dtype.bits < 64:
        x = cast(x, DType.I32 if dtype.bits < 32 else DType.I64)
    return padded(x, windows, float(x.type.dtype.lowest))


def _window_starts(windows: Windows, axis: int, count: Dim) -> Value:
    """Where every window along an axis begins, the padding being negative: i64[count]."""
    first, stride = windows.low[axis], windows.strides[axis]
    steps = math.Mul(positions(count), constant(np.array(stride))).result
    return math.Sub(steps, size_of(first)).result


def axis_in_windows(x: Value, axis: int, kernel: int, stride: int, dilation: int, count: Dim) -> Value:
    """``x`` with the axis replaced by two, [kernel, count]: every tap of every window, as views overlapping or not."""
    starts = range(0, kernel * dilation, dilation)
    if isinstance(count, int) and kernel * count <= MAX_CONSTANT:
        places = np.array(starts)[:, None] + np.arange(count) * stride
        return tensor.Gather(x, constant(places.astype(np.int64)), axis).result
    return joined([_strided(x, axis, start, stride, count) for start in starts], axis)


def _strided(x: Value, axis: int, start: Dim, stride: int, count: Dim) -> Value:
    """[..., 1, count, ...]: ``count`` elements of the axis from ``start`` on."""
    shape = x.type.shape
    part = tensor.Slice(
        x,
        tuple(start if i == axis else 0 for i in range(len(shape))),
        (*shape[:axis], count, *shape[axis + 1 :]),
        tuple(stride if i == axis else 1 for i in range(len(shape))),
    ).result
    return reshape(part, (*shape[:axis], 1, count, *shape[axis + 1 :]))


def unpooled(x: Value, indices: Value, lead: Sequence[Dim], sizes: Sequence[Dim]) -> Value:
    """Zeros [*lead, *sizes], and every element of ``x`` where its index says in the flattened data behind ``lead``."""
    rows, columns = product(lead), product(x.type.shape[len(lead) :])
    zeros = expand(scalar(0, x), (rows, product(sizes)))
    places = reshape(indices, (rows, columns))
    written = tensor.ScatterElements(zeros, places, reshape(x, (rows, columns)), 1).result
    return reshape(written, (*lead, *sizes))
