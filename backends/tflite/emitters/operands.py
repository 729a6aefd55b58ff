"""Operands that several families write: shapes and axes, which TFLite wants as int32."""

from collections.abc import Sequence

import numpy as np

from ....dims import Dim, SymInt
from ....ir import Array, Value
from ....ops import tensor
from ....types import DType, TensorType
from ..graph import TFLITE_TYPES, Graph, Operand, Slot
from ..schema_enums import BuiltinOperator
from ..schema_options import CastOptions

INT32 = np.iinfo(np.int32)


def int32(numbers: int | Sequence[int]) -> Array:
    """A constant operand: a scalar or a vector."""
    return np.array(numbers, np.int32)


def constant_array(value: Value) -> Array | None:
    """The elements of a constant, None for what is computed at run time."""
    return value.owner.value.array if isinstance(value.owner, tensor.Constant) else None


def shape_operand(graph: Graph, dims: Value | None, shape: Sequence[Dim], inferred: int = 1) -> Operand:
    """A shape: constant where it is known, with -1 for up to ``inferred`` symbolic dims, else from ``dims`` at run time."""
    if has_shape_operand(dims, shape, inferred):
        return int32([-1 if isinstance(d, SymInt) else d for d in shape]) if dims is None else cast_to_int32(graph, dims)
    raise AssertionError("not legal")


def has_shape_operand(dims: Value | None, shape: Sequence[Dim], inferred: int = 1) -> bool:
    """Whether the shape can be written: it is known, but for ``inferred`` dims, or supplied at run time."""
    return dims is not None or sum(isinstance(d, SymInt) for d in shape) <= inferred


def cast_to_int32(graph: Graph, value: Value) -> Operand:
    """The value's elements as int32, clipped to its range."""
    array = constant_array(value)
    if array is not None:
        return np.clip(array, INT32.min, INT32.max).astype(np.int32)
    return cast(graph, value, value.type, DType.I32)


def cast(graph: Graph, operand: Value | Slot, type_: TensorType, dtype: DType) -> Slot:
    """The operand, of the given type, converted to another dtype."""
    converted = graph.temporary(type_.with_dtype(dtype))
    options = CastOptions(in_data_type=TFLITE_TYPES[type_.dtype], out_data_type=TFLITE_TYPES[dtype])
    graph.add(BuiltinOperator.CAST, [operand], [converted], options)
    return converted
