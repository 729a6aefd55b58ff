"""Values that all frontends build: constants, other shapes and dtypes, sizes as tensors, positions along an axis."""

from collections.abc import Sequence

import numpy as np

from ..dims import Dim
from ..ir import Array, Value
from ..ops import math, tensor
from ..types import DType
from ..weights import Weight

MAX_CONSTANT = 1 << 24
"""How many elements a constant may have that an importer makes (an identity matrix, the places of a view)."""


def constant(array: Array, name: str = "") -> Value:
    """The value of a new constant."""
    return tensor.Constant(Weight(array, name)).result


def i64(number: int) -> Value:
    """A constant without axes."""
    return constant(np.array(number, np.int64))


def cast(x: Value, dtype: DType) -> Value:
    """The value with elements of another dtype; itself if it has them already."""
    return x if x.type.dtype is dtype else tensor.Cast(x, dtype).result


def expand(x: Value, shape: Sequence[Dim]) -> Value:
    """The value broadcast to a shape; itself if it has it already."""
    return x if x.type.shape == tuple(shape) else tensor.Expand(x, None, tuple(shape)).result


def reshape(x: Value, shape: Sequence[Dim]) -> Value:
    """The value in another shape; itself if it has it already."""
    return x if x.type.shape == tuple(shape) else tensor.Reshape(x, None, tuple(shape)).result


def transposed(x: Value, order: Sequence[int]) -> Value:
    """The axes in another order."""
    return x if list(order) == list(range(len(order))) else tensor.Transpose(x, tuple(order)).result


def sliced(x: Value, axis: int, start: Dim, size: Dim) -> Value:
    """Consecutive elements of an axis; the value itself for all of them."""
    shape = x.type.shape
    if start == 0 and size == shape[axis]:
        return x
    starts = tuple(start if i == axis else 0 for i in range(len(shape)))
    sizes = tuple(size if i == axis else d for i, d in enumerate(shape))
    return tensor.Slice(x, starts, sizes, (1,) * len(shape)).result


def joined(xs: Sequence[Value], axis: int) -> Value:
    """The values one after the other; the value itself if it is one."""
    return xs[0] if len(xs) == 1 else tensor.Concat(tuple(xs), axis).result


def size_of(dim: Dim, dtype: DType = DType.I64) -> Value:
    """A size, which may be symbolic, as a tensor without axes."""
    if isinstance(dim, int):
        return constant(np.array(dim).astype(dtype.numpy))
    return cast(reshape(tensor.Dims((dim,)).result, ()), dtype)


def positions(size: Dim, dtype: DType = DType.I64) -> Value:
    """0, 1, 2, … as a vector of ``size`` integers."""
    if isinstance(size, int) and size <= MAX_CONSTANT:
        return constant(np.arange(size, dtype=dtype.numpy))
    zero, one = (constant(np.array(i, dtype.numpy)) for i in (0, 1))
    return tensor.Range(zero, size_of(size, dtype), one, size).result


def index_within(places: Value, last: Value) -> Value:
    """Whole floats as i64, brought to 0 … ``last``; NaN, which no index may be, is 0."""
    zero = constant(np.zeros((), places.type.dtype.numpy))
    below = math.Minimum(places, last).result
    return cast(math.Select(math.Greater(below, zero).result, below, zero).result, DType.I64)
