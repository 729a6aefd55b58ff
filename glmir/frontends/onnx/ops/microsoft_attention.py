"""onnxruntime's attention of encoders and decoders (com.microsoft)."""

from dataclasses import dataclass

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import math, nn, tensor
from ....types import DType
from ...heads import heads_apart, heads_side_by_side, lowest
from ...values import cast, constant, joined, positions, reshape, sliced
from ..node import Imported, ImporterTable, Node, Unsupported
from .attention_parts import (
    MASKED,
    hidden_where,
    in_parts,
    later_keys,
    padding_mask,
    scale_of,
    summed,
)
from .microsoft_layers import plus

TABLE = ImporterTable("com.microsoft")


@dataclass
class Projections:
    """Queries, keys and values, all [B, rows, heads * size] or all [B, heads, rows, size]."""

    q: Value
    k: Value
    v: Value

    def split(self, heads: int) -> "Projections":
        """With the heads on an axis of their own."""
        return Projections(*(heads_apart(x, heads) if x.type.rank == 3 else x for x in (self.q, self.k, self.v)))

    def behind(self, past_key: Value | None, past_value: Value | None) -> "Projections":
        """With keys and values behind earlier ones [B, heads, rows, size]."""
        if past_key is None or past_value is None:
            return self
        return Projections(self.q, joined([past_key, self.k], 2), joined([past_value, self.v], 2))


@TABLE.imports("Attention")
def attention(node: Node) -> Imported:
    """Attention behind the layer that makes queries, keys and values of its input."""
    if node.int("do_rotary", 0):
        raise Unsupported("it rotates queries by tables that it does not hold; export the model with RotaryEmbedding")
    _refuse_shared_buffer(node, 6)
    heads = node.int("num_heads")
    x, past = node.operand(0), node.optional(4)
    columns = plus(math.MatMul(x, node.operand(1)).result, node.optional(2))
    parts = Projections(*tensor.Split(columns, 2, _sizes(node, columns.type.shape[2])).results)
    past_key, past_value = (None, None) if past is None else (_of_pair(past, i) for i in (0, 1))
    if past is not None or node.wants_output(1):
        parts = parts.split(heads).behind(past_key, past_value)
    y = _attended(node, parts, heads, _Masks(node.optional(3), node.optional(5), past_key))
    return (y, _pair(parts.k, parts.v)) if node.wants_output(1) else y


def _sizes(node: Node, columns: Dim) -> tuple[Dim, ...]:
    sizes = node.ints("qkv_hidden_sizes", ())
    if sizes and len(sizes) != 3:
        raise Unsupported(f"qkv_hidden_sizes {list(sizes)} are not three")
    return sizes or (columns // 3,) * 3


def _of_pair(past: Value, place: int) -> Value:
    """The keys (0) or values (1) of [2, B, heads, rows, size]."""
    return reshape(sliced(past, 0, place, 1), past.type.shape[1:])


def _pair(k: Value, v: Value) -> Value:
    return joined([reshape(x, (1, *x.type.shape)) for x in (k, v)], 0)


@dataclass
class _Masks:
    """What hides keys from queries, and what is added to their scores."""

    padding: Value | None
    bias: Value | None
    past_key: Value | None


def _attended(node: Node, parts: Projections, heads: int, masks: _Masks) -> Value:
    """[B, S, heads * size]."""
    size = parts.q.type.shape[-1] if parts.q.type.rank == 4 else parts.q.type.shape[-1] // heads
    y = nn.Attention(parts.q, parts.k, parts.v, _mask(node, parts, masks), heads, scale_of(node, size)).result
    return heads_side_by_side(y) if y.type.rank == 4 else y


def _mask(node: Node, parts: Projections, masks: _Masks) -> Value | None:
    """All that is added to the scores: for padding, for keys behind a query, by ``attention_bias``."""
    dtype, batch = parts.q.type.dtype, parts.q.type.shape[0]
    rows, columns = parts.q.type.shape[-2], parts.k.type.shape[-2]
    found: list[Value | None] = [masks.bias]
    if masks.padding is not None:
        masked = node.float("mask_filter_value", MASKED)
        found.append(padding_mask(_cut(masks.padding, rows, columns), batch, columns, dtype, masked))
    if node.int("unidirectional", 0):
        past: Dim = 0 if masks.past_key is None else masks.past_key.type.shape[2]
        found.append(later_keys(rows, columns, past, dtype))
    return summed(found)


def _cut(mask: Value, rows: Dim, columns: Dim) -> Value:
    """A mask [B, 1, longest, longest] for the last ``rows`` of ``columns`` places; others as they are."""
    if mask.type.rank != 4:
        return mask
    return sliced(sliced(mask, 2, columns - rows, rows), 3, 0, columns)


def _refuse_shared_buffer(node: Node, place: int) -> None:
    if node.int("past_present_share_buffer", 0) or node.optional(place) is not None:
        raise Unsupported(
            "past and present share a buffer; export the model with past_present_share_buffer = 0, where the present "
            "state is an output that grows"
        )


@TABLE.imports("MultiHeadAttention")
def multi_head_attention(node: Node) -> Imported:
    """Attention of queries, keys and values that are given, or packed in one operand or two."""
    _refuse_shared_buffer(node, 8)
    heads = node.int("num_heads")
    parts = _with_bias(_unpacked(node, heads), node.optional(3))
    past_key, past_value = node.optional(6), node.optional(7)
    is_cached = past_key is not None or any(map(node.wants_output, (1, 2, 3)))
    if is_cached or parts.k.type.rank == 4:
        parts = parts.split(heads).behind(past_key, past_value)
    masks = _Masks(node.optional(4), node.optional(5), past_key)
    if not node.wants_output(3):
        return _attended(node, parts, heads, masks), parts.k, parts.v
    found = in_parts(parts.q, parts.k, parts.v, _mask(node, parts, masks), scale_of(node, parts.q.type.shape[3]))
    return heads_side_by_side(found.result), parts.k, parts.v, found.weights


def _unpacked(node: Node, heads: int) -> Projections:
    """Of the query alone [B, L, heads, 3, size], of query and key [B, L, heads, 2, size], or of all three."""
    q, k, v = node.operand(0), node.optional(1), node.optional(2)
    if k is None and q.type.rank == 5:
        return Projections(*(_of_packed(q, place) for place in range(3)))
    if k is None:
        return Projections(*tensor.Split(q, 2, (q.type.shape[2] // 3,) * 3).results)
    if v is None and k.type.rank == 5:
        return Projections(q, _of_packed(k, 0), _of_packed(k, 1))
    if v is None:
        raise Unsupported(f"its values are missing, and its keys {k.type} do not hold them")
    return Projections(q, k, v)


def _of_packed(x: Value, place: int) -> Value:
    """[B, L, heads, n, size] as [B, L, heads * size], that of one place of n."""
    batch, rows, heads, _, size = x.type.shape
    return reshape(sliced(x, 3, place, 1), (batch, rows, heads * size))


def _with_bias(parts: Projections, bias: Value | None) -> Projections:
    """With the bias [of q, of k, of v] added; cached keys and values have theirs already."""
    if bias is None:
        return parts
    query = parts.q.type.shape[2]
    if parts.k.type.rank == 4:
        return Projections(plus(parts.q, sliced(bias, 0, 0, query)), parts.k, parts.v)
    biases = tensor.Split(bias, 0, (query, query, bias.type.shape[0] - 2 * query)).results
    return Projections(*(plus(x, own) for x, own in zip((parts.q, parts.k, parts.v), biases, strict=True)))


@TABLE.imports("DecoderMaskedMultiHeadAttention")
def decoder_attention(node: Node) -> Imported:
    """MultiHeadAttention of one query, whose keys and values may go into buffers at a place that an operand gives."""
    if node.optional(9) is not None or _beams(node) != 1:
        raise Unsupported("it searches with beams; export the decoder alone and search outside of the model")
    heads = node.int("num_heads")
    parts = _with_bias(_unpacked(node, heads), node.optional(10)).split(heads)
    past_key, past_value, place = node.optional(5), node.optional(6), node.optional(7)
    padding, bias, beyond = node.optional(3), node.optional(4), None
    if node.int("past_present_share_buffer", 0) and past_key is not None and past_value is not None:
        if place is None:
            raise Unsupported("past_sequence_length is missing")
        place = cast(reshape(place, (1,)), DType.I64)
        parts = Projections(parts.q, _written(past_key, parts.k, place), _written(past_value, parts.v, place))
        padding, bias = (_filled_up(mask, parts.k.type.shape[2]) for mask in (padding, bias))
        beyond = _hidden_behind(place, parts.k)
    else:
        parts = parts.behind(past_key, past_value)
    mask = summed([_mask(node, parts, _Masks(padding, bias, past_key)), beyond])
    found = in_parts(parts.q, parts.k, parts.v, mask, scale_of(node, parts.q.type.shape[3]))
    return heads_side_by_side(found.result), parts.k, parts.v, found.weights


def _beams(node: Node) -> int:
    return 1 if node.optional(8) is None else node.only_int(8)


def _written(buffer: Value, rows: Value, place: Value) -> Value:
    """The buffer [B, heads, longest, size] with rows of it replaced from ``place`` on."""
    zero = constant(np.zeros(1, np.int64))
    return tensor.DynamicUpdateSlice(buffer, rows, joined([zero, zero, place, zero], 0)).result


def _filled_up(mask: Value | None, columns: Dim) -> Value | None:
    """A mask with zeros behind its last axis, up to the length of the buffer."""
    if mask is None or mask.type.rank < 2 or mask.type.shape[-1] == columns:
        return mask
    high = (*(0,) * (mask.type.rank - 1), columns - mask.type.shape[-1])
    return tensor.Pad(mask, None, (0,) * mask.type.rank, high).result


def _hidden_behind(place: Value, keys: Value) -> Value:
    """Hides the keys behind ``place``: [longest]."""
    dtype = keys.type.dtype
    return hidden_where(math.Greater(positions(keys.type.shape[2]), place).result, dtype, lowest(dtype))
