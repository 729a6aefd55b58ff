"""Convolutions and transposed convolutions."""

from collections.abc import Sequence

from ....dims import Dim
from ....ir import Value
from ....ops import nn, tensor
from ..registry import Table
from ..scalars import Int
from ..scope import known_int, known_ints, require_fixed
from ..tensors import Tensor, Unsupported
from .windows import batched, dims_for_axes, ints_for_axes

TABLE = Table()


def _bias(bias: Tensor | None) -> Value | None:
    return None if bias is None else bias.value


def _spatial_rank(weight: Tensor) -> int:
    if not 3 <= weight.rank <= 5:
        raise Unsupported(f"its weight {weight.type} has {weight.rank - 2} spatial axes; 1 to 3 are supported")
    return weight.rank - 2


def convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[Int],
    padding: Sequence[Int] | str,
    dilation: Sequence[Int],
    groups: Int,
) -> Value:
    """A convolution with the same padding at both ends, or the padding that ``same`` or ``valid`` stands for."""
    rank = _spatial_rank(weight)
    strides = ints_for_axes(stride, rank, "the stride")
    dilations = ints_for_axes(dilation, rank, "the dilation")
    if isinstance(padding, str):
        amounts = _named_padding(padding, weight.shape[2:], strides, dilations)
    else:
        amounts = dims_for_axes(padding, rank, "the padding") * 2
    count = known_int(groups, "the number of groups")
    if x.rank > rank:
        require_fixed(x.value, -rank - 1, weight.shape[1] * count, "batch, channels, height, width")
    return batched(
        x.value,
        rank,
        lambda image: nn.Conv(image, weight.value, _bias(bias), strides, amounts, dilations, count).result,
    )


def _named_padding(
    mode: str, kernel: tuple[Dim, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[Dim, ...]:
    """[low..., high...]; an odd element goes to the high end."""
    if mode == "valid":
        return (0,) * 2 * len(kernel)
    if mode != "same":
        raise Unsupported(f"the padding {mode} is not known")
    if any(s != 1 for s in strides):
        raise Unsupported("padding='same' is not defined for strided convolutions")
    totals = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    low = [total // 2 for total in totals]
    return (*low, *(total - half for total, half in zip(totals, low, strict=True)))


def convolved_transposed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[Int],
    padding: Sequence[Int],
    output_padding: Sequence[Int],
    groups: Int,
    dilation: Sequence[Int],
) -> Value:
    rank = _spatial_rank(weight)
    strides = ints_for_axes(stride, rank, "the stride")
    dilations = ints_for_axes(dilation, rank, "the dilation")
    amounts = dims_for_axes(padding, rank, "the padding") * 2
    extra = ints_for_axes(output_padding, rank, "the output padding")
    count = known_int(groups, "the number of groups")
    return batched(
        x.value,
        rank,
        lambda image: (
            nn.ConvTranspose(image, weight.value, _bias(bias), strides, amounts, dilations, extra, count).result
        ),
    )


@TABLE.imports("conv1d", "conv2d", "conv3d")
def conv(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[Int] = (1,),
    padding: Sequence[Int] | str = (0,),
    dilation: Sequence[Int] = (1,),
    groups: Int = 1,
) -> Value:
    return convolved(input, weight, bias, stride, padding, dilation, groups)


@TABLE.imports("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[Int] = (1,),
    padding: Sequence[Int] = (0,),
    output_padding: Sequence[Int] = (0,),
    groups: Int = 1,
    dilation: Sequence[Int] = (1,),
) -> Value:
    return convolved_transposed(input, weight, bias, stride, padding, output_padding, groups, dilation)


@TABLE.imports("convolution", "convolution_overrideable")
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[Int],
    padding: Sequence[Int],
    dilation: Sequence[Int],
    transposed: bool,
    output_padding: Sequence[Int],
    groups: Int,
) -> Value:
    if transposed:
        return convolved_transposed(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return convolved(input, weight, bias, stride, padding, dilation, groups)


@TABLE.imports("_convolution")
def convolution_with_flags(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[Int],
    padding: Sequence[Int],
    dilation: Sequence[Int],
    transposed: bool,
    output_padding: Sequence[Int],
    groups: Int,
    benchmark: object = False,
    deterministic: object = False,
    cudnn_enabled: object = False,
    allow_tf32: object = False,
) -> Value:
    """Traces of PyTorch before 1.7 pass three flags, later ones four."""
    return convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)


@TABLE.imports("_convolution_mode")
def convolution_mode(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[Int],
    padding: str,
    dilation: Sequence[Int],
    groups: Int,
) -> Value:
    return convolved(input, weight, bias, stride, padding, dilation, groups)


@TABLE.imports("mkldnn_convolution")
def mkldnn_convolution(
    self: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: Sequence[Int],
    stride: Sequence[Int],
    dilation: Sequence[Int],
    groups: Int,
) -> Value:
    return convolved(self, weight, bias, stride, padding, dilation, groups)


@TABLE.imports("cudnn_convolution")
def cudnn_convolution(
    self: Tensor,
    weight: Tensor,
    padding: Sequence[Int],
    stride: Sequence[Int],
    dilation: Sequence[Int],
    groups: Int,
    benchmark: object,
    deterministic: object,
    allow_tf32: object,
) -> Value:
    return convolved(self, weight, None, stride, padding, dilation, groups)


@TABLE.imports("thnn_conv2d", "_slow_conv2d_forward", "slow_conv3d")
def dense_conv(
    self: Tensor,
    weight: Tensor,
    kernel_size: object,
    bias: Tensor | None = None,
    stride: Sequence[Int] = (1,),
    padding: Sequence[Int] = (0,),
) -> Value:
    return convolved(self, weight, bias, stride, padding, (1,), 1)


@TABLE.imports("slow_conv_dilated2d", "slow_conv_dilated3d")
def dilated_conv(
    self: Tensor,
    weight: Tensor,
    kernel_size: object,
    bias: Tensor | None = None,
    stride: Sequence[Int] = (1,),
    padding: Sequence[Int] = (0,),
    dilation: Sequence[Int] = (1,),
) -> Value:
    return convolved(self, weight, bias, stride, padding, dilation, 1)


@TABLE.imports("_conv_depthwise2d", "conv_depthwise3d")
def depthwise_conv(
    self: Tensor,
    weight: Tensor,
    kernel_size: object,
    bias: Tensor | None,
    stride: Sequence[Int],
    padding: Sequence[Int],
    dilation: Sequence[Int],
) -> Value:
    channels = self.shape[1 if self.rank == weight.rank else 0]
    return convolved(self, weight, bias, stride, padding, dilation, channels)


@TABLE.imports("slow_conv_transpose2d", "slow_conv_transpose3d")
def slow_conv_transpose(
    self: Tensor,
    weight: Tensor,
    kernel_size: object,
    bias: Tensor | None = None,
    stride: Sequence[Int] = (1,),
    padding: Sequence[Int] = (0,),
    output_padding: Sequence[Int] = (0,),
    dilation: Sequence[Int] = (1,),
) -> Value:
    return convolved_transposed(self, weight, bias, stride, padding, output_padding, 1, dilation)


@TABLE.imports("conv_tbc")
def conv_tbc(self: Tensor, weight: Tensor, bias: Tensor, pad: Int = 0) -> Value:
    """Convolution of [time, batch, channels] with a weight [kernel, channels, features]."""
    (amount,) = known_ints((pad,), "the padding")
    x = tensor.Transpose(self.value, (1, 2, 0)).result
    kernel = tensor.Transpose(weight.value, (2, 1, 0)).result
    y = nn.Conv(x, kernel, bias.value, (1,), (amount, amount), (1,)).result
    return tensor.Transpose(y, (2, 0, 1)).result
