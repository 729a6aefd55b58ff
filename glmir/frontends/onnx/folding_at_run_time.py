"""Col2Im whose block only running the model shows: every element's place is computed, and added to there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from ...dims import Dim, product
from ...ir import Value
from ...ops import math, tensor
from ...ops.enums import ScatterReduction
from ..layers import scalar
from ..values import expand, i64, positions, reshape, size_of, sliced, transposed


@dataclass(frozen=True)
class FoldingAtRunTime:
    """``sizes`` are the image's, ``block`` is i64[rank]; the windows have a number for every axis, ``pads`` two."""

    sizes: Sequence[Dim]
    block: Value
    strides: Sequence[int]
    pads: Sequence[int]
    dilations: Sequence[int]

    def of(self, x: Value, channels: int) -> Value:
        """``x`` [N, C * taps, windows] as [N, C, *sizes]."""
        batch, rows, windows = x.type.shape
        taps, elements = rows // channels, product(self.sizes)
        spots = self._places(taps, windows)
        pitch = transposed(reshape(x, (batch, channels, taps, windows)), (2, 3, 0, 1))
        updates = reshape(pitch, (taps * windows, batch * channels))
        # What lies in the padding is added to one more row, which is cut off.
        zeros = tensor.Expand(scalar(0, x), None, (elements + 1, batch * channels)).result
        # By elements, since onnxruntime adds rows up in several threads without a lock.
        indices = expand(reshape(spots, (taps * windows, 1)), updates.type.shape)
        summed = tensor.ScatterElements(zeros, indices, updates, 0, ScatterReduction.ADD).result
        inside = sliced(summed, 0, 0, elements)
        return reshape(transposed(inside, (1, 0)), (batch, channels, *self.sizes))

    def _places(self, taps: Dim, windows: Dim) -> Value:
        """The row of every element of every window: i64[taps, windows]."""
        rank = len(self.strides)
        blocks, images = _each(self.block, rank), [size_of(d) for d in self.sizes]
        counts = [self._windows(axis, blocks[axis], images[axis]) for axis in range(rank)]
        within = [reshape(v, (taps, 1)) for v in _digits(positions(taps), blocks)]
        starts = [reshape(v, (1, windows)) for v in _digits(positions(windows), counts)]
        place: Value | None = None
        inside: list[Value] = []
        for axis in range(rank):
            moved = math.Add(_times(starts[axis], self.strides[axis]), _times(within[axis], self.dilations[axis]))
            at = math.Sub(moved.result, i64(self.pads[axis])).result
            inside += [math.GreaterEqual(at, i64(0)).result, math.Less(at, images[axis]).result]
            place = at if place is None else math.Add(math.Mul(place, images[axis]).result, at).result
        assert place is not None
        is_inside = reduce(lambda a, b: math.LogicalAnd(a, b).result, inside)
        return math.Select(is_inside, place, size_of(product(self.sizes))).result

    def _windows(self, axis: int, block: Value, size: Value) -> Value:
        """How many windows there are along an axis."""
        extent = math.Add(_times(math.Sub(block, i64(1)).result, self.dilations[axis]), i64(1)).result
        padded = math.Add(size, i64(self.pads[axis] + self.pads[axis + len(self.strides)])).result
        room = math.Sub(padded, extent).result
        return math.Add(math.Div(room, i64(self.strides[axis])).result, i64(1)).result


def _times(x: Value, factor: int) -> Value:
    return math.Mul(x, i64(factor)).result


def _each(sizes: Value, rank: int) -> list[Value]:
    return [reshape(sliced(sizes, 0, i, 1), ()) for i in range(rank)]


def _digits(numbers: Value, sizes: Sequence[Value]) -> list[Value]:
    """The indices along axes of these sizes of the elements of that number."""
    digits = []
    for size in reversed(sizes):
        digits.append(math.FloorMod(numbers, size).result)
        numbers = math.Div(numbers, size).result
    return digits[::-1]
