"""Adaptive pools: the result's sizes are given, and window i along an axis is [i * n // m, ceil((i + 1) * n / m))."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from ....dims import Dim, SymInt, ceil_div, divides, known_equal
from ....ir import Value
from ....ops import math, nn, tensor
from ..registry import Importer, Table
from ..scalars import Int
from ..scope import constant, known_dims, reshape
from ..tensors import Tensor, Unsupported
from ..work import require_few, require_small
from .windows import batched, for_axes, part_of_axis

TABLE = Table()

_Reduce = Callable[[Value, tuple[int, ...]], Value]


def _mean(x: Value, axes: tuple[int, ...]) -> Value:
    return math.ReduceMean(x, axes, keep_dims=True).result


def _largest(x: Value, axes: tuple[int, ...]) -> Value:
    return math.ReduceMax(x, axes, keep_dims=True).result


def _bounds(size: int, count: int) -> list[tuple[int, int]]:
    require_few(count, "the windows")
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _uniform(size: Dim, count: Dim) -> tuple[int, int] | None:
    """Kernel and stride of the windows along an axis, when all are of one size and one distance; else None."""
    if not isinstance(size, int) or not isinstance(count, int) or count < 1:
        return None
    bounds = _bounds(size, count)
    kernel, stride = bounds[0][1], bounds[1][0] if count > 1 else 1
    is_uniform = all(bound == (i * stride, i * stride + kernel) for i, bound in enumerate(bounds))
    return (kernel, stride) if is_uniform and stride else None


def pooled(x: Value, counts: Sequence[Dim], is_mean: bool) -> Value:
    """``x`` [N, C, *spatial] with its spatial axes pooled to ``counts``: as a whole, in windows, or axis by axis."""
    sizes = x.type.shape[2:]
    changed = [i for i in range(len(sizes)) if not known_equal(sizes[i], counts[i])]
    reduce = _mean if is_mean else _largest
    if all(counts[i] == 1 for i in changed):
        return reduce(x, tuple(i + 2 for i in changed)) if changed else x
    uniform = [_uniform(size, count) for size, count in zip(sizes, counts, strict=True)]
    pairs = [pair for pair in uniform if pair is not None]
    if len(pairs) == len(sizes):
        kernel, strides = tuple(k for k, _ in pairs), tuple(s for _, s in pairs)
        layout = (kernel, strides, (0,) * 2 * len(sizes), (1,) * len(sizes))
        return nn.AveragePool(x, *layout).result if is_mean else nn.MaxPool(x, *layout).result
    for i in changed:
        x = _pooled_along(x, i + 2, counts[i], is_mean)
    return x


def _pooled_along(x: Value, axis: int, count: Dim, is_mean: bool) -> Value:
    reduce = _mean if is_mean else _largest
    shape = x.type.shape
    if count == 1:
        return reduce(x, (axis,))
    if (step := divides(count, shape[axis])) is not None:
        return _in_blocks(x, axis, count, step, reduce)
    size = shape[axis]
    if isinstance(count, SymInt):
        raise Unsupported(f"the pooled size {count} is symbolic and does not provably divide {size}")
    if isinstance(size, int):
        return _by_matrix(x, axis, size, count) if is_mean else _by_gather(x, axis, size, count)
    return _in_slices(x, axis, count, reduce)


def _in_blocks(x: Value, axis: int, count: Dim, step: Dim, reduce: _Reduce) -> Value:
    """``count`` windows side by side."""
    shape = x.type.shape
    blocks = reshape(x, (*shape[:axis], count, step, *shape[axis + 1 :]))
    return reshape(reduce(blocks, (axis + 1,)), (*shape[:axis], count, *shape[axis + 1 :]))


def _by_matrix(x: Value, axis: int, size: int, count: int) -> Value:
    """Means as a linear layer along the axis."""
    require_small(count * size, "the matrix of means")
    matrix = np.zeros((count, size))
    for row, (start, end) in zip(matrix, _bounds(size, count), strict=True):
        row[start:end] = 1 / (end - start)
    order = (*(a for a in range(x.type.rank) if a != axis), axis)
    last = tensor.Transpose(x, order).result
    means = nn.Linear(last, constant(matrix.astype(x.type.dtype.numpy)), None).result
    return tensor.Transpose(means, tuple(map(int, np.argsort(order)))).result


def _by_gather(x: Value, axis: int, size: int, count: int) -> Value:
    """The largest elements of windows that are made equally long: their last element is repeated."""
    shape = x.type.shape
    rows = tensor.Gather(x, constant(_places(size, count)), axis).result
    return reshape(_largest(rows, (axis + 1,)), (*shape[:axis], count, *shape[axis + 1 :]))


def _places(size: int, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """What every window reads of an axis: [count, length of the longest window]."""
    bounds = _bounds(size, count)
    longest = max(end - start for start, end in bounds)
    require_small(count * longest, "the elements of all windows")
    return np.array([[min(start + i, end - 1) for i in range(longest)] for start, end in bounds], np.int64)


def _in_slices(x: Value, axis: int, count: int, reduce: _Reduce) -> Value:
    """Window by window, for an axis of symbolic size."""
    size = x.type.shape[axis]
    require_few(count, "the windows")
    parts = []
    for i in range(count):
        start = size * i // count
        parts.append(reduce(part_of_axis(x, axis, start, ceil_div(size * (i + 1), count) - start), (axis,)))
    return tensor.Concat(tuple(parts), axis).result


def _largest_positions(x: Value, sizes: Sequence[int], counts: Sequence[int]) -> Value:
    """Where in its channel's data, flattened, each window's largest element stands: i64."""
    rank = len(counts)
    taps, flat = x, np.zeros((), np.int64)
    for axis, (size, count) in enumerate(zip(sizes, counts, strict=True)):
        places = _places(size, count)
        require_small(flat.size * places.size, "the elements of all windows")
        taps = tensor.Gather(taps, constant(places), 2 + 2 * axis).result
        # [count, taps] of each axis in turn; then all counts come first.
        flat = flat[..., None, None] * size + places
    order = (*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
    columns = tensor.Transpose(taps, (0, 1, *(2 + a for a in order))).result
    width = flat.size // prod(counts)
    tap = math.ArgMax(reshape(columns, (*x.type.shape[:2], *counts, width)), 2 + rank).result
    # Of the positions of all windows' taps each window takes one: by its own number and the tap's.
    table = np.transpose(flat, order).reshape(-1)
    firsts = (np.arange(prod(counts), dtype=np.int64) * width).reshape(counts)
    return tensor.Gather(constant(table), math.Add(tap, constant(firsts)).result, 0).result


def _importer(rank: int) -> Importer:
    def adaptive_avg_pool(self: Tensor, output_size: Sequence[Int]) -> Value:
        counts = known_dims(for_axes(output_size, rank, "the output size"), "the output size")
        return batched(self.value, rank, lambda x: pooled(x, counts, True))

    return adaptive_avg_pool


def _max_importer(rank: int) -> Importer:
    def adaptive_max_pool(self: Tensor, output_size: Sequence[Int]) -> tuple[Value, Value | None]:
        counts = known_dims(for_axes(output_size, rank, "the output size"), "the output size")
        largest = batched(self.value, rank, lambda x: pooled(x, counts, False))
        sizes = [d for d in self.shape[-rank:] if isinstance(d, int)]
        numbers = [d for d in counts if isinstance(d, int)]
        if len(sizes) < rank or len(numbers) < rank:
            return largest, None
        return largest, batched(self.value, rank, lambda x: _largest_positions(x, sizes, numbers))

    return adaptive_max_pool


for _rank in (1, 2, 3):
    TABLE.imports(f"adaptive_avg_pool{_rank}d", f"_adaptive_avg_pool{_rank}d")(_importer(_rank))
    TABLE.imports(f"adaptive_max_pool{_rank}d")(_max_importer(_rank))
