"""Convolutions, pools, resampling, and channels to space and back, over data whose channels come first."""

from collections.abc import Sequence

from ....dims import Dim
from ....ops import nn, tensor
from ....ops.enums import ChannelOrder, SamplePadding
from ....passes.lowering.resampling import Convention, convention, integer_factor
from ....passes.patterns import constant_array
from ....types import DType
from ...conditions import (
    has_channels_first,
    has_four_axes,
    has_no_activation,
    interpolates_between_neighbours,
    is_block_major,
    is_linear,
    is_nearest,
    is_not_dilated,
    knows_padding,
    pads_zeros_or_nothing,
    resizes_height_and_width,
)
from ..program import CoremlTable, Parameter, Program
from .conditions import is_float, knows_weight
from .elementwise import scalar

TABLE = CoremlTable()

Spatial = nn.Convolution | nn.Pool | nn.LocalResponseNorm | tensor.DepthToSpace | tensor.SpaceToDepth


def has_constant_bias(op: nn.Convolution) -> bool:
    """a constant bias, or none"""
    return op.bias is None or constant_array(op.bias) is not None


def has_dense_kernel(op: nn.Conv) -> bool:
    """a kernel without gaps, if the weight is computed"""
    return all(d == 1 for d in op.dilations)


_CONVOLUTION = (has_channels_first, is_float, has_no_activation, knows_padding, has_constant_bias)


def _alternating(padding: Sequence[Dim]) -> tuple[int, ...]:
    """[low..., high...] as low and high of each axis in turn."""
    rank = len(padding) // 2
    pairs = zip(padding[:rank], padding[rank:], strict=True)
    return tuple(d for pair in pairs for d in pair if isinstance(d, int))


def convolution(op: nn.Conv | nn.ConvTranspose, program: Program) -> None:
    optional: dict[str, Parameter] = {} if op.bias is None else {"bias": op.bias}
    program.add(
        "conv" if isinstance(op, nn.Conv) else "conv_transpose",
        op.result,
        x=op.x,
        weight=op.weight,
        strides=op.strides,
        pad_type="custom",
        pad=_alternating(op.padding),
        dilations=op.dilations,
        groups=op.groups,
        **optional,
    )


TABLE.emits(nn.Conv, when=(*_CONVOLUTION, knows_weight))(convolution)
TABLE.emits(nn.Conv, when=(*_CONVOLUTION, has_dense_kernel))(convolution)


def adds_no_padding(op: nn.ConvTranspose) -> bool:
    """no output padding"""
    return not any(op.output_padding)


_TRANSPOSED = (*_CONVOLUTION, adds_no_padding)
TABLE.emits(nn.ConvTranspose, when=(*_TRANSPOSED, knows_weight))(convolution)
TABLE.emits(nn.ConvTranspose, when=_TRANSPOSED, since=17)(convolution)


def rounds_down(op: nn.Pool) -> bool:
    """windows within the padded data"""
    return not op.ceil_mode


_POOL = (has_channels_first, is_float, knows_padding, is_not_dilated, rounds_down)


def _windows(op: nn.Pool) -> dict[str, Parameter]:
    return {
        "x": op.x,
        "kernel_sizes": op.kernel,
        "strides": op.strides,
        "pad_type": "custom",
        "pad": _alternating(op.padding),
        "ceil_mode": False,
    }


@TABLE.emits(nn.MaxPool, when=_POOL)
def max_pool(op: nn.MaxPool, program: Program) -> None:
    program.add("max_pool", op.result, **_windows(op))


@TABLE.emits(nn.AveragePool, when=_POOL)
def average_pool(op: nn.AveragePool, program: Program) -> None:
    program.add("avg_pool", op.result, exclude_padding_from_average=not op.count_include_pad, **_windows(op))


def has_known_coordinates(op: nn.Resize) -> bool:
    """coordinates of one of three conventions"""
    return convention(op) is not None


def has_centred_coordinates(op: nn.Resize) -> bool:
    """coordinates that are the pixels' centres"""
    return convention(op) is Convention.HALF_PIXEL


def knows_sizes(op: nn.Resize) -> bool:
    """known sizes"""
    return all(isinstance(d, int) for d in op.shape[2:])


def enlarges_by_integers(op: nn.Resize) -> bool:
    """integer factors"""
    return op.x.type.rank == 4 and all(integer_factor(op, axis) is not None for axis in (2, 3))


def repeats_elements(op: nn.Resize) -> bool:
    """every element repeated"""
    return enlarges_by_integers(op) and convention(op) in (Convention.HALF_PIXEL, Convention.LEGACY)


_IMAGE = (resizes_height_and_width, is_float)


@TABLE.emits(nn.Resize, when=(*_IMAGE, is_nearest, repeats_elements))
def upsample_nearest_neighbor(op: nn.Resize, program: Program) -> None:
    height, width = _factors(op)
    program.add("upsample_nearest_neighbor", op.result, x=op.x, scale_factor_height=height, scale_factor_width=width)


def _factors(op: nn.Resize) -> tuple[int, int]:
    height, width = integer_factor(op, 2), integer_factor(op, 3)
    assert height is not None and width is not None
    return height, width


def _sizes(op: nn.Resize) -> dict[str, int]:
    height, width = op.shape[2:]
    assert isinstance(height, int) and isinstance(width, int)
    return {"target_size_height": height, "target_size_width": width}


@TABLE.emits(nn.Resize, when=(*_IMAGE, is_nearest, knows_sizes, has_centred_coordinates))
def resize_nearest_neighbor(op: nn.Resize, program: Program) -> None:
    program.add("resize_nearest_neighbor", op.result, x=op.x, **_sizes(op))


_SAMPLING = {
    Convention.HALF_PIXEL: "UNALIGN_CORNERS",
    Convention.LEGACY: "DEFAULT",
    Convention.ALIGN_CORNERS: "STRICT_ALIGN_CORNERS",
}


@TABLE.emits(nn.Resize, when=(*_IMAGE, is_linear, knows_sizes, has_known_coordinates))
def resize_bilinear(op: nn.Resize, program: Program) -> None:
    found = convention(op)
    assert found is not None
    program.add("resize_bilinear", op.result, x=op.x, sampling_mode=_SAMPLING[found], **_sizes(op))


def aligns_corners_or_centres(op: nn.Resize) -> bool:
    """corners that stay corners, or coordinates that are the pixels' centres"""
    return convention(op) in (Convention.ALIGN_CORNERS, Convention.HALF_PIXEL)


@TABLE.emits(nn.Resize, when=(*_IMAGE, is_linear, enlarges_by_integers, aligns_corners_or_centres), since=16)
def upsample_bilinear(op: nn.Resize, program: Program) -> None:
    height, width = _factors(op)
    aligns_corners = convention(op) is Convention.ALIGN_CORNERS
    program.add(
        "upsample_bilinear",
        op.result,
        x=op.x,
        scale_factor_height=height,
        scale_factor_width=width,
        align_corners=aligns_corners,
        half_pixel_centers=not aligns_corners,
    )


def has_single_positions(op: nn.GridSample) -> bool:
    """positions of f32"""
    return op.grid.type.dtype is DType.F32


_GRID = (has_channels_first, has_four_axes, is_float, interpolates_between_neighbours)


@TABLE.emits(nn.GridSample, when=(*_GRID, pads_zeros_or_nothing, has_single_positions))
def resample(op: nn.GridSample, program: Program) -> None:
    program.add(
        "resample",
        op.result,
        x=op.x,
        coordinates=op.grid,
        sampling_mode="bilinear",
        padding_mode="constant" if op.padding is SamplePadding.ZEROS else "border",
        padding_value=scalar(0, op.x),
        coordinates_mode="normalized_minus_one_to_one",
        align_corners=op.align_corners,
    )


_DEPTH_TO_SPACE = (has_channels_first, is_float)


def is_channel_major(op: tensor.DepthToSpace) -> bool:
    """channels ordered [C, block, block]"""
    return op.order is ChannelOrder.CRD


@TABLE.emits(tensor.DepthToSpace, when=(*_DEPTH_TO_SPACE, is_block_major))
def depth_to_space(op: tensor.DepthToSpace, program: Program) -> None:
    program.add("depth_to_space", op.result, x=op.x, block_size=op.block)


@TABLE.emits(tensor.DepthToSpace, when=(*_DEPTH_TO_SPACE, is_channel_major))
def pixel_shuffle(op: tensor.DepthToSpace, program: Program) -> None:
    program.add("pixel_shuffle", op.result, x=op.x, upscale_factor=op.block)


@TABLE.emits(tensor.SpaceToDepth, when=_DEPTH_TO_SPACE)
def space_to_depth(op: tensor.SpaceToDepth, program: Program) -> None:
    program.add("space_to_depth", op.result, x=op.x, block_size=op.block)


def is_centred(op: nn.LocalResponseNorm) -> bool:
    """an odd number of channels to sum over"""
    return op.size % 2 == 1


@TABLE.emits(nn.LocalResponseNorm, when=(has_channels_first, is_float, has_four_axes, is_centred))
def local_response_norm(op: nn.LocalResponseNorm, program: Program) -> None:
    program.add(
        "local_response_norm",
        op.result,
        x=op.x,
        size=op.size,
        alpha=scalar(op.alpha, op.x),
        beta=scalar(op.beta, op.x),
        k=scalar(op.bias, op.x),
    )
