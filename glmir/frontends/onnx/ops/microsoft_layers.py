"""onnxruntime's convolutions and matrix products that have taken in a transpose, a factor, a sum or an activation.

com.microsoft, https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from ....ir import Value
from ....ops import math, nn
from ....ops.enums import GeluForm
from ...values import transposed
from ..node import AttributeValue, Imported, ImporterTable, Node, Unsupported, scalar
from .standard_forms import as_standard, first

TABLE = ImporterTable("com.microsoft")

_PARAMETERS = {
    "Affine": ("alpha", "beta"),
    "Celu": ("alpha",),
    "Clip": ("min", "max"),
    "Elu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "HardSwish": (),
    "LeakyRelu": ("alpha",),
    "ParametricSoftplus": ("alpha", "beta"),
    "Relu": (),
    "ScaledTanh": ("alpha", "beta"),
    "Selu": ("alpha", "gamma"),
    "Sigmoid": (),
    "Softplus": (),
    "Softsign": (),
    "Tanh": (),
    "ThresholdedRelu": ("alpha",),
}
"""Activations by name, with their attributes in the order of activation_params."""

_BEFORE_OPERANDS = 10
"""The opset in which Clip has its bounds as attributes."""


def plus(x: Value, summand: Value | None) -> Value:
    """x + summand; x if there is none."""
    return x if summand is None else math.Add(x, summand).result


def activated(node: Node, x: Value, name: str, parameters: dict[str, float]) -> Value:
    """x after the activation of that name; raises Unsupported when there is none."""
    if name == "":
        return x
    if name == "Gelu":
        return nn.Gelu(x, GeluForm.ERF).result
    if name == "QuickGelu":
        return sigmoid_gated(x, parameters.get("alpha", 1.702))
    if name not in _PARAMETERS:
        raise Unsupported(f"the activation {name} is not known")
    attributes: dict[str, AttributeValue] = {**parameters}
    return first(as_standard(node, name, [x], attributes, _BEFORE_OPERANDS))


def activated_by_list(node: Node, x: Value) -> Value:
    """x after the attribute ``activation``, whose parameters are the list ``activation_params``."""
    name = node.string("activation", "")
    names = ("alpha",) if name == "QuickGelu" else _PARAMETERS.get(name, ())
    return activated(node, x, name, dict(zip(names, node.floats("activation_params", ()), strict=False)))


def _activated_by_attributes(node: Node, x: Value) -> Value:
    """x after the attribute ``activation``, whose parameters are attributes of their own."""
    names = [name for name in ("alpha", "beta", "gamma") if node.has(f"activation_{name}")]
    return activated(node, x, node.string("activation", ""), {n: node.float(f"activation_{n}") for n in names})


def sigmoid_gated(x: Value, alpha: float) -> Value:
    """x * sigmoid(alpha * x)"""
    if alpha == 1:
        return nn.Silu(x).result
    return math.Mul(x, nn.Sigmoid(math.Mul(x, scalar(alpha, x)).result).result).result


@TABLE.imports("FusedConv")
def fused_conv(node: Node) -> Value:
    """activation(Conv(X, W, B) + Z)"""
    y = first(as_standard(node, "Conv", node.operands[:3]))
    return activated_by_list(node, plus(y, node.optional(3)))


def channels_first(x: Value) -> Value:
    """[N, *spatial, C] as [N, C, *spatial]."""
    rank = x.type.rank
    return transposed(x, (0, rank - 1, *range(1, rank - 1)))


def channels_last(x: Value) -> Value:
    """[N, C, *spatial] as [N, *spatial, C]."""
    return transposed(x, (0, *range(2, x.type.rank), 1))


@TABLE.imports("NhwcConv", "NhwcFusedConv")
def nhwc_conv(node: Node) -> Value:
    """FusedConv on channels last; the weight is as Conv's."""
    operands = (channels_first(node.operand(0)), *node.operands[1:3])
    y = channels_last(first(as_standard(node, "Conv", operands)))
    return activated_by_list(node, plus(y, node.optional(3)))


@TABLE.imports("ConvTransposeWithDynamicPads")
def conv_transpose_with_pads(node: Node) -> Imported:
    """ConvTranspose with the padding as an operand."""
    pads = () if node.optional(2) is None else node.known_ints(2)
    attributes: dict[str, AttributeValue] = {**node.attributes, **({"pads": pads} if pads else {})}
    operands = (*node.operands[:2], node.optional(3))
    return as_standard(node, "ConvTranspose", operands, attributes)


@TABLE.imports("FusedGemm")
def fused_gemm(node: Node) -> Value:
    return _activated_by_attributes(node, first(as_standard(node, "Gemm")))


@TABLE.imports("GemmFastGelu")
def gemm_fast_gelu(node: Node) -> Value:
    y = first(as_standard(node, "MatMul", node.operands[:2]))
    return nn.Gelu(plus(y, node.optional(2)), GeluForm.TANH).result


@TABLE.imports("FusedMatMul", "TransposeMatMul")
def fused_mat_mul(node: Node) -> Value:
    return _product(node)


def _product(node: Node) -> Value:
    """alpha * op(A) op(B); a vector is never transposed."""
    x, y = (_with_rows_last(node.operand(i), bool(node.int(f"transBatch{'AB'[i]}", 0))) for i in (0, 1))
    transpose_x, transpose_y = (bool(node.int(name, 0)) for name in ("transA", "transB"))
    if x.type.rank < 2 or y.type.rank < 2:
        operands = [_transposed(v, flag) for v, flag in ((x, transpose_x), (y, transpose_y))]
        product = first(as_standard(node, "MatMul", operands))
    else:
        product = math.MatMul(x, y, transpose_x, transpose_y).result
    alpha = node.float("alpha", 1.0)
    return product if alpha == 1 else math.Mul(product, scalar(alpha, product)).result


@TABLE.imports("FusedMatMulActivation")
def fused_mat_mul_activation(node: Node) -> Value:
    y = _product(node)
    if node.string("activation") == "Softmax":
        return nn.Softmax(y, node.axis("activation_axis", -1, y.type.rank)).result
    return _activated_by_attributes(node, y)


def _with_rows_last(x: Value, is_asked: bool) -> Value:
    """[M, *batch, K] as [*batch, M, K]."""
    rank = x.type.rank
    if not is_asked or rank < 3:
        return x
    return transposed(x, (*range(1, rank - 1), 0, rank - 1))


def _transposed(x: Value, is_asked: bool) -> Value:
    """Matrices with rows and columns exchanged."""
    rank = x.type.rank
    return transposed(x, (*range(rank - 2), rank - 1, rank - 2)) if is_asked and rank >= 2 else x
