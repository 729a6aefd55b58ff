"""onnxruntime's activations, alone and with the sum before them (com.microsoft)."""

import numpy as np

from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.enums import GeluForm
from ...values import cast
from ..node import Imported, ImporterTable, Node, Unsupported, constant, scalar
from .microsoft_layers import plus, sigmoid_gated
from .standard_forms import as_standard

TABLE = ImporterTable("com.microsoft")


@TABLE.imports("Gelu", "BiasGelu")
def gelu(node: Node) -> Value:
    return nn.Gelu(plus(node.operand(0), node.optional(1)), GeluForm.ERF).result


@TABLE.imports("FastGelu")
def fast_gelu(node: Node) -> Value:
    return nn.Gelu(plus(node.operand(0), node.optional(1)), GeluForm.TANH).result


@TABLE.imports("QuickGelu")
def quick_gelu(node: Node) -> Value:
    return sigmoid_gated(node.operand(0), node.float("alpha", 1.702))


@TABLE.imports("ScaledSiLU")
def scaled_silu(node: Node) -> Value:
    """silu(scale * x), the scale an operand or the attribute ``alpha``."""
    x, factor = node.operand(0), node.optional(1)
    if factor is None:
        alpha = node.float("alpha", 1.0)
        return nn.Silu(x if alpha == 1 else math.Mul(x, scalar(alpha, x)).result).result
    single = factor if factor.type.rank == 0 else tensor.Reshape(factor, None, ()).result
    return nn.Silu(math.Mul(x, cast(single, x.type.dtype)).result).result


@TABLE.imports("BiasSplitGelu")
def bias_split_gelu(node: Node) -> Value:
    """The left half of x + bias times the Gelu of the right half."""
    x = plus(node.operand(0), node.operand(1))
    half = x.type.shape[-1] // 2
    left, right = tensor.Split(x, x.type.rank - 1, (half, half)).results
    return math.Mul(left, nn.Gelu(right, GeluForm.ERF).result).result


@TABLE.imports("BiasSoftmax")
def bias_softmax(node: Node) -> Imported:
    """Softmax of data + bias over all axes from ``axis`` on together."""
    x, bias = node.operand(0), node.operand(1)
    if node.int("is_inner_broadcast") and bias.type.rank != x.type.rank:
        raise Unsupported(f"its bias {bias.type} is broadcast along inner axes of {x.type}, and their ranks differ")
    attributes = {"axis": node.int("axis", 1)}
    return as_standard(node, "Softmax", [plus(x, bias)], attributes, opset=11)


@TABLE.imports("BiasAdd")
def bias_add(node: Node) -> Value:
    return plus(plus(node.operand(0), node.operand(1)), node.operand(2))


@TABLE.imports("GatedAdd")
def gated_add(node: Node) -> Value:
    """X + Y * gate"""
    return plus(node.operand(0), math.Mul(node.operand(1), node.operand(2)).result)


@TABLE.imports("BiasDropout")
def bias_dropout(node: Node) -> Imported:
    """At inference only the sums are left; the mask says that every element is kept."""
    if node.optional(4) is not None and node.dims(4) != (0,):
        raise Unsupported("training_mode must be the constant false: only inference can be compiled")
    y = plus(plus(node.operand(0), node.operand(1)), node.optional(2))
    return y, tensor.Expand(constant(np.array(True)), None, y.type.shape).result


@TABLE.imports("IsAllFinite")
def is_all_finite(node: Node) -> Value:
    """Whether no element of any operand is infinite or no number."""
    only_nan, only_inf = node.int("isnan_only", 0), node.int("isinf_only", 0)
    predicates = [nn_op for nn_op, is_left_out in ((math.IsNan, only_inf), (math.IsInf, only_nan)) if not is_left_out]
    found = [
        math.ReduceAny(predicate(x).result, tuple(range(x.type.rank))).result if x.type.rank else predicate(x).result
        for x in node.present
        for predicate in predicates
    ]
    any_found = found[0]
    for other in found[1:]:
        any_found = math.LogicalOr(any_found, other).result
    return math.LogicalNot(any_found).result


@TABLE.imports("LinearAttentionGate")
def linear_attention_gate(node: Node) -> Imported:
    """decay_scale * softplus(a + dt_bias), and sigmoid(b)."""
    a, bias, factor = (node.operand(i) for i in range(3))
    decay = math.Mul(nn.Softplus(plus(cast(a, bias.type.dtype), bias)).result, factor).result
    b = node.optional(3)
    narrow = cast(decay, a.type.dtype)
    return narrow if b is None else (narrow, nn.Sigmoid(b).result)
