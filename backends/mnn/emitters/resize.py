"""Resampling of images."""

from ....dims import SymInt
from ....ops import nn
from ....ops.enums import ResizeMode
from ....types import DType
from ...conditions import resizes_height_and_width
from ..graph import Graph, MnnTable, Operand
from ..resampling import sampling
from ..schema_enums import OpType
from ..schema_parameters import Interp, StridedSliceParam
from .operands import int32
from .quantization import keeps_bytes

TABLE = MnnTable()


def is_f32_image(op: nn.Resize) -> bool:
    """operands of f32"""
    return op.x.type.dtype is DType.F32


def has_native_coordinates(op: nn.Resize) -> bool:
    """coordinates as MNN computes them"""
    return sampling(op) is not None


def has_sizes(op: nn.Resize) -> bool:
    """sizes that are known, or computed at run time"""
    return op.dims is not None or not any(isinstance(d, SymInt) for d in op.shape[2:])


def moves_or_blends_bytes(op: nn.Resize) -> bool:
    """bytes with one scale, the same in the operand and the result, of nearest or linear mode"""
    return op.mode in (ResizeMode.NEAREST, ResizeMode.LINEAR) and keeps_bytes(op)


@TABLE.emits(
    nn.Resize,
    when=(resizes_height_and_width, is_f32_image, has_native_coordinates, has_sizes),
    stored=moves_or_blends_bytes,
)
def interp(op: nn.Resize, graph: Graph) -> None:
    found = sampling(op)
    assert found is not None
    parameter = Interp(resize_type=found.kernel, ctm=found.mode)
    height, width = op.shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        parameter.output_height, parameter.output_width = height, width
        graph.add(OpType.INTERP, [op.x], [op.result], parameter)
    else:
        operands: list[Operand] = [graph.plain(op.dims), int32([2]), int32([4]), int32([0]), int32([1])]
        sizes = graph.temporary()
        graph.add(OpType.STRIDED_SLICE, operands, [sizes], StridedSliceParam(from_type=1))
        graph.add(OpType.INTERP, [op.x, sizes], [op.result], parameter)
