"""Rotary embedding of positions."""

import numpy as np

from ...dims import known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import TensorType
from ..inference import can_broadcast
from .arrays import widen


@op
class RotaryEmbedding(Op):
    """x with pairs of its columns rotated by angles, of which the cosines and sines are given

    Su et al., "RoFormer", arXiv:2104.09864. Of the first ``columns`` of x, [..., S, D], every pair (a, b) becomes
    (a * cos - b * sin, b * cos + a * sin); the others stay as they are. A pair is a column of the first half of those
    and the one in its place in the second half, or, ``interleaved``, two in a row. ``cos`` and ``sin``,
    [..., S, columns], broadcast to the rotated columns: each column has numbers of its own.

    ```
    %y = nn.rotary_embedding(%x: f32[b, 2, s, 6], %c: f32[s, 4], %d: f32[s, 4])
        {columns = 4, interleaved = false} : f32[b, 2, s, 6]
    ```
    """

    x: Value
    cos: Value
    sin: Value
    columns: int
    interleaved: bool

    @constraint
    def dtypes_agree(self) -> bool:
        """all operands have the same float dtype"""
        return len({value.type.dtype for value in self.operands}) == 1 and self.x.type.dtype.is_float

    @constraint
    def columns_are_pairs(self) -> bool:
        """the rotated columns are an even number, and x has them"""
        last = self.x.type.shape[-1] if self.x.type.rank else 0
        has_them = not isinstance(last, int) or self.columns <= last
        return self.columns > 0 and self.columns % 2 == 0 and has_them and self.x.type.rank > 0

    @constraint
    def tables_broadcast(self) -> bool:
        """cos and sin have as many columns as are rotated, and broadcast to them"""
        rotated = (*self.x.type.shape[:-1], self.columns)
        for shape in (self.cos.type.shape, self.sin.type.shape):
            if not 1 <= len(shape) <= len(rotated) or known_different(shape[-1], self.columns):
                return False
            if not can_broadcast(shape, rotated):
                return False
        return True

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)

    def evaluate(self, x: Array, cos: Array, sin: Array) -> Array:
        wide = widen(x)
        part = wide[..., : self.columns]
        turned = np.empty_like(part)
        half = self.columns // 2
        first, second = (
            (np.s_[..., ::2], np.s_[..., 1::2]) if self.interleaved else (np.s_[..., :half], np.s_[..., half:])
        )
        turned[first], turned[second] = -part[second], part[first]
        rotated = part * widen(cos) + turned * widen(sin)
        return np.concatenate([rotated, wide[..., self.columns :]], axis=-1).astype(x.dtype, copy=False)
