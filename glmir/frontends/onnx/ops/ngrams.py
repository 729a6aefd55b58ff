"""TfIdfVectorizer: how often each n-gram of a vocabulary is in a row of integers."""

from collections.abc import Iterator

import numpy as np

from ....dims import Dim
from ....ir import Array, Value
from ....ops import math, tensor
from ....types import DType
from ...values import constant, joined, reshape, sliced
from ..node import Imported, ImporterTable, Node, Unsupported

TABLE = ImporterTable()


@TABLE.imports("TfIdfVectorizer")
def _tf_idf_vectorizer(node: Node) -> Imported:
    x, mode = node.operand(0), node.string("mode")
    if node.has("pool_strings") or not x.type.dtype.is_integer:
        raise Unsupported("its n-grams are of strings, of which there are no tensors here; look tokens up outside")
    if mode not in ("TF", "IDF", "TFIDF"):
        raise Unsupported(f"its mode {mode} is none of TF, IDF and TFIDF")
    if x.type.rank not in (1, 2):
        raise Unsupported(f"its rows of integers are {x.type}, neither one row nor several")
    columns = np.array(node.ints("ngram_indexes"), np.int64)
    rows = x if x.type.rank == 2 else reshape(x, (1, *x.type.shape))
    parts = list(_vocabulary(node, len(columns)))
    width = int(columns.max()) + 1
    if parts:
        places = np.concatenate([places for places, _ in parts])
        weights = np.array(node.floats("weights", ()), np.float32)
        if 0 < len(weights) < len(columns):
            raise Unsupported(f"it has {len(weights)} weights for {len(columns)} n-grams")
        found = joined([_occurrences(rows, grams, node) for _, grams in parts], 1)
        y = _by_column(_weighed(found, mode, weights[places] if len(weights) else None), columns[places], width)
    else:
        y = tensor.Expand(constant(np.zeros((), np.float32)), None, (rows.type.shape[0], width)).result
    return y if x.type.rank == 2 else reshape(y, y.type.shape[1:])


def _vocabulary(node: Node, total: int) -> Iterator[tuple[Array, Array]]:
    """For each length that counts: the places in the vocabulary, and the n-grams [G, n]; of equal ones the last."""
    pool, begins = node.ints("pool_int64s"), node.ints("ngram_counts")
    lengths = range(node.int("min_gram_length"), node.int("max_gram_length") + 1)
    place = 0
    for n, (begin, end) in enumerate(zip(begins, (*begins[1:], len(pool)), strict=True), start=1):
        count = (end - begin) // n
        if place + count > total:
            raise Unsupported("its vocabulary has more n-grams than ngram_indexes")
        if count > 0 and n in lengths:
            grams = np.array(pool[begin : begin + count * n], np.int64).reshape(count, n)
            last = {tuple(gram): i for i, gram in enumerate(grams.tolist())}
            kept = sorted(last.values())
            yield place + np.array(kept, np.int64), grams[kept]
        place += max(count, 0)


def _occurrences(rows: Value, grams: Array, node: Node) -> Value:
    """How often each of the n-grams [G, n] is in the rows [B, C], over all distances of its items: f32[B, G]"""
    size = rows.type.shape[1]
    length = grams.shape[1]
    distances = range(1, node.int("max_skip_count") + 2) if length > 1 else range(1, 2)
    # Behind a row stands what is in no n-gram: so there are windows from every place on.
    behind = constant(np.array(_not_in(grams, rows.type.dtype), rows.type.dtype.numpy))
    padded = tensor.Pad(rows, behind, (0, 0), (0, distances[-1] * (length - 1))).result
    total: Value | None = None
    for distance in distances:
        hits = _hits(padded, grams, distance, size)
        total = hits if total is None else math.Add(total, hits).result
    assert total is not None
    return total


def _hits(padded: Value, grams: Array, distance: int, size: Dim) -> Value:
    batch, dtype = padded.type.shape[0], padded.type.dtype.numpy
    matches: Value | None = None
    for place, items in enumerate(grams.T):
        window = reshape(sliced(padded, 1, place * distance, size), (batch, size, 1))
        is_item = math.Equal(window, constant(items.astype(dtype))).result
        matches = is_item if matches is None else math.LogicalAnd(matches, is_item).result
    assert matches is not None
    return math.ReduceSum(tensor.Cast(matches, DType.F32).result, (1,)).result


def _not_in(grams: Array, dtype: DType) -> int:
    """A number that is in none of the n-grams."""
    items = set(grams.ravel().tolist())
    number = int(max(items)) + 1
    return number if number <= dtype.highest else next(i for i in range(int(dtype.lowest), number) if i not in items)


def _by_column(counts: Value, columns: Array, width: int) -> Value:
    """The sums of those counts [B, G] that ``columns`` [G] sends to the same column."""
    grams = counts.type.shape[1]
    assert isinstance(grams, int)
    with_none = tensor.Pad(counts, None, (0, 0), (0, 1)).result
    total: Value | None = None
    for sources in _rounds(columns, width, grams):
        part = tensor.Gather(with_none, constant(sources), 1).result
        total = part if total is None else math.Add(total, part).result
    assert total is not None
    return total


def _rounds(columns: Array, width: int, none: int) -> Iterator[Array]:
    """For each column a place that goes there, or ``none``, until all places have had their turn."""
    waiting = list(enumerate(columns.tolist()))
    while waiting:
        sources = np.full(width, none, np.int64)
        later = []
        for place, column in waiting:
            if sources[column] == none:
                sources[column] = place
            else:
                later.append((place, column))
        waiting = later
        yield sources


def _weighed(counts: Value, mode: str, weights: Array | None) -> Value:
    """The counts [B, G] as the mode has them; ``weights`` [G] are those of the n-grams."""
    if mode == "IDF":
        counts = math.Minimum(counts, constant(np.array(1, np.float32))).result
    return counts if mode == "TF" or weights is None else math.Mul(counts, constant(weights)).result
