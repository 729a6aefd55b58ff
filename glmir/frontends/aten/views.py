"""The views of PyTorch: how each is read, and how what is written to it goes back."""

from dataclasses import dataclass

import numpy as np

from ...dims import Dim, SymInt, known_equal
from ...ir import Array, Value
from ...ops import math, tensor
from ...types import DType, Shape
from .memory import Memory, contiguous_memory, is_contiguous, strides_of_view
from .scalars import Int, Scalar
from .scope import cast, constant
from .tensors import Unsupported
from .work import require_small


@dataclass(frozen=True)
class Reshaped:
    """The same elements in the same order (``view``, ``unsqueeze``, ``flatten``)."""

    shape: Shape

    def memory(self, base: Memory, shape: Shape) -> Memory | None:
        if base.offset == 0 and is_contiguous(base, shape):
            return contiguous_memory(self.shape)
        strides = strides_of_view(shape, base.strides, self.shape)
        return None if strides is None else Memory(base.offset, strides)

    def apply(self, base: Value) -> Value:
        return tensor.Reshape(base, None, self.shape).result

    def write(self, base: Value, new: Value) -> Value:
        return tensor.Reshape(new, None, base.type.shape).result


@dataclass(frozen=True)
class Permuted:
    """The axes in another order."""

    permutation: tuple[int, ...]

    def memory(self, base: Memory, shape: Shape) -> Memory:
        return Memory(base.offset, tuple(base.strides[a] for a in self.permutation))

    def apply(self, base: Value) -> Value:
        return tensor.Transpose(base, self.permutation).result

    def write(self, base: Value, new: Value) -> Value:
        return tensor.Transpose(new, tuple(map(int, np.argsort(self.permutation)))).result


@dataclass(frozen=True)
class Sliced:
    """``size`` elements along an axis, ``step`` apart (``x[a:b:s]``, ``narrow``, ``split``)."""

    axis: int
    start: Dim
    size: Dim
    step: int = 1

    def memory(self, base: Memory, shape: Shape) -> Memory:
        stride = base.strides[self.axis]
        offset = None if base.offset is None else base.offset + self.start * stride
        return Memory(offset, tuple(s * self.step if i == self.axis else s for i, s in enumerate(base.strides)))

    def apply(self, base: Value) -> Value:
        return self._slice(base, self.start, self.size, self.step)

    def _slice(self, base: Value, start: Dim, size: Dim, step: int = 1) -> Value:
        axes = range(base.type.rank)
        return tensor.Slice(
            base,
            tuple(start if i == self.axis else 0 for i in axes),
            tuple(size if i == self.axis else d for i, d in enumerate(base.type.shape)),
            tuple(step if i == self.axis else 1 for i in axes),
        ).result

    def write(self, base: Value, new: Value) -> Value:
        whole = base.type.shape[self.axis]
        if self.step == 1:
            return self._joined(base, new, whole)
        if isinstance(whole, SymInt) or isinstance(self.start, SymInt) or isinstance(self.size, SymInt):
            raise Unsupported(f"every {self.step}th element of an axis of symbolic size is written")
        # Of base and new joined, each element of the result is one.
        require_small(whole, "the positions along the axis")
        places = np.arange(whole)
        places[self.start : self.start + self.size * self.step : self.step] = whole + np.arange(self.size)
        joined = tensor.Concat((base, new), self.axis).result
        return tensor.Gather(joined, constant(places), self.axis).result

    def _joined(self, base: Value, new: Value, whole: Dim) -> Value:
        if known_equal(self.size, whole):
            return new
        end = self.start + self.size
        before = [] if self.start == 0 else [self._slice(base, 0, self.start)]
        behind = [] if known_equal(end, whole) else [self._slice(base, end, whole - end)]
        return tensor.Concat((*before, new, *behind), self.axis).result


@dataclass(frozen=True, eq=False)
class Selected:
    """One element of an axis, at a place that only running the model shows; the axis stays, with size 1."""

    axis: int
    index: Scalar

    def memory(self, base: Memory, shape: Shape) -> Memory:
        return Memory(None, base.strides)

    def _start(self, base: Value) -> Value:
        index = cast(self.index.value, DType.I64)
        whole = tensor.Reshape(tensor.Dims((base.type.shape[self.axis],)).result, None, ()).result
        zero = constant(np.array(0, np.int64))
        return math.Select(math.Less(index, zero).result, math.Add(index, whole).result, index).result

    def apply(self, base: Value) -> Value:
        start = tensor.Reshape(self._start(base), None, (1,)).result
        return tensor.Gather(base, start, self.axis).result

    def write(self, base: Value, new: Value) -> Value:
        starts = [constant(np.array([0], np.int64)) for _ in base.type.shape]
        starts[self.axis] = tensor.Reshape(self._start(base), None, (1,)).result
        vector = starts[0] if len(starts) == 1 else tensor.Concat(tuple(starts), 0).result
        return tensor.DynamicUpdateSlice(base, new, vector).result


@dataclass(frozen=True)
class Expanded:
    """The tensor broadcast to a shape."""

    shape: Shape

    def memory(self, base: Memory, shape: Shape) -> Memory:
        added = len(self.shape) - len(shape)
        sizes = zip(base.strides, shape, self.shape[added:], strict=True)
        return Memory(base.offset, (*(0,) * added, *(s if known_equal(d, e) else 0 for s, d, e in sizes)))

    def apply(self, base: Value) -> Value:
        return tensor.Expand(base, None, self.shape).result

    def write(self, base: Value, new: Value) -> Value:
        if tuple(base.type.shape) == self.shape:
            return new
        raise Unsupported(f"it writes to {base.type} expanded to {list(self.shape)}, whose elements share memory")


@dataclass(frozen=True, eq=False)
class Picked:
    """Elements at constant places of an axis (``unfold``, ``as_strided``): i64[k], what is gathered."""

    axis: int
    places: Array

    def memory(self, base: Memory, shape: Shape) -> None:
        return None

    def apply(self, base: Value) -> Value:
        return tensor.Gather(base, constant(self.places), self.axis).result

    def write(self, base: Value, new: Value) -> Value:
        whole = base.type.shape[self.axis]
        if isinstance(whole, SymInt) or np.unique(self.places).size < self.places.size:
            raise Unsupported("it writes to a view whose elements share memory")
        require_small(whole, "the positions along the axis")
        places = np.arange(whole)
        places[self.places] = whole + np.arange(self.places.size)
        joined = tensor.Concat((base, new), self.axis).result
        return tensor.Gather(joined, constant(places), self.axis).result


@dataclass(frozen=True, eq=False)
class RunTimeReshaped:
    """The same elements in a shape that only running the model shows.

    ``sizes`` is i64[rank]; ``shape`` has symbols for the sizes that are not known.
    """

    sizes: Value
    shape: Shape

    def memory(self, base: Memory, shape: Shape) -> Memory | None:
        return contiguous_memory(self.shape) if base.offset == 0 and is_contiguous(base, shape) else None

    def apply(self, base: Value) -> Value:
        return tensor.Reshape(base, self.sizes, self.shape).result

    def write(self, base: Value, new: Value) -> Value:
        return tensor.Reshape(new, None, base.type.shape).result


@dataclass(frozen=True, eq=False)
class RunTimeSliced:
    """Consecutive elements of an axis whose first and last only running the model shows; ``size`` may be a symbol.

    ``start`` and ``end`` are i64[1]: within the axis, counted from the front, start not behind end.
    """

    axis: int
    start: Value
    end: Value
    size: Dim

    def memory(self, base: Memory, shape: Shape) -> Memory:
        return Memory(None, base.strides)

    def apply(self, base: Value) -> Value:
        shape = tuple(self.size if i == self.axis else d for i, d in enumerate(base.type.shape))
        return tensor.DynamicSlice(base, self.start, self.end, (self.axis,), (1,), shape).result

    def write(self, base: Value, new: Value) -> Value:
        zero = constant(np.array([0], np.int64))
        starts = tuple(self.start if i == self.axis else zero for i in range(base.type.rank))
        vector = starts[0] if len(starts) == 1 else tensor.Concat(starts, 0).result
        return tensor.DynamicUpdateSlice(base, new, vector).result


def index_of(index: Int, size: Dim) -> Dim | None:
    """An index counted from the front; None when it is not known at compile time."""
    if isinstance(index, Scalar):
        return None
    return size + index if isinstance(index, int) and index < 0 else index
