"""Conditions of emitters that several targets share; what each asks for is its docstring (``emission.Condition``)."""

from collections.abc import Callable

from ..dims import SymInt, known_equal
from ..ir import Op
from ..ops import math, nn, tensor
from ..ops.enums import Activation, ChannelOrder, Layout, PadMode, ResizeMode, SamplePadding
from ..ops.families import GivesPositions
from ..ops.nn.activation import SoftmaxFamily
from ..passes.lowering.grid_sampling import is_within_image
from ..passes.lowering.ranges import is_nonnegative_at_run_time
from ..passes.lowering.resize import is_identity
from ..passes.patterns import constant_array
from ..types import DType

Activated = math.ActivatedArithmetic | nn.Linear | nn.Conv | nn.ConvTranspose
Spatial = (
    nn.Convolution
    | nn.Pool
    | nn.InstanceNorm
    | nn.GroupNorm
    | nn.GridSample
    | nn.LocalResponseNorm
    | tensor.DepthToSpace
    | tensor.SpaceToDepth
)


def however_stored(op: Op) -> bool:
    """numbers, however they are stored"""
    return True


def takes(*dtypes: DType, operand: int = 0) -> Callable[[Op], bool]:
    """A condition: the first operand, or the one of that place, has one of these dtypes."""

    def condition(op: Op) -> bool:
        return op.operands[operand].type.dtype in dtypes

    *others, last = (d.value for d in dtypes)
    condition.__doc__ = f"operands of {', '.join(others)} or {last}" if others else f"operands of {last}"
    return condition


def up_to_rank(rank: int) -> Callable[[Op], bool]:
    """A condition: no operand and no result has more axes."""

    def condition(op: Op) -> bool:
        return all(v.type.rank <= rank for v in (*op.operands, *op.results))

    condition.__doc__ = f"tensors of at most {rank} axes"
    return condition


def is_f32(op: Op) -> bool:
    """operands of f32"""
    return all(v.type.dtype is DType.F32 for v in op.operands)


def has_axes(op: Op) -> bool:
    """at least one axis"""
    return op.operands[0].type.rank > 0


def has_four_axes(op: Op) -> bool:
    """four axes"""
    return op.operands[0].type.rank == 4


def is_matrix(op: nn.Linear) -> bool:
    """a matrix"""
    return op.x.type.rank == 2


def has_no_activation(op: Activated) -> bool:
    """no fused activation"""
    return op.activation is Activation.NONE


def has_channels_first(op: Spatial) -> bool:
    """channels first"""
    return op.layout is Layout.NCHW


def has_channels_last(op: Spatial) -> bool:
    """channels last"""
    return op.layout is Layout.NHWC


def has_constant_weight(op: nn.Convolution | nn.Linear) -> bool:
    """a constant weight"""
    return constant_array(op.weight) is not None


def has_static_weight(op: nn.Convolution) -> bool:
    """a weight of known shape"""
    return op.weight.type.is_static


def is_not_dilated(op: nn.Pool) -> bool:
    """windows without gaps"""
    return all(d == 1 for d in op.dilations)


def knows_padding(op: nn.Convolution | nn.Pool) -> bool:
    """known padding"""
    return all(isinstance(p, int) for p in op.padding)


def is_along_last_axis(op: SoftmaxFamily) -> bool:
    """the last axis"""
    return op.axis == op.x.type.rank - 1


def is_block_major(op: tensor.DepthToSpace) -> bool:
    """channels ordered [block, block, C]"""
    return op.order is ChannelOrder.DCR


def is_linear(op: nn.Resize) -> bool:
    """linear interpolation"""
    return op.mode is ResizeMode.LINEAR


def is_nearest(op: nn.Resize) -> bool:
    """nearest neighbours"""
    return op.mode is ResizeMode.NEAREST


def interpolates_between_neighbours(op: nn.GridSample) -> bool:
    """linear interpolation"""
    return op.mode is ResizeMode.LINEAR


def pads_zeros_or_nothing(op: nn.GridSample) -> bool:
    """zeros around the image, or a grid from -1 to 1 that needs no more than the image's border"""
    return op.padding is SamplePadding.ZEROS or (op.padding is SamplePadding.BORDER and is_within_image(op))


def resizes_height_and_width(op: nn.Resize) -> bool:
    """data [N, C, H, W] whose H and W alone are resized"""
    return op.x.type.rank == 4 and is_identity(op, 0) and is_identity(op, 1)


def has_nonnegative_indices(op: tensor.Indexed) -> bool:
    """indices that are not negative"""
    return is_nonnegative_at_run_time(op.indices)


def selects_first(op: math.ArgReduction) -> bool:
    """the first of equal elements"""
    return not op.select_last


def counts_in_i64(op: GivesPositions) -> bool:
    """positions as i64"""
    return op.index_dtype is DType.I64


def knows_count(op: math.TopK) -> bool:
    """a known number of elements, or an operand that gives it at run time"""
    return isinstance(op.k, int) or op.count is not None


def knows_depth(op: tensor.OneHot) -> bool:
    """a known depth"""
    return isinstance(op.depth, int)


def knows_shape(op: tensor.Reshape) -> bool:
    """a shape of which at most one dim is symbolic, or that an operand gives at run time"""
    return op.dims is not None or sum(isinstance(d, SymInt) for d in op.shape) <= 1


def knows_repeats(op: tensor.Tile) -> bool:
    """known numbers of repeats"""
    return all(isinstance(r, int) for r in op.repeats)


def has_equal_parts(op: tensor.Split) -> bool:
    """parts of equal sizes"""
    return all(known_equal(s, op.sizes[0]) for s in op.sizes)


def covers_all_axes(op: tensor.DynamicSlice) -> bool:
    """bounds for every axis, in order"""
    return op.axes == tuple(range(op.x.type.rank))


def goes_forward(op: tensor.Slice | tensor.DynamicSlice) -> bool:
    """positive strides"""
    return all(s > 0 for s in op.strides)


def knows_amounts(op: tensor.Pad) -> bool:
    """known amounts"""
    return all(isinstance(d, int) for d in (*op.low, *op.high))


def mirrors_within(op: tensor.Pad) -> bool:
    """mirror images that are smaller than the tensor"""
    if op.mode is not PadMode.REFLECT:
        return True
    axes = zip(op.low, op.x.type.shape, op.high, strict=True)
    return all(
        isinstance(dim, SymInt) or all(isinstance(d, int) and d < max(dim, 1) for d in (low, high))
        for low, dim, high in axes
    )
