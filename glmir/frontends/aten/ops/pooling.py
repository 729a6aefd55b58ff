"""Pools over the spatial axes; adaptive ones are in adaptive_pooling.py."""

from collections.abc import Sequence
from math import inf, prod

import numpy as np

from ....dims import Dim, SymInt, known_equal, product
from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.nn.windows import Windows
from ...layers import padded, scalar
from ..registry import Importer, Table
from ..scalars import Int, Scalar
from ..scope import constant, expand, known_dims, reshape
from ..tensors import Tensor, Unsupported
from ..work import MAX_CONSTANT
from .windows import axis_in_windows, batched, ints_for_axes

TABLE = Table()


def _windows(
    rank: int,
    kernel: Sequence[Int],
    stride: Sequence[Int],
    padding: Sequence[Int],
    dilation: Sequence[Int],
    ceil_mode: bool,
) -> tuple[Windows, tuple[int, ...]]:
    """The windows, and the kernel's sizes as numbers; without a stride they lie side by side."""
    sizes = ints_for_axes(kernel, rank, "the kernel")
    strides = ints_for_axes(stride, rank, "the stride") if stride else sizes
    amounts = ints_for_axes(padding, rank, "the padding") * 2
    dilations = ints_for_axes(dilation, rank, "the dilation")
    return Windows(sizes, strides, amounts, dilations, ceil_mode), sizes


def _max_pool(x: Value, windows: Windows, kernel: tuple[int, ...]) -> Value:
    return nn.MaxPool(x, kernel, windows.strides, windows.padding, windows.dilations, windows.ceil_mode).result


def _largest_positions(x: Value, windows: Windows, kernel: tuple[int, ...]) -> Value:
    """Where in its channel's data, flattened, each window's largest element stands: i64."""
    rank, sizes = len(kernel), x.type.shape[2:]
    counts = windows.counts(sizes)
    lowest = -inf if x.type.dtype.is_float else float(np.iinfo(x.type.dtype.numpy.name).min)
    taps = padded(x, windows, lowest)
    for axis in range(rank):
        taps = axis_in_windows(
            taps, 2 + 2 * axis, kernel[axis], windows.strides[axis], windows.dilations[axis], counts[axis]
        )
    order = (0, 1, *range(3, 3 + 2 * rank, 2), *range(2, 2 + 2 * rank, 2))
    columns = reshape(tensor.Transpose(taps, order).result, (*x.type.shape[:2], *counts, prod(kernel)))
    tap = math.ArgMax(columns, 2 + rank).result
    places = np.indices(kernel).reshape(rank, -1)
    total: Value | None = None
    for axis in range(rank):
        step = scalar(windows.dilations[axis], tap)
        within = math.Mul(tensor.Gather(constant(places[axis].astype(np.int64)), tap, 0).result, step).result
        firsts = reshape(_window_starts(windows, axis, counts[axis]), (counts[axis], *(1,) * (rank - 1 - axis)))
        at = math.Add(within, firsts).result
        total = at if total is None else math.Add(math.Mul(total, _size(sizes[axis])).result, at).result
    assert total is not None
    return total


def _size(dim: Dim) -> Value:
    return reshape(tensor.Dims((dim,)).result, ())


def _window_starts(windows: Windows, axis: int, count: Dim) -> Value:
    """Where every window along an axis begins, the padding being negative: i64[count]."""
    first, stride = windows.low[axis], windows.strides[axis]
    assert isinstance(first, int)
    if isinstance(count, int) and count <= MAX_CONSTANT:
        return constant(np.arange(count, dtype=np.int64) * stride - first)
    limit = _size(count * stride - first)
    return tensor.Range(constant(np.array(-first)), limit, constant(np.array(stride)), count).result


def _covers_all(x: Tensor, rank: int, kernel: Sequence[Int], padding: Sequence[Int]) -> bool:
    """Whether the only window is the whole of axes of symbolic sizes (``F.avg_pool2d(x, x.shape[2:])``)."""
    if len(kernel) != rank or not any(isinstance(k, SymInt) for k in kernel) or any(p != 0 for p in padding):
        return False
    return all(not isinstance(k, Scalar) and known_equal(k, s) for k, s in zip(kernel, x.shape[-rank:], strict=True))


def _max_pool_importer(rank: int) -> Importer:
    def max_pool(
        self: Tensor,
        kernel_size: Sequence[Int],
        stride: Sequence[Int] = (),
        padding: Sequence[Int] = (0,),
        dilation: Sequence[Int] = (1,),
        ceil_mode: bool = False,
    ) -> Value:
        if all(d == 1 for d in dilation) and _covers_all(self, rank, kernel_size, padding):
            return math.ReduceMax(self.value, tuple(range(self.rank - rank, self.rank)), True).result
        windows, kernel = _windows(rank, kernel_size, stride, padding, dilation, ceil_mode)
        return batched(self.value, rank, lambda x: _max_pool(x, windows, kernel))

    return max_pool


def _max_pool_with_indices_importer(rank: int) -> Importer:
    def max_pool_with_indices(
        self: Tensor,
        kernel_size: Sequence[Int],
        stride: Sequence[Int] = (),
        padding: Sequence[Int] = (0,),
        dilation: Sequence[Int] = (1,),
        ceil_mode: bool = False,
    ) -> tuple[Value, Value]:
        windows, kernel = _windows(rank, kernel_size, stride, padding, dilation, ceil_mode)
        largest = batched(self.value, rank, lambda x: _max_pool(x, windows, kernel))
        return largest, batched(self.value, rank, lambda x: _largest_positions(x, windows, kernel))

    return max_pool_with_indices


def _average(x: Value, windows: Windows, kernel: tuple[int, ...], counts_padding: bool, divisor: int | None) -> Value:
    """Means over windows, or their sums over ``divisor``."""
    if divisor is None:
        return nn.AveragePool(
            x, kernel, windows.strides, windows.padding, windows.dilations, windows.ceil_mode, counts_padding
        ).result
    if divisor == 0:
        raise Unsupported("its divisor is zero")
    # The sum over a window is its mean times its size, once the padding is there as zeros.
    means = nn.AveragePool(padded(x, windows), kernel, windows.strides, (0,) * 2 * len(kernel), windows.dilations)
    return math.Mul(means.result, scalar(prod(kernel) / divisor, x)).result


def _avg_pool_importer(rank: int) -> Importer:
    def avg_pool(
        self: Tensor,
        kernel_size: Sequence[Int],
        stride: Sequence[Int] = (),
        padding: Sequence[Int] = (0,),
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        if divisor_override is None and _covers_all(self, rank, kernel_size, padding):
            return math.ReduceMean(self.value, tuple(range(self.rank - rank, self.rank)), True).result
        windows, kernel = _windows(rank, kernel_size, stride, padding, (1,), ceil_mode)
        return batched(self.value, rank, lambda x: _average(x, windows, kernel, count_include_pad, divisor_override))

    return avg_pool


for _rank in (1, 2, 3):
    TABLE.imports(f"max_pool{_rank}d")(_max_pool_importer(_rank))
    TABLE.imports(f"max_pool{_rank}d_with_indices")(_max_pool_with_indices_importer(_rank))
    TABLE.imports(f"avg_pool{_rank}d")(_avg_pool_importer(_rank))
TABLE.imports("mkldnn_max_pool2d", "quantized_max_pool2d")(_max_pool_importer(2))


def _unpooled(x: Tensor, indices: Tensor, output_size: Sequence[Int], rank: int) -> Value:
    """Zeros, and every element where its index says in the flattened data of its channel."""
    values, sizes = x.value, known_dims(output_size, "the output size")
    lead = values.type.shape[: values.type.rank - rank]
    if len(sizes) != rank:
        raise Unsupported(f"its output size has {len(sizes)} numbers for {rank} spatial axes")
    rows, columns = product(lead), product(values.type.shape[len(lead) :])
    zeros = expand(scalar(0, values), (rows, product(sizes)))
    places = reshape(indices.value, (rows, columns))
    written = tensor.ScatterElements(zeros, places, reshape(values, (rows, columns)), 1).result
    return reshape(written, (*lead, *sizes))


@TABLE.imports("max_unpool2d")
def max_unpool2d(self: Tensor, indices: Tensor, output_size: Sequence[Int]) -> Value:
    return _unpooled(self, indices, output_size, 2)


@TABLE.imports("max_unpool3d")
def max_unpool3d(self: Tensor, indices: Tensor, output_size: Sequence[Int], stride: object, padding: object) -> Value:
    return _unpooled(self, indices, output_size, 3)
