"""Gathering, scattering, counting up and finding elements."""

import numpy as np

from ....dims import SymInt, known_equal
from ....ops import math, tensor
from ....ops.enums import ScatterReduction
from ....passes.patterns import constant_array
from ....types import DType, TensorType
from ...conditions import has_nonnegative_indices, knows_depth, takes
from ..program import CoremlTable, Program
from .conditions import BOOL, I32, NUMBERS, is_number, is_number_or_bool, knows_other_sizes

TABLE = CoremlTable()

_MODES = {
    ScatterReduction.NONE: "update",
    ScatterReduction.ADD: "add",
    ScatterReduction.MUL: "mul",
    ScatterReduction.MIN: "min",
    ScatterReduction.MAX: "max",
}


def has_i32_indices(op: tensor.Indexed | tensor.OneHot) -> bool:
    """indices of i32"""
    return op.indices.type.dtype is I32


_INDEXED = (is_number, has_i32_indices, has_nonnegative_indices)


def _batch_dims(program: Program, count: int) -> dict[str, int]:
    return {"batch_dims": count} if program.version >= 16 else {}


def _validation(program: Program) -> dict[str, bool]:
    return {"validate_indices": False} if program.version >= 17 else {}


@TABLE.emits(tensor.Gather, when=_INDEXED)
def gather(op: tensor.Gather, program: Program) -> None:
    options = _batch_dims(program, 0) | _validation(program)
    program.add("gather", op.result, x=op.x, indices=op.indices, axis=op.axis, **options)


def indices_match_data(op: tensor.GatherElements | tensor.ScatterElements) -> bool:
    """indices as large as the data along all other axes"""
    shapes = zip(op.x.type.shape, op.indices.type.shape, strict=True)
    return all(axis == op.axis or known_equal(a, b) for axis, (a, b) in enumerate(shapes))


@TABLE.emits(tensor.GatherElements, when=(*_INDEXED, indices_match_data, knows_other_sizes))
def gather_elements(op: tensor.GatherElements, program: Program) -> None:
    program.add("gather_along_axis", op.result, x=op.x, indices=op.indices, axis=op.axis, **_validation(program))


def has_no_batch(op: tensor.GatherNd) -> bool:
    """no batch dims"""
    return op.batch_dims == 0


@TABLE.emits(tensor.GatherNd, when=(*_INDEXED, has_no_batch))
def gather_nd(op: tensor.GatherNd, program: Program) -> None:
    options = _batch_dims(program, 0) | _validation(program)
    program.add("gather_nd", op.result, x=op.x, indices=op.indices, **options)


@TABLE.emits(tensor.GatherNd, when=_INDEXED, since=16)
def gather_nd_in_batches(op: tensor.GatherNd, program: Program) -> None:
    options = _batch_dims(program, op.batch_dims) | _validation(program)
    program.add("gather_nd", op.result, x=op.x, indices=op.indices, **options)


@TABLE.emits(tensor.ScatterElements, when=(*_INDEXED, indices_match_data, knows_other_sizes))
def scatter_elements(op: tensor.ScatterElements, program: Program) -> None:
    program.add(
        "scatter_along_axis",
        op.result,
        data=op.x,
        indices=op.indices,
        updates=op.updates,
        axis=op.axis,
        mode=_MODES[op.reduction],
        **_validation(program),
    )


@TABLE.emits(tensor.ScatterNd, when=_INDEXED)
def scatter_nd(op: tensor.ScatterNd, program: Program) -> None:
    program.add(
        "scatter_nd",
        op.result,
        data=op.x,
        indices=op.indices,
        updates=op.updates,
        mode=_MODES[op.reduction],
        **_validation(program),
    )


def has_known_rows(op: tensor.OneHot) -> bool:
    """constant values, on and off, of f16, f32, i32 or bool, and a known depth"""
    return op.values.type.dtype in (*NUMBERS, BOOL) and constant_array(op.values) is not None and knows_depth(op)


def has_indices_within(op: tensor.OneHot) -> bool:
    """indices that are known to lie in the row"""
    # What the runtime makes of others is written nowhere.
    depth, indices = op.depth, constant_array(op.indices)
    if indices is not None:
        return isinstance(depth, int) and bool(np.all((indices >= 0) & (indices < depth)))
    match op.indices.owner:
        case math.ArgReduction(x=x, axis=axis):
            dim = x.type.shape[axis]
            return isinstance(depth, int) and isinstance(dim, int) and dim <= depth
    return False


@TABLE.emits(tensor.OneHot, when=(has_i32_indices, has_known_rows, has_indices_within))
def one_hot(op: tensor.OneHot, program: Program) -> None:
    values = constant_array(op.values)
    assert values is not None and isinstance(op.depth, int)
    off, on = (np.asarray(v, values.dtype) for v in values)
    program.add(
        "one_hot",
        op.result,
        indices=op.indices,
        one_hot_vector_size=op.depth,
        axis=op.axis,
        on_value=on,
        off_value=off,
    )


@TABLE.emits(tensor.Range, when=(is_number,))
def range_(op: tensor.Range, program: Program) -> None:
    program.add("range_1d", op.result, end=op.limit, start=op.start, step=op.delta)


def sorts_all(op: math.TopK) -> bool:
    """a count that is known before it runs, or all elements"""
    return isinstance(op.k, SymInt) and known_equal(op.k, op.x.type.shape[op.axis]) and op.index_dtype is I32


@TABLE.emits(math.TopK, when=(is_number, sorts_all))
def sort(op: math.TopK, program: Program) -> None:
    values, indices = op.results
    program.add("argsort", indices, x=op.x, axis=op.axis, ascending=not op.largest)
    program.add("gather_along_axis", values, x=op.x, indices=indices, axis=op.axis, **_validation(program))


def counts_in_i32(op: tensor.NonZero) -> bool:
    """positions of i32"""
    return op.index_dtype is I32


@TABLE.emits(tensor.NonZero, when=(takes(*NUMBERS), counts_in_i32))
def non_zero(op: tensor.NonZero, program: Program) -> None:
    rank, count = op.result.type.shape
    positions = program.temporary(TensorType(DType.I32, (count, rank)))
    program.add("non_zero", positions, x=op.x)
    program.add("transpose", op.result, x=positions, perm=(1, 0))


def keeps_main_diagonal(op: tensor.Trilu) -> bool:
    """a triangle that holds the main diagonal"""
    return op.diagonal <= 0 if op.upper else op.diagonal >= 0


@TABLE.emits(tensor.Trilu, when=(is_number_or_bool, keeps_main_diagonal))
def triangle(op: tensor.Trilu, program: Program) -> None:
    lower, upper = (-op.diagonal, -1) if op.upper else (-1, op.diagonal)
    program.add("band_part", op.result, x=op.x, lower=lower, upper=upper)
