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


@TABLE.emits(
    nn.Resize,
    when=(resizes_height_and_width, is_linear, takes(DType.F32), has_tensorflow_coordinates, has_sizes),
    stored=with_one_scale(I8, I16),
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
