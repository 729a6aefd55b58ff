"""Resampling, in the ranks and along the axes that onnxruntime does.

``core/providers/cpu/tensor/upsample.cc`` refuses the others when it runs.
"""

from fractions import Fraction

import numpy as np

from ....dims import Dim, known_equal
from ....ir import Array
from ....ops import nn
from ....ops.enums import CoordinateTransform, ResizeMode
from ....passes.lowering.resize import is_crop, resized_axes
from ..graph import Graph, OnnxTable, Operand
from .operands import are_known, emits, i64, ints

TABLE = OnnxTable()

AXES_ARE_NAMED = 18
"""From this opset on sizes and scales may be given for some axes only."""

_LARGEST_DENOMINATOR = 1000
_IMAGE_AXES = {2: (0, 1), 3: (0, 1, 2), 4: (2, 3), 5: (2, 3, 4)}
_CUBIC_AXES = {2: (0, 1), 4: (2, 3)}


def is_resampled_along_image(op: nn.Resize) -> bool:
    """the nearest element, or interpolation of floats along the axes of an image: cubic over two, linear over three"""
    axes = set(resized_axes(op))
    rank = op.x.type.rank
    if op.mode is ResizeMode.NEAREST:
        return True
    if not op.x.type.dtype.is_float:
        return False
    if op.mode is ResizeMode.CUBIC or op.antialias:
        return rank in _CUBIC_AXES and axes <= set(_CUBIC_AXES[rank])
    return rank in _IMAGE_AXES and (axes <= set(_IMAGE_AXES[rank]) or (rank == 4 and axes <= {1, 2}))


def has_edges(op: nn.Resize) -> bool:
    """linear interpolation that takes what lies outside for the edge, unless it is antialiased"""
    return op.mode is not ResizeMode.LINEAR or op.antialias or not op.exclude_outside


def is_plain(op: nn.Resize) -> bool:
    """no antialiasing"""
    return not op.antialias


def has_common_coordinates(op: nn.Resize) -> bool:
    """coordinates other than half_pixel_symmetric and tf_half_pixel_for_nn"""
    return has_newer_coordinates(op) and op.transform is not CoordinateTransform.HALF_PIXEL_SYMMETRIC


def has_newer_coordinates(op: nn.Resize) -> bool:
    """coordinates other than tf_half_pixel_for_nn"""
    return op.transform is not CoordinateTransform.TF_HALF_PIXEL_FOR_NN


def _size_by_scale(op: nn.Resize, axis: int) -> bool:
    """Whether onnxruntime gets the axis' size from its scale: the product rounded down, in single precision."""
    dim, size, scale = op.x.type.shape[axis], op.shape[axis], op.scales[axis]
    if isinstance(dim, int) and isinstance(size, int):
        return int(np.float32(dim) * np.float32(scale)) == size
    return known_equal(size, _scaled(dim, scale))


def _scaled(dim: Dim, scale: float) -> Dim:
    ratio = Fraction(scale).limit_denominator(_LARGEST_DENOMINATOR)
    return dim * ratio.numerator // ratio.denominator


def knows_scales_or_sizes(op: nn.Resize) -> bool:
    """scales that give the sizes, or sizes that are known"""
    if op.scales:
        return all(_size_by_scale(op, axis) for axis in range(len(op.shape)))
    return op.dims is not None or are_known(op.shape)


def knows_sizes_of_some(op: nn.Resize) -> bool:
    """sizes that are known where they change"""
    return not op.scales and not is_crop(op) and are_known([op.shape[a] for a in resized_axes(op)])


def changes_an_axis(op: nn.Resize) -> bool:
    """at least one axis that changes"""
    return bool(resized_axes(op))


_CONDITIONS = (is_resampled_along_image, has_edges, changes_an_axis)


@emits(TABLE, "Resize", nn.Resize, when=(*_CONDITIONS, has_newer_coordinates, knows_scales_or_sizes), since=19)
@emits(TABLE, "Resize", nn.Resize, when=(*_CONDITIONS, has_common_coordinates, knows_scales_or_sizes), since=18)
@emits(TABLE, "Resize", nn.Resize, when=(*_CONDITIONS, has_common_coordinates, knows_scales_or_sizes, is_plain))
def resize(op: nn.Resize, graph: Graph) -> None:
    scales: Operand = np.array(op.scales, np.float32) if op.scales else None
    sizes: Operand = None
    if not op.scales:
        sizes = i64(*ints(op.shape)) if are_known(op.shape) else op.dims
    _add(op, graph, [_region(op, graph), scales, sizes], {})


@emits(
    TABLE, "Resize", nn.Resize, when=(*_CONDITIONS, has_common_coordinates, knows_sizes_of_some), since=AXES_ARE_NAMED
)
@emits(TABLE, "Resize", nn.Resize, when=(*_CONDITIONS, has_newer_coordinates, knows_sizes_of_some), since=19)
def resize_some(op: nn.Resize, graph: Graph) -> None:
    """The last resort: onnxruntime has its fast kernels, blocked by channels, for sizes of all axes only."""
    axes = resized_axes(op)
    _add(op, graph, [None, None, i64(*ints([op.shape[a] for a in axes]))], {"axes": list(axes)})


def _region(op: nn.Resize, graph: Graph) -> Array | None:
    if op.roi:
        return np.array(op.roi, np.float32)
    # Before opset 13 the region could not be left out.
    return np.zeros(0, np.float32) if graph.opset < 13 else None


def _add(op: nn.Resize, graph: Graph, operands: list[Operand], attributes: dict[str, list[int]]) -> None:
    """Writes the op. Before opset 13 scales could not be left out either, but be empty."""
    if graph.opset < 13 and operands[1] is None:
        operands[1] = np.zeros(0, np.float32)
    more: dict[str, float | int | str] = {}
    if op.mode is ResizeMode.NEAREST:
        more["nearest_mode"] = op.rounding.value
    if op.mode is ResizeMode.CUBIC:
        more |= {"cubic_coeff_a": op.cubic_coefficient}
    if op.exclude_outside and op.mode is not ResizeMode.NEAREST:
        more["exclude_outside"] = 1
    if op.antialias:
        more["antialias"] = 1
    if is_crop(op):
        more["extrapolation_value"] = op.extrapolation
    graph.add(
        "Resize",
        [op.x, *operands],
        [op.result],
        mode=op.mode.value,
        coordinate_transformation_mode=op.transform.value,
        **more,
        **attributes,
    )
