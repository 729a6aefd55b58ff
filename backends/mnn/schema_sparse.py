"""What a convolution's parameters say of a sparse weight, by slot numbers."""

from collections.abc import Sequence

from ..flatbuffer import INT32, Table, enum, scalar, string, tables
from .schema_enums import SparseAlgo


class Attribute(Table):
    i: int = scalar(1, INT32)
    key: str | None = string(3)


class SparseCommon(Table):
    method: SparseAlgo = enum(0, SparseAlgo.RANDOM)
    args: Sequence[Attribute] | None = tables(1, Attribute)
    """In the order of their keys: they are found by halving."""
