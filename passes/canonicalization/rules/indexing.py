"""Slices, gathers and splits."""

import numpy as np

from ....dims import Dim, is_nonnegative
from ....ir import Array, Op, Value
from ....opdef import replace
from ....ops import tensor
from ....rewriter import RuleSet
from ...patterns import constant_array, reshape, same_shape

RULES = RuleSet()


@RULES.on(tensor.Slice)
def slice_all(op: tensor.Slice) -> Value | None:
    """slice(x) -> x when it takes everything in order"""
    if not same_shape(op.x, op.result) or any(start != 0 for start in op.starts):
        return None
    return op.x if all(stride == 1 or size == 1 for stride, size in zip(op.strides, op.sizes, strict=True)) else None


@RULES.on(tensor.Slice)
def slice_twice(op: tensor.Slice) -> Op | None:
    """slice(slice(x)) -> slice(x)"""
    inner = op.x.owner
    if not isinstance(inner, tensor.Slice) or any(size == 0 for size in op.sizes):
        return None
    starts = tuple(a + b * stride for a, b, stride in zip(inner.starts, op.starts, inner.strides, strict=True))
    strides = tuple(a * b for a, b in zip(inner.strides, op.strides, strict=True))
    # With a negative stride a start that depends on symbols may not be provably within the tensor.
    if not all(is_nonnegative(start) for start in starts):
        return None
    return tensor.Slice(inner.x, starts, op.sizes, strides)


@RULES.on(tensor.Slice)
def slice_of_concat(op: tensor.Slice) -> Op | None:
    """slice(concat([x, y])) -> slice(y) when it reads one operand only"""
    concat = op.x.owner
    if not isinstance(concat, tensor.Concat) or op.strides[concat.axis] != 1:
        return None
    start, size = op.starts[concat.axis], op.sizes[concat.axis]
    begin: Dim = 0
    for x in concat.xs:
        end = begin + x.type.shape[concat.axis]
        if is_nonnegative(start - begin) and is_nonnegative(end - start - size):
            return replace(op, x=x, starts=_with(op.starts, concat.axis, start - begin))
        begin = end
    return None


def _with(dims: tuple[Dim, ...], axis: int, dim: Dim) -> tuple[Dim, ...]:
    return (*dims[:axis], dim, *dims[axis + 1 :])


@RULES.on(tensor.Concat)
def concat_of_slices(op: tensor.Concat) -> Op | None:
    """concat([x[a:b], x[b:c], y]) -> concat([x[a:c], y])"""
    xs = [op.xs[0]]
    for x in op.xs[1:]:
        joined = _joined(xs[-1].owner, x.owner, op.axis)
        if joined is None:
            xs.append(x)
        else:
            xs[-1] = joined
    return replace(op, xs=tuple(xs)) if len(xs) < len(op.xs) else None


def _joined(first: Op | None, second: Op | None, axis: int) -> Value | None:
    """The slice that two adjacent slices of one tensor make, if they are that."""
    if not isinstance(first, tensor.Slice) or not isinstance(second, tensor.Slice) or first.x is not second.x:
        return None
    if first.strides != second.strides:
        return None
    end = first.starts[axis] + first.sizes[axis] * first.strides[axis]
    if _with(first.starts, axis, end) != second.starts:
        return None
    if _with(first.sizes, axis, 0) != _with(second.sizes, axis, 0):
        return None
    sizes = _with(first.sizes, axis, first.sizes[axis] + second.sizes[axis])
    return tensor.Slice(first.x, first.starts, sizes, first.strides).result


@RULES.on(tensor.Split)
def split_for_one_part(op: tensor.Split) -> list[Value] | None:
    """split(x) -> slice(x) when one part only is used"""
    if sum(r.is_used for r in op.results) != 1 or len(op.results) == 1:
        return None
    # The unused results stand for themselves: the split goes with them.
    return [part if result.is_used else result for part, result in zip(_parts(op), op.results, strict=True)]


def _parts(op: tensor.Split) -> list[Value]:
    """Every part of a split as a slice."""
    shape = op.x.type.shape
    parts: list[Value] = []
    start: Dim = 0
    for size in op.sizes:
        starts = _with((0,) * len(shape), op.axis, start)
        parts.append(tensor.Slice(op.x, starts, _with(shape, op.axis, size), (1,) * len(shape)).result)
        start = start + size
    return parts


@RULES.on(tensor.Gather)
def gather_progression(op: tensor.Gather) -> Value | None:
    """gather(x, [a, a + s, a + 2s, …]) -> slice(x), in the shape of the result"""
    indices = constant_array(op.indices)
    if indices is None or not indices.size or indices.ndim > 1:
        return None
    dim = op.x.type.shape[op.axis]
    flat = indices.astype(np.int64).ravel()
    stride = _stride(flat)
    if stride is None or (flat.min() < 0 <= flat.max()) or (isinstance(dim, int) and not _is_within(flat, dim)):
        return None
    # What is negative counts from the end; past it nothing is read, for the axis is at least that long.
    start: Dim = int(flat[0]) if flat[0] >= 0 else dim + int(flat[0])
    if not isinstance(dim, int) and not is_nonnegative(start):
        return None
    rank = op.x.type.rank
    starts = _with((0,) * rank, op.axis, start)
    strides = tuple(stride if i == op.axis else 1 for i in range(rank))
    sliced = tensor.Slice(op.x, starts, _with(op.x.type.shape, op.axis, flat.size), strides)
    return reshape(sliced.result, op.result.type.shape)


def _stride(indices: Array) -> int | None:
    """The step of an arithmetic progression other than 0; 1 for a single index."""
    steps = np.diff(indices)
    if steps.size and (steps[0] == 0 or (steps != steps[0]).any()):
        return None
    return int(steps[0]) if steps.size else 1


def _is_within(indices: Array, dim: int) -> bool:
    return bool(indices.min() >= -dim and indices.max() < dim)
