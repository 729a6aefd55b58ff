"""What several families share: conditions on dtypes, registration by kernel, constant operands."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from ....dims import Dim, SymInt
from ....ir import Array, Op
from ....passes.patterns import constant_array
from ....types import DType
from ...conditions import takes
from ..graph import Graph, OnnxTable
from ..kernels import KERNELS

OpT = TypeVar("OpT", bound=Op)
Emit = Callable[[OpT, Graph], None]


def emits(
    table: OnnxTable,
    operator: str,
    *op_classes: type[OpT],
    when: Sequence[Callable[[OpT], bool]] = (),
    since: int = 0,
    operand: int = 0,
) -> Callable[[Emit[OpT]], Emit[OpT]]:
    """Registers what writes op classes as ``operator``, on the dtypes of which onnxruntime has a kernel.

    Those are the dtypes of the first operand, or of the one of that place.
    """

    def register(function: Emit[OpT]) -> Emit[OpT]:
        for opset, dtypes in KERNELS[operator]:
            conditions = (takes(*dtypes, operand=operand), *when)
            table.emits(*op_classes, when=conditions, since=max(opset, since))(function)
        return function

    return register


def i64(*numbers: int) -> Array:
    """A constant vector."""
    return np.array(numbers, np.int64)


def scalar(number: float, dtype: DType) -> Array:
    """A constant without axes."""
    return np.asarray(number).astype(dtype.numpy)


def ints(dims: Sequence[Dim]) -> list[int]:
    """Those of the dims that are numbers: all, where a condition says so."""
    return [d for d in dims if isinstance(d, int)]


def are_known(dims: Sequence[Dim]) -> bool:
    return not any(isinstance(d, SymInt) for d in dims)


def is_constant(op: Op, place: int) -> bool:
    return constant_array(op.operands[place]) is not None
