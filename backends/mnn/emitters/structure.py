"""Ops that move elements: shapes, slices, pads."""

from collections.abc import Sequence

from ....dims import SymInt, known_equal
from ....ir import Array, Value
from ....ops import tensor
from ....ops.enums import PadMode
from ....passes.lowering.ranges import is_nonnegative_at_run_time
from ....passes.patterns import without_ones
from ....types import DType
from ...conditions import has_axes, however_stored, knows_amounts, knows_repeats, knows_shape, takes, up_to_rank
from ...slices import has_known_bounds, slice_bounds
from ..graph import Graph, MnnTable, Slot
from ..schema_enums import BinaryOperation, DataFormat, NetSource, OpType, PadValueMode
from ..schema_parameters import (
    Axis,
    BinaryOp,
    PadParam,
    Permute,
    Reshape,
    Slice,
    SqueezeParam,
    StridedSliceParam,
)
from .operands import INT32, INTEGERS, MAX_RANK, float32, int32
from .quantization import joins_bytes, keeps_bytes

TABLE = MnnTable()

_MOVABLE = takes(DType.BOOL, DType.I32, DType.I64, DType.F32)
_SMALL_ENOUGH = up_to_rank(MAX_RANK)


def is_packed_by_users(op: tensor.Constant) -> bool:
    """whatever its users can store"""
    return True


@TABLE.emits(tensor.Constant, stored=is_packed_by_users)
def constant(op: tensor.Constant, graph: Graph) -> None:
    """Constants are written where they are used."""


def has_no_axes(op: tensor.Reshape) -> bool:
    """a scalar as result"""
    return not op.shape


@TABLE.emits(tensor.Reshape, when=(_MOVABLE, has_no_axes, _SMALL_ENOUGH), stored=keeps_bytes)
def reshape_to_scalar(op: tensor.Reshape, graph: Graph) -> None:
    """Without its axes: when the runtime loads a subgraph it drops empty vectors, and misses that of the shape."""
    graph.add(OpType.SQUEEZE, [op.x], [op.result], SqueezeParam(squeeze_dims=list(range(op.x.type.rank))))


_JOINING = (tensor.Concat, tensor.Pad, tensor.Tile)
_CUTTING = (tensor.Slice, tensor.DynamicSlice, tensor.Split, tensor.Pad)


def is_cut_otherwise(op: tensor.Reshape) -> bool:
    """parts of rows that were joined from others"""
    source = op.x
    while isinstance(source.owner, tensor.Reshape):
        source = source.owner.x
    was_joined = isinstance(source.owner, _JOINING) and source.type.rank > 1
    return was_joined and any(isinstance(user, _CUTTING) for user in op.result.uses)


@TABLE.emits(tensor.Reshape, when=(_MOVABLE, knows_shape, is_cut_otherwise, _SMALL_ENOUGH))
def reshape_of_copy(op: tensor.Reshape, graph: Graph) -> None:
    """With a copy that is really made: the runtime reads parts from where they come, but misses those that begin within
    a row and end within the next."""
    copy = graph.temporary()
    if op.x.type.dtype is DType.F32:
        graph.add(OpType.BINARY_OP, [op.x, float32(1)], [copy], BinaryOp(op_type=BinaryOperation.MUL))
    else:
        graph.add(OpType.BINARY_OP, [op.x, int32(0)], [copy], BinaryOp(op_type=BinaryOperation.BITWISE_OR))
    _add_reshape(op, copy, graph)


@TABLE.emits(tensor.Reshape, when=(_MOVABLE, knows_shape, _SMALL_ENOUGH), stored=keeps_bytes)
def reshape(op: tensor.Reshape, graph: Graph) -> None:
    _add_reshape(op, op.x, graph)


def _add_reshape(op: tensor.Reshape, x: Value | Slot, graph: Graph) -> None:
    if op.dims is not None and any(isinstance(d, SymInt) for d in op.shape):
        graph.add(OpType.RESHAPE, [x, op.dims], [op.result], Reshape(dim_type=DataFormat.NCHW))
        return
    dims = [-1 if isinstance(d, SymInt) else d for d in op.shape]
    graph.add(OpType.RESHAPE, [x], [op.result], Reshape(dims=dims, dim_type=DataFormat.NCHW))


def is_joined_rightly(op: tensor.Transpose) -> bool:
    """not [N, H * W, C] back to [N, C, H * W] where a reshape has made that of [N, C, H, W], channels mixed"""
    # The runtime joins both with a change of formats before them, as if the reshape had left channels alone.
    view = op.x.owner
    if not isinstance(view, tensor.Reshape) or view.x.type.rank < 3 or not op.x.type.dtype.is_float:
        return True
    leading = without_ones(view.x.type.shape[:2])
    count = len(leading)
    mixes = without_ones(view.shape)[:count] != leading
    return not (mixes and without_ones(op.result.type.shape)[:count] == leading)


@TABLE.emits(tensor.Transpose, when=(_MOVABLE, _SMALL_ENOUGH, is_joined_rightly), stored=keeps_bytes)
def transpose(op: tensor.Transpose, graph: Graph) -> None:
    graph.add(OpType.PERMUTE, [op.x], [op.result], Permute(dims=list(op.permutation)))


@TABLE.emits(tensor.Concat, when=(_MOVABLE, _SMALL_ENOUGH), stored=joins_bytes)
def concat(op: tensor.Concat, graph: Graph) -> None:
    graph.add(OpType.CONCAT, op.xs, [op.result], Axis(axis=op.axis))


def knows_sizes(op: tensor.Split) -> bool:
    """at least two parts, of known sizes but for one, and none empty"""
    return len(op.sizes) > 1 and 0 not in op.sizes and sum(isinstance(s, SymInt) for s in op.sizes) <= 1


@TABLE.emits(tensor.Split, when=(_MOVABLE, knows_sizes, _SMALL_ENOUGH), stored=keeps_bytes)
def split(op: tensor.Split, graph: Graph) -> None:
    sizes = [-1 if isinstance(s, SymInt) else s for s in op.sizes]
    parameter = Slice(axis=op.axis, slice_points=sizes, source_type=NetSource.TENSORFLOW)
    graph.add(OpType.SLICE, [op.x], op.results, parameter)


def goes_forward(op: tensor.Slice | tensor.DynamicSlice) -> bool:
    """positive strides"""
    # Backwards the runtime writes beyond its tensors: where there are more than three axes, where the end is not the
    # front (it compares it with the rank), and where one of the last three axes is not among the reversed ones.
    return all(s > 0 for s in op.strides)


@TABLE.emits(tensor.Slice, when=(_MOVABLE, has_axes, goes_forward, has_known_bounds, _SMALL_ENOUGH), stored=keeps_bytes)
def slice_(op: tensor.Slice, graph: Graph) -> None:
    bounds = [b for b in slice_bounds(op) if b is not None]
    begins, ends = int32([b.begin for b in bounds]), int32([INT32.max if b.end is None else b.end for b in bounds])
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


@TABLE.emits(tensor.Reverse, when=(_MOVABLE, has_one_axis, _SMALL_ENOUGH), stored=keeps_bytes)
def reverse(op: tensor.Reverse, graph: Graph) -> None:
    graph.add(OpType.REVERSE, [op.x, int32(op.axes)], [op.result])


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


@TABLE.emits(
    tensor.Pad, when=(_MOVABLE, pads_natively, knows_amounts, pads_few_axes, _SMALL_ENOUGH), stored=keeps_bytes
)
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


@TABLE.emits(tensor.Expand, when=(_MOVABLE, knows_result_shape, _SMALL_ENOUGH), stored=keeps_bytes)
def expand(op: tensor.Expand, graph: Graph) -> None:
    known = _broadcast_shape(op)
    shape = int32(known) if known is not None else op.dims
    assert shape is not None
    graph.add(OpType.BROADCAST_TO, [op.x, shape], [op.result])


def repeats_few_axes(op: tensor.Tile) -> bool:
    """two repeated axes at most"""
    # The runtime counts each twice, and what lies between them, in an array of nine.
    return sum(r != 1 for r in op.repeats) <= 2


@TABLE.emits(tensor.Tile, when=(_MOVABLE, knows_repeats, repeats_few_axes, _SMALL_ENOUGH), stored=keeps_bytes)
def tile(op: tensor.Tile, graph: Graph) -> None:
    repeats = int32([r for r in op.repeats if isinstance(r, int)])
    graph.add(OpType.TILE, [op.x, repeats], [op.result])


@TABLE.emits(tensor.Shape, stored=however_stored)
def shape(op: tensor.Shape, graph: Graph) -> None:
    graph.add(OpType.SHAPE, [op.x], [op.result])


# Floats the runtime adds up step by step, and the error with them.
@TABLE.emits(tensor.Range, when=(takes(*INTEGERS),))
def range_(op: tensor.Range, graph: Graph) -> None:
    graph.add(OpType.RANGE, [op.start, op.limit, op.delta], [op.result])
