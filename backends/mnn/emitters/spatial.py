"""Convolutions, pools and fully connected layers."""

import numpy as np

from ....dims import ceil_div, known_equal
from ....ir import Array, Value
from ....ops import nn, tensor
from ....ops.enums import Activation
from ....ops.nn.windows import spatial_sizes
from ....passes.patterns import constant_array, elements_of, is_constant
from ...conditions import has_channels_first, has_static_weight, is_f32, is_matrix, is_not_dilated, knows_padding
from ..graph import Graph, MnnTable
from ..quantized import describe_tensor, is_byte_tensor, pack_weight, packed_halves, row_spread
from ..schema_enums import AvgPoolCountType, OpType, PoolPadType, PoolType
from ..schema_parameters import Convolution2D, Convolution2DCommon, Pool, QuantizedFloatParam
from ..sparse import sparse_weight
from .sparse import is_stored_sparse

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
    return (is_constant(op.weight) or is_stored_sparse(op.weight)) and (op.bias is None or is_constant(op.bias))


def is_depthwise(op: nn.Conv) -> bool:
    """a group for every channel, and as many channels in the result"""
    outputs, inputs = op.weight.type.shape[:2]
    return op.groups > 1 and inputs == 1 and outputs == op.groups


def is_depthwise_transpose(op: nn.ConvTranspose) -> bool:
    """a group for every channel, and as many channels in the result"""
    inputs, outputs = op.weight.type.shape[:2]
    return op.groups > 1 and outputs == 1 and inputs == op.groups


def mixes_channels(op: nn.Conv) -> bool:
    """several channels in a group, or more results of each than there are groups, or a compressed weight"""
    # The runtime computes group by group: depthwise convolutions, one for each result of a channel, are fewer then.
    outputs, inputs = op.weight.type.static_shape[:2]
    is_plain = constant_array(op.weight) is not None and (op.bias is None or constant_array(op.bias) is not None)
    return inputs > 1 or outputs > op.groups**2 or not is_plain


Layer = nn.Conv | nn.ConvTranspose | nn.Linear


def has_packed_weight(op: Layer) -> bool:
    """float data, and a weight of at most 8 bits with scales of whole rows"""
    others = (op.x, op.result, *(() if op.bias is None else (op.bias,)))
    return all(v.type.quantization is None for v in others) and row_spread(op.weight.type) is not None


def has_native_integers(op: Layer) -> bool:
    """data and result of 8 bits with one scale, and a weight without zero points; or all floats but the weight"""
    if has_packed_weight(op):
        return True
    # How many rows there are besides, kernels of integers do not ask.
    weight = op.weight.type.quantization
    is_simple = weight is not None and weight.block is None and weight.axis in (None, 0) and not weight.zero_points
    is_signed = is_simple and op.weight.type.stored.is_signed_integer and row_spread(op.weight.type) is not None
    return is_signed and is_byte_tensor(op.x.type) and is_byte_tensor(op.result.type)


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


@TABLE.emits(nn.Conv, when=(*_CONV, is_depthwise), stored=has_native_integers)
def convolution_depthwise(op: nn.Conv, graph: Graph) -> None:
    _convolution(op, OpType.CONVOLUTION_DEPTHWISE, graph)


@TABLE.emits(nn.Conv, when=(*_CONV, is_ungrouped), stored=has_native_integers)
@TABLE.emits(nn.Conv, when=(*_GROUPED, mixes_channels), stored=has_packed_weight)
def convolution(op: nn.Conv, graph: Graph) -> None:
    _convolution(op, OpType.CONVOLUTION, graph)


def _convolution(op: nn.Conv, operator: OpType, graph: Graph) -> None:
    outputs, inputs = op.weight.type.static_shape[:2]
    parameter = _with_weight(Convolution2D(common=_common(op, inputs * op.groups, outputs)), op, outputs)
    graph.add(operator, [op.x], [op.result], parameter)


def _with_weight(parameter: Convolution2D, op: Layer, outputs: int) -> Convolution2D:
    """The parameter with the layer's weight, as floats or packed integers, and its bias, which are floats always."""
    parameter.bias = bias_or_zeros(op.bias, outputs)
    if is_stored_sparse(op.weight):
        parameter.quan_parameter, parameter.sparse_parameter = sparse_weight(elements_of(op.weight))
        return parameter
    weight = op.weight.owner
    assert isinstance(weight, tensor.Constant)
    if op.weight.type.quantization is None:
        parameter.quan_parameter = packed_halves(weight.value.array)
        if parameter.quan_parameter is None:
            parameter.weight = weight.value.array
        return parameter
    is_float = op.x.type.quantization is None
    parameter.quan_parameter = packed = pack_weight(op.weight.type, weight.value.array, fewest_bits=is_float)
    if not is_float:
        before, after = describe_tensor(op.x), describe_tensor(op.result)
        packed.scale_in, packed.scale_out = before.scale, after.scale
        parameter.symmetric_quan = QuantizedFloatParam(
            zero_point=int(before.zero),
            output_zero_point=int(after.zero),
            clamp_min=int(after.min),
            clamp_max=int(after.max),
        )
    return parameter


@TABLE.emits(nn.Conv, when=(has_channels_first, is_image, is_f32, is_ungrouped, has_static_weight, knows_padding))
def convolution_of_computed_weight(op: nn.Conv, graph: Graph) -> None:
    outputs, inputs = op.weight.type.static_shape[:2]
    bias = graph.constant(np.zeros(outputs, np.float32)) if op.bias is None else graph.plain(op.bias)
    parameter = Convolution2D(common=_common(op, inputs, outputs))
    graph.add(OpType.CONVOLUTION, [op.x, graph.plain(op.weight), bias], [op.result], parameter)


@TABLE.emits(nn.ConvTranspose, when=(*_CONV, is_ungrouped), stored=has_packed_weight)
def deconvolution(op: nn.ConvTranspose, graph: Graph) -> None:
    _deconvolution(op, OpType.DECONVOLUTION, graph)


@TABLE.emits(nn.ConvTranspose, when=(*_CONV, is_depthwise_transpose), stored=has_packed_weight)
def deconvolution_depthwise(op: nn.ConvTranspose, graph: Graph) -> None:
    _deconvolution(op, OpType.DECONVOLUTION_DEPTHWISE, graph)


def _deconvolution(op: nn.ConvTranspose, operator: OpType, graph: Graph) -> None:
    inputs, per_group = op.weight.type.static_shape[:2]
    outputs = per_group * op.groups
    common = _common(op, inputs, outputs)
    if any(op.output_padding):
        common.out_pads = list(_in_2d(op.output_padding, 0))
    graph.add(operator, [op.x], [op.result], _with_weight(Convolution2D(common=common), op, outputs))


@TABLE.emits(nn.Linear, when=(is_matrix, is_f32, has_constant_weight), stored=has_native_integers)
def fully_connected(op: nn.Linear, graph: Graph) -> None:
    """A convolution of 1 x 1: a matrix is a batch of images of one pixel."""
    outputs, inputs = op.weight.type.static_shape
    common = Convolution2DCommon(
        pads=[0, 0, 0, 0],
        input_count=inputs,
        output_count=outputs,
        relu=op.activation is Activation.RELU,
        relu6=op.activation is Activation.RELU6,
    )
    parameter = _with_weight(Convolution2D(common=common), op, outputs)
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
