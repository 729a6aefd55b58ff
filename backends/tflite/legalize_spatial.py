"""Rules that bring spatial ops to channels last, where layout assignment has not."""

from ...ir import Value
from ...ops import nn, tensor
from ...passes.lowering.layouts import channels_last
from ...rewriter import RuleSet

RULES = RuleSet()


@RULES.on(nn.Convolution)
def convolution_channels_last(op: nn.Convolution) -> Value | None:
    """convolution(x, nchw) -> transpose(convolution(transpose(x), nhwc))"""
    return channels_last(op)


@RULES.on(nn.Pool)
def pool_channels_last(op: nn.Pool) -> Value | None:
    """pool(x, nchw) -> transpose(pool(transpose(x), nhwc))"""
    return channels_last(op)


@RULES.on(nn.LocalResponseNorm)
def local_response_norm_channels_last(op: nn.LocalResponseNorm) -> Value | None:
    """local_response_norm(x, nchw) -> transpose(local_response_norm(transpose(x), nhwc))"""
    return channels_last(op)


@RULES.on(tensor.DepthToSpace)
def depth_to_space_channels_last(op: tensor.DepthToSpace) -> Value | None:
    """depth_to_space(x, nchw) -> transpose(depth_to_space(transpose(x), nhwc))"""
    return channels_last(op)


@RULES.on(tensor.SpaceToDepth)
def space_to_depth_channels_last(op: tensor.SpaceToDepth) -> Value | None:
    """space_to_depth(x, nchw) -> transpose(space_to_depth(transpose(x), nhwc))"""
    return channels_last(op)
