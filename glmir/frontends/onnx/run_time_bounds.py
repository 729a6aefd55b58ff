"""Pads and slices whose amounts only running the model shows: every position of the result is traced back.

An amount is a dim where it is known and a scalar i64 value where it is not. How long the result is along an axis is
taken from the shape that the model declares, else it is a size that running the model shows.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ...dims import Dim, dim_max
from ...ir import Value
from ...ops import math, tensor
from ...ops.enums import PadMode
from ...types import DType
from ..layers import scalar
from ..values import cast, constant, i64, joined, positions, reshape, size_of, sliced
from .node import Node, Unsupported, check_axis

Amount: TypeAlias = Dim | Value


def amounts(node: Node, index: int) -> tuple[Amount, ...]:
    """The elements of a list of integers, each known or a scalar."""
    x = node.operand(index)
    return tuple(_element(x, i) if d is None else d for i, d in enumerate(node.entries(index)))


def _element(x: Value, index: int) -> Value:
    return cast(reshape(sliced(x, 0, index, 1), ()), DType.I64)


def by_axis(node: Node, given: Sequence[Amount], index: int, rank: int, default: Sequence[Amount]) -> list[Amount]:
    """For each of ``rank`` axes what is given for it; operand ``index`` says for which axes that is.

    Axes that it leaves out have their ``default``; without the operand the given ones are those of the first axes.
    """
    by_place = list(default)
    axes = range(len(given)) if node.optional(index) is None else node.entries(index)
    if len(axes) != len(given):
        raise Unsupported(f"it has {len(given)} amounts for {len(axes)} axes")
    if all(isinstance(axis, int) for axis in axes):
        for axis, amount in zip(axes, given, strict=True):
            assert isinstance(axis, int)
            by_place[check_axis(axis, rank)] = amount
        return by_place
    places = math.FloorMod(cast(node.operand(index), DType.I64), constant(np.array(rank))).result
    listed = joined([reshape(number(a), (1,)) for a in given], 0)
    for axis in range(rank):
        is_here = math.Equal(places, constant(np.array(axis))).result
        held = math.ReduceSum(math.Select(is_here, listed, constant(np.array(0))).result, (0,), False).result
        is_given = math.ReduceAny(is_here, (0,), False).result
        by_place[axis] = math.Select(is_given, held, number(default[axis])).result
    return by_place


def number(amount: Amount) -> Value:
    """The amount as a scalar i64."""
    return amount if isinstance(amount, Value) else size_of(amount)


def places(node: Node, axis: int, length: Value) -> Value:
    """0, 1, 2, … along an axis of the first output, whose ``length`` only running the model shows: i64[size]."""
    size = node.unknown_dim(axis)
    if isinstance(size, int):
        return positions(size)
    return tensor.Range(i64(0), length, i64(1), size).result


def padded(
    node: Node, x: Value, low: Sequence[Amount], high: Sequence[Amount], mode: PadMode, value: Value | None
) -> Value:
    """``x`` with ``low`` and ``high`` elements more at the ends of every axis, or less where they are negative."""
    pairs = list(zip(low, high, strict=True))
    known = [(a, b) for a, b in pairs if not isinstance(a, Value) and not isinstance(b, Value)]
    if len(known) < len(pairs):
        return _padded_at_run_time(node, x, pairs, mode, value)
    x = _cropped(x, known)
    before, behind = (tuple(dim_max(pair[side], 0) for pair in known) for side in (0, 1))
    if not any(d != 0 for d in (*before, *behind)):
        return x
    return tensor.Pad(x, value, before, behind, mode).result


def _cropped(x: Value, amounts: Sequence[tuple[Dim, Dim]]) -> Value:
    """x without what negative amounts of padding take away."""
    low, high = (tuple(dim_max(-pair[side], 0) for pair in amounts) for side in (0, 1))
    if not any(d != 0 for d in (*low, *high)):
        return x
    sizes = tuple(d - a - b for d, a, b in zip(x.type.shape, low, high, strict=True))
    return tensor.Slice(x, low, sizes, (1,) * x.type.rank).result


def _padded_at_run_time(
    node: Node, x: Value, pads: Sequence[tuple[Amount, Amount]], mode: PadMode, value: Value | None
) -> Value:
    for axis, (before, after) in enumerate(pads):
        if isinstance(before, Value) or isinstance(after, Value) or before != 0 or after != 0:
            x = _padded_axis(node, x, axis, before, after, mode, scalar(0, x) if value is None else value)
    return x


def _padded_axis(node: Node, x: Value, axis: int, before: Amount, after: Amount, mode: PadMode, value: Value) -> Value:
    size, low, high = size_of(x.type.shape[axis]), number(before), number(after)
    total = _add(_add(size, low), high)
    out = places(node, axis, total)
    # Negative amounts take away what is then padded.
    first = math.Maximum(_negated(low), i64(0)).result
    count = math.Sub(math.Sub(size, first).result, math.Maximum(_negated(high), i64(0)).result).result
    place = math.Sub(out, math.Maximum(low, i64(0)).result).result
    index = _add(_folded_back(place, count, mode), first)
    if mode is PadMode.CONSTANT:
        index = _clamped(index, i64(0), math.Sub(size, i64(1)).result)
    if x.type.shape[axis] == 0:
        # So that there is something to gather.
        x = tensor.Pad(x, value, (0,) * x.type.rank, tuple(int(i == axis) for i in range(x.type.rank))).result
        index = math.Maximum(index, i64(0)).result
    y = tensor.Gather(x, index, axis).result
    if mode is not PadMode.CONSTANT:
        return y
    is_inside = math.LogicalAnd(math.GreaterEqual(place, i64(0)).result, math.Less(place, count).result).result
    column = reshape(is_inside, (out.type.shape[0], *(1,) * (x.type.rank - axis - 1)))
    return math.Select(column, y, value).result


def _folded_back(place: Value, count: Value, mode: PadMode) -> Value:
    """The place among ``count`` elements that a place before or behind them repeats."""
    if mode is PadMode.CONSTANT:
        return place
    last = math.Sub(count, i64(1)).result
    if mode is PadMode.EDGE:
        return _clamped(place, i64(0), last)
    if mode is PadMode.WRAP:
        return math.FloorMod(place, math.Maximum(count, i64(1)).result).result
    period = _add(last, last)
    forth = math.FloorMod(place, math.Maximum(period, i64(1)).result).result
    return math.Minimum(forth, math.Sub(period, forth).result).result


def sliced_at_run_time(
    node: Node, x: Value, starts: Sequence[Amount], ends: Sequence[Amount], steps: Sequence[Amount]
) -> Value:
    """The elements of every axis from its start on, a step apart, up to but without its end (ONNX Slice)."""
    for axis, (start, end, step) in enumerate(zip(starts, ends, steps, strict=True)):
        dim = x.type.shape[axis]
        if (start, step) != (0, 1) or end != dim:
            x = _sliced_axis(node, x, axis, number(start), number(end), number(step))
    return x


def _sliced_axis(node: Node, x: Value, axis: int, start: Value, end: Value, step: Value) -> Value:
    dim = x.type.shape[axis]
    if dim == 0:
        return x
    size, zero = size_of(dim), i64(0)
    last = math.Sub(size, i64(1)).result
    is_forward = math.Greater(step, zero).result
    lowest = math.Select(is_forward, zero, i64(-1)).result
    highest = math.Select(is_forward, size, last).result
    first = _clamped(_from_front(start, size), zero, highest)
    # An end on the wrong side of the start leaves nothing, which kernels of ranges do not all see.
    limit = _clamped(
        _from_front(end, size),
        math.Select(is_forward, first, lowest).result,
        math.Select(is_forward, highest, first).result,
    )
    wanted = node.unknown_dim(axis)
    if isinstance(wanted, int):
        index = _add(math.Mul(positions(wanted), step).result, first)
    else:
        index = tensor.Range(first, limit, step, wanted).result
    # Sizes that are declared are taken at their word, but nothing is read from beside the axis.
    return tensor.Gather(x, _clamped(index, zero, last), axis).result


def parts_at_run_time(node: Node, x: Value, axis: int, sizes: Sequence[Dim | None]) -> list[Value]:
    """x cut along an axis; operand 1 gives the parts' sizes, of which those that are None are not known."""
    given = cast(node.operand(1), DType.I64)
    ends = math.CumSum(given, 0).result
    starts = math.Sub(ends, given).result
    parts = []
    for i, size in enumerate(sizes):
        dim = node.scope.fresh_symbol() if size is None else size
        shape = tuple(dim if j == axis else d for j, d in enumerate(x.type.shape))
        start, end = (sliced(v, 0, i, 1) for v in (starts, ends))
        parts.append(tensor.DynamicSlice(x, start, end, (axis,), (1,), shape).result)
    return parts


def _from_front(position: Value, size: Value) -> Value:
    is_negative = math.Less(position, i64(0)).result
    return math.Select(is_negative, _add(position, size), position).result


def _clamped(x: Value, low: Value, high: Value) -> Value:
    return math.Maximum(math.Minimum(x, high).result, low).result


def _add(x: Value, y: Value) -> Value:
    return math.Add(x, y).result


def _negated(x: Value) -> Value:
    return math.Neg(x).result
