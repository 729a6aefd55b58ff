"""Between floats and the bytes that tensors with a description hold.

The runtime computes an op in bytes if all its tensors have descriptions and it has a kernel for that, else in floats;
it converts operands as either needs. It also passes descriptions on, from tensor to tensor, along pools, activations
and what moves elements. A product is computed in floats, and nothing is passed along it.
"""

from ....ir import Value
from ....ops import quant
from ....types import DType
from ...conditions import takes
from ..graph import Graph, MnnTable, Slot
from ..quantized import is_byte_tensor
from ..schema_enums import BinaryOperation, OpType
from ..schema_parameters import BinaryOp
from .operands import float32

TABLE = MnnTable()


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
