"""Rules for moving, gathering and scattering elements as Core ML can."""

import numpy as np

from ...dims import known_equal, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...ops.enums import PadMode
from ...passes.canonicalization.rules.structure import concat_empty
from ...passes.lowering.building import concat, folded, folded_reshape, insert_axis, row, scalar, slice_axes
from ...passes.lowering.indexing import gather_elements_along_last_axis, gather_elements_of_part
from ...passes.lowering.materialize_shapes import dim_at, dim_value
from ...passes.lowering.optional import depth_to_space_as_transpose, space_to_depth_as_transpose
from ...passes.lowering.structure import pad_as_concat, pad_as_gather
from ...passes.patterns import constant
from ...rewriter import Replacement, RuleSet
from ...types import DType
from .emitters.conditions import knows_other_sizes

RULES = RuleSet()

# Gathers along any axis are legal: only what is not as large as the data has to be cut.
RULES.on(tensor.GatherElements)(gather_elements_of_part)


@RULES.on(tensor.GatherElements)
def gather_elements_of_open_sizes(op: tensor.GatherElements) -> Replacement:
    """gather_elements(x, i) -> gather_nd(x, i) in batches of all axes but the last, where their sizes are open"""
    if knows_other_sizes(op):
        return None
    last = op.x.type.rank - 1
    if op.axis != last:
        return gather_elements_along_last_axis(op)
    return tensor.GatherNd(op.x, insert_axis(op.indices, last + 1), last)


RULES.on(tensor.DepthToSpace)(depth_to_space_as_transpose)
RULES.on(tensor.SpaceToDepth)(space_to_depth_as_transpose)
# Programs have no tensors without elements, which models do join where nobody has canonicalised them.
RULES.on(tensor.Concat)(concat_empty)


@RULES.on(Op)
def nothing_moved_in_scalar(op: Op) -> Value | None:
    """op(x) -> x, for ops that move elements, or repeat or add some along axes, and scalars that stay such"""
    if not isinstance(op, tensor.Reshape | tensor.Pad | tensor.Expand | tensor.Tile) or op.result.type.rank > 0:
        return None
    return op.x if op.x.type.rank == 0 else None


@RULES.on(tensor.Reshape)
def reshape_of_scalar(op: tensor.Reshape) -> Op | None:
    """reshape(x) -> reshape(reshape(x, [1])), to or from a scalar, where the other shape is known at run time only"""
    if op.x.type.rank > 0 and op.result.type.rank > 0:
        return None
    if (op.x.type if op.x.type.rank else op.result.type).is_static:
        return None
    return tensor.Reshape(tensor.Reshape(op.x, None, (1,)).result, op.dims, op.shape)


@RULES.on(tensor.Expand)
def expand_of_fewer_axes(op: tensor.Expand) -> Op | None:
    """expand(x) -> expand(reshape(x, [1, ..., x]))"""
    missing = op.result.type.rank - op.x.type.rank
    if missing == 0:
        return None
    return replace(op, x=folded_reshape(op.x, (*(1,) * missing, *op.x.type.shape)))


@RULES.on(tensor.Expand)
def expand_of_unknown_dims(op: tensor.Expand) -> Op | None:
    """expand(x) -> x * ones, or x and true, where only running shows which axes of x have one element"""
    if not op.result.type.is_static or op.x.type.is_static:
        return None
    neutral = constant(np.ones(op.result.type.static_shape, op.x.type.dtype.numpy))
    product = math.LogicalAnd if op.x.type.dtype is DType.BOOL else math.Mul
    return product(op.x, neutral)


@RULES.on(tensor.DynamicSlice)
def backward_slice_of_reversed(op: tensor.DynamicSlice) -> Op | None:
    """dynamic_slice(x, first, end, stride < 0) -> dynamic_slice(reverse(x), last - first, last - end, -stride)"""
    axes = [i for i, stride in enumerate(op.strides) if stride < 0]
    if not axes:
        return None
    reversed_x = tensor.Reverse(op.x, tuple(sorted(op.axes[i] for i in axes))).result
    starts, ends = (_mirrored(op, bounds, axes) for bounds in (op.starts, op.ends))
    return replace(op, x=reversed_x, starts=starts, ends=ends, strides=tuple(map(abs, op.strides)))


def _mirrored(op: tensor.DynamicSlice, bounds: Value, which: list[int]) -> Value:
    """Bounds as they are in the reversed tensor: ``dim - 1 - bound``, those from the end taken from the front first."""
    parts: list[Value] = []
    for i, axis in enumerate(op.axes):
        bound = slice_axes(bounds, [0], [i], [1])
        if i in which:
            size = folded_reshape(dim_value(op.x, axis, bounds.type.dtype), (1,))
            from_front = math.Add(bound, size).result
            bound = math.Select(math.Less(bound, scalar(0, bound)).result, from_front, bound).result
            # What lies in front of the first element is the end that a backward slice never reaches.
            bound = math.Maximum(bound, scalar(-1, bound)).result
            mirrored = math.Sub(math.Sub(size, scalar(1, size)).result, bound).result
            bound = math.Maximum(mirrored, scalar(0, mirrored)).result
        parts.append(bound)
    return concat(parts, 0)


@RULES.on(tensor.DynamicUpdateSlice)
def update_of_rows(op: tensor.DynamicUpdateSlice) -> Op | None:
    """dynamic_update_slice(x, u, starts) -> scatter_nd(x, positions along the first axis, u), for whole rows"""
    shapes = zip(op.x.type.shape[1:], op.update.type.shape[1:], strict=True)
    count = op.update.type.shape[0] if op.x.type.rank else None
    if not isinstance(count, int) or not all(known_equal(a, b) for a, b in shapes):
        return None
    first = _clamped_starts(op, [0])
    rows = folded(math.Add(first, constant(np.arange(count, dtype=first.type.dtype.numpy))))
    return tensor.ScatterNd(op.x, insert_axis(rows, 1), op.update)


@RULES.on(tensor.DynamicUpdateSlice)
def update_of_block(op: tensor.DynamicUpdateSlice) -> Op | None:
    """dynamic_update_slice(x, u, starts) -> scatter_nd(x, starts + positions within u, u)"""
    shape = op.update.type.shape
    sizes = [d for d in shape if isinstance(d, int)]
    if len(sizes) < len(shape) or not sizes:
        return None
    starts = _clamped_starts(op, range(len(sizes)))
    within = np.indices(sizes).reshape(len(sizes), -1).T.astype(starts.type.dtype.numpy)
    positions = folded(math.Add(constant(within), insert_axis(starts, 0)))
    return tensor.ScatterNd(op.x, positions, folded_reshape(op.update, (product(shape),)))


def _clamped_starts(op: tensor.DynamicUpdateSlice, axes: "range | list[int]") -> Value:
    """The starts along ``axes``, moved so that the update lies within x."""
    starts = slice_axes(op.starts, [0], [0], [len(axes)])
    dtype = starts.type.dtype
    sizes = concat([folded_reshape(dim_value(op.x, a, dtype), (1,)) for a in axes], 0)
    update = [d for d in op.update.type.shape[: len(axes)] if isinstance(d, int)]
    last = folded(math.Sub(sizes, constant(np.array(update, dtype.numpy))))
    return folded(math.Maximum(folded(math.Minimum(starts, last)), scalar(0, starts)))


@RULES.on(tensor.Pad)
def integer_pad(op: tensor.Pad) -> Replacement:
    """pad(x) -> concat([expand(value), x, expand(value)]) for integers, or a gather, one axis after the other"""
    if not op.x.type.dtype.is_integer or all(d == 0 for d in (*op.low, *op.high)):
        return None
    return pad_as_concat(op) if op.mode in (PadMode.CONSTANT, PadMode.EDGE) else pad_as_gather(op)


@RULES.on(tensor.Pad)
def pad_of_truths(op: tensor.Pad) -> Op | None:
    """pad(x) -> cast(pad(cast(x, i32)), bool) for truth values"""
    if op.x.type.dtype is not DType.BOOL:
        return None
    value = None if op.value is None else folded(tensor.Cast(op.value, DType.I32))
    return tensor.Cast(replace(op, x=tensor.Cast(op.x, DType.I32).result, value=value).result, DType.BOOL)


@RULES.on(tensor.Split)
def split_of_one(op: tensor.Split) -> tuple[Value, ...] | None:
    """split(x, [dim]) -> x"""
    return (op.x,) if len(op.sizes) == 1 else None


@RULES.on(math.TopK)
def top_k_of_sorted(op: math.TopK) -> tuple[Value, ...] | None:
    """top_k(x, k) -> the first k of top_k(x, all), for a k that is known at run time only"""
    dim = op.x.type.shape[op.axis]
    if isinstance(op.k, int) or known_equal(op.k, dim):
        return None
    count = op.count if op.count is not None else dim_at(op, op.k, DType.I32)
    if count is None:
        return None
    everything = replace(op, count=None, k=dim)
    end = folded_reshape(count, (1,))
    return tuple(
        tensor.DynamicSlice(part, scalar_vector(0, end), end, (op.axis,), (1,), old.type.shape).result
        for part, old in zip(everything.results, op.results, strict=True)
    )


def scalar_vector(number: int, like: Value) -> Value:
    """A constant vector of one element, of the dtype of ``like``."""
    return constant(np.array([number], like.type.dtype.numpy))


@RULES.on(tensor.OneHot)
def one_hot_as_equality(op: tensor.OneHot) -> Op | None:
    """one_hot(i, [off, on]) -> select(i == range(depth) or i + depth == range(depth), on, off), of a known depth"""
    if not isinstance(op.depth, int):
        return None
    indices = insert_axis(op.indices, op.axis)
    shape = [1] * indices.type.rank
    shape[op.axis] = op.depth
    places = constant(np.arange(op.depth, dtype=indices.type.dtype.numpy).reshape(shape))
    from_end = constant((np.arange(op.depth, dtype=indices.type.dtype.numpy) - op.depth).reshape(shape))
    is_on = math.LogicalOr(math.Equal(indices, places).result, math.Equal(indices, from_end).result).result
    off, on = (folded_reshape(row(op.values, i), ()) for i in (0, 1))
    return math.Select(is_on, on, off)
