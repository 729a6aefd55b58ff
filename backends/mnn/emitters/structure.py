"""Ops that move elements: shapes, slices, pads."""

from collections.abc import Sequence
from typing import NamedTuple

from ....dims import Dim, SymInt, ceil_div, known_equal
from ....ir import Array, Value
from ....ops import tensor
from ....ops.enums import ChannelOrder, Layout, PadMode
from ....passes.lowering.ranges import is_nonnegative_at_run_time
from ....types import DType
from ..graph import Graph, MnnTable
from ..schema_enums import DataFormat, DepthToSpaceMode, NetSource, OpType, PadValueMode
from ..schema_parameters import (
    Axis,
    DepthSpaceParam,
    PadParam,
    Permute,
    Reshape,
    Slice,
    SqueezeParam,
    StridedSliceParam,
)
from .operands import INT32, INTEGERS, MAX_RANK, int32, takes, up_to_rank

TABLE = MnnTable()

_MOVABLE = takes(DType.BOOL, DType.I32, DType.I64, DType.F32)
_SMALL_ENOUGH = up_to_rank(MAX_RANK)


@TABLE.emits(tensor.Constant)
def constant(op: tensor.Constant, graph: Graph) -> None:
    """Constants are written where they are used."""


def knows_shape(op: tensor.Reshape) -> bool:
    """a shape of which at most one dim is symbolic, or that an operand gives at run time"""
    return op.dims is not None or sum(isinstance(d, SymInt) for d in op.shape) <= 1


def has_no_axes(op: tensor.Reshape) -> bool:
    """a scalar as result"""
    return not op.shape


@TABLE.emits(tensor.Reshape, when=(_MOVABLE, has_no_axes, _SMALL_ENOUGH))
def reshape_to_scalar(op: tensor.Reshape, graph: Graph) -> None:
    """Without its axes: when the runtime loads a subgraph it drops empty vectors, and misses that of the shape."""
    graph.add(OpType.SQUEEZE, [op.x], [op.result], SqueezeParam(squeeze_dims=list(range(op.x.type.rank))))


@TABLE.emits(tensor.Reshape, when=(_MOVABLE, knows_shape, _SMALL_ENOUGH))
def reshape(op: tensor.Reshape, graph: Graph) -> None:
    if op.dims is not None and any(isinstance(d, SymInt) for d in op.shape):
        graph.add(OpType.RESHAPE, [op.x, op.dims], [op.result], Reshape(dim_type=DataFormat.NCHW))
        return
    dims = [-1 if isinstance(d, SymInt) else d for d in op.shape]
    graph.add(OpType.RESHAPE, [op.x], [op.result], Reshape(dims=dims, dim_type=DataFormat.NCHW))


@TABLE.emits(tensor.Transpose, when=(_MOVABLE, _SMALL_ENOUGH))
def transpose(op: tensor.Transpose, graph: Graph) -> None:
    graph.add(OpType.PERMUTE, [op.x], [op.result], Permute(dims=list(op.permutation)))


@TABLE.emits(tensor.Concat, when=(_MOVABLE, _SMALL_ENOUGH))
def concat(op: tensor.Concat, graph: Graph) -> None:
    graph.add(OpType.CONCAT, op.xs, [op.result], Axis(axis=op.axis))


def knows_sizes(op: tensor.Split) -> bool:
    """at least two parts, of known sizes but for one, and none empty"""
    return len(op.sizes) > 1 and 0 not in op.sizes and sum(isinstance(s, SymInt) for s in op.sizes) <= 1


@TABLE.emits(tensor.Split, when=(_MOVABLE, knows_sizes, _SMALL_ENOUGH))
def split(op: tensor.Split, graph: Graph) -> None:
    sizes = [-1 if isinstance(s, SymInt) else s for s in op.sizes]
    parameter = Slice(axis=op.axis, slice_points=sizes, source_type=NetSource.TENSORFLOW)
    graph.add(OpType.SLICE, [op.x], op.results, parameter)


class _Bounds(NamedTuple):
    """The first element of a slice along one axis, and the end behind its last one."""

    begin: int
    end: int


def _bounds(dim: Dim, start: Dim, size: Dim, stride: int) -> _Bounds | None:
    """Negative numbers count from the end of the axis; None when they are not known."""
    begin = _position(dim, start)
    if begin is None:
        return None
    if size == 0:
        return _Bounds(0, 0)
    if known_equal(size, ceil_div(dim - start, stride)):
        return _Bounds(begin, INT32.max)
    end = _position(dim, start + size * stride)
    return None if end is None else _Bounds(begin, end)


def _position(dim: Dim, position: Dim) -> int | None:
    if isinstance(position, int):
        return position if position >= 0 else None
    from_end = position - dim
    return from_end if isinstance(from_end, int) and from_end < 0 else None


def _all_bounds(op: tensor.Slice) -> list[_Bounds | None]:
    return [_bounds(*axis) for axis in zip(op.x.type.shape, op.starts, op.sizes, op.strides, strict=True)]


def has_axes(op: tensor.Slice) -> bool:
    """at least one axis"""
    return op.x.type.rank > 0


def goes_forward(op: tensor.Slice | tensor.DynamicSlice) -> bool:
    """positive strides"""
    # Backwards the runtime writes beyond its tensors: where there are more than three axes, where the end is not the
    # front (it compares it with the rank), and where one of the last three axes is not among the reversed ones.
    return all(s > 0 for s in op.strides)


def has_known_bounds(op: tensor.Slice) -> bool:
    """starts and ends that are known, counted from the front or the end of their axes"""
    return goes_forward(op) and all(b is not None for b in _all_bounds(op))


@TABLE.emits(tensor.Slice, when=(_MOVABLE, has_axes, goes_forward, has_known_bounds, _SMALL_ENOUGH))
def slice_(op: tensor.Slice, graph: Graph) -> None:
    bounds = [b for b in _all_bounds(op) if b is not None]
    begins, ends = int32([b.begin for b in bounds]), int32([b.end for b in bounds])
    # With a larger stride the runtime takes an element where there is none to take.
    strides = [1 if size == 0 else stride for size, stride in zip(op.sizes, op.strides, strict=True)]
    _add_slice(graph, op.x, begins, ends, range(len(bounds)), strides, op.result)


def has_plain_bounds(op: tensor.DynamicSlice) -> bool:
    """strides of 1, and starts and ends that count from the front"""
    # Of starts and ends that are negative the runtime brings some to the wrong side of the axis, and with a larger
    # stride it takes an element where there is none to take.
    return all(s == 1 for s in op.strides) and all(map(is_nonnegative_at_run_time, (op.starts, op.ends)))


@TABLE.emits(tensor.DynamicSlice, when=(_MOVABLE, has_plain_bounds, _SMALL_ENOUGH))
def dynamic_slice(op: tensor.DynamicSlice, graph: Graph) -> None:
    _add_slice(graph, op.x, op.starts, op.ends, op.axes, op.strides, op.result)


def _add_slice(
    graph: Graph,
    x: Value,
    begins: Value | Array,
    ends: Value | Array,
    axes: Sequence[int],
    strides: Sequence[int],
    result: Value,
) -> None:
    operands = [x, begins, ends, int32(list(axes)), int32(list(strides))]
    graph.add(OpType.STRIDED_SLICE, operands, [result], StridedSliceParam(from_type=1))


def has_one_axis(op: tensor.Reverse) -> bool:
    """one axis"""
    return len(op.axes) == 1


@TABLE.emits(tensor.Reverse, when=(_MOVABLE, has_one_axis, _SMALL_ENOUGH))
def reverse(op: tensor.Reverse, graph: Graph) -> None:
    graph.add(OpType.REVERSE, [op.x, int32(op.axes)], [op.result])


def knows_amounts(op: tensor.Pad) -> bool:
    """known amounts"""
    return all(isinstance(d, int) for d in (*op.low, *op.high))


def pads_natively(op: tensor.Pad) -> bool:
    """padding with a constant, with the edges, or with mirror images that are smaller than the tensor"""
    if op.mode is not PadMode.REFLECT:
        return op.mode in _PAD_MODES
    axes = zip(op.low, op.x.type.shape, op.high, strict=True)
    return all(
        isinstance(dim, SymInt) or all(isinstance(d, int) and d < max(dim, 1) for d in (low, high))
        for low, dim, high in axes
    )


def pads_few_axes(op: tensor.Pad) -> bool:
    """padded axes that, with the runs of axes between them, are three at most"""
    # Of more the runtime leaves out corners, or reads them from elsewhere.
    is_kept = [low == 0 and high == 0 for low, high in zip(op.low, op.high, strict=True)]
    return sum(not (kept and axis and is_kept[axis - 1]) for axis, kept in enumerate(is_kept)) <= 3


_PAD_MODES = {
    PadMode.CONSTANT: PadValueMode.CONSTANT,
    PadMode.REFLECT: PadValueMode.REFLECT,
    PadMode.EDGE: PadValueMode.EDGE,
}


@TABLE.emits(tensor.Pad, when=(_MOVABLE, pads_natively, knows_amounts, pads_few_axes, _SMALL_ENOUGH))
def pad(op: tensor.Pad, graph: Graph) -> None:
    amounts = [d for pair in zip(op.low, op.high, strict=True) for d in pair if isinstance(d, int)]
    value = [] if op.value is None else [op.value]
    graph.add(OpType.PADDING, [op.x, int32(amounts), *value], [op.result], PadParam(mode=_PAD_MODES[op.mode]))


def knows_result_shape(op: tensor.Expand) -> bool:
    """a known shape but for dims that stay as they are, or an operand that gives it at run time"""
    return op.dims is not None or _broadcast_shape(op) is not None


def _broadcast_shape(op: tensor.Expand) -> list[int] | None:
    """What to broadcast with: 1 where the operand's dim stays, known or not."""
    added = len(op.shape) - op.x.type.rank
    shape: list[int] = []
    for old, new in zip((None,) * added + op.x.type.shape, op.shape, strict=True):
        if isinstance(new, int):
            shape.append(new)
        elif old is not None and known_equal(old, new):
            shape.append(1)
        else:
            return None
    return shape


@TABLE.emits(tensor.Expand, when=(_MOVABLE, knows_result_shape, _SMALL_ENOUGH))
def expand(op: tensor.Expand, graph: Graph) -> None:
    known = _broadcast_shape(op)
    shape = int32(known) if known is not None else op.dims
    assert shape is not None
    graph.add(OpType.BROADCAST_TO, [op.x, shape], [op.result])


def knows_repeats(op: tensor.Tile) -> bool:
    """known numbers of repeats"""
    return all(isinstance(d, int) for d in op.repeats)


def repeats_few_axes(op: tensor.Tile) -> bool:
    """two repeated axes at most"""
    # The runtime counts each twice, and what lies between them, in an array of nine.
    return sum(r != 1 for r in op.repeats) <= 2


@TABLE.emits(tensor.Tile, when=(_MOVABLE, knows_repeats, repeats_few_axes, _SMALL_ENOUGH))
def tile(op: tensor.Tile, graph: Graph) -> None:
    repeats = int32([r for r in op.repeats if isinstance(r, int)])
    graph.add(OpType.TILE, [op.x, repeats], [op.result])


@TABLE.emits(tensor.Shape)
def shape(op: tensor.Shape, graph: Graph) -> None:
    graph.add(OpType.SHAPE, [op.x], [op.result])


# Floats the runtime adds up step by step, and the error with them.
@TABLE.emits(tensor.Range, when=(takes(*INTEGERS),))
def range_(op: tensor.Range, graph: Graph) -> None:
    graph.add(OpType.RANGE, [op.start, op.limit, op.delta], [op.result])


def has_channels_first(op: tensor.DepthToSpace | tensor.SpaceToDepth) -> bool:
    """channels first"""
    return op.layout is Layout.NCHW


@TABLE.emits(tensor.DepthToSpace, when=(_MOVABLE, has_channels_first))
def depth_to_space(op: tensor.DepthToSpace, graph: Graph) -> None:
    mode = DepthToSpaceMode.DCR if op.order is ChannelOrder.DCR else DepthToSpaceMode.CRD
    graph.add(OpType.DEPTH_TO_SPACE, [op.x], [op.result], DepthSpaceParam(block_size=op.block, mode=mode))


@TABLE.emits(tensor.SpaceToDepth, when=(_MOVABLE, has_channels_first))
def space_to_depth(op: tensor.SpaceToDepth, graph: Graph) -> None:
    graph.add(OpType.SPACE_TO_DEPTH, [op.x], [op.result], DepthSpaceParam(block_size=op.block))
