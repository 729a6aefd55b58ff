"""Weights in the order of axes that a kernel wants, and what kernels ask of the dtypes of their operands."""

from collections.abc import Sequence

import numpy as np

from ....ir import Array, Value
from ....ops import quant, tensor
from ....passes.patterns import is_compressed
from ....types import DType
from ...array_bytes import exactly
from ..graph import Graph, Operand, StoredArray, stored_array
from ..schema_enums import BuiltinOperator
from ..schema_options import TransposeOptions
from .sparse import densified


def transposed(value: Value, permutation: Sequence[int], graph: Graph) -> Operand:
    """``value`` with its axes reordered: a view of a constant, a TRANSPOSE before anything else.

    Of a weight that is stored as integers these are reordered.
    """
    owner = value.owner
    if isinstance(owner, tensor.Constant):
        array = owner.value.array
        if value.type.quantization is None:
            return _in_halves(np.transpose(array, permutation), value.name, graph)
        return StoredArray(array, value.type).transposed(permutation)
    if isinstance(owner, quant.Dequantize) and is_compressed(value):
        return graph.dequantized(stored_array(owner).transposed(permutation), value.name)
    if isinstance(owner, quant.Densify):
        return densified(value, permutation, graph)
    result = graph.temporary(value.type.with_shape([value.type.shape[a] for a in permutation]))
    order = np.array(permutation, np.int32)
    graph.add(BuiltinOperator.TRANSPOSE, [value, order], [result], TransposeOptions())
    return result


def weight(value: Value, graph: Graph) -> Operand:
    """A weight in the order of axes that it has; anything else as it is."""
    if not isinstance(value.owner, tensor.Constant) or value.type.quantization is not None:
        return value
    return _in_halves(value.owner.value.array, value.name, graph)


def _in_halves(array: Array, name: str, graph: Graph) -> Operand:
    """A large weight whose elements halves hold exactly is stored so: that takes half the room, and nothing else."""
    halves = exactly(array, DType.F16)
    return array if halves is None else graph.dequantized(halves, name)
