"""What convolutions, pools and unfolding share: numbers for every spatial axis, batches, axes cut into windows."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from ....dims import Dim
from ....ir import Value
from ....ops import tensor
from ... import window_positions
from ..scalars import Int
from ..scope import known_dims, known_ints, reshape
from ..tensors import Unsupported
from ..work import require_few, require_small

NumberT = TypeVar("NumberT")


def for_axes(numbers: Sequence[NumberT], rank: int, what: str) -> tuple[NumberT, ...]:
    """One number an axis; a single one stands for all."""
    if len(numbers) == 1:
        return tuple(numbers) * rank
    if len(numbers) != rank:
        raise Unsupported(f"{what} has {len(numbers)} numbers for {rank} spatial axes")
    return tuple(numbers)


def ints_for_axes(numbers: Sequence[Int], rank: int, what: str) -> tuple[int, ...]:
    """Known numbers, one an axis."""
    return known_ints(for_axes(numbers, rank, what), what)


def dims_for_axes(numbers: Sequence[Int], rank: int, what: str) -> tuple[Dim, ...]:
    """Numbers that may be symbolic, one an axis."""
    return known_dims(for_axes(numbers, rank, what), what)


def batched(x: Value, spatial_rank: int, layer: Callable[[Value], Value]) -> Value:
    """The layer applied to ``x`` [N, C, *spatial]; ``x`` without a batch axis gets one for as long as that takes."""
    if x.type.rank != spatial_rank + 1:
        return layer(x)
    y = layer(reshape(x, (1, *x.type.shape)))
    return reshape(y, y.type.shape[1:])


def axis_in_windows(x: Value, axis: int, kernel: int, stride: int, dilation: int, count: Dim) -> Value:
    """``x`` with the axis replaced by two, [kernel, count]: every tap of every window, as views overlapping or not."""
    require_few(kernel, "the elements of a window")
    if isinstance(count, int):
        require_small(kernel * count, "the elements of all windows")
    return window_positions.axis_in_windows(x, axis, kernel, stride, dilation, count)


def part_of_axis(x: Value, axis: int, start: Dim, size: Dim) -> Value:
    """``size`` elements of the axis from ``start`` on."""
    shape = x.type.shape
    starts = tuple(start if i == axis else 0 for i in range(len(shape)))
    return tensor.Slice(x, starts, (*shape[:axis], size, *shape[axis + 1 :]), (1,) * len(shape)).result


def check_axis(axis: int, rank: int) -> int:
    """The axis counted from the front; a tensor without axes counts as one with a single axis."""
    rank = max(rank, 1)
    if not -rank <= axis < rank:
        raise Unsupported(f"dimension {axis} is outside rank {rank}")
    return axis % rank
