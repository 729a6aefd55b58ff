"""Pools over the spatial axes; adaptive ones are in adaptive_pooling.py."""

from collections.abc import Sequence
from math import prod

from ....dims import SymInt, known_equal
from ....ir import Value
from ....ops import math, nn
from ....ops.nn.windows import Windows
from ...layers import padded, scalar
from ...window_positions import largest_positions, unpooled
from ..registry import Importer, Table
from ..scalars import Int, Scalar
from ..scope import known_dims
from ..tensors import Tensor, Unsupported
from ..work import require_few, require_small
from .windows import batched, ints_for_axes

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
    for size, count in zip(kernel, windows.counts(x.type.shape[2:]), strict=True):
        require_few(size, "the elements of a window")
        require_small(count * size, "the elements of all windows")
    return largest_positions(x, windows, kernel)


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
    return unpooled(values, indices.value, lead, sizes)


@TABLE.imports("max_unpool2d")
def max_unpool2d(self: Tensor, indices: Tensor, output_size: Sequence[Int]) -> Value:
    return _unpooled(self, indices, output_size, 2)


@TABLE.imports("max_unpool3d")
def max_unpool3d(self: Tensor, indices: Tensor, output_size: Sequence[Int], stride: object, padding: object) -> Value:
    return _unpooled(self, indices, output_size, 3)
