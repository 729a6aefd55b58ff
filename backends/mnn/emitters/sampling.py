"""Images sampled at the positions of a grid."""

from ....ops import nn
from ....ops.enums import SamplePadding
from ...conditions import (
    has_channels_first,
    has_four_axes,
    interpolates_between_neighbours,
    is_f32,
    pads_zeros_or_nothing,
)
from ..graph import Graph, MnnTable
from ..schema_enums import BorderMode, OpType, SampleMode
from ..schema_sampling import GridSample

TABLE = MnnTable()


@TABLE.emits(
    nn.GridSample,
    when=(has_channels_first, has_four_axes, is_f32, interpolates_between_neighbours, pads_zeros_or_nothing),
)
def grid_sample(op: nn.GridSample, graph: Graph) -> None:
    border = BorderMode.ZEROS if op.padding is SamplePadding.ZEROS else BorderMode.CLAMP
    parameter = GridSample(mode=SampleMode.BILINEAR, padding_mode=border, align_corners=op.align_corners)
    graph.add(OpType.GRID_SAMPLE, [op.x, graph.plain(op.grid)], [op.result], parameter)
