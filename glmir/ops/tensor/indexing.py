"""Reading and writing parts of tensors by position."""

from collections.abc import Sequence

import numpy as np

from ...dims import Dim, is_nonnegative, is_positive, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import DType, TensorType
from ..enums import ScatterReduction
from ..families import AlongAxis, GivesPositions
from .binding import bound, is_shape_operand, shapes_may_agree
from .slicing import slice_extent


@op
class Slice(Op):
    """A part of x: along each axis ``size`` elements from ``start`` on, ``stride`` apart, backwards if that is negative

    ```
    %y = tensor.slice(%x: f32[n, 8]) {starts = [0, 6], sizes = [n, 3], strides = [1, -2]} : f32[n, 3]
    ```
    """

    x: Value
    starts: tuple[Dim, ...]
    sizes: tuple[Dim, ...]
    strides: tuple[int, ...]

    @constraint
    def every_axis_is_covered(self) -> bool:
        """there is one start, one size and one stride for each axis of the operand"""
        return len(self.starts) == len(self.sizes) == len(self.strides) == self.x.type.rank

    @constraint
    def strides_are_not_zero(self) -> bool:
        """the strides are not zero"""
        return 0 not in self.strides

    @constraint
    def starts_and_sizes_are_nonnegative(self) -> bool:
        """the starts and sizes are not negative"""
        return not any(is_positive(-d) for d in (*self.starts, *self.sizes))

    @constraint
    def elements_exist(self) -> bool:
        """the slice lies within the operand"""
        axes = zip(self.x.type.shape, self.starts, self.sizes, self.strides, strict=True)
        return not any(
            is_positive(size) and (is_nonnegative(max_ - dim) or is_positive(-min_))
            for dim, start, size, stride in axes
            for min_, max_ in [_extent(start, size, stride)]
        )

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.sizes)

    def evaluate(self, x: Array) -> Array:
        axes = zip(self.starts, self.sizes, self.strides, strict=True)
        return x[tuple(_python_slice(bound(start), bound(size), stride) for start, size, stride in axes)]


def _extent(start: Dim, size: Dim, stride: int) -> tuple[Dim, Dim]:
    """The smallest and the largest position that the slice reads."""
    last = start + (size - 1) * stride
    return (start, last) if stride > 0 else (last, start)


def _python_slice(start: int, size: int, stride: int) -> slice:
    if size == 0:
        return slice(0, 0)
    end = start + size * stride
    return slice(start, None if end < 0 else end, stride)


@op
class DynamicSlice(Op):
    """A regular part of x whose ``starts`` and ``ends`` along ``axes`` are known at run time (ONNX Slice)

    ``starts`` and ``ends`` are integers, one for each of ``axes``; negative ones count from the end, and those outside
    x are clamped to it. ``shape`` is the result's shape.

    ```
    %y = tensor.dynamic_slice(%x: f32[8], %s: i64[1], %e: i64[1]) {axes = [0], strides = [2], shape = [u0]} : f32[u0]
    ```
    """

    x: Value
    starts: Value
    ends: Value
    axes: tuple[int, ...]
    strides: tuple[int, ...]
    shape: tuple[Dim, ...]

    @constraint
    def axes_exist(self) -> bool:
        """the axes are distinct and within the operand's rank"""
        return len(set(self.axes)) == len(self.axes) and all(0 <= a < self.x.type.rank for a in self.axes)

    @constraint
    def strides_match_axes(self) -> bool:
        """there is one stride, not zero, for each axis"""
        return len(self.strides) == len(self.axes) and 0 not in self.strides

    @constraint
    def bounds_match_axes(self) -> bool:
        """starts and ends are i32 or i64, with one element for each axis"""
        return is_shape_operand(self.starts, len(self.axes)) and is_shape_operand(self.ends, len(self.axes))

    @constraint
    def shape_matches_operand(self) -> bool:
        """the shape is the operand's except along the axes"""
        if len(self.shape) != self.x.type.rank:
            return False
        dims = zip(self.x.type.shape, self.shape, strict=True)
        return not any(i not in self.axes and known_different(a, b) for i, (a, b) in enumerate(dims))

    @constraint
    def slice_is_no_larger(self) -> bool:
        """the shape is larger than the operand's along no axis"""
        dims = zip(self.x.type.shape, self.shape, strict=True)
        # Symbols of sizes that depend on data may be 0: nothing is known of them.
        return not any(isinstance(b, int) and is_positive(b - a) for a, b in dims)

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.shape)

    def evaluate(self, x: Array, starts: Array, ends: Array) -> Array:
        index = [slice(None)] * x.ndim
        for axis, start, end, stride in zip(self.axes, starts, ends, self.strides, strict=True):
            first, size = slice_extent(int(start), int(end), stride, x.shape[axis])
            assert isinstance(first, int) and isinstance(size, int)
            stop = first + size * stride
            index[axis] = slice(first, stop if stop >= 0 else None, stride)
        return x[tuple(index)]


@op
class DynamicUpdateSlice(Op):
    """x with the block that begins at ``starts`` replaced by ``update``

    ``starts``, one entry an axis, is known at run time; it is clamped so that the block lies within x (as in XLA).

    ```
    %y = tensor.dynamic_update_slice(%x: f32[n, 4], %u: f32[1, 4], %s: i64[2]) : f32[n, 4]
    ```
    """

    x: Value
    update: Value
    starts: Value

    @constraint
    def update_fits(self) -> bool:
        """the update has the dtype and the rank of x and is larger along no axis"""
        x, update = self.x.type, self.update.type
        if x.dtype is not update.dtype or x.rank != update.rank:
            return False
        return not any(is_positive(b - a) for a, b in zip(x.shape, update.shape, strict=True))

    @constraint
    def starts_match_axes(self) -> bool:
        """the starts are i32 or i64, with one element for each axis"""
        return is_shape_operand(self.starts, self.x.type.rank)

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)

    def evaluate(self, x: Array, update: Array, starts: Array) -> Array:
        result = x.copy()
        firsts = (min(max(int(s), 0), a - b) for s, a, b in zip(starts, x.shape, update.shape, strict=True))
        result[tuple(slice(f, f + size) for f, size in zip(firsts, update.shape, strict=True))] = update
        return result


@op_family
class Indexed(Op):
    """An op on x with a tensor of indices."""

    x: Value
    indices: Value

    @constraint
    def indices_are_integers(self) -> bool:
        """the indices are i32 or i64"""
        return self.indices.type.dtype in (DType.I32, DType.I64)


@op
class Gather(AlongAxis, Indexed):
    """The slices of x along an axis that ``indices`` name, in their shape; negative indices count from the end

    ```
    %y = tensor.gather(%x: f32[10, 4], %i: i64[n, 2]) {axis = 0} : f32[n, 2, 4]
    ```
    """

    axis: int

    def infer(self) -> TensorType:
        shape = self.x.type.shape
        return TensorType(self.x.type.dtype, (*shape[: self.axis], *self.indices.type.shape, *shape[self.axis + 1 :]))

    def evaluate(self, x: Array, indices: Array) -> Array:
        return np.asarray(np.take(x, indices, axis=self.axis), x.dtype)


@op_family
class ElementIndexed(AlongAxis, Indexed):
    """Indices that each stand for one element of x: at their own position, except along the axis."""

    @constraint
    def indices_fit(self) -> bool:
        """the indices have the operand's rank and, except along the axis, no more elements"""
        return _fits(self.indices.type.shape, self.x.type.shape, self.axis)


@op
class GatherElements(ElementIndexed):
    """One element of x for each index: its position is the index's own, except along the axis, where it is the index

    ```
    %y = tensor.gather_elements(%x: f32[n, 5], %i: i64[n, 2]) {axis = 1} : f32[n, 2]
    ```
    """

    axis: int

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.indices.type.shape)

    def evaluate(self, x: Array, indices: Array) -> Array:
        return x[_along_axis(indices, self.axis)]


def _fits(shape: Sequence[Dim], target: Sequence[Dim], axis: int) -> bool:
    if len(shape) != len(target):
        return False
    return not any(i != axis and is_positive(a - b) for i, (a, b) in enumerate(zip(shape, target, strict=True)))


def _along_axis(indices: Array, axis: int) -> tuple[Array, ...]:
    """A full index: every element's own position, and along the axis what ``indices`` say."""
    grid: list[Array] = list(np.ogrid[tuple(slice(d) for d in indices.shape)])
    grid[axis] = indices
    return tuple(grid)


@op
class GatherNd(Indexed):
    """The slices of x that the rows of ``indices`` name: a row is an index into the leading axes

    The first ``batch_dims`` axes of both are walked together. The result is indices.shape[:-1] by the axes not indexed.

    ```
    %y = tensor.gather_nd(%x: f32[2, 5, 6, 3], %i: i64[2, n, 2]) {batch_dims = 1} : f32[2, n, 3]
    ```
    """

    batch_dims: int = 0

    @constraint
    def batch_dims_exist(self) -> bool:
        """the batch dims are fewer than the ranks of the operand and of the indices"""
        return 0 <= self.batch_dims < min(self.x.type.rank, self.indices.type.rank)

    @constraint
    def rows_fit(self) -> bool:
        """the last dimension of the indices is a number, at least 1 and at most the axes left in the operand"""
        width = self.indices.type.shape[-1]
        return isinstance(width, int) and 1 <= width <= self.x.type.rank - self.batch_dims

    @constraint
    def batches_agree(self) -> bool:
        """the operand and the indices have the same batch dims"""
        return shapes_may_agree(self.x.type.shape[: self.batch_dims], self.indices.type.shape[: self.batch_dims])

    def infer(self) -> TensorType:
        indexed = self.batch_dims + bound(self.indices.type.shape[-1])
        return TensorType(self.x.type.dtype, (*self.indices.type.shape[:-1], *self.x.type.shape[indexed:]))

    def evaluate(self, x: Array, indices: Array) -> Array:
        # ogrid gives each batch axis its own positions; the index columns broadcast against them.
        batch = np.ogrid[tuple(slice(d) for d in indices.shape[:-1])][: self.batch_dims]
        return np.asarray(x[(*batch, *np.moveaxis(indices, -1, 0))], x.dtype)


@op_family
class Scatter(Indexed):
    """x with ``updates`` written to, or combined with, the elements that ``indices`` name."""

    updates: Value

    @constraint
    def dtypes_agree(self) -> bool:
        """x and the updates have the same dtype"""
        return self.x.type.dtype is self.updates.type.dtype

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)


_COMBINE = {
    ScatterReduction.ADD: np.add,
    ScatterReduction.MUL: np.multiply,
    ScatterReduction.MIN: np.minimum,
    ScatterReduction.MAX: np.maximum,
}


def _scatter(x: Array, index: tuple[Array, ...], updates: Array, reduction: ScatterReduction) -> Array:
    scattered = x.copy()
    if reduction is ScatterReduction.NONE:
        scattered[index] = updates
    else:
        _COMBINE[reduction].at(scattered, index, updates)
    return scattered


@op
class ScatterElements(ElementIndexed, Scatter):
    """x with one element replaced for each index: its position is the index's own, except along the axis

    ```
    %y = tensor.scatter_elements(%x: f32[n, 5], %i: i64[n, 2], %u: f32[n, 2]) {axis = 1, reduction = add} : f32[n, 5]
    ```
    """

    axis: int
    reduction: ScatterReduction = ScatterReduction.NONE

    @constraint
    def updates_match_indices(self) -> bool:
        """the updates have the shape of the indices"""
        return shapes_may_agree(self.updates.type.shape, self.indices.type.shape)

    def evaluate(self, x: Array, indices: Array, updates: Array) -> Array:
        return _scatter(x, _along_axis(indices, self.axis), updates, self.reduction)


@op
class ScatterNd(Scatter):
    """x with slices replaced: a row of ``indices`` is an index into the leading axes, and names where an update goes

    ```
    %y = tensor.scatter_nd(%x: f32[8, 4], %i: i64[n, 1], %u: f32[n, 4]) : f32[8, 4]
    ```
    """

    reduction: ScatterReduction = ScatterReduction.NONE

    @constraint
    def rows_fit(self) -> bool:
        """the last dimension of the indices is a number, at least 1 and at most the operand's rank"""
        if self.indices.type.rank == 0:
            return False
        width = self.indices.type.shape[-1]
        return isinstance(width, int) and 1 <= width <= self.x.type.rank

    @constraint
    def updates_match_indices(self) -> bool:
        """the updates have the shape of the indices without the last axis, then of the axes not indexed"""
        indices = self.indices.type.shape
        expected = (*indices[:-1], *self.x.type.shape[bound(indices[-1]) :])
        return shapes_may_agree(self.updates.type.shape, expected)

    def evaluate(self, x: Array, indices: Array, updates: Array) -> Array:
        return _scatter(x, tuple(np.moveaxis(indices, -1, 0)), updates, self.reduction)


@op
class NonZero(GivesPositions):
    """The positions of the elements that are not zero, in row-major order, one in each column: [rank, count]

    ``count`` is their number, a symbol of its own.

    ```
    %y = tensor.non_zero(%x: f32[n, 3]) {count = u0} : i64[2, u0]
    ```
    """

    x: Value
    count: Dim
    index_dtype: DType = DType.I64

    def infer(self) -> TensorType:
        return TensorType(self.index_dtype, (self.x.type.rank, self.count))

    def evaluate(self, x: Array) -> Array:
        return np.argwhere(x).T.astype(self.index_dtype.numpy, copy=False)
