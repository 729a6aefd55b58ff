"""Attention."""

import numpy as np

from ...dims import is_positive, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import Shape, TensorType
from ..inference import can_broadcast
from .arrays import widen


@op
class Attention(Op):
    """Values weighed by the softmax of scaled products of queries and keys, each head for itself

    Vaswani et al., "Attention Is All You Need", arXiv:1706.03762. A result is softmax(q k^T * scale + mask) v. q is
    [B, H, S, D], k [B, K, T, D], v [B, K, T, E] and the result [B, H, S, E]; or, with the ``heads`` side by side,
    q is [B, S, H * D], k [B, T, K * D], v [B, T, K * E] and the result [B, S, H * E]. ``mask`` broadcasts to
    [B, H, S, T]. K is H or divides it: H / K heads of queries in a row then share one of keys and values (Ainslie et
    al., "GQA", arXiv:2305.13245).

    ```
    %y = nn.attention(%q: f32[b, s, 8], %k: f32[b, 5, 8], %v: f32[b, 5, 6], %m: f32[s, 5])
        {heads = 2, scale = 0.5} : f32[b, s, 6]
    ```
    """

    q: Value
    k: Value
    v: Value
    mask: Value | None
    heads: int
    scale: float

    @constraint
    def dtypes_agree(self) -> bool:
        """all operands have the same float dtype"""
        return len({x.type.dtype for x in self.operands}) == 1 and self.q.type.dtype.is_float

    @constraint
    def ranks_agree(self) -> bool:
        """q, k and v have the same rank, 3 or 4"""
        return self.q.type.rank in (3, 4) and self.q.type.rank == self.k.type.rank == self.v.type.rank

    @constraint
    def heads_fit(self) -> bool:
        """the heads are as many as the second axis of q of rank 4, or divide the last one of rank 3"""
        if self.heads < 1:
            return False
        if self.q.type.rank == 4:
            return not known_different(self.q.type.shape[1], self.heads)
        return not known_different(self.q.type.shape[2] % self.heads, 0)

    @constraint
    def shared_heads_fit(self) -> bool:
        """keys and values have equally many heads, which divide those of the queries"""
        own, (q, k, v) = self.shared_heads, (x.type.shape for x in (self.q, self.k, self.v))
        if own < 1 or self.heads % own != 0:
            return False
        if self.q.type.rank == 4:
            return not known_different(k[1], v[1])
        return not known_different(k[2] * self.heads, q[2] * own) and not known_different(v[2] % own, 0)

    @constraint
    def shapes_agree(self) -> bool:
        """the batches agree, keys are as long as queries, and as many as values"""
        q, k, v = self.split_shapes
        pairs = ((q[0], k[0]), (q[0], v[0]), (q[3], k[3]), (k[2], v[2]))
        return not any(known_different(a, b) for a, b in pairs)

    @constraint
    def mask_broadcasts(self) -> bool:
        """the mask broadcasts to [B, H, S, T]"""
        if self.mask is None:
            return True
        q, k, _ = self.split_shapes
        scores: Shape = (*q[:3], k[2])
        shape = self.mask.type.shape
        is_larger = any(is_positive(a - b) for a, b in zip(reversed(shape), reversed(scores), strict=False))
        return len(shape) <= 4 and can_broadcast(shape, scores) and not is_larger

    @property
    def shared_heads(self) -> int:
        """The heads of keys and values; those of the queries where the sizes do not tell."""
        if self.q.type.rank == 4:
            own = self.k.type.shape[1]
            return own if isinstance(own, int) else self.heads
        columns, own = self.q.type.shape[2], self.k.type.shape[2]
        if not isinstance(columns, int) or not isinstance(own, int) or columns < self.heads:
            return self.heads
        return own // (columns // self.heads)

    @property
    def split_shapes(self) -> tuple[Shape, Shape, Shape]:
        """[B, H or K, rows, columns of a head] of queries, keys and values."""
        q, k, v = (x.type.shape for x in (self.q, self.k, self.v))
        if len(q) == 4:
            return q, k, v
        own = self.shared_heads
        return _split(q, self.heads), _split(k, own), _split(v, own)

    def infer(self) -> TensorType:
        last = self.v.type.shape[-1]
        if self.q.type.rank == 3 and self.shared_heads != self.heads:
            last = last // self.shared_heads * self.heads
        return TensorType(self.q.type.dtype, (*self.q.type.shape[:-1], last))

    def evaluate(self, q: Array, k: Array, v: Array, mask: Array | None) -> Array:
        own = k.shape[1] if k.ndim == 4 else k.shape[2] // (q.shape[2] // self.heads)
        queries = _heads_apart(widen(q), self.heads)
        keys, values = (np.repeat(_heads_apart(widen(x), own), self.heads // own, axis=1) for x in (k, v))
        scores = np.matmul(queries, keys.swapaxes(2, 3)) * queries.dtype.type(self.scale)
        if mask is not None:
            scores = scores + widen(mask)
        powers = np.exp(scores - scores.max(axis=3, keepdims=True))
        y = np.matmul(powers / powers.sum(axis=3, keepdims=True), values)
        if q.ndim == 3:
            y = y.transpose(0, 2, 1, 3).reshape(*q.shape[:2], -1)
        return np.asarray(y).astype(q.dtype, copy=False)


def _heads_apart(x: Array, heads: int) -> Array:
    """``x`` as [B, H, rows, columns]."""
    if x.ndim == 4:
        return x
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads).transpose(0, 2, 1, 3)


def _split(shape: Shape, heads: int) -> Shape:
    batch, rows, columns = shape
    return batch, heads, rows, columns // heads
