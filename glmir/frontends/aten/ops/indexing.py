"""Indexing by tensors: ``x[i, mask, :, j]``, read and written; masks, where, and the positions of what is not zero."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....dims import Dim, known_different
from ....ir import Value
from ....ops import math, tensor
from ....ops.enums import ScatterReduction
from ....ops.inference import broadcast, can_broadcast
from ....types import DType, Shape
from ..building import as_indices, flat, inverse, joined, rows_written, sliced, transposed
from ..promotion import promoted
from ..registry import Table
from ..scalars import Int, Number
from ..scope import Scope, cast, constant, expand, known_dim, reshape
from ..tensors import Tensor, Unsupported

TABLE = Table()

_MASKS = (DType.BOOL, DType.U8)


@dataclass(frozen=True)
class _Index:
    """What ``x[indices]`` means: ``places`` index these axes of x, in order, and broadcast to ``shape``."""

    axes: tuple[int, ...]
    places: tuple[Value, ...]
    shape: Shape

    @property
    def are_neighbours(self) -> bool:
        return self.axes[-1] - self.axes[0] == len(self.axes) - 1

    @property
    def first(self) -> int:
        """Where in the result the axes of ``shape`` stand: in the place of those indexed if they are neighbours."""
        return self.axes[0] if self.are_neighbours else 0

    def order(self, rank: int) -> list[int]:
        """The axes of x with those indexed in front."""
        return [*self.axes, *(a for a in range(rank) if a not in self.axes)]

    def result_order(self, rank: int) -> list[int]:
        """From [*shape, *rest] to the order of the result."""
        count, own = rank - len(self.axes), len(self.shape)
        before = min(self.first, count)
        rest = list(range(own, own + count))
        return [*rest[:before], *range(own), *rest[before:]]


def _index_of(scope: Scope, x: Tensor, indices: Sequence[Tensor | None]) -> _Index:
    axes: list[int] = []
    places: list[Value] = []
    axis = 0
    for index in indices:
        if index is None:
            axis += 1
            continue
        columns = _true_places(scope, index.value) if index.dtype in _MASKS else [as_indices(index.value)]
        axes += range(axis, axis + len(columns))
        places += columns
        axis += len(columns)
    if axis > x.rank or not axes:
        raise Unsupported(f"{x.type} has fewer axes than it is indexed by" if axes else "it names no indices")
    shapes = [p.type.shape for p in places]
    if not can_broadcast(*shapes):
        raise Unsupported(f"indices of the shapes {', '.join(str(list(s)) for s in shapes)} do not broadcast together")
    return _Index(tuple(axes), tuple(places), broadcast(*shapes))


def _true_places(scope: Scope, mask: Value) -> list[Value]:
    """The positions of the elements that are true: a row for each axis of the mask."""
    if mask.type.rank == 0:
        raise Unsupported("it is indexed by one truth value")
    columns = positions_of_nonzero(scope, mask)
    return [reshape(sliced(columns, 0, i, 1), columns.type.shape[1:]) for i in range(mask.type.rank)]


def positions_of_nonzero(scope: Scope, x: Value) -> Value:
    """i64[rank, count]; a constant where x is known."""
    known = _known_array(scope, x)
    if known is not None:
        return constant(np.argwhere(known).T.astype(np.int64))
    return tensor.NonZero(x, scope.fresh_symbol()).result


def _known_array(scope: Scope, x: Value) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None:
    """Which elements are not zero, if that is known when the model is compiled."""
    if isinstance(x.owner, tensor.Constant):
        return np.asarray(x.owner.value.array != 0)
    contents = scope.contents.of(scope.insert(x))
    if contents is None or not all(isinstance(e, int | float) for e in contents.flat):
        return None
    return np.asarray(contents != 0, np.bool_)


@TABLE.imports("index", "_unsafe_index")
def index(scope: Scope, self: Tensor, indices: Sequence[Tensor | None]) -> Value:
    if all(i is None for i in indices):
        return self.value
    found = _index_of(scope, self, indices)
    return _gathered(self.value, found)


def _gathered(x: Value, index: _Index) -> Value:
    if len(index.axes) == 1:
        return tensor.Gather(x, index.places[0], index.axes[0]).result
    apart = _own_axes(index)
    if apart is not None:
        # Every index runs along an axis of its own, as in x[:, rows[:, None], columns].
        for place, axis, size in apart:
            x = tensor.Gather(x, reshape(place, (size,)), axis).result
        return x
    rank = x.type.rank
    gathered = tensor.GatherNd(transposed(x, index.order(rank)), _rows(index)).result
    return transposed(gathered, index.result_order(rank))


def _own_axes(index: _Index) -> list[tuple[Value, int, Dim]] | None:
    """The indices, each with its axis and size, if they are an outer product of rows in the order of the axes."""
    if len(index.shape) != len(index.axes) or not index.are_neighbours:
        return None
    found = []
    for i, (place, axis) in enumerate(zip(index.places, index.axes, strict=True)):
        shape = (1,) * (len(index.shape) - place.type.rank) + place.type.shape
        if any(d != 1 for j, d in enumerate(shape) if j != i) or index.shape[i] != shape[i]:
            return None
        found.append((place, axis, shape[i]))
    return found


def _rows(index: _Index) -> Value:
    """The indices side by side, as gather_nd and scatter_nd take them: [*shape, number of axes]."""
    dtype = DType.I64 if any(p.type.dtype is DType.I64 for p in index.places) else DType.I32
    columns = [expand(cast(p, dtype), index.shape) for p in index.places]
    return joined([reshape(c, (*index.shape, 1)) for c in columns], len(index.shape))


@TABLE.imports("index_put", "_unsafe_index_put", "_index_put_impl")
def index_put(
    scope: Scope,
    self: Tensor,
    indices: Sequence[Tensor | None],
    values: Tensor,
    accumulate: bool = False,
    unsafe: object = False,
) -> Value:
    new = cast(values.value, self.dtype)
    if all(i is None for i in indices):
        return math.Add(self.value, new).result if accumulate else expand(new, self.shape)
    if not accumulate and (selected := _selected_by_mask(self, indices, new)) is not None:
        return selected
    found = _index_of(scope, self, indices)
    if not accumulate and all(d == 1 for d in new.type.shape):
        return _filled(scope, self.value, found, reshape(new, ()))
    return _scattered(self.value, found, new, accumulate)


def _filled(scope: Scope, x: Value, index: _Index, new: Value) -> Value:
    """One number written everywhere; elements may be named twice."""
    rank = x.type.rank
    order = index.order(rank)
    leading = [x.type.shape[a] for a in index.axes]
    mask = rows_written(scope, _rows(index), leading)
    mask = transposed(reshape(mask, (*leading, *(1,) * (rank - len(leading)))), inverse(order))
    return math.Select(mask, new, x).result


def _selected_by_mask(x: Tensor, indices: Sequence[Tensor | None], new: Value) -> Value | None:
    """``x[:, mask] = new`` as a choice between two tensors, where new is the same for every true element."""
    (axis, mask), *others = [(axis, i) for axis, i in enumerate(indices) if i is not None]
    if others or mask.dtype not in _MASKS or mask.rank == 0 or axis + mask.rank > x.rank:
        return None
    behind = x.rank - axis - mask.rank
    shape, place = new.type.shape, new.type.rank - behind - 1
    if place >= 0:
        if shape[place] != 1:
            return None
        new = reshape(new, (*shape[:place], *(1,) * mask.rank, *shape[place + 1 :]))
    condition = reshape(cast(mask.value, DType.BOOL), (*mask.shape, *(1,) * behind))
    return math.Select(condition, new, x.value).result


def _scattered(x: Value, index: _Index, new: Value, accumulate: bool) -> Value:
    rank = x.type.rank
    order, result_order = index.order(rank), index.result_order(rank)
    in_front = transposed(x, order)
    updates_shape = (*index.shape, *in_front.type.shape[len(index.axes) :])
    result_shape = tuple(updates_shape[a] for a in result_order)
    # A size that only running shows and a known one that is not 1 are the same.
    own = (1,) * (len(result_shape) - new.type.rank) + new.type.shape
    shape = tuple(o if known_different(o, 1) else d for o, d in zip(own, result_shape, strict=True))
    updates = transposed(expand(new, shape), inverse(result_order))
    reduction = ScatterReduction.ADD if accumulate else ScatterReduction.NONE
    scattered = tensor.ScatterNd(in_front, _rows(index), updates, reduction).result
    return transposed(scattered, inverse(order))


@TABLE.imports("_unsafe_masked_index")
def masked_index(scope: Scope, self: Tensor, mask: Tensor, indices: Sequence[Tensor | None], fill: Number) -> Value:
    """``where(mask, self[indices], fill)``; indices where the mask is false may lie outside."""
    found = _index_of(scope, self, _clamped(scope, self, indices))
    return math.Select(mask.value, _gathered(self.value, found), scope.scalar(fill, self.dtype)).result


@TABLE.imports("_unsafe_masked_index_put_accumulate")
def masked_index_put(
    scope: Scope, self: Tensor, mask: Tensor, indices: Sequence[Tensor | None], values: Tensor
) -> Value:
    new = math.Select(mask.value, values.value, scope.scalar(0, self.dtype)).result
    return _scattered(self.value, _index_of(scope, self, _clamped(scope, self, indices)), new, accumulate=True)


def _clamped(scope: Scope, x: Tensor, indices: Sequence[Tensor | None]) -> list[Tensor | None]:
    result: list[Tensor | None] = []
    for axis, i in enumerate(indices):
        if i is None:
            result.append(None)
            continue
        low, high = scope.scalar(0, i.dtype), scope.scalar(x.shape[axis] - 1, i.dtype)
        result.append(scope.tensor(math.Minimum(math.Maximum(i.value, low).result, high).result))
    return result


@TABLE.imports("masked_fill")
def masked_fill(scope: Scope, self: Tensor, mask: Tensor, value: Tensor | Number) -> Value:
    new = cast(value.value, self.dtype) if isinstance(value, Tensor) else scope.scalar(value, self.dtype)
    return math.Select(cast(mask.value, DType.BOOL), new, self.value).result


@TABLE.imports("masked_select")
def masked_select(scope: Scope, self: Tensor, mask: Tensor) -> Value:
    shape = broadcast(self.shape, mask.shape)
    places = positions_of_nonzero(scope, flat(expand(mask.value, shape)))
    return tensor.Gather(flat(expand(self.value, shape)), reshape(places, places.type.shape[1:]), 0).result


@TABLE.imports("masked_scatter")
def masked_scatter(self: Tensor, mask: Tensor, source: Tensor) -> Value:
    """The true elements replaced by those of the source, in order: the k-th by the k-th."""
    shape = broadcast(self.shape, mask.shape)
    condition = expand(cast(mask.value, DType.BOOL), shape)
    zero, one = (constant(np.array(i, np.int64)) for i in (0, 1))
    counts = math.CumSum(flat(cast(condition, DType.I64)), 0).result
    places = math.Maximum(math.Sub(counts, one).result, zero).result
    taken = tensor.Gather(flat(cast(source.value, self.dtype)), places, 0).result
    return math.Select(condition, reshape(taken, shape), self.value).result


@TABLE.imports("where")
def where(scope: Scope, condition: Tensor, self: Tensor | Number, other: Tensor | Number) -> Value:
    x, y = promoted(scope, (self, other))
    return math.Select(cast(condition.value, DType.BOOL), x, y).result


@TABLE.imports("where")
def where_true(scope: Scope, condition: Tensor) -> list[Value]:
    return _true_places(scope, condition.value if condition.rank else reshape(condition.value, (1,)))


@TABLE.imports("nonzero_numpy")
def nonzero_numpy(scope: Scope, self: Tensor) -> list[Value]:
    return where_true(scope, self)


@TABLE.imports("nonzero", "argwhere")
def nonzero(scope: Scope, self: Tensor) -> Value:
    if self.rank == 0:
        places = positions_of_nonzero(scope, reshape(self.value, (1,)))
        return tensor.Transpose(sliced(places, 0, 0, 0), (1, 0)).result
    return tensor.Transpose(positions_of_nonzero(scope, self.value), (1, 0)).result


@TABLE.imports("nonzero_static")
def nonzero_static(scope: Scope, self: Tensor, *, size: Int, fill_value: int = -1) -> Value:
    rows = known_dim(size, "its size")
    found = nonzero(scope, self)
    rest = expand(scope.scalar(fill_value, DType.I64), (rows, self.rank))
    return sliced(tensor.Concat((found, rest), 0).result, 0, 0, rows)


@TABLE.imports("take")
def take(self: Tensor, index: Tensor) -> Value:
    return tensor.Gather(flat(self.value), as_indices(index.value), 0).result


@TABLE.imports("put")
def put(self: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Value:
    places = flat(as_indices(index.value))
    reduction = ScatterReduction.ADD if accumulate else ScatterReduction.NONE
    rows = reshape(places, (*places.type.shape, 1))
    updates = flat(cast(source.value, self.dtype))
    return reshape(tensor.ScatterNd(flat(self.value), rows, updates, reduction).result, self.shape)
