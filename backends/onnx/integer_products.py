"""Products of numbers that are quantized at run time, as the products of integers for which onnxruntime has kernels."""

import numpy as np

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...ops.enums import Activation, Layout
from ...passes.compressed_weights import known_transpose
from ...passes.lowering.building import folded_reshape
from ...passes.patterns import constant, constant_array, is_compressed
from ...rewriter import RuleSet
from ...types import DType

RULES = RuleSet(is_optional=True)

EXACT = RuleSet()
"""For products that the runtime has not."""

_BYTES = (DType.I8, DType.U8)


@EXACT.on(quant.IntegerMatMul)
def zero_points_of_rows(op: quant.IntegerMatMul) -> Op | None:
    """integer_mat_mul(x, y, a, b) -> integer_mat_mul(x, y, 0, b) - a * reduce_sum(y - b) for zero points a of rows"""
    zero = op.x_zero
    if zero is None or not zero.type.rank:
        return None
    columns = tensor.Cast(op.y, DType.I32).result
    if op.y_zero is not None:
        columns = math.Sub(columns, tensor.Cast(op.y_zero, DType.I32).result).result
    sums = math.ReduceSum(columns, (op.y.type.rank - 2,), True).result
    centre = math.Mul(tensor.Cast(zero, DType.I32).result, sums).result
    return math.Sub(replace(op, x_zero=None).result, centre)


@RULES.on(nn.Linear)
def linear_on_rounded_data(op: nn.Linear) -> Op | None:
    """linear(dequantize(x, a), dequantize(w, b), c) -> cast(integer_mat_mul(x, w)) * (a * b) + c, of a computed"""
    data, weight = _computed_pair(op.x), _weight(op.weight, 0)
    if data is None or weight is None or op.activation is not Activation.NONE or op.x.type.rank < 2:
        return None
    matrix = known_transpose(weight.x, (1, 0))
    if matrix is None:
        return None
    sums = quant.IntegerMatMul(data.x, matrix, data.zero_point, weight.zero_point)
    product = _scaled(sums, data, weight, ())
    return product if op.bias is None else math.Add(product.result, op.bias)


@RULES.on(math.MatMul)
def product_on_rounded_data(op: math.MatMul) -> Op | None:
    """matmul(dequantize(x, a), dequantize(y, b)) -> cast(integer_mat_mul(x, y)) * (a * b), of a computed"""
    # Left as it is onnxruntime fuses the product itself, and refuses the scales of columns of several matrices.
    data, weight = _computed_pair(op.x), _weight(op.y, op.y.type.rank - 1)
    if data is None or weight is None or op.transpose_x or op.transpose_y:
        return None
    if not _has_one_zero_point(weight):
        return None
    return _scaled(quant.IntegerMatMul(data.x, weight.x, data.zero_point, _zero_point(weight)), data, weight, ())


@RULES.on(nn.Conv)
def convolution_on_rounded_data(op: nn.Conv) -> Op | None:
    """conv(dequantize(x, a), dequantize(w, b), c) -> cast(integer_conv(x, w)) * (a * b) + c, of a computed"""
    data, weight = _computed_pair(op.x), _weight(op.weight, 0)
    if data is None or weight is None or op.activation is not Activation.NONE or op.layout is not Layout.NCHW:
        return None
    if not _has_one_zero_point(weight):
        return None
    zero = _zero_point(weight)
    sums = quant.IntegerConv(data.x, weight.x, data.zero_point, zero, op.strides, op.padding, op.dilations, op.groups)
    trailing = (1,) * (op.x.type.rank - 2)
    product = _scaled(sums, data, weight, trailing)
    return product if op.bias is None else math.Add(product.result, _lying(op.bias, trailing))


def _computed_pair(x: Value) -> quant.Dequantize | None:
    """Where numbers come from that bytes with one scale stand for, which is known at run time only."""
    match x.owner:
        case quant.Dequantize(axis=None) as op if op.x.type.dtype in _BYTES and constant_array(op.x) is None:
            is_computed = constant_array(op.scale) is None and op.scale.type.dtype is DType.F32
            return op if is_computed else None
    return None


def _weight(weight: Value, axis: int) -> quant.Dequantize | None:
    """What stores a weight as bytes with one scale, or one for each output channel."""
    match weight.owner:
        case quant.Dequantize(block=None) as op if is_compressed(weight) and op.x.type.dtype in _BYTES:
            is_plain = op.axis in (None, axis) and constant_array(op.x) is not None
            return op if is_plain and 0 not in op.x.type.shape else None
    return None


def _has_one_zero_point(weight: quant.Dequantize) -> bool:
    """Whether it is the same for all channels, which is what the runtime takes."""
    zeros = None if weight.zero_point is None else constant_array(weight.zero_point)
    return weight.zero_point is None or (zeros is not None and zeros.size > 0 and bool(np.all(zeros == zeros.flat[0])))


def _zero_point(weight: quant.Dequantize) -> Value | None:
    """The zero point of all channels, without axes."""
    zeros = None if weight.zero_point is None else constant_array(weight.zero_point)
    return weight.zero_point if zeros is None or not zeros.ndim else constant(zeros.flat[0])


def _scaled(
    sums: quant.IntegerProduct, data: quant.Dequantize, weight: quant.Dequantize, trailing: tuple[int, ...]
) -> math.Mul:
    scale = math.Mul(data.scale, _lying(weight.scale, trailing)).result
    return math.Mul(tensor.Cast(sums.results[0], DType.F32).result, scale)


def _lying(parameters: Value, trailing: tuple[int, ...]) -> Value:
    """A vector as it broadcasts along the channels."""
    return folded_reshape(parameters, (*parameters.type.shape, *trailing)) if parameters.type.rank else parameters
