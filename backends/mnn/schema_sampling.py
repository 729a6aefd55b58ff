"""The parameter table of images that are sampled at the positions of a grid, by slot numbers."""

from ..flatbuffer import BOOL, Table, enum, scalar
from .schema_enums import BorderMode, SampleMode


class GridSample(Table):
    mode: SampleMode = enum(0, SampleMode.BILINEAR)
    padding_mode: BorderMode = enum(1, BorderMode.ZEROS)
    align_corners: bool = scalar(2, BOOL)
    backward: bool = scalar(3, BOOL)
