"""Tables of few bits, rows of which are gathered: the runtime has no kernel for them, but moves bytes.

So the bytes of the rows are gathered, and their scales and zero points by the same indices, and floats are computed of
these few. Of 4 bits two elements are in a byte: the first half of a run of one scale in the low bits, the second in the
high ones.
"""

import numpy as np

from ....ir import Array, Value
from ....ops import tensor
from ....passes.patterns import is_constant
from ....types import DType, TensorType
from ...conditions import has_nonnegative_indices, up_to_rank
from ..graph import Graph, MnnTable, Operand, Slot
from ..quantized import FEW_BITS, signed_offset
from ..schema_enums import BinaryOperation, DataFormat, DataType, OpType, UnaryOperation
from ..schema_parameters import Axis, BinaryOp, CastParam, Reshape, UnaryOp
from .operands import MAX_RANK, float32, int32

TABLE = MnnTable()

NIBBLE = 16
"""The numbers of 4 bits."""


def has_rows_of_few_bits(op: tensor.Gather) -> bool:
    """rows of a constant matrix of at most 8 bits, with scales of whole rows or of equal parts of them"""
    table = op.x.type
    if op.axis != 0 or table.rank != 2 or table.dtype is not DType.F32 or not is_constant(op.x):
        return False
    is_float = op.result.type.quantization is None
    return is_float and table.quantization is not None and _run(table) is not None


def _run(table: TensorType) -> int | None:
    """How many elements of a row have one scale."""
    quantization, size = table.quantization, table.static_shape[1]
    assert quantization is not None
    if quantization.storage not in FEW_BITS:
        return None
    if quantization.block is None:
        return size if quantization.axis in (None, 0) else None
    return quantization.block if quantization.axis == 1 and size % quantization.block == 0 else None


@TABLE.emits(
    tensor.Gather,
    when=(has_rows_of_few_bits, has_nonnegative_indices, up_to_rank(MAX_RANK - 1)),
    stored=has_rows_of_few_bits,
)
def gather_rows_of_few_bits(op: tensor.Gather, graph: Graph) -> None:
    constant, quantization, run = op.x.owner, op.x.type.quantization, _run(op.x.type)
    assert isinstance(constant, tensor.Constant) and quantization is not None and run is not None
    rows, size = op.x.type.static_shape
    offset = signed_offset(quantization.storage)
    integers = (constant.value.array.astype(np.int16) - offset).astype(np.int8).reshape(rows, size // run, run)
    is_halved = quantization.storage.bits == 4 and run % 2 == 0
    gathered = _gathered(_in_pairs(integers) if is_halved else integers, op.indices, graph)
    numbers = graph.temporary()
    graph.add(OpType.CAST, [gathered], [numbers], CastParam(src_t=DataType.INT8, dst_t=DataType.FLOAT))
    if is_halved:
        numbers = _apart(numbers, op.indices.type.rank + 1, graph)
    if offset or quantization.zero_points:
        zeros = np.array(quantization.zero_points or (0,), np.float32) - np.float32(offset)
        numbers = _binary(BinaryOperation.SUB, numbers, _parameters(zeros, rows, op.indices, graph), graph)
    scales = np.array(quantization.scales, np.float32)
    numbers = _binary(BinaryOperation.MUL, numbers, _parameters(scales, rows, op.indices, graph), graph)
    # A zero stands for the dim of the operand.
    shape = [0] * op.indices.type.rank + [size]
    graph.add(OpType.RESHAPE, [numbers], [op.result], Reshape(dims=shape, dim_type=DataFormat.NCHW))


def _in_pairs(integers: Array) -> Array:
    """Bytes that hold two integers of 4 bits each, from both halves of the last axis."""
    low, high = np.split(integers, 2, axis=-1)
    return np.asarray((low + NIBBLE // 2) + high * NIBBLE, np.int8)


def _apart(pairs: Slot, axis: int, graph: Graph) -> Slot:
    """The integers of which pairs were made."""
    high, joined = graph.temporary(), graph.temporary()
    scaled = _binary(BinaryOperation.MUL, pairs, float32(1 / NIBBLE), graph)
    graph.add(OpType.UNARY_OP, [scaled], [high], UnaryOp(op_type=UnaryOperation.FLOOR))
    low = _binary(BinaryOperation.SUB, pairs, _binary(BinaryOperation.MUL, high, float32(NIBBLE), graph), graph)
    low = _binary(BinaryOperation.SUB, low, float32(NIBBLE // 2), graph)
    graph.add(OpType.CONCAT, [low, high], [joined], Axis(axis=axis))
    return joined


def _parameters(parameters: Array, rows: int, indices: Value, graph: Graph) -> Operand:
    """Those of the rows that are gathered, as they broadcast against these; one for all is itself."""
    return (
        parameters.reshape(()) if parameters.size == 1 else _gathered(parameters.reshape(rows, -1, 1), indices, graph)
    )


def _gathered(table: Array, indices: Value, graph: Graph) -> Slot:
    result = graph.temporary()
    graph.add(OpType.GATHER_V2, [table, indices, int32(0)], [result])
    return result


def _binary(operation: BinaryOperation, x: Operand, y: Operand, graph: Graph) -> Slot:
    result = graph.temporary()
    graph.add(OpType.BINARY_OP, [x, y], [result], BinaryOp(op_type=operation))
    return result
