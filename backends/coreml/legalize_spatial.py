"""Rules that bring convolutions, pools and resampling to what Core ML has: channels first, plain attributes."""

from typing import TypeVar

from ...dims import product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn
from ...ops.enums import CoordinateTransform, Layout
from ...ops.nn.windows import spatial_sizes
from ...passes.lowering.activations import split_off_activation
from ...passes.lowering.building import folded_reshape, pad_axes, slice_axes
from ...passes.lowering.grid_sampling import grid_within_image
from ...passes.lowering.layouts import channels_first
from ...passes.lowering.materialize_shapes import dim_at
from ...passes.lowering.resampling import convention
from ...passes.lowering.resize import resize_of_nothing, resized_axes
from ...passes.lowering.spatial import floor_padding
from ...passes.patterns import constant_array, is_known
from ...rewriter import RuleSet

RULES = RuleSet()

PoolT = TypeVar("PoolT", bound=nn.Pool)

RULES.on(Op)(channels_first)
RULES.on(nn.Conv)(split_off_activation)
RULES.on(nn.ConvTranspose)(split_off_activation)
RULES.on(nn.Linear)(split_off_activation)


@RULES.on(nn.Conv)
def computed_bias_behind_conv(op: nn.Conv) -> Op | None:
    """conv(x, w, b) -> conv(x, w) + b, b not constant"""
    return _add_bias(op) if op.bias is not None and constant_array(op.bias) is None else None


@RULES.on(nn.ConvTranspose)
def computed_bias_behind_conv_transpose(op: nn.ConvTranspose) -> Op | None:
    """conv_transpose(x, w, b) -> conv_transpose(x, w) + b, b not constant"""
    return _add_bias(op) if op.bias is not None and constant_array(op.bias) is None else None


def _add_bias(op: nn.Conv | nn.ConvTranspose) -> Op | None:
    if op.layout is not Layout.NCHW or op.bias is None:
        return None
    bias = folded_reshape(op.bias, (*op.bias.type.shape, *(1,) * op.spatial_rank))
    return math.Add(replace(op, bias=None).result, bias)


@RULES.on(nn.ConvTranspose)
def output_padding_as_padding(op: nn.ConvTranspose) -> Op | None:
    """conv_transpose(x, padding=p, output_padding=e) -> conv_transpose(x, padding=p - e at the high end), e <= p"""
    rank = op.spatial_rank
    high = op.padding[rank:]
    if not any(op.output_padding):
        return None
    if not all(isinstance(h, int) and h >= e for h, e in zip(high, op.output_padding, strict=True)):
        return None
    rest = tuple(h - e for h, e in zip(high, op.output_padding, strict=True))
    return replace(op, padding=(*op.padding[:rank], *rest), output_padding=(0,) * rank)


@RULES.on(nn.ConvTranspose)
def output_padding_as_pad(op: nn.ConvTranspose) -> Op | None:
    """conv_transpose(x, padding=p, output_padding=e) -> pad(conv_transpose(x, max(p - e, 0)), max(e - p, 0)) + b"""
    rank = op.spatial_rank
    high = [p for p in op.padding[rank:] if isinstance(p, int)]
    if not any(op.output_padding) or len(high) < rank or op.layout is not Layout.NCHW:
        return None
    # No window reaches there: what is added is the bias alone.
    if op.bias is not None:
        return _add_bias(op)
    missing = [max(e - h, 0) for h, e in zip(high, op.output_padding, strict=True)]
    rest = tuple(max(h - e, 0) for h, e in zip(high, op.output_padding, strict=True))
    inner = replace(op, padding=(*op.padding[:rank], *rest), output_padding=(0,) * rank).result
    padded = pad_axes(inner, range(2, rank + 2), [0] * rank, missing)
    return padded.owner


@RULES.on(nn.MaxPool)
def max_pool_without_ceil(op: nn.MaxPool) -> Op | None:
    """max_pool(x, ceil_mode) -> max_pool(x, more padding)"""
    return _without_ceil(op)


@RULES.on(nn.AveragePool)
def average_pool_without_ceil(op: nn.AveragePool) -> Op | None:
    """average_pool(x, ceil_mode) -> average_pool(x, more padding), where padding does not count"""
    return None if op.count_include_pad else _without_ceil(op)


def _without_ceil(op: PoolT) -> PoolT | None:
    if not op.ceil_mode:
        return None
    low, high = floor_padding(op.windows, spatial_sizes(op.x.type.shape, op.layout))
    return replace(op, padding=(*low, *high), ceil_mode=False)


RULES.on(nn.Resize)(resize_of_nothing)
RULES.on(nn.GridSample)(grid_within_image)


@RULES.on(nn.Resize)
def resize_of_image(op: nn.Resize) -> Value | None:
    """resize(x) -> reshape(resize(reshape(x, [before, 1, h, w]))), the last two axes; else [before, 1, h, after]"""
    axes = resized_axes(op)
    rank = op.x.type.rank
    if convention(op) is None or not axes or (rank == 4 and axes[0] >= 2):
        return None
    # Sizes that nothing but the op's operand shows would be lost.
    if op.dims is not None and any(dim_at(op, op.shape[a]) is None for a in axes):
        return None
    part = axes if axes == (rank - 2, rank - 1) else axes[:1]
    inner = _resized_image(op, part)
    rest = axes[len(part) :]
    if not rest:
        return inner
    scales = tuple(s if a in rest else 1.0 for a, s in enumerate(op.scales))
    return replace(op, x=inner, scales=scales).result


def _resized_image(op: nn.Resize, axes: tuple[int, ...]) -> Value:
    """``op.x`` resized along one axis, or along the last two, as an image."""
    shape = op.x.type.shape
    first = axes[0]
    result = tuple(op.shape[a] if a in axes else d for a, d in enumerate(shape))
    scales: tuple[float, ...] = ()
    if op.scales:
        scales = (1.0, 1.0, *(op.scales[first:] if len(axes) == 2 else (op.scales[first], 1.0)))
    image, resized = ((product(s[:first]), 1, s[first], product(s[first + 1 :])) for s in (shape, result))
    inner = replace(op, x=folded_reshape(op.x, image), shape=resized, scales=scales, dims=None).result
    return folded_reshape(inner, result)


@RULES.on(nn.Resize)
def aligned_resize_without_scales(op: nn.Resize) -> Op | None:
    """resize(x, scales, align_corners) -> resize(x, align_corners), whose coordinates follow from the sizes"""
    if op.transform is not CoordinateTransform.ALIGN_CORNERS or not op.scales:
        return None
    return replace(op, scales=())


@RULES.on(nn.Conv)
def dilated_conv_of_computed_weight(op: nn.Conv) -> Op | None:
    """conv(x, w, dilation=d) -> conv(x, w with d - 1 zeros between its elements), w not constant"""
    if all(d == 1 for d in op.dilations) or not op.weight.type.is_static or is_known(op.weight):
        return None
    weight = op.weight
    for axis, dilation in enumerate(op.dilations, 2):
        weight = _spread(weight, axis, dilation)
    return replace(op, weight=weight, dilations=(1,) * op.spatial_rank)


def _spread(x: Value, axis: int, step: int) -> Value:
    """``x`` with ``step - 1`` zeros between its elements along an axis."""
    before, dim, after = product(x.type.shape[:axis]), x.type.shape[axis], product(x.type.shape[axis + 1 :])
    stuffed = pad_axes(folded_reshape(x, (before, dim, 1, after)), [2], [0], [step - 1])
    cut = slice_axes(folded_reshape(stuffed, (before, dim * step, after)), [1], [0], [(dim - 1) * step + 1])
    return folded_reshape(cut, (*x.type.shape[:axis], (dim - 1) * step + 1, *x.type.shape[axis + 1 :]))
