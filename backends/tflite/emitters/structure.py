"""Ops that move elements: shapes, slices, pads, casts."""

from typing import NamedTuple

import numpy as np

from ....dims import Dim, SymInt, ceil_div, known_equal
from ....ops import tensor
from ....ops.enums import PadMode
from ....types import DType
from ..graph import TFLITE_TYPES, Graph, TfliteTable
from ..schema_enums import BuiltinOperator, MirrorPadMode
from ..schema_options import (
    ConcatenationOptions,
    MirrorPadOptions,
    ReshapeOptions,
    ShapeOptions,
    SplitOptions,
    SplitVOptions,
    StridedSliceOptions,
)
from .operands import add_cast, clipped_to_int32, int32, shape_operand, takes, up_to_rank

TABLE = TfliteTable()

_COMMON = (DType.BOOL, DType.I8, DType.U8, DType.I16, DType.I32, DType.I64, DType.F16, DType.F32)


@TABLE.emits(tensor.Constant)
def constant(op: tensor.Constant, graph: Graph) -> None:
    """Constants are written where they are used."""


def has_castable_dtypes(op: tensor.Cast) -> bool:
    """dtypes other than u64, i4 and u4"""
    return not {op.x.type.dtype, op.dtype} & {DType.U64, DType.I4, DType.U4}


def changes_sign_only(op: tensor.Cast) -> bool:
    """i64 as u64 or the reverse"""
    return {op.x.type.dtype, op.dtype} == {DType.I64, DType.U64}


@TABLE.emits(tensor.Cast, when=(changes_sign_only,))
def bitcast(op: tensor.Cast, graph: Graph) -> None:
    graph.add(BuiltinOperator.BITCAST, [op.x], [op.result])


@TABLE.emits(tensor.Cast, when=(has_castable_dtypes,))
def cast(op: tensor.Cast, graph: Graph) -> None:
    add_cast(graph, op.x, op.x.type.dtype, op.result, op.dtype)


def knows_shape(op: tensor.Reshape) -> bool:
    """a shape of which at most one dim is symbolic, or that an operand gives at run time"""
    return op.dims is not None or sum(isinstance(d, SymInt) for d in op.shape) <= 1


@TABLE.emits(tensor.Reshape, when=(knows_shape,))
def reshape(op: tensor.Reshape, graph: Graph) -> None:
    shape = shape_operand(graph, op.dims, op.shape)
    options = ReshapeOptions(new_shape=shape.tolist()) if isinstance(shape, np.ndarray) else None
    graph.add(BuiltinOperator.RESHAPE, [op.x, shape], [op.result], options)


def has_axes(op: tensor.Transpose | tensor.Slice) -> bool:
    """at least one axis"""
    return op.x.type.rank > 0


@TABLE.emits(tensor.Transpose, when=(has_axes, up_to_rank(8)))
def transpose(op: tensor.Transpose, graph: Graph) -> None:
    graph.add(BuiltinOperator.TRANSPOSE, [op.x, int32(op.permutation)], [op.result])


@TABLE.emits(tensor.Concat, when=(takes(*_COMMON, DType.U32), up_to_rank(6)))
def concat(op: tensor.Concat, graph: Graph) -> None:
    graph.add(BuiltinOperator.CONCATENATION, op.xs, [op.result], ConcatenationOptions(axis=op.axis))


def has_equal_parts(op: tensor.Split) -> bool:
    """parts of equal sizes"""
    return all(known_equal(s, op.sizes[0]) for s in op.sizes)


_SPLITTABLE = takes(DType.F32, DType.I64, DType.I32, DType.I16, DType.I8, DType.U8)


@TABLE.emits(tensor.Split, when=(_SPLITTABLE, has_equal_parts, up_to_rank(6)))
def split(op: tensor.Split, graph: Graph) -> None:
    graph.add(BuiltinOperator.SPLIT, [int32(op.axis), op.x], op.results, SplitOptions(num_splits=len(op.sizes)))


def knows_sizes(op: tensor.Split) -> bool:
    """parts of known sizes, but for one"""
    return sum(isinstance(s, SymInt) for s in op.sizes) <= 1


@TABLE.emits(tensor.Split, when=(_SPLITTABLE, knows_sizes, up_to_rank(6)))
def split_v(op: tensor.Split, graph: Graph) -> None:
    sizes = int32([-1 if isinstance(s, SymInt) else s for s in op.sizes])
    options = SplitVOptions(num_splits=len(op.sizes))
    graph.add(BuiltinOperator.SPLIT_V, [op.x, sizes, int32(op.axis)], op.results, options)


def is_contiguous(op: tensor.Slice) -> bool:
    """strides of 1, known starts, and sizes that are known or reach the end"""
    axes = zip(op.x.type.shape, op.starts, op.sizes, op.strides, strict=True)
    return all(
        stride == 1 and isinstance(start, int) and (isinstance(size, int) or known_equal(start + size, dim))
        for dim, start, size, stride in axes
    )


@TABLE.emits(tensor.Slice, when=(has_axes, is_contiguous, up_to_rank(8)))
def slice_(op: tensor.Slice, graph: Graph) -> None:
    begin = int32([s for s in op.starts if isinstance(s, int)])
    size = int32([-1 if isinstance(s, SymInt) else s for s in op.sizes])
    graph.add(BuiltinOperator.SLICE, [op.x, begin, size], [op.result])


class _Bounds(NamedTuple):
    """How STRIDED_SLICE is told one axis of a slice; None: from, or up to, where the axis ends."""

    begin: int | None
    end: int | None


def _bounds(dim: Dim, start: Dim, size: Dim, stride: int) -> _Bounds | None:
    begin = _position(dim, start)
    if begin is None:
        return None
    end = start + size * stride
    if size == 0:
        return _Bounds(0, 0)
    whole = ceil_div(dim - start, stride) if stride > 0 else start // -stride + 1
    if known_equal(size, whole):
        return _Bounds(begin, None)
    position = _position(dim, end)
    return None if position is None else _Bounds(begin, position)


def _position(dim: Dim, position: Dim) -> int | None:
    """The position as a number, from the end of the axis if that is negative; None when neither is known."""
    if isinstance(position, int):
        return position if position >= 0 else None
    from_end = position - dim
    return from_end if isinstance(from_end, int) and from_end < 0 else None


def _all_bounds(op: tensor.Slice) -> list[_Bounds | None]:
    return [_bounds(*axis) for axis in zip(op.x.type.shape, op.starts, op.sizes, op.strides, strict=True)]


def has_known_bounds(op: tensor.Slice) -> bool:
    """starts and ends that are known, counted from the front or the end of their axes"""
    return all(b is not None for b in _all_bounds(op))


@TABLE.emits(tensor.Slice, when=(has_axes, has_known_bounds, up_to_rank(8)))
def strided_slice(op: tensor.Slice, graph: Graph) -> None:
    bounds = [b for b in _all_bounds(op) if b is not None]
    options = StridedSliceOptions(end_mask=sum(1 << i for i, b in enumerate(bounds) if b.end is None))
    begin, end = int32([b.begin or 0 for b in bounds]), int32([b.end or 0 for b in bounds])
    graph.add(BuiltinOperator.STRIDED_SLICE, [op.x, begin, end, int32(op.strides)], [op.result], options)


def covers_all_axes(op: tensor.DynamicSlice) -> bool:
    """bounds for every axis, in order"""
    return op.axes == tuple(range(op.x.type.rank))


@TABLE.emits(tensor.DynamicSlice, when=(covers_all_axes, up_to_rank(8)))
def dynamic_slice(op: tensor.DynamicSlice, graph: Graph) -> None:
    begin, end = clipped_to_int32(graph, op.starts), clipped_to_int32(graph, op.ends)
    inputs = [op.x, begin, end, int32(op.strides)]
    graph.add(BuiltinOperator.STRIDED_SLICE, inputs, [op.result], StridedSliceOptions())


def knows_amounts(op: tensor.Pad) -> bool:
    """known amounts"""
    return all(isinstance(d, int) for d in (*op.low, *op.high))


def pads_with_constant(op: tensor.Pad) -> bool:
    """constant padding"""
    return op.mode is PadMode.CONSTANT


def mirrors_within(op: tensor.Pad) -> bool:
    """mirror images that are smaller than the tensor"""
    if op.mode is not PadMode.REFLECT:
        return False
    axes = zip(op.low, op.x.type.shape, op.high, strict=True)
    return all(
        isinstance(dim, SymInt) or all(isinstance(d, int) and d < max(dim, 1) for d in (low, high))
        for low, dim, high in axes
    )


def _amounts(op: tensor.Pad) -> tuple[tuple[int, int], ...]:
    return tuple((a, b) for a, b in zip(op.low, op.high, strict=True) if isinstance(a, int) and isinstance(b, int))


@TABLE.emits(tensor.Pad, when=(takes(*_COMMON), pads_with_constant, knows_amounts, up_to_rank(5)))
def pad(op: tensor.Pad, graph: Graph) -> None:
    amounts = np.array(_amounts(op), np.int32).reshape(-1, 2)
    if op.value is None:
        graph.add(BuiltinOperator.PAD, [op.x, amounts], [op.result])
    else:
        graph.add(BuiltinOperator.PADV2, [op.x, amounts, op.value], [op.result])


@TABLE.emits(tensor.Pad, when=(mirrors_within, knows_amounts, up_to_rank(8)))
def mirror_pad(op: tensor.Pad, graph: Graph) -> None:
    amounts = np.array(_amounts(op), np.int32).reshape(-1, 2)
    graph.add(BuiltinOperator.MIRROR_PAD, [op.x, amounts], [op.result], MirrorPadOptions(mode=MirrorPadMode.REFLECT))


def knows_result_shape(op: tensor.Expand) -> bool:
    """a known shape, or an operand that gives it at run time"""
    return op.dims is not None or all(isinstance(d, int) for d in op.shape)


@TABLE.emits(tensor.Expand, when=(knows_result_shape, up_to_rank(8)))
def expand(op: tensor.Expand, graph: Graph) -> None:
    graph.add(BuiltinOperator.BROADCAST_TO, [op.x, shape_operand(graph, op.dims, op.shape)], [op.result])


def knows_repeats(op: tensor.Tile) -> bool:
    """known numbers of repeats"""
    return all(isinstance(d, int) for d in op.repeats)


@TABLE.emits(tensor.Tile, when=(knows_repeats, up_to_rank(8)))
def tile(op: tensor.Tile, graph: Graph) -> None:
    repeats = int32([r for r in op.repeats if isinstance(r, int)])
    graph.add(BuiltinOperator.TILE, [op.x, repeats], [op.result])


def has_neighbouring_axes(op: tensor.Reverse) -> bool:
    """axes that are neighbours, at least one"""
    return bool(op.axes) and op.axes == tuple(range(op.axes[0], op.axes[-1] + 1))


@TABLE.emits(tensor.Reverse, when=(takes(*_COMMON), has_neighbouring_axes, up_to_rank(8)))
def reverse(op: tensor.Reverse, graph: Graph) -> None:
    graph.add(BuiltinOperator.REVERSE_V2, [op.x, int32(op.axes)], [op.result])


@TABLE.emits(tensor.Shape)
def shape(op: tensor.Shape, graph: Graph) -> None:
    graph.add(BuiltinOperator.SHAPE, [op.x], [op.result], ShapeOptions(out_type=TFLITE_TYPES[op.index_dtype]))
