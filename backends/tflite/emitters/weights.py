"""Weights in the order of axes that a kernel wants, and what kernels ask of the dtypes of their operands."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ....ir import Value
from ....ops import quant, tensor
from ....types import QuantizedType, TensorType
from ..graph import Graph, Operand, StoredArray
from ..schema_enums import BuiltinOperator
from ..schema_options import TransposeOptions
from .sparse import densified


def transposed(value: Value, permutation: Sequence[int], graph: Graph) -> Operand:
    """``value`` with its axes reordered: a view of a constant, a TRANSPOSE before anything else."""
    shape = [value.type.shape[a] for a in permutation]
    if isinstance(value.owner, tensor.Constant):
        array, quantization = np.transpose(value.owner.value.array, permutation), value.type.quantization
        if quantization is None:
            return array
        return StoredArray(array, TensorType(value.type.dtype, tuple(shape), _along(quantization, permutation)))
    if isinstance(value.owner, quant.Densify):
        return densified(value, permutation, graph)
    result = graph.temporary(value.type.with_shape(shape))
    order = np.array(permutation, np.int32)
    graph.add(BuiltinOperator.TRANSPOSE, [value, order], [result], TransposeOptions())
    return result


def _along(quantization: QuantizedType, permutation: Sequence[int]) -> QuantizedType:
    if quantization.axis is None:
        return quantization
    return replace(quantization, axis=list(permutation).index(quantization.axis))
