"""Tensors from attributes and scalars."""

import numpy as np

from ...dims import Dim, SymInt, is_positive, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import DType, TensorType
from ...weights import Weight
from ..families import GivesPositions
from .binding import bound


@op
class Constant(Op):
    """A weight of the module

    ```
    %c = tensor.constant() {value = dense<[1, 2, 3]>} : i64[3]
    ```
    """

    value: Weight

    def infer(self) -> TensorType:
        return self.value.type

    def evaluate(self) -> Array:
        return self.value.array


@op
class Dims(GivesPositions):
    """The numbers that sizes are when the model runs, a vector of ``index_dtype``

    ```
    %y = tensor.dims() {dims = [3, 4]} : i64[2]
    ```

    It takes sizes into computations on tensors; pass materialize-shapes says where a target finds them.
    """

    dims: tuple[Dim, ...]
    index_dtype: DType = DType.I64

    def infer(self) -> TensorType:
        return TensorType(self.index_dtype, (len(self.dims),))

    def evaluate(self) -> Array:
        return np.array([bound(d) for d in self.dims], self.index_dtype.numpy)


@op
class Range(Op):
    """start, start + delta, start + 2 * delta, … up to but without limit: ``length`` numbers

    ```
    %y = tensor.range(%start: i64[], %limit: i64[], %delta: i64[]) {length = 3} : i64[3]
    ```
    """

    start: Value
    limit: Value
    delta: Value
    length: Dim

    @constraint
    def operands_are_scalars(self) -> bool:
        """start, limit and delta are scalars"""
        return all(v.type.rank == 0 for v in (self.start, self.limit, self.delta))

    @constraint
    def dtypes_agree(self) -> bool:
        """start, limit and delta have the same dtype, not bool"""
        dtype = self.start.type.dtype
        return dtype.is_numeric and self.limit.type.dtype is dtype and self.delta.type.dtype is dtype

    @constraint
    def length_is_nonnegative(self) -> bool:
        """the length is not negative"""
        return not is_positive(-self.length)

    def infer(self) -> TensorType:
        return TensorType(self.start.type.dtype, (self.length,))

    def evaluate(self, start: Array, limit: Array, delta: Array) -> Array:
        length = _range_length(start, limit, delta) if isinstance(self.length, SymInt) else self.length
        # Narrow floats cannot count far: the steps are counted in double precision.
        wide = np.dtype(np.float64) if self.start.type.dtype.is_float else start.dtype
        steps = np.arange(length).astype(wide)
        return np.asarray(start.astype(wide) + steps * delta.astype(wide)).astype(start.dtype)


def _range_length(start: Array, limit: Array, delta: Array) -> int:
    """``ceil((limit - start) / delta)``, at least 0."""
    first, end, step = start.item(), limit.item(), delta.item()
    return max(0, int(np.ceil((end - first) / step))) if isinstance(step, float) else max(0, -((first - end) // step))


@op
class OneHot(Op):
    """For each index a row of ``depth`` elements along a new axis: values[1] at the index, values[0] elsewhere

    Negative indices count from the end; for an index outside [-depth, depth) the whole row is values[0] (ONNX OneHot).

    ```
    %y = tensor.one_hot(%i: i64[n], %v: f32[2]) {depth = 4, axis = 1} : f32[n, 4]
    ```
    """

    indices: Value
    values: Value
    depth: Dim
    axis: int

    @constraint
    def indices_are_integers(self) -> bool:
        """the indices are integers"""
        return self.indices.type.dtype.is_integer

    @constraint
    def values_are_two(self) -> bool:
        """the values are two, off and on"""
        return self.values.type.rank == 1 and not known_different(self.values.type.shape[0], 2)

    @constraint
    def axis_exists(self) -> bool:
        """the new axis stands within or behind the axes of the indices"""
        return 0 <= self.axis <= self.indices.type.rank

    @constraint
    def depth_is_nonnegative(self) -> bool:
        """the depth is not negative"""
        return not is_positive(-self.depth)

    def infer(self) -> TensorType:
        shape = self.indices.type.shape
        return TensorType(self.values.type.dtype, (*shape[: self.axis], self.depth, *shape[self.axis :]))

    def evaluate(self, indices: Array, values: Array) -> Array:
        depth = bound(self.depth)
        positions = np.expand_dims(indices.astype(np.int64), self.axis)
        row = np.arange(depth).reshape([-1 if i == self.axis else 1 for i in range(positions.ndim)])
        is_on = (positions == row) | (positions + depth == row)
        return np.asarray(np.where(is_on, values[1], values[0]))


@op
class Trilu(Op):
    """The upper (or lower) triangle of each matrix, zero elsewhere; ``diagonal`` moves its edge up, to the right

    ```
    %y = tensor.trilu(%x: f32[n, 4, 4]) {diagonal = 1} : f32[n, 4, 4]
    ```
    """

    x: Value
    diagonal: int = 0
    upper: bool = True

    @constraint
    def operand_holds_matrices(self) -> bool:
        """the operand has rank 2 or more"""
        return self.x.type.rank >= 2

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)

    def evaluate(self, x: Array) -> Array:
        return np.asarray(np.triu(x, self.diagonal) if self.upper else np.tril(x, self.diagonal))
