"""Rules that bring spatial ops to channels last, where layout assignment has not."""

from ...ir import Value
from ...opdef import replace
from ...ops import nn, tensor
from ...ops.enums import Layout
from ...rewriter import RuleSet

RULES = RuleSet()
SpatialOp = nn.Convolution | nn.Pool | nn.LocalResponseNorm | tensor.DepthToSpace | tensor.SpaceToDepth


def _channels_last(op: SpatialOp) -> Value | None:
    if op.layout is Layout.NHWC:
        return None
    rank = op.x.type.rank
    to_last = (0, *range(2, rank), 1)
    to_first = (0, rank - 1, *range(1, rank - 1))
    moved = replace(op, x=tensor.Transpose(op.x, to_last).result, layout=Layout.NHWC)
    return tensor.Transpose(moved.result, to_first).result


@RULES.on(nn.Convolution)
def convolution_channels_last(op: nn.Convolution) -> Value | None:
    """convolution(x, nchw) -> transpose(convolution(transpose(x), nhwc))"""
    return _channels_last(op)


@RULES.on(nn.Pool)
def pool_channels_last(op: nn.Pool) -> Value | None:
    """pool(x, nchw) -> transpose(pool(transpose(x), nhwc))"""
    return _channels_last(op)


@RULES.on(nn.LocalResponseNorm)
def local_response_norm_channels_last(op: nn.LocalResponseNorm) -> Value | None:
    """local_response_norm(x, nchw) -> transpose(local_response_norm(transpose(x), nhwc))"""
    return _channels_last(op)


@RULES.on(tensor.DepthToSpace)
def depth_to_space_channels_last(op: tensor.DepthToSpace) -> Value | None:
    """depth_to_space(x, nchw) -> transpose(depth_to_space(transpose(x), nhwc))"""
    return _channels_last(op)


@RULES.on(tensor.SpaceToDepth)
def space_to_depth_channels_last(op: tensor.SpaceToDepth) -> Value | None:
    """space_to_depth(x, nchw) -> transpose(space_to_depth(transpose(x), nhwc))"""
    return _channels_last(op)
