"""Normalizations, in the form that inference runs."""

import numpy as np

from ...dims import Dim, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import Shape, TensorType
from ..enums import Layout
from ..families import AlongAxis
from .arrays import along_axis, channels_first, from_channels_first, widen


@op_family
class Normalization(Op):
    """A layer whose result has the type of x; all operands are floats of one dtype."""

    x: Value

    @constraint
    def operands_are_floats(self) -> bool:
        """the operands are float tensors of one dtype"""
        return len({v.type.dtype for v in self.operands}) == 1 and self.x.type.dtype.is_float

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)


@op_family
class AxisNormalization(AlongAxis, Normalization):
    """A normalization along an axis, or from it on."""


def _are_vectors(parameters: tuple[Value, ...], length: Dim) -> bool:
    return all(p.type.rank == 1 and not known_different(p.type.shape[0], length) for p in parameters)


@op
class BatchNorm(AxisNormalization):
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, with parameters [C] along an axis

    ```
    %y = nn.batch_norm(%x: f32[n, 3, 4, 4], %scale: f32[3], %bias: f32[3], %mean: f32[3], %variance: f32[3])
        {epsilon = 1e-05} : f32[n, 3, 4, 4]
    ```
    """

    scale: Value
    bias: Value
    mean: Value
    variance: Value
    epsilon: float
    axis: int = 1

    @constraint
    def parameters_fit(self) -> bool:
        """scale, bias, mean and variance have one element for every index of the axis"""
        return _are_vectors((self.scale, self.bias, self.mean, self.variance), self.x.type.shape[self.axis])

    def evaluate(self, x: Array, scale: Array, bias: Array, mean: Array, variance: Array) -> Array:
        factor = widen(scale) / np.sqrt(widen(variance) + self.epsilon)
        offset = widen(bias) - widen(mean) * factor
        y = widen(x) * along_axis(factor, self.axis, x.ndim) + along_axis(offset, self.axis, x.ndim)
        return np.asarray(y).astype(x.dtype, copy=False)


def _fits_trailing(parameter: Value | None, shape: Shape) -> bool:
    """Whether ``parameter`` is absent or broadcasts to ``shape``."""
    if parameter is None:
        return True
    own = parameter.type.shape
    trailing = shape[len(shape) - len(own) :]
    return len(own) <= len(shape) and not any(
        d != 1 and known_different(d, t) for d, t in zip(own, trailing, strict=True)
    )


@op
class LayerNorm(AxisNormalization):
    """Every slice over the axes from ``axis`` on brought to mean 0 and variance 1, then scaled and shifted

    Ba, Kiros and Hinton, "Layer Normalization", arXiv:1607.06450.

    ```
    %y = nn.layer_norm(%x: f32[n, 7, 8], %scale: f32[8], %bias: f32[8])
        {axis = 2, epsilon = 1e-05} : f32[n, 7, 8]
    ```
    """

    scale: Value | None
    bias: Value | None
    axis: int
    epsilon: float

    @constraint
    def scale_fits(self) -> bool:
        """the scale broadcasts to the normalized axes"""
        return _fits_trailing(self.scale, self.x.type.shape[self.axis :])

    @constraint
    def bias_fits(self) -> bool:
        """the bias broadcasts to the normalized axes"""
        return _fits_trailing(self.bias, self.x.type.shape[self.axis :])

    def evaluate(self, x: Array, scale: Array | None, bias: Array | None) -> Array:
        y = _standardize(widen(x), tuple(range(self.axis, x.ndim)), self.epsilon)
        if scale is not None:
            y = y * widen(scale)
        if bias is not None:
            y = y + widen(bias)
        return y.astype(x.dtype, copy=False)


@op
class RmsNorm(AxisNormalization):
    """Every slice over the axes from ``axis`` on divided by its root mean square, then scaled

    Zhang and Sennrich, "Root Mean Square Layer Normalization", arXiv:1910.07467.

    ```
    %y = nn.rms_norm(%x: f32[n, 7, 8], %scale: f32[8]) {axis = 2, epsilon = 1e-06} : f32[n, 7, 8]
    ```
    """

    scale: Value | None
    axis: int
    epsilon: float

    @constraint
    def scale_fits(self) -> bool:
        """the scale broadcasts to the normalized axes"""
        return _fits_trailing(self.scale, self.x.type.shape[self.axis :])

    def evaluate(self, x: Array, scale: Array | None) -> Array:
        wide = widen(x)
        axes = tuple(range(self.axis, x.ndim))
        y = wide / np.sqrt(np.mean(np.square(wide), axis=axes, keepdims=True) + self.epsilon)
        if scale is not None:
            y = y * widen(scale)
        return np.asarray(y).astype(x.dtype, copy=False)


def _standardize(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """``x`` with mean 0 and variance 1 over ``axes``."""
    centred = x - np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(np.square(centred), axis=axes, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + epsilon))


@op_family
class ChannelNormalization(Normalization):
    """A normalization with a scale [C] and a bias [C]; subclasses add ``layout`` behind."""

    scale: Value
    bias: Value

    @property
    def layout(self) -> Layout:
        raise NotImplementedError

    @property
    def channels(self) -> Dim:
        return self.x.type.shape[self.layout.channel_axis(self.x.type.rank)]

    @constraint
    def input_has_channels(self) -> bool:
        """the input has a batch axis and a channel axis"""
        return self.x.type.rank >= 2

    @constraint
    def parameters_fit(self) -> bool:
        """scale and bias have one element for every channel"""
        return _are_vectors((self.scale, self.bias), self.channels)

    def _normalize(self, x: Array, scale: Array, bias: Array, groups: int, epsilon: float) -> Array:
        """Standardizes every one of ``groups`` runs of channels, all positions together."""
        image = channels_first(widen(x), self.layout)
        grouped = image.reshape(image.shape[0], groups, np.prod(image.shape[1:], dtype=int) // groups)
        y = _standardize(grouped, (2,), epsilon).reshape(image.shape)
        y = y * along_axis(widen(scale), 1, x.ndim) + along_axis(widen(bias), 1, x.ndim)
        return from_channels_first(y, self.layout).astype(x.dtype, copy=False)


@op
class InstanceNorm(ChannelNormalization):
    """Every channel of every image brought to mean 0 and variance 1, then scaled and shifted

    ```
    %y = nn.instance_norm(%x: f32[n, 3, h, 4], %scale: f32[3], %bias: f32[3])
        {epsilon = 1e-05} : f32[n, 3, h, 4]
    ```
    """

    epsilon: float
    layout: Layout = Layout.NCHW

    def evaluate(self, x: Array, scale: Array, bias: Array) -> Array:
        return self._normalize(x, scale, bias, scale.shape[0], self.epsilon)


@op
class GroupNorm(ChannelNormalization):
    """Every group of channels of every image brought to mean 0 and variance 1, then scaled and shifted

    Wu and He, "Group Normalization", arXiv:1803.08494.

    ```
    %y = nn.group_norm(%x: f32[n, 6, h, 4], %scale: f32[6], %bias: f32[6])
        {groups = 2, epsilon = 1e-05} : f32[n, 6, h, 4]
    ```
    """

    groups: int
    epsilon: float
    layout: Layout = Layout.NCHW

    @constraint
    def groups_divide(self) -> bool:
        """the groups divide the channels"""
        return self.groups >= 1 and not known_different(self.channels % self.groups, 0)

    def evaluate(self, x: Array, scale: Array, bias: Array) -> Array:
        return self._normalize(x, scale, bias, self.groups, self.epsilon)


@op
class LocalResponseNorm(Normalization):
    """x / (bias + alpha / size * s) ** beta, s the sum of squares over ``size`` neighbouring channels (ONNX LRN)

    ```
    %y = nn.local_response_norm(%x: f32[n, 6, 4, 4])
        {size = 3, alpha = 0.0001, beta = 0.75, bias = 1.0} : f32[n, 6, 4, 4]
    ```
    """

    size: int
    alpha: float
    beta: float
    bias: float
    layout: Layout = Layout.NCHW

    @constraint
    def input_has_channels(self) -> bool:
        """the input has a batch axis and a channel axis"""
        return self.x.type.rank >= 2

    @constraint
    def size_is_positive(self) -> bool:
        """the size is at least 1"""
        return self.size >= 1

    def evaluate(self, x: Array) -> Array:
        image = channels_first(widen(x), self.layout)
        channels, before = image.shape[1], (self.size - 1) // 2
        around = [(0, 0), (before, self.size - 1 - before), *[(0, 0)] * (image.ndim - 2)]
        squares = np.pad(np.square(image), around)
        total = squares[:, :channels]
        for offset in range(1, self.size):
            total = total + squares[:, offset : offset + channels]
        y = image / (self.bias + self.alpha / self.size * total) ** self.beta
        return from_channels_first(np.asarray(y), self.layout).astype(x.dtype, copy=False)
