"""Rules that bring ops on images to channels first."""

from ...ir import Value
from ...opdef import replace
from ...ops import nn, tensor
from ...ops.enums import Layout
from ...rewriter import RuleSet

RULES = RuleSet()

SpatialOp = (
    nn.Conv
    | nn.ConvTranspose
    | nn.MaxPool
    | nn.AveragePool
    | nn.InstanceNorm
    | nn.GroupNorm
    | nn.LocalResponseNorm
    | tensor.DepthToSpace
    | tensor.SpaceToDepth
)


def _channels_first(op: SpatialOp) -> Value | None:
    if op.layout is Layout.NCHW:
        return None
    rank = op.x.type.rank
    to_first = (0, rank - 1, *range(1, rank - 1))
    to_last = (0, *range(2, rank), 1)
    moved = replace(op, x=tensor.Transpose(op.x, to_first).result, layout=Layout.NCHW)
    return tensor.Transpose(moved.result, to_last).result


@RULES.on(nn.Convolution)
def convolution_channels_first(op: nn.Convolution) -> Value | None:
    """convolution(x, nhwc) -> transpose(convolution(transpose(x), nchw))"""
    assert isinstance(op, nn.Conv | nn.ConvTranspose)
    return _channels_first(op)


@RULES.on(nn.Pool)
def pool_channels_first(op: nn.Pool) -> Value | None:
    """pool(x, nhwc) -> transpose(pool(transpose(x), nchw))"""
    assert isinstance(op, nn.MaxPool | nn.AveragePool)
    return _channels_first(op)


@RULES.on(nn.InstanceNorm)
def instance_norm_channels_first(op: nn.InstanceNorm) -> Value | None:
    """instance_norm(x, nhwc) -> transpose(instance_norm(transpose(x), nchw))"""
    return _channels_first(op)


@RULES.on(nn.GroupNorm)
def group_norm_channels_first(op: nn.GroupNorm) -> Value | None:
    """group_norm(x, nhwc) -> transpose(group_norm(transpose(x), nchw))"""
    return _channels_first(op)


@RULES.on(nn.LocalResponseNorm)
def local_response_norm_channels_first(op: nn.LocalResponseNorm) -> Value | None:
    """local_response_norm(x, nhwc) -> transpose(local_response_norm(transpose(x), nchw))"""
    return _channels_first(op)


@RULES.on(tensor.DepthToSpace)
def depth_to_space_channels_first(op: tensor.DepthToSpace) -> Value | None:
    """depth_to_space(x, nhwc) -> transpose(depth_to_space(transpose(x), nchw))"""
    return _channels_first(op)


@RULES.on(tensor.SpaceToDepth)
def space_to_depth_channels_first(op: tensor.SpaceToDepth) -> Value | None:
    """space_to_depth(x, nhwc) -> transpose(space_to_depth(transpose(x), nchw))"""
    return _channels_first(op)
