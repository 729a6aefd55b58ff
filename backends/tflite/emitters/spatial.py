"""Convolutions and pools over data whose channels come last."""

import numpy as np

from ....ops import nn
from ....ops.nn.windows import spatial_sizes
from ....types import DType, QuantizedType, TensorType
from ...conditions import has_channels_last, has_static_weight, is_f32, is_not_dilated
from ..graph import Graph, Operand, StoredArray, TfliteTable
from ..integer_kernels import I8, I16, is_integer_layer, is_integer_or_dynamic_layer, with_one_scale
from ..padding import padding_scheme
from ..schema_enums import BuiltinOperator, Padding
from ..schema_options import Conv2DOptions, Conv3DOptions, DepthwiseConv2DOptions, Pool2DOptions
from .elementwise import ACTIVATIONS
from .weights import transposed

TABLE = TfliteTable()


def is_2d(op: nn.Convolution | nn.Pool) -> bool:
    """two spatial axes"""
    return op.spatial_rank == 2


def is_3d(op: nn.Conv) -> bool:
    """three spatial axes"""
    return op.spatial_rank == 3


def has_one_group(op: nn.Conv) -> bool:
    """one group of channels"""
    return op.groups == 1


def is_depthwise(op: nn.Conv) -> bool:
    """a group for every channel"""
    return op.groups > 1 and op.weight.type.shape[1] == 1


def has_tensorflow_padding(op: nn.Conv | nn.MaxPool | nn.AveragePool) -> bool:
    """padding that is TensorFlow's SAME or VALID"""
    return _padding(op) is not None


def counts_as_tensorflow_does(op: nn.AveragePool) -> bool:
    """means over the elements of the input only"""
    return not op.count_include_pad or _padding(op) is Padding.VALID


def _padding(op: nn.Conv | nn.MaxPool | nn.AveragePool) -> Padding | None:
    return padding_scheme(op.windows, spatial_sizes(op.x.type.shape, op.layout))


def _known_padding(op: nn.Conv | nn.MaxPool | nn.AveragePool) -> Padding:
    padding = _padding(op)
    assert padding is not None
    return padding


def bias_or_zeros(op: nn.Convolution) -> Operand:
    """The bias, or zeros: XNNPACK takes no convolution without."""
    if op.bias is not None:
        return op.bias
    channels = op.output_channels
    assert isinstance(channels, int)
    x, weight = op.x.type.quantization, op.weight.type.quantization
    if x is None or weight is None:
        return np.zeros(channels, np.float32)
    storage = DType.I32 if x.storage is I8 else DType.I64
    scales = tuple(x.scales[0] * s for s in weight.scales)
    quantization = QuantizedType(storage, scales, (), None if len(scales) == 1 else 0)
    return StoredArray(np.zeros(channels, storage.numpy), TensorType(op.x.type.dtype, (channels,), quantization))


@TABLE.emits(
    nn.Conv,
    when=(has_channels_last, is_2d, is_f32, has_static_weight, is_depthwise, has_tensorflow_padding),
    stored=is_integer_layer,
)
def depthwise_conv_2d(op: nn.Conv, graph: Graph) -> None:
    options = DepthwiseConv2DOptions(
        padding=_known_padding(op),
        stride_h=op.strides[0],
        stride_w=op.strides[1],
        depth_multiplier=op.weight.type.static_shape[0] // op.groups,
        fused_activation_function=ACTIVATIONS[op.activation],
        dilation_h_factor=op.dilations[0],
        dilation_w_factor=op.dilations[1],
    )
    weight = transposed(op.weight, (1, 2, 3, 0), graph)
    graph.add(BuiltinOperator.DEPTHWISE_CONV_2D, [op.x, weight, bias_or_zeros(op)], [op.result], options)


@TABLE.emits(
    nn.Conv,
    when=(has_channels_last, is_2d, is_f32, has_static_weight, has_tensorflow_padding),
    stored=is_integer_or_dynamic_layer,
)
def conv_2d(op: nn.Conv, graph: Graph) -> None:
    options = Conv2DOptions(
        padding=_known_padding(op),
        stride_h=op.strides[0],
        stride_w=op.strides[1],
        fused_activation_function=ACTIVATIONS[op.activation],
        dilation_h_factor=op.dilations[0],
        dilation_w_factor=op.dilations[1],
    )
    weight = transposed(op.weight, (0, 2, 3, 1), graph)
    graph.add(BuiltinOperator.CONV_2D, [op.x, weight, bias_or_zeros(op)], [op.result], options)


@TABLE.emits(nn.Conv, when=(has_channels_last, is_3d, is_f32, has_static_weight, has_one_group, has_tensorflow_padding))
def conv_3d(op: nn.Conv, graph: Graph) -> None:
    options = Conv3DOptions(
        padding=_known_padding(op),
        stride_d=op.strides[0],
        stride_h=op.strides[1],
        stride_w=op.strides[2],
        fused_activation_function=ACTIVATIONS[op.activation],
        dilation_d_factor=op.dilations[0],
        dilation_h_factor=op.dilations[1],
        dilation_w_factor=op.dilations[2],
    )
    weight = transposed(op.weight, (2, 3, 4, 1, 0), graph)
    graph.add(BuiltinOperator.CONV_3D, [op.x, weight, bias_or_zeros(op)], [op.result], options)


def _pool_options(op: nn.MaxPool | nn.AveragePool) -> Pool2DOptions:
    return Pool2DOptions(
        padding=_known_padding(op),
        stride_h=op.strides[0],
        stride_w=op.strides[1],
        filter_height=op.kernel[0],
        filter_width=op.kernel[1],
    )


@TABLE.emits(
    nn.MaxPool,
    when=(has_channels_last, is_2d, is_f32, is_not_dilated, has_tensorflow_padding),
    stored=with_one_scale(I8, I16),
)
def max_pool_2d(op: nn.MaxPool, graph: Graph) -> None:
    graph.add(BuiltinOperator.MAX_POOL_2D, [op.x], [op.result], _pool_options(op))


@TABLE.emits(
    nn.AveragePool,
    when=(has_channels_last, is_2d, is_f32, is_not_dilated, has_tensorflow_padding, counts_as_tensorflow_does),
    stored=with_one_scale(I8, I16),
)
def average_pool_2d(op: nn.AveragePool, graph: Graph) -> None:
    graph.add(BuiltinOperator.AVERAGE_POOL_2D, [op.x], [op.result], _pool_options(op))
