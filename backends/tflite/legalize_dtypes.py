"""Dtypes that a kernel lacks: the op is computed in another one, and its results are cast back."""

from collections.abc import Mapping

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, tensor
from ...ops.math.logic import Bitwise
from ...passes.lowering.dtypes import computed_in, computed_in_one_of, has_operand, results_of
from ...passes.lowering.ranges import is_size_at_run_time
from ...rewriter import RuleSet
from ...types import DType
from . import legalize_integers
from .emitters import TABLE

RULES = RuleSet()

_FLOATS = (DType.F16, DType.BF16, DType.F64)
_EXACT: Mapping[DType, tuple[DType, ...]] = {
    DType.BOOL: (DType.I32,),
    DType.I8: (DType.I32,),
    DType.U8: (DType.I32,),
    DType.I16: (DType.I32,),
    DType.U16: (DType.I32,),
    DType.U32: (DType.I64,),
}
"""For each integer dtype those that hold all its numbers; arithmetic that wraps in the narrow one wraps in the cast."""

_INDEX_ARITHMETIC = (math.Div, math.Pow, Bitwise, math.BitwiseNot, math.ArgReduction)
"""What is computed in i32 for i64, of which no kernel exists, when it is sizes and positions that are computed."""


@RULES.on(Op)
def compute_in_single_precision(op: Op) -> tuple[Value, ...] | None:
    """op(x) -> cast(op(cast(x, f32))) for f16, bf16 and f64"""
    if not _computes(op):
        return None
    return next((results_of(op, computed_in(op, d, DType.F32)) for d in _FLOATS if has_operand(op, d)), None)


@RULES.on(Op)
def compute_in_wider_integers(op: Op) -> tuple[Value, ...] | None:
    """op(x) -> cast(op(cast(x, wider))) for integers and truth values, where the wider kernel exists"""
    return computed_in_one_of(op, _EXACT, _is_kernel)


def _is_kernel(op: Op) -> bool:
    return TABLE.is_legal(op) or (has_operand(op, DType.I64) and legalize_integers.computes(op))


@RULES.on(Op)
def compute_indices_in_32_bits(op: Op) -> tuple[Value, ...] | None:
    """op(x) -> cast(op(cast(x, i32))) for i64 that fits"""
    if not isinstance(op, _INDEX_ARITHMETIC) or not has_operand(op, DType.I64):
        return None
    if isinstance(op, math.ShiftLeft) or not all(map(is_size_at_run_time, op.operands)):
        return None
    return results_of(op, computed_in(op, DType.I64, DType.I32))


@RULES.on(tensor.NonZero)
def positions_in_64_bits(op: tensor.NonZero) -> Op | None:
    """non_zero(x, i32) -> cast(non_zero(x, i64), i32)"""
    if op.index_dtype is DType.I64:
        return None
    return tensor.Cast(replace(op, index_dtype=DType.I64).result, op.index_dtype)


def _computes(op: Op) -> bool:
    return bool(op.results) and not isinstance(op, tensor.Cast | tensor.Constant)
