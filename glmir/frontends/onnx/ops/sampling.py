"""Sampling of images at computed points: grids, regions of interest, deformable windows; columns folded to images."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import math, tensor
from ....ops.enums import ResizeMode, SamplePadding
from ....ops.nn.windows import Windows
from ....types import DType
from ...grid_sampling import affine_grid, grid_line, grid_sampled
from ...point_sampling import DeformableConvolution, RoiAlign
from ...region_pooling import RegionPool
from ...unfolding import folded
from ...values import positions, reshape, size_of, sliced
from ..folding_at_run_time import FoldingAtRunTime
from ..node import ImporterTable, Node, Unsupported, cast, constant
from .windows import positive_ints

TABLE = ImporterTable()

_INTERPOLATIONS = {
    "bilinear": ResizeMode.LINEAR, "linear": ResizeMode.LINEAR, "nearest": ResizeMode.NEAREST,
    "bicubic": ResizeMode.CUBIC, "cubic": ResizeMode.CUBIC,
}  # fmt: skip

_MAX_TAPS = 1024
"""How many elements a window may have."""


@TABLE.imports("GridSample")
def grid_sample(node: Node) -> Value:
    x, grid = node.operand(0), node.operand(1)
    mode = node.string("mode", "bilinear" if node.opset < 20 else "linear")
    padding = node.string("padding_mode", "zeros")
    if mode not in _INTERPOLATIONS:
        raise Unsupported(f"mode {mode} is not known")
    if padding.upper() not in SamplePadding.__members__:
        raise Unsupported(f"padding_mode {padding} is not known")
    rank = x.type.rank - 2
    if rank < 1 or grid.type.rank != rank + 2 or grid.type.shape[-1] != rank:
        raise Unsupported(f"an image {x.type} and a grid {grid.type} do not fit")
    aligns_corners = bool(node.int("align_corners", 0))
    return grid_sampled(x, grid, _INTERPOLATIONS[mode], SamplePadding[padding.upper()], aligns_corners)


@TABLE.imports("AffineGrid")
def affine_grid_of_size(node: Node) -> Value:
    theta, sizes = node.operand(0), node.operand(1)
    length = _length(node, 1)
    if length not in (4, 5):
        raise Unsupported(f"its size {sizes.type} must have 4 or 5 elements")
    dims: Sequence[Dim | None] = node.dims(1) or (None,) * length
    dtype = DType.F64 if theta.type.dtype is DType.F64 else DType.F32
    align_corners = bool(node.int("align_corners", 0))
    lines = []
    for axis, dim in enumerate(dims[2:], 1):
        if dim is None:
            size = cast(reshape(sliced(sizes, 0, axis + 1, 1), ()), DType.I64)
            zero, one = (constant(np.array(i, np.int64)) for i in (0, 1))
            places = tensor.Range(zero, size, one, node.unknown_dim(axis)).result
        else:
            size, places = size_of(dim), positions(dim)
        lines.append(grid_line(cast(places, dtype), cast(size, dtype), align_corners))
    return cast(affine_grid(cast(theta, dtype), lines), theta.type.dtype)


def _computed_type(x: Value) -> DType:
    """What is computed in where x's own dtype is too rough for coordinates."""
    return DType.F64 if x.type.dtype is DType.F64 else DType.F32


@TABLE.imports("RoiAlign")
def roi_align(node: Node) -> Value:
    x, rois, images = node.operand(0), node.operand(1), node.operand(2)
    mode = node.string("mode", "avg")
    transform = node.string("coordinate_transformation_mode", "half_pixel") if node.opset >= 16 else "output_half_pixel"
    if mode not in ("avg", "max"):
        raise Unsupported(f"mode {mode} is not known")
    if transform not in ("half_pixel", "output_half_pixel"):
        raise Unsupported(f"coordinate_transformation_mode {transform} is not known")
    _require_image(x)
    if rois.type.rank != 2 or rois.type.shape[1] != 4 or images.type.rank != 1:
        raise Unsupported(f"its regions {rois.type} must be [K, 4], and their images {images.type} [K]")
    bins = node.int("output_height", 1), node.int("output_width", 1)
    align = RoiAlign(
        bins,
        node.float("spatial_scale", 1.0),
        max(node.int("sampling_ratio", 0), 0),
        transform == "half_pixel",
        node.scope.fresh_symbol,
        mode == "max",
    )
    dtype = _computed_type(x)
    corners = [sliced(cast(rois, dtype), 1, i, 1) for i in range(4)]
    return cast(align.of(cast(x, dtype), cast(images, DType.I64), corners), x.type.dtype)


def _require_image(x: Value) -> None:
    if x.type.rank != 4:
        raise Unsupported(f"its operand {x.type} must be [N, C, H, W]")


@TABLE.imports("MaxRoiPool")
def max_roi_pool(node: Node) -> Value:
    x, rois = node.operand(0), node.operand(1)
    _require_image(x)
    bins = node.ints("pooled_shape")
    if rois.type.rank != 2 or rois.type.shape[1] != 5 or len(bins) != 2:
        raise Unsupported(f"its regions {rois.type} must be [K, 5], and pooled_shape two sizes")
    sizes = x.type.shape[2:]
    if not all(isinstance(d, int) for d in sizes):
        raise Unsupported(f"the height and width of {x.type} must be known; fix them with --input or --dim")
    dtype = _computed_type(x)
    pool = RegionPool((bins[0], bins[1]), node.float("spatial_scale", 1.0))
    return cast(pool.of(cast(x, dtype), cast(rois, dtype)), x.type.dtype)


@TABLE.imports("DeformConv")
def deform_conv(node: Node) -> Value:
    x, weight, offset = node.operand(0), node.operand(1), node.operand(2)
    bias, mask = node.optional(3), node.optional(4)
    rank = x.type.rank - 2
    if rank < 1 or weight.type.rank != rank + 2 or offset.type.rank != rank + 2:
        raise Unsupported(f"an image {x.type}, a weight {weight.type} and offsets {offset.type} do not fit")
    kernel = tuple(d for d in weight.type.shape[2:] if isinstance(d, int))
    groups, shared = node.int("group", 1), node.int("offset_group", 1)
    if len(kernel) < rank or prod(kernel) > _MAX_TAPS:
        raise Unsupported(f"its weight {weight.type} must have known sizes, and at most {_MAX_TAPS} taps")
    if groups < 1 or shared < 1:
        raise Unsupported("its groups and offset groups must be at least 1")
    convolution = DeformableConvolution(
        positive_ints(node, "strides", rank),
        node.ints("pads", (0,) * 2 * rank)[:rank],
        positive_ints(node, "dilations", rank),
        groups,
        shared,
    )
    dtype = _computed_type(x)
    factors = None if mask is None else cast(mask, dtype)
    y = convolution.of(cast(x, dtype), cast(weight, dtype), kernel, cast(offset, dtype), factors)
    if bias is not None:
        y = math.Add(y, reshape(cast(bias, dtype), (1, weight.type.shape[0], *(1,) * rank))).result
    return cast(y, x.type.dtype)


@TABLE.imports("Col2Im")
def col2im(node: Node) -> Value:
    x, dtype = node.operand(0), node.operand(0).type.dtype
    rank = _length(node, 2)
    strides, dilations = positive_ints(node, "strides", rank), positive_ints(node, "dilations", rank)
    pads = node.ints("pads", (0,) * 2 * rank)
    if x.type.rank != 3 or len(pads) != 2 * rank or _length(node, 1) != rank:
        raise Unsupported(f"its columns {x.type}, {len(pads)} pads and the sizes of its image do not fit {rank} axes")
    if dtype is DType.BOOL:
        raise Unsupported("bools cannot be added up")
    columns = cast(x, dtype if dtype.is_integer else _computed_type(x))
    kernel, sizes = _known(node.dims(2)), _known(node.dims(1)) or _declared_sizes(node, rank)
    if sizes is None:
        raise Unsupported("input 1, the shape of the image, depends on the data; declare the shape of the result")
    if kernel is None or not all(isinstance(k, int) for k in kernel):
        channels = node.unknown_dim(1)
        if not isinstance(channels, int):
            raise Unsupported("input 2, the shape of a block, depends on the data; declare the shape of the result")
        block = cast(node.operand(2), DType.I64)
        return cast(FoldingAtRunTime(sizes, block, strides, pads, dilations).of(columns, channels), dtype)
    taps = tuple(k for k in kernel if isinstance(k, int))
    if sum(taps) > _MAX_TAPS:
        raise Unsupported(f"a block of {list(taps)} elements is too large")
    return cast(folded(columns, Windows(taps, strides, pads, dilations), taps, sizes), dtype)


def _length(node: Node, index: int) -> int:
    type_ = node.type(index)
    length = type_.shape[0] if type_.rank == 1 else None
    if not isinstance(length, int) or length < 1:
        raise Unsupported(f"input {index} must be a list of a known length, but it is {type_}")
    return length


def _known(dims: Sequence[Dim | None] | None) -> tuple[Dim, ...] | None:
    """The dims if all are known."""
    known = tuple(d for d in dims or () if d is not None)
    return known if dims and len(known) == len(dims) else None


def _declared_sizes(node: Node, rank: int) -> tuple[Dim, ...] | None:
    """The sizes of the image as the model declares them, if it does."""
    sizes = tuple(node.unknown_dim(2 + axis) for axis in range(rank))
    return sizes if all(isinstance(d, int) for d in sizes) else None
