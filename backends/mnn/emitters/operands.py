"""Conditions and operands that several families share."""

from collections.abc import Sequence

import numpy as np

from ....ir import Array
from ....types import DType

INTEGERS = (DType.I32, DType.I64)
"""What is an int32 in the net. Only shape arithmetic that rules add is i64, until it is narrowed at the end."""

INT32 = np.iinfo(np.int32)

MAX_RANK = 8
"""Tensors of MNN have at most nine axes, and some ops need one for themselves."""


def int32(numbers: int | Sequence[int]) -> Array:
    """A constant operand: a scalar or a vector."""
    return np.array(numbers, np.int32)


def float32(number: float) -> Array:
    """A constant operand: a scalar."""
    return np.array(number, np.float32)
