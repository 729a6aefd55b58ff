"""Spatial ops brought to the one layout that a target has, where layout assignment has not."""

from ...ir import Op, Value
from ...opdef import replace
from ...ops import nn, tensor
from ...ops.enums import Layout
from ..layout.channels_last import to_channels_first, to_channels_last

SpatialOp = (
    nn.Convolution
    | nn.Pool
    | nn.LocalResponseNorm
    | nn.InstanceNorm
    | nn.GroupNorm
    | nn.GridSample
    | tensor.DepthToSpace
    | tensor.SpaceToDepth
)


def channels_first(op: Op) -> Value | None:
    """op(x, nhwc) -> transpose(op(transpose(x), nchw))"""
    if not isinstance(op, SpatialOp) or op.layout is Layout.NCHW:
        return None
    rank = op.x.type.rank
    moved = replace(op, x=tensor.Transpose(op.x, to_channels_first(rank)).result, layout=Layout.NCHW)
    return tensor.Transpose(moved.result, to_channels_last(rank)).result


def channels_last(op: Op) -> Value | None:
    """op(x, nchw) -> transpose(op(transpose(x), nhwc))"""
    if not isinstance(op, SpatialOp) or op.layout is Layout.NHWC:
        return None
    rank = op.x.type.rank
    moved = replace(op, x=tensor.Transpose(op.x, to_channels_last(rank)).result, layout=Layout.NHWC)
    return tensor.Transpose(moved.result, to_channels_first(rank)).result
