"""Ops that move elements: shapes, slices, pads, casts."""

import numpy as np

from ....dims import SymInt, known_equal
from ....ops import tensor
from ....ops.enums import ChannelOrder, PadMode
from ....ops.tensor.structure import Shaping
from ...conditions import (
    counts_in_i64,
    has_channels_first,
    has_equal_parts,
    knows_amounts,
    knows_repeats,
    mirrors_within,
)
from ...slices import Bounds, bounds_along
from ..graph import Graph, OnnxTable, Operand
from ..initializers import ONNX_TYPES
from ..kernels import KERNELS
from .operands import are_known, emits, i64, ints

TABLE = OnnxTable()

_END = np.iinfo(np.int64).max
_FRONT = np.iinfo(np.int64).min
"""As the end of a slice backwards: all that there is."""

SIZES_ARE_OPERANDS = 13
"""From this opset on the sizes of the parts that Split gives are an operand."""

COUNT_IS_ATTRIBUTE = 18
"""From this opset on Split is told how many equal parts there are."""

ZERO_IS_A_SIZE = 14
"""From this opset on a 0 in the shape of Reshape can mean no elements."""


@TABLE.emits(tensor.Constant)
def constant(op: tensor.Constant, graph: Graph) -> None:
    """Constants are written where they are used."""


def _casts_to(op: tensor.Cast, since: int) -> bool:
    return any(op.dtype in dtypes for opset, dtypes in KERNELS["Cast"] if opset <= since)


def casts_to_common(op: tensor.Cast) -> bool:
    """a result of bool, integers of at least 8 bits, f16, f32 or f64"""
    return _casts_to(op, 0) or _casts_to(op, KERNELS["Cast"][0][0])


def casts_to_bf16(op: tensor.Cast) -> bool:
    """a result of bool, integers of at least 8 bits or floats"""
    return _casts_to(op, 13)


def casts_to_any(op: tensor.Cast) -> bool:
    """a result of bool, integers or floats"""
    return _casts_to(op, 21)


@emits(TABLE, "Cast", tensor.Cast, when=(casts_to_any,), since=21)
@emits(TABLE, "Cast", tensor.Cast, when=(casts_to_bf16,), since=13)
@emits(TABLE, "Cast", tensor.Cast, when=(casts_to_common,))
def cast(op: tensor.Cast, graph: Graph) -> None:
    graph.add("Cast", [op.x], [op.result], to=ONNX_TYPES[op.dtype])


def _written_shape(op: tensor.Reshape) -> list[int] | None:
    """The shape in numbers, at most one of them -1 and, without empty axes, 0 where the size stays; None: not so."""
    if are_known(op.shape):
        return ints(op.shape)
    if 0 in op.shape:
        return None
    shape = [d if isinstance(d, int) else -1 for d in op.shape]
    for axis, dim in enumerate(op.shape):
        if shape.count(-1) > 1 and axis < op.x.type.rank and isinstance(dim, SymInt) and dim == op.x.type.shape[axis]:
            shape[axis] = 0
    return shape if shape.count(-1) <= 1 else None


def knows_shape(op: tensor.Reshape) -> bool:
    """a shape of which all symbolic dims but one stand where the operand has them, or that is given at run time"""
    return op.dims is not None or _written_shape(op) is not None


def is_not_empty(op: tensor.Reshape) -> bool:
    """a shape without zeros"""
    return 0 not in op.shape


@emits(TABLE, "Reshape", tensor.Reshape, when=(knows_shape,), since=ZERO_IS_A_SIZE)
@emits(TABLE, "Reshape", tensor.Reshape, when=(knows_shape, is_not_empty))
def reshape(op: tensor.Reshape, graph: Graph) -> None:
    shape = _written_shape(op)
    zeros = {"allowzero": 1} if 0 in op.shape else {}
    graph.add("Reshape", [op.x, op.dims if shape is None else i64(*shape)], [op.result], **zeros)


def has_an_axis(op: tensor.Transpose) -> bool:
    """at least one axis"""
    return op.x.type.rank > 0


@emits(TABLE, "Transpose", tensor.Transpose, when=(has_an_axis,))
def transpose(op: tensor.Transpose, graph: Graph) -> None:
    graph.add("Transpose", [op.x], [op.result], perm=list(op.permutation))


@emits(TABLE, "Concat", tensor.Concat)
def concat(op: tensor.Concat, graph: Graph) -> None:
    graph.add("Concat", op.xs, [op.result], axis=op.axis)


def knows_sizes(op: tensor.Split) -> bool:
    """parts of known sizes"""
    return are_known(op.sizes)


@emits(TABLE, "Split", tensor.Split, when=(has_equal_parts,))
def split_evenly(op: tensor.Split, graph: Graph) -> None:
    count = {"num_outputs": len(op.sizes)} if graph.opset >= COUNT_IS_ATTRIBUTE else {}
    graph.add("Split", [op.x], op.results, axis=op.axis, **count)


@emits(TABLE, "Split", tensor.Split, when=(knows_sizes,))
def split(op: tensor.Split, graph: Graph) -> None:
    if graph.opset >= SIZES_ARE_OPERANDS:
        graph.add("Split", [op.x, i64(*ints(op.sizes))], op.results, axis=op.axis)
    else:
        graph.add("Split", [op.x], op.results, axis=op.axis, split=ints(op.sizes))


def _sliced_axes(op: tensor.Slice) -> dict[int, Bounds | None]:
    """The bounds of the axes that are cut."""
    axes = enumerate(zip(op.x.type.shape, op.starts, op.sizes, op.strides, strict=True))
    return {
        axis: bounds_along(dim, start, size, stride)
        for axis, (dim, start, size, stride) in axes
        if not (start == 0 and stride == 1 and known_equal(size, dim))
    }


def has_known_bounds(op: tensor.Slice) -> bool:
    """starts and ends that are known, counted from the front or the end of their axes"""
    return None not in _sliced_axes(op).values()


def cuts_an_axis(op: tensor.Slice) -> bool:
    """at least one axis that is cut"""
    return bool(_sliced_axes(op))


@emits(TABLE, "Slice", tensor.Slice, when=(has_known_bounds, cuts_an_axis))
def slice_(op: tensor.Slice, graph: Graph) -> None:
    bounds = {axis: b for axis, b in _sliced_axes(op).items() if b is not None}
    strides = [op.strides[axis] for axis in bounds]
    # Before the first element a position would count from the end.
    open_ends = [_END if stride > 0 else _FRONT for stride in strides]
    starts = i64(*(b.begin for b in bounds.values()))
    ends = i64(*(end if b.end is None else b.end for b, end in zip(bounds.values(), open_ends, strict=True)))
    steps = i64(*strides) if any(s != 1 for s in strides) else None
    graph.add("Slice", [op.x, starts, ends, i64(*bounds), steps], [op.result])


@emits(TABLE, "Slice", tensor.DynamicSlice)
def dynamic_slice(op: tensor.DynamicSlice, graph: Graph) -> None:
    steps = i64(*op.strides) if any(s != 1 for s in op.strides) else None
    graph.add("Slice", [op.x, op.starts, op.ends, i64(*op.axes), steps], [op.result])


def has_axes(op: tensor.Reverse) -> bool:
    """at least one axis"""
    return bool(op.axes)


@emits(TABLE, "Slice", tensor.Reverse, when=(has_axes,))
def reverse(op: tensor.Reverse, graph: Graph) -> None:
    count = len(op.axes)
    operands: list[Operand] = [op.x, i64(*[-1] * count), i64(*[_FRONT] * count), i64(*op.axes), i64(*[-1] * count)]
    graph.add("Slice", operands, [op.result])


def pads_not_around(op: tensor.Pad) -> bool:
    """padding with a constant, the edge or a mirror image"""
    return op.mode is not PadMode.WRAP


@emits(TABLE, "Pad", tensor.Pad, when=(knows_amounts, mirrors_within), since=19)
@emits(TABLE, "Pad", tensor.Pad, when=(knows_amounts, mirrors_within, pads_not_around))
def pad(op: tensor.Pad, graph: Graph) -> None:
    amounts = i64(*ints((*op.low, *op.high)))
    graph.add("Pad", [op.x, amounts, op.value], [op.result], mode=op.mode.value)


def _expanded_sizes(op: Shaping) -> list[int] | None:
    """The shape in numbers, 1 where the operand's size stays; None when it is not known."""
    before = (1,) * (len(op.shape) - op.x.type.rank) + op.x.type.shape
    sizes = [1 if a == b else a for a, b in zip(op.shape, before, strict=True)]
    return ints(sizes) if are_known(sizes) else None


def knows_result_shape(op: tensor.Expand) -> bool:
    """a shape that is known where it grows, or an operand that gives it at run time"""
    return op.dims is not None or _expanded_sizes(op) is not None


@emits(TABLE, "Expand", tensor.Expand, when=(knows_result_shape,))
def expand(op: tensor.Expand, graph: Graph) -> None:
    sizes = _expanded_sizes(op)
    graph.add("Expand", [op.x, op.dims if sizes is None else i64(*sizes)], [op.result])


@emits(TABLE, "Tile", tensor.Tile, when=(knows_repeats,))
def tile(op: tensor.Tile, graph: Graph) -> None:
    graph.add("Tile", [op.x, i64(*ints(op.repeats))], [op.result])


@emits(TABLE, "Shape", tensor.Shape, when=(counts_in_i64,))
def shape(op: tensor.Shape, graph: Graph) -> None:
    graph.add("Shape", [op.x], [op.result])


@emits(TABLE, "Trilu", tensor.Trilu)
def trilu(op: tensor.Trilu, graph: Graph) -> None:
    diagonal = np.array(op.diagonal, np.int64) if op.diagonal else None
    graph.add("Trilu", [op.x, diagonal], [op.result], upper=int(op.upper))


@emits(TABLE, "DepthToSpace", tensor.DepthToSpace, when=(has_channels_first,))
def depth_to_space(op: tensor.DepthToSpace, graph: Graph) -> None:
    mode = "DCR" if op.order is ChannelOrder.DCR else "CRD"
    graph.add("DepthToSpace", [op.x], [op.result], blocksize=op.block, mode=mode)


@emits(TABLE, "SpaceToDepth", tensor.SpaceToDepth, when=(has_channels_first,))
def space_to_depth(op: tensor.SpaceToDepth, graph: Graph) -> None:
    graph.add("SpaceToDepth", [op.x], [op.result], blocksize=op.block)
