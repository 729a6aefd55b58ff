"""Gathers, scatters and searches that MNN gets wrong, by way of those that it gets right."""

import numpy as np

from ...dims import Dim, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...passes.lowering.building import (
    folded,
    folded_reshape,
    insert_axis,
    scalar,
)
from ...passes.lowering.materialize_shapes import dim_value
from ...passes.patterns import constant
from ...rewriter import RuleSet
from ...types import DType
from .emitters.indexing import POSITION_BITS, may_take_any_of_equals

RULES = RuleSet()


@RULES.on(tensor.ScatterNd)
def scatter_nd_of_rows(op: tensor.ScatterNd) -> Op | None:
    """scatter_nd(x, i, u) -> scatter_nd(x, reshape(i, [1, ..., rows, columns]), reshape(u, [1, ..., rows, ...]))"""
    *rows, columns = op.indices.type.shape
    if not isinstance(columns, int) or len(rows) == columns:
        return None
    outer: tuple[Dim, ...] = (1,) * (columns - 1) + (product(rows),)
    inner = op.x.type.shape[columns:]
    indices = folded_reshape(op.indices, (*outer, columns))
    return replace(op, indices=indices, updates=folded_reshape(op.updates, (*outer, *inner)))


@RULES.on(math.ArgReduction)
def arg_reduction_of_integers(op: math.ArgReduction) -> Op | None:
    """arg_max(x) -> arg_max(cast(x == reduce_max(x), f32)) for integers"""
    if not op.x.type.dtype.is_integer:
        return None
    reduce = math.ReduceMax if isinstance(op, math.ArgMax) else math.ReduceMin
    is_extreme = math.Equal(op.x, reduce(op.x, (op.axis,), True).result).result
    found = tensor.Cast(is_extreme, DType.F32).result
    return math.ArgMax(found, op.axis, op.keep_dims, op.select_last, op.index_dtype)


@RULES.on(math.TopK)
def top_1(op: math.TopK) -> tuple[Value, ...] | None:
    """top_k(x, 1) -> reduce_max(x), arg_max(x)"""
    if op.k != 1 or op.x.type.dtype is DType.BOOL:
        return None
    reduce, find = (math.ReduceMax, math.ArgMax) if op.largest else (math.ReduceMin, math.ArgMin)
    return reduce(op.x, (op.axis,), True).result, find(op.x, op.axis, True, False, op.index_dtype).result


@RULES.on(math.TopK)
def top_k_in_order(op: math.TopK) -> tuple[Value, ...] | None:
    """top_k(x) -> the values, and the positions of the first elements that have them, by sorts of unequal numbers"""
    last = op.x.type.rank - 1
    if op.axis != last or op.x.type.dtype is DType.BOOL or may_take_any_of_equals(op):
        return None
    values = replace(op).results[0]
    size = dim_value(op.x, last, DType.I32)
    chosen = _first_elements(op, values, size)
    # How many values come before it, and where it stands: as one number, smaller for what comes first. The runtime
    # would multiply by way of floats.
    found = tensor.GatherElements(op.x, chosen, last).result
    columns, rows = insert_axis(found, last + 1), insert_axis(found, last)
    comes_before = (math.Greater if op.largest else math.Less)(rows, columns).result
    before = math.ReduceSum(tensor.Cast(comes_before, DType.I32).result, (last + 1,), False).result
    numbers = math.Add(math.ShiftLeft(before, scalar(POSITION_BITS, before)).result, chosen).result
    positions = math.BitwiseAnd(_sorted(op, numbers, False), scalar(2**POSITION_BITS - 1, numbers)).result
    return values, tensor.Cast(positions, op.index_dtype).result if op.index_dtype is not DType.I32 else positions


def _first_elements(op: math.TopK, values: Value, size: Value) -> Value:
    """The positions of the elements that top_k takes, those of larger ones before those that equal the k-th value."""
    last = op.x.type.rank - 1
    kth = (math.ReduceMin if op.largest else math.ReduceMax)(values, (last,), True).result
    is_beyond = (math.Greater if op.largest else math.Less)(op.x, kth).result
    zero, one = (constant(np.array(n, np.int32)) for n in (0, 1))
    places = folded(tensor.Range(zero, size, one, op.x.type.shape[last]))
    # Numbers that differ, and are larger for what is taken first; of what is not taken they are 0.
    first_of_all = folded(math.Sub(folded(math.Add(size, size)), places))
    first_of_equals = math.Select(math.Equal(op.x, kth).result, folded(math.Sub(size, places)), zero).result
    numbers = math.Select(is_beyond, first_of_all, first_of_equals).result
    return math.FloorMod(math.Neg(_sorted(op, numbers, True)).result, size).result


def _sorted(op: math.TopK, numbers: Value, largest: bool) -> Value:
    return replace(op, x=numbers, largest=largest).results[0]
