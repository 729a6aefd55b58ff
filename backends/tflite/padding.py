"""TensorFlow's two paddings, and what padding amounts they stand for."""

from collections.abc import Sequence

from ...dims import Dim, ceil_div, dim_max, known_equal
from ...ops import nn
from ...ops.nn.windows import Windows
from .schema_enums import Padding


def same_low(size: Dim, extent: Dim, stride: int) -> Dim:
    """How many elements SAME adds before an axis; it adds as many after it, or one more."""
    return dim_max((ceil_div(size, stride) - 1) * stride + extent - size, 0) // 2


def padding_scheme(windows: Windows, sizes: Sequence[Dim]) -> Padding | None:
    """The padding that gives exactly these windows over axes of ``sizes``; None when neither does.

    Only what the windows read counts: high padding that no window reaches is as good as none.
    """
    axes = [(axis, size) for axis, size in enumerate(sizes)]
    if all(_is_valid(windows, axis, size) for axis, size in axes):
        return Padding.VALID
    if all(_is_same(windows, axis, size) for axis, size in axes):
        return Padding.SAME
    return None


def _is_valid(windows: Windows, axis: int, size: Dim) -> bool:
    count = (size - windows.extents[axis]) // windows.strides[axis] + 1
    return windows.low[axis] == 0 and known_equal(windows.count(axis, size), count)


def _is_same(windows: Windows, axis: int, size: Dim) -> bool:
    stride = windows.strides[axis]
    low = same_low(size, windows.extents[axis], stride)
    return known_equal(windows.low[axis], low) and known_equal(windows.count(axis, size), ceil_div(size, stride))


def transposed_padding(op: nn.ConvTranspose) -> Padding | None:
    """The padding with which TRANSPOSE_CONV computes ``op``, its output's shape given; None when neither does.

    The kernels ask that the convolution that is transposed leads from the output's sizes to the input's.
    """
    rank = op.spatial_rank
    axes = list(
        zip(op.weight.type.shape[2:], op.strides, op.padding[:rank], op.padding[rank:], op.output_padding, strict=True)
    )
    if all(low == 0 and high == 0 and extra < stride for _, stride, low, high, extra in axes):
        return Padding.VALID
    # Beyond the output SAME cuts low + high - extra elements off what the windows fill, the smaller half in front.
    if all(
        isinstance(kernel, int)
        and isinstance(low, int)
        and isinstance(high, int)
        and low == (low + high - extra) // 2
        and low + high >= extra
        and 0 <= stride - kernel - extra + low + high < stride
        for kernel, stride, low, high, extra in axes
    ):
        return Padding.SAME
    return None
