"""Products of integers: those that give integers of a scale, and those that give the sums themselves."""

from ....ir import Value
from ....ops import quant, tensor
from ....types import DType
from ..node import Imported, ImporterTable, Node, Unsupported
from .convolution import conv, convolution_windows
from .matmul import matrix_product, multiplied
from .standard_forms import first
from .stored_numbers import dequantized, is_single, only, product_of_scales, quantized

TABLE = ImporterTable()


@TABLE.imports("QLinearConv")
def qlinear_conv(node: Node) -> Imported:
    """A convolution between pairs; its bias is in the unit of the products."""
    x, weight = dequantized(node, 0), dequantized(node, 3, axis=0)
    given, bias = node.optional(8), None
    if given is not None:
        scale = product_of_scales(node.operand(1), node.operand(4))
        bias = quant.Dequantize(given, scale, None, 0 if scale.type.rank else None).result
    return quantized(node, first(conv(node.of(x, weight, bias))), 6, node.type(0).dtype)


@TABLE.imports("QLinearMatMul")
def qlinear_mat_mul(node: Node) -> Imported:
    """A product between pairs; scales may be those of rows, and of columns."""
    x = dequantized(node, 0, axis=_row_axis(node.type(0).rank))
    y = dequantized(node, 3, axis=node.type(3).rank - 1)
    product = matrix_product(x, y, multiplied)
    return quantized(node, product, 6, node.type(0).dtype, _row_axis(product.type.rank))


def _row_axis(rank: int) -> int:
    return max(rank - 2, 0)


@TABLE.imports("ConvInteger")
def conv_integer(node: Node) -> Imported:
    x, weight = node.operand(0), node.operand(1)
    x_zero, weight_zero = _only_if_single(node.optional(2)), _only_if_single(node.optional(3))
    windows = convolution_windows(node)
    return quant.IntegerConv(
        x, weight, x_zero, weight_zero, windows.strides, windows.padding, windows.dilations, node.int("group", 1)
    )


@TABLE.imports("MatMulInteger")
def mat_mul_integer(node: Node) -> Imported:
    x, y = node.operand(0), node.operand(1)
    return integer_product(x, y, node.optional(2), node.optional(3))


def integer_product(x: Value, y: Value, x_zero: Value | None, y_zero: Value | None) -> Value:
    """The sums of products of bytes about zero points, of which a vector holds one for each row of x, or column of
    y."""
    x_zero, y_zero = _only_if_single(x_zero), _only_if_single(y_zero)
    if x_zero is not None and x_zero.type.rank == 1:
        x_zero = tensor.Reshape(x_zero, None, (*x_zero.type.shape, 1)).result
    if any(v.type.dtype not in (DType.I8, DType.U8) for v in (x, y)):
        raise Unsupported(f"its operands are {x.type} and {y.type}, which are not bytes")
    return matrix_product(x, y, lambda a, b: quant.IntegerMatMul(a, b, x_zero, y_zero).result)


def _only_if_single(zero: Value | None) -> Value | None:
    return only(zero) if zero is not None and is_single(zero) else zero
