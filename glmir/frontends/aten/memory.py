"""Where a tensor's elements would lie in PyTorch's memory: what tells whether ``reshape`` copies or shows the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...dims import Dim, known_equal, product
from ...types import Shape


@dataclass(frozen=True)
class Memory:
    """The element at index i stands at ``offset + sum(i * strides)`` of its storage; an unknown offset is None."""

    offset: Dim | None
    strides: tuple[Dim, ...]


def contiguous_strides(shape: Sequence[Dim]) -> tuple[Dim, ...]:
    """The strides of elements that lie in row-major order without gaps."""
    return tuple(product(shape[i + 1 :]) for i in range(len(shape)))


def contiguous_memory(shape: Sequence[Dim]) -> Memory:
    return Memory(0, contiguous_strides(shape))


def is_contiguous(memory: Memory, shape: Shape) -> bool:
    """Whether the elements provably lie in row-major order without gaps; strides of axes of size 1 say nothing."""
    expected = contiguous_strides(shape)
    return any(d == 0 for d in shape) or all(
        d == 1 or known_equal(have, want) for d, have, want in zip(shape, memory.strides, expected, strict=True)
    )


def strides_of_view(shape: Shape, strides: Sequence[Dim], new_shape: Shape) -> tuple[Dim, ...] | None:
    """The strides with which the same memory shows the elements in another shape; None when none do.

    Axes that follow each other without gaps are one run; every run must be cut into axes of its own (the rule of
    Tensor.view in PyTorch's documentation).
    """
    if any(d == 0 for d in shape):
        return contiguous_strides(new_shape)
    result: list[Dim] = [0] * len(new_shape)
    place = len(new_shape) - 1
    for size, stride in reversed(_runs(shape, strides)):
        taken: Dim = 1
        while place >= 0 and (new_shape[place] == 1 or not known_equal(taken, size)):
            result[place] = taken * stride
            taken = taken * new_shape[place]
            place -= 1
        if not known_equal(taken, size):
            return None
    return tuple(result) if place < 0 else None


def _runs(shape: Shape, strides: Sequence[Dim]) -> list[tuple[Dim, Dim]]:
    """The sizes and inner strides of the runs of axes that lie without gaps, outermost first."""
    runs: list[tuple[Dim, Dim]] = []
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if runs and known_equal(runs[-1][1], size * stride):
            runs[-1] = (runs[-1][0] * size, stride)
        else:
            runs.append((size, stride))
    return runs or [(1, 1)]
