"""Blocks written into a tensor at places that are known at run time."""

from ...dims import Dim, known_equal
from ...ir import Op, Value
from ...ops import math, tensor
from ...rewriter import RuleSet
from .building import concat, drop_axis, expanded, folded, folded_reshape, scalar, slice_axes
from .materialize_shapes import dim_value

RULES = RuleSet()


@RULES.on(tensor.DynamicUpdateSlice)
def update_as_scatter_nd(op: tensor.DynamicUpdateSlice) -> Op | Value | None:
    """dynamic_update_slice(x, u, starts) -> scatter_nd(x, the positions of the block, u)"""
    sizes = op.update.type.shape
    partial = [
        a for a, (size, dim) in enumerate(zip(sizes, op.x.type.shape, strict=True)) if not known_equal(size, dim)
    ]
    if not partial:
        return op.update
    width = partial[-1] + 1
    columns = [_block_positions(op, axis, (*sizes[:width], 1)) for axis in range(width)]
    return tensor.ScatterNd(op.x, concat(columns, width), op.update)


def _block_positions(op: tensor.DynamicUpdateSlice, axis: int, shape: tuple[Dim, ...]) -> Value:
    """Where along an axis the elements of the block go: [the block's sizes, 1]."""
    dtype = op.starts.type.dtype
    size, dim = (dim_value(v, axis, dtype) for v in (op.update, op.x))
    zero, one = scalar(0, op.starts), scalar(1, op.starts)
    places = folded(tensor.Range(zero, size, one, op.update.type.shape[axis]))
    if not known_equal(op.update.type.shape[axis], op.x.type.shape[axis]):
        start = drop_axis(slice_axes(op.starts, [0], [axis], [1]), 0)
        last = folded(math.Sub(dim, size))
        start = math.Maximum(math.Minimum(start, last).result, zero).result
        places = math.Add(places, start).result
    along: list[Dim] = [1] * len(shape)
    along[axis] = shape[axis]
    return expanded(folded_reshape(places, tuple(along)), shape)
