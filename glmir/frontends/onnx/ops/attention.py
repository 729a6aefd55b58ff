"""Attention and rotary embeddings, as the standard has them since opset 23."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt

import numpy as np

from ....dims import Dim, is_nonnegative, known_equal
from ....ir import Value
from ....ops import math, nn, tensor
from ....types import DType
from ....weights import Weight
from ...heads import heads_apart, heads_side_by_side, lowest, repeated_heads
from ...values import MAX_CONSTANT, cast, constant, expand, joined, positions, reshape, size_of
from ..node import Imported, ImporterTable, Node, Unsupported, scalar
from .attention_parts import capped

TABLE = ImporterTable()

SCORES, CAPPED, MASKED, PROBABILITIES = range(4)
"""What the fourth output is, by qk_matmul_output_mode."""

_UNBOUNDED = -1


@TABLE.imports("Attention")
def _attention(node: Node) -> Imported:
    """The standard's text as corrected in 1.21: capped before it is masked, and nothing for who sees nothing."""
    form = _Form.of(node)
    mask = _Mask.of(node, form)
    mode = _mode(node)
    if _is_plain(node, form):
        y, shown = _fused(form, mask), None
    else:
        y, shown = _spelled_out(node, form, mask, mode)
    outputs = [y, form.present_k, form.present_v]
    return outputs if shown is None else [*outputs, shown]


def _mode(node: Node) -> int:
    """What the fourth output is.

    Before the standard was corrected 1 stood for masked scores and 2 for capped ones. Capped scores of a node that caps
    nothing are the scores, which 0 stands for: who asks for them by 1 means what 1 meant.
    """
    mode = node.int("qk_matmul_output_mode", SCORES)
    if mode not in range(4):
        raise Unsupported(f"its qk_matmul_output_mode {mode} is not one of 0 to 3")
    return MASKED if mode == CAPPED and not node.float("softcap", 0.0) else mode


@dataclass(frozen=True)
class _Form:
    """Queries, keys and values. ``q``, ``k`` and ``v`` are of rank 4, or of rank 3 with their heads side by side."""

    q: Value
    k: Value
    v: Value
    present_k: Value
    present_v: Value
    heads: int
    scale: float
    past: Dim
    is_flat: bool
    """Whether the result has its heads side by side."""

    @classmethod
    def of(cls, node: Node) -> "_Form":
        q, k, v = (node.operand(i) for i in range(3))
        past = [node.optional(4), node.optional(5)]
        is_flat = q.type.rank == 3
        if not q.type.rank == k.type.rank == v.type.rank or q.type.rank not in (3, 4):
            raise Unsupported(
                f"its queries, keys and values are {q.type}, {k.type} and {v.type}, not all of 3 or 4 axes"
            )
        if (past[0] is None) != (past[1] is None):
            raise Unsupported("it has a past of keys or of values, but not of both")
        heads, shared = _heads(node, q, k)
        split = [_heads_apart(x, n) for x, n in ((q, heads), (k, shared), (v, shared))]
        present = [x if before is None else joined([before, x], 2) for before, x in zip(past, split[1:], strict=True)]
        length = split[0].type.shape[3]
        scale = node.float("scale") if node.has("scale") else 1 / sqrt(_known(length, "the size of a query"))
        count: Dim = 0 if past[0] is None else past[0].type.shape[2]
        used = (q, k, v) if past[0] is None else (split[0], *present)
        values = cast(used[2], q.type.dtype)
        return cls(used[0], used[1], values, present[0], present[1], heads, scale, count, is_flat)

    @property
    def apart(self) -> tuple[Value, Value, Value]:
        """All of rank 4, with as many heads each."""
        own = _known(self.present_k.type.shape[1], "the number of heads")
        values = cast(self.present_v, self.q.type.dtype)
        keys, values = (repeated_heads(x, self.heads // own) for x in (self.present_k, values))
        return _heads_apart(self.q, self.heads), keys, values

    @property
    def sizes(self) -> tuple[Dim, Dim, Dim]:
        """The batch, the queries, and the keys with those of the past."""
        return self.q.type.shape[0], self.q.type.shape[-2], self.present_k.type.shape[2]


def _heads(node: Node, q: Value, k: Value) -> tuple[int, int]:
    """The heads of queries, and those of keys and values."""
    if q.type.rank == 4:
        heads, shared = (_known(x.type.shape[1], "the number of heads") for x in (q, k))
    else:
        heads, shared = node.int("q_num_heads"), node.int("kv_num_heads")
    if heads < 1 or shared < 1 or heads % shared:
        raise Unsupported(f"{shared} heads of keys do not divide {heads} heads of queries")
    return heads, shared


def _known(dim: Dim, what: str) -> int:
    if not isinstance(dim, int):
        raise Unsupported(f"{what} must be known, but it is {dim}")
    return dim


def _heads_apart(x: Value, heads: int) -> Value:
    """[B, rows, heads * columns] as [B, heads, rows, columns], which others are already"""
    return x if x.type.rank == 4 else heads_apart(x, heads)


def _is_plain(node: Node, form: _Form) -> bool:
    """Whether it is nothing but attention: no other softmax than that of its dtype, which halves widen for."""
    wide = (DType.F32,) if form.q.type.dtype in (DType.F16, DType.BF16) else (form.q.type.dtype,)
    is_usual = not node.has("softmax_precision") or node.dtype("softmax_precision") in wide
    return is_usual and not node.float("softcap", 0.0) and not node.wants_output(3)


def _fused(form: _Form, mask: "_Mask") -> Value:
    bias = mask.bias(form.q.type.dtype, lowest(form.q.type.dtype))
    y = nn.Attention(form.q, form.k, form.v, bias, form.heads, form.scale).result
    sees_any = mask.sees_any
    if sees_any is None:
        return heads_side_by_side(y) if form.is_flat and y.type.rank == 4 else y
    apart = _heads_apart(y, form.heads)
    y = math.Select(sees_any, apart, scalar(0, apart)).result
    return heads_side_by_side(y) if form.is_flat else y


def _spelled_out(node: Node, form: _Form, mask: "_Mask", mode: int) -> tuple[Value, Value]:
    """The result, and what the mode says of what came before it."""
    q, k, v = form.apart
    dtype = q.type.dtype
    stages = [math.MatMul(math.Mul(q, scalar(form.scale, q)).result, k, transpose_y=True).result]
    bent = capped(stages[0], node.float("softcap", 0.0))
    is_shown = mode == MASKED and node.wants_output(3)
    bias = mask.bias(dtype, -inf if is_shown else lowest(dtype))
    masked = bent if bias is None else math.Add(bent, bias).result
    precise = node.dtype("softmax_precision") if node.has("softmax_precision") else dtype
    weights = cast(nn.Softmax(cast(masked, precise), 3).result, dtype)
    if mask.sees_any is not None:
        weights = math.Select(mask.sees_any, weights, scalar(0, weights)).result
    y = math.MatMul(weights, v).result
    stages += [bent, masked, weights]
    return heads_side_by_side(y) if form.is_flat else y, stages[mode]


@dataclass(frozen=True)
class _Mask:
    """What is added to scores [B, H, S, T]: ``added``, where all of ``allowed`` hold."""

    added: Value | None
    allowed: tuple[Value, ...]
    may_hide_all: bool
    """Whether there may be queries that see no key."""

    @classmethod
    def of(cls, node: Node, form: _Form) -> "_Mask":
        given = node.optional(3)
        _, rows, columns = form.sizes
        frame = _Frame(rows, columns, form.past, node.optional(6))
        bounds = list(_bounds(node))
        allowed = [*frame.within(bounds), *frame.not_padded()]
        has_all_before = not bounds or (frame.lengths is None and is_nonnegative(form.past))
        may_hide_all = given is not None or frame.lengths is not None or not has_all_before
        if given is not None:
            given = _filled(given if given.type.rank else reshape(given, (1,)), columns)
        if given is not None and given.type.dtype is DType.BOOL:
            return cls(None, (given, *allowed), may_hide_all)
        return cls(given, tuple(allowed), may_hide_all)

    @property
    def sees_any(self) -> Value | None:
        """Whether a query sees any key, [..., 1]; None where all do."""
        if not self.may_hide_all:
            return None
        flags = list(self.allowed)
        if self.added is not None:
            is_hidden = math.Equal(self.added, scalar(-inf, self.added)).result
            flags.append(math.LogicalNot(is_hidden).result)
        together = _all(flags)
        if together is None:
            return None
        return math.ReduceAny(together, (together.type.rank - 1,), keep_dims=True).result

    def bias(self, dtype: DType, hidden: float) -> Value | None:
        """The whole as numbers; those that hide are ``hidden``."""
        low = constant(np.array(hidden, dtype.numpy))
        added = None if self.added is None else cast(self.added, dtype)
        if added is not None and hidden > -inf:
            added = math.Maximum(added, low).result
        together = _all(self.allowed)
        if together is None:
            return added
        return math.Select(together, constant(np.zeros((), dtype.numpy)) if added is None else added, low).result


def _all(flags: "list[Value] | tuple[Value, ...]") -> Value | None:
    if not flags:
        return None
    first, *others = flags
    for flag in others:
        first = math.LogicalAnd(first, flag).result
    return first


def _filled(mask: Value, columns: Dim) -> Value:
    """A mask that ends before the last key hides those behind it."""
    own = mask.type.shape[-1]
    # One that has a single column is broadcast, as any mask.
    if own == 1 or known_equal(own, columns):
        return mask
    fill = np.array(False) if mask.type.dtype is DType.BOOL else np.array(-inf, mask.type.dtype.numpy)
    low = (0,) * mask.type.rank
    return tensor.Pad(mask, constant(fill), low, (*low[1:], columns - own)).result


def _bounds(node: Node) -> Iterator[tuple[int, int]]:
    """(sign, distance): a query at p sees the key at j where sign * (j - p) is at most the distance."""
    if node.int("is_causal", 0):
        yield 1, 0
    for sign, name in ((-1, "left_window_size"), (1, "right_window_size")):
        distance = node.int(name, _UNBOUNDED)
        if distance < _UNBOUNDED:
            raise Unsupported(f"its {name} {distance} is less than -1")
        if distance != _UNBOUNDED:
            yield sign, distance


@dataclass(frozen=True)
class _Frame:
    """Where queries and keys stand: the first query behind ``past`` keys, or the last one at the end of ``lengths``."""

    rows: Dim
    columns: Dim
    past: Dim
    lengths: Value | None

    def within(self, bounds: list[tuple[int, int]]) -> Iterator[Value]:
        """For each bound which query sees which key, [S, T] or [B, 1, S, T]."""
        static = (self.rows, self.columns, self.past)
        for sign, distance in bounds:
            if self.lengths is None and all(isinstance(d, int) for d in static) and self._is_small:
                yield tensor.Constant(_seen(*(int(str(d)) for d in static), sign, distance)).result
            else:
                yield self._seen(sign, distance)

    @property
    def _is_small(self) -> bool:
        size = self.rows * self.columns
        return isinstance(size, int) and size <= MAX_CONSTANT

    def _seen(self, sign: int, distance: int) -> Value:
        at = reshape(positions(self.rows), (self.rows, 1))
        if self.lengths is None:
            at = math.Add(at, size_of(self.past)).result
        else:
            firsts = math.Sub(_by_sample(self.lengths), size_of(self.rows)).result
            at = math.Add(at, firsts).result
        keys, limit = positions(self.columns), constant(np.array(distance))
        ahead = math.Sub(keys, at).result if sign > 0 else math.Sub(at, keys).result
        return math.LessEqual(ahead, limit).result

    def not_padded(self) -> Iterator[Value]:
        """Which keys are none that fill up, [B, 1, 1, T]."""
        if self.lengths is not None:
            yield math.Less(positions(self.columns), _by_sample(self.lengths)).result


def _by_sample(x: Value) -> Value:
    return reshape(cast(x, DType.I64), (x.type.shape[0], 1, 1, 1))


@lru_cache(maxsize=16)
def _seen(rows: int, columns: int, past: int, sign: int, distance: int) -> Weight:
    """One weight for all layers of a model."""
    ahead = np.arange(columns) - (np.arange(rows)[:, None] + past)
    return Weight(sign * ahead <= distance)


@TABLE.imports("RotaryEmbedding")
def _rotary_embedding(node: Node) -> Imported:
    x, position_ids = node.operand(0), node.optional(3)
    heads = node.int("num_heads", 0)
    if x.type.rank not in (3, 4) or (x.type.rank == 3 and heads < 1):
        raise Unsupported(f"its operand {x.type} has neither four axes nor three and a number of heads")
    apart = _heads_apart(x, heads)
    size = _known(apart.type.shape[3], "the size of a head")
    columns = node.int("rotary_embedding_dim", 0) or size
    is_interleaved = bool(node.int("interleaved", 0))
    tables = [_table(node.operand(i), position_ids, columns, is_interleaved) for i in (1, 2)]
    y = nn.RotaryEmbedding(apart, cast(tables[0], x.type.dtype), cast(tables[1], x.type.dtype), columns, is_interleaved)
    return heads_side_by_side(y.result) if x.type.rank == 3 else y


def _table(cache: Value, position_ids: Value | None, columns: int, is_interleaved: bool) -> Value:
    """Cosines or sines, one for every column that is rotated: [B, 1, S, columns]"""
    angles = cache if position_ids is None else tensor.Gather(cache, cast(position_ids, DType.I64), 0).result
    if angles.type.rank != 3:
        raise Unsupported(f"its angles {angles.type} are not one list for each position of each sample")
    batch, rows, half = angles.type.shape
    if isinstance(half, int) and half * 2 != columns:
        raise Unsupported(f"it rotates {columns} columns by {half} angles")
    if is_interleaved:
        pairs = expand(reshape(angles, (batch, 1, rows, half, 1)), (batch, 1, rows, half, 2))
        return reshape(pairs, (batch, 1, rows, columns))
    return joined([reshape(angles, (batch, 1, rows, half))] * 2, 3)
