"""Conditions that emitters of several families share."""

from collections.abc import Callable

from ....ir import Op
from ....types import DType
from ..opsets import MAX_RANK

BOOL, I32, F16, F32 = DType.BOOL, DType.I32, DType.F16, DType.F32
FLOATS = (F16, F32)
NUMBERS = (F16, F32, I32)


def takes(*dtypes: DType) -> Callable[[Op], bool]:
    """A condition: the first operand has one of these dtypes."""

    def condition(op: Op) -> bool:
        return op.operands[0].type.dtype in dtypes

    *others, last = (d.value for d in dtypes)
    condition.__doc__ = f"operands of {', '.join(others)} or {last}" if others else f"operands of {last}"
    return condition


is_float = takes(*FLOATS)
is_number = takes(*NUMBERS)
is_number_or_bool = takes(*NUMBERS, BOOL)


def has_few_axes(op: Op) -> bool:
    return all(v.type.rank <= MAX_RANK for v in (*op.operands, *op.results))


has_few_axes.__doc__ = f"tensors of at most {MAX_RANK} axes"


def has_elements(op: Op) -> bool:
    """tensors of at least one element"""
    return all(0 not in v.type.shape for v in (*op.operands, *op.results))
