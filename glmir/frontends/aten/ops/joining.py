"""Joining and repeating tensors: cat, stack, repeat, block_diag, cartesian_prod, …"""

from collections.abc import Sequence
from itertools import combinations as choices
from itertools import combinations_with_replacement as choices_with_repetition
from math import comb

import numpy as np

from ....dims import Dim, SymInt, dim_max
from ....ir import Value
from ....ops import math, tensor
from ....types import DType
from ..axes import axis_of
from ..building import as_indices, filled, flat, joined, positions
from ..promotion import promote
from ..registry import Table
from ..scalars import Int
from ..scope import Scope, cast, constant, known_dim, known_dims, reshape
from ..tensors import Tensor, Unsupported
from ..viewing import part, reshaped
from ..work import require_few, require_small
from .views import each_atleast_1d, each_atleast_2d, each_atleast_3d, meshgrid

TABLE = Table()

_MOST_CHOSEN = 64


@TABLE.imports("cat", "concat", "concatenate")
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Value:
    """Empty tensors of rank 1 are skipped, whatever the rank of the others, as PyTorch does for old programs."""
    values = _promoted(tensors)
    kept = [v for v in values if v.type.shape != (0,)] or values[:1]
    if kept[0].type.rank == 0:
        raise Unsupported("tensors without axes cannot be joined")
    return joined(kept, axis_of(dim, kept[0].type.rank))


def _promoted(tensors: Sequence[Tensor]) -> list[Value]:
    """The tensors in the dtype that holds all, whatever their ranks."""
    if not tensors:
        raise Unsupported("there are no tensors to join")
    dtype = tensors[0].dtype
    for x in tensors[1:]:
        dtype = promote(dtype, x.dtype)
    return [cast(x.value, dtype) for x in tensors]


@TABLE.imports("stack", "_stack")
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Value:
    values = _promoted(tensors)
    axis = axis_of(dim, values[0].type.rank + 1)
    rows = [reshape(v, (*v.type.shape[:axis], 1, *v.type.shape[axis:])) for v in values]
    return joined(rows, axis)


@TABLE.imports("hstack")
def hstack(tensors: Sequence[Tensor]) -> Value:
    tensors = each_atleast_1d(tensors)
    return cat(tensors, 0 if tensors and tensors[0].rank == 1 else 1)


@TABLE.imports("vstack", "row_stack")
def vstack(tensors: Sequence[Tensor]) -> Value:
    return cat(each_atleast_2d(tensors), 0)


@TABLE.imports("dstack")
def dstack(tensors: Sequence[Tensor]) -> Value:
    return cat(each_atleast_3d(tensors), 2)


@TABLE.imports("column_stack")
def column_stack(scope: Scope, tensors: Sequence[Tensor]) -> Value:
    return cat([scope.tensor(reshape(x.value, (x.elements, 1))) if x.rank < 2 else x for x in tensors], 1)


@TABLE.imports("repeat")
def repeat(self: Tensor, repeats: Sequence[Int]) -> Value:
    counts = known_dims(repeats, "how often it is repeated")
    added = len(counts) - self.rank
    if added < 0:
        raise Unsupported(f"{list(counts)} has fewer numbers than {self.type} has axes")
    x = reshape(self.value, (*(1,) * added, *self.shape))
    return x if all(c == 1 for c in counts) else tensor.Tile(x, counts).result


@TABLE.imports("tile")
def tile(self: Tensor, dims: Sequence[Int]) -> Value:
    return repeat(self, (*(1,) * (self.rank - len(dims)), *dims))


@TABLE.imports("repeat_interleave")
def repeat_interleave(self: Tensor, repeats: Int, dim: int | None = None, *, output_size: Int | None = None) -> Value:
    """Each element of an axis as often as ``repeats`` says."""
    count = known_dim(repeats, "how often it is repeated")
    x = flat(self.value) if dim is None or not self.rank else self.value
    axis = axis_of(dim or 0, x.type.rank)
    before, size, after = x.type.shape[:axis], x.type.shape[axis], x.type.shape[axis + 1 :]
    apart = tensor.Expand(reshape(x, (*before, size, 1, *after)), None, (*before, size, count, *after)).result
    return reshape(apart, (*before, size * count, *after))


@TABLE.imports("repeat_interleave")
def repeat_interleave_each(
    scope: Scope, self: Tensor, repeats: Tensor, dim: int | None = None, *, output_size: Int | None = None
) -> Value:
    """Each element of an axis as often as its entry of ``repeats`` says."""
    x = flat(self.value) if dim is None or not self.rank else self.value
    axis = axis_of(dim or 0, x.type.rank)
    counts = flat(repeats.value)
    if counts.type.shape == (1,):
        counts = tensor.Expand(counts, None, (x.type.shape[axis],)).result
    return tensor.Gather(x, _repeated_positions(scope, counts, output_size), axis).result


@TABLE.imports("repeat_interleave")
def repeated_positions(scope: Scope, repeats: Tensor, *, output_size: Int | None = None) -> Value:
    return cast(_repeated_positions(scope, repeats.value, output_size), repeats.dtype)


def _repeated_positions(scope: Scope, counts: Value, size: Int | None) -> Value:
    """Position i as often as ``counts[i]`` says: output j belongs to as many positions as end before it or at it."""
    counts = scope.insert(as_indices(counts))
    contents = scope.contents.of(counts)
    if contents is not None and all(isinstance(e, int) for e in contents.flat):
        require_small(int(contents.sum()), "the positions")
        return constant(np.repeat(np.arange(contents.size), contents.astype(np.int64)))
    counts = cast(counts, DType.I64)
    ends = math.CumSum(counts, 0).result
    total: Dim
    if size is None:
        total = scope.fresh_symbol()
        zero, one = (constant(np.array(i, np.int64)) for i in (0, 1))
        outputs = tensor.Range(zero, math.ReduceSum(counts, (0,)).result, one, total).result
    else:
        total = known_dim(size, "the size of the result")
        outputs = positions(total)
    is_past = math.LessEqual(reshape(ends, (1, *ends.type.shape)), reshape(outputs, (total, 1))).result
    return math.ReduceSum(cast(is_past, DType.I64), (1,)).result


@TABLE.imports("block_diag")
def block_diag(tensors: Sequence[Tensor]) -> Value:
    values = [v if v.type.rank == 2 else reshape(v, (1, v.type.elements)) for v in _promoted(tensors)]
    width: Dim = 0
    for v in values:
        width = width + v.type.shape[1]
    rows, before = [], 0 * width
    for v in values:
        after = width - before - v.type.shape[1]
        rows.append(tensor.Pad(v, None, (0, before), (0, after)).result)
        before = before + v.type.shape[1]
    return joined(rows, 0)


@TABLE.imports("cartesian_prod")
def cartesian_prod(tensors: Sequence[Tensor]) -> Value:
    if any(x.rank != 1 for x in tensors):
        raise Unsupported("it takes tensors of rank 1")
    if len(tensors) == 1:
        return tensors[0].value
    columns = [flat(x.value) for x in meshgrid(tensors)]
    return joined([reshape(c, (*c.type.shape, 1)) for c in columns], 1)


@TABLE.imports("combinations")
def combinations(self: Tensor, r: int = 2, with_replacement: bool = False) -> Value:
    size = self.elements
    if isinstance(size, SymInt) or self.rank != 1 or not 0 <= r <= _MOST_CHOSEN:
        raise Unsupported(f"choosing {r} elements of {self.type} needs a row of known size")
    require_small(comb(size + r, r) * r, "all choices")
    chosen = (choices_with_repetition if with_replacement else choices)(range(size), r)
    places = np.array(list(chosen), np.int64).reshape(-1, r) if r else np.zeros((0,), np.int64)
    return tensor.Gather(self.value, constant(places), 0).result


@TABLE.imports("kron")
def kron(self: Tensor, other: Tensor) -> Value:
    a, b = _promoted((self, other))
    rank = max(a.type.rank, b.type.rank)
    shapes = [((1,) * (rank - v.type.rank) + v.type.shape) for v in (a, b)]
    x = reshape(a, tuple(d for size in shapes[0] for d in (size, 1)))
    y = reshape(b, tuple(d for size in shapes[1] for d in (1, size)))
    return reshape(math.Mul(x, y).result, tuple(m * n for m, n in zip(*shapes, strict=True)))


@TABLE.imports("flatten_dense_tensors")
def flatten_dense_tensors(tensors: Sequence[Tensor]) -> Value:
    return joined([flat(v) for v in _promoted(tensors)], 0)


@TABLE.imports("unflatten_dense_tensors")
def unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    parts = []
    start: Dim = 0
    for x in tensors:
        parts.append(reshaped(part(flat, 0, start, x.elements), x.shape))
        start = start + x.elements
    return parts


@TABLE.imports("pad_sequence")
def pad_sequence(
    scope: Scope,
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Value:
    """Sequences [length, ...] side by side, filled up to the longest."""
    longest: Dim = 0
    for x in sequences:
        longest = dim_max(longest, x.shape[0])
    padded = []
    for x in sequences:
        amount = (0, longest - x.shape[0]) if padding_side == "right" else (longest - x.shape[0], 0)
        low, high = ((a, *(0,) * (x.rank - 1)) for a in amount)
        value = scope.scalar(padding_value, x.dtype) if padding_value else None
        padded.append(scope.tensor(tensor.Pad(x.value, value, low, high).result))
    return stack(padded, 0 if batch_first else 1)


@TABLE.imports("vander")
def vander(scope: Scope, x: Tensor, N: int | None = None, increasing: bool = False) -> Value:  # noqa: N803
    """The powers of each element, side by side."""
    count = x.elements if N is None else N
    if x.rank != 1 or not isinstance(count, int) or count < 1:
        raise Unsupported(f"how many powers of {x.type} it takes is not known")
    require_few(count, "the powers")
    column = reshape(x.value, (x.elements, 1))
    powers = [filled(scope, 1, x.dtype, (x.elements, 1))]
    for _ in range(1, count):
        powers.append(math.Mul(powers[-1], column).result)
    return joined(powers if increasing else powers[::-1], 1)
