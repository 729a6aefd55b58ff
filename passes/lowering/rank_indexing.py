"""Gathers, scatters and searches in tensors of more axes than a target takes, with axes merged (see ``rank.py``)."""

import numpy as np

from ...dims import Dim, known_equal, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Layout
from ...rewriter import RuleSet
from ...types import DType, Shape
from ..patterns import constant, constant_array
from .building import concat, folded, folded_reshape, insert_axis, three_axes
from .materialize_shapes import dim_at
from .ranges import is_nonnegative_at_run_time

RULES = RuleSet()


@RULES.on(tensor.Gather)
def gather_of_three_axes(op: tensor.Gather) -> Op:
    """gather(x, i) -> reshape(gather(reshape(x, [before, dim, after]), reshape(i, [count])))"""
    x = folded_reshape(op.x, three_axes(op.x.type.shape, op.axis))
    indices = folded_reshape(op.indices, (product(op.indices.type.shape),))
    return tensor.Reshape(tensor.Gather(x, indices, 1).result, None, op.result.type.shape)


@RULES.on(tensor.GatherElements)
def gather_elements_of_three_axes(op: tensor.GatherElements) -> Op | None:
    """gather_elements(x, i) -> reshape(gather_elements(reshape(x), reshape(i))), both as [before, dim, after]"""
    if not _agree(op.x.type.shape, op.indices.type.shape, op.axis):
        return None
    x, indices = (folded_reshape(v, three_axes(v.type.shape, op.axis)) for v in (op.x, op.indices))
    return tensor.Reshape(tensor.GatherElements(x, indices, 1).result, None, op.result.type.shape)


def _agree(shape: Shape, other: Shape, axis: int) -> bool:
    """Whether two shapes are equal but for one axis."""
    return all(a == axis or known_equal(d, e) for a, (d, e) in enumerate(zip(shape, other, strict=True)))


@RULES.on(tensor.ScatterElements)
def scatter_elements_of_three_axes(op: tensor.ScatterElements) -> Op | None:
    """scatter_elements(x, i, u) -> reshape(scatter_elements(reshape(x), ...)), all as [before, dim, after]"""
    if not _agree(op.x.type.shape, op.indices.type.shape, op.axis):
        return None
    x, indices, updates = (folded_reshape(v, three_axes(v.type.shape, op.axis)) for v in (op.x, op.indices, op.updates))
    flat = replace(op, x=x, indices=indices, updates=updates, axis=1)
    return tensor.Reshape(flat.result, None, op.result.type.shape)


@RULES.on(tensor.GatherNd)
def gather_nd_of_few_axes(op: tensor.GatherNd) -> Op | None:
    """gather_nd(x, i) -> reshape(gather_nd(reshape(x), reshape(i))), the axes not indexed as one, and all rows"""
    shape, batch = op.x.type.shape, op.batch_dims
    *rows, width = op.indices.type.shape
    assert isinstance(width, int)
    if batch:
        flat_x = folded_reshape(op.x, (product(shape[:batch]), *shape[batch:]))
        flat_i = folded_reshape(op.indices, (product(rows[:batch]), product(rows[batch:]), width))
        if batch == 1 and flat_i.type.rank == op.indices.type.rank:
            return None
        flat = tensor.GatherNd(flat_x, flat_i, 1).result
        return tensor.Reshape(flat, None, op.result.type.shape)
    indices = folded_reshape(op.indices, (product(rows), width))
    few = (*shape[:width], product(shape[width:]))
    if len(few) < len(shape) or indices is not op.indices:
        gathered = tensor.GatherNd(folded_reshape(op.x, few), indices).result
        return tensor.Reshape(gathered, None, op.result.type.shape)
    line = linear_indices(op, width)
    if line is None:
        return None
    matrix = folded_reshape(op.x, (product(shape[:width]), product(shape[width:])))
    return tensor.Reshape(tensor.Gather(matrix, line, 0).result, None, op.result.type.shape)


@RULES.on(tensor.ScatterNd)
def scatter_nd_of_few_axes(op: tensor.ScatterNd) -> Op | None:
    """scatter_nd(x, i, u) -> reshape(scatter_nd(reshape(x), ...)), the axes not indexed as one, and all rows"""
    shape = op.x.type.shape
    *rows, width = op.indices.type.shape
    assert isinstance(width, int)
    inner = product(shape[width:])
    indices = folded_reshape(op.indices, (product(rows), width))
    updates = folded_reshape(op.updates, (product(rows), inner))
    few = (*shape[:width], inner)
    if len(few) == len(shape) and indices is op.indices:
        line = linear_indices(op, width)
        if line is None:
            return None
        few, indices = (product(shape[:width]), inner), insert_axis(line, 1)
    flat = replace(op, x=folded_reshape(op.x, few), indices=indices, updates=updates)
    return tensor.Reshape(flat.result, None, shape)


def linear_indices(op: tensor.GatherNd | tensor.ScatterNd, width: int) -> Value | None:
    """Positions in the first ``width`` axes of x as positions in them all merged: [rows].

    None where a size is not to be had, or a position may count from the end.
    """
    if not is_nonnegative_at_run_time(op.indices):
        return None
    shape, dtype = op.x.type.shape, op.indices.type.dtype
    places = [_number(op, product(shape[axis + 1 : width]), dtype) for axis in range(width)]
    known = [folded_reshape(place, (1,)) for place in places if place is not None]
    if len(known) < width:
        return None
    return folded(math.ReduceSum(folded(math.Mul(op.indices, concat(known, 0))), (op.indices.type.rank - 1,), False))


def _number(op: Op, dim: Dim, dtype: DType) -> Value | None:
    """The number that a dim has at run time, as a scalar; None when it is not to be had."""
    return constant(np.array(dim, dtype.numpy)) if isinstance(dim, int) else dim_at(op, dim, dtype)


@RULES.on(tensor.OneHot)
def one_hot_of_three_axes(op: tensor.OneHot) -> Op:
    """one_hot(i) -> reshape(one_hot(reshape(i, [before, after])))"""
    shape = op.indices.type.shape
    indices = folded_reshape(op.indices, (product(shape[: op.axis]), product(shape[op.axis :])))
    return tensor.Reshape(replace(op, indices=indices, axis=1).result, None, op.result.type.shape)


@RULES.on(tensor.Trilu)
def trilu_of_three_axes(op: tensor.Trilu) -> Op:
    """trilu(x) -> reshape(trilu(reshape(x, [before, rows, columns])))"""
    shape = op.x.type.shape
    flat = replace(op, x=folded_reshape(op.x, (product(shape[:-2]), *shape[-2:])))
    return tensor.Reshape(flat.result, None, shape)


@RULES.on(math.ArgReduction)
def arg_reduction_of_three_axes(op: math.ArgReduction) -> Op:
    """arg_max(x) -> reshape(arg_max(reshape(x, [before, dim, after])))"""
    flat = replace(op, x=folded_reshape(op.x, three_axes(op.x.type.shape, op.axis)), axis=1, keep_dims=False)
    return tensor.Reshape(flat.result, None, op.result.type.shape)


@RULES.on(math.TopK)
def top_k_of_three_axes(op: math.TopK) -> tuple[Value, ...]:
    """top_k(x) -> reshape(top_k(reshape(x, [before, dim, after]))), values and indices"""
    flat = replace(op, x=folded_reshape(op.x, three_axes(op.x.type.shape, op.axis)), axis=1)
    return tuple(folded_reshape(new, old.type.shape) for new, old in zip(flat.results, op.results, strict=True))


@RULES.on(nn.InstanceNorm)
def instance_norm_of_three_axes(op: nn.InstanceNorm) -> Op | None:
    """instance_norm(x) -> reshape(instance_norm(reshape(x, [n, channels, space])))"""
    return _with_flat_space(op)


@RULES.on(nn.GroupNorm)
def group_norm_of_three_axes(op: nn.GroupNorm) -> Op | None:
    """group_norm(x) -> reshape(group_norm(reshape(x, [n, channels, space])))"""
    return _with_flat_space(op)


@RULES.on(nn.LocalResponseNorm)
def local_response_norm_of_three_axes(op: nn.LocalResponseNorm) -> Op | None:
    """local_response_norm(x) -> reshape(local_response_norm(reshape(x, [n, channels, space])))"""
    return _with_flat_space(op)


def _with_flat_space(op: nn.InstanceNorm | nn.GroupNorm | nn.LocalResponseNorm) -> Op:
    n, *rest = op.x.type.shape
    if op.layout is Layout.NHWC:
        flat: Shape = (n, product(rest[:-1]), rest[-1])
    else:
        flat = (n, rest[0], product(rest[1:]))
    return tensor.Reshape(replace(op, x=folded_reshape(op.x, flat)).result, None, op.x.type.shape)


@RULES.on(tensor.Shape)
def shape_as_known_dims(op: tensor.Shape) -> Value | None:
    """shape(x) -> the numbers of its dims"""
    dims = [_number(op, dim, op.index_dtype) for dim in op.x.type.shape]
    known = [folded_reshape(dim, (1,)) for dim in dims if dim is not None]
    return concat(known, 0) if len(known) == len(dims) else None


@RULES.on(tensor.NonZero)
def non_zero_of_one_axis(op: tensor.NonZero) -> Value | None:
    """non_zero(x) -> for every axis (non_zero(reshape(x, [count])) / elements behind it) mod its size"""
    shape = op.x.type.shape
    line = replace(op, x=folded_reshape(op.x, (product(shape),))).result
    rows: list[Value] = []
    for axis, dim in enumerate(shape):
        size, place = (_number(op, d, op.index_dtype) for d in (dim, product(shape[axis + 1 :])))
        if size is None or place is None:
            return None
        row = line if constant_array(place) == 1 else math.Div(line, place).result
        rows.append(row if axis == 0 else math.FloorMod(row, size).result)
    return concat(rows, 0)
