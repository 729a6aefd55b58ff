"""``torchvision::``: what detection and segmentation models call besides ATen."""

from ....ir import Value
from ....ops import math, nn
from ....types import DType
from ...layers import scalar
from ...point_sampling import DeformableConvolution, RoiAlign
from ..building import sliced
from ..registry import Table
from ..scalars import Int
from ..scope import Scope, cast, known_int, reshape
from ..tensors import Tensor, Unsupported
from ..work import require_small

TABLE = Table()


# Non-maximum suppression


@TABLE.imports("torchvision::nms")
def nms(scope: Scope, dets: Tensor, scores: Tensor, iou_threshold: float) -> Value:
    """The indices i64[K] of the boxes x1, y1, x2, y2 [N, 4] kept, those of higher scores first.

    Which of two corners' coordinates is across and which is down does not matter to what boxes share.
    """
    count = dets.shape[0]
    dtype = dets.dtype if dets.dtype is scores.dtype else DType.F32
    boxes = cast(reshape(dets.value, (1, count, 4)), dtype)
    ranks = cast(reshape(scores.value, (1, 1, count)), dtype)
    kept = scope.fresh_symbol()
    found = nn.NonMaxSuppression(boxes, ranks, None, scalar(iou_threshold, boxes), None, kept).result
    return reshape(sliced(found, 1, 2, 1), (kept,))


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
