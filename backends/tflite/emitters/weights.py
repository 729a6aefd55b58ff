"""Weights in the order of axes that a kernel wants, and what kernels ask of the dtypes of their operands."""

from collections.abc import Sequence

import numpy as np

from ....ir import Value
from ....passes.patterns import constant_array
from ..graph import Graph, Operand
from ..schema_enums import BuiltinOperator
from ..schema_options import TransposeOptions


def transposed(value: Value, permutation: Sequence[int], graph: Graph) -> Operand:
    """``value`` with its axes reordered: a view of a constant, a TRANSPOSE before anything else."""
    array = constant_array(value)
    if array is not None:
        return np.transpose(array, permutation)
    result = graph.temporary(value.type.with_shape([value.type.shape[a] for a in permutation]))
    order = np.array(permutation, np.int32)
    graph.add(BuiltinOperator.TRANSPOSE, [value, order], [result], TransposeOptions())
    return result
