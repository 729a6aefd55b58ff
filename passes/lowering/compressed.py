"""Compressed weights whose elements are moved: what is stored is moved, and they stay compressed."""

from collections.abc import Sequence

import numpy as np

from ...ir import Value
from ...opdef import replace
from ...ops import quant
from ..patterns import constant, constant_array, elements_of, is_compressed


def transposed_weight(weight: Value, permutation: Sequence[int]) -> Value | None:
    """A compressed weight with its axes in another order; None for other values."""
    if not is_compressed(weight):
        return None
    match weight.owner:
        case quant.Dequantize() as op:
            x = _transposed(op.x, permutation)
            axis = None if op.axis is None else permutation.index(op.axis)
            if x is None:
                return None
            if op.block is None:
                return replace(op, x=x, axis=axis).result
            scale = constant(np.transpose(elements_of(op.scale), permutation))
            zeros = None
            if op.zero_point is not None:
                zeros = constant(np.transpose(elements_of(op.zero_point), permutation))
            return replace(op, x=x, axis=axis, scale=scale, zero_point=zeros).result
        case quant.Depalettize() as op:
            indices = _transposed(op.indices, permutation)
            return None if indices is None else replace(op, indices=indices).result
        case quant.Densify() as op:
            # The values are listed in the order of the elements.
            mask = np.transpose(elements_of(op.mask), permutation)
            dense = np.transpose(elements_of(weight), permutation)
            return replace(op, values=constant(dense[mask], op.values), mask=constant(mask)).result
    return None


def _transposed(stored: Value, permutation: Sequence[int]) -> Value | None:
    array = constant_array(stored)
    if array is None:
        return transposed_weight(stored, permutation)
    # A view: the elements stay where they are.
    return constant(np.transpose(array, permutation), stored)
