"""Packed sequences: samples of different lengths in one batch.

PyTorch packs a batch [T, B, …] into the rows that count, those of step 0 for all samples, then those of step 1 for the
samples that are longer than 1, and so on. Recurrent layers take the padded batch and the lengths instead: a
``PackedTensor`` keeps both. Its own value is the rows; it costs nothing unless something else looks at them.
"""

from dataclasses import dataclass

import numpy as np

from ....dims import Dim, SymInt, dim_max, known_equal
from ....ir import Value
from ....ops import math, tensor
from ....types import DType
from ...layers import scalar
from ..building import positions
from ..registry import Table
from ..scalars import Int, Number
from ..scope import Scope, cast, constant, known_dim, known_float, reshape
from ..tensors import Storage, Tensor, Unsupported
from ..work import require_small

TABLE = Table()


@dataclass(frozen=True)
class Padding:
    """The batch that was packed: x [T, B, …], the samples' lengths, i64 [B], and the longest of them, i64 []."""

    x: Value
    lengths: Value
    longest: Value
    longest_dim: Dim
    is_zero_padded: bool

    def is_inside(self, scope: Scope) -> Value:
        """[T, B]: whether the step is one of the sample's."""
        time, batch = self.x.type.shape[:2]
        steps = reshape(positions(time), (time, 1))
        return math.Less(steps, reshape(self.lengths, (1, batch))).result


@dataclass(eq=False)
class PackedTensor(Tensor):
    """The rows of a packed batch, and the batch."""

    padding: Padding | None = None


def pack(scope: Scope, padding: Padding) -> PackedTensor:
    """The rows of the batch that count: [rows, …]."""
    x = padding.x
    places = _places(scope, padding)
    rows = tensor.GatherNd(x, tensor.Transpose(places, (1, 0)).result).result
    return PackedTensor(Storage(scope.insert(rows), scope), padding=padding)


def _places(scope: Scope, padding: Padding) -> Value:
    """[2, rows]: step and sample of each row."""
    return tensor.NonZero(padding.is_inside(scope), scope.fresh_symbol()).result


def padding_of(data: Tensor) -> Padding:
    """The batch behind packed rows; raises Unsupported when the rows are not as they were packed."""
    if not isinstance(data, PackedTensor) or data.padding is None:
        raise Unsupported("its packed sequence was changed, or was not made by pack_padded_sequence")
    return data.padding


@TABLE.imports("_pack_padded_sequence")
def pack_padded_sequence(scope: Scope, input: Tensor, lengths: Tensor, batch_first: bool) -> tuple[Tensor, Value]:
    x, counts = input.value, cast(lengths.value, DType.I64)
    if batch_first:
        x = tensor.Transpose(x, (1, 0, *range(2, x.type.rank))).result
    scope.insert_all((x, counts))
    longest_dim, longest = _longest(scope, counts)
    padding = Padding(x, counts, longest, longest_dim, False)
    return pack(scope, padding), _batch_sizes(scope, padding)


def _longest(scope: Scope, lengths: Value) -> tuple[Dim, Value]:
    contents = scope.contents.of(lengths)
    known = [] if contents is None else contents.reshape(-1).tolist()
    if known and all(isinstance(d, int | SymInt) for d in known):
        longest: Dim = known[0]
        for length in known[1:]:
            longest = dim_max(longest, length)
        return longest, scope.insert(scope.scalar(longest, DType.I64))
    value = scope.insert(math.ReduceMax(lengths, (0,)).result)
    return scope.fresh_symbol(), value


def _batch_sizes(scope: Scope, padding: Padding) -> Value:
    """How many samples take part in each step, i64 [longest]. In the first all do: PyTorch refuses empty samples."""
    batch, size = padding.x.type.shape[1], padding.longest_dim
    if isinstance(size, int):
        require_small(size, "the steps")
        steps = constant(np.arange(size))
    else:
        zero, one = constant(np.array(0, np.int64)), constant(np.array(1, np.int64))
        steps = tensor.Range(zero, padding.longest, one, size).result
    takes_part = math.Greater(reshape(padding.lengths, (1, batch)), reshape(steps, (size, 1))).result
    counts = math.ReduceSum(cast(takes_part, DType.I64), (1,)).result
    later = tensor.Slice(counts, (1,), (size - 1,), (1,)).result
    return tensor.Concat((scope.vector((batch,)), later), 0).result


@TABLE.imports("_pad_packed_sequence")
def pad_packed_sequence(
    scope: Scope, data: Tensor, batch_sizes: Tensor, batch_first: bool, padding_value: Number, total_length: Int
) -> tuple[Value, Value]:
    padding = padding_of(data)
    y, filler = padding.x, known_float(padding_value, "the padding value")
    if filler or not padding.is_zero_padded:
        inside = padding.is_inside(scope)
        column = reshape(inside, (*inside.type.shape, *(1,) * (y.type.rank - 2)))
        y = math.Select(column, y, scalar(filler, y)).result
    length = known_dim(total_length, "the length that it pads to")
    if isinstance(length, int) and length <= 0:
        length = padding.longest_dim
    y = _with_length(y, padding, length, filler)
    return tensor.Transpose(y, (1, 0, *range(2, y.type.rank))).result if batch_first else y, padding.lengths


def _with_length(y: Value, padding: Padding, length: Dim, filler: float) -> Value:
    """y with so many steps: those behind the longest sample's are padding, so they may go or come."""
    time, *rest = y.type.shape
    if known_equal(length, time):
        return y
    if known_equal(length, padding.longest_dim):
        if isinstance(length, int):
            steps = (1,) * y.type.rank
            return tensor.Slice(y, (0,) * y.type.rank, (length, *rest), steps).result
        start, end = constant(np.array([0], np.int64)), reshape(padding.longest, (1,))
        return tensor.DynamicSlice(y, start, end, (0,), (1,), (length, *rest)).result
    if isinstance(length, SymInt) or isinstance(time, SymInt):
        raise Unsupported(f"it pads {time} steps to {length}")
    if length < time:
        return tensor.Slice(y, (0,) * y.type.rank, (length, *rest), (1,) * y.type.rank).result
    none = (0,) * len(rest)
    return tensor.Pad(y, scalar(filler, y), (0, *none), (length - time, *none)).result
