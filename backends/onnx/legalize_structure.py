"""Rules for slices, blocks of channels and indices."""

import numpy as np

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...passes.lowering.building import drop_axis, folded, folded_reshape, slice_axes
from ...passes.lowering.layouts import channels_first
from ...passes.lowering.optional import depth_to_space_as_transpose, space_to_depth_as_transpose
from ...passes.patterns import constant
from ...rewriter import RuleSet
from ...types import DType

RULES = RuleSet()

RULES.on(Op)(channels_first)
RULES.on(tensor.DepthToSpace)(depth_to_space_as_transpose)
RULES.on(tensor.SpaceToDepth)(space_to_depth_as_transpose)


@RULES.on(tensor.Slice)
def slice_of_everything(op: tensor.Slice) -> Value | None:
    """slice(x) -> x, where no axis is cut"""
    is_whole = op.sizes == op.x.type.shape and all(s == 0 for s in op.starts) and all(s == 1 for s in op.strides)
    return op.x if is_whole else None


@RULES.on(tensor.GatherNd)
def gather_nd_by_i64(op: tensor.GatherNd) -> Op | None:
    """gather_nd(x, i) -> gather_nd(x, cast(i, i64))"""
    return _by_i64(op)


@RULES.on(tensor.ScatterNd)
def scatter_nd_by_i64(op: tensor.ScatterNd) -> Op | None:
    """scatter_nd(x, i, u) -> scatter_nd(x, cast(i, i64), u)"""
    return _by_i64(op)


@RULES.on(tensor.OneHot)
def one_hot_by_i64(op: tensor.OneHot) -> Op | None:
    """one_hot(i) -> one_hot(cast(i, i64))"""
    return _by_i64(op)


def _by_i64(op: tensor.GatherNd | tensor.ScatterNd | tensor.OneHot) -> Op | None:
    if op.indices.type.dtype is DType.I64:
        return None
    return replace(op, indices=folded(tensor.Cast(op.indices, DType.I64)))


@RULES.on(tensor.OneHot)
def one_hot_of_scalar(op: tensor.OneHot) -> Value | None:
    """one_hot(i) -> reshape(one_hot(reshape(i, [1]))) for an index without axes"""
    if op.indices.type.rank > 0:
        return None
    row = replace(op, indices=folded_reshape(op.indices, (1,)), axis=1).result
    return folded_reshape(row, op.result.type.shape)


@RULES.on(tensor.OneHot)
def one_hot_as_selection(op: tensor.OneHot) -> Op | None:
    """one_hot(i, [off, on]) -> select(one_hot(i, [0, 1]), on, off), where the target has no such values"""
    if op.values.type.dtype in (DType.I64, DType.F16, DType.F32) or not isinstance(op.depth, int):
        # A depth that is not known is a comparison, which has no values.
        return None
    is_on = tensor.Cast(replace(op, values=constant(np.array([0, 1], np.int64))).result, DType.BOOL).result
    off, on = (drop_axis(folded(slice_axes(op.values, [0], [i], [1]).owner), 0) for i in (0, 1))  # type: ignore[arg-type]
    return math.Select(is_on, on, off)


@RULES.on(math.TopK)
def top_k_of_scalar_count(op: math.TopK) -> tuple[Value, ...] | None:
    """top_k(x, count) -> top_k(x, count as i64[1])"""
    if op.count is None or (op.count.type.dtype is DType.I64 and op.count.type.rank == 1):
        return None
    count = folded_reshape(op.count, (1,))
    return replace(op, count=folded(tensor.Cast(count, DType.I64))).results
