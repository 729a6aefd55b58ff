"""Quantize and dequantize."""

import numpy as np

from ....ir import Value
from ....ops import quant
from ....passes.patterns import elements_of, is_known
from ....types import DType, TensorType
from ..graph import Graph, OnnxTable, Operand
from ..initializers import ONNX_TYPES
from .operands import are_known, emits, ints

TABLE = OnnxTable()

_BLOCKS = 21
"""The opset since which there are blocks, and integers of 4 and 16 bits."""


def stores_bytes(op: quant.Scaled) -> bool:
    """integers of 8 bits, or of 32 without zero points"""
    return op.stored in (DType.I8, DType.U8) or (op.stored is DType.I32 and op.zero_point is None)


def stores_small_integers(op: quant.Scaled) -> bool:
    """integers of up to 16 bits, or of 32 without zero points"""
    return op.stored is not DType.I32 or op.zero_point is None


def scales_in_single_precision(op: quant.Scaled) -> bool:
    """scales of f32"""
    return op.scale.type.dtype is DType.F32


def has_one_scale(op: quant.Scaled) -> bool:
    """one scale"""
    return op.axis is None


def has_no_blocks(op: quant.Scaled) -> bool:
    """one scale, or one for each index of an axis"""
    return op.block is None


def knows_scales(op: quant.Scaled) -> bool:
    """a known number of scales where there are no zero points"""
    return op.zero_point is not None or are_known(op.scale.type.shape)


_COMMON = (scales_in_single_precision, knows_scales)


@emits(TABLE, "QuantizeLinear", quant.Quantize, when=(*_COMMON, stores_bytes, has_one_scale))
@emits(TABLE, "QuantizeLinear", quant.Quantize, when=(*_COMMON, stores_bytes, has_no_blocks), since=13)
@emits(TABLE, "QuantizeLinear", quant.Quantize, when=(*_COMMON, stores_small_integers), since=_BLOCKS)
def quantize(op: quant.Quantize, graph: Graph) -> None:
    _add(op, "QuantizeLinear", graph)


@emits(TABLE, "DequantizeLinear", quant.Dequantize, when=(*_COMMON, stores_bytes, has_one_scale))
@emits(TABLE, "DequantizeLinear", quant.Dequantize, when=(*_COMMON, stores_bytes, has_no_blocks), since=13)
@emits(TABLE, "DequantizeLinear", quant.Dequantize, when=(*_COMMON, stores_small_integers), since=_BLOCKS)
def dequantize(op: quant.Dequantize, graph: Graph) -> None:
    _add(op, "DequantizeLinear", graph)


def _add(op: quant.Scaled, operator: str, graph: Graph) -> None:
    # Without a zero point the integers would be u8, whatever is asked for.
    zeros: Operand = op.zero_point
    if zeros is None and op.stored is not DType.I32:
        zeros = np.zeros(op.scale.type.static_shape, op.stored.numpy)
    attributes = {"axis": op.axis} if op.axis is not None else {}
    blocks = {"block_size": op.block} if op.block is not None else {}
    graph.add(operator, [op.x, op.scale, zeros], op.results, **attributes, **blocks)


@emits(TABLE, "DynamicQuantizeLinear", quant.DynamicQuantize)
def dynamic_quantize(op: quant.DynamicQuantize, graph: Graph) -> None:
    graph.add("DynamicQuantizeLinear", [op.x], op.results)


def has_one_zero_point_a_side(op: quant.IntegerMatMul) -> bool:
    """zero points without axes, or a vector of the columns"""
    return _rank(op.x_zero) == 0 and _rank(op.y_zero) <= 1


def has_one_zero_point(op: quant.IntegerConv) -> bool:
    """zero points without axes, and padding that is known"""
    return _rank(op.x_zero) == _rank(op.weight_zero) == 0 and are_known(op.padding)


def _rank(zero: Value | None) -> int:
    return 0 if zero is None else zero.type.rank


@emits(TABLE, "MatMulInteger", quant.IntegerMatMul, when=(has_one_zero_point_a_side,))
def integer_mat_mul(op: quant.IntegerMatMul, graph: Graph) -> None:
    graph.add("MatMulInteger", [op.x, op.y, op.x_zero, op.y_zero], [op.result])


@emits(TABLE, "ConvInteger", quant.IntegerConv, when=(has_one_zero_point,))
def integer_conv(op: quant.IntegerConv, graph: Graph) -> None:
    graph.add(
        "ConvInteger",
        [op.x, op.weight, op.x_zero, op.weight_zero],
        [op.result],
        strides=op.strides,
        pads=ints(op.padding),
        dilations=op.dilations,
        group=op.groups,
    )


_NIBBLE = 4


def takes_known_indices(op: quant.Depalettize) -> bool:
    """constant indices and a constant table"""
    return all(is_known(v) for v in op.operands)


@emits(TABLE, "Gather", quant.Depalettize, when=(takes_known_indices,), operand=1)
def depalettize(op: quant.Depalettize, graph: Graph) -> None:
    # The runtime looks the elements up once, when it loads the model.
    stored = elements_of(op.indices)
    if op.bits <= _NIBBLE and graph.opset >= _BLOCKS:
        stored = stored.astype(DType.U4.numpy)
    indices = graph.temporary(TensorType(DType.I32, op.indices.type.shape))
    graph.add("Cast", [graph.constant(stored, op.indices.name)], [indices], to=ONNX_TYPES[DType.I32])
    graph.add("Gather", [op.table, indices], [op.result], axis=0)
