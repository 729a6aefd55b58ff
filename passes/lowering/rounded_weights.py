"""Compressed weights in forms that a target cannot store, rounded once more: to integers of 8 bits, which most can.

As floats they would be exact, but several times as large, and who asked for few bits wanted a small file. What rounding
to 8 bits costs is little beside what rounding to fewer has cost.
"""

import numpy as np

from ...ir import Array, Value
from ...ops import quant
from ...types import DType
from ..patterns import constant, constant_array, elements_of, is_compressed
from ..quantization.uniform import Scheme, quantize
from ..quantization.weights import WeightUse

SMALLEST_ROUNDED = 1024
"""Weights of fewer elements may as well stay exact."""

SMALL_TABLE = 6
"""Entries of tables with more bits lie so close together that 8 bits with one scale hardly tell them apart."""

_HIGHEST = 127
_FULLEST, _EMPTIEST = _HIGHEST, 64
"""The integers that the largest entry of a table may become."""


def rounded_to_bytes(use: WeightUse, keeps_tables: bool = True) -> Value | None:
    """op(x, dequantize(w in blocks of 4 bits) or depalettize(...)) -> op(x, dequantize(w in 8 bits))

    A weight in 8 bits has a scale for each output channel. With ``keeps_tables`` a palette of at most 6 bits keeps its
    entries instead, as integers with one scale, for which targets may have fewer bits: few entries, but the small ones
    are less exact. None for weights in other forms (in 8 bits already),
    small ones, and those without an axis of output channels.
    """
    if not is_compressed(use.value) or elements_of(use.value).size < SMALLEST_ROUNDED:
        return None
    match use.value.owner:
        case quant.Depalettize() as palette if palette.bits <= SMALL_TABLE and (
            keeps_tables or use.output_axis is None
        ):
            return _with_table_of_bytes(palette)
        case quant.Depalettize():
            return _per_output(use)
        case quant.Dequantize(block=int()) as stored if stored.x.type.dtype in (DType.I4, DType.U4):
            return _per_output(use)
    return None


def _per_output(use: WeightUse) -> Value | None:
    if use.output_axis is None:
        return None
    elements = elements_of(use.value)
    rounded = quantize(elements, Scheme(8), axis=use.output_axis)
    # The scales have the dtype that the layer computes in.
    scales = constant(rounded.scales.astype(elements.dtype))
    return quant.Dequantize(_named(rounded.stored, use.value), scales, None, use.output_axis).result


def _with_table_of_bytes(palette: quant.Depalettize) -> Value | None:
    table = constant_array(palette.table)
    if table is None:
        return None
    indices = elements_of(palette.indices) & (table.size - 1)
    counts = np.bincount(indices.reshape(-1), minlength=table.size)
    entries, scale = _rounded_table(table.astype(np.float64), counts)
    stored = _named(entries[indices], palette.result)
    return quant.Dequantize(stored, constant(np.array(scale, table.dtype)), None).result


def _rounded_table(table: Array, counts: Array) -> tuple[Array, float]:
    """The entries as i8, and their scale: that with the least squared error over all elements, of some that let the
    largest entry be an integer."""
    largest = float(np.abs(table).max()) or 1.0
    scales = largest / np.arange(_FULLEST, _EMPTIEST - 1, -1)
    rounded = np.rint(table / scales[:, None])
    errors = np.square(rounded * scales[:, None] - table) @ counts
    best = int(np.argmin(errors))
    return rounded[best].astype(np.int8), float(scales[best])


def _named(array: Array, weight: Value) -> Value:
    """A constant that is called as what held the integers before."""
    owner = weight.owner
    held = owner.operands[0] if owner is not None else weight
    return constant(np.ascontiguousarray(array), held)


__all__ = ["rounded_to_bytes"]
