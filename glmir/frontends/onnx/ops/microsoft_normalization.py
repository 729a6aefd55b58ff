"""onnxruntime's normalizations, with the sums before them and the embeddings of BERT (com.microsoft)."""

from ....dims import known_different
from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.enums import Layout
from ....types import DType
from ...layers import statistics
from ...values import cast, expand, reshape, sliced
from ..node import Imported, ImporterTable, Node, Unsupported, scalar
from .legacy import inverse_root_mean_square
from .microsoft_layers import plus
from .standard_forms import as_standard

TABLE = ImporterTable("com.microsoft")


@TABLE.imports("LayerNormalization")
def layer_normalization(node: Node) -> Imported:
    return as_standard(node, "LayerNormalization")


@TABLE.imports("SimplifiedLayerNormalization")
def simplified_layer_normalization(node: Node) -> Imported:
    return as_standard(node, "SimplifiedLayerNormalization")


@TABLE.imports("SkipLayerNormalization")
def skip_layer_normalization(node: Node) -> Imported:
    """Layer normalization of input + skip + bias; its mean and deviation, and that sum."""
    total = _sum_with_skip(node.operand(0), node.operand(1), node.optional(4))
    axis, epsilon = total.type.rank - 1, node.float("epsilon", 1e-12)
    y = nn.LayerNorm(total, node.operand(2), node.optional(3), axis, epsilon).result
    if node.wants_output(1) or node.wants_output(2):
        return y, *statistics(total, (axis,), epsilon), total
    return y, y, y, total


@TABLE.imports("SkipSimplifiedLayerNormalization")
def skip_simplified_layer_normalization(node: Node) -> Imported:
    """RMS normalization of input + skip + bias, and that sum."""
    total = _sum_with_skip(node.operand(0), node.operand(1), node.optional(3))
    axis, epsilon = total.type.rank - 1, node.float("epsilon", 1e-12)
    y = nn.RmsNorm(total, node.operand(2), axis, epsilon).result
    if node.wants_output(1):
        raise Unsupported("its output mean is used, which a normalization without a mean does not have")
    if node.wants_output(2):
        return y, y, inverse_root_mean_square(total, axis, epsilon), total
    return y, y, y, total


def _sum_with_skip(x: Value, skip: Value, bias: Value | None) -> Value:
    """x + skip + bias. The bias was a matrix product's: it is added there, so that both become one layer."""
    if bias is not None and isinstance(skip.owner, math.MatMul) and not isinstance(x.owner, math.MatMul):
        return math.Add(x, plus(skip, bias)).result
    return math.Add(plus(x, bias), skip).result


@TABLE.imports("EmbedLayerNormalization")
def embed_layer_normalization(node: Node) -> Imported:
    """Layer normalization of the sum of embeddings of words, positions and segments; how many words the mask shows."""
    ids, segments, words, places = node.operand(0), node.optional(1), node.operand(2), node.operand(3)
    batch, length = ids.type.shape
    total = tensor.Gather(words, ids, 0).result
    if node.optional(8) is not None:
        total = math.Add(total, tensor.Gather(places, node.operand(8), 0).result).result
    else:
        total = math.Add(total, sliced(places, 0, 0, length)).result
    if segments is not None:
        total = math.Add(total, tensor.Gather(node.operand(4), segments, 0).result).result
    y = nn.LayerNorm(total, node.operand(5), node.operand(6), 2, node.float("epsilon", 1e-12)).result
    mask = node.optional(7)
    if mask is None:
        counts = expand(scalar(0, ids), (batch,))
    else:
        counts = math.ReduceSum(cast(math.Equal(mask, scalar(1, mask)).result, DType.I32), (1,), False).result
    return y, cast(counts, DType.I32), total


@TABLE.imports("GroupNorm")
def group_norm(node: Node) -> Value:
    return _group_norm(node, node.operand(0))


@TABLE.imports("SkipGroupNorm")
def skip_group_norm(node: Node) -> Imported:
    """Group normalization of x + skip + bias, and that sum; the skip has the image's shape, or is one row a batch."""
    x, skip, bias = node.operand(0), node.operand(3), node.optional(4)
    layout, rank = _layout(node), x.type.rank
    channel_axis = layout.channel_axis(rank)
    if skip.type.rank == 2:
        batch, channels = skip.type.shape
        skip = reshape(skip, tuple({0: batch, channel_axis: channels}.get(i, 1) for i in range(rank)))
    if bias is not None:
        bias = reshape(bias, (bias.type.elements, *(1,) * (rank - 1 - channel_axis)))
    total = math.Add(plus(x, bias), skip).result
    return _group_norm(node, total), total


def _layout(node: Node) -> Layout:
    return Layout.NHWC if node.int("channels_last", 1) else Layout.NCHW


def _group_norm(node: Node, x: Value) -> Value:
    factor, summand = (cast(node.operand(i), x.type.dtype) for i in (1, 2))
    y = nn.GroupNorm(x, factor, summand, node.int("groups"), node.float("epsilon", 1e-5), _layout(node)).result
    activation = node.int("activation", 0)
    if activation not in (0, 1):
        raise Unsupported(f"the activation {activation} is neither 0, none, nor 1, SiLU")
    return nn.Silu(y).result if activation else y


@TABLE.imports("GatedRMSNorm")
def gated_rms_norm(node: Node) -> Value:
    """RMS normalization of every run of as many elements as the scale has, times the activation of a gate."""
    x, factor, gate = (node.operand(i) for i in range(3))
    names = {"silu": nn.Silu, "swish": nn.Silu, "sigmoid": nn.Sigmoid}
    name = node.string("activation", "silu")
    if name not in names:
        raise Unsupported(f"the activation {name} is not one of {', '.join(names)}")
    runs = _in_runs(x, factor.type.shape[0])
    y = nn.RmsNorm(runs, factor, runs.type.rank - 1, node.float("epsilon", 1e-5)).result
    return math.Mul(reshape(y, x.type.shape), names[name](gate).result).result


@TABLE.imports("BranchwiseRMSNorm")
def branchwise_rms_norm(node: Node) -> Value:
    """RMS normalization of every branch, [..., C, H] or, of ``num_branches``, [..., C * H]."""
    x, factor, count = node.operand(0), node.optional(1), node.int("num_branches", 0)
    branches = x if count == 0 else reshape(x, (*x.type.shape[:-1], count, x.type.shape[-1] // count))
    y = nn.RmsNorm(branches, None, branches.type.rank - 1, node.float("epsilon", 1e-5)).result
    if factor is not None:
        if factor.type.rank == 1 and known_different(factor.type.shape[0], branches.type.shape[-1]):
            factor = reshape(factor, branches.type.shape[-2:])
        y = math.Mul(y, cast(factor, x.type.dtype)).result
    return reshape(y, x.type.shape)


def _in_runs(x: Value, length: object) -> Value:
    """[..., n * length] as [..., n, length]."""
    *lead, columns = x.type.shape
    if not isinstance(length, int):
        raise Unsupported("the number of elements of its scale is not known")
    return reshape(x, (*lead, columns // length, length))
