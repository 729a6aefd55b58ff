"""Reductions and scans over axes."""

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ...dims import Dim
from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import DType, TensorType
from ..families import AlongAxis, GivesPositions
from ..inference import without_axes


@op_family
class Reduction(Op):
    """Combines the elements along ``axes``, which then have size 1 (``keep_dims``) or go."""

    compute: ClassVar[Callable[..., object]]
    x: Value
    axes: tuple[int, ...]
    keep_dims: bool = False

    @constraint
    def axes_exist(self) -> bool:
        """the axes are distinct, ascending and within the operand's rank"""
        return list(self.axes) == sorted(set(self.axes)) and all(0 <= a < self.x.type.rank for a in self.axes)

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, without_axes(self.x.type.shape, self.axes, self.keep_dims))

    def evaluate(self, x: Array) -> Array:
        # Halves are summed in single precision, as the runtimes do.
        wide = x.astype(np.float32) if x.dtype.itemsize == 2 and self.x.type.dtype.is_float else x
        reduced = type(self).compute(wide, axis=self.axes, keepdims=self.keep_dims)
        return np.asarray(reduced).astype(x.dtype, copy=False)


@op_family
class NumericReduction(Reduction):
    """A reduction of numbers."""

    @constraint
    def operand_is_numeric(self) -> bool:
        """the operand is not bool"""
        return self.x.type.dtype.is_numeric


@op
class ReduceSum(NumericReduction):
    """The sum

    ```
    %y = math.reduce_sum(%x: f32[n, 3, 4]) {axes = [1, 2], keep_dims = true} : f32[n, 1, 1]
    ```
    """

    compute = staticmethod(np.sum)


def _mean(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    if x.dtype.kind not in "iu":
        return np.asarray(np.mean(x, axis=axis, keepdims=keepdims))
    count = math.prod(x.shape[a] for a in axis)
    return np.asarray(np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype) // count)


@op
class ReduceMean(NumericReduction):
    """The mean"""

    compute = staticmethod(_mean)


def _max(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    if x.size:
        return np.asarray(np.max(x, axis=axis, keepdims=keepdims))
    dtype = DType.of(x.dtype)
    return np.asarray(np.max(x, axis=axis, keepdims=keepdims, initial=-np.inf if dtype.is_float else dtype.lowest))


def _min(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    if x.size:
        return np.asarray(np.min(x, axis=axis, keepdims=keepdims))
    dtype = DType.of(x.dtype)
    return np.asarray(np.min(x, axis=axis, keepdims=keepdims, initial=np.inf if dtype.is_float else dtype.highest))


@op
class ReduceMax(NumericReduction):
    """The largest element; of none the least number of the dtype, minus infinity for floats"""

    compute = staticmethod(_max)


@op
class ReduceMin(NumericReduction):
    """The smallest element; of none the largest number of the dtype, infinity for floats"""

    compute = staticmethod(_min)


@op
class ReduceProd(NumericReduction):
    """The product"""

    compute = staticmethod(np.prod)


@op_family
class LogicalReduction(Reduction):
    """A reduction of truth values."""

    @constraint
    def operand_is_bool(self) -> bool:
        """the operand is bool"""
        return self.x.type.dtype is DType.BOOL


@op
class ReduceAny(LogicalReduction):
    """Whether any element is true"""

    compute = staticmethod(np.any)


@op
class ReduceAll(LogicalReduction):
    """Whether all elements are true"""

    compute = staticmethod(np.all)


@op_family
class ArgReduction(AlongAxis, GivesPositions):
    """The index of an extreme element along one axis; the first of equals, or the last."""

    x: Value
    axis: int
    keep_dims: bool = False
    select_last: bool = False
    index_dtype: DType = DType.I64

    @constraint
    def operand_is_numeric(self) -> bool:
        """the operand is not bool"""
        return self.x.type.dtype.is_numeric

    def infer(self) -> TensorType:
        return TensorType(self.index_dtype, without_axes(self.x.type.shape, (self.axis,), self.keep_dims))

    def _evaluate(self, x: Array, find: Callable[..., Array]) -> Array:
        if not x.size and 0 in without_axes(x.shape, (self.axis,), self.keep_dims):
            # Along an axis of nothing numpy refuses to look, even where nothing is to be found.
            found = x.sum(axis=self.axis, keepdims=self.keep_dims)
            return np.asarray(found).astype(self.index_dtype.numpy)
        ordered = np.flip(x, self.axis) if self.select_last else x
        found = np.asarray(find(ordered, axis=self.axis, keepdims=self.keep_dims))
        positions = x.shape[self.axis] - 1 - found if self.select_last else found
        return np.asarray(positions).astype(self.index_dtype.numpy, copy=False)


@op
class ArgMax(ArgReduction):
    """The index of the largest element

    ```
    %i = math.arg_max(%x: f32[n, 10]) {axis = 1} : i64[n]
    ```
    """

    def evaluate(self, x: Array) -> Array:
        return self._evaluate(x, np.argmax)


@op
class ArgMin(ArgReduction):
    """The index of the smallest element"""

    def evaluate(self, x: Array) -> Array:
        return self._evaluate(x, np.argmin)


@op
class CumSum(AlongAxis):
    """The running sum along an axis; ``exclusive`` leaves the element itself out, ``reverse`` runs from the end

    ```
    %y = math.cum_sum(%x: f32[2, 5]) {axis = 1, exclusive = true} : f32[2, 5]
    ```
    """

    x: Value
    axis: int
    exclusive: bool = False
    reverse: bool = False

    @constraint
    def operand_is_numeric(self) -> bool:
        """the operand is not bool"""
        return self.x.type.dtype.is_numeric

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)

    def evaluate(self, x: Array) -> Array:
        ordered = np.flip(x, self.axis) if self.reverse else x
        sums = np.cumsum(ordered, axis=self.axis, dtype=x.dtype)
        if self.exclusive:
            sums = sums - ordered
        return np.flip(sums, self.axis) if self.reverse else sums


@op
class TopK(AlongAxis, GivesPositions):
    """The ``k`` largest (or smallest) elements along an axis, in order, and their indices; of equals the first

    ``count``, when present, is a scalar or one-element integer that gives ``k`` at run time.

    ```
    %v, %i = math.top_k(%x: f32[n, 10], none) {k = 3, axis = 1} : f32[n, 3], i64[n, 3]
    ```
    """

    x: Value
    count: Value | None
    k: Dim
    axis: int
    largest: bool = True
    index_dtype: DType = DType.I64

    def infer(self) -> tuple[TensorType, ...]:
        shape = tuple(self.k if i == self.axis else d for i, d in enumerate(self.x.type.shape))
        return TensorType(self.x.type.dtype, shape), TensorType(self.index_dtype, shape)

    def evaluate(self, x: Array, count: Array | None) -> tuple[Array, ...]:
        k = self.k if isinstance(self.k, int) else int(np.asarray(count).ravel()[0])
        if self.largest:
            # A stable descending order: sort the reversed array ascending and turn indices back.
            flipped = np.argsort(np.flip(x, self.axis), axis=self.axis, kind="stable")
            order = x.shape[self.axis] - 1 - np.flip(flipped, self.axis)
        else:
            order = np.argsort(x, axis=self.axis, kind="stable")
        indices = np.take(order, np.arange(k), axis=self.axis)
        return np.take_along_axis(x, indices, axis=self.axis), indices.astype(self.index_dtype.numpy)
