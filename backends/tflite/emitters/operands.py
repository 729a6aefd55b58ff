"""Operands that several families write (shapes, axes and counts, which TFLite wants as int32); conditions on types."""

from collections.abc import Sequence

import numpy as np

from ....dims import Dim, SymInt
from ....ir import Array, Value
from ....passes.patterns import constant_array
from ....types import DType, TensorType
from ..graph import TFLITE_TYPES, Graph, Operand, Slot
from ..schema_enums import BuiltinOperator
from ..schema_options import CastOptions

INT32 = np.iinfo(np.int32)


def int32(numbers: int | Sequence[int]) -> Array:
    """A constant operand: a scalar or a vector."""
    return np.array(numbers, np.int32)


def shape_operand(graph: Graph, dims: Value | None, shape: Sequence[Dim]) -> Operand:
    """A shape: constant, with -1 for a symbolic dim, unless ``dims`` supplies it at run time."""
    if dims is not None and not all(isinstance(d, int) for d in shape):
        return cast_to_int32(graph, dims)
    return int32([-1 if isinstance(d, SymInt) else d for d in shape])


def cast_to_int32(graph: Graph, value: Value) -> Operand:
    """The value's elements as int32, constants clipped to its range."""
    array = constant_array(value)
    if array is not None:
        return np.clip(array, INT32.min, INT32.max).astype(np.int32)
    return value if value.type.dtype is DType.I32 else cast(graph, value, value.type, DType.I32)


def clipped_to_int32(graph: Graph, value: Value) -> Operand:
    """An i64's elements as int32, those beyond its range as its ends."""
    if constant_array(value) is not None:
        return cast_to_int32(graph, value)
    below, clipped = graph.temporary(value.type), graph.temporary(value.type)
    graph.add(BuiltinOperator.MINIMUM, [value, np.array(INT32.max, np.int64)], [below])
    graph.add(BuiltinOperator.MAXIMUM, [below, np.array(INT32.min, np.int64)], [clipped])
    return cast(graph, clipped, value.type, DType.I32)


def cast(graph: Graph, operand: Value | Slot, type_: TensorType, dtype: DType) -> Slot:
    """The operand, of the given type, converted to another dtype."""
    converted = graph.temporary(type_.with_dtype(dtype))
    add_cast(graph, operand, type_.dtype, converted, dtype)
    return converted


def add_cast(graph: Graph, operand: Value | Slot, source: DType, result: Value | Slot, target: DType) -> None:
    """Appends a CAST."""
    options = CastOptions(in_data_type=TFLITE_TYPES[source], out_data_type=TFLITE_TYPES[target])
    graph.add(BuiltinOperator.CAST, [operand], [result], options)
