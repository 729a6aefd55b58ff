"""Columns added up where their windows overlap (ONNX Col2Im, PyTorch's col2im)."""

from collections.abc import Sequence
from functools import reduce
from math import prod

from ..dims import Dim, dim_max, product
from ..ir import Value
from ..ops import math, tensor
from ..ops.nn.windows import Windows
from .values import reshape, sliced, transposed


def folded(x: Value, windows: Windows, kernel: tuple[int, ...], sizes: Sequence[Dim]) -> Value:
    """``x`` [N, C * taps, windows] as [N, C, *sizes]: every element is the sum of what the windows over it hold."""
    batch, rank, counts = x.type.shape[0], len(kernel), windows.counts(sizes)
    channels = x.type.shape[1] // prod(kernel)
    x = reshape(x, (batch, channels, *kernel, *counts))
    # [N, C, k0, k1, .., n0, n1, ..] -> [N, C, k0, n0, k1, n1, ..]
    x = transposed(x, (0, 1, *(axis for i in range(rank) for axis in (2 + i, 2 + rank + i))))
    before, done = batch * channels, tuple[Dim, ...]()
    for axis, size in enumerate(sizes):
        after = [d for other in range(axis + 1, rank) for d in (kernel[other], counts[other])]
        lead = product((before, *done))
        x = _folded_axis(reshape(x, (lead, kernel[axis], counts[axis], product(after))), windows, axis, size)
        done = (*done, size)
    return reshape(x, (batch, channels, *sizes))


def _folded_axis(x: Value, windows: Windows, axis: int, size: Dim) -> Value:
    """``x`` [A, taps, windows, B] added up along one axis: [A, size, B].

    Taps are cut into blocks as long as the stride: block by block the windows then lie side by side, and whole rows are
    added, not elements.
    """
    stride, dilation, low = windows.strides[axis], windows.dilations[axis], windows.low[axis]
    lead, taps, count, rest = x.type.shape
    assert isinstance(taps, int)
    # A dilated window is a longer one that has zeros in it.
    spread = _padded(reshape(x, (lead, taps, 1, count * rest)), 2, 0, dilation - 1)
    extent = (taps - 1) * dilation + 1
    dense = sliced(reshape(spread, (lead, taps * dilation, count, rest)), 1, 0, extent)
    blocks = -(-extent // stride)
    dense = _padded(dense, 1, 0, blocks * stride - extent)
    apart = transposed(reshape(dense, (lead, blocks, stride, count, rest)), (0, 1, 3, 2, 4))
    lines = reshape(apart, (lead, blocks, count * stride, rest))
    parts = [
        _padded(reshape(sliced(lines, 1, i, 1), (lead, count * stride, rest)), 1, i * stride, (blocks - 1 - i) * stride)
        for i in range(blocks)
    ]
    total = reduce(lambda a, b: math.Add(a, b).result, parts)
    missing = dim_max(low + size - (count + blocks - 1) * stride, 0)
    return sliced(_padded(total, 1, 0, missing), 1, low, size)


def _padded(x: Value, axis: int, low: Dim, high: Dim) -> Value:
    """Zeros before and behind the elements of an axis."""
    if low == 0 and high == 0:
        return x
    before, behind = (tuple(n if i == axis else 0 for i in range(x.type.rank)) for n in (low, high))
    return tensor.Pad(x, None, before, behind).result
