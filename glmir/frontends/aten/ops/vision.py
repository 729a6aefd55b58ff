"""``torchvision::``: what detection and segmentation models call besides ATen."""

from collections.abc import Sequence

import numpy as np

from ....dims import Dim, SymInt
from ....ir import Array, Value
from ....ops import math, tensor
from ....types import DType, TensorType
from ...layers import scalar
from ..branches import loop
from ..building import positions, sliced, transposed
from ..registry import Table
from ..scalars import Int
from ..scope import Scope, cast, constant, expand, known_dim, known_int, reshape
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


# Sampling at points


def _sampled(rows: Value, first: Value, y: Value, x: Value, height: Dim, width: Dim) -> Value:
    """Bilinear interpolation of images at points; what lies outside an image is zero.

    ``rows`` [images * height * width, C] are the images' elements, ``first`` the place of each point's image among
    them; it and the coordinates y and x broadcast to [*points]. The result is [*points, C].
    """
    top, left = math.Floor(y).result, math.Floor(x).result
    down, right = math.Sub(y, top).result, math.Sub(x, left).result
    total: Value | None = None
    for below in (False, True):
        for beside in (False, True):
            row = math.Add(top, scalar(1, top)).result if below else top
            column = math.Add(left, scalar(1, left)).result if beside else left
            share = math.Mul(_share(down, below), _share(right, beside)).result
            inside = math.LogicalAnd(_is_inside(row, height), _is_inside(column, width)).result
            weight = math.Select(inside, share, scalar(0, share)).result
            place = _place(first, row, column, height, width)
            values = tensor.Gather(rows, place, 0).result
            term = math.Mul(values, reshape(weight, (*weight.type.shape, 1))).result
            total = term if total is None else math.Add(total, term).result
    assert total is not None
    return total


def _share(fraction: Value, is_further: bool) -> Value:
    return fraction if is_further else math.Sub(scalar(1, fraction), fraction).result


def _as_number(dim: Dim, beside: Value) -> Value:
    """A size as a tensor without axes of the other's dtype."""
    if isinstance(dim, int):
        return scalar(dim, beside)
    return cast(reshape(tensor.Dims((dim,)).result, ()), beside.type.dtype)


def _is_inside(coordinate: Value, size: Dim) -> Value:
    at_least = math.GreaterEqual(coordinate, scalar(0, coordinate)).result
    return math.LogicalAnd(at_least, math.Less(coordinate, _as_number(size, coordinate)).result).result


def _place(first: Value, row: Value, column: Value, height: Dim, width: Dim) -> Value:
    """Where an image's element stands among the rows; some element of the image for one that it has not."""

    def limited(coordinate: Value, size: Dim) -> Value:
        last = math.Sub(_as_number(size, coordinate), scalar(1, coordinate)).result
        low = math.Maximum(coordinate, scalar(0, coordinate)).result
        return cast(math.Minimum(low, last).result, DType.I64)

    down = math.Mul(limited(row, height), _as_number(width, first)).result
    return math.Add(math.Add(first, down).result, limited(column, width)).result


def _images_as_rows(x: Value, groups: int) -> Value:
    """[N, C, H, W] as [N * groups * H * W, C / groups]."""
    batch, channels, height, width = x.type.shape
    each = channels // groups
    apart = transposed(reshape(x, (batch * groups, each, height, width)), (0, 2, 3, 1))
    return reshape(apart, (batch * groups * height * width, each))


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
    if sampling_ratio <= 0:
        raise Unsupported("the number of samples depends on the regions; set sampling_ratio to a number above 0")
    x, regions = input.value, rois.value
    _, channels, height, width = x.type.shape
    count = regions.type.shape[0]
    bins = [known_int(n, "the size of its result") for n in (pooled_height, pooled_width)]
    image, x1, y1, x2, y2 = (sliced(regions, 1, i, 1) for i in range(5))
    y, is_y = _samples(y1, y2, bins[0], height, spatial_scale, sampling_ratio, aligned)
    x_, is_x = _samples(x1, x2, bins[1], width, spatial_scale, sampling_ratio, aligned)
    rows, columns = (n * sampling_ratio for n in bins)
    first = math.Mul(cast(image, DType.I64), _as_number(height * width, constant(np.array(0)))).result
    values = _sampled(
        _images_as_rows(x, 1),
        reshape(first, (count, 1, 1)),
        expand(reshape(y, (count, rows, 1)), (count, rows, columns)),
        expand(reshape(x_, (count, 1, columns)), (count, rows, columns)),
        height,
        width,
    )
    inside = math.LogicalAnd(reshape(is_y, (count, rows, 1, 1)), reshape(is_x, (count, 1, columns, 1))).result
    values = math.Select(inside, values, scalar(0, values)).result
    in_bins = reshape(values, (count, bins[0], sampling_ratio, bins[1], sampling_ratio, channels))
    return transposed(math.ReduceMean(in_bins, (2, 4)).result, (0, 3, 1, 2))


def _samples(
    low: Value, high: Value, bins: int, size: Dim, scale: float, per_bin: int, aligned: bool
) -> tuple[Value, Value]:
    """Where the samples along an axis lie within the image, [K, bins * per_bin], and which are not far outside it."""
    offset = 0.5 if aligned else 0.0
    start, end = (math.Sub(math.Mul(v, scalar(scale, v)).result, scalar(offset, v)).result for v in (low, high))
    length = math.Sub(end, start).result
    if not aligned:
        length = math.Clamp(length, 1.0).result
    require_small(bins * per_bin, "the samples")
    steps = (np.arange(bins * per_bin) + 0.5) / (bins * per_bin)
    places = constant(steps.astype(low.type.dtype.numpy)[None])
    at = math.Add(start, math.Mul(length, places).result).result
    limit = _as_number(size, at)
    near = math.LogicalAnd(math.GreaterEqual(at, scalar(-1, at)).result, math.LessEqual(at, limit).result).result
    last = math.Sub(limit, scalar(1, at)).result
    return math.Minimum(math.Clamp(at, 0.0).result, last).result, near


# Deformable convolution


@TABLE.imports("torchvision::deform_conv2d")
def deform_conv2d(
    scope: Scope,
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
    x, kernel = input.value, weight.value
    batch, _, height, width = x.type.shape
    out_channels, each, kernel_h, kernel_w = kernel.type.shape
    taps = known_int(kernel_h * kernel_w, "the size of the kernel")
    parts, shared = known_int(groups, "the number of groups"), known_int(offset_groups, "the number of offset groups")
    _, _, out_h, out_w = offset.shape
    points = (batch, shared, taps, out_h, out_w)
    moves = reshape(offset.value, (batch, shared, taps, 2, out_h, out_w))
    y_moves, x_moves = (reshape(sliced(moves, 3, i, 1), points) for i in (0, 1))
    tap_rows, tap_columns = np.divmod(np.arange(taps), known_int(kernel_w, "the size of the kernel"))
    y = _points(scope, y_moves, tap_rows, 3, (stride_h, pad_h, dilation_h))
    x_ = _points(scope, x_moves, tap_columns, 4, (stride_w, pad_w, dilation_w))
    images = reshape(positions(scope, batch * shared), (batch, shared, 1, 1, 1))
    first = math.Mul(images, _as_number(height * width, images)).result
    values = _sampled(_images_as_rows(x, shared), first, y, x_, height, width)
    if use_mask:
        values = math.Mul(values, reshape(mask.value, (*points, 1))).result
    # [N, shared, taps, out_h, out_w, C / shared] -> [N, groups, C / groups * taps, out_h * out_w]
    ordered = transposed(values, (0, 1, 5, 2, 3, 4))
    columns = reshape(ordered, (batch, parts, each * taps, out_h * out_w))
    matrices = reshape(kernel, (1, parts, out_channels // parts, each * taps))
    y_out = reshape(math.MatMul(matrices, columns).result, (batch, out_channels, out_h, out_w))
    return math.Add(y_out, reshape(bias.value, (1, out_channels, 1, 1))).result


def _points(scope: Scope, moves: Value, taps: Array, axis: int, window: Sequence[Int]) -> Value:
    """The coordinate of each tap's point along an axis, moved: [N, shared, taps, out_h, out_w]."""
    stride, padding, dilation = (known_int(known_dim(n, "its window"), "its window") for n in window)
    size = moves.type.shape[axis]
    starts = math.Mul(positions(scope, size), constant(np.array(stride, np.int64))).result
    shape = tuple(size if i == axis else 1 for i in range(5))
    within = constant((taps * dilation - padding).astype(np.int64).reshape(1, 1, -1, 1, 1))
    grid = cast(math.Add(reshape(starts, shape), within).result, moves.type.dtype)
    return math.Add(moves, grid).result


@TABLE.imports(
    "torchvision::roi_pool", "torchvision::ps_roi_align", "torchvision::ps_roi_pool", "torchvision::_roi_align_backward"
)
def unsupported(*arguments: object) -> Value:
    raise Unsupported("it is not supported; of torchvision's own operations nms, roi_align and deform_conv2d are")
