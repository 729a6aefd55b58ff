"""Matrix products, softmax, normalisations."""

import numpy as np

from ....ir import Array
from ....ops import math, nn
from ....passes.patterns import constant_array
from ..graph import Graph, MnnTable
from ..schema_enums import OpType
from ..schema_parameters import Axis, LayerNorm, MatMul, Scale
from .operands import MAX_RANK, elements, is_f32, up_to_rank

TABLE = MnnTable()


def multiplies_computed(op: math.MatMul) -> bool:
    """matrices that are both computed, or a constant one that is not the second"""
    return constant_array(op.y) is None or op.y.type.rank != 2 or op.transpose_x


@TABLE.emits(math.MatMul, when=(is_f32, multiplies_computed, up_to_rank(MAX_RANK)))
def mat_mul(op: math.MatMul, graph: Graph) -> None:
    parameter = MatMul(transpose_a=op.transpose_x, transpose_b=op.transpose_y)
    graph.add(OpType.MAT_MUL, [op.x, op.y], [op.result], parameter)


@TABLE.emits(nn.Softmax, when=(is_f32,))
def softmax(op: nn.Softmax, graph: Graph) -> None:
    graph.add(OpType.SOFTMAX, [op.x], [op.result], Axis(axis=op.axis))


def has_constant_parameters(op: nn.LayerNorm | nn.RmsNorm) -> bool:
    """no scale and bias, or constant ones of one number an element"""
    sizes = op.x.type.shape[op.axis :]
    return all(array is not None and array.shape == sizes for array in _parameters(op))


def _parameters(op: nn.LayerNorm | nn.RmsNorm) -> list[Array | None]:
    given = (op.scale, op.bias) if isinstance(op, nn.LayerNorm) else (op.scale,)
    return [constant_array(v) for v in given if v is not None]


@TABLE.emits(nn.LayerNorm, nn.RmsNorm, when=(is_f32, has_constant_parameters))
def layer_norm(op: nn.LayerNorm | nn.RmsNorm, graph: Graph) -> None:
    """Both the scale and the bias, or neither: the runtime ignores one alone."""
    is_root = isinstance(op, nn.RmsNorm)
    axes = list(range(op.axis - op.x.type.rank, 0))
    parameter = LayerNorm(axis=axes, epsilon=op.epsilon, use_rms_norm=is_root)
    bias = None if isinstance(op, nn.RmsNorm) else constant_array(op.bias)
    scale = constant_array(op.scale)
    if scale is not None or bias is not None:
        parameter.gamma = np.ones_like(bias) if scale is None else scale
        parameter.beta = np.zeros_like(scale) if bias is None else bias
    graph.add(OpType.LAYER_NORM, [op.x], [op.result], parameter)


def has_constant_statistics(op: nn.BatchNorm) -> bool:
    """constant parameters along the second axis"""
    return op.axis == 1 and all(constant_array(v) is not None for v in (op.scale, op.bias, op.mean, op.variance))


@TABLE.emits(nn.BatchNorm, when=(is_f32, has_constant_statistics))
def batch_norm(op: nn.BatchNorm, graph: Graph) -> None:
    factor = elements(op.scale) / np.sqrt(elements(op.variance) + np.float32(op.epsilon))
    offset = elements(op.bias) - elements(op.mean) * factor
    graph.add(OpType.SCALE, [op.x], [op.result], Scale(channels=factor.size, scale_data=factor, bias_data=offset))
