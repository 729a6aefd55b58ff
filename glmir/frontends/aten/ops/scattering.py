"""Reading and writing elements along one axis: gather, index_select, scatter and its kin; filling and copying."""

from collections.abc import Sequence

from ....dims import known_different
from ....ir import Value
from ....ops import math, tensor
from ....ops.enums import ScatterReduction
from ....ops.inference import broadcast
from ....types import DType
from .. import viewing
from ..axes import axis_of
from ..building import along, as_indices, elements_written, filled, flat, inverse, rows_written, sliced, transposed
from ..promotion import fitted
from ..registry import Table
from ..scalars import Int, Number
from ..scope import Scope, cast, expand, known_dims, known_int, reshape
from ..tensors import Tensor, Unsupported

TABLE = Table()


@TABLE.imports("index_select")
def index_select(self: Tensor, dim: int, index: Tensor) -> Value:
    places = flat(as_indices(index.value))
    if self.rank == 0:
        return reshape(tensor.Gather(reshape(self.value, (1,)), places, 0).result, ())
    return tensor.Gather(self.value, places, axis_of(dim, self.rank)).result


@TABLE.imports("gather")
def gather(self: Tensor, dim: int, index: Tensor, *, sparse_grad: object = False) -> Value:
    if self.rank == 0:
        taken = tensor.Gather(reshape(self.value, (1,)), flat(as_indices(index.value)), 0).result
        return reshape(taken, index.shape)
    axis, x = axis_of(dim, self.rank), self.value
    if index.rank == 0:
        return reshape(tensor.Gather(x, as_indices(index.value), 0).result, ())
    for a in range(self.rank):
        if a != axis and known_different(x.type.shape[a], index.shape[a]):
            x = sliced(x, a, 0, index.shape[a])
    return tensor.GatherElements(x, as_indices(index.value), axis).result


@TABLE.imports("take_along_dim")
def take_along_dim(self: Tensor, indices: Tensor, dim: int | None = None) -> Value:
    if dim is None:
        return tensor.Gather(flat(self.value), flat(as_indices(indices.value)), 0).result
    axis = axis_of(dim, self.rank)
    if self.rank != indices.rank:
        raise Unsupported(f"{self.type} and its indices {indices.type} differ in rank")
    own = broadcast(*(tuple(1 if a == axis else d for a, d in enumerate(t.shape)) for t in (self, indices)))
    x, places = (
        expand(t.value, tuple(t.shape[axis] if a == axis else d for a, d in enumerate(own))) for t in (self, indices)
    )
    return tensor.GatherElements(x, as_indices(places), axis).result


_REDUCTIONS = {
    "add": ScatterReduction.ADD,
    "sum": ScatterReduction.ADD,
    "mean": ScatterReduction.ADD,
    "multiply": ScatterReduction.MUL,
    "prod": ScatterReduction.MUL,
    "amax": ScatterReduction.MAX,
    "amin": ScatterReduction.MIN,
}


def _reduction(name: str) -> ScatterReduction:
    if name not in _REDUCTIONS:
        raise Unsupported(f"the reduction {name} is not known")
    return _REDUCTIONS[name]


@TABLE.imports("scatter")
def scatter(self: Tensor, dim: int, index: Tensor, src: Tensor, *, reduce: str | None = None) -> Value:
    reduction = ScatterReduction.NONE if reduce is None else _reduction(reduce)
    return _scattered(self.value, dim, index.value, cast(src.value, self.dtype), reduction)


@TABLE.imports("scatter")
def scatter_value(
    scope: Scope, self: Tensor, dim: int, index: Tensor, value: Number, *, reduce: str | None = None
) -> Value:
    new = scope.scalar(value, self.dtype)
    if reduce is None:
        return _filled(scope, self.value, dim, index.value, new)
    return _scattered(self.value, dim, index.value, expand(new, index.shape), _reduction(reduce))


def _filled(scope: Scope, x: Value, dim: int, index: Value, new: Value) -> Value:
    """One number written everywhere; elements may be named twice."""
    shape = x.type.shape or (1,)
    places = as_indices(index if index.type.rank else reshape(index, (1,)))
    if places.type.shape == (0,):
        return x
    mask = elements_written(scope, places, axis_of(dim, len(shape)), shape)
    return math.Select(reshape(mask, x.type.shape), new, x).result


@TABLE.imports("scatter_add")
def scatter_add(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Value:
    return _scattered(self.value, dim, index.value, cast(src.value, self.dtype), ScatterReduction.ADD)


def _scattered(x: Value, dim: int, index: Value, updates: Value, reduction: ScatterReduction) -> Value:
    """Updates may be larger than the indices: those that have an index count."""
    shape = x.type.shape
    if not shape:
        x, index, updates = (reshape(v, (1,)) for v in (x, index, updates))
    if index.type.shape == (0,):
        return reshape(x, shape)
    for axis, size in enumerate(index.type.shape):
        if known_different(updates.type.shape[axis], size):
            updates = sliced(updates, axis, 0, size)
    axis = axis_of(dim, x.type.rank)
    return reshape(tensor.ScatterElements(x, as_indices(index), updates, axis, reduction).result, shape)


@TABLE.imports("scatter_reduce")
def scatter_reduce(
    scope: Scope, self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Value:
    x, dtype = self.value, self.dtype
    updates = cast(src.value, dtype)
    reduction = _reduction(reduce)
    if not include_self:
        x = _filled(scope, x, dim, index.value, scope.scalar(_identity(reduction, dtype), dtype))
    total = _scattered(x, dim, index.value, updates, reduction)
    if reduce != "mean":
        return total
    ones = filled(scope, 1, dtype, index.shape)
    counts = filled(scope, 1, dtype, self.shape)
    if not include_self:
        counts = _filled(scope, counts, dim, index.value, scope.scalar(0, dtype))
    return _mean(scope, total, _scattered(counts, dim, index.value, ones, ScatterReduction.ADD))


def _mean(scope: Scope, total: Value, counts: Value) -> Value:
    """The quotient; of integers rounded down."""
    dtype = total.type.dtype
    if dtype.is_float:
        return math.Div(total, counts).result
    return math.Div(math.Sub(total, math.FloorMod(total, counts).result).result, counts).result


def _identity(reduction: ScatterReduction, dtype: DType) -> float:
    """The number that changes no other under the reduction."""
    if reduction in (ScatterReduction.ADD, ScatterReduction.MUL):
        return 0 if reduction is ScatterReduction.ADD else 1
    largest = reduction is ScatterReduction.MIN
    if dtype.is_float:
        return float("inf") if largest else float("-inf")
    if dtype is DType.BOOL:
        return 1 if largest else 0
    return dtype.highest if largest else dtype.lowest


@TABLE.imports("index_add")
def index_add(scope: Scope, self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Value:
    updates = cast(source.value, self.dtype)
    if alpha != 1:
        updates = math.Mul(updates, scope.scalar(alpha, self.dtype)).result
    return _written(self, dim, index, updates, ScatterReduction.ADD)


@TABLE.imports("index_copy")
def index_copy(self: Tensor, dim: int, index: Tensor, source: Tensor) -> Value:
    return _written(self, dim, index, cast(source.value, self.dtype), ScatterReduction.NONE)


@TABLE.imports("index_fill")
def index_fill(scope: Scope, self: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Value:
    new = cast(value.value, self.dtype) if isinstance(value, Tensor) else scope.scalar(value, self.dtype)
    if self.rank == 0:
        return new
    axis = axis_of(dim, self.rank)
    rows = reshape(as_indices(index.value), (index.elements, 1))
    mask = rows_written(scope, rows, (self.shape[axis],))
    return math.Select(along(mask, axis, self.rank), reshape(new, ()), self.value).result


@TABLE.imports("index_reduce")
def index_reduce(
    scope: Scope, self: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Value:
    places = expand(
        reshape(index.value, tuple(index.elements if a == axis_of(dim, self.rank) else 1 for a in range(self.rank))),
        source.shape,
    )
    return scatter_reduce(scope, self, dim, scope.tensor(places), source, reduce, include_self=include_self)


def _written(x: Tensor, dim: int, index: Tensor, updates: Value, reduction: ScatterReduction) -> Value:
    """Slices of x along an axis replaced by, or combined with, those of ``updates``, at the places in a row."""
    value = x.value if x.rank else reshape(x.value, (1,))
    axis = axis_of(dim, x.rank)
    updates = updates if updates.type.rank else reshape(updates, (1,))
    order = [axis, *(a for a in range(value.type.rank) if a != axis)]
    rows = reshape(as_indices(index.value), (index.elements, 1))
    moved = tensor.ScatterNd(transposed(value, order), rows, transposed(updates, order), reduction).result
    return reshape(transposed(moved, inverse(order)), x.shape)


def _copy(scope: Scope, x: Tensor) -> Tensor:
    """A tensor of its own that holds the same."""
    return scope.tensor(x.value)


def _write(view: Tensor, src: Tensor) -> None:
    view.write(fitted(src.value, view.dtype, view.shape))


@TABLE.imports("select_scatter")
def select_scatter(scope: Scope, self: Tensor, src: Tensor, dim: int, index: Int) -> Value:
    result = _copy(scope, self)
    _write(viewing.selected(result, axis_of(dim, self.rank), index), src)
    return result.value


@TABLE.imports("slice_scatter")
def slice_scatter(
    scope: Scope,
    self: Tensor,
    src: Tensor,
    dim: int = 0,
    start: Int | None = None,
    end: Int | None = None,
    step: Int = 1,
) -> Value:
    result = _copy(scope, self)
    axis = axis_of(dim, self.rank)
    _write(viewing.sliced(scope, result, axis, start, end, known_int(step, "its step")), src)
    return result.value


@TABLE.imports("diagonal_scatter")
def diagonal_scatter(scope: Scope, self: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    result = _copy(scope, self)
    _write(viewing.diagonal(result, offset, axis_of(dim1, self.rank), axis_of(dim2, self.rank)), src)
    return result.value


@TABLE.imports("as_strided_scatter")
def as_strided_scatter(
    scope: Scope,
    self: Tensor,
    src: Tensor,
    size: Sequence[Int],
    stride: Sequence[Int],
    storage_offset: Int | None = None,
) -> Value:
    result = _copy(scope, self)
    offset = 0 if storage_offset is None else known_int(storage_offset, "its offset")
    _write(viewing.strided(result, known_dims(size, "a size"), known_dims(stride, "a stride"), offset), src)
    return result.value


@TABLE.imports("copy")
def copy(scope: Scope, self: Tensor, src: Tensor | Number, non_blocking: object = False) -> Value:
    """What ``copy_`` writes."""
    new = src.value if isinstance(src, Tensor) else scope.scalar(src, self.dtype)
    return fitted(new, self.dtype, self.shape)


@TABLE.imports("copy_")
def copy_in_place(scope: Scope, self: Tensor, src: Tensor | Number, non_blocking: object = False) -> Tensor:
    self.write(copy(scope, self, src))
    return self


@TABLE.imports("copy_")
def copy_other_in_place(scope: Scope, self: Tensor, other: Tensor | Number) -> Tensor:
    return copy_in_place(scope, self, other)


@TABLE.imports("fill")
def fill(scope: Scope, self: Tensor, value: Tensor | Number) -> Value:
    new = cast(value.value, self.dtype) if isinstance(value, Tensor) else scope.scalar(value, self.dtype)
    return expand(reshape(new, ()), self.shape)


@TABLE.imports("zero")
def zero(scope: Scope, self: Tensor) -> Value:
    return filled(scope, 0, self.dtype, self.shape)


@TABLE.imports("set_data")
def set_data(self: Tensor, new_data: Tensor) -> Value:
    raise Unsupported("a tensor is given other memory; assign the new tensor to the name instead")


@TABLE.imports("set_")
def set_(
    self: Tensor, source: object = None, storage_offset: object = 0, size: object = (), stride: object = ()
) -> Value:
    raise Unsupported("a tensor is given other memory; assign the new tensor to the name instead")
