"""Convolutions and fully connected layers."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from ...dims import Dim, is_positive, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import TensorType
from ..enums import Activation, Layout
from ..math.binary import activate
from .arrays import along_axis, channels_first, from_channels_first, widen
from .windows import Windowed, Windows, as_ints, spatial_sizes, window_extent, with_spatial


@op_family
class Convolution(Windowed):
    """What a convolution and its transpose share; subclasses add ``groups``, ``activation`` and ``layout`` behind."""

    x: Value
    weight: Value
    bias: Value | None
    strides: tuple[int, ...]
    padding: tuple[Dim, ...]
    dilations: tuple[int, ...]

    @property
    def groups(self) -> int:
        raise NotImplementedError

    @property
    def output_channels(self) -> Dim:
        raise NotImplementedError

    @constraint
    def weight_rank_agrees(self) -> bool:
        """the weight has the rank of the input"""
        return self.weight.type.rank == self.x.type.rank

    @constraint
    def dtypes_agree(self) -> bool:
        """the input, the weight and the bias have the same dtype, not bool"""
        dtypes = {v.type.dtype for v in self.operands}
        return len(dtypes) == 1 and self.x.type.dtype.is_numeric

    @constraint
    def groups_are_positive(self) -> bool:
        """there is at least one group"""
        return self.groups >= 1

    @constraint
    def channels_agree(self) -> bool:
        """the input has groups times as many channels as the weight"""
        return not known_different(self.channels, self.groups * self.weight.type.shape[1])

    @constraint
    def groups_divide(self) -> bool:
        """the groups divide the weight's output channels"""
        return not known_different(self.weight.type.shape[0] % self.groups, 0)

    @constraint
    def bias_fits(self) -> bool:
        """the bias has one element for every output channel"""
        return _bias_fits(self.bias, self.output_channels)


def _bias_fits(bias: Value | None, channels: Dim) -> bool:
    return bias is None or (bias.type.rank == 1 and not known_different(bias.type.shape[0], channels))


@op
class Conv(Convolution):
    """Convolution over 1 to 3 spatial axes (ONNX Conv)

    The weight is [O, C / groups, *kernel] in either layout, ``padding`` is [low..., high...].

    ```
    %y = nn.conv(%x: f32[n, 4, h, 7], %w: f32[6, 2, 3, 3], %b: f32[6])
        {strides = [2, 2], padding = [1, 1, 1, 1], dilations = [1, 1], groups = 2} : f32[n, 6, (h + 1) // 2, 4]
    ```
    """

    groups: int = 1
    activation: Activation = Activation.NONE
    layout: Layout = Layout.NCHW

    @property
    def output_channels(self) -> Dim:
        return self.weight.type.shape[0]

    @property
    def windows(self) -> Windows:
        return Windows(self.weight.type.shape[2:], self.strides, self.padding, self.dilations)

    @constraint
    def kernel_fits(self) -> bool:
        """the padded input is at least as large as the dilated kernel"""
        return self.windows.fit(spatial_sizes(self.x.type.shape, self.layout))

    def infer(self) -> TensorType:
        sizes = self.windows.counts(spatial_sizes(self.x.type.shape, self.layout))
        shape = with_spatial(self.x.type.shape[0], self.output_channels, sizes, self.layout)
        return TensorType(self.x.type.dtype, shape)

    def evaluate(self, x: Array, weight: Array, bias: Array | None) -> Array:
        windows = Windows(weight.shape[2:], self.strides, self.padding, self.dilations)
        image, kernel = channels_first(widen(x), self.layout), widen(weight)
        counts = as_ints(windows.counts(image.shape[2:]))
        padded = windows.pad(image, 0)
        if self.groups > 1 and weight.shape[1] == 1:
            y = _convolve_depthwise(padded, kernel, counts, self)
        else:
            y = _convolve(padded, kernel, counts, self)
        return _finish(y, bias, x, self.activation, self.layout)


@op
class ConvTranspose(Convolution):
    """Transposed convolution over 1 to 3 spatial axes (ONNX ConvTranspose)

    The weight is [C, O / groups, *kernel] in either layout; ``padding`` [low..., high...] is cut from the result, which
    ``output_padding`` makes longer at the high end.

    ```
    %y = nn.conv_transpose(%x: f32[n, 4, h, 5], %w: f32[4, 3, 3, 3], %b: f32[3])
        {strides = [2, 2], padding = [1, 1, 1, 1], dilations = [1, 1], output_padding = [1, 1]} : f32[n, 3, 2*h, 10]
    ```
    """

    output_padding: tuple[int, ...]
    groups: int = 1
    activation: Activation = Activation.NONE
    layout: Layout = Layout.NCHW

    @property
    def output_channels(self) -> Dim:
        return self.weight.type.shape[1] * self.groups

    @constraint
    def channels_agree(self) -> bool:
        """the input has as many channels as the weight's first axis"""
        return not known_different(self.channels, self.weight.type.shape[0])

    @constraint
    def groups_divide(self) -> bool:
        """the groups divide the input's channels"""
        return not known_different(self.weight.type.shape[0] % self.groups, 0)

    @constraint
    def output_padding_is_complete(self) -> bool:
        """the output padding has an amount for every spatial axis, none negative"""
        return len(self.output_padding) == self.spatial_rank and all(p >= 0 for p in self.output_padding)

    @constraint
    def result_is_not_empty(self) -> bool:
        """the padding leaves something of the result"""
        return not any(is_positive(-size) for size in self._sizes())

    def _sizes(self) -> list[Dim]:
        sizes = spatial_sizes(self.x.type.shape, self.layout)
        full = _full_sizes(sizes, self.weight.type.shape[2:], self)
        rank = self.spatial_rank
        return [
            f + extra - low - high
            for f, extra, low, high in zip(
                full, self.output_padding, self.padding[:rank], self.padding[rank:], strict=True
            )
        ]

    def infer(self) -> TensorType:
        shape = with_spatial(self.x.type.shape[0], self.output_channels, self._sizes(), self.layout)
        return TensorType(self.x.type.dtype, shape)

    def evaluate(self, x: Array, weight: Array, bias: Array | None) -> Array:
        image, kernel = channels_first(widen(x), self.layout), widen(weight)
        full = _scatter_windows(image, kernel, self)
        rank = self.spatial_rank
        low, high = as_ints(self.padding[:rank]), as_ints(self.padding[rank:])
        stops = [size - h for size, h in zip(full.shape[2:], high, strict=True)]
        y = full[(slice(None), slice(None), *map(slice, low, stops))]
        return _finish(y, bias, x, self.activation, self.layout)


@op
class Linear(Op):
    """Fully connected layer: x [..., in] by the transpose of weight [out, in], plus bias [out]

    ```
    %y = nn.linear(%x: f32[n, 7, 5], %w: f32[3, 5], %b: f32[3]) {activation = relu} : f32[n, 7, 3]
    ```
    """

    x: Value
    weight: Value
    bias: Value | None
    activation: Activation = Activation.NONE

    @constraint
    def input_is_not_scalar(self) -> bool:
        """the input has at least one axis"""
        return self.x.type.rank >= 1

    @constraint
    def weight_is_matrix(self) -> bool:
        """the weight is a matrix"""
        return self.weight.type.rank == 2

    @constraint
    def dtypes_agree(self) -> bool:
        """the input, the weight and the bias have the same dtype, not bool"""
        return len({v.type.dtype for v in self.operands}) == 1 and self.x.type.dtype.is_numeric

    @constraint
    def features_agree(self) -> bool:
        """the input's last axis is as long as the weight's"""
        return not known_different(self.x.type.shape[-1], self.weight.type.shape[1])

    @constraint
    def bias_fits(self) -> bool:
        """the bias has one element for every row of the weight"""
        return _bias_fits(self.bias, self.weight.type.shape[0])

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, (*self.x.type.shape[:-1], self.weight.type.shape[0]))

    def evaluate(self, x: Array, weight: Array, bias: Array | None) -> Array:
        y = np.asarray(np.matmul(widen(x), widen(weight).T))
        if bias is not None:
            y = y + widen(bias)
        return activate(y, self.activation).astype(x.dtype, copy=False)


def _finish(y: Array, bias: Array | None, x: Array, activation: Activation, layout: Layout) -> Array:
    """Adds the bias [O] to ``y`` [N, O, *spatial], applies the activation and gives it x's dtype and layout."""
    if bias is not None:
        y = y + along_axis(widen(bias), 1, y.ndim)
    return from_channels_first(activate(y, activation).astype(x.dtype, copy=False), layout)


def _tap(padded: Array, position: tuple[int, ...], counts: tuple[int, ...], conv: Convolution) -> Array:
    """What the windows see at one position of the kernel: a view [N, C, *counts]."""
    slices = [
        slice(p * d, p * d + (count - 1) * s + 1, s)
        for p, count, s, d in zip(position, counts, conv.strides, conv.dilations, strict=True)
    ]
    return padded[(slice(None), slice(None), *slices)]


def _positions(kernel: Array) -> Iterator[tuple[int, ...]]:
    return itertools.product(*map(range, kernel.shape[2:]))


def _convolve(padded: Array, weight: Array, counts: tuple[int, ...], conv: Conv) -> Array:
    """One matrix product a group over the windows laid out as columns: [N, O, *counts]."""
    columns = np.stack([_tap(padded, p, counts, conv) for p in _positions(weight)], axis=2)
    columns = columns.reshape(len(padded), conv.groups, -1, math.prod(counts))
    rows = weight.reshape(conv.groups, weight.shape[0] // conv.groups, -1)
    return np.asarray(np.matmul(rows, columns)).reshape(len(padded), weight.shape[0], *counts)


def _convolve_depthwise(padded: Array, weight: Array, counts: tuple[int, ...], conv: Conv) -> Array:
    """A group a channel: matrix products would have one row, so that adding up the taps is faster."""
    channels = np.repeat(padded, weight.shape[0] // padded.shape[1], axis=1)
    factors = weight.reshape(weight.shape[0], -1)
    y = np.zeros((padded.shape[0], weight.shape[0], *counts), padded.dtype)
    for index, position in enumerate(_positions(weight)):
        factor = along_axis(factors[:, index], 1, y.ndim)
        y += _tap(channels, position, counts, conv) * factor
    return y


def _full_sizes(sizes: tuple[Dim, ...], kernel: tuple[Dim, ...], conv: ConvTranspose) -> list[Dim]:
    """The sizes that a transposed convolution fills before padding is cut off."""
    return [
        (size - 1) * s + window_extent(k, d)
        for size, k, s, d in zip(sizes, kernel, conv.strides, conv.dilations, strict=True)
    ]


def _scatter_windows(image: Array, weight: Array, conv: ConvTranspose) -> Array:
    """Adds up every input element's window: [N, O, *full], longer by the output padding."""
    batch, channels, *counts = image.shape
    full = as_ints(_full_sizes(tuple(counts), weight.shape[2:], conv))
    grown = [f + extra for f, extra in zip(full, conv.output_padding, strict=True)]
    y = np.zeros((batch, weight.shape[1] * conv.groups, *grown), image.dtype)
    columns = image.reshape(batch, conv.groups, channels // conv.groups, -1)
    grouped = weight.reshape(conv.groups, channels // conv.groups, weight.shape[1], -1)
    # numpy multiplies fast only what is contiguous.
    rows = np.ascontiguousarray(grouped.transpose(3, 0, 2, 1))
    for index, position in enumerate(_positions(weight)):
        part = np.matmul(rows[index], columns).reshape(batch, -1, *counts)
        _tap(y, position, tuple(counts), conv)[...] += part
    return y
