"""Transposed convolutions over data whose channels come last."""

import numpy as np

from ....ops import nn
from ....ops.nn.windows import spatial_sizes
from ....types import DType, TensorType
from ...conditions import has_channels_last, has_static_weight, is_f32
from ..graph import Graph, Operand, TfliteTable
from ..integer_kernels import is_integer_layer
from ..padding import transposed_padding
from ..schema_enums import BuiltinOperator
from ..schema_enums import TensorType as TfliteType
from ..schema_options import AddOptions, MulOptions, ShapeOptions, TransposeConvOptions
from .elementwise import ACTIVATIONS
from .spatial import bias_or_zeros, is_2d
from .weights import transposed

TABLE = TfliteTable()


def has_one_group(op: nn.ConvTranspose) -> bool:
    """one group of channels"""
    return op.groups == 1


def is_not_dilated(op: nn.ConvTranspose) -> bool:
    """a kernel without gaps"""
    return all(d == 1 for d in op.dilations)


def has_tensorflow_padding(op: nn.ConvTranspose) -> bool:
    """padding that is TensorFlow's SAME or VALID"""
    return transposed_padding(op) is not None


@TABLE.emits(
    nn.ConvTranspose,
    when=(
        has_channels_last,
        is_2d,
        is_f32,
        has_static_weight,
        has_one_group,
        is_not_dilated,
        has_tensorflow_padding,
    ),
    stored=is_integer_layer,
)
def transpose_conv(op: nn.ConvTranspose, graph: Graph) -> None:
    padding = transposed_padding(op)
    assert padding is not None
    options = TransposeConvOptions(
        padding=padding,
        stride_h=op.strides[0],
        stride_w=op.strides[1],
        fused_activation_function=ACTIVATIONS[op.activation],
    )
    weight = transposed(op.weight, (1, 2, 3, 0), graph)
    operands = [_output_shape(op, graph), weight, op.x, bias_or_zeros(op)]
    graph.add(BuiltinOperator.TRANSPOSE_CONV, operands, [op.result], options)


def _output_shape(op: nn.ConvTranspose, graph: Graph) -> Operand:
    """The result's shape, computed from the input's when that is not known: every size is affine in the input's."""
    type_ = op.result.type
    if type_.is_static:
        return np.array(type_.static_shape, np.int32)
    vector = TensorType(DType.I32, (4,))
    sizes, scaled, shape = (graph.temporary(vector) for _ in range(3))
    channels = op.weight.type.static_shape[1]
    rests = [
        result - size * stride
        for size, result, stride in zip(
            spatial_sizes(op.x.type.shape, op.layout), spatial_sizes(type_.shape, op.layout), op.strides, strict=True
        )
    ]
    graph.add(BuiltinOperator.SHAPE, [op.x], [sizes], ShapeOptions(out_type=TfliteType.INT32))
    graph.add(BuiltinOperator.MUL, [sizes, np.array([1, *op.strides, 0], np.int32)], [scaled], MulOptions())
    offsets = np.array([0, *rests, channels], np.int32)
    graph.add(BuiltinOperator.ADD, [scaled, offsets], [shape], AddOptions())
    return shape
