"""Scaled dot product attention, and the layers that PyTorch fuses around it."""

from functools import lru_cache
from math import sqrt

import numpy as np

from ....dims import Dim, known_different, product
from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.enums import GeluForm
from ....ops.inference import broadcast
from ....types import DType, Shape
from ....weights import Weight
from ...heads import heads_apart, heads_side_by_side, lowest, repeated_heads
from ...layers import scalar
from ..registry import Table
from ..scope import Scope, cast, constant, expand, known_int, reshape
from ..tensors import Tensor, Unsupported
from ..work import require_small
from .linear import linear_layer

TABLE = Table()


@lru_cache(maxsize=16)
def _triangle(rows: int, columns: int, dtype: DType) -> Weight:
    """0 up to the diagonal, the lowest number right of it; one weight for all layers of a model."""
    require_small(rows * columns, "the mask")
    return Weight(np.triu(np.full((rows, columns), lowest(dtype), dtype.numpy), 1))


def _causal_mask(scope: Scope, rows: Dim, columns: Dim, dtype: DType) -> Value:
    if isinstance(rows, int) and isinstance(columns, int):
        return scope.weight(_triangle(rows, columns, dtype))
    at_row = reshape(_counted(rows), (rows, 1))
    is_later = math.Greater(_counted(columns), at_row).result
    return math.Select(is_later, constant(np.array(lowest(dtype), dtype.numpy)), scalar_zero(dtype)).result


def scalar_zero(dtype: DType) -> Value:
    return constant(np.zeros((), dtype.numpy))


def _counted(size: Dim) -> Value:
    """0, 1, 2, … as i64[size]."""
    limit = reshape(tensor.Dims((size,)).result, ())
    return tensor.Range(constant(np.array(0, np.int64)), limit, constant(np.array(1, np.int64)), size).result


def attend(
    scope: Scope, q: Value, k: Value, v: Value, mask: Value | None, is_causal: bool, scale: float | None
) -> Value:
    """softmax(q k^T * scale + mask) v for q [..., L, E], k [..., S, E], v [..., S, F]; a bool mask is true where a
    query sees a key. Rows that see nothing are 0.
    """
    dtype = q.type.dtype
    if scale is None:
        scale = 1 / sqrt(known_int(q.type.shape[-1], "the size of a query"))
    sees_any: Value | None = None
    if mask is not None and mask.type.dtype is DType.BOOL:
        if not isinstance(mask.owner, tensor.Constant) and mask.type.rank >= 2:
            sees_any = math.ReduceAny(mask, (mask.type.rank - 1,), keep_dims=True).result
        mask = math.Select(mask, scalar_zero(dtype), constant(np.array(lowest(dtype), dtype.numpy))).result
    if is_causal:
        causal = _causal_mask(scope, q.type.shape[-2], k.type.shape[-2], dtype)
        mask = causal if mask is None else math.Minimum(mask, causal).result
    mask = None if mask is None else cast(mask, dtype)
    batch = broadcast(q.type.shape[:-2], k.type.shape[:-2], v.type.shape[:-2])
    q, k, v = (expand(x, (*batch, *x.type.shape[-2:])) for x in (q, k, v))
    y = _attention(q, k, v, mask, scale)
    return y if sees_any is None else math.Select(sees_any, y, scalar(0, y)).result


def _attention(q: Value, k: Value, v: Value, mask: Value | None, scale: float) -> Value:
    """The fused op takes [B, H, L, E] with a known H; other ranks are brought to that."""
    batch = q.type.shape[:-2]
    if len(batch) == 2 and isinstance(batch[1], int):
        return nn.Attention(q, k, v, mask, batch[1], scale).result
    lead: Shape
    if len(batch) > 2 and all(isinstance(d, int) for d in batch[1:]):
        lead = (batch[0], product(batch[1:]))
    else:
        lead = (product(batch), 1)
    if mask is not None and mask.type.rank > 2:
        mask = _mask_in_batch(mask, batch, lead)
    parts = [reshape(x, (*lead, *x.type.shape[-2:])) for x in (q, k, v)]
    y = nn.Attention(parts[0], parts[1], parts[2], mask, known_int(lead[1], "the number of heads"), scale).result
    return reshape(y, (*batch, *y.type.shape[-2:]))


def _mask_in_batch(mask: Value, batch: Shape, lead: Shape) -> Value:
    """The mask of a batch of any rank with two batch axes."""
    own = mask.type.shape[:-2]
    if all(d == 1 for d in own):
        return reshape(mask, mask.type.shape[-2:])
    whole = expand(mask, (*batch, *mask.type.shape[-2:]))
    return reshape(whole, (*lead, *mask.type.shape[-2:]))


def _weights(scope: Scope, q: Value, k: Value, mask: Value | None, is_causal: bool, scale: float | None) -> Value:
    """The softmax of the scores; what nothing uses is left out of the program later."""
    size = known_int(q.type.shape[-1], "the size of a query")
    scores = math.MatMul(q, k, transpose_y=True).result
    scores = math.Mul(scores, scalar(1 / sqrt(size) if scale is None else scale, scores)).result
    if mask is not None and mask.type.dtype is DType.BOOL:
        scores = math.Select(mask, scores, scalar(lowest(scores.type.dtype), scores)).result
    elif mask is not None:
        scores = math.Add(scores, cast(mask, scores.type.dtype)).result
    if is_causal:
        causal = _causal_mask(scope, q.type.shape[-2], k.type.shape[-2], scores.type.dtype)
        scores = math.Add(scores, causal).result
    return nn.Softmax(scores, scores.type.rank - 1).result


def _repeated_heads(x: Value, heads: Dim) -> Value:
    """Keys or values of grouped heads: each head, along the third axis from the end, repeated to ``heads`` in all."""
    own = x.type.shape[-3]
    if not known_different(own, heads):
        return x
    if not (isinstance(heads, int) and isinstance(own, int) and heads % own == 0):
        raise Unsupported(f"{own} heads of keys do not divide {heads} heads of queries")
    return repeated_heads(x, heads // own)


def _refuse_dropout(p: float) -> None:
    if p > 0:
        raise Unsupported("it drops elements at random, as in training; call model.eval() before the model is saved")


@TABLE.imports("scaled_dot_product_attention")
def scaled_dot_product_attention(
    scope: Scope,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    _refuse_dropout(dropout_p)
    q, k, v = query.value, key.value, value.value
    if enable_gqa:
        k, v = (_repeated_heads(x, q.type.shape[-3]) for x in (k, v))
    return attend(scope, q, k, v, None if attn_mask is None else attn_mask.value, is_causal, scale)


@TABLE.imports("_scaled_dot_product_attention_math")
def attention_math(
    scope: Scope,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    dropout_mask: Tensor | None = None,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[Value, Value]:
    y = scaled_dot_product_attention(
        scope, query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )
    keys = _repeated_heads(key.value, query.shape[-3]) if enable_gqa else key.value
    mask = None if attn_mask is None else attn_mask.value
    return y, _weights(scope, query.value, keys, mask, is_causal, scale)


@TABLE.imports("_scaled_dot_product_flash_attention_for_cpu")
def flash_attention_for_cpu(
    scope: Scope,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Value, None]:
    """Without what only training uses."""
    y = scaled_dot_product_attention(scope, query, key, value, attn_mask, dropout_p, is_causal, scale=scale)
    return y, None


@TABLE.imports("_scaled_dot_product_flash_attention")
def flash_attention(
    scope: Scope,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    return_debug_mask: object = False,
    *,
    scale: float | None = None,
) -> tuple[Value | None, ...]:
    y = scaled_dot_product_attention(scope, query, key, value, None, dropout_p, is_causal, scale=scale)
    return (y, *(None,) * 8)


@TABLE.imports("_scaled_dot_product_efficient_attention")
def efficient_attention(
    scope: Scope,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_bias: Tensor | None,
    compute_log_sumexp: object,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
) -> tuple[Value | None, ...]:
    y = scaled_dot_product_attention(scope, query, key, value, attn_bias, dropout_p, is_causal, scale=scale)
    return (y, *(None,) * 3)


@TABLE.imports("_scaled_dot_product_cudnn_attention")
def cudnn_attention(
    scope: Scope,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_bias: Tensor | None,
    compute_log_sumexp: object,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    return_debug_mask: object = False,
    *,
    scale: float | None = None,
) -> tuple[Value | None, ...]:
    y = scaled_dot_product_attention(scope, query, key, value, attn_bias, dropout_p, is_causal, scale=scale)
    return (y, *(None,) * 8)


@TABLE.imports("_scaled_dot_product_fused_attention_overrideable")
def overrideable_attention(
    scope: Scope,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_bias: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    return_debug_mask: object = False,
    *,
    scale: float | None = None,
) -> tuple[Value | None, ...]:
    return cudnn_attention(scope, query, key, value, attn_bias, False, dropout_p, is_causal, scale=scale)


def _projected(query: Tensor, key: Tensor, value: Tensor, weight: Value, bias: Value, size: int) -> list[Value]:
    """Queries, keys and values; of equal operands by one linear layer."""
    if query is key is value or (query.value is key.value and key.value is value.value):
        return list(tensor.Split(linear_layer(query.value, weight, bias), 2, (size, size, size)).results)
    weights = tensor.Split(weight, 0, (size, size, size)).results
    biases = tensor.Split(bias, 0, (size, size, size)).results
    operands = zip((query, key, value), weights, biases, strict=True)
    return [linear_layer(x.value, w, b) for x, w, b in operands]


def _seen(mask: Tensor | None, mask_type: int | None) -> Value | None:
    """The fast path's mask, true (or not 0) where it hides, as what is seen: [L, L], [B, L] by key, or [B, H, L, L]."""
    if mask is None:
        return None
    seen = math.LogicalNot(cast(mask.value, DType.BOOL)).result
    if mask_type == 1 and seen.type.rank == 2:
        batch, keys = seen.type.shape
        return reshape(seen, (batch, 1, 1, keys))
    return seen


@TABLE.imports("_native_multi_head_attention")
def native_multi_head_attention(
    scope: Scope,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_head: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    mask: Tensor | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    mask_type: int | None = None,
) -> tuple[Value, Value | None]:
    """nn.MultiheadAttention at inference, [B, L, E]; and the weights that were attended with, if they are needed."""
    projected = _projected(query, key, value, qkv_weight.value, qkv_bias.value, embed_dim)
    q, k, v = (heads_apart(x, num_head) for x in projected)
    seen = _seen(mask, mask_type)
    heads = attend(scope, q, k, v, seen, False, None)
    y = linear_layer(heads_side_by_side(heads), proj_weight.value, proj_bias.value)
    if not need_weights:
        return y, None
    weights = _weights(scope, q, k, seen, False, None)
    return y, math.ReduceMean(weights, (1,)).result if average_attn_weights else weights


@TABLE.imports("_transformer_encoder_layer_fwd")
def transformer_encoder_layer(
    scope: Scope,
    src: Tensor,
    embed_dim: int,
    num_heads: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    use_gelu: bool,
    norm_first: bool,
    eps: float,
    norm_weight_1: Tensor,
    norm_bias_1: Tensor,
    norm_weight_2: Tensor,
    norm_bias_2: Tensor,
    ffn_weight_1: Tensor,
    ffn_bias_1: Tensor,
    ffn_weight_2: Tensor,
    ffn_bias_2: Tensor,
    mask: Tensor | None = None,
    mask_type: int | None = None,
) -> Value:
    """nn.TransformerEncoderLayer at inference, normalized before its two blocks or behind them."""

    def normalized(x: Value, weight: Tensor, bias: Tensor) -> Value:
        return nn.LayerNorm(x, weight.value, bias.value, x.type.rank - 1, eps).result

    def attended(x: Value) -> Value:
        own = scope.tensor(x)
        parameters = (qkv_weight, qkv_bias, proj_weight, proj_bias)
        return native_multi_head_attention(
            scope, own, own, own, embed_dim, num_heads, *parameters, mask, False, mask_type=mask_type
        )[0]

    def fed_forward(x: Value) -> Value:
        hidden = linear_layer(x, ffn_weight_1.value, ffn_bias_1.value)
        active = nn.Gelu(hidden, GeluForm.ERF).result if use_gelu else nn.Relu(hidden).result
        return linear_layer(active, ffn_weight_2.value, ffn_bias_2.value)

    x = src.value
    if norm_first:
        x = math.Add(attended(normalized(x, norm_weight_1, norm_bias_1)), x).result
        return math.Add(fed_forward(normalized(x, norm_weight_2, norm_bias_2)), x).result
    x = normalized(math.Add(attended(x), x).result, norm_weight_1, norm_bias_1)
    return normalized(math.Add(fed_forward(x), x).result, norm_weight_2, norm_bias_2)
