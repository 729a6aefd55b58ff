"""onnxruntime's GroupQueryAttention: heads of queries that share keys and values, behind a cache (com.microsoft).

Each sequence of the batch has its own length in the cache: ``seqlens_k`` + 1 is how many keys it has after this step.
"""

from dataclasses import dataclass

import numpy as np

from ....dims import Dim, dim_max, known_equal
from ....ir import Value
from ....ops import math, nn, tensor
from ....types import DType
from ...heads import heads_apart, heads_side_by_side, lowest
from ...values import cast, constant, expand, joined, positions, reshape, size_of
from ..node import Imported, ImporterTable, Node, Unsupported, scalar
from .attention_parts import hidden_where, in_parts, scale_of, summed
from .microsoft_rotary import at_positions, rotated

TABLE = ImporterTable("com.microsoft")


@dataclass
class _Step:
    """What a step adds: q [B, H, S, D], k and v [B, K, S, D]; ``begins`` [B, 1], i64, where, None for at 0."""

    q: Value
    k: Value
    v: Value
    begins: Value | None

    @property
    def rows(self) -> Dim:
        return self.q.type.shape[2]

    def places(self) -> Value:
        """The position of each query: [B, S], or [1, S] when all begin at 0."""
        own = reshape(positions(self.rows), (1, self.rows))
        return own if self.begins is None else math.Add(own, self.begins).result


@TABLE.imports("GroupQueryAttention")
def group_query_attention(node: Node) -> Imported:
    _refuse_other_forms(node)
    heads, own = node.int("num_heads"), node.int("kv_num_heads")
    step = _step(node, heads, own)
    if node.int("do_rotary", 0):
        step = _turned(node, step)
    k, v = (_cached(node, step, new, node.optional(past)) for new, past in ((step.k, 3), (step.v, 4)))
    masks = [_hidden_keys(node, step, k.type.shape[2]), _bias(node, k.type.shape[2])]
    scale = scale_of(node, step.q.type.shape[3])
    softcap, sink = node.float("softcap", 0.0), _sink(node, step.q, heads)
    if not softcap and sink is None and not node.wants_output(3):
        y = nn.Attention(step.q, k, v, summed(masks), heads, scale).result
        return heads_side_by_side(y), k, v
    found = in_parts(step.q, k, v, summed(masks), scale, softcap, sink)
    scores = found.scores if node.int("qk_output", 0) == 1 else found.weights
    return heads_side_by_side(found.result), k, v, scores


def _refuse_other_forms(node: Node) -> None:
    if node.int("sliding_window_cache", 0):
        raise Unsupported("its cache drops keys (sliding_window_cache); export the model with the whole cache")
    if node.string("k_quant_type", "NONE") != "NONE" or node.string("v_quant_type", "NONE") != "NONE":
        raise Unsupported("its cache is quantized; export the model with a cache of floats")


def _step(node: Node, heads: int, own: int) -> _Step:
    """Queries, keys and values of the step, packed in one operand or not, normalized head by head if weights say so."""
    q, k, v = node.operand(0), node.optional(1), node.optional(2)
    if k is None or v is None:
        size = q.type.shape[2] // (heads + 2 * own)
        q, k, v = tensor.Split(q, 2, (size * heads, size * own, size * own)).results
    q, k, v = (heads_apart(x, count) for x, count in ((q, heads), (k, own), (v, own)))
    q, k = (_normalized(node, x, node.optional(place)) for x, place in ((q, 14), (k, 15)))
    return _Step(q, k, v, _begins(node, q.type.shape[0], q.type.shape[2]))


def _normalized(node: Node, x: Value, weight: Value | None) -> Value:
    return x if weight is None else nn.RmsNorm(x, weight, 3, node.float("qk_norm_epsilon", 1e-6)).result


def _begins(node: Node, batch: Dim, rows: Dim) -> Value | None:
    """How many keys each sequence has in the cache before the step, [B, 1]; None where that is 0 for all."""
    past = node.optional(3)
    if past is None or past.type.shape[2] == 0:
        return None
    total = node.dims(6)
    if total is not None and total[0] is not None and known_equal(total[0], rows):
        return None
    lengths = reshape(cast(node.operand(5), DType.I64), (batch, 1))
    begins = math.Sub(lengths, size_of(rows - 1)).result
    # A prompt, as long as all that there is, begins at 0 even where padding makes a sequence of it shorter.
    is_prompt = math.Equal(reshape(cast(node.operand(6), DType.I64), ()), size_of(rows)).result
    return math.Select(is_prompt, scalar(0, begins), begins).result


def _turned(node: Node, step: _Step) -> _Step:
    """With queries and keys rotated by their positions."""
    given = node.optional(9)
    places = step.places() if given is None else given
    cos, sin = (at_positions(node.operand(i), places, 1) for i in (7, 8))
    is_interleaved = bool(node.int("rotary_interleaved", 0))
    q, k = (rotated(x, cos, sin, is_interleaved) for x in (step.q, step.k))
    return _Step(q, k, step.v, step.begins)


def _cached(node: Node, step: _Step, new: Value, past: Value | None) -> Value:
    """The keys (or values) of the step behind those of the past, each sequence's where its own end: [B, K, T, D]."""
    total = _total(node, step, past)
    if past is None or past.type.shape[2] == 0:
        return _longer(new, total)
    if step.begins is None:
        return _longer(new, total)
    batch, own, capacity, size = past.type.shape
    behind = math.Sub(reshape(positions(total), (1, total)), step.begins).result
    within = math.Minimum(math.Maximum(behind, scalar(0, behind)).result, size_of(step.rows - 1)).result
    kept = reshape(positions(total), (1, total))
    if total != capacity:
        kept = math.Minimum(kept, size_of(capacity - 1)).result
    is_past = math.Less(behind, scalar(0, behind)).result
    rows = math.Select(is_past, kept, math.Add(within, size_of(capacity)).result).result
    indices = expand(reshape(rows, (batch, 1, total, 1)), (batch, own, total, size))
    found = tensor.GatherElements(joined([past, new], 2), indices, 2).result
    # As in onnxruntime, a buffer is empty behind the step's keys.
    is_beyond = math.GreaterEqual(behind, size_of(step.rows)).result
    return math.Select(reshape(is_beyond, (batch, 1, total, 1)), scalar(0, found), found).result


def _longer(x: Value, total: Dim) -> Value:
    """x [B, K, S, D] with zeros up to a length."""
    missing = dim_max(total - x.type.shape[2], 0)
    return x if missing == 0 else tensor.Pad(x, None, (0,) * 4, (0, 0, missing, 0)).result


def _total(node: Node, step: _Step, past: Value | None) -> Dim:
    """The length of the cache after the step: as the buffer has it, or more if that is needed."""
    capacity: Dim = 0 if past is None else past.type.shape[2]
    known = node.dims(6)
    if known is not None and known[0] is not None:
        return dim_max(capacity, known[0])
    declared = node.declared_shapes[1] if len(node.declared_shapes) > 1 else None
    size = declared[2] if declared is not None and len(declared) == 4 else None
    if isinstance(size, int) and size > 0:
        return size
    if capacity == 0:
        return step.rows
    raise Unsupported(
        "total_sequence_length is known only when the model runs, and the model does not declare the shape of the "
        'present keys; give it with --input "total_sequence_length=..."'
    )


def _hidden_keys(node: Node, step: _Step, columns: Dim) -> Value | None:
    """Hides the keys behind each query, and those before its window: [B, 1, S, T]."""
    window = node.int("local_window_size", -1)
    if not node.int("causal", 1):
        return _hidden_padding(node, step, columns)
    batch, places = step.q.type.shape[0], step.places()
    # Where padding makes a sequence of the prompt shorter, the queries behind its end see what the last one does.
    last = reshape(cast(node.operand(5), DType.I64), (batch, 1))
    seen = reshape(math.Minimum(last, places).result, (batch, 1, step.rows, 1))
    keys = positions(columns)
    is_hidden = math.Greater(keys, seen).result
    if window > 0:
        first = math.Minimum(last, math.Sub(places, scalar(window - 1, places)).result).result
        first = reshape(first, (batch, 1, step.rows, 1))
        is_hidden = math.LogicalOr(is_hidden, math.Less(keys, first).result).result
    return hidden_where(is_hidden, step.q.type.dtype, lowest(step.q.type.dtype))


def _hidden_padding(node: Node, step: _Step, columns: Dim) -> Value:
    """Hides the keys behind the end of each sequence: [B, 1, 1, T]."""
    ends = reshape(cast(node.operand(5), DType.I64), (step.q.type.shape[0], 1, 1, 1))
    is_hidden = math.Greater(positions(columns), ends).result
    return hidden_where(is_hidden, step.q.type.dtype, lowest(step.q.type.dtype))


def _bias(node: Node, columns: Dim) -> Value | None:
    """attention_bias, with zeros for what the buffer is longer than it."""
    bias = node.optional(10)
    if bias is None or bias.type.shape[-1] == columns:
        return bias
    high = (0, 0, 0, columns - bias.type.shape[-1])
    return tensor.Pad(bias, None, (0,) * 4, high).result


def _sink(node: Node, q: Value, heads: int) -> Value | None:
    """What takes part in each head's softmax beside the keys: [H]."""
    sink = node.optional(11)
    if sink is None and node.int("smooth_softmax", -1) > 0:
        return constant(np.zeros(heads, q.type.dtype.numpy))
    return sink
