"""Convolutions, pools and fully connected layers."""

import numpy as np

from ....dims import ceil_div, known_equal
from ....ir import Array, Value
from ....ops import nn
from ....ops.enums import Activation
from ....ops.nn.windows import spatial_sizes
from ....passes.patterns import constant_array, elements_of
from ...conditions import has_channels_first, has_static_weight, is_f32, is_matrix, is_not_dilated, knows_padding
from ..graph import Graph, MnnTable
from ..schema_enums import AvgPoolCountType, OpType, PoolPadType, PoolType
from ..schema_parameters import Convolution2D, Convolution2DCommon, Pool

TABLE = MnnTable()


def is_2d(op: nn.Convolution | nn.Pool) -> bool:
    """one or two spatial axes"""
    return op.spatial_rank <= 2


def is_image(op: nn.Convolution) -> bool:
    """two spatial axes"""
    return op.spatial_rank == 2


def is_ungrouped(op: nn.Conv | nn.ConvTranspose) -> bool:
    """one group of channels"""
    return op.groups == 1


def has_constant_weight(op: nn.Convolution | nn.Linear) -> bool:
    """a constant weight and bias"""
    return constant_array(op.weight) is not None and (op.bias is None or constant_array(op.bias) is not None)


def is_depthwise(op: nn.Conv) -> bool:
    """a group for every channel, and as many channels in the result"""
    outputs, inputs = op.weight.type.shape[:2]
    return op.groups > 1 and inputs == 1 and outputs == op.groups


def is_depthwise_transpose(op: nn.ConvTranspose) -> bool:
    """a group for every channel, and as many channels in the result"""
    inputs, outputs = op.weight.type.shape[:2]
    return op.groups > 1 and outputs == 1 and inputs == op.groups


def bias_or_zeros(bias: Value | None, channels: int) -> Array:
    return np.zeros(channels, np.float32) if bias is None else elements_of(bias)


def _in_2d(numbers: tuple[int, ...], filler: int) -> tuple[int, int]:
    """(height, width) of one or two spatial axes, the first of which is the height."""
    return (numbers[0], numbers[1] if len(numbers) > 1 else filler)


def _pads(op: nn.Convolution | nn.Pool) -> list[int]:
    """[top, left, bottom, right]"""
    known = tuple(p for p in op.padding if isinstance(p, int))
    half = len(known) // 2
    return [*_in_2d(known[:half], 0), *_in_2d(known[half:], 0)]


def _common(op: nn.Conv | nn.ConvTranspose, inputs: int, outputs: int) -> Convolution2DCommon:
    kernel = _in_2d(op.weight.type.static_shape[2:], 1)
    strides, dilations = _in_2d(op.strides, 1), _in_2d(op.dilations, 1)
    return Convolution2DCommon(
        kernel_y=kernel[0],
        kernel_x=kernel[1],
        stride_y=strides[0],
        stride_x=strides[1],
        dilate_y=dilations[0],
        dilate_x=dilations[1],
        pads=_pads(op),
        group=op.groups,
        input_count=inputs,
        output_count=outputs,
        relu=op.activation is Activation.RELU,
        relu6=op.activation is Activation.RELU6,
    )


_CONV = (has_channels_first, is_2d, is_f32, has_constant_weight, knows_padding)
_GROUPED = (has_channels_first, is_image, is_f32, has_constant_weight, knows_padding)


@TABLE.emits(nn.Conv, when=(*_CONV, is_depthwise))
def convolution_depthwise(op: nn.Conv, graph: Graph) -> None:
    _convolution(op, OpType.CONVOLUTION_DEPTHWISE, graph)


@TABLE.emits(nn.Conv, when=(*_CONV, is_ungrouped))
@TABLE.emits(nn.Conv, when=_GROUPED)
def convolution(op: nn.Conv, graph: Graph) -> None:
    _convolution(op, OpType.CONVOLUTION, graph)


def _convolution(op: nn.Conv, operator: OpType, graph: Graph) -> None:
    weight = elements_of(op.weight)
    common = _common(op, weight.shape[1] * op.groups, weight.shape[0])
    parameter = Convolution2D(common=common, weight=weight, bias=bias_or_zeros(op.bias, weight.shape[0]))
    graph.add(operator, [op.x], [op.result], parameter)


@TABLE.emits(nn.Conv, when=(has_channels_first, is_image, is_f32, is_ungrouped, has_static_weight, knows_padding))
def convolution_of_computed_weight(op: nn.Conv, graph: Graph) -> None:
    outputs, inputs = op.weight.type.static_shape[:2]
    bias = graph.constant(np.zeros(outputs, np.float32)) if op.bias is None else graph.plain(op.bias)
    parameter = Convolution2D(common=_common(op, inputs, outputs))
    graph.add(OpType.CONVOLUTION, [op.x, graph.plain(op.weight), bias], [op.result], parameter)


@TABLE.emits(nn.ConvTranspose, when=(*_CONV, is_ungrouped))
def deconvolution(op: nn.ConvTranspose, graph: Graph) -> None:
    _deconvolution(op, OpType.DECONVOLUTION, graph)


@TABLE.emits(nn.ConvTranspose, when=(*_CONV, is_depthwise_transpose))
def deconvolution_depthwise(op: nn.ConvTranspose, graph: Graph) -> None:
    _deconvolution(op, OpType.DECONVOLUTION_DEPTHWISE, graph)


def _deconvolution(op: nn.ConvTranspose, operator: OpType, graph: Graph) -> None:
    weight = elements_of(op.weight)
    outputs = weight.shape[1] * op.groups
    common = _common(op, weight.shape[0], outputs)
    if any(op.output_padding):
        common.out_pads = list(_in_2d(op.output_padding, 0))
    parameter = Convolution2D(common=common, weight=weight, bias=bias_or_zeros(op.bias, outputs))
    graph.add(operator, [op.x], [op.result], parameter)


@TABLE.emits(nn.Linear, when=(is_matrix, is_f32, has_constant_weight))
def fully_connected(op: nn.Linear, graph: Graph) -> None:
    """A convolution of 1 x 1: a matrix is a batch of images of one pixel."""
    weight = elements_of(op.weight)
    outputs, inputs = weight.shape
    common = Convolution2DCommon(
        pads=[0, 0, 0, 0],
        input_count=inputs,
        output_count=outputs,
        relu=op.activation is Activation.RELU,
        relu6=op.activation is Activation.RELU6,
    )
    parameter = Convolution2D(common=common, weight=weight, bias=bias_or_zeros(op.bias, outputs))
    graph.add(OpType.CONVOLUTION, [op.x], [op.result], parameter)


def rounds_up_natively(op: nn.Pool) -> bool:
    """windows of which none starts beyond the data"""
    if not op.ceil_mode:
        return True
    sizes, windows = spatial_sizes(op.x.type.shape, op.layout), op.windows
    rooms = (s + low + high - k for s, low, high, k in zip(sizes, windows.low, windows.high, op.kernel, strict=True))
    counts = (ceil_div(room, stride) + 1 for room, stride in zip(rooms, op.strides, strict=True))
    return all(map(known_equal, counts, windows.counts(sizes)))


_POOL = (has_channels_first, is_2d, is_f32, is_not_dilated, knows_padding, rounds_up_natively)


def _pool(op: nn.Pool, pool_type: PoolType) -> Pool:
    kernel, strides = _in_2d(op.kernel, 1), _in_2d(op.strides, 1)
    return Pool(
        kernel_y=kernel[0],
        kernel_x=kernel[1],
        stride_y=strides[0],
        stride_x=strides[1],
        pads=_pads(op),
        type=pool_type,
        pad_type=PoolPadType.CAFFE,
        ceil_model=op.ceil_mode,
    )


@TABLE.emits(nn.MaxPool, when=_POOL)
def max_pool(op: nn.MaxPool, graph: Graph) -> None:
    graph.add(OpType.POOLING, [op.x], [op.result], _pool(op, PoolType.MAXPOOL))


def counts_alike_on_both_sides(op: nn.AveragePool) -> bool:
    """means over the elements of the input only, or as much padding on either side"""
    half = len(op.padding) // 2
    return not op.count_include_pad or op.padding[:half] == op.padding[half:]


@TABLE.emits(nn.AveragePool, when=(*_POOL, counts_alike_on_both_sides))
def average_pool(op: nn.AveragePool, graph: Graph) -> None:
    parameter = _pool(op, PoolType.AVEPOOL)
    counts_padding = op.count_include_pad
    parameter.count_type = AvgPoolCountType.INCLUDE_PADDING if counts_padding else AvgPoolCountType.EXCLUDE_PADDING
    graph.add(OpType.POOLING, [op.x], [op.result], parameter)
