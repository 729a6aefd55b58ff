"""QuantizeLinear and DequantizeLinear: the pairs of models in QDQ form; integers that data is given at run time."""

import onnx

from ....ir import Value
from ....ops import math, quant, tensor
from ....ops.quant.pairs import STORED
from ....types import DType
from ..node import Imported, ImporterTable, Node, Unsupported, cast, check_axis
from .stored_numbers import only

TABLE = ImporterTable()

_NARROW = frozenset(
    n for name, n in onnx.TensorProto.DataType.items() if name.startswith(("FLOAT8", "FLOAT4", "INT2", "UINT2"))
)
_WIDENESS = (DType.F64, DType.F32, DType.BF16, DType.F16)


@TABLE.imports("QuantizeLinear")
def quantize_linear(node: Node) -> Imported:
    x, scale, zero_point = node.operand(0), node.operand(1), node.optional(2)
    storage = _storage(node, zero_point)
    precision = _precision(node, x.type.dtype, scale.type.dtype)
    axis, block = _axis_and_block(node)
    scale, zeros = _parameters(axis, cast(scale, precision), zero_point)
    return quant.Quantize(cast(x, precision), scale, zeros, axis, block, storage)


@TABLE.imports("DequantizeLinear")
def dequantize_linear(node: Node) -> Imported:
    x, scale, zero_point = node.operand(0), node.operand(1), node.optional(2)
    dtype = node.dtype("output_dtype") if node.int("output_dtype", 0) else scale.type.dtype
    if x.type.dtype not in (*STORED, DType.I32, *_WIDENESS):
        raise Unsupported(f"its operand is {x.type}, which is not supported")
    axis, block = _axis_and_block(node)
    wider = min(dtype, scale.type.dtype, key=_WIDENESS.index)
    if x.type.dtype.is_float:
        return cast(_scaled(cast(x, wider), cast(scale, wider), zero_point, axis, block), dtype)
    scale, zeros = _parameters(axis, cast(scale, wider), zero_point)
    return cast(quant.Dequantize(x, scale, zeros, axis, block).result, dtype)


def _scaled(x: Value, scale: Value, zero_point: Value | None, axis: int | None, block: int | None) -> Value:
    """(x - zero_point) * scale of numbers that are floats of 8 or 4 bits in the model."""
    if block is not None and axis is not None:
        raise Unsupported(f"blocks of {x.type}, floats of 8 or 4 bits in the model, are not supported")
    shape = tuple(d if i == axis else 1 for i, d in enumerate(x.type.shape)) if axis is not None else ()
    if zero_point is not None:
        x = math.Sub(x, tensor.Reshape(cast(zero_point, x.type.dtype), None, shape).result).result
    return math.Mul(x, tensor.Reshape(scale, None, shape).result).result


@TABLE.imports("DynamicQuantizeLinear")
def dynamic_quantize_linear(node: Node) -> Imported:
    return quant.DynamicQuantize(node.operand(0))


def _storage(node: Node, zero_point: Value | None) -> DType:
    if zero_point in node.scope.widened or node.int("output_dtype", 0) in _NARROW:
        raise Unsupported(
            "its result has integers of two bits, or floats of four or eight, which no target stores; quantize to "
            "integers of four or eight bits"
        )
    if zero_point is not None:
        storage = zero_point.type.dtype
    else:
        storage = node.dtype("output_dtype") if node.int("output_dtype", 0) else DType.U8
    if storage not in STORED:
        raise Unsupported(f"its result is {storage.value}, which is not supported")
    return storage


def _precision(node: Node, x: DType, scale: DType) -> DType:
    """In which the quotient is computed: as the node says, else in the wider of the two."""
    if node.int("precision", 0):
        return node.dtype("precision")
    if not x.is_float:
        return DType.F32
    return min(x, scale, key=_WIDENESS.index)


def _axis_and_block(node: Node) -> tuple[int | None, int | None]:
    """None where one scale is for all, be it in a list or not."""
    block = node.int("block_size", 0)
    scale = node.type(1)
    if not block and (scale.rank == 0 or scale.shape == (1,)):
        return None, None
    return check_axis(node.int("axis", 1), node.type(0).rank), block or None


def _parameters(axis: int | None, scale: Value, zero_point: Value | None) -> tuple[Value, Value | None]:
    if axis is not None:
        return scale, zero_point
    return only(scale), None if zero_point is None else only(zero_point)
