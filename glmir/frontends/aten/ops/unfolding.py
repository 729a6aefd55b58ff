"""im2col and col2im: windows laid out as columns, and columns added up where their windows overlap."""

from collections.abc import Sequence

from ....dims import Dim, known_equal
from ....ir import Value
from ....ops import tensor
from ....ops.nn.windows import Windows
from ...layers import padded
from ...unfolding import folded
from ..registry import Table
from ..scalars import Int
from ..scope import known_dims, reshape
from ..tensors import Tensor
from ..work import require_few
from .windows import axis_in_windows, batched, for_axes, ints_for_axes

TABLE = Table()


def _windows(
    kernel_size: Sequence[Int], dilation: Sequence[Int], padding: Sequence[Int], stride: Sequence[Int]
) -> tuple[Windows, tuple[int, int]]:
    kernel = ints_for_axes(kernel_size, 2, "the kernel")
    amounts = ints_for_axes(padding, 2, "the padding") * 2
    strides = ints_for_axes(stride, 2, "the stride")
    dilations = ints_for_axes(dilation, 2, "the dilation")
    return Windows(kernel, strides, amounts, dilations), (kernel[0], kernel[1])


def _are_tiles(windows: Windows, sizes: Sequence[Dim]) -> bool:
    """Whether the windows lie side by side and cover everything."""
    is_dense = windows.strides == windows.kernel and set(windows.dilations) == {1} and set(windows.padding) == {0}
    counts = windows.counts(sizes)
    axes = zip(counts, windows.kernel, sizes, strict=True)
    return is_dense and all(known_equal(count * k, size) for count, k, size in axes)


@TABLE.imports("im2col")
def im2col(
    self: Tensor, kernel_size: Sequence[Int], dilation: Sequence[Int], padding: Sequence[Int], stride: Sequence[Int]
) -> Value:
    """[N, C, H, W] to [N, C * kh * kw, windows]."""
    windows, kernel = _windows(kernel_size, dilation, padding, stride)

    def columns(x: Value) -> Value:
        batch, channels, *sizes = x.type.shape
        rows, across = windows.counts(sizes)
        if _are_tiles(windows, sizes):
            taps = reshape(x, (batch, channels, rows, kernel[0], across, kernel[1]))
            taps = tensor.Transpose(taps, (0, 1, 3, 5, 2, 4)).result
        else:
            taps = padded(x, windows)
            for axis, count in ((2, rows), (4, across)):
                place = axis // 2 - 1
                step = windows.strides[place], windows.dilations[place]
                taps = axis_in_windows(taps, axis, kernel[place], *step, count)
            taps = tensor.Transpose(taps, (0, 1, 2, 4, 3, 5)).result
        return reshape(taps, (batch, channels * kernel[0] * kernel[1], rows * across))

    return batched(self.value, 2, columns)


@TABLE.imports("col2im")
def col2im(
    self: Tensor,
    output_size: Sequence[Int],
    kernel_size: Sequence[Int],
    dilation: Sequence[Int],
    padding: Sequence[Int],
    stride: Sequence[Int],
) -> Value:
    """[N, C * kh * kw, windows] to [N, C, *output_size]."""
    windows, kernel = _windows(kernel_size, dilation, padding, stride)
    sizes = known_dims(for_axes(output_size, 2, "the output size"), "the output size")
    x = self.value
    batch: Dim = x.type.shape[0] if x.type.rank == 3 else 1
    taps = kernel[0] * kernel[1]
    channels = x.type.shape[-2] // taps
    rows, across = windows.counts(sizes)
    if _are_tiles(windows, sizes):
        split = reshape(x, (batch, channels, *kernel, rows, across))
        y = tensor.Transpose(split, (0, 1, 4, 2, 5, 3)).result
    else:
        require_few(sum(kernel), "the elements of a window")
        y = folded(reshape(x, (batch, channels * taps, rows * across)), windows, kernel, sizes)
    return reshape(y, ((batch, channels, *sizes) if x.type.rank == 3 else (channels, *sizes)))
