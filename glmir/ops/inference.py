"""Shape arithmetic that several op families share."""

from collections.abc import Sequence

from ..dims import Dim, dim_max, known_different
from ..types import Shape


def can_broadcast(*shapes: Shape) -> bool:
    """Whether no two dims that meet are provably different with neither of them 1 (numpy broadcasting)."""
    rank = max(map(len, shapes), default=0)
    for axis in range(1, rank + 1):
        dims = [s[-axis] for s in shapes if len(s) >= axis and s[-axis] != 1]
        if any(known_different(dims[0], d) for d in dims[1:]):
            # Two symbols may still meet as 1 and n; numbers, and n against n + 1, may not.
            return False
    return True


def broadcast(*shapes: Shape) -> Shape:
    """The numpy broadcast of shapes that ``can_broadcast``; dims that differ only if one is 1 give their maximum."""
    rank = max(map(len, shapes), default=0)
    return tuple(_meet([s[len(s) - axis] for s in shapes if len(s) >= axis]) for axis in range(rank, 0, -1))


def _meet(dims: Sequence[Dim]) -> Dim:
    others = [d for d in dims if d != 1]
    if not others:
        return 1
    result = others[0]
    for dim in others[1:]:
        if dim == result:
            continue
        # A number other than 1 is the answer: the symbol beside it is then either the same or 1.
        if isinstance(dim, int):
            result = dim
        elif not isinstance(result, int):
            result = dim_max(result, dim)
    return result


def without_axes(shape: Shape, axes: Sequence[int], keep_dims: bool) -> Shape:
    """The shape after reducing ``axes``."""
    if keep_dims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)
