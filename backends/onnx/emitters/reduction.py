"""Reductions, positions of extremes, scans, sorting."""

from collections.abc import Mapping

import numpy as np

from ....ir import Op
from ....ops import math, nn
from ....ops.math import ArgReduction, Reduction
from ....ops.nn.activation import FloatActivation
from ....types import DType
from ...conditions import counts_in_i64, selects_first
from ..graph import Graph, OnnxTable
from .operands import emits, i64

TABLE = OnnxTable()

_REDUCTIONS: Mapping[type[Op], str] = {
    math.ReduceSum: "ReduceSum",
    math.ReduceMean: "ReduceMean",
    math.ReduceMax: "ReduceMax",
    math.ReduceMin: "ReduceMin",
    math.ReduceProd: "ReduceProd",
    math.ReduceAny: "ReduceMax",
    math.ReduceAll: "ReduceMin",
}
AXES_ARE_OPERANDS = 18
"""From this opset on the axes of reductions are an operand; those of sums have been since 13."""

SUM_AXES_ARE_OPERANDS = 13


def has_axes(op: Reduction) -> bool:
    """at least one axis"""
    return bool(op.axes)


def divides_exactly(op: Reduction) -> bool:
    """means of floats"""
    return op.x.type.dtype.is_float or not isinstance(op, math.ReduceMean)


def reduction(op: Reduction, graph: Graph) -> None:
    operator = _REDUCTIONS[type(op)]
    keepdims = int(op.keep_dims)
    first = SUM_AXES_ARE_OPERANDS if operator == "ReduceSum" else AXES_ARE_OPERANDS
    if graph.opset >= first:
        graph.add(operator, [op.x, i64(*op.axes)], [op.result], keepdims=keepdims)
    else:
        graph.add(operator, [op.x], [op.result], axes=list(op.axes), keepdims=keepdims)


_IMAGE_OPS = (nn.Conv, nn.ConvTranspose, nn.Pool, nn.BatchNorm, FloatActivation, nn.Relu, nn.Relu6, math.Clamp)


def averages_images(op: math.ReduceMean) -> bool:
    """the mean over all axes behind the channels, kept, of what a convolution gives"""
    # The runtime keeps images blocked by channels between such operators, which only this one can average.
    rank = op.x.type.rank
    return op.keep_dims and rank > 2 and op.axes == tuple(range(2, rank)) and isinstance(op.x.owner, _IMAGE_OPS)


@emits(TABLE, "GlobalAveragePool", math.ReduceMean, when=(averages_images,))
def global_average_pool(op: math.ReduceMean, graph: Graph) -> None:
    graph.add("GlobalAveragePool", [op.x], [op.result])


for _class, _operator in _REDUCTIONS.items():
    emits(TABLE, _operator, _class, when=(has_axes, divides_exactly))(reduction)  # type: ignore[arg-type]


_ARG: Mapping[type[Op], str] = {math.ArgMax: "ArgMax", math.ArgMin: "ArgMin"}


def arg_reduction(op: ArgReduction, graph: Graph) -> None:
    last = {"select_last_index": 1} if op.select_last else {}
    graph.add(_ARG[type(op)], [op.x], [op.result], axis=op.axis, keepdims=int(op.keep_dims), **last)


for _class, _operator in _ARG.items():
    emits(TABLE, _operator, _class, when=(selects_first, counts_in_i64))(arg_reduction)  # type: ignore[arg-type]
    emits(TABLE, _operator, _class, when=(counts_in_i64,), since=12)(arg_reduction)  # type: ignore[arg-type]


@emits(TABLE, "CumSum", math.CumSum)
def cum_sum(op: math.CumSum, graph: Graph) -> None:
    axis = np.array(op.axis, np.int64)
    graph.add("CumSum", [op.x, axis], [op.result], exclusive=int(op.exclusive), reverse=int(op.reverse))


def knows_count(op: math.TopK) -> bool:
    """a known number of elements, or an i64[1] that gives it at run time"""
    if op.count is None:
        return isinstance(op.k, int)
    return op.count.type.dtype is DType.I64 and op.count.type.shape == (1,)


@emits(TABLE, "TopK", math.TopK, when=(knows_count, counts_in_i64))
def top_k(op: math.TopK, graph: Graph) -> None:
    count = i64(op.k) if isinstance(op.k, int) else op.count
    graph.add("TopK", [op.x, count], op.results, axis=op.axis, largest=int(op.largest))
