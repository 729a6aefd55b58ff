"""Axes as PyTorch's operations take them: counted from either end, all of them when none is named."""

from collections.abc import Sequence

from .tensors import Unsupported


def axis_of(dim: int, rank: int) -> int:
    """An axis counted from the front. A tensor without axes counts as one with one axis; raises Unsupported."""
    size = max(rank, 1)
    if not -size <= dim < size:
        raise Unsupported(f"it has no axis {dim}, for its rank is {rank}")
    return dim % size


def axes_of(dim: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """The axes that a reduction works over, ascending: those named, or all; none of a tensor without axes."""
    if dim is None or dim == ():
        return tuple(range(rank))
    named = (dim,) if isinstance(dim, int) else tuple(dim)
    axes = sorted(axis_of(d, rank) for d in named)
    if len(set(axes)) < len(axes):
        raise Unsupported(f"it names an axis twice in {list(named)}")
    return tuple(axes) if rank else ()
