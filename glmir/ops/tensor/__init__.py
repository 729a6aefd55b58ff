"""``tensor.*``: structure, indexing and creation of tensors."""

from .creation import Constant, Dims, OneHot, Range, Trilu
from .indexing import (
    DynamicSlice,
    DynamicUpdateSlice,
    Gather,
    GatherElements,
    GatherNd,
    Indexed,
    NonZero,
    Scatter,
    ScatterElements,
    ScatterNd,
    Slice,
)
from .spatial import BlockRearrangement, DepthToSpace, SpaceToDepth
from .structure import Cast, Concat, Expand, Pad, Reshape, Reverse, Shape, Split, Tile, Transpose

__all__ = [
    "BlockRearrangement",
    "Cast",
    "Concat",
    "Constant",
    "DepthToSpace",
    "Dims",
    "DynamicSlice",
    "DynamicUpdateSlice",
    "Expand",
    "Gather",
    "GatherElements",
    "GatherNd",
    "Indexed",
    "NonZero",
    "OneHot",
    "Pad",
    "Range",
    "Reshape",
    "Reverse",
    "Scatter",
    "ScatterElements",
    "ScatterNd",
    "Shape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Tile",
    "Transpose",
    "Trilu",
]
