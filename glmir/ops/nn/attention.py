"""Attention."""

import numpy as np

from ...dims import Dim, is_positive, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import Shape, TensorType
from ..inference import can_broadcast
from .arrays import widen


@op
class Attention(Op):
    """Values weighed by the softmax of scaled products of queries and keys, each head for itself

    Vaswani et al., "Attention Is All You Need", arXiv:1706.03762. A result is softmax(q k^T * scale + mask) v. q is
    [B, H, S, D], k [B, H, T, D], v [B, H, T, E] and the result [B, H, S, E]; or, with the ``heads`` side by side,
    q is [B, S, H * D], k [B, T, H * D], v [B, T, H * E] and the result [B, S, H * E]. ``mask`` broadcasts to
    [B, H, S, T].

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
        """the heads are as many as the second axis of rank 4, or divide the last one of rank 3"""
        if self.heads < 1:
            return False
        sizes = [x.type.shape[1 if x.type.rank == 4 else 2] for x in (self.q, self.k, self.v)]
        if self.q.type.rank == 4:
            return not any(known_different(size, self.heads) for size in sizes)
        return not any(known_different(size % self.heads, 0) for size in sizes)

    @constraint
    def shapes_agree(self) -> bool:
        """the batches agree, keys are as long as queries, and as many as values"""
        q, k, v = (split_shape(x.type.shape, self.heads) for x in (self.q, self.k, self.v))
        pairs = ((q[0], k[0]), (q[0], v[0]), (q[3], k[3]), (k[2], v[2]))
        return not any(known_different(a, b) for a, b in pairs)

    @constraint
    def mask_broadcasts(self) -> bool:
        """the mask broadcasts to [B, H, S, T]"""
        if self.mask is None:
            return True
        q, k = (split_shape(x.type.shape, self.heads) for x in (self.q, self.k))
        scores: Shape = (*q[:3], k[2])
        shape = self.mask.type.shape
        is_larger = any(is_positive(a - b) for a, b in zip(reversed(shape), reversed(scores), strict=False))
        return len(shape) <= 4 and can_broadcast(shape, scores) and not is_larger

    def infer(self) -> TensorType:
        return TensorType(self.q.type.dtype, (*self.q.type.shape[:-1], self.v.type.shape[-1]))

    def evaluate(self, q: Array, k: Array, v: Array, mask: Array | None) -> Array:
        queries, keys, values = (self._split(widen(x)) for x in (q, k, v))
        scores = np.matmul(queries, keys.swapaxes(2, 3)) * queries.dtype.type(self.scale)
        if mask is not None:
            scores = scores + widen(mask)
        powers = np.exp(scores - scores.max(axis=3, keepdims=True))
        y = np.matmul(powers / powers.sum(axis=3, keepdims=True), values)
        if q.ndim == 3:
            y = y.transpose(0, 2, 1, 3).reshape(*q.shape[:2], -1)
        return np.asarray(y).astype(q.dtype, copy=False)

    def _split(self, x: Array) -> Array:
        """``x`` as [B, H, rows, columns]."""
        if x.ndim == 4:
            return x
        return x.reshape(*x.shape[:2], self.heads, x.shape[2] // self.heads).transpose(0, 2, 1, 3)


def split_shape(shape: Shape, heads: int) -> tuple[Dim, Dim, Dim, Dim]:
    """[B, H, rows, columns] for queries, keys or values of either rank."""
    if len(shape) == 4:
        return shape[0], shape[1], shape[2], shape[3]
    return shape[0], heads, shape[1], shape[2] // heads
