"""Between floats and the bytes that tensors with a description hold.

The runtime computes an op in bytes if all its tensors have descriptions and it has a kernel for that, else in floats;
it converts operands as either needs. It also passes descriptions on, from tensor to tensor, along pools, activations
and what moves elements. A product is computed in floats, and nothing is passed along it.
"""

import numpy as np

from ....ir import Array, Op, Value
from ....ops import nn, quant
from ....ops.math import Binary, Unary
from ....quantized import dequantize, quantize
from ....types import DType, TensorType
from ...conditions import takes
from ..graph import Graph, MnnTable, Slot
from ..quantized import LOWEST_MAPPED, describe_tensor, is_byte_tensor, signed_offset
from ..schema_enums import BinaryOperation, OpType
from ..schema_parameters import BinaryOp
from .operands import float32

TABLE = MnnTable()


_LIMITING = (nn.Conv, nn.Linear, Binary, quant.Convert, Unary)
"""What brings its results between the bounds of their descriptions."""


def keeps_bytes(op: Op) -> bool:
    """bytes with one scale, computed, the same in the operand and the result"""
    types = [v.type for v in (*op.operands[:1], *op.results)]
    are_bytes = all(map(is_byte_tensor, types)) and len({t.quantization for t in types}) == 1
    return are_bytes and _are_computed(*op.operands[:1])


def joins_bytes(op: Op) -> bool:
    """bytes with one scale, the same in all operands, which are computed, and the result"""
    types = [v.type for v in (*op.operands, *op.results)]
    are_bytes = all(map(is_byte_tensor, types)) and len({t.quantization for t in types}) == 1
    return are_bytes and _are_computed(*op.operands)


def computes_on_bytes(op: Op) -> bool:
    """bytes with one scale in the operand and the result"""
    return all(is_byte_tensor(v.type) for v in (*op.operands[:1], *op.results))


def combines_bytes(op: Binary) -> bool:
    """bytes with one scale, computed, in two operands of equal shapes and the result"""
    # What is broadcast loses its description on the way.
    are_bytes = all(is_byte_tensor(v.type) for v in (*op.operands, *op.results))
    return are_bytes and _are_computed(*op.operands) and op.x.type.shape == op.y.type.shape


def _are_computed(*values: Value) -> bool:
    """What is constant the runtime computes when it loads the model, where it does not know of bytes."""
    return all(v.owner is None or v.owner.operands for v in values)


def maps_bytes(op: Unary) -> bool:
    """bytes with one scale, of which the lowest is not the zero point, from what rounds to them, and such a result"""
    if not computes_on_bytes(op) or not isinstance(op.x.owner, _LIMITING):
        return False
    # The runtime's table has no place for -128, which is brought to the next integer.
    return describe_tensor(op.x).zero >= LOWEST_MAPPED


def byte_table(op: Unary) -> Array:
    """The results for -127 to 127, as the op computes them."""
    offset = signed_offset(op.x.type.stored)
    stored = np.arange(LOWEST_MAPPED, 128) + offset
    results = op.evaluate(dequantize(stored, _flat(op.x)))
    found = quantize(results, _flat(op.result)).astype(np.int16) - signed_offset(op.result.type.stored)
    described = describe_tensor(op.result)
    return np.clip(found, described.min, described.max).astype(np.int8)


def _flat(value: Value) -> TensorType:
    return TensorType(value.type.dtype, (128 - LOWEST_MAPPED,), value.type.quantization)


def has_bytes(op: quant.Convert) -> bool:
    """floats, or bytes with one scale"""
    return all(v.type.quantization is None or is_byte_tensor(v.type) for v in (op.x, op.result))


@TABLE.emits(quant.Convert, when=(takes(DType.F32),), stored=has_bytes)
def convert(op: quant.Convert, graph: Graph) -> None:
    """As a product with 1. It leaves floats in the tensor of the result, which kernels of bytes round when they take
    them; for other users a copy is made as bytes."""
    result: Value | Slot = op.result
    is_rounded_by_users = not any(isinstance(user, quant.Convert) for user in op.result.uses)
    if op.result.type.quantization is not None and not is_rounded_by_users:
        floats = graph.temporary(like=op.result)
        _add_copy(op.x, floats, graph)
        graph.add(OpType.IDENTITY, [floats], [result])
    else:
        _add_copy(op.x, result, graph)


def _add_copy(x: Value, result: Value | Slot, graph: Graph) -> None:
    graph.add(OpType.BINARY_OP, [x, float32(1)], [result], BinaryOp(op_type=BinaryOperation.MUL))
