"""Gathering, scattering and searching."""

from collections.abc import Mapping

import numpy as np

from ....dims import SymInt, upper_bound
from ....ops import math, tensor
from ....ops.enums import ScatterReduction
from ....ops.math import ArgReduction
from ....passes.lowering.ranges import is_nonnegative_at_run_time
from ....passes.patterns import constant_array
from ....types import DType
from ...conditions import has_nonnegative_indices, is_f32, knows_count, selects_first, takes, up_to_rank
from ..graph import Graph, MnnTable
from ..schema_enums import BinaryOperation, OpType
from ..schema_parameters import ArgMax, BinaryOp, CumSum, Extra, OneHotParam, Permute, TopKV2
from .operands import INTEGERS, MAX_RANK, int32

TABLE = MnnTable()

_MOVABLE = takes(DType.BOOL, DType.I32, DType.I64, DType.F32)
_SMALL_ENOUGH = up_to_rank(MAX_RANK)


@TABLE.emits(tensor.Gather, when=(_MOVABLE, has_nonnegative_indices, _SMALL_ENOUGH))
def gather(op: tensor.Gather, graph: Graph) -> None:
    graph.add(OpType.GATHER_V2, [op.x, op.indices, int32(op.axis)], [op.result])


@TABLE.emits(tensor.GatherElements, when=(_MOVABLE, has_nonnegative_indices, _SMALL_ENOUGH))
def gather_elements(op: tensor.GatherElements, graph: Graph) -> None:
    graph.add(OpType.GATHER_ELEMENTS, [op.x, op.indices, int32(op.axis)], [op.result])


def has_no_batch(op: tensor.GatherNd) -> bool:
    """no batch dims"""
    return op.batch_dims == 0


@TABLE.emits(tensor.GatherNd, when=(_MOVABLE, has_nonnegative_indices, has_no_batch, _SMALL_ENOUGH))
def gather_nd(op: tensor.GatherNd, graph: Graph) -> None:
    graph.add(OpType.GATHER_ND, [op.x, op.indices], [op.result])


_COMBINE: Mapping[ScatterReduction, BinaryOp | None] = {
    ScatterReduction.NONE: None,
    ScatterReduction.ADD: BinaryOp(op_type=BinaryOperation.ADD),
    ScatterReduction.MUL: BinaryOp(op_type=BinaryOperation.MUL),
}


def combines_natively(op: tensor.ScatterNd) -> bool:
    """sums or products of f32, or no reduction"""
    # Integers the runtime combines as if they were floats, and minima and maxima it does not combine at all.
    return op.reduction is ScatterReduction.NONE or (op.reduction in _COMBINE and op.x.type.dtype is DType.F32)


def has_one_axis_more_than_columns(op: tensor.ScatterNd) -> bool:
    """indices with one axis more than they have columns"""
    # The runtime takes the first axes of the updates, as many as there are columns, for those of the indices.
    return op.indices.type.rank - 1 == op.indices.type.shape[-1]


@TABLE.emits(
    tensor.ScatterNd,
    when=(_MOVABLE, has_nonnegative_indices, combines_natively, has_one_axis_more_than_columns, _SMALL_ENOUGH),
)
def scatter_nd(op: tensor.ScatterNd, graph: Graph) -> None:
    shape = graph.temporary()
    graph.add(OpType.SHAPE, [op.x], [shape])
    graph.add(OpType.SCATTER_ND, [op.indices, op.updates, shape, op.x], [op.result], _COMBINE[op.reduction])


def has_known_rows(op: tensor.OneHot) -> bool:
    """constant values, on and off, and a known depth"""
    return constant_array(op.values) is not None and isinstance(op.depth, int)


def has_indices_from_the_front(op: tensor.OneHot) -> bool:
    """indices that are not negative"""
    return is_nonnegative_at_run_time(op.indices)


@TABLE.emits(tensor.OneHot, when=(takes(*INTEGERS), has_known_rows, has_indices_from_the_front, _SMALL_ENOUGH))
def one_hot(op: tensor.OneHot, graph: Graph) -> None:
    values = constant_array(op.values)
    assert values is not None and isinstance(op.depth, int)
    off, on = (np.array(v, values.dtype) for v in values)
    graph.add(OpType.ONE_HOT, [op.indices, int32(op.depth), on, off], [op.result], OneHotParam(axis=op.axis))


# Numbers below zero the runtime takes for zeros.
@TABLE.emits(tensor.NonZero, when=(takes(DType.BOOL), _SMALL_ENOUGH))
def non_zero(op: tensor.NonZero, graph: Graph) -> None:
    positions = graph.temporary()
    graph.add(OpType.WHERE, [op.x], [positions], Extra())
    graph.add(OpType.PERMUTE, [positions], [op.result], Permute(dims=[1, 0]))


ORDERED = 1024
"""Of so many of the largest elements at most we find the positions ourselves: the effort grows with their square."""

POSITION_BITS = 20
"""Axes of which we do are no longer than these bits count."""


def may_take_any_of_equals(op: math.TopK) -> bool:
    """no use of the positions, or more than 1024 elements"""
    # Of equal elements the runtime finds any, and in any order.
    size = op.x.type.shape[op.axis]
    known = [n for n in (upper_bound(op.k), upper_bound(size)) if n is not None]
    is_small = bool(known) and min(known) <= ORDERED and (isinstance(size, SymInt) or size <= 2**POSITION_BITS)
    return not op.results[1].is_used or not is_small


@TABLE.emits(math.TopK, when=(takes(DType.F32, *INTEGERS), knows_count, may_take_any_of_equals, _SMALL_ENOUGH))
def top_k(op: math.TopK, graph: Graph) -> None:
    count = int32(op.k) if isinstance(op.k, int) else op.count
    assert count is not None
    parameter = TopKV2(sorted=True, largest=op.largest)
    graph.add(OpType.TOP_K_V2, [op.x, count, int32(op.axis)], op.results, parameter)


def drops_the_axis(op: ArgReduction) -> bool:
    """the axis to go"""
    return not op.keep_dims


# Integers the runtime reads as if they were floats.
@TABLE.emits(math.ArgMax, math.ArgMin, when=(is_f32, drops_the_axis, selects_first, _SMALL_ENOUGH))
def arg_reduction(op: ArgReduction, graph: Graph) -> None:
    operator = OpType.ARG_MAX if isinstance(op, math.ArgMax) else OpType.ARG_MIN
    graph.add(operator, [op.x], [op.result], ArgMax(axis=op.axis))


@TABLE.emits(math.CumSum, when=(takes(DType.F32, *INTEGERS), _SMALL_ENOUGH))
def cum_sum(op: math.CumSum, graph: Graph) -> None:
    parameter = CumSum(exclusive=op.exclusive, reverse=op.reverse)
    graph.add(OpType.CUM_SUM, [op.x, int32(op.axis)], [op.result], parameter)
