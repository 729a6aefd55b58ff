"""What onnxruntime's quantizers write beside the standard's operators (com.microsoft): ops between integers of scales.

https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from collections.abc import Callable
from dataclasses import replace

from ....ir import Value
from ....ops import math, nn, quant, tensor
from ....types import DType
from ...layers import padded
from ..node import Imported, ImporterTable, Node, Unsupported, cast
from .matmul import matrix_product, multiplied
from .quantization import dequantize_linear, quantize_linear
from .quantized_products import integer_product
from .standard_forms import as_standard, first
from .stored_numbers import dequantized, is_single, product_of_scales, quantized, real

TABLE = ImporterTable("com.microsoft")

TABLE.imports("QuantizeLinear")(quantize_linear)
TABLE.imports("DequantizeLinear")(dequantize_linear)


@TABLE.imports("QLinearAdd")
def qlinear_add(node: Node) -> Value:
    return quantized(node, math.Add(*_pair(node)).result, 6, node.type(0).dtype)


@TABLE.imports("QLinearMul")
def qlinear_mul(node: Node) -> Value:
    return quantized(node, math.Mul(*_pair(node)).result, 6, node.type(0).dtype)


def _pair(node: Node) -> tuple[Value, Value]:
    return dequantized(node, 0), dequantized(node, 3)


@TABLE.imports("QLinearSigmoid")
def qlinear_sigmoid(node: Node) -> Value:
    return quantized(node, nn.Sigmoid(dequantized(node, 0)).result, 3, node.type(0).dtype)


@TABLE.imports("QLinearLeakyRelu")
def qlinear_leaky_relu(node: Node) -> Value:
    y = nn.LeakyRelu(dequantized(node, 0), node.float("alpha", 0.01)).result
    return quantized(node, y, 3, node.type(0).dtype)


@TABLE.imports("QLinearSoftmax")
def qlinear_softmax(node: Node) -> Value:
    """Of the opset that its attribute names: before 13 all axes behind the one given are normalised together."""
    y = first(as_standard(node, "Softmax", [dequantized(node, 0)], opset=node.int("opset")))
    return quantized(node, y, 3, node.type(0).dtype)


@TABLE.imports("QLinearReduceMean")
def qlinear_reduce_mean(node: Node) -> Value:
    x = dequantized(node, 0)
    rank = x.type.rank
    axes = tuple(sorted({a % rank for a in node.ints("axes", tuple(range(rank)))}))
    mean = math.ReduceMean(x, axes, bool(node.int("keepdims", 1))).result
    return quantized(node, mean, 3, node.type(0).dtype)


@TABLE.imports("QLinearConcat")
def qlinear_concat(node: Node) -> Value:
    """The scale and the zero point of the result come first, then integers, scale, zero point of each operand."""
    if len(node.operands) < 5 or len(node.operands) % 3 != 2:
        raise Unsupported(f"it has {len(node.operands)} operands, not two and three for each tensor")
    parts = [dequantized(node, i) for i in range(2, len(node.operands), 3)]
    joined = tensor.Concat(tuple(parts), node.axis("axis", None, parts[0].type.rank)).result
    return quantized(node, joined, 0, node.type(2).dtype)


@TABLE.imports("QLinearWhere")
def qlinear_where(node: Node) -> Value:
    chosen = math.Select(node.operand(0), dequantized(node, 1), dequantized(node, 4)).result
    return quantized(node, chosen, 7, node.type(1).dtype)


@TABLE.imports("QLinearAveragePool")
def qlinear_average_pool(node: Node) -> Value:
    """With counted padding what a window of ceil_mode reaches beyond that counts as well, unlike in the standard's."""

    def averaged(x: Value) -> Value:
        y = first(as_standard(node, "AveragePool", [x]))
        pool = y.owner
        if not (isinstance(pool, nn.AveragePool) and pool.ceil_mode and pool.count_include_pad):
            return y
        no_padding = (0,) * len(pool.padding)
        rows = padded(pool.x, pool.windows)
        return nn.AveragePool(rows, pool.kernel, pool.strides, no_padding, pool.dilations).result

    return _pooled(node, averaged)


@TABLE.imports("QLinearGlobalAveragePool")
def qlinear_global_average_pool(node: Node) -> Value:
    return _pooled(node, lambda x: first(as_standard(node, "GlobalAveragePool", [x])))


def _pooled(node: Node, pool: Callable[[Value], Value]) -> Value:
    def between_pairs(x: Value) -> Value:
        return quantized(node, pool(real(x, node.operand(1), node.optional(2))), 3, x.type.dtype)

    return _channels_first(node, bool(node.int("channels_last", 0)), between_pairs)


@TABLE.imports("QLinearConv")
def qlinear_conv_of_either_layout(node: Node) -> Value:
    def convolved(x: Value) -> Value:
        return first(as_standard(node, "QLinearConv", [x, *node.operands[1:]]))

    return _channels_first(node, bool(node.int("channels_last", 0)), convolved)


@TABLE.imports("NhwcMaxPool")
def nhwc_max_pool(node: Node) -> Value:
    return _channels_first(node, True, lambda x: first(as_standard(node, "MaxPool", [x])))


def _channels_first(node: Node, is_last: bool, compute: Callable[[Value], Value]) -> Value:
    """What ``compute`` makes of the first operand [N, C, ...], with channels where they were."""
    x = node.operand(0)
    if not is_last:
        return compute(x)
    rank = x.type.rank
    y = compute(tensor.Transpose(x, (0, rank - 1, *range(1, rank - 1))).result)
    return tensor.Transpose(y, (0, *range(2, rank), 1)).result


@TABLE.imports("QGemm")
def qgemm(node: Node) -> Imported:
    """Gemm between pairs, or with a float result; C is added to the sums of products, in their unit."""
    columns_axis = 0 if node.int("transB", 0) else 1
    a, b = dequantized(node, 0), dequantized(node, 3, columns_axis)
    summand = node.optional(6)
    if summand is not None:
        scale = product_of_scales(node.operand(1), node.operand(4), node.float("alpha", 1.0))
        summand = real(summand, scale, None, summand.type.rank - 1)
    product = first(as_standard(node, "Gemm", [a, b, summand]))
    return product if node.optional(7) is None else quantized(node, product, 7, node.type(0).dtype)


@TABLE.imports("MatMulIntegerToFloat")
def mat_mul_integer_to_float(node: Node) -> Value:
    sums = integer_product(node.operand(0), node.operand(1), node.optional(4), node.optional(5))
    return _scaled_sums(sums, node.operand(2), node.operand(3), node.optional(6))


def _scaled_sums(sums: Value, x_scale: Value, y_scale: Value, bias: Value | None) -> Value:
    """The numbers of which the integers are sums; scales of columns lie along the last axis."""
    if not is_single(x_scale):
        raise Unsupported(f"its a_scale is {x_scale.type}, not one number")
    scale = product_of_scales(x_scale, y_scale)
    product = math.Mul(cast(sums, DType.F32), scale).result
    return product if bias is None else math.Add(product, bias).result


@TABLE.imports("DynamicQuantizeMatMul")
def dynamic_quantize_mat_mul(node: Node) -> Value:
    x, scale, zero = quant.DynamicQuantize(node.operand(0)).results
    sums = integer_product(x, node.operand(1), zero, node.optional(3))
    return _scaled_sums(sums, scale, node.operand(2), node.optional(4))


@TABLE.imports("MatMulInteger16")
def mat_mul_integer_16(node: Node) -> Value:
    return matrix_product(cast(node.operand(0), DType.I32), cast(node.operand(1), DType.I32), multiplied)


@TABLE.imports("DynamicQuantizeLSTM")
def dynamic_quantize_lstm(node: Node) -> Imported:
    """An LSTM whose weights are integers, transposed: [D, inputs, 4 * H]. What the runtime rounds data and states to at
    every step is not rounded here: the result is nearer to that of the float layer."""
    weight, recurrence = (_transposed_weight(node, place, scale) for place, scale in ((1, 8), (2, 10)))
    operands = [*node.operands[:8], *[None] * (8 - len(node.operands[:8]))]
    return as_standard(node, "LSTM", [operands[0], weight, recurrence, *operands[3:]])


def _transposed_weight(node: Node, place: int, scale_place: int) -> Value:
    """[D, 4 * H, inputs]; scales are one a direction, or one a column of it."""
    stored, scale, zero = node.operand(place), node.operand(scale_place), node.optional(scale_place + 1)
    moved = tensor.Transpose(stored, (0, 2, 1)).result
    if all(v is None or v.type.rank <= 1 for v in (scale, zero)):
        return real(moved, scale, zero, 0)
    lying = [None if v is None else tensor.Reshape(v, None, (*v.type.shape, 1)).result for v in (scale, zero)]
    assert lying[0] is not None
    return real(moved, lying[0], lying[1])


@TABLE.imports("QAttention")
def q_attention(node: Node) -> Imported:
    """Attention behind a layer on integers: data and weight come with their scales and zero points."""
    x = real(node.operand(0), node.operand(3), node.optional(6))
    weight = real(node.operand(1), node.operand(4), node.optional(7), 1)
    plain = replace(
        node, op_type="Attention", operands=(x, weight, node.optional(2), node.optional(5), node.optional(8))
    )
    return node.scope.importers["com.microsoft", "Attention"](plain)


@TABLE.imports("QEmbedLayerNormalization")
def q_embed_layer_normalization(node: Node) -> Imported:
    """EmbedLayerNormalization of tables of integers: five tensors, then the scales and the zero points of each."""
    tables = [_table(node, place) for place in range(5)]
    operands = (node.operand(0), node.optional(1), *tables, node.optional(7))
    plain = replace(node, op_type="EmbedLayerNormalization", operands=operands)
    return node.scope.importers["com.microsoft", "EmbedLayerNormalization"](plain)


def _table(node: Node, place: int) -> Value | None:
    stored = node.optional(2 + place)
    return None if stored is None else real(stored, node.operand(8 + place), node.optional(13 + place))
