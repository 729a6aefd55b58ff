"""Normalizations, in the form that inference runs."""

from ....dims import known_equal
from ....ir import Op, Value
from ....ops import math, nn, tensor
from ...layers import channel_statistics, statistics
from ..node import Imported, ImporterTable, Node, Unsupported, cast, check_axis, scalar

TABLE = ImporterTable()


@TABLE.imports("BatchNormalization")
def batch_normalization(node: Node) -> Imported:
    """Parameters may be of another dtype since opset 15, and of one for every element of a sample before 9.

    Before opset 14 it is the other outputs that make it compute statistics, and those nobody reads.
    """
    x = node.operand(0)
    scale, bias, mean, variance = (cast(node.operand(i), x.type.dtype) for i in range(1, 5))
    if node.opset < 9 and not node.int("spatial", 1):
        spread = math.Sqrt(math.Add(variance, scalar(node.float("epsilon", 1e-5), x)).result).result
        return math.Add(math.Mul(math.Div(math.Sub(x, mean).result, spread).result, scale).result, bias)
    if not node.int("training_mode", 0):
        return nn.BatchNorm(x, scale, bias, mean, variance, node.float("epsilon", 1e-5))
    # Networks that standardise their weights use it so, on constants.
    own_mean, own_variance = channel_statistics(x)
    y = nn.BatchNorm(x, scale, bias, own_mean, own_variance, node.float("epsilon", 1e-5)).result
    kept = node.float("momentum", 0.9)
    return y, _blend(mean, own_mean, kept), _blend(variance, own_variance, kept)


def _blend(old: Value, new: Value, kept: float) -> Value:
    """old * kept + new * (1 - kept)"""
    return math.Add(math.Mul(old, scalar(kept, old)).result, math.Mul(new, scalar(1 - kept, new)).result).result


@TABLE.imports("InstanceNormalization")
def instance_normalization(node: Node) -> Op:
    return nn.InstanceNorm(node.operand(0), node.operand(1), node.operand(2), node.float("epsilon", 1e-5))


@TABLE.imports("LayerNormalization")
def layer_normalization(node: Node) -> Imported:
    x, epsilon = node.operand(0), node.float("epsilon", 1e-5)
    axis = node.axis("axis", -1, x.type.rank)
    scale, bias = (_parameter(node.optional(i), x, axis) for i in (1, 2))
    if _fits(scale, x, axis) and _fits(bias, x, axis):
        y = nn.LayerNorm(x, scale, bias, axis, epsilon).result
    else:
        y = nn.LayerNorm(x, None, None, axis, epsilon).result
        y = math.Mul(y, scale).result if scale is not None else y
        y = math.Add(y, bias).result if bias is not None else y
    if not (node.wants_output(1) or node.wants_output(2)):
        return y
    return y, *statistics(x, tuple(range(axis, x.type.rank)), epsilon)


@TABLE.imports("RMSNormalization")
def rms_normalization(node: Node) -> Op:
    x, epsilon = node.operand(0), node.float("epsilon", 1e-5)
    axis = node.axis("axis", -1, x.type.rank)
    scale = _parameter(node.operand(1), x, axis)
    if scale is None or _fits(scale, x, axis):
        return nn.RmsNorm(x, scale, axis, epsilon)
    return math.Mul(nn.RmsNorm(x, None, axis, epsilon).result, scale)


def _parameter(value: Value | None, x: Value, axis: int) -> Value | None:
    """A scale or bias in x's dtype, and without the axes of size 1 that stand before the normalized ones."""
    if value is None:
        return None
    value = cast(value, x.type.dtype)
    surplus = value.type.rank - (x.type.rank - axis)
    if surplus > 0 and all(d == 1 for d in value.type.shape[:surplus]):
        return tensor.Reshape(value, None, value.type.shape[surplus:]).result
    return value


def _fits(value: Value | None, x: Value, axis: int) -> bool:
    return value is None or value.type.rank <= x.type.rank - axis


@TABLE.imports("GroupNormalization")
def group_normalization(node: Node) -> Op:
    """Scale and bias have an element a group in opset 18, an element a channel since opset 21."""
    x, groups = node.operand(0), node.int("num_groups")
    scale, bias = node.operand(1), node.operand(2)
    if node.opset < 21:
        scale, bias = _per_channel(scale, x, groups), _per_channel(bias, x, groups)
    return nn.GroupNorm(x, scale, bias, groups, node.float("epsilon", 1e-5))


def _per_channel(value: Value, x: Value, groups: int) -> Value:
    if x.type.rank < 2 or groups < 1:
        raise Unsupported(f"{groups} groups of {x.type} are not possible")
    channels = x.type.shape[1]
    if value.type.shape != (groups,) or known_equal(channels, groups):
        return value
    column = tensor.Reshape(value, None, (groups, 1)).result
    rows = tensor.Expand(column, None, (groups, channels // groups)).result
    return tensor.Reshape(rows, None, (channels,)).result


@TABLE.imports("MeanVarianceNormalization")
def mean_variance_normalization(node: Node) -> Op:
    """The standard's body has a constant of f32, which only tensors of f32 can take."""
    x = node.operand(0)
    axes = tuple(sorted(check_axis(a, x.type.rank) for a in node.ints("axes", (0, 2, 3))))
    centered = math.Sub(x, math.ReduceMean(x, axes, True).result).result
    variance = math.ReduceMean(math.Square(centered).result, axes, True).result
    spread = math.Add(math.Sqrt(variance).result, scalar(1e-9, x)).result
    return math.Div(centered, spread)


@TABLE.imports("LpNormalization")
def lp_normalization(node: Node) -> Op:
    """x / norm along the axis; 0 where the norm is 0."""
    x, p = node.operand(0), node.int("p", 2)
    axes = (node.axis("axis", -1, x.type.rank),)
    if p not in (1, 2):
        raise Unsupported(f"the norm's order {p} is neither 1 nor 2")
    if p == 1:
        norm = math.ReduceSum(math.Abs(x).result, axes, keep_dims=True).result
    else:
        norm = math.Sqrt(math.ReduceSum(math.Square(x).result, axes, keep_dims=True).result).result
    is_zero = math.Equal(norm, scalar(0, x)).result
    return math.Div(x, math.Select(is_zero, scalar(1, x), norm).result)


@TABLE.imports("LRN")
def lrn(node: Node) -> Op:
    return nn.LocalResponseNorm(
        node.operand(0), node.int("size"), node.float("alpha", 1e-4), node.float("beta", 0.75), node.float("bias", 1.0)
    )
