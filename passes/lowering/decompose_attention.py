"""decompose-attention: attention as matrix products around a softmax, in the form that costs least.

Heads of queries that share keys and values become rows of one product: nothing is repeated.
"""

from ...ir import Module, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..fusion.fuse_attention import without_repeats
from .building import drop_axis, folded_reshape, scalar

DECOMPOSITIONS = RuleSet()
"""What a legalisation needs, too."""


@module_pass()
def decompose_attention(module: Module) -> bool:
    """Makes products, sums and a softmax of attention."""
    return apply_rules(module, RULES)


@DECOMPOSITIONS.on(nn.Attention)
def attention_as_products(op: nn.Attention) -> Value:
    """attention(q, k, v, mask) -> matmul(softmax(matmul(q * scale, transpose(k)) + mask), v)"""
    if op.q.type.rank == 3 and op.heads == 1:
        return _attended(op, op.q, op.k, op.v, _without_heads(op.mask))
    own = op.shared_heads
    q, k, v = _heads_apart(op.q, op.heads), _heads_apart(op.k, own), _heads_apart(op.v, own)
    weighed = _attended(op, q, k, v, op.mask) if own == op.heads else _attended_in_groups(op, q, k, v)
    if op.q.type.rank == 4:
        return weighed
    return folded_reshape(tensor.Transpose(weighed, (0, 2, 1, 3)).result, op.result.type.shape)


RULES = RuleSet(DECOMPOSITIONS)


@RULES.on(math.MatMul)
def product_of_repeated_heads(op: math.MatMul) -> Value | None:
    """matmul(x, repeat(y)) -> reshape(matmul(reshape(x), y)): heads that share y are rows of one product"""
    # What became attention is asked before this; scores that are capped, say, did not.
    if op.x.type.rank != 4 or op.y.type.rank != 4 or op.transpose_x or not op.y.has_one_use:
        return None
    y = without_repeats(op.y, 1)
    batch, heads, rows, columns = op.x.type.shape
    if y is None or op.y.type.shape[:2] != (batch, heads) or y.type.shape[0] != batch or not isinstance(heads, int):
        return None
    own = y.type.shape[1]
    if not isinstance(own, int) or not 0 < own < heads:
        return None
    together = folded_reshape(op.x, (batch, own, heads // own * rows, columns))
    return folded_reshape(math.MatMul(together, y, transpose_y=op.transpose_y).result, op.result.type.shape)


def _attended(op: nn.Attention, q: Value, k: Value, v: Value, mask: Value | None) -> Value:
    scores = _product(_scaled(q, op.scale), k, transpose_y=True)
    if mask is not None:
        scores = math.Add(scores, mask).result
    return _product(nn.Softmax(scores, scores.type.rank - 1).result, v, transpose_y=False)


def _attended_in_groups(op: nn.Attention, q: Value, k: Value, v: Value) -> Value:
    """The same where several heads of q, [B, H, S, D], share each of k and v, [B, K, T, D]."""
    batch, heads, rows, columns = q.type.shape
    own = op.shared_heads
    together = op.heads // own * rows
    grouped = folded_reshape(_scaled(q, op.scale), (batch, own, together, columns))
    scores = _product(grouped, k, transpose_y=True)
    shape = scores.type.shape
    if op.mask is not None and any(d != 1 for d in op.mask.type.shape[-3:-1]):
        masked = math.Add(folded_reshape(scores, (batch, heads, rows, shape[3])), op.mask).result
        scores = folded_reshape(masked, shape)
    elif op.mask is not None:
        scores = math.Add(scores, op.mask).result
    y = _product(nn.Softmax(scores, 3).result, v, transpose_y=False)
    return folded_reshape(y, (batch, heads, rows, y.type.shape[3]))


def _product(x: Value, y: Value, transpose_y: bool) -> Value:
    """x y, or x y^T; a product reads an operand transposed, which so need not be."""
    rank = y.type.rank
    match y.owner:
        case tensor.Transpose(x=source, permutation=order) if order == (*range(rank - 2), rank - 1, rank - 2):
            return math.MatMul(x, source, transpose_y=not transpose_y).result
    return math.MatMul(x, y, transpose_y=transpose_y).result


def _scaled(q: Value, scale: float) -> Value:
    """``q * scale``, the number where it may reach the weights: before columns are rotated."""
    if scale == 1:
        return q
    match q.owner:
        case nn.RotaryEmbedding(x=x) as rotary if q.has_one_use:
            return replace(rotary, x=_scaled(x, scale)).result
        case tensor.Transpose(x=Value(owner=nn.RotaryEmbedding()) as rotated) as move if q.has_one_use:
            return replace(move, x=_scaled(rotated, scale)).result
    return math.Mul(q, scalar(scale, q)).result


def _without_heads(mask: Value | None) -> Value | None:
    """The mask for [B, S, T] when there is one head."""
    return mask if mask is None or mask.type.rank < 4 else drop_axis(mask, 1)


def _heads_apart(x: Value, heads: int) -> Value:
    """Queries, keys or values as [B, H, rows, columns]."""
    if x.type.rank == 4:
        return x
    batch, rows, columns = x.type.shape
    return tensor.Transpose(folded_reshape(x, (batch, rows, heads, columns // heads)), (0, 2, 1, 3)).result
