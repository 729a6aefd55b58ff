"""``torchvision::``: what detection and segmentation models call besides ATen."""

import numpy as np

from ....dims import SymInt
from ....ir import Value
from ....ops import math, tensor
from ....types import DType, TensorType
from ...layers import scalar
from ...point_sampling import DeformableConvolution, RoiAlign
from ..branches import loop
from ..building import sliced
from ..registry import Table
from ..scalars import Int
from ..scope import Scope, cast, constant, expand, known_int, reshape
from ..tensors import Tensor, Unsupported
from ..work import require_small

TABLE = Table()


# Non-maximum suppression


@TABLE.imports("torchvision::nms")
def nms(scope: Scope, dets: Tensor, scores: Tensor, iou_threshold: float) -> Value:
    """The indices of the boxes kept, those of higher scores first.

    A box is kept unless a kept one of a higher score overlaps it. Boxes are tried all at once, against those kept in
    the round before, until a round changes nothing: the first box is right from the start, and each round makes at
    least one more right, mostly all.
    """
    boxes, count = dets.value, dets.shape[0]
    given = scope.scalar(count, DType.I64) if isinstance(count, SymInt) else None
    order = math.TopK(scores.value, given, count, 0).results[1]
    ordered = tensor.Gather(boxes, order, 0).result
    overlaps = math.Greater(_overlap(ordered), scalar(iou_threshold, boxes)).result
    # Which boxes [row] those of higher scores [column] would suppress.
    suppresses = scope.insert(tensor.Trilu(cast(overlaps, DType.F32), -1, False).result)
    all_kept = scope.insert(expand(constant(np.ones((1, 1), np.float32)), (count, 1)))
    kept = _kept(scope, suppresses, all_kept)
    found = math.Greater(reshape(kept, (count,)), constant(np.array(0, np.float32))).result
    places = tensor.NonZero(found, scope.fresh_symbol()).result
    return tensor.Gather(order, reshape(places, (places.type.shape[1],)), 0).result


def _overlap(boxes: Value) -> Value:
    """Intersection over union of each two of the boxes x1, y1, x2, y2 [N, 4]: [N, N]."""
    count = boxes.type.shape[0]
    corners = [sliced(boxes, 1, i, 1) for i in range(4)]
    x1, y1, x2, y2 = ((c, reshape(c, (1, count))) for c in corners)

    def length(low: tuple[Value, Value], high: tuple[Value, Value]) -> Value:
        inner = math.Sub(math.Minimum(*high).result, math.Maximum(*low).result).result
        return math.Clamp(inner, 0.0).result

    areas = math.Mul(math.Sub(x2[0], x1[0]).result, math.Sub(y2[0], y1[0]).result).result
    inside = math.Mul(length(x1, x2), length(y1, y2)).result
    union = math.Sub(math.Add(areas, reshape(areas, (1, count))).result, inside).result
    return math.Div(inside, union).result


def _kept(scope: Scope, suppresses: Value, all_kept: Value) -> Value:
    """Rounds of suppression until none changes anything: f32 [N, 1] of ones and zeros."""
    types = (all_kept.type, TensorType(DType.BOOL, ()))

    def inputs() -> list[Value]:
        return [Value(types[0], "kept"), Value(types[1], "is_changing")]

    condition = scope.new_function("condition", inputs())
    body = scope.new_function("body", inputs())
    with scope.inside(body):
        before = body.inputs[0]
        hits = math.MatMul(suppresses, before).result
        zero = constant(np.array(0, np.float32))
        after = scope.insert(cast(math.Equal(hits, zero).result, DType.F32))
        changes = math.ReduceAny(math.NotEqual(before, after).result, (0, 1)).result
        scope.insert(changes)
    start = scope.insert(constant(np.array(True)))
    return loop(scope, (all_kept, start), (condition, [condition.inputs[1]]), (body, [after, changes]))[0]


# Regions of interest


@TABLE.imports("torchvision::roi_align")
def roi_align(
    scope: Scope,
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: Int,
    pooled_width: Int,
    sampling_ratio: int,
    aligned: bool,
) -> Value:
    """The mean of ``sampling_ratio`` squared samples in each bin of each region: [K, C, pooled height and width]."""
    rows, columns = (known_int(n, "the size of its result") for n in (pooled_height, pooled_width))
    require_small(rows * columns * max(sampling_ratio, 1), "the samples")
    image, *corners = (sliced(rois.value, 1, i, 1) for i in range(5))
    numbers = cast(reshape(image, rois.shape[:1]), DType.I64)
    align = RoiAlign((rows, columns), spatial_scale, max(sampling_ratio, 0), aligned, scope.fresh_symbol)
    return align.of(input.value, numbers, corners)


# Deformable convolution


@TABLE.imports("torchvision::deform_conv2d")
def deform_conv2d(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    stride_h: Int,
    stride_w: Int,
    pad_h: Int,
    pad_w: Int,
    dilation_h: Int,
    dilation_w: Int,
    groups: Int,
    offset_groups: Int,
    use_mask: bool,
) -> Value:
    kernel = tuple(known_int(n, "the size of the kernel") for n in weight.shape[2:])
    strides, padding, dilations = (
        tuple(known_int(n, "its window") for n in pair)
        for pair in ((stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w))
    )
    parts, shared = known_int(groups, "the number of groups"), known_int(offset_groups, "the number of offset groups")
    convolution = DeformableConvolution(strides, padding, dilations, parts, shared)
    y = convolution.of(input.value, weight.value, kernel, offset.value, mask.value if use_mask else None)
    return math.Add(y, reshape(bias.value, (1, weight.shape[0], 1, 1))).result


@TABLE.imports(
    "torchvision::roi_pool", "torchvision::ps_roi_align", "torchvision::ps_roi_pool", "torchvision::_roi_align_backward"
)
def unsupported(*arguments: object) -> Value:
    raise Unsupported("it is not supported; of torchvision's own operations nms, roi_align and deform_conv2d are")
