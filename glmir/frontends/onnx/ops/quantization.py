"""QuantizeLinear and DequantizeLinear: the pairs of models in QDQ form."""

import numpy as np

from ....ir import Value
from ....ops import quant, tensor
from ....ops.quant.pairs import STORED
from ....types import DType
from ..node import Imported, ImporterTable, Node, Unsupported, cast, check_axis, constant

TABLE = ImporterTable()


@TABLE.imports("QuantizeLinear")
def quantize_linear(node: Node) -> Imported:
    x, scale, zero_point = node.operand(0), node.operand(1), node.optional(2)
    storage = _storage(node, zero_point)
    if x.type.dtype is DType.I32:
        x = cast(x, scale.type.dtype)
    axis, block = _axis_and_block(node)
    scale, zeros = _parameters(axis, scale, zero_point)
    return quant.Quantize(x, scale, zeros, axis, block, storage)


@TABLE.imports("DequantizeLinear")
def dequantize_linear(node: Node) -> Imported:
    x, scale, zero_point = node.operand(0), node.operand(1), node.optional(2)
    if node.int("output_dtype", 0) and node.dtype("output_dtype") is not scale.type.dtype:
        raise Unsupported(f"its scale is {scale.type} and its result {node.dtype('output_dtype').value}")
    axis, block = _axis_and_block(node)
    scale, zeros = _parameters(axis, scale, zero_point)
    return quant.Dequantize(x, scale, zeros, axis, block)


def _storage(node: Node, zero_point: Value | None) -> DType:
    if zero_point is not None:
        storage = zero_point.type.dtype
    else:
        storage = node.dtype("output_dtype") if node.int("output_dtype", 0) else DType.U8
    if storage not in STORED:
        raise Unsupported(f"its result is {storage.value}, which is not supported")
    return storage


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
    return _only(scale), None if zero_point is None else _only(zero_point)


def _only(x: Value) -> Value:
    """What holds one element, without axes."""
    if not x.type.rank:
        return x
    if isinstance(x.owner, tensor.Constant):
        return constant(np.asarray(x.owner.value.array).reshape(()), x.owner.value.name)
    return tensor.Reshape(x, None, ()).result
