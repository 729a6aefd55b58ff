"""Moving the elements of compressed weights: what is moved are the integers, and their scales follow."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ..ir import Value
from ..opdef import replace
from ..ops import quant
from .patterns import constant, constant_array, elements_of, is_compressed


def known_transpose(x: Value, permutation: Sequence[int]) -> Value | None:
    """A known value with its axes reordered, in the form in which it is kept; None when that form does not allow it.

    Of a constant it is a view.
    """
    array = constant_array(x)
    if array is not None:
        return constant(np.transpose(array, permutation), x)
    if not is_compressed(x):
        return None
    match x.owner:
        case quant.Depalettize(indices=indices) as op:
            moved = known_transpose(indices, permutation)
            return None if moved is None else replace(op, indices=moved).result
        case quant.Densify() as op:
            # The values are listed in the order of the elements.
            dense, mask = (np.transpose(elements_of(v), permutation) for v in (x, op.mask))
            return replace(op, values=constant(dense[mask], op.values), mask=constant(mask, op.mask)).result
        case quant.Dequantize(x=stored, axis=axis) as op:
            moved = known_transpose(stored, permutation)
            if moved is None or axis is None:
                return None if moved is None else replace(op, x=moved).result
            parameters = [_transposed_parameters(op, v, permutation) for v in (op.scale, op.zero_point)]
            scale, zero_point = parameters
            assert scale is not None
            axis = list(permutation).index(axis)
            return replace(op, x=moved, scale=scale, zero_point=zero_point, axis=axis).result
    return None


def _transposed_parameters(op: quant.Dequantize, parameters: Value | None, permutation: Sequence[int]) -> Value | None:
    """Scales of blocks lie as the weight does; those of an axis are a vector."""
    return parameters if op.block is None or parameters is None else known_transpose(parameters, permutation)


def known_reshape(x: Value, shape: Sequence[int]) -> Value | None:
    """A known value in another shape, in the form in which it is kept; None when that form does not allow it.

    Scales of an axis allow what keeps that axis; scales of blocks nothing but axes of size 1 added or dropped.
    """
    array = constant_array(x)
    if array is not None:
        return constant(array.reshape(shape), x)
    if not is_compressed(x):
        return None
    match x.owner:
        case quant.Depalettize(indices=indices) as op:
            moved = known_reshape(indices, shape)
            return None if moved is None else replace(op, indices=moved).result
        case quant.Densify(mask=mask) as op:
            # The values are in row-major order of whatever shape.
            moved = known_reshape(mask, shape)
            return None if moved is None else replace(op, mask=moved).result
        case quant.Dequantize(x=stored, axis=None) as op:
            moved = known_reshape(stored, shape)
            return None if moved is None else replace(op, x=moved).result
        case quant.Dequantize() as op:
            return _reshaped_with_axis(op, shape)
    return None


def _reshaped_with_axis(op: quant.Dequantize, shape: Sequence[int]) -> Value | None:
    axis = _kept_axis(op, shape)
    stored = None if axis is None else known_reshape(op.x, shape)
    if axis is None or stored is None:
        return None
    if op.block is None:
        return replace(op, x=stored, axis=axis).result
    blocks = [-(-d // op.block) if i == axis else d for i, d in enumerate(shape)]
    scale = known_reshape(op.scale, blocks)
    zero_point = None if op.zero_point is None else known_reshape(op.zero_point, blocks)
    if scale is None or (zero_point is None and op.zero_point is not None):
        return None
    return replace(op, x=stored, scale=scale, zero_point=zero_point, axis=axis).result


def _kept_axis(op: quant.Dequantize, shape: Sequence[int]) -> int | None:
    """Which axis of ``shape`` is the one of the scales: of the same size, with as many elements before it."""
    old, axis = op.x.type.static_shape, op.axis
    assert axis is not None
    found = [i for i, d in enumerate(shape) if d == old[axis] and prod(shape[:i]) == prod(old[:axis])]
    if not found:
        return None
    if op.block is not None and [d for d in shape if d != 1] != [d for d in old if d != 1]:
        return None
    return found[-1] if old[axis] != 1 else found[0]


def known_split(x: Value, axis: int, count: int) -> list[Value] | None:
    """A known value in equal parts along an axis, each in the form in which it is kept; None when that form does not
    allow it."""
    array = constant_array(x)
    if array is not None:
        return [constant(part) for part in np.split(array, count, axis)]
    match x.owner:
        case quant.Dequantize(block=None) as op if is_compressed(x):
            parts = known_split(op.x, axis, count)
            scales, zero_points = (
                [v] * count if v is None or op.axis != axis else known_split(v, 0, count)
                for v in (op.scale, op.zero_point)
            )
            if parts is None or scales is None or zero_points is None:
                return None
            rows = zip(parts, scales, zero_points, strict=True)
            return [replace(op, x=p, scale=s, zero_point=z).result for p, s, z in rows]
    return None


__all__ = ["known_reshape", "known_split", "known_transpose"]
