"""What is repeated is repeated as late as possible, best of all by an op that broadcasts anyway."""

from math import prod

import numpy as np

from ....ir import Array, Op, Value
from ....opdef import replace
from ....ops import math, tensor
from ....ops.inference import can_broadcast
from ....rewriter import RuleSet
from ...patterns import constant, constant_array, is_elementwise, same_shape

RULES = RuleSet()

LARGE = 4096
"""Constants of fewer elements stay as they are: what looks for the scales and biases of channels finds them."""


@RULES.on(tensor.Tile)
def tile_of_one(op: tensor.Tile) -> Op | None:
    """tile(x) -> expand(x) where it repeats axes of size 1 only"""
    repeated = [d for d, repeats in zip(op.x.type.shape, op.repeats, strict=True) if repeats != 1]
    return tensor.Expand(op.x, None, op.result.type.shape) if all(d == 1 for d in repeated) else None


@RULES.on(math.Unary)
def unary_before_expand(op: math.Unary) -> Op | None:
    """f(expand(x)) -> expand(f(x))"""
    match op.x:
        case Value(owner=tensor.Expand(x=x) as expand, has_one_use=True) if is_elementwise(op):
            return replace(expand, x=replace(op, x=x).result)
    return None


@RULES.on(tensor.Cast)
def cast_before_expand(op: tensor.Cast) -> Op | None:
    """cast(expand(x)) -> expand(cast(x))"""
    match op.x:
        case Value(owner=tensor.Expand(x=x) as expand, has_one_use=True):
            return replace(expand, x=tensor.Cast(x, op.dtype).result)
    return None


@RULES.on(math.Select)
def expand_before_select(op: math.Select) -> Op | None:
    """c ? expand(x) : y -> c ? x : y when c and y give the result its shape anyway, and likewise for c and y"""
    for name in ("condition", "x", "y"):
        expand = getattr(op, name).owner
        others = [getattr(op, n) for n in ("condition", "x", "y") if n != name]
        if not isinstance(expand, tensor.Expand) or not any(same_shape(v, op.result) for v in others):
            continue
        if can_broadcast(expand.x.type.shape, *(v.type.shape for v in others)):
            narrowed = replace(op, **{name: expand.x})
            return narrowed if same_shape(narrowed.result, op.result) else None
    return None


@RULES.on(math.Binary)
def constant_that_repeats_itself(op: math.Binary) -> Op | None:
    """x + c -> x + one of the equal parts of c, where c is large, x has its shape, and likewise for every op"""
    array = constant_array(op.y)
    if array is None or array.size < LARGE or not same_shape(op.x, op.result):
        return None
    small = without_repetition(array)
    return replace(op, y=constant(small, op.y)) if small.size < array.size else None


@RULES.on(math.Select)
def choice_that_repeats_itself(op: math.Select) -> Op | None:
    """c ? x : y -> c ? x : one of the equal parts of y, where y is large and another has the shape; likewise c and x"""
    for name in ("condition", "x", "y"):
        array = constant_array(getattr(op, name))
        others = [getattr(op, n) for n in ("condition", "x", "y") if n != name]
        if array is None or array.size < LARGE or not any(same_shape(v, op.result) for v in others):
            continue
        small = without_repetition(array)
        if small.size < array.size:
            return replace(op, **{name: constant(small, getattr(op, name))})
    return None


def without_repetition(array: Array) -> Array:
    """The array with axes of size 1 in place of those along which it repeats one part, bit for bit."""
    for axis in range(array.ndim):
        first = array[(slice(None),) * axis + (slice(0, 1),)]
        if array.shape[axis] > 1 and _repeats(array, first, axis):
            array = first
    return array


def _repeats(array: Array, first: Array, axis: int) -> bool:
    # A broadcast array takes no memory, and the second part tells most arrays apart.
    if array.strides[axis] == 0:
        return True
    second = array[(slice(None),) * axis + (slice(1, 2),)]
    return _same_bits(first, second) and _same_bits(np.broadcast_to(first, array.shape), array)


def _same_bits(a: Array, b: Array) -> bool:
    """Whether all bits agree: a NaN equals itself, and -0.0 is not 0.0."""
    width = np.dtype(f"u{a.dtype.itemsize}")
    if prod(a.shape) == 0 or a.ndim == 0:
        return bool(a.tobytes() == b.tobytes())
    return bool(np.array_equal(np.ascontiguousarray(a).view(width), np.ascontiguousarray(b).view(width)))
