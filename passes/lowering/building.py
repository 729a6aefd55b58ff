"""What lowering rules build with: ops that fold at once on constants, axes added and dropped, pads, slices."""

import math
from collections.abc import Sequence

import numpy as np

from ...dims import Dim, SymInt, is_nonnegative, product
from ...ir import Op, Value
from ...ops import tensor
from ...types import DType, Shape
from ..compressed_weights import known_reshape, known_transpose
from ..patterns import constant, constant_array, reshape


def folded(op: Op) -> Value:
    """The op's result, as a constant when all its operands are: rules take constant weights apart without a trace.

    Compressed weights stay so when they are transposed.
    """
    if isinstance(op, tensor.Transpose) and (weight := known_transpose(op.x, op.permutation)) is not None:
        return weight
    if any(constant_array(v) is None for v in op.operands) or _has_symbols(op):
        return op.result
    fields = (getattr(op, f.name) for f in op.definition.operand_fields)
    result = op.evaluate(
        *(tuple(map(constant_array, v)) if isinstance(v, tuple) else constant_array(v) for v in fields)
    )
    assert isinstance(result, np.ndarray)
    return constant(result)


def _has_symbols(op: Op) -> bool:
    values = op.definition.attributes_of(op).values()
    return any(isinstance(d, SymInt) for v in values for d in (v if isinstance(v, tuple) else (v,)))


def folded_reshape(x: Value, shape: tuple[Dim, ...]) -> Value:
    """``x`` in another shape; a constant stays one, without a copy, and a compressed one compressed."""
    sizes = [d for d in shape if isinstance(d, int)]
    if x.type.shape == shape or len(sizes) < len(shape):
        return reshape(x, shape)
    array = constant_array(x)
    return constant(array.reshape(sizes)) if array is not None else known_reshape(x, sizes) or reshape(x, shape)


def insert_axis(x: Value, axis: int) -> Value:
    """``x`` with an axis of size 1 at ``axis``."""
    shape = x.type.shape
    return folded_reshape(x, (*shape[:axis], 1, *shape[axis:]))


def drop_axis(x: Value, axis: int) -> Value:
    """``x`` without its ``axis``, of size 1."""
    shape = x.type.shape
    return folded_reshape(x, (*shape[:axis], *shape[axis + 1 :]))


def pad_axes(
    x: Value, axes: Sequence[int], low: Sequence[Dim], high: Sequence[Dim], value: Value | None = None
) -> Value:
    """``x`` padded along ``axes`` with ``value``, or zeros; itself when there is nothing to add."""
    lows: list[Dim] = [0] * x.type.rank
    highs: list[Dim] = [0] * x.type.rank
    for axis, before, after in zip(axes, low, high, strict=True):
        lows[axis], highs[axis] = before, after
    if all(d == 0 for d in (*lows, *highs)):
        return x
    return folded(tensor.Pad(x, value, tuple(lows), tuple(highs)))


def slice_axes(
    x: Value, axes: Sequence[int], starts: Sequence[Dim], sizes: Sequence[Dim], strides: Sequence[int] | None = None
) -> Value:
    """The part of ``x`` along ``axes``, all of the others; itself when that is everything."""
    all_starts: list[Dim] = [0] * x.type.rank
    all_sizes = list(x.type.shape)
    all_strides = [1] * x.type.rank
    for i, axis in enumerate(axes):
        all_starts[axis], all_sizes[axis] = starts[i], sizes[i]
        all_strides[axis] = strides[i] if strides is not None else 1
    if all(s == 0 for s in all_starts) and tuple(all_sizes) == x.type.shape:
        return x
    return tensor.Slice(x, tuple(all_starts), tuple(all_sizes), tuple(all_strides)).result


def pad_or_crop(
    x: Value, axes: Sequence[int], low: Sequence[Dim], high: Sequence[Dim]
) -> tuple[Value, tuple[Dim, ...]]:
    """``x`` cut where an amount is negative, and the amounts [low..., high...] by which it remains to be padded.

    Symbolic amounts are taken to be nonnegative unless their negation provably is.
    """
    cut_low = [-d if is_nonnegative(-d) else 0 for d in low]
    cut_high = [-d if is_nonnegative(-d) else 0 for d in high]
    sizes = [x.type.shape[a] - c - e for a, c, e in zip(axes, cut_low, cut_high, strict=True)]
    rest = [d + c for d, c in zip((*low, *high), (*cut_low, *cut_high), strict=True)]
    return slice_axes(x, axes, cut_low, sizes), tuple(rest)


def expanded(x: Value, shape: tuple[Dim, ...]) -> Value:
    """``x`` broadcast to ``shape``; itself when it has it."""
    return x if x.type.shape == shape else folded(tensor.Expand(x, None, shape))


def row(x: Value, index: int) -> Value:
    """``x[index : index + 1]``; of a constant a constant, without a copy."""
    array = constant_array(x)
    return slice_axes(x, [0], [index], [1]) if array is None else constant(array[index : index + 1])


def split_evenly(x: Value, axis: int, count: int) -> list[Value]:
    """``x`` cut along ``axis`` into ``count`` equal parts."""
    array = constant_array(x)
    if array is not None:
        return [constant(part) for part in np.split(array, count, axis)]
    return list(tensor.Split(x, axis, (x.type.shape[axis] // count,) * count).results)


def concat(values: Sequence[Value], axis: int) -> Value:
    return folded(tensor.Concat(tuple(values), axis))


def scalar(number: float, like: Value) -> Value:
    """A constant without axes, of the dtype of ``like``; infinite where a float of that dtype cannot hold it."""
    with np.errstate(over="ignore"):
        return constant(np.asarray(number).astype(like.type.dtype.numpy))


def i32(number: int) -> Value:
    """A constant without axes."""
    return constant(np.array(number, np.int32))


def i64(number: int) -> Value:
    """A constant without axes."""
    return constant(np.array(number, np.int64))


def as_dtype(x: Value, dtype: DType) -> Value:
    """``x`` with elements of another dtype; itself when it has them."""
    return x if x.type.dtype is dtype else folded(tensor.Cast(x, dtype))


def three_axes(shape: Shape, axis: int) -> Shape:
    """The shape with all axes before ``axis`` as one, and all behind it."""
    return product(shape[:axis]), shape[axis], product(shape[axis + 1 :])


def limits(dtype: DType) -> tuple[float, float]:
    """The lowest and the highest number of a dtype; of floats those are infinite."""
    if dtype.is_float:
        return -math.inf, math.inf
    return dtype.lowest, dtype.highest
