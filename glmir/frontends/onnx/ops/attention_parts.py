"""What onnxruntime's attention operators have in common: heads, masks, caches and the products themselves."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from ....dims import Dim, known_equal
from ....ir import Value
from ....ops import math, nn, tensor
from ....types import DType
from ...heads import lowest, repeated_heads
from ...values import constant, expand, joined, positions, reshape, size_of
from ..node import Node, Unsupported, scalar

MASKED = -10000.0
"""What onnxruntime adds to a score that a mask hides, unless the node says otherwise."""

MAX_MASK = 1 << 20
"""The elements of the largest causal mask that becomes a constant; a larger one is computed by the model."""


def scale_of(node: Node, size: Dim) -> float:
    """The attribute ``scale``; where that is missing or 0, 1 / sqrt(size of a head)."""
    scale = node.float("scale", 0.0)
    if scale:
        return scale
    if not isinstance(size, int):
        raise Unsupported(f"its scale is not given, and the size of a head, {size}, is not known")
    return 1 / sqrt(size)


def hidden_where(is_hidden: Value, dtype: DType, masked: float) -> Value:
    """``masked`` where true, 0 elsewhere."""
    hides, shows = (constant(np.array(number).astype(dtype.numpy)) for number in (masked, 0))
    return math.Select(is_hidden, hides, shows).result


def capped(scores: Value, cap: float) -> Value:
    """cap * tanh(scores / cap); the scores themselves for a cap of 0."""
    if not cap:
        return scores
    bent = math.Tanh(math.Mul(scores, scalar(1 / cap, scores)).result).result
    return math.Mul(bent, scalar(cap, bent)).result


def later_keys(rows: Dim, columns: Dim, past: Dim, dtype: DType) -> Value:
    """[rows, columns], hiding the keys behind each query, of which the first one is at ``past``."""
    if isinstance(rows, int) and isinstance(columns, int) and isinstance(past, int) and rows * columns <= MAX_MASK:
        mask = np.triu(np.full((rows, columns), lowest(dtype)), past + 1)
        return constant(mask.astype(dtype.numpy))
    places = reshape(positions(rows), (rows, 1))
    if past != 0:
        places = math.Add(places, size_of(past)).result
    return hidden_where(math.Greater(positions(columns), places).result, dtype, lowest(dtype))


def padding_mask(mask: Value, batch: Dim, columns: Dim, dtype: DType, masked: float) -> Value:
    """What a mask of integers adds to scores [B, H, S, T]: ``masked`` for a key, or a query's key, that it hides.

    [B, T], [B, S, T] and [B, 1, S, T] hold 0 for what is hidden; [B] holds the number of keys of each sequence,
    [2 B] the ends of all and then their begins, [3 B + 2] their numbers first.
    """
    shape = mask.type.shape
    if len(shape) == 1:
        return _by_lengths(mask, batch, columns, dtype, masked)
    if len(shape) == 2:
        mask = reshape(mask, (shape[0], 1, 1, shape[1]))
    elif len(shape) == 3:
        mask = reshape(mask, (shape[0], 1, *shape[1:]))
    elif len(shape) != 4:
        raise Unsupported(f"the form of its mask {mask.type} is not known")
    return hidden_where(math.LessEqual(mask, scalar(0, mask)).result, dtype, masked)


def _by_lengths(mask: Value, batch: Dim, columns: Dim, dtype: DType, masked: float) -> Value:
    count = mask.type.shape[0]
    forms = [n for n, size in ((1, batch), (2, 2 * batch), (3, 3 * batch + 2)) if known_equal(count, size)]
    if not forms:
        raise Unsupported(f"which form its mask {mask.type} has for a batch of {batch} is not known")
    ends = tensor.Slice(mask, (0,), (batch,), (1,)).result if forms[0] > 1 else mask
    places = reshape(positions(columns, mask.type.dtype), (1, 1, 1, columns))
    is_hidden = math.GreaterEqual(places, reshape(ends, (batch, 1, 1, 1))).result
    if forms[0] == 2:
        begins = reshape(tensor.Slice(mask, (batch,), (batch,), (1,)).result, (batch, 1, 1, 1))
        is_hidden = math.LogicalOr(is_hidden, math.Less(places, begins).result).result
    return hidden_where(is_hidden, dtype, masked)


def summed(masks: list[Value | None]) -> Value | None:
    """The sum of what masks add; None if there are none."""
    total: Value | None = None
    for mask in masks:
        if mask is not None:
            total = mask if total is None else math.Add(total, mask).result
    return total


def _for_all(x: Value, heads: int) -> Value:
    """[B, K, T, D] with as many heads as the queries have."""
    own = x.type.shape[1]
    if own == heads or not isinstance(own, int):
        return x
    if heads % own:
        raise Unsupported(f"{own} heads of keys do not divide {heads} heads of queries")
    return repeated_heads(x, heads // own)


@dataclass
class Products:
    """Attention in its parts: for what the fused op has no place for. q, k and v are [B, H, S or T, D]."""

    scores: Value
    """The scaled products with the masks."""
    weights: Value
    result: Value


def in_parts(
    q: Value, k: Value, v: Value, mask: Value | None, scale: float, softcap: float = 0, sink: Value | None = None
) -> Products:
    """softmax(softcap * tanh(q k^T * scale / softcap) + mask) v; ``sink``, by head, takes part in the softmax only."""
    heads = q.type.shape[1]
    if not isinstance(heads, int):
        raise Unsupported(f"the number of heads of {q.type} is not known")
    products = math.MatMul(q, _for_all(k, heads), transpose_y=True).result
    scores = capped(math.Mul(products, scalar(scale, products)).result, softcap)
    scores = scores if mask is None else math.Add(scores, mask).result
    weights = _softmax(scores, sink)
    return Products(scores, weights, math.MatMul(weights, _for_all(v, heads)).result)


def _softmax(scores: Value, sink: Value | None) -> Value:
    if sink is None:
        return nn.Softmax(scores, 3).result
    *lead, columns = scores.type.shape
    beside = expand(reshape(sink, (1, sink.type.elements, 1, 1)), (*lead, 1))
    weights = nn.Softmax(joined([scores, beside], 3), 3).result
    return tensor.Slice(weights, (0,) * 4, (*lead, columns), (1,) * 4).result
