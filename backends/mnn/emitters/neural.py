"""Matrix products, softmax, normalisations."""

from itertools import dropwhile

import numpy as np

from ....dims import Dim, product
from ....ir import Array, Value
from ....ops import math, nn
from ....passes.patterns import constant_array, elements_of
from ....types import Shape
from ...conditions import is_f32, up_to_rank
from ..graph import Graph, MnnTable
from ..schema_enums import OpType
from ..schema_parameters import Axis, LayerNorm, MatMul, Scale
from .operands import MAX_RANK
from .quantization import computes_on_bytes

TABLE = MnnTable()


def multiplies_computed(op: math.MatMul) -> bool:
    """matrices that are both computed, or a constant one that is not the second"""
    return constant_array(op.y) is None or op.y.type.rank != 2 or op.transpose_x


def has_plain_batches(op: math.MatMul) -> bool:
    """leading dims that are equal, or all 1 on one side, or known and of another product"""
    # Of as many matrices on both sides the runtime takes one of each in turn, although they are broadcast, and what it
    # does at the first sizes it does at all others.
    x, y = map(_batch, (op.x, op.y))
    return x == y or not x or not y or (_is_known(*x, *y) and product(x) != product(y))


def _batch(matrices: Value) -> Shape:
    """The leading dims from the first that is not 1."""
    *dims, _, _ = matrices.type.shape
    return tuple(dropwhile(lambda d: d == 1, dims))


def _is_known(*dims: Dim) -> bool:
    return all(isinstance(d, int) for d in dims)


@TABLE.emits(math.MatMul, when=(is_f32, multiplies_computed, has_plain_batches, up_to_rank(MAX_RANK)))
def mat_mul(op: math.MatMul, graph: Graph) -> None:
    parameter = MatMul(transpose_a=op.transpose_x, transpose_b=op.transpose_y)
    graph.add(OpType.MAT_MUL, [op.x, op.y], [op.result], parameter)


@TABLE.emits(nn.Softmax, when=(is_f32,), stored=computes_on_bytes)
def softmax(op: nn.Softmax, graph: Graph) -> None:
    graph.add(OpType.SOFTMAX, [op.x], [op.result], Axis(axis=op.axis))


def has_constant_parameters(op: nn.LayerNorm) -> bool:
    """no scale and bias, or constant ones of one number an element"""
    sizes = op.x.type.shape[op.axis :]
    arrays = [constant_array(v) for v in (op.scale, op.bias) if v is not None]
    return all(array is not None and array.shape == sizes for array in arrays)


@TABLE.emits(nn.LayerNorm, when=(is_f32, has_constant_parameters))
def layer_norm(op: nn.LayerNorm, graph: Graph) -> None:
    parameter = _norm(op, constant_array(op.scale), constant_array(op.bias))
    graph.add(OpType.LAYER_NORM, [op.x], [op.result], parameter)


def has_constant_scale(op: nn.RmsNorm) -> bool:
    """no scale, or a constant one of one number an element"""
    array = constant_array(op.scale)
    return op.scale is None or (array is not None and array.shape == op.x.type.shape[op.axis :])


@TABLE.emits(nn.RmsNorm, when=(is_f32, has_constant_scale))
def rms_norm(op: nn.RmsNorm, graph: Graph) -> None:
    parameter = _norm(op, constant_array(op.scale), None)
    parameter.use_rms_norm = True
    graph.add(OpType.LAYER_NORM, [op.x], [op.result], parameter)


def _norm(op: nn.LayerNorm | nn.RmsNorm, scale: Array | None, bias: Array | None) -> LayerNorm:
    """With both a scale and a bias, or neither: the runtime ignores one alone."""
    parameter = LayerNorm(axis=list(range(op.axis - op.x.type.rank, 0)), epsilon=op.epsilon)
    if scale is not None or bias is not None:
        parameter.gamma = np.ones_like(bias) if scale is None else scale
        parameter.beta = np.zeros_like(scale) if bias is None else bias
    return parameter


def has_constant_statistics(op: nn.BatchNorm) -> bool:
    """constant parameters along the second axis"""
    return op.axis == 1 and all(constant_array(v) is not None for v in (op.scale, op.bias, op.mean, op.variance))


@TABLE.emits(nn.BatchNorm, when=(is_f32, has_constant_statistics))
def batch_norm(op: nn.BatchNorm, graph: Graph) -> None:
    factor = elements_of(op.scale) / np.sqrt(elements_of(op.variance) + np.float32(op.epsilon))
    offset = elements_of(op.bias) - elements_of(op.mean) * factor
    graph.add(OpType.SCALE, [op.x], [op.result], Scale(channels=factor.size, scale_data=factor, bias_data=offset))
