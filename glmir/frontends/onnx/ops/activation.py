"""Activation functions, Softmax and its kin, Clip; what does nothing at inference."""

from math import inf

import numpy as np

from ....dims import known_different
from ....ir import Op, Value
from ....ops import math, nn, tensor
from ....ops.enums import GeluForm
from ..node import Imported, Importer, ImporterTable, Node, Unsupported, check_axis, constant, scalar, shortest_float
from .flattening import flattened
from .old_broadcasting import per_channel

TABLE = ImporterTable()

_SIMPLE: dict[str, type[nn.FloatActivation] | type[math.Unary]] = {
    "HardSwish": nn.HardSwish,
    "Mish": nn.Mish,
    "Relu": nn.Relu,
    "Sigmoid": nn.Sigmoid,
    "Softplus": nn.Softplus,
    "Softsign": nn.Softsign,
    "Tanh": math.Tanh,
}


def _simple(op_class: type[nn.FloatActivation] | type[math.Unary]) -> Importer:
    return lambda node: op_class(node.operand(0))


for _op_type, _op_class in _SIMPLE.items():
    TABLE.imports(_op_type)(_simple(_op_class))


@TABLE.imports("LeakyRelu")
def leaky_relu(node: Node) -> Op:
    return nn.LeakyRelu(node.operand(0), node.float("alpha", 0.01))


@TABLE.imports("Elu")
def elu(node: Node) -> Op:
    return nn.Elu(node.operand(0), node.float("alpha", 1.0))


@TABLE.imports("Celu")
def celu(node: Node) -> Op:
    return nn.Celu(node.operand(0), node.float("alpha", 1.0))


@TABLE.imports("Selu")
def selu(node: Node) -> Op:
    """Before opset 6 the defaults have four decimals."""
    alpha, gamma = (1.6732, 1.0507) if node.opset < 6 else (1.67326319217681884765625, 1.05070102214813232421875)
    return nn.Selu(node.operand(0), node.float("alpha", alpha), node.float("gamma", gamma))


@TABLE.imports("HardSigmoid")
def hard_sigmoid(node: Node) -> Op:
    return nn.HardSigmoid(node.operand(0), node.float("alpha", 0.2), node.float("beta", 0.5))


@TABLE.imports("Gelu")
def gelu(node: Node) -> Op:
    form = node.string("approximate", "none")
    if form not in ("none", "tanh"):
        raise Unsupported(f"the approximation {form} is not known")
    return nn.Gelu(node.operand(0), GeluForm.TANH if form == "tanh" else GeluForm.ERF)


@TABLE.imports("Swish")
def swish(node: Node) -> Op:
    x, alpha = node.operand(0), node.float("alpha", 1.0)
    if alpha == 1:
        return nn.Silu(x)
    return math.Mul(x, nn.Sigmoid(math.Mul(x, scalar(alpha, x)).result).result)


@TABLE.imports("PRelu")
def p_relu(node: Node) -> Op:
    x, slope = per_channel(node)
    if x.type.dtype.is_float:
        return nn.PRelu(x, slope)
    return math.Select(math.Less(x, scalar(0, x)).result, math.Mul(x, slope).result, x)


@TABLE.imports("ThresholdedRelu")
def thresholded_relu(node: Node) -> Op:
    x = node.operand(0)
    is_above = math.Greater(x, scalar(node.float("alpha", 1.0), x))
    return math.Select(is_above.result, x, scalar(0, x))


@TABLE.imports("Shrink")
def shrink(node: Node) -> Op:
    """x + bias below -lambd, x - bias above lambd, else 0."""
    x, bias, limit = node.operand(0), node.float("bias", 0.0), node.float("lambd", 0.5)
    low = math.Add(x, scalar(bias, x)).result if bias else x
    high = math.Sub(x, scalar(bias, x)).result if bias else x
    inner = math.Select(math.Greater(x, scalar(limit, x)).result, high, scalar(0, x))
    return math.Select(math.Less(x, scalar(-limit, x)).result, low, inner.result)


@TABLE.imports("Softmax")
def softmax(node: Node) -> Imported:
    return _along_axis(node, nn.Softmax)


@TABLE.imports("LogSoftmax")
def log_softmax(node: Node) -> Imported:
    return _along_axis(node, nn.LogSoftmax)


def _along_axis(node: Node, op_class: type[nn.Softmax] | type[nn.LogSoftmax]) -> Imported:
    """Before opset 13 the function is over all axes from ``axis`` on together."""
    x = node.operand(0)
    if node.opset >= 13:
        return op_class(x, node.axis("axis", -1, x.type.rank))
    axis = check_axis(node.int("axis", 1), x.type.rank)
    if all(d == 1 for d in x.type.shape[axis + 1 :]):
        return op_class(x, axis)
    if all(d == 1 for d in x.type.shape[axis:-1]):
        return op_class(x, x.type.rank - 1)
    rows = op_class(flattened(x, axis), 1)
    return tensor.Reshape(rows.result, None, x.type.shape)


@TABLE.imports("Hardmax")
def hardmax(node: Node) -> Op:
    """1 for the first largest element along the axis, 0 elsewhere; over axes as Softmax."""
    x = node.operand(0)
    axis = check_axis(node.int("axis", -1 if node.opset >= 13 else 1), x.type.rank)
    rows, row_axis = (x, axis) if node.opset >= 13 else (flattened(x, axis), 1)
    largest = math.ArgMax(rows, row_axis)
    values = constant(np.array([0, 1]).astype(x.type.dtype.numpy))
    hot = tensor.OneHot(largest.result, values, rows.type.shape[row_axis], row_axis)
    return hot if rows is x else tensor.Reshape(hot.result, None, x.type.shape)


@TABLE.imports("Clip")
def clip(node: Node) -> Imported:
    """Opset 6 has the bounds as attributes, 11 as optional operands; constant ones become attributes of Clamp."""
    x = node.operand(0)
    if node.opset < 11:
        return _clamped(x, node.float("min", -inf), node.float("max", inf))
    low, high = _bound(node, 1), _bound(node, 2)
    if isinstance(low, Value) or isinstance(high, Value):
        return _clamped_at_run_time(x, low, high)
    low, high = -inf if low is None else low, inf if high is None else high
    # Of a low bound above the high one the high one wins (ONNX Clip, since opset 11).
    return _clamped(x, min(low, high), high)


def _bound(node: Node, index: int) -> float | Value | None:
    """A bound: a number where it is constant, None where there is none."""
    value = node.optional(index)
    if value is None:
        return None
    if known_different(value.type.elements, 1) or value.type.rank > 1:
        raise Unsupported(f"the bound {value.type} is not a scalar")
    array = node.constant(index)
    if array is None:
        return value
    if value.type.dtype.is_float:
        return shortest_float(array.reshape(-1)[0])
    # Doubles do not hold all integers of 64 bits.
    return float(array.item()) if abs(int(array.item())) < 1 << 53 else value


def _clamped(x: Value, low: float, high: float) -> Imported:
    if (low, high) == (-inf, inf):
        return x
    if (low, high) == (0, inf):
        return nn.Relu(x)
    if (low, high) == (0, 6):
        return nn.Relu6(x)
    return math.Clamp(x, low, high)


def _clamped_at_run_time(x: Value, low: float | Value | None, high: float | Value | None) -> Value:
    for bound, op_class in ((low, math.Maximum), (high, math.Minimum)):
        if bound is None:
            continue
        value = bound if isinstance(bound, Value) else scalar(bound, x)
        if value.type.rank:
            value = tensor.Reshape(value, None, ()).result
        x = op_class(x, value).result
    return x


@TABLE.imports("Identity")
def identity(node: Node) -> Value:
    return node.operand(0)
