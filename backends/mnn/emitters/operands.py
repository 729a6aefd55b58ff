"""Conditions and operands that several families share."""

from collections.abc import Callable, Sequence

import numpy as np

from ....ir import Array, Op, Value
from ....passes.patterns import constant_array
from ....types import DType

INTEGERS = (DType.I32, DType.I64)
"""What is an int32 in the net. Only shape arithmetic that rules add is i64, until it is narrowed at the end."""

INT32 = np.iinfo(np.int32)

MAX_RANK = 8
"""Tensors of MNN have at most nine axes, and some ops need one for themselves."""


def takes(*dtypes: DType) -> Callable[[Op], bool]:
    """A condition: the first operand has one of these dtypes."""

    def condition(op: Op) -> bool:
        return op.operands[0].type.dtype in dtypes

    *others, last = (d.value for d in dtypes)
    condition.__doc__ = f"operands of {', '.join(others)} or {last}" if others else f"operands of {last}"
    return condition


def up_to_rank(rank: int) -> Callable[[Op], bool]:
    """A condition: no operand and no result has more axes."""

    def condition(op: Op) -> bool:
        return all(v.type.rank <= rank for v in (*op.operands, *op.results))

    condition.__doc__ = f"tensors of at most {rank} axes"
    return condition


def is_f32(op: Op) -> bool:
    """operands of f32"""
    return all(v.type.dtype is DType.F32 for v in op.operands)


def int32(numbers: int | Sequence[int]) -> Array:
    """A constant operand: a scalar or a vector."""
    return np.array(numbers, np.int32)


def float32(number: float) -> Array:
    """A constant operand: a scalar."""
    return np.array(number, np.float32)


def elements(value: Value) -> Array:
    """The elements of an operand that a condition has made sure is a constant."""
    array = constant_array(value)
    assert array is not None
    return array
