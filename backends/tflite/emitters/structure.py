"""Ops that move elements: shapes, slices, pads, casts."""

import numpy as np

from ....dims import SymInt, known_equal
from ....ops import tensor
from ....ops.enums import PadMode
from ....types import DType
from ... import conditions
from ...conditions import (
    covers_all_axes,
    has_axes,
    has_equal_parts,
    however_stored,
    knows_amounts,
    knows_repeats,
    knows_shape,
    takes,
    up_to_rank,
)
from ...slices import has_known_bounds, slice_bounds
from ..graph import TFLITE_TYPES, Graph, TfliteTable
from ..integer_kernels import I8, I16, with_one_scale
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
from .operands import add_cast, clipped_to_int32, int32, shape_operand

TABLE = TfliteTable()

_MOVED = with_one_scale(I8, I16)
_COMMON = (DType.BOOL, DType.I8, DType.U8, DType.I16, DType.I32, DType.I64, DType.F16, DType.F32)


def is_writable(op: tensor.Constant) -> bool:
    """a dtype that tensors can have"""
    return op.value.type.stored in TFLITE_TYPES


@TABLE.emits(tensor.Constant, stored=is_writable)
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


@TABLE.emits(tensor.Reshape, when=(knows_shape, up_to_rank(8)), stored=_MOVED)
def reshape(op: tensor.Reshape, graph: Graph) -> None:
    shape = shape_operand(graph, op.dims, op.shape)
    options = ReshapeOptions(new_shape=shape.tolist()) if isinstance(shape, np.ndarray) else None
    graph.add(BuiltinOperator.RESHAPE, [op.x, shape], [op.result], options)


@TABLE.emits(tensor.Transpose, when=(has_axes, up_to_rank(8)), stored=_MOVED)
def transpose(op: tensor.Transpose, graph: Graph) -> None:
    graph.add(BuiltinOperator.TRANSPOSE, [op.x, int32(op.permutation)], [op.result])


@TABLE.emits(tensor.Concat, when=(takes(*_COMMON, DType.U32), up_to_rank(6)), stored=_MOVED)
def concat(op: tensor.Concat, graph: Graph) -> None:
    graph.add(BuiltinOperator.CONCATENATION, op.xs, [op.result], ConcatenationOptions(axis=op.axis))


_SPLITTABLE = takes(DType.F32, DType.I64, DType.I32, DType.I16, DType.I8, DType.U8)


@TABLE.emits(tensor.Split, when=(_SPLITTABLE, has_equal_parts, up_to_rank(6)), stored=_MOVED)
def split(op: tensor.Split, graph: Graph) -> None:
    graph.add(BuiltinOperator.SPLIT, [int32(op.axis), op.x], op.results, SplitOptions(num_splits=len(op.sizes)))


def knows_sizes(op: tensor.Split) -> bool:
    """parts of known sizes, but for one"""
    return sum(isinstance(s, SymInt) for s in op.sizes) <= 1


@TABLE.emits(tensor.Split, when=(_SPLITTABLE, knows_sizes, up_to_rank(6)), stored=_MOVED)
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


@TABLE.emits(tensor.Slice, when=(has_axes, is_contiguous, up_to_rank(8)), stored=_MOVED)
def slice_(op: tensor.Slice, graph: Graph) -> None:
    begin = int32([s for s in op.starts if isinstance(s, int)])
    size = int32([-1 if isinstance(s, SymInt) else s for s in op.sizes])
    graph.add(BuiltinOperator.SLICE, [op.x, begin, size], [op.result])


@TABLE.emits(tensor.Slice, when=(has_axes, has_known_bounds, up_to_rank(8)), stored=_MOVED)
def strided_slice(op: tensor.Slice, graph: Graph) -> None:
    bounds = [b for b in slice_bounds(op) if b is not None]
    options = StridedSliceOptions(end_mask=sum(1 << i for i, b in enumerate(bounds) if b.end is None))
    begin, end = int32([b.begin or 0 for b in bounds]), int32([b.end or 0 for b in bounds])
    graph.add(BuiltinOperator.STRIDED_SLICE, [op.x, begin, end, int32(op.strides)], [op.result], options)


@TABLE.emits(tensor.DynamicSlice, when=(covers_all_axes, up_to_rank(8)), stored=_MOVED)
def dynamic_slice(op: tensor.DynamicSlice, graph: Graph) -> None:
    begin, end = clipped_to_int32(graph, op.starts), clipped_to_int32(graph, op.ends)
    inputs = [op.x, begin, end, int32(op.strides)]
    graph.add(BuiltinOperator.STRIDED_SLICE, inputs, [op.result], StridedSliceOptions())


def pads_with_constant(op: tensor.Pad) -> bool:
    """constant padding"""
    return op.mode is PadMode.CONSTANT


def mirrors_within(op: tensor.Pad) -> bool:
    """mirror images that are smaller than the tensor"""
    return op.mode is PadMode.REFLECT and conditions.mirrors_within(op)


def _amounts(op: tensor.Pad) -> tuple[tuple[int, int], ...]:
    return tuple((a, b) for a, b in zip(op.low, op.high, strict=True) if isinstance(a, int) and isinstance(b, int))


@TABLE.emits(tensor.Pad, when=(takes(*_COMMON), pads_with_constant, knows_amounts, up_to_rank(5)), stored=_MOVED)
def pad(op: tensor.Pad, graph: Graph) -> None:
    amounts = np.array(_amounts(op), np.int32).reshape(-1, 2)
    if op.value is None:
        graph.add(BuiltinOperator.PAD, [op.x, amounts], [op.result])
    else:
        graph.add(BuiltinOperator.PADV2, [op.x, amounts, op.value], [op.result])


@TABLE.emits(tensor.Pad, when=(mirrors_within, knows_amounts, up_to_rank(8)), stored=_MOVED)
def mirror_pad(op: tensor.Pad, graph: Graph) -> None:
    amounts = np.array(_amounts(op), np.int32).reshape(-1, 2)
    graph.add(BuiltinOperator.MIRROR_PAD, [op.x, amounts], [op.result], MirrorPadOptions(mode=MirrorPadMode.REFLECT))


def knows_result_shape(op: tensor.Expand) -> bool:
    """a known shape, or an operand that gives it at run time"""
    return op.dims is not None or all(isinstance(d, int) for d in op.shape)


@TABLE.emits(tensor.Expand, when=(knows_result_shape, up_to_rank(8)), stored=_MOVED)
def expand(op: tensor.Expand, graph: Graph) -> None:
    graph.add(BuiltinOperator.BROADCAST_TO, [op.x, shape_operand(graph, op.dims, op.shape)], [op.result])


@TABLE.emits(tensor.Tile, when=(knows_repeats, up_to_rank(8)), stored=_MOVED)
def tile(op: tensor.Tile, graph: Graph) -> None:
    repeats = int32([r for r in op.repeats if isinstance(r, int)])
    graph.add(BuiltinOperator.TILE, [op.x, repeats], [op.result])


def has_neighbouring_axes(op: tensor.Reverse) -> bool:
    """axes that are neighbours, at least one"""
    return bool(op.axes) and op.axes == tuple(range(op.axes[0], op.axes[-1] + 1))


@TABLE.emits(tensor.Reverse, when=(takes(*_COMMON), has_neighbouring_axes, up_to_rank(8)), stored=_MOVED)
def reverse(op: tensor.Reverse, graph: Graph) -> None:
    graph.add(BuiltinOperator.REVERSE_V2, [op.x, int32(op.axes)], [op.result])


@TABLE.emits(tensor.Shape, stored=however_stored)
def shape(op: tensor.Shape, graph: Graph) -> None:
    graph.add(BuiltinOperator.SHAPE, [op.x], [op.result], ShapeOptions(out_type=TFLITE_TYPES[op.index_dtype]))
