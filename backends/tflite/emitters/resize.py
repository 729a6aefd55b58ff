"""Resampling of images whose channels come last."""

import numpy as np

from ....dims import SymInt
from ....ops import nn
from ....passes.lowering.resampling import Convention, convention
from ....passes.lowering.resize import is_identity
from ....types import DType, TensorType
from ...conditions import is_linear, is_nearest, takes
from ..graph import Graph, Operand, TfliteTable
from ..integer_kernels import I8, I16, with_one_scale
from ..schema_enums import BuiltinOperator
from ..schema_enums import TensorType as TfliteType
from ..schema_options import CastOptions, ResizeBilinearOptions, ResizeNearestNeighborOptions, SliceOptions

TABLE = TfliteTable()

_IMAGE = takes(DType.F32, DType.I8, DType.U8)


def resizes_height_and_width(op: nn.Resize) -> bool:
    """data [N, H, W, C] whose H and W alone are resized"""
    return op.x.type.rank == 4 and is_identity(op, 0) and is_identity(op, 3)


def has_tensorflow_coordinates(op: nn.Resize) -> bool:
    """coordinates as TensorFlow computes them"""
    return convention(op) is not None


def has_sizes(op: nn.Resize) -> bool:
    """sizes that are known, or computed at run time"""
    return op.dims is not None or not any(isinstance(d, SymInt) for d in op.shape[1:3])


FRACTION = 1 << 10
"""The integer kernels count positions in steps of this part of an element."""


def is_stored_for_resampling(op: nn.Resize) -> bool:
    """all numbers as i8 or i16, with one scale for all of them, i16 only where positions are multiples of 1/1024"""
    # Else their error grows along an axis: to little beside a step of 8 bits, which XNNPACK does not even make.
    return _ONE_SCALE(op) and (op.x.type.stored is not DType.I16 or _has_exact_positions(op))


_ONE_SCALE = with_one_scale(I8, I16)


def _has_exact_positions(op: nn.Resize) -> bool:
    corners = 1 if convention(op) is Convention.ALIGN_CORNERS else 0
    for old, new in zip(op.x.type.shape[1:3], op.shape[1:3], strict=True):
        if not isinstance(old, int) or not isinstance(new, int):
            return False
        if new > 1 and (old - corners) * FRACTION % (new - corners):
            return False
    return True


@TABLE.emits(
    nn.Resize,
    when=(resizes_height_and_width, is_linear, takes(DType.F32), has_tensorflow_coordinates, has_sizes),
    stored=is_stored_for_resampling,
)
def resize_bilinear(op: nn.Resize, graph: Graph) -> None:
    found = convention(op)
    options = ResizeBilinearOptions(
        align_corners=found is Convention.ALIGN_CORNERS, half_pixel_centers=found is Convention.HALF_PIXEL
    )
    graph.add(BuiltinOperator.RESIZE_BILINEAR, [op.x, _sizes(op, graph)], [op.result], options)


@TABLE.emits(
    nn.Resize,
    when=(resizes_height_and_width, is_nearest, _IMAGE, has_tensorflow_coordinates, has_sizes),
    stored=with_one_scale(I8, I16),
)
def resize_nearest_neighbor(op: nn.Resize, graph: Graph) -> None:
    found = convention(op)
    options = ResizeNearestNeighborOptions(
        align_corners=found is Convention.ALIGN_CORNERS, half_pixel_centers=found is Convention.HALF_PIXEL
    )
    graph.add(BuiltinOperator.RESIZE_NEAREST_NEIGHBOR, [op.x, _sizes(op, graph)], [op.result], options)


def _sizes(op: nn.Resize, graph: Graph) -> Operand:
    """The new height and width as int32[2]."""
    known = [d for d in op.shape[1:3] if isinstance(d, int)]
    if len(known) == 2:
        return np.array(known, np.int32)
    assert op.dims is not None
    dims: Operand = op.dims
    if op.dims.type.dtype is not DType.I32:
        dims = graph.temporary(TensorType(DType.I32, (4,)))
        options = CastOptions(in_data_type=TfliteType.INT64, out_data_type=TfliteType.INT32)
        graph.add(BuiltinOperator.CAST, [op.dims], [dims], options)
    sizes = graph.temporary(TensorType(DType.I32, (2,)))
    bounds = [np.array([1], np.int32), np.array([2], np.int32)]
    graph.add(BuiltinOperator.SLICE, [dims, *bounds], [sizes], SliceOptions())
    return sizes
