"""Where windows have their largest elements (ONNX MaxPool's indices, PyTorch's max_pool with indices), and the way back.
"""

from collections.abc import Sequence
from math import inf, prod

import numpy as np

from ..dims import Dim, product
from ..ir import Value
from ..ops import math, tensor
from ..ops.nn.windows import Windows
from ..types import DType
from .layers import padded, scalar
from .values import MAX_CONSTANT, cast, constant, expand, positions, reshape, size_of


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
        return x if needs_none else padded(math.Maximum(x, scalar(dtype.lowest_float, x)).result, windows, -inf)
    if dtype.bits < 64:
        x = cast(x, DType.I32 if dtype.bits < 32 else DType.I64)
    return padded(x, windows, float(x.type.dtype.lowest))


def _window_starts(windows: Windows, axis: int, count: Dim) -> Value:
    """Where every window along an axis begins, the padding being negative: i64[count]."""
    first, stride = windows.low[axis], windows.strides[axis]
    steps = math.Mul(positions(count), constant(np.array(stride))).result
    return math.Sub(steps, size_of(first)).result
