"""A reshape, a transpose and a reshape: how exporters write moves of blocks of elements."""

from typing import NamedTuple

from ....dims import Dim, known_equal
from ....ir import Value
from ....ops import tensor
from ....types import Shape


class Rearrangement(NamedTuple):
    """reshape(transpose(reshape(x, split), permutation))"""

    x: Value
    split: Shape
    permutation: tuple[int, ...]


def rearrangement(value: Value) -> Rearrangement | None:
    """How ``value`` is made of another, if by these three ops, and nothing else uses what stands between them."""
    match value.owner:
        case tensor.Reshape(x=Value(owner=tensor.Transpose() as transpose, has_one_use=True), dims=None):
            pass
        case _:
            return None
    match transpose.x:
        case Value(owner=tensor.Reshape(x=x, dims=None), has_one_use=True) as split:
            return Rearrangement(x, split.type.shape, transpose.permutation)
    return None


def fits(shape: Shape, expected: tuple[Dim, ...]) -> bool:
    """Whether the shape is known to be the expected one."""
    return len(shape) == len(expected) and all(known_equal(a, b) for a, b in zip(shape, expected, strict=True))
