"""onnxruntime's mixture of experts (com.microsoft)."""

from math import inf

import numpy as np

from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.enums import GeluForm
from ...values import constant, reshape, sliced
from ..node import ImporterTable, Node, Unsupported, scalar

TABLE = ImporterTable("com.microsoft")


@TABLE.imports("MoE")
def mixture_of_experts(node: Node) -> Value:
    """The sum of what the ``k`` experts say that a router prefers, weighed by its softmax.

    All experts are computed for each row, [experts, rows, size]: no target has a product whose matrix an index picks.
    """
    if node.int("use_sparse_mixer", 0):
        raise Unsupported("its router is a sparse mixer, which is not known; export the router's choice as operators")
    x = node.operand(0)
    size = x.type.shape[-1]
    rows = reshape(x, (1, x.type.elements // size, size))
    hidden = _activated(node, rows)
    found = _layer(hidden, node.operand(4), node.optional(5))
    weights = _weights(node, node.operand(1))
    count, experts = weights.type.shape
    columns = reshape(tensor.Transpose(weights, (1, 0)).result, (experts, count, 1))
    return reshape(math.ReduceSum(math.Mul(found, columns).result, (0,), False).result, x.type.shape)


def _layer(x: Value, weight: Value, bias: Value | None) -> Value:
    """x [experts or 1, rows, in] by [experts, out, in]."""
    y = math.MatMul(x, weight, transpose_y=True).result
    return y if bias is None else math.Add(y, reshape(bias, (bias.type.shape[0], 1, bias.type.shape[1]))).result


def _weights(node: Node, logits: Value) -> Value:
    """What each expert counts, 0 for those that are not chosen: [rows, experts]."""
    count = node.int("k", 1)
    shares = nn.Softmax(logits, 1).result
    best, places = math.TopK(shares, None, count, 1).results
    if node.int("normalize_routing_weights", 0):
        best = math.Div(best, math.ReduceSum(best, (1,), True).result).result
    values = constant(np.array([0, 1], logits.type.dtype.numpy))
    hot = tensor.OneHot(places, values, logits.type.shape[1], 2).result
    rows = logits.type.shape[0]
    return math.ReduceSum(math.Mul(hot, reshape(best, (rows, count, 1))).result, (1,), False).result


def _activated(node: Node, rows: Value) -> Value:
    """The first layer of all experts and its activation."""
    name = node.string("activation_type", "relu")
    y = _layer(rows, node.operand(2), node.optional(3))
    if name == "swiglu":
        return _swiglu(node, y, rows)
    if node.optional(6) is not None:
        return math.Mul(_simple(name, y), _layer(rows, node.operand(6), node.optional(7))).result
    return _simple(name, y)


def _simple(name: str, x: Value) -> Value:
    match name:
        case "relu":
            return nn.Relu(x).result
        case "gelu":
            return nn.Gelu(x, GeluForm.TANH).result
        case "silu":
            return nn.Silu(x).result
        case "identity":
            return x
    raise Unsupported(f"the activation {name} is not known")


def _swiglu(node: Node, x: Value, rows: Value) -> Value:
    """g * sigmoid(alpha * g) * (l + beta), g and l limited, of two layers or of the columns of one."""
    fusion = node.int("swiglu_fusion", 0)
    if fusion == 0:
        gate, linear = x, _layer(rows, node.operand(6), node.optional(7))
    elif fusion == 1:
        experts, count, columns = x.type.shape
        pairs = reshape(x, (experts, count, columns // 2, 2))
        gate, linear = (reshape(sliced(pairs, 3, i, 1), (experts, count, columns // 2)) for i in (0, 1))
    else:
        half = x.type.shape[2] // 2
        gate, linear = tensor.Split(x, 2, (half, half)).results
    if node.has("swiglu_limit"):
        limit = node.float("swiglu_limit")
        gate, linear = math.Clamp(gate, -inf, limit).result, math.Clamp(linear, -limit, limit).result
    alpha, beta = node.float("activation_alpha", 1.0), node.float("activation_beta", 0.0)
    inner = gate if alpha == 1 else math.Mul(gate, scalar(alpha, gate)).result
    linear = linear if beta == 0 else math.Add(linear, scalar(beta, linear)).result
    return math.Mul(math.Mul(gate, nn.Sigmoid(inner).result).result, linear).result
