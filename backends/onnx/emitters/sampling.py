"""Images sampled at the positions of a grid."""

from ....ops import nn
from ....ops.enums import ResizeMode, SamplePadding
from ....passes.lowering.grid_sampling import last_centres
from ...conditions import has_channels_first, pads_zeros_or_nothing
from ..graph import Graph, OnnxTable
from .operands import emits

TABLE = OnnxTable()

SAMPLES_VOLUMES = 20
"""From this opset on images may have three axes; modes have other names."""

_MODES = {ResizeMode.LINEAR: "linear", ResizeMode.NEAREST: "nearest", ResizeMode.CUBIC: "cubic"}
_OLDER_MODES = {ResizeMode.LINEAR: "bilinear", ResizeMode.NEAREST: "nearest", ResizeMode.CUBIC: "bicubic"}


def is_image(op: nn.GridSample) -> bool:
    """two spatial axes"""
    return op.x.type.rank == 4


def is_volume(op: nn.GridSample) -> bool:
    """three spatial axes, and no cubic interpolation"""
    return op.x.type.rank == 5 and op.mode is not ResizeMode.CUBIC


def has_positions_alike(op: nn.GridSample) -> bool:
    """a grid of the operand's dtype"""
    return op.grid.type.dtype is op.x.type.dtype


def pads_zeros(op: nn.GridSample) -> bool:
    """zeros around what is interpolated linearly, or a grid from -1 to 1 where the image's sizes are not known"""
    # The runtime's kernel for zeros takes a seventh of the time of the others, which bring each position inside.
    if op.padding is SamplePadding.ZEROS or op.mode is not ResizeMode.LINEAR:
        return True
    return last_centres(op) is None and pads_zeros_or_nothing(op)


_GRID = (has_channels_first, has_positions_alike, pads_zeros)


@emits(TABLE, "GridSample", nn.GridSample, when=(*_GRID, is_volume), since=SAMPLES_VOLUMES)
@emits(TABLE, "GridSample", nn.GridSample, when=(*_GRID, is_image))
def grid_sample(op: nn.GridSample, graph: Graph) -> None:
    modes = _OLDER_MODES if graph.opset < SAMPLES_VOLUMES else _MODES
    graph.add(
        "GridSample",
        [op.x, op.grid],
        [op.result],
        mode=modes[op.mode],
        padding_mode=op.padding.value,
        align_corners=int(op.align_corners),
    )
