"""Weights that are stored as integers, palettes or sparse, and decompressed when the model is loaded.

The forms of iOS 18 come first: a program of that release has no others.
"""

import numpy as np

from ....ir import Array, Op, Value
from ....ops import quant
from ....passes.patterns import elements_of, is_compressed, is_constant
from ....types import DType
from .. import schema
from ..packing import Packed, pack_bits, packed
from ..program import CoremlTable, Named, Program, Stored
from ..schema import DataType
from ..values import DATA_TYPES, tensor_type
from .conditions import FLOATS
from .quantization import has_no_blocks, is_of_floats, stores_bytes

TABLE = CoremlTable()

NEW_FORMS = 18
"""The release with blocks, integers of four bits, and sparse weights that are quantized or palettes besides."""

PALETTE_BITS = (1, 2, 4, 6, 8)
NEW_PALETTE_BITS = (1, 2, 3, 4, 6, 8)


def is_weight(op: Op) -> bool:
    """constants"""
    return is_compressed(op.results[0])


def has_axes(op: Op) -> bool:
    """at least one axis"""
    return op.results[0].type.rank > 0


def is_stored_whole(op: Op) -> bool:
    """integers or numbers that are stored as they are"""
    return all(is_constant(v) for v in op.operands)


def is_stored_sparse(op: quant.Dequantize) -> bool:
    """integers of which the zeros are not stored"""
    return isinstance(op.x.owner, quant.Densify) and is_stored_whole(op.x.owner)


def stores_nibbles_or_bytes(op: quant.Dequantize) -> bool:
    """integers of 4 or 8 bits"""
    return op.stored in (DType.I4, DType.U4, DType.I8, DType.U8)


def has_dividing_blocks(op: quant.Dequantize) -> bool:
    """blocks that divide their axis"""
    if op.block is None or op.axis is None:
        return True
    size = op.x.type.shape[op.axis]
    return isinstance(size, int) and size % op.block == 0


_WEIGHT = (is_weight, has_axes, is_of_floats)
_NEW = (*_WEIGHT, stores_nibbles_or_bytes, has_dividing_blocks)


@TABLE.emits(quant.Dequantize, when=(*_NEW, is_stored_whole), since=NEW_FORMS)
def constexpr_blockwise_shift_scale(op: quant.Dequantize, program: Program) -> None:
    _add(program, "constexpr_blockwise_shift_scale", op.result, data=op.x, **_shift_and_scale(op))


def _shift_and_scale(op: quant.Dequantize) -> dict[str, Stored]:
    """Scales and zero points with as many axes as the weight."""
    parameters: dict[str, Stored] = {"scale": _spread(op, op.scale)}
    if op.zero_point is not None:
        parameters["offset"] = _spread(op, op.zero_point)
    return parameters


def _spread(op: quant.Dequantize, parameters: Value) -> Array:
    array = elements_of(parameters)
    if op.block is not None:
        return array
    shape = [1] * op.x.type.rank
    if op.axis is not None:
        shape[op.axis] = array.size
    return array.reshape(shape)


@TABLE.emits(quant.Dequantize, when=(*_NEW, is_stored_sparse), since=NEW_FORMS)
def constexpr_sparse_blockwise_shift_scale(op: quant.Dequantize, program: Program) -> None:
    densify = op.x.owner
    assert isinstance(densify, quant.Densify)
    mask, data = _sparse_outputs(op.result, densify.values.type.static_shape, program)
    program.add_constexpr(
        "constexpr_sparse_blockwise_shift_scale",
        [mask, data],
        data_mask=_mask(densify.mask),
        nonzero_data=densify.values,
        **_shift_and_scale(op),
    )
    _add(program, "constexpr_sparse_to_dense", op.result, nonzero_data=Named(data.name), mask=Named(mask.name))


def _sparse_outputs(
    dense: Value, shape: tuple[int, ...], program: Program
) -> tuple[schema.NamedValueType, schema.NamedValueType]:
    """The mask and the elements that are not zero, between two operations."""
    name = dense.name or "weight"
    mask = schema.NamedValueType(
        name=program.unique_name(f"{name}_mask"), type=tensor_type(DataType.UINT1, dense.type.static_shape)
    )
    data_type = tensor_type(DATA_TYPES[dense.type.dtype], shape)
    return mask, schema.NamedValueType(name=program.unique_name(f"{name}_nonzero"), type=data_type)


@TABLE.emits(quant.Dequantize, when=(*_WEIGHT, stores_bytes, has_no_blocks, is_stored_whole), since=16)
def constexpr_affine_dequantize(op: quant.Dequantize, program: Program) -> None:
    zeros = np.zeros((), op.stored.numpy) if op.zero_point is None else elements_of(op.zero_point)
    _add(
        program,
        "constexpr_affine_dequantize",
        op.result,
        quantized_data=op.x,
        zero_point=zeros,
        scale=op.scale,
        axis=np.asarray(op.axis or 0, np.int32),
    )


def holds_floats(op: quant.Depalettize | quant.Densify) -> bool:
    """numbers of f16 or f32"""
    return op.results[0].type.dtype in FLOATS


def has_new_palette(op: quant.Depalettize) -> bool:
    return op.bits in NEW_PALETTE_BITS


def has_palette(op: quant.Depalettize) -> bool:
    return op.bits in PALETTE_BITS


for _condition, _bits in ((has_new_palette, NEW_PALETTE_BITS), (has_palette, PALETTE_BITS)):
    _condition.__doc__ = f"indices of {', '.join(map(str, _bits[:-1]))} or {_bits[-1]} bits"


def has_palette_of_values(op: quant.Densify) -> bool:
    """numbers that a palette has"""
    owner = op.values.owner
    return isinstance(owner, quant.Depalettize) and is_stored_whole(owner) and has_new_palette(owner)


def is_part_of_weight(op: Op) -> bool:
    """a weight that it is a part of"""
    return all(
        (isinstance(user, quant.Dequantize) and is_stored_sparse(user))
        or (isinstance(user, quant.Densify) and has_palette_of_values(user))
        for user in op.results[0].users
    )


@TABLE.emits(quant.Densify, quant.Depalettize, when=(is_weight, is_stored_whole, is_part_of_weight), since=NEW_FORMS)
def part(op: Op, program: Program) -> None:
    """What takes it writes it, in one operation."""


@TABLE.emits(
    quant.Depalettize, when=(is_weight, has_axes, holds_floats, is_stored_whole, has_new_palette), since=NEW_FORMS
)
def constexpr_lut_to_dense(op: quant.Depalettize, program: Program) -> None:
    _add(
        program,
        "constexpr_lut_to_dense",
        op.result,
        indices=packed(elements_of(op.indices), op.bits),
        lut=_table(op, op.result.type.rank),
    )


def _table(op: quant.Depalettize, rank: int) -> Array:
    """One table for all: [1, …, entries, 1], with two axes more than the weight."""
    return elements_of(op.table).reshape((*(1,) * rank, -1, 1))


@TABLE.emits(quant.Depalettize, when=(is_weight, has_axes, holds_floats, is_stored_whole, has_palette), since=16)
def constexpr_lut_to_dense_of_bytes(op: quant.Depalettize, program: Program) -> None:
    _add(
        program,
        "constexpr_lut_to_dense",
        op.result,
        indices=pack_bits(elements_of(op.indices), op.bits),
        lut=op.table,
        shape=_shape(op.result),
    )


_SPARSE = (is_weight, has_axes, holds_floats)


@TABLE.emits(quant.Densify, when=(*_SPARSE, has_palette_of_values), since=NEW_FORMS)
def constexpr_lut_to_sparse(op: quant.Densify, program: Program) -> None:
    palette = op.values.owner
    assert isinstance(palette, quant.Depalettize)
    mask, data = _sparse_outputs(op.result, palette.indices.type.static_shape, program)
    program.add_constexpr(
        "constexpr_lut_to_sparse",
        [mask, data],
        indices_mask=_mask(op.mask),
        indices_nonzero_data=packed(elements_of(palette.indices), palette.bits),
        lut=_table(palette, op.result.type.rank),
    )
    _add(program, "constexpr_sparse_to_dense", op.result, nonzero_data=Named(data.name), mask=Named(mask.name))


@TABLE.emits(quant.Densify, when=(*_SPARSE, is_stored_whole), since=NEW_FORMS)
def constexpr_sparse_to_dense(op: quant.Densify, program: Program) -> None:
    _add(program, "constexpr_sparse_to_dense", op.result, nonzero_data=op.values, mask=_mask(op.mask))


@TABLE.emits(quant.Densify, when=(*_SPARSE, is_stored_whole), since=16)
def constexpr_sparse_to_dense_of_bytes(op: quant.Densify, program: Program) -> None:
    _add(
        program,
        "constexpr_sparse_to_dense",
        op.result,
        nonzero_data=op.values,
        mask=pack_bits(elements_of(op.mask), 1),
        shape=_shape(op.result),
    )


def _mask(mask: Value) -> Array | Packed:
    return packed(elements_of(mask), 1)


def _shape(value: Value) -> Array:
    return np.asarray(value.type.static_shape, np.uint32)


def _add(program: Program, operator: str, result: Value, **parameters: Stored) -> None:
    program.add_constexpr(operator, [program.declared(result, operator)], **parameters)


__all__ = ["NEW_FORMS", "NEW_PALETTE_BITS", "PALETTE_BITS", "TABLE"]
