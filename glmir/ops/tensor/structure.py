"""Dtype, shape and order of elements: the ops that compute nothing."""

import numpy as np

from ...dims import Dim, is_positive, known_different, product
from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import DType, TensorType
from ..enums import PadMode
from ..families import AlongAxis, GivesPositions
from .binding import bound, bound_shape, is_shape_operand, shapes_may_agree


@op
class Cast(Op):
    """The elements of x as another dtype, converted as in C: floats are truncated, and bool is whether x is not 0

    ```
    %y = tensor.cast(%x: f32[n, 3]) {dtype = i64} : i64[n, 3]
    ```
    """

    x: Value
    dtype: DType

    def infer(self) -> TensorType:
        return TensorType(self.dtype, self.x.type.shape)

    def evaluate(self, x: Array) -> Array:
        if x.dtype == np.object_:
            return x
        if self.dtype is DType.BOOL:
            return np.asarray(x != 0)
        return x.astype(self.dtype.numpy, copy=False)


@op_family
class Shaping(Op):
    """The elements of x in another shape; ``dims``, when present, is an integer vector that gives it at run time."""

    x: Value
    dims: Value | None
    shape: tuple[Dim, ...]

    @constraint
    def dims_match_shape(self) -> bool:
        """dims is i32 or i64, with one element for each dimension of the result"""
        return is_shape_operand(self.dims, len(self.shape))

    @constraint
    def shape_is_nonnegative(self) -> bool:
        """the sizes are not negative"""
        return not any(is_positive(-d) for d in self.shape)

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.shape)


@op
class Reshape(Shaping):
    """The elements of x, in row-major order, in another shape

    ``shape`` is the result's shape. ``dims``, when present, is an integer vector that gives it at run time.

    ```
    %y = tensor.reshape(%x: f32[n, 3, 4], none) {shape = [n, 12]} : f32[n, 12]
    ```
    """

    @constraint
    def element_counts_agree(self) -> bool:
        """the element counts agree"""
        return not known_different(self.x.type.elements, product(self.shape))

    def evaluate(self, x: Array, dims: Array | None) -> Array:
        return x.reshape(bound_shape(self.shape, dims))


@op
class Transpose(Op):
    """x with its axes reordered: axis i of the result is axis permutation[i] of x

    ```
    %y = tensor.transpose(%x: f32[n, 3, h, w]) {permutation = [0, 2, 3, 1]} : f32[n, h, w, 3]
    ```
    """

    x: Value
    permutation: tuple[int, ...]

    @constraint
    def permutation_names_every_axis(self) -> bool:
        """the permutation names every axis of the operand once"""
        return sorted(self.permutation) == list(range(self.x.type.rank))

    def infer(self) -> TensorType:
        shape = self.x.type.shape
        return TensorType(self.x.type.dtype, tuple(shape[a] for a in self.permutation))

    def evaluate(self, x: Array) -> Array:
        return np.transpose(x, self.permutation)


@op
class Concat(Op):
    """The operands one after the other along an axis

    ```
    %y = tensor.concat([%a: f32[n, 2], %b: f32[n, m]]) {axis = 1} : f32[n, m + 2]
    ```
    """

    xs: tuple[Value, ...]
    axis: int

    @constraint
    def has_operands(self) -> bool:
        """there is at least one operand"""
        return len(self.xs) > 0

    @constraint
    def dtypes_agree(self) -> bool:
        """all operands have the same dtype"""
        return all(x.type.dtype is self.xs[0].type.dtype for x in self.xs)

    @constraint
    def axis_exists(self) -> bool:
        """the axis is within the operands' rank"""
        return 0 <= self.axis < self.xs[0].type.rank

    @constraint
    def shapes_agree(self) -> bool:
        """all operands have the same rank and, except along the axis, the same shape"""
        first = self._other_dims(self.xs[0])
        return all(
            x.type.rank == self.xs[0].type.rank and shapes_may_agree(first, self._other_dims(x)) for x in self.xs[1:]
        )

    def _other_dims(self, x: Value) -> tuple[Dim, ...]:
        return x.type.shape[: self.axis] + x.type.shape[self.axis + 1 :]

    def infer(self) -> TensorType:
        shapes = [x.type.shape for x in self.xs]
        # Dims that must be equal may be spelled differently: a number says more than a symbol.
        shape = [next((d for d in dims if isinstance(d, int)), dims[0]) for dims in zip(*shapes, strict=True)]
        total: Dim = 0
        for s in shapes:
            total = total + s[self.axis]
        shape[self.axis] = total
        return TensorType(self.xs[0].type.dtype, tuple(shape))

    def evaluate(self, xs: tuple[Array, ...]) -> Array:
        return np.concatenate(xs, axis=self.axis)


@op
class Split(AlongAxis):
    """x cut along an axis into consecutive parts of the given sizes, one result each

    ```
    %a, %b = tensor.split(%x: f32[n, 5]) {axis = 1, sizes = [2, 3]} : f32[n, 2], f32[n, 3]
    ```
    """

    x: Value
    axis: int
    sizes: tuple[Dim, ...]

    @constraint
    def has_parts(self) -> bool:
        """there is at least one part"""
        return len(self.sizes) > 0

    @constraint
    def sizes_are_nonnegative(self) -> bool:
        """the sizes are not negative"""
        return not any(is_positive(-d) for d in self.sizes)

    @constraint
    def sizes_add_up(self) -> bool:
        """the sizes add up to the operand's size along the axis"""
        total: Dim = 0
        for size in self.sizes:
            total = total + size
        return not known_different(total, self.x.type.shape[self.axis])

    def infer(self) -> tuple[TensorType, ...]:
        before, after = self.x.type.shape[: self.axis], self.x.type.shape[self.axis + 1 :]
        return tuple(TensorType(self.x.type.dtype, (*before, size, *after)) for size in self.sizes)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        ends = np.cumsum([bound(size) for size in self.sizes])
        return tuple(np.split(x, ends[:-1], axis=self.axis))


@op
class Pad(Op):
    """x with ``low`` elements added before and ``high`` after it along each axis; what they are, ``mode`` says

    ``value``, when present, is a scalar for constant padding; without it the padding is zero.

    ```
    %y = tensor.pad(%x: f32[n, 4], none) {low = [0, 1], high = [0, 2], mode = edge} : f32[n, 7]
    ```
    """

    x: Value
    value: Value | None
    low: tuple[Dim, ...]
    high: tuple[Dim, ...]
    mode: PadMode = PadMode.CONSTANT

    @constraint
    def amounts_match_rank(self) -> bool:
        """there is one low and one high amount for each axis of the operand"""
        return len(self.low) == len(self.high) == self.x.type.rank

    @constraint
    def amounts_are_nonnegative(self) -> bool:
        """the amounts are not negative"""
        return not any(is_positive(-d) for d in (*self.low, *self.high))

    @constraint
    def value_is_scalar(self) -> bool:
        """the value is a scalar of the operand's dtype"""
        return self.value is None or (self.value.type.rank == 0 and self.value.type.dtype is self.x.type.dtype)

    @constraint
    def value_has_a_use(self) -> bool:
        """only constant padding has a value"""
        return self.value is None or self.mode is PadMode.CONSTANT

    def infer(self) -> TensorType:
        dims = zip(self.low, self.x.type.shape, self.high, strict=True)
        return TensorType(self.x.type.dtype, tuple(low + d + high for low, d, high in dims))

    def evaluate(self, x: Array, value: Array | None) -> Array:
        amounts = [(bound(low), bound(high)) for low, high in zip(self.low, self.high, strict=True)]
        if not amounts:
            return x
        if self.mode is not PadMode.CONSTANT:
            return np.pad(x, amounts, mode=self.mode.value)
        padded = np.full([low + d + high for (low, high), d in zip(amounts, x.shape, strict=True)], 0, x.dtype)
        if value is not None:
            padded[...] = value
        padded[tuple(slice(low, low + d) for (low, _), d in zip(amounts, x.shape, strict=True))] = x
        return padded


@op
class Expand(Shaping):
    """x broadcast to a shape: axes of size 1 are repeated, and axes are added in front

    ``shape`` is the result's shape. ``dims``, when present, is an integer vector that gives it at run time.

    ```
    %y = tensor.expand(%x: f32[n, 1], none) {shape = [2, n, 4]} : f32[2, n, 4]
    ```
    """

    @constraint
    def operand_broadcasts(self) -> bool:
        """the operand broadcasts to the shape"""
        shape = self.x.type.shape
        if len(shape) > len(self.shape):
            return False
        aligned = zip(shape, self.shape[len(self.shape) - len(shape) :], strict=True)
        # A symbol of the operand may stand for 1, and then meets any size.
        return not any(known_different(d, 1) and known_different(d, size) for d, size in aligned)

    def evaluate(self, x: Array, dims: Array | None) -> Array:
        return np.broadcast_to(x, bound_shape(self.shape, dims))


@op
class Tile(Op):
    """x repeated as a whole along each axis

    ```
    %y = tensor.tile(%x: f32[n, 3]) {repeats = [1, 2]} : f32[n, 6]
    ```
    """

    x: Value
    repeats: tuple[Dim, ...]

    @constraint
    def repeats_match_rank(self) -> bool:
        """there is one number of repeats for each axis of the operand"""
        return len(self.repeats) == self.x.type.rank

    @constraint
    def repeats_are_nonnegative(self) -> bool:
        """the numbers of repeats are not negative"""
        return not any(is_positive(-d) for d in self.repeats)

    def infer(self) -> TensorType:
        shape = tuple(d * r for d, r in zip(self.x.type.shape, self.repeats, strict=True))
        return TensorType(self.x.type.dtype, shape)

    def evaluate(self, x: Array) -> Array:
        return np.tile(x, [bound(r) for r in self.repeats])


@op
class Reverse(Op):
    """x with the order of its elements reversed along the axes

    ```
    %y = tensor.reverse(%x: f32[n, 3]) {axes = [1]} : f32[n, 3]
    ```
    """

    x: Value
    axes: tuple[int, ...]

    @constraint
    def axes_exist(self) -> bool:
        """the axes are distinct, ascending and within the operand's rank"""
        return list(self.axes) == sorted(set(self.axes)) and all(0 <= a < self.x.type.rank for a in self.axes)

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)

    def evaluate(self, x: Array) -> Array:
        return np.flip(x, self.axes)


@op
class Shape(GivesPositions):
    """The sizes of x along its axes, a vector of ``index_dtype``

    ```
    %s = tensor.shape(%x: f32[n, 3]) : i64[2]
    ```
    """

    x: Value
    index_dtype: DType = DType.I64

    def infer(self) -> TensorType:
        return TensorType(self.index_dtype, (self.x.type.rank,))

    def evaluate(self, x: Array) -> Array:
        return np.array(x.shape, self.index_dtype.numpy)
