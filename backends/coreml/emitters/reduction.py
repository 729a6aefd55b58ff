"""Reductions, scans and sorting."""

from collections.abc import Mapping

from ....ir import Op
from ....ops import math
from ....types import DType
from ...conditions import selects_first, takes
from ..program import CoremlTable, Program
from .conditions import FLOATS, NUMBERS, is_number

TABLE = CoremlTable()

_REDUCTIONS: Mapping[type[Op], str] = {
    math.ReduceSum: "reduce_sum",
    math.ReduceMax: "reduce_max",
    math.ReduceMin: "reduce_min",
    math.ReduceProd: "reduce_prod",
    math.ReduceMean: "reduce_mean",
}


def has_axes(op: math.Reduction) -> bool:
    """at least one axis to reduce"""
    return bool(op.axes)


def reduction(op: math.Reduction, program: Program) -> None:
    program.add(_REDUCTIONS[type(op)], op.result, x=op.x, axes=op.axes, keep_dims=op.keep_dims)


for _op_class in _REDUCTIONS:
    _dtypes = FLOATS if _op_class is math.ReduceMean else NUMBERS
    TABLE.emits(_op_class, when=(takes(*_dtypes), has_axes))(reduction)  # type: ignore[arg-type]


def gives_i32(op: math.ArgReduction | math.TopK) -> bool:
    """indices of i32"""
    return op.index_dtype is DType.I32


@TABLE.emits(math.ArgMax, math.ArgMin, when=(is_number, selects_first, gives_i32))
def arg_reduction(op: math.ArgReduction, program: Program) -> None:
    operator = "reduce_argmax" if isinstance(op, math.ArgMax) else "reduce_argmin"
    if program.version < 17:
        program.add(operator, op.result, x=op.x, axis=op.axis, keep_dims=op.keep_dims)
    else:
        program.add(operator, op.result, x=op.x, axis=op.axis, keep_dims=op.keep_dims, output_dtype="int32")


@TABLE.emits(math.CumSum, when=(is_number,))
def cumulative_sum(op: math.CumSum, program: Program) -> None:
    program.add("cumsum", op.result, x=op.x, axis=op.axis, exclusive=op.exclusive, reverse=op.reverse)


def has_fixed_count(op: math.TopK) -> bool:
    """a count that is known before it runs"""
    return isinstance(op.k, int)


@TABLE.emits(math.TopK, when=(is_number, has_fixed_count, gives_i32))
def top_k(op: math.TopK, program: Program) -> None:
    assert isinstance(op.k, int)
    ordering: dict[str, int | bool | str] = {"k": op.k, "axis": op.axis, "ascending": not op.largest}
    if program.version >= 16:
        ordering |= {"sort": True, "return_indices": True}
    if program.version >= 17:
        ordering |= {"output_indices_dtype": "int32"}
    program.add("topk", op.results, x=op.x, **ordering)
