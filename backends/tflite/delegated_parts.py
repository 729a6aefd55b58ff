"""Splits and concatenations in forms that XNNPACK takes.

What it does not take runs by itself, and what stands before it and behind it as two graphs.
"""

from math import prod

from ...ir import Op, Value
from ...ops import tensor
from ...rewriter import RuleSet
from ...types import DType

RULES = RuleSet(is_optional=True)
"""For what is legal already. With both rules a ShuffleNet V2 is one graph instead of 13, and takes 2 % less time."""

MOST_JOINED = 5
"""XNNPACK's delegate takes no concatenation of more parts."""

MOST_EQUAL = 4
"""Its delegate takes splits into 2 to 4 equal parts, and slices."""

MOST_SLICES = 12
"""More of them instead of one split are more operators than it is worth."""

LARGEST_SHARE = 1 / 8
"""How much of a concatenation's result may be copied twice."""

FEWEST_ELEMENTS = 2**12
"""Smaller tensors cost less than an operator."""


@RULES.on(tensor.Split)
def split_of_unequal_parts(op: tensor.Split) -> tuple[Value, ...] | None:
    """split(x) -> slice(x), slice(x), … unless into 2 to 4 equal parts"""
    sizes = [size for size in op.sizes if isinstance(size, int)]
    is_taken = len(set(sizes)) == 1 and len(sizes) <= MOST_EQUAL
    if is_taken or not _is_activation(op.x) or not 1 < len(sizes) <= MOST_SLICES:
        return None
    shape, axis = op.x.type.static_shape, op.axis
    starts = [sum(sizes[:part]) for part in range(len(sizes))]
    return tuple(
        tensor.Slice(
            op.x,
            tuple(start if a == axis else 0 for a in range(len(shape))),
            tuple(size if a == axis else dim for a, dim in enumerate(shape)),
            (1,) * len(shape),
        ).result
        for start, size in zip(starts, sizes, strict=True)
    )


@RULES.on(tensor.Concat)
def concat_of_many_parts(op: tensor.Concat) -> Op | None:
    """concat([a, b, c, d, e, f]) -> concat([a, b, concat([c, d]), e, f]), the smallest neighbours together"""
    joined = len(op.xs) - MOST_JOINED + 1
    if not 1 < joined <= MOST_JOINED or not _is_activation(op.result):
        return None
    sizes = [x.type.static_shape[op.axis] for x in op.xs]
    first = min(range(MOST_JOINED), key=lambda start: sum(sizes[start : start + joined]))
    if sum(sizes[first : first + joined]) > LARGEST_SHARE * sum(sizes):
        return None
    few = tensor.Concat(op.xs[first : first + joined], op.axis).result
    return tensor.Concat((*op.xs[:first], few, *op.xs[first + joined :]), op.axis)


def _is_activation(value: Value) -> bool:
    type_ = value.type
    return type_.stored is DType.F32 and type_.is_static and prod(type_.static_shape) >= FEWEST_ELEMENTS
