"""onnxruntime's rotary embeddings of positions, and biases by the distance of positions (com.microsoft)."""

from math import log

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import math, nn, tensor
from ....types import DType
from ...values import cast, constant, expand, joined, positions, reshape
from ..node import Imported, ImporterTable, Node, Unsupported, scalar
from .microsoft_layers import plus

TABLE = ImporterTable("com.microsoft")


def rotated(x: Value, cos: Value, sin: Value, is_interleaved: bool) -> Value:
    """x [B, S, H, D] or [B, H, S, D] rotated by tables that broadcast to it, a column for each pair of x's."""
    columns = cos.type.shape[-1] * 2
    if not isinstance(columns, int):
        raise Unsupported(f"the number of columns of its tables {cos.type} is not known")
    cos, sin = (_for_each_column(table, is_interleaved) for table in (cos, sin))
    return nn.RotaryEmbedding(x, cos, sin, columns, is_interleaved).result


def _for_each_column(table: Value, is_interleaved: bool) -> Value:
    """[..., n] as [..., 2 n]: each number twice in a row, or all of them twice."""
    *lead, half = table.type.shape
    if not is_interleaved:
        return joined([table, table], table.type.rank - 1)
    return reshape(expand(reshape(table, (*lead, half, 1)), (*lead, half, 2)), (*lead, half * 2))


def at_positions(table: Value, places: Value, heads_axis: int) -> Value:
    """The rows of [longest, n] at positions [B, S] or [S], as [B, S, 1, n] or, of ``heads_axis`` 1, [B, 1, S, n]."""
    rows = tensor.Gather(table, places, 0).result
    batch: Dim = 1 if rows.type.rank == 2 else rows.type.shape[0]
    length, columns = rows.type.shape[-2:]
    return reshape(rows, (batch, length, 1, columns) if heads_axis == 2 else (batch, 1, length, columns))


def _places(node: Node, length: Dim) -> Value:
    """Position ids [B, S]; one number is the position of the first of ``length``."""
    ids = node.operand(1)
    if ids.type.rank == 2:
        return ids
    return math.Add(positions(length, ids.type.dtype), reshape(ids, (1,))).result


def _split_heads(node: Node, x: Value, table: Value) -> tuple[Value, int]:
    """x with its heads on an axis of their own, and which one that is."""
    if x.type.rank == 4:
        return x, 1
    batch, length, columns = x.type.shape
    size: Dim = table.type.shape[1] * 2
    if node.int("rotary_embedding_dim", 0):
        heads = node.int("num_heads", 0)
        if heads < 1:
            raise Unsupported("num_heads is missing, which rotary_embedding_dim needs")
        size = columns // heads
    return reshape(x, (batch, length, columns // size, size)), 2


def _require_no_scale(node: Node) -> None:
    if node.float("scale", 1.0) != 1:
        raise Unsupported(f"its scale {node.float('scale')} has no meaning that onnxruntime gives; leave it at 1")


@TABLE.imports("RotaryEmbedding")
def rotary_embedding(node: Node) -> Value:
    _require_no_scale(node)
    x, cos, sin = node.operand(0), node.operand(2), node.operand(3)
    apart, heads_axis = _split_heads(node, x, cos)
    places = _places(node, apart.type.shape[3 - heads_axis])
    cos, sin = (at_positions(table, places, heads_axis) for table in (cos, sin))
    return reshape(rotated(apart, cos, sin, bool(node.int("interleaved", 0))), x.type.shape)


@TABLE.imports("MRotaryEmbedding")
def multimodal_rotary_embedding(node: Node) -> Value:
    """RotaryEmbedding with positions in time, height and width, each for a section of the columns."""
    _require_no_scale(node)
    x, ids = node.operand(0), node.operand(1)
    streams = _streams(node.ints("mrope_section"), node.int("mrope_layout", 0))
    tables = []
    for table in (node.operand(2), node.operand(3)):
        rows = tensor.Gather(table, ids, 0).result
        _, batch, length, columns = rows.type.shape
        if columns != len(streams):
            raise Unsupported(f"its sections are {len(streams)} columns, and its tables have {columns}")
        chosen = scalar(0, table)
        parts = [reshape(p, (batch, length, columns)) for p in tensor.Split(rows, 0, (1, 1, 1)).results]
        for stream, part in enumerate(parts):
            chosen = math.Select(constant(streams == stream), part, chosen).result
        tables.append(chosen)
    apart, heads_axis = _split_heads(node, x, node.operand(2))
    batch, length, columns = tables[0].type.shape
    shape = (batch, length, 1, columns) if heads_axis == 2 else (batch, 1, length, columns)
    cos, sin = (reshape(table, shape) for table in tables)
    return reshape(rotated(apart, cos, sin, bool(node.int("interleaved", 0))), x.type.shape)


def _streams(sections: tuple[int, ...], layout: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Which of time (0), height (1) and width (2) each column takes its position from."""
    if len(sections) != 3 or layout not in (0, 1):
        raise Unsupported(f"sections {list(sections)} in layout {layout} are not known")
    if layout == 0:
        return np.repeat(np.arange(3), sections)
    streams = np.zeros(sum(sections), np.int64)
    for stream in (1, 2):
        streams[stream : sections[stream] * 3 : 3] = stream
    return streams


@TABLE.imports("GemmaRotaryEmbedding")
def gemma_rotary_embedding(node: Node) -> Imported:
    """x * cos(angles) + turned x * sin(angles), of queries and of keys."""
    angles, q, turned_q, k, turned_k = (node.operand(i) for i in range(5))
    batch, length, columns = angles.type.shape
    cos, sin = (
        reshape(cast(f(angles).result, q.type.dtype), (batch, 1, length, columns)) for f in (math.Cos, math.Sin)
    )
    pairs = ((q, turned_q), (k, turned_k))
    return [math.Add(math.Mul(x, cos).result, math.Mul(turned, sin).result).result for x, turned in pairs]


@TABLE.imports("GatedRelativePositionBias")
def gated_relative_position_bias(node: Node) -> Value:
    """rel_pos * (u * (r * eco_a - 1) + 2), u and r gates that a layer makes of the queries."""
    if node.optional(6) is not None:
        raise Unsupported("its tokens are packed without padding; export the model without RemovePadding")
    heads, queries = node.int("num_heads"), plus(node.operand(0), node.operand(1))
    batch, length, columns = queries.type.shape
    apart = tensor.Transpose(reshape(queries, (batch, length, heads, columns // heads)), (0, 2, 1, 3)).result
    gates = plus(math.MatMul(apart, node.operand(3)).result, node.operand(4))
    pairs = reshape(gates, (batch, heads, length, 2, gates.type.shape[3] // 2))
    both = nn.Sigmoid(math.ReduceSum(pairs, (4,), False).result).result
    update, reset = tensor.Split(both, 3, (1, 1)).results
    inner = math.Sub(math.Mul(reset, node.operand(5)).result, scalar(1, reset)).result
    factor = math.Add(math.Mul(update, inner).result, scalar(2, update)).result
    return math.Mul(factor, node.operand(2)).result


@TABLE.imports("RelativePositionBias")
def relative_position_bias(node: Node) -> Value:
    """T5's learned bias for each distance of key and query, far ones in buckets of growing size: [1, heads, S, T].

    The table has the shape [buckets, heads], but its elements stand head by head.
    """
    table, rows, columns = node.operand(0), node.only_dim(1), node.only_dim(2)
    buckets, heads = table.type.shape
    if not isinstance(buckets, int):
        raise Unsupported(f"the number of buckets of its table {table.type} is not known")
    distances = math.Sub(positions(columns), reshape(positions(rows), (rows, 1))).result
    places = _buckets(distances, buckets, node.int("max_distance"), bool(node.int("is_bidirectional", 0)))
    found = tensor.Gather(reshape(table, (heads, buckets)), places, 1).result
    return reshape(found, (1, heads, rows, columns))


def _buckets(distances: Value, buckets: int, farthest: int, is_bidirectional: bool) -> Value:
    """The bucket of each distance (Raffel et al., arXiv:1910.10683): half of them for single steps, half for ranges."""
    first: Value = scalar(0, distances)
    if is_bidirectional:
        buckets //= 2
        is_ahead = math.Greater(distances, scalar(0, distances)).result
        first = math.Mul(cast(is_ahead, DType.I64), scalar(buckets, distances)).result
        steps = math.Abs(distances).result
    else:
        steps = math.Maximum(math.Neg(distances).result, scalar(0, distances)).result
    near = buckets // 2
    wide = cast(math.Maximum(steps, scalar(1, steps)).result, DType.F32)
    ratio = math.Div(wide, scalar(near, wide)).result
    growth = (buckets - near) / log(farthest / near)
    range_ = math.Floor(math.Mul(math.Log(ratio).result, scalar(growth, ratio)).result).result
    far = math.Minimum(math.Add(cast(range_, DType.I64), scalar(near, steps)).result, scalar(buckets - 1, steps)).result
    place = math.Select(math.Less(steps, scalar(near, steps)).result, steps, far).result
    return math.Add(place, first).result
