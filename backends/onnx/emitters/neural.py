"""Matrix products, normalisations, softmax, resampling."""

import numpy as np

from ....dims import known_equal
from ....ops import math, nn, quant
from ....passes.patterns import is_compressed
from ....types import DType
from ...conditions import (
    counts_in_i64,
    has_channels_first,
    has_four_axes,
    has_no_activation,
    is_along_last_axis,
    is_matrix,
)
from ..graph import Graph, OnnxTable, Operand
from .operands import emits

TABLE = OnnxTable()


def is_not_transposed(op: math.MatMul) -> bool:
    """operands that are not transposed"""
    return not op.transpose_x and not op.transpose_y


@emits(TABLE, "MatMul", math.MatMul, when=(is_not_transposed,))
def matmul(op: math.MatMul, graph: Graph) -> None:
    graph.add("MatMul", [op.x, op.y], [op.result])


def has_matrices(op: math.MatMul) -> bool:
    """two matrices"""
    return op.x.type.rank == op.y.type.rank == 2


def takes_plain_numbers(op: math.MatMul | nn.Linear) -> bool:
    """a weight that is not of integers, unless the data is quantized too"""
    # The runtime dequantizes a weight for Gemm at every run; for MatMul it has kernels that take it as it is.
    weight = (op.y if isinstance(op, math.MatMul) else op.weight).owner
    is_quantized = isinstance(weight, quant.Dequantize) and is_compressed(weight.result)
    return not is_quantized or isinstance(op.operands[0].owner, quant.Dequantize)


@emits(TABLE, "Gemm", math.MatMul, when=(has_matrices, takes_plain_numbers))
def gemm(op: math.MatMul, graph: Graph) -> None:
    graph.add("Gemm", [op.x, op.y], [op.result], transA=int(op.transpose_x), transB=int(op.transpose_y))


@emits(TABLE, "Gemm", nn.Linear, when=(is_matrix, has_no_activation, takes_plain_numbers))
def linear(op: nn.Linear, graph: Graph) -> None:
    graph.add("Gemm", [op.x, op.weight, op.bias], [op.result], transB=1)


def has_second_axis(op: nn.BatchNorm) -> bool:
    """channels along the second axis"""
    return op.axis == 1


@emits(TABLE, "BatchNormalization", nn.BatchNorm, when=(has_second_axis,))
def batch_norm(op: nn.BatchNorm, graph: Graph) -> None:
    operands: list[Operand] = [op.x, op.scale, op.bias, op.mean, op.variance]
    graph.add("BatchNormalization", operands, [op.result], epsilon=op.epsilon)


def has_full_scale(op: nn.LayerNorm | nn.RmsNorm) -> bool:
    """a scale, and a bias if any, as large as what is normalised"""
    sizes = op.x.type.shape[op.axis :]
    parameters = (op.scale, op.bias) if isinstance(op, nn.LayerNorm) else (op.scale,)
    return op.scale is not None and all(
        p is None
        or (p.type.rank == len(sizes) and all(known_equal(a, b) for a, b in zip(p.type.shape, sizes, strict=True)))
        for p in parameters
    )


@emits(TABLE, "LayerNormalization", nn.LayerNorm, when=(has_full_scale,))
def layer_norm(op: nn.LayerNorm, graph: Graph) -> None:
    graph.add("LayerNormalization", [op.x, op.scale, op.bias], [op.result], axis=op.axis, epsilon=op.epsilon)


@emits(TABLE, "RMSNormalization", nn.RmsNorm, when=(has_full_scale,))
def rms_norm(op: nn.RmsNorm, graph: Graph) -> None:
    graph.add("RMSNormalization", [op.x, op.scale], [op.result], axis=op.axis, epsilon=op.epsilon)


def has_image(op: nn.InstanceNorm) -> bool:
    """at least one axis behind the channels"""
    return op.x.type.rank > 2


@emits(TABLE, "InstanceNormalization", nn.InstanceNorm, when=(has_channels_first, has_image))
def instance_norm(op: nn.InstanceNorm, graph: Graph) -> None:
    graph.add("InstanceNormalization", [op.x, op.scale, op.bias], [op.result], epsilon=op.epsilon)


def has_odd_size(op: nn.LocalResponseNorm) -> bool:
    """an odd number of channels to sum"""
    return op.size % 2 == 1


@emits(TABLE, "LRN", nn.LocalResponseNorm, when=(has_channels_first, has_four_axes, has_odd_size))
def local_response_norm(op: nn.LocalResponseNorm, graph: Graph) -> None:
    graph.add("LRN", [op.x], [op.result], size=op.size, alpha=op.alpha, beta=op.beta, bias=op.bias)


def has_full_mask(op: nn.Attention) -> bool:
    """a mask, if any, with an element for every query and key"""
    if op.mask is None:
        return True
    rows, columns = (x.type.shape[-2] for x in (op.q, op.k))
    shape = op.mask.type.shape
    return len(shape) >= 2 and known_equal(shape[-2], rows) and known_equal(shape[-1], columns)


@emits(TABLE, "Attention", nn.Attention, when=(has_full_mask,))
def attention(op: nn.Attention, graph: Graph) -> None:
    heads = {"q_num_heads": op.heads, "kv_num_heads": op.shared_heads} if op.q.type.rank == 3 else {}
    graph.add("Attention", [op.q, op.k, op.v, op.mask], [op.result], scale=op.scale, **heads)


def has_wide_limit(op: nn.NonMaxSuppression) -> bool:
    """a limit of i64, if any"""
    return op.limit is None or op.limit.type.dtype is DType.I64


@emits(TABLE, "NonMaxSuppression", nn.NonMaxSuppression, when=(counts_in_i64, has_wide_limit))
def non_max_suppression(op: nn.NonMaxSuppression, graph: Graph) -> None:
    limit = np.array(DType.I64.highest) if op.limit is None else op.limit
    operands = [op.boxes, op.scores, limit, op.iou_threshold, op.score_threshold]
    graph.add("NonMaxSuppression", operands, [op.result], center_point_box=int(op.is_centered))


SOFTMAX_OF_ANY_AXIS = 13
"""Before this opset a softmax took all axes from its own on as one."""


@emits(TABLE, "Softmax", nn.Softmax, since=SOFTMAX_OF_ANY_AXIS)
@emits(TABLE, "Softmax", nn.Softmax, when=(is_along_last_axis,))
def softmax(op: nn.Softmax, graph: Graph) -> None:
    graph.add("Softmax", [op.x], [op.result], axis=op.axis)


@emits(TABLE, "LogSoftmax", nn.LogSoftmax, since=SOFTMAX_OF_ANY_AXIS)
@emits(TABLE, "LogSoftmax", nn.LogSoftmax, when=(is_along_last_axis,))
def log_softmax(op: nn.LogSoftmax, graph: Graph) -> None:
    graph.add("LogSoftmax", [op.x], [op.result], axis=op.axis)
