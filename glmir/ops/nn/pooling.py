"""Pools over the spatial axes."""

from collections.abc import Callable

import numpy as np

from ...dims import Dim, is_positive
from ...ir import Array, Value
from ...opdef import constraint, op, op_family
from ...types import TensorType
from ..enums import Layout
from .arrays import along_axis, channels_first, from_channels_first, widen
from .windows import Windowed, Windows, are_positive, as_ints, spatial_sizes, with_spatial


@op_family
class Pool(Windowed):
    """Combines the elements of every window, each channel for itself; subclasses add ``layout`` behind.

    ``padding`` is [low..., high...]; with ``ceil_mode`` a last window may reach beyond it.
    """

    x: Value
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[Dim, ...]
    dilations: tuple[int, ...]
    ceil_mode: bool = False

    @property
    def windows(self) -> Windows:
        return Windows(self.kernel, self.strides, self.padding, self.dilations, self.ceil_mode)

    @constraint
    def kernel_is_positive(self) -> bool:
        """there is a kernel size of at least 1 for every spatial axis"""
        return are_positive(self.kernel, self.spatial_rank)

    @constraint
    def padding_is_small(self) -> bool:
        """the padding is smaller than the dilated kernel"""
        extents = self.windows.extents * 2
        return not any(is_positive(p - extent + 1) for p, extent in zip(self.padding, extents, strict=True))

    @constraint
    def kernel_fits(self) -> bool:
        """the padded input is at least as large as the dilated kernel"""
        return self.windows.fit(spatial_sizes(self.x.type.shape, self.layout))

    def infer(self) -> TensorType:
        shape = self.x.type.shape
        counts = self.windows.counts(spatial_sizes(shape, self.layout))
        return TensorType(self.x.type.dtype, with_spatial(shape[0], self.channels, counts, self.layout))

    def _combine(self, x: Array, combine: Callable[[Array, Array], Array], neutral: object) -> Array:
        """``x`` [N, C, *spatial] with ``combine`` applied over every window, which is done axis by axis."""
        counts = as_ints(self.windows.counts(x.shape[2:]))
        x = self.windows.pad(x, neutral)
        for axis, count in enumerate(counts, 2):
            stride, dilation = self.strides[axis - 2], self.dilations[axis - 2]
            starts = range(0, self.kernel[axis - 2] * dilation, dilation)
            taps = [x[(*[slice(None)] * axis, slice(s, s + (count - 1) * stride + 1, stride))] for s in starts]
            x = taps[0]
            for tap in taps[1:]:
                x = combine(x, tap)
        return x


@op
class MaxPool(Pool):
    """The largest element of every window; padding never is (ONNX MaxPool)

    ```
    %y = nn.max_pool(%x: f32[n, 2, h, 7])
        {kernel = [3, 3], strides = [2, 2], padding = [1, 1, 1, 1], dilations = [1, 1]} : f32[n, 2, (h + 1) // 2, 4]
    ```
    """

    layout: Layout = Layout.NCHW

    @constraint
    def operand_is_numeric(self) -> bool:
        """the operand is not bool"""
        return self.x.type.dtype.is_numeric

    def evaluate(self, x: Array) -> Array:
        image = channels_first(widen(x), self.layout)
        lowest = -np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype.name).min
        return from_channels_first(self._combine(image, np.maximum, lowest), self.layout).astype(x.dtype, copy=False)


@op
class AveragePool(Pool):
    """The mean of every window, over its elements in the input or, with ``count_include_pad``, in the padding too

    A window that reaches beyond the padding (``ceil_mode``) is cut there (ONNX AveragePool).

    ```
    %y = nn.average_pool(%x: f32[n, h, 8, 2]) {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0],
        dilations = [1, 1], ceil_mode = true, layout = nhwc} : f32[n, (h + 1) // 2, 4, 2]
    ```
    """

    count_include_pad: bool = False
    layout: Layout = Layout.NCHW

    @constraint
    def operand_is_float(self) -> bool:
        """the operand is a float tensor"""
        return self.x.type.dtype.is_float

    def evaluate(self, x: Array) -> Array:
        image = channels_first(widen(x), self.layout)
        y = self._combine(image, np.add, 0)
        for axis, size in enumerate(image.shape[2:], 2):
            y = y / along_axis(self._divisors(axis - 2, size).astype(y.dtype), axis, y.ndim)
        return from_channels_first(y, self.layout).astype(x.dtype, copy=False)

    def _divisors(self, axis: int, size: int) -> Array:
        """How many elements every window counts along one spatial axis."""
        windows = self.windows
        (count,) = as_ints((windows.count(axis, size),))
        low, high = as_ints((windows.low[axis], windows.high[axis]))
        starts = np.arange(count) * self.strides[axis] - low
        taps = starts[:, None] + np.arange(self.kernel[axis]) * self.dilations[axis]
        first, end = (-low, size + high) if self.count_include_pad else (0, size)
        # A window of gaps only has nothing to count; its mean is 0.
        return np.asarray(np.maximum(np.sum((taps >= first) & (taps < end), axis=1), 1))
