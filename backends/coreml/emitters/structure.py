"""Ops that move elements: shapes, slices, pads, repetitions."""

from collections.abc import Sequence

import numpy as np

from ....dims import Dim, SymInt, known_equal
from ....ir import Array, Value
from ....ops import tensor
from ....ops.enums import PadMode
from ....passes.patterns import constant_array
from ....types import DType, TensorType
from ...conditions import (
    covers_all_axes,
    goes_forward,
    has_axes,
    has_equal_parts,
    knows_amounts,
    knows_repeats,
    mirrors_within,
)
from ...slices import has_known_bounds, slice_bounds
from ..program import CoremlTable, Program
from .conditions import BOOL, I32, is_float, is_number, is_number_or_bool
from .elementwise import scalar

TABLE = CoremlTable()

_INT32 = np.iinfo(np.int32)


def drops_ones(op: tensor.Reshape) -> bool:
    """axes of size 1 dropped, and nothing else"""
    shape, result = op.x.type.shape, op.result.type.shape
    return len(result) < len(shape) and _inserted(result, shape) is not None


def inserts_ones(op: tensor.Reshape) -> bool:
    """axes of size 1 inserted, and nothing else"""
    shape, result = op.x.type.shape, op.result.type.shape
    return len(result) > len(shape) and _inserted(shape, result) is not None


def _inserted(shape: Sequence[Dim], longer: Sequence[Dim]) -> tuple[int, ...] | None:
    """Where ``longer`` has axes of size 1 that ``shape`` has not; None when that is not all."""
    axes: list[int] = []
    place = 0
    for axis, dim in enumerate(longer):
        if place < len(shape) and known_equal(shape[place], dim):
            place += 1
        elif dim == 1:
            axes.append(axis)
        else:
            return None
    return tuple(axes) if place == len(shape) else None


def _known_inserted(shape: Sequence[Dim], longer: Sequence[Dim]) -> tuple[int, ...]:
    axes = _inserted(shape, longer)
    assert axes is not None
    return axes


def has_static_data(op: tensor.Reshape) -> bool:
    """data of a static shape"""
    return op.x.type.is_static


@TABLE.emits(tensor.Reshape, when=(is_number_or_bool, drops_ones, has_static_data))
def squeeze(op: tensor.Reshape, program: Program) -> None:
    program.add("squeeze", op.result, x=op.x, axes=_known_inserted(op.result.type.shape, op.x.type.shape))


@TABLE.emits(tensor.Reshape, when=(is_number_or_bool, drops_ones))
def slice_off_ones(op: tensor.Reshape, program: Program) -> None:
    """As Core ML infers types, squeeze keeps an axis that it does not know to be 1: we know more by way of concat."""
    rank = op.x.type.rank
    axes = _known_inserted(op.result.type.shape, op.x.type.shape)
    program.add(
        "slice_by_index",
        op.result,
        x=op.x,
        begin=(0,) * rank,
        end=(1,) * rank,
        stride=(1,) * rank,
        begin_mask=(True,) * rank,
        end_mask=tuple(axis not in axes for axis in range(rank)),
        squeeze_mask=tuple(axis in axes for axis in range(rank)),
    )


@TABLE.emits(tensor.Reshape, when=(is_number_or_bool, inserts_ones))
def expand_dims(op: tensor.Reshape, program: Program) -> None:
    program.add("expand_dims", op.result, x=op.x, axes=_known_inserted(op.x.type.shape, op.result.type.shape))


def is_no_scalar(op: tensor.Reshape) -> bool:
    """at least one axis, before and after"""
    return op.x.type.rank > 0 and op.result.type.rank > 0


def knows_shape(op: tensor.Reshape) -> bool:
    """a shape of which at most one dim is symbolic, or that an operand gives at run time"""
    return _has_i32_dims(op.dims) or sum(isinstance(d, SymInt) for d in op.shape) <= 1


def _has_i32_dims(dims: Value | None) -> bool:
    return dims is not None and (dims.type.dtype is DType.I32 or constant_array(dims) is not None)


@TABLE.emits(tensor.Reshape, when=(is_number_or_bool, is_no_scalar, knows_shape))
def reshape(op: tensor.Reshape, program: Program) -> None:
    unknown = sum(isinstance(d, SymInt) for d in op.shape)
    known = tuple(-1 if isinstance(d, SymInt) else d for d in op.shape)
    program.add("reshape", op.result, x=op.x, shape=known if unknown <= 1 or op.dims is None else _int32(op.dims))


def _int32(value: Value) -> Value | Array:
    """An integer operand; a constant of any width as int32."""
    array = constant_array(value)
    return value if array is None else np.clip(array, _INT32.min, _INT32.max).astype(np.int32)


@TABLE.emits(tensor.Transpose, when=(is_number_or_bool, has_axes))
def transpose(op: tensor.Transpose, program: Program) -> None:
    program.add("transpose", op.result, x=op.x, perm=op.permutation)


def joins_several(op: tensor.Concat) -> bool:
    """several tensors to join"""
    return len(op.xs) > 1


@TABLE.emits(tensor.Concat, when=(is_number, joins_several))
def concat(op: tensor.Concat, program: Program) -> None:
    program.add("concat", op.result, values=op.xs, axis=op.axis, interleave=False)


def knows_sizes(op: tensor.Split) -> bool:
    """parts of known sizes"""
    return all(isinstance(s, int) for s in op.sizes)


@TABLE.emits(tensor.Split, when=(is_number_or_bool, has_equal_parts))
def split_evenly(op: tensor.Split, program: Program) -> None:
    program.add("split", op.results, x=op.x, num_splits=len(op.sizes), axis=op.axis)


@TABLE.emits(tensor.Split, when=(is_number_or_bool, knows_sizes))
def split(op: tensor.Split, program: Program) -> None:
    sizes = tuple(s for s in op.sizes if isinstance(s, int))
    program.add("split", op.results, x=op.x, split_sizes=sizes, axis=op.axis)


@TABLE.emits(tensor.Slice, when=(is_number_or_bool, has_axes, has_known_bounds))
def slice_(op: tensor.Slice, program: Program) -> None:
    bounds = [b for b in slice_bounds(op) if b is not None]
    program.add(
        "slice_by_index",
        op.result,
        x=op.x,
        begin=tuple(b.begin for b in bounds),
        end=tuple(b.end or 0 for b in bounds),
        stride=op.strides,
        begin_mask=(False,) * len(bounds),
        end_mask=tuple(b.end is None for b in bounds),
        squeeze_mask=(False,) * len(bounds),
    )


def has_i32_bounds(op: tensor.DynamicSlice) -> bool:
    """bounds of i32"""
    return _has_i32_dims(op.starts) and _has_i32_dims(op.ends)


@TABLE.emits(tensor.DynamicSlice, when=(is_number_or_bool, covers_all_axes, goes_forward, has_i32_bounds))
def dynamic_slice(op: tensor.DynamicSlice, program: Program) -> None:
    starts, ends = _elements(op.starts), _elements(op.ends)
    program.add(
        "slice_by_index",
        op.result,
        x=op.x,
        begin=_int32(op.starts),
        end=_int32(op.ends),
        stride=op.strides,
        begin_mask=tuple(start == 0 for start in starts),
        # An end behind all axes is said so: what the runtime makes of large numbers is written nowhere.
        end_mask=tuple(end is not None and end >= _INT32.max for end in ends),
        squeeze_mask=(False,) * op.x.type.rank,
    )


def _elements(vector: Value) -> list[int | None]:
    """A vector's elements; None for those that are known at run time only."""
    array = constant_array(vector)
    if array is not None:
        return [int(number) for number in array]
    if isinstance(vector.owner, tensor.Concat):
        return [element for part in vector.owner.xs for element in _elements(part)]
    (count,) = vector.type.static_shape
    return [None] * count


def pads_with_constant(op: tensor.Pad) -> bool:
    """constant padding"""
    return op.mode is PadMode.CONSTANT and (op.value is None or constant_array(op.value) is not None)


def mirrors_last_axes(op: tensor.Pad) -> bool:
    """mirror images or edges along the last two axes at most"""
    if op.mode not in (PadMode.REFLECT, PadMode.EDGE):
        return False
    return all(d == 0 for d in (*op.low[:-2], *op.high[:-2]))


def _amounts(op: tensor.Pad, axes: int) -> tuple[int, ...]:
    """Low and high amounts of the last axes, in turn."""
    pairs = list(zip(op.low, op.high, strict=True))[-axes:]
    return tuple(d for pair in pairs for d in pair if isinstance(d, int))


@TABLE.emits(tensor.Pad, when=(is_float, has_axes, pads_with_constant, knows_amounts))
def pad(op: tensor.Pad, program: Program) -> None:
    value = constant_array(op.value)
    filler = scalar(0, op.x) if value is None else value.reshape(())
    amounts = _amounts(op, op.x.type.rank)
    program.add("pad", op.result, x=op.x, pad=amounts, mode="constant", constant_val=filler)


_PAD_MODES = {PadMode.REFLECT: "reflect", PadMode.EDGE: "replicate"}


@TABLE.emits(tensor.Pad, when=(is_float, has_axes, mirrors_last_axes, mirrors_within, knows_amounts))
def mirror_pad(op: tensor.Pad, program: Program) -> None:
    amounts = _amounts(op, min(op.x.type.rank, 2))
    program.add("pad", op.result, x=op.x, pad=amounts, mode=_PAD_MODES[op.mode], constant_val=scalar(0, op.x))


def keeps_rank(op: tensor.Expand) -> bool:
    """as many axes before as after"""
    return op.x.type.rank == op.result.type.rank


def repeats_known(op: tensor.Expand) -> bool:
    """one element, and known sizes, along the axes that grow"""
    dims = zip(op.x.type.shape, op.result.type.shape, strict=False)
    return all(known_equal(d, r) or (d == 1 and isinstance(r, int)) for d, r in dims)


def _repeats(op: tensor.Expand) -> tuple[Dim, ...]:
    return tuple(1 if known_equal(d, r) else r for d, r in zip(op.x.type.shape, op.result.type.shape, strict=False))


@TABLE.emits(tensor.Expand, when=(is_number_or_bool, has_axes, keeps_rank, repeats_known))
def expand(op: tensor.Expand, program: Program) -> None:
    program.add("tile", op.result, x=op.x, reps=tuple(r for r in _repeats(op) if isinstance(r, int)))


def has_run_time_shape(op: tensor.Expand) -> bool:
    """an operand that gives the shape at run time"""
    return _has_i32_dims(op.dims)


@TABLE.emits(tensor.Expand, when=(is_number_or_bool, has_axes, has_run_time_shape))
def expand_at_run_time(op: tensor.Expand, program: Program) -> None:
    assert op.dims is not None
    dtype = op.x.type.dtype
    neutral = np.ones((), dtype.numpy)
    ones = program.temporary(TensorType(dtype, op.result.type.shape))
    program.add("fill", ones, shape=_int32(op.dims), value=neutral)
    program.add("logical_and" if dtype is BOOL else "mul", op.result, x=op.x, y=ones)


@TABLE.emits(tensor.Tile, when=(is_number_or_bool, has_axes, knows_repeats))
def tile(op: tensor.Tile, program: Program) -> None:
    program.add("tile", op.result, x=op.x, reps=tuple(r for r in op.repeats if isinstance(r, int)))


def reverses(op: tensor.Reverse) -> bool:
    """at least one axis to reverse"""
    return bool(op.axes)


@TABLE.emits(tensor.Reverse, when=(is_number_or_bool, reverses))
def reverse(op: tensor.Reverse, program: Program) -> None:
    program.add("reverse", op.result, x=op.x, axes=op.axes)


def has_i32_sizes(op: tensor.Shape) -> bool:
    """sizes of i32"""
    return op.index_dtype is I32


@TABLE.emits(tensor.Shape, when=(is_number_or_bool, has_axes, has_i32_sizes))
def shape(op: tensor.Shape, program: Program) -> None:
    program.add("shape", op.result, x=op.x)
