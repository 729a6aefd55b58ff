"""Layers of single positions change places with means and resampling of positions: they run where there are fewer."""

from math import prod

from ....ir import Op, Value
from ....opdef import replace
from ....ops import math, nn
from ....ops.enums import Activation, CoordinateTransform, ResizeMode
from ....rewriter import RuleSet
from ...compressed_weights import known_reshape
from ..affine_movement import weighs_by_one
from ..layer_algebra import is_pointwise
from ..layer_maps import elements

RULES = RuleSet()


@RULES.on(nn.AveragePool)
def pool_before_point_conv(op: nn.AveragePool) -> Op | None:
    """average_pool(conv(x)) -> conv(average_pool(x)) for kernels of one element, when that multiplies less"""
    conv = op.x.owner
    if not isinstance(conv, nn.Conv) or not op.x.has_one_use or conv.layout is not op.layout or not _is_plain(conv):
        return None
    if conv.bias is not None and not weighs_by_one(op):
        return None
    taps = prod(op.kernel)
    pooled = replace(op, x=conv.x)
    before = _multiplications(conv, op.x) + taps * elements(op.result)
    after = _multiplications(conv, op.result) + taps * elements(pooled.result)
    return replace(conv, x=pooled.result) if after < before else None


@RULES.on(math.ReduceMean)
def mean_before_point_conv(op: math.ReduceMean) -> Op | None:
    """mean(conv(x)) over space -> conv(mean(x)), or linear, for kernels of one element, when that multiplies less"""
    conv = op.x.owner
    if not isinstance(conv, nn.Conv) or not op.x.has_one_use or not _is_plain(conv):
        return None
    if op.axes != conv.layout.spatial_axes(op.x.type.rank):
        return None
    mean = replace(op, x=conv.x)
    before = _multiplications(conv, op.x) + elements(op.x)
    after = _multiplications(conv, op.result) + elements(conv.x)
    if after >= before:
        return None
    if op.keep_dims:
        return replace(conv, x=mean.result)
    matrix = known_reshape(conv.weight, (*conv.weight.type.static_shape[:2],)) if conv.groups == 1 else None
    return None if matrix is None else nn.Linear(mean.result, matrix, conv.bias)


@RULES.on(math.ReduceMean)
def mean_before_linear(op: math.ReduceMean) -> Op | None:
    """mean(linear(x)) -> linear(mean(x)) over other axes than the last, when that multiplies less"""
    linear = op.x.owner
    if not isinstance(linear, nn.Linear) or not op.x.has_one_use or op.x.type.rank - 1 in op.axes:
        return None
    if linear.activation is not Activation.NONE or not op.x.type.dtype.is_float:
        return None
    moved = replace(linear, x=replace(op, x=linear.x).result)
    before = _multiplications(linear, op.x) + elements(op.x)
    return moved if _multiplications(linear, moved.result) + elements(linear.x) < before else None


@RULES.on(nn.Conv)
def point_conv_before_resize(op: nn.Conv) -> Op | None:
    """conv(resize(x)) -> resize(conv(x)) for kernels of one element, when that multiplies less"""
    resize = op.x.owner
    if not isinstance(resize, nn.Resize) or not op.x.has_one_use or not _is_plain(op):
        return None
    if not _resamples_space(resize, op):
        return None
    conv = replace(op, x=resize.x)
    axis = op.layout.channel_axis(op.x.type.rank)
    shape = tuple(op.output_channels if a == axis else d for a, d in enumerate(resize.shape))
    # An activation behind the layer no longer runs inside it.
    before = _multiplications(op, op.result) + 4 * elements(op.x)
    after = _multiplications(op, conv.result) + 5 * elements(op.result)
    return replace(resize, x=conv.result, shape=shape) if after < before else None


def _resamples_space(resize: nn.Resize, conv: nn.Conv) -> bool:
    """Whether every result is a mean of elements at one channel, with weights that sum to 1."""
    axis = conv.layout.channel_axis(conv.x.type.rank)
    fixed = (0, axis)
    keeps = all(resize.shape[a] == resize.x.type.shape[a] and resize.scales[a : a + 1] in ((), (1,)) for a in fixed)
    sums_to_one = resize.mode in (ResizeMode.NEAREST, ResizeMode.LINEAR)
    stays_inside = resize.transform is not CoordinateTransform.TF_CROP_AND_RESIZE
    return keeps and sums_to_one and stays_inside and resize.dims is None


def _is_plain(conv: nn.Conv) -> bool:
    """Whether the layer looks at one position of floats at a time, and does no more."""
    return is_pointwise(conv) and conv.activation is Activation.NONE and conv.x.type.dtype.is_float


def _multiplications(layer: nn.Conv | nn.Linear, result: Value) -> int:
    """What the layer costs when it computes ``result``, or as many elements."""
    inputs = layer.weight.type.shape[1]
    return elements(result) * (inputs if isinstance(inputs, int) else 1)
