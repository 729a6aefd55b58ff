"""New tensors from sizes and numbers."""

from collections.abc import Sequence

import numpy as np

from ....dims import dim_max
from ....ir import Array, Value
from ....ops import math, tensor
from ....types import DType
from .. import formulas as f
from ..building import diagonal_mask, positions
from ..promotion import dtype_of_number
from ..registry import Table
from ..scalars import Int, Number, Scalar
from ..scope import Scope, cast, constant, known_dim, known_int, reshape
from ..tensors import Tensor, Unsupported
from ..work import MAX_CONSTANT, require_small
from .arithmetic import known
from .numbers import ceiled, difference, ratio, to_int

TABLE = Table()

_LARGEST_CONSTANT = 1 << 14
"""Sequences of more elements are computed when the model runs."""


def filled(scope: Scope, size: Sequence[Int], number: Number, dtype: DType) -> Value:
    """A tensor of one number."""
    x = scope.scalar(number, dtype)
    dims, vector = scope.dims(size)
    return tensor.Expand(x, vector, dims).result if dims else x


@TABLE.imports("zeros", "empty", "_efficientzerotensor")
def zeros(
    scope: Scope, size: Sequence[Int], *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None, memory_format: object = None,
) -> Value:  # fmt: skip
    return filled(scope, size, 0, dtype or DType.F32)


@TABLE.imports("empty_strided")
def empty_strided(
    scope: Scope, size: Sequence[Int], stride: object, *, dtype: DType | None = None, layout: object = None,
    device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return filled(scope, size, 0, dtype or DType.F32)


@TABLE.imports("empty_permuted")
def empty_permuted(
    scope: Scope, size: Sequence[Int], physical_layout: object, *, dtype: DType | None = None, layout: object = None,
    device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return filled(scope, size, 0, dtype or DType.F32)


@TABLE.imports("ones")
def ones(
    scope: Scope, size: Sequence[Int], *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None,
) -> Value:  # fmt: skip
    return filled(scope, size, 1, dtype or DType.F32)


@TABLE.imports("full")
def full(
    scope: Scope, size: Sequence[Int], fill_value: Number, *, dtype: DType | None = None, layout: object = None,
    device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return filled(scope, size, fill_value, dtype or dtype_of_number(fill_value))


@TABLE.imports("zeros_like", "empty_like")
def zeros_like(
    scope: Scope, self: Tensor, *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None, memory_format: object = None,
) -> Value:  # fmt: skip
    return filled(scope, self.shape, 0, dtype or self.dtype)


@TABLE.imports("ones_like")
def ones_like(
    scope: Scope, self: Tensor, *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None, memory_format: object = None,
) -> Value:  # fmt: skip
    return filled(scope, self.shape, 1, dtype or self.dtype)


@TABLE.imports("full_like")
def full_like(
    scope: Scope, self: Tensor, fill_value: Number, *, dtype: DType | None = None, layout: object = None,
    device: object = None, pin_memory: object = None, memory_format: object = None,
) -> Value:  # fmt: skip
    return filled(scope, self.shape, fill_value, dtype or self.dtype)


@TABLE.imports("new_zeros", "new_empty")
def new_zeros(
    scope: Scope, self: Tensor, size: Sequence[Int], *, dtype: DType | None = None, layout: object = None,
    device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return filled(scope, size, 0, dtype or self.dtype)


@TABLE.imports("new_empty_strided")
def new_empty_strided(
    scope: Scope, self: Tensor, size: Sequence[Int], stride: object, *, dtype: DType | None = None,
    layout: object = None, device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return filled(scope, size, 0, dtype or self.dtype)


@TABLE.imports("new_ones")
def new_ones(
    scope: Scope, self: Tensor, size: Sequence[Int], *, dtype: DType | None = None, layout: object = None,
    device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return filled(scope, size, 1, dtype or self.dtype)


@TABLE.imports("new_full")
def new_full(
    scope: Scope, self: Tensor, size: Sequence[Int], fill_value: Number, *, dtype: DType | None = None,
    layout: object = None, device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return filled(scope, size, fill_value, dtype or self.dtype)


@TABLE.imports("arange")
def arange(
    scope: Scope, end: Number, *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None,
) -> Value:  # fmt: skip
    return _sequence(scope, 0, end, 1, dtype)


@TABLE.imports("arange")
def arange_from(
    scope: Scope, start: Number, end: Number, step: Number = 1, *, dtype: DType | None = None, layout: object = None,
    device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return _sequence(scope, start, end, step, dtype)


def _sequence(scope: Scope, start: Number, end: Number, step: Number, dtype: DType | None) -> Value:
    """start, start + step, … below end; of floats when one of them is a float."""
    is_float = any(dtype_of_number(n).is_float for n in (start, end, step))
    dtype = dtype or (DType.F32 if is_float else DType.I64)
    if is_float and dtype is DType.I64:
        # PyTorch makes the bounds whole before it counts.
        return _sequence(scope, to_int(scope, start), to_int(scope, end), to_int(scope, step), dtype)
    a, b, c = known(start), known(end), known(step)
    if a is not None and b is not None and c is not None:
        count = max(0, int(np.ceil((b - a) / c)))
        if count <= _LARGEST_CONSTANT:
            return constant((a + np.arange(count) * c).astype(dtype.numpy))
    length = ceiled(scope, ratio(scope, difference(scope, end, start), step))
    size = scope.fresh_symbol() if isinstance(length, Scalar) else dim_max(length, 0)
    wide = DType.F64 if is_float else DType.I64
    first, limit, delta = (scope.scalar(n, wide) for n in (start, end, step))
    return cast(tensor.Range(first, limit, delta, size).result, dtype)


@TABLE.imports("range")
def range_(
    scope: Scope, start: Number, end: Number, step: Number = 1, *, dtype: DType | None = None, layout: object = None,
    device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    a, b, c = known(start), known(end), known(step)
    if a is None or b is None or c is None:
        raise Unsupported("its bounds depend on shapes or data; arange takes such")
    require_small(int((b - a) / c), "the range")
    return constant((a + np.arange(int((b - a) / c) + 1) * c).astype((dtype or DType.F32).numpy))


@TABLE.imports("linspace")
def linspace(
    scope: Scope, start: Tensor | Number, end: Tensor | Number, steps: Int, *, dtype: DType | None = None,
    layout: object = None, device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return _spaced(scope, start, end, steps, dtype or DType.F32)


def _spaced(scope: Scope, start: Tensor | Number, end: Tensor | Number, steps: Int, dtype: DType) -> Value:
    count = known_dim(steps, "the number of steps")
    if not isinstance(start, Tensor) and not isinstance(end, Tensor):
        a, b = known(start), known(end)
        if a is not None and b is not None and isinstance(count, int) and count <= MAX_CONSTANT:
            return constant(np.linspace(a, b, count).astype(dtype.numpy))
    wide = dtype if dtype.is_float else DType.F32
    first, last = (cast(x.value, wide) if isinstance(x, Tensor) else scope.scalar(x, wide) for x in (start, end))
    places = cast(positions(count), wide)
    steps_between = scope.scalar(dim_max(count - 1, 1), wide)
    step = math.Div(math.Sub(last, first).result, steps_between).result
    return cast(math.Add(first, math.Mul(places, step).result).result, dtype)


@TABLE.imports("logspace")
def logspace(
    scope: Scope, start: Tensor | Number, end: Tensor | Number, steps: Int, base: float = 10.0, *,
    dtype: DType | None = None, layout: object = None, device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    dtype = dtype or DType.F32
    wide = dtype if dtype.is_float else DType.F64
    return cast(f.power(base, _spaced(scope, start, end, steps, wide)), dtype)


@TABLE.imports("eye")
def eye(
    scope: Scope, n: Int, m: Int | None = None, *, dtype: DType | None = None, layout: object = None,
    device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    dtype = dtype or DType.F32
    rows = known_dim(n, "the number of rows")
    columns = rows if m is None else known_dim(m, "the number of columns")
    if isinstance(rows, int) and isinstance(columns, int) and rows * columns <= MAX_CONSTANT:
        return constant(np.eye(rows, columns).astype(dtype.numpy))
    return cast(diagonal_mask(scope, rows, columns), dtype)


@TABLE.imports("tensor", "as_tensor")
def tensor_of_list(
    scope: Scope, data: list[object], *, dtype: DType | None = None, device: object = None, requires_grad: bool = False
) -> Value:
    return stacked(scope, data, dtype)


@TABLE.imports("_list_to_tensor")
def list_to_tensor(scope: Scope, self: list[object]) -> Value:
    return stacked(scope, self, DType.I64)


@TABLE.imports("tensor", "as_tensor")
def tensor_of_number(
    scope: Scope, t: Number, *, dtype: DType | None = None, device: object = None, requires_grad: bool = False
) -> Value:
    return scope.scalar(t, dtype or dtype_of_number(t))


def stacked(scope: Scope, data: Sequence[object], dtype: DType | None) -> Value:
    """A nested list of numbers as a tensor; raises Unsupported when it is ragged."""
    shape, elements = _flat(data)
    scope.work.spend(len(elements))
    if dtype is None:
        dtypes = [dtype_of_number(e) for e in elements]
        dtype = next((d for d in (DType.F32, DType.I64, DType.BOOL) if d in dtypes), DType.F32)
    numbers = [known(e) for e in elements]
    if all(n is not None for n in numbers):
        return constant(_array(numbers, dtype).reshape(shape))
    parts = tuple(reshape(scope.scalar(e, dtype), (1,)) for e in elements)
    return reshape(parts[0] if len(parts) == 1 else tensor.Concat(parts, 0).result, shape)


def _array(numbers: Sequence[float | None], dtype: DType) -> Array:
    wide = np.float64 if dtype.is_float or any(isinstance(n, float) for n in numbers) else np.int64
    with np.errstate(over="ignore"):
        return np.array(numbers, wide).astype(dtype.numpy)


def _flat(data: object) -> tuple[tuple[int, ...], list[Number]]:
    """The shape of a nested list, and its numbers in order."""
    if not isinstance(data, list | tuple):
        if not isinstance(data, Number):
            raise Unsupported("a list of what is no number cannot become a tensor")
        return (), [data]
    parts = [_flat(part) for part in data]
    shapes = {shape for shape, _ in parts}
    if len(shapes) > 1:
        raise Unsupported("a list of lists of different lengths cannot become a tensor")
    return (len(parts), *next(iter(shapes), ())), [number for _, numbers in parts for number in numbers]


@TABLE.imports("scalar_tensor")
def scalar_tensor(
    scope: Scope, s: Number, *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None,
) -> Value:  # fmt: skip
    return scope.scalar(s, dtype or DType.F32)


@TABLE.imports("prim::NumToTensor")
def num_to_tensor(scope: Scope, a: Number) -> Value:
    return scope.scalar(a, dtype_of_number(a))


@TABLE.imports("tril_indices")
def tril_indices(
    row: Int, col: Int, offset: Int = 0, *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None,
) -> Value:  # fmt: skip
    rows, columns, diagonal = (known_int(n, "the matrix") for n in (row, col, offset))
    require_small(rows * columns, "the matrix")
    return constant(np.array(np.tril_indices(rows, diagonal, columns)).astype((dtype or DType.I64).numpy))


@TABLE.imports("triu_indices")
def triu_indices(
    row: Int, col: Int, offset: Int = 0, *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None,
) -> Value:  # fmt: skip
    rows, columns, diagonal = (known_int(n, "the matrix") for n in (row, col, offset))
    require_small(rows * columns, "the matrix")
    return constant(np.array(np.triu_indices(rows, diagonal, columns)).astype((dtype or DType.I64).numpy))


@TABLE.imports(
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "bernoulli",
    "multinomial", "poisson", "binomial", "uniform", "uniform_", "normal_", "bernoulli_", "exponential_", "random_",
    "geometric_", "cauchy_", "log_normal_", "normal_functional",
)  # fmt: skip
def refused_random(*args: object, **options: object) -> Value:
    raise Unsupported("it gives random numbers, which no target computes; take them as an input of the model")
