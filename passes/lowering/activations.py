"""Activation functions by way of simpler ones."""

import math as numbers

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn
from ...ops.enums import Activation, GeluForm
from ...rewriter import RuleSet
from .building import scalar

RULES = RuleSet()


def split_off_activation(op: math.ActivatedArithmetic | nn.Conv | nn.ConvTranspose | nn.Linear) -> Value | None:
    """op(x, activation=f) -> f(op(x))"""
    if op.activation is Activation.NONE:
        return None
    return activated(replace(op, activation=Activation.NONE).result, op.activation)


# Layers keep theirs where the target has such layers.
RULES.on(math.ActivatedArithmetic)(split_off_activation)


def activated(x: Value, activation: Activation) -> Value:
    """``x``, or what a fused activation makes of it."""
    match activation:
        case Activation.NONE:
            return x
        case Activation.RELU:
            return nn.Relu(x).result
        case Activation.RELU6:
            return nn.Relu6(x).result


@RULES.on(nn.Relu)
def relu_as_clamp(op: nn.Relu) -> Op:
    """relu(x) -> clamp(x, 0, inf)"""
    return math.Clamp(op.x, minimum=0.0)


@RULES.on(nn.Relu6)
def relu6_as_clamp(op: nn.Relu6) -> Op:
    """relu6(x) -> clamp(x, 0, 6)"""
    return math.Clamp(op.x, minimum=0.0, maximum=6.0)


@RULES.on(nn.LeakyRelu)
def leaky_relu_as_select(op: nn.LeakyRelu) -> Op:
    """leaky_relu(x) -> select(x < 0, alpha * x, x)"""
    is_negative = math.Less(op.x, scalar(0, op.x)).result
    return math.Select(is_negative, math.Mul(op.x, scalar(op.alpha, op.x)).result, op.x)


@RULES.on(nn.PRelu)
def p_relu_as_select(op: nn.PRelu) -> Op:
    """p_relu(x, slope) -> select(x < 0, slope * x, x)"""
    is_negative = math.Less(op.x, scalar(0, op.x)).result
    return math.Select(is_negative, math.Mul(op.x, op.slope).result, op.x)


@RULES.on(nn.Silu)
def silu_as_product(op: nn.Silu) -> Op:
    """silu(x) -> x * sigmoid(x)"""
    return math.Mul(op.x, nn.Sigmoid(op.x).result)


@RULES.on(nn.Softplus)
def softplus_as_log(op: nn.Softplus) -> Op:
    """softplus(x) -> max(x, 0) + log(1 + exp(-|x|)), which does not overflow"""
    decay = math.Exp(math.Neg(math.Abs(op.x).result).result).result
    return math.Add(_positive_part(op.x), math.Log(math.Add(decay, scalar(1, op.x)).result).result)


@RULES.on(nn.Softsign)
def softsign_as_quotient(op: nn.Softsign) -> Op:
    """softsign(x) -> x / (|x| + 1)"""
    return math.Div(op.x, math.Add(math.Abs(op.x).result, scalar(1, op.x)).result)


@RULES.on(nn.Mish)
def mish_as_quotient(op: nn.Mish) -> Op:
    """mish(x) -> x * n / (n + 2) with n = e * (e + 2), e = exp(min(x, 20)): tanh(log(1 + e)) without the logarithm"""
    power = math.Exp(math.Minimum(op.x, scalar(20, op.x)).result).result
    numerator = math.Mul(power, math.Add(power, scalar(2, op.x)).result).result
    quotient = math.Div(numerator, math.Add(numerator, scalar(2, op.x)).result)
    return math.Mul(op.x, quotient.result)


@RULES.on(nn.Elu)
def elu_as_unit_elu(op: nn.Elu) -> Op | None:
    """elu(x, alpha) -> max(x, 0) + alpha * elu(min(x, 0), 1)"""
    if op.alpha == 1:
        return None
    exponential = nn.Elu(_negative_part(op.x), 1.0).result
    return math.Add(_positive_part(op.x), math.Mul(exponential, scalar(op.alpha, op.x)).result)


@RULES.on(nn.Celu)
def celu_as_unit_elu(op: nn.Celu) -> Op:
    """celu(x, alpha) -> max(x, 0) + alpha * elu(min(x, 0) / alpha, 1)"""
    if op.alpha == 1:
        return nn.Elu(op.x, 1.0)
    inner = math.Mul(_negative_part(op.x), scalar(1 / op.alpha, op.x)).result
    exponential = math.Mul(nn.Elu(inner, 1.0).result, scalar(op.alpha, op.x)).result
    return math.Add(_positive_part(op.x), exponential)


@RULES.on(nn.Selu)
def selu_as_elu(op: nn.Selu) -> Op:
    """selu(x, alpha, gamma) -> elu(x, alpha) * gamma"""
    return math.Mul(nn.Elu(op.x, op.alpha).result, scalar(op.gamma, op.x))


@RULES.on(nn.HardSigmoid)
def hard_sigmoid_as_clamp(op: nn.HardSigmoid) -> Op:
    """hard_sigmoid(x, alpha, beta) -> clamp(x * alpha + beta, 0, 1)"""
    return math.Clamp(_affine(op.x, op.alpha, op.beta), minimum=0.0, maximum=1.0)


@RULES.on(nn.HardSwish)
def hard_swish_as_product(op: nn.HardSwish) -> Op:
    """hard_swish(x) -> x * clamp(x / 6 + 0.5, 0, 1)"""
    return math.Mul(op.x, math.Clamp(_affine(op.x, 1 / 6, 0.5), minimum=0.0, maximum=1.0).result)


@RULES.on(nn.Gelu)
def gelu_as_product(op: nn.Gelu) -> Op:
    """gelu(x) -> x / 2 * (1 + erf(x / sqrt(2))), or with tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)) for erf"""
    inner: Op
    if op.form is GeluForm.ERF:
        inner = math.Erf(math.Mul(op.x, scalar(numbers.sqrt(0.5), op.x)).result)
    else:
        cube = math.Mul(math.Mul(op.x, op.x).result, math.Mul(op.x, scalar(0.044715, op.x)).result).result
        inner = math.Tanh(math.Mul(math.Add(op.x, cube).result, scalar(numbers.sqrt(2 / numbers.pi), op.x)).result)
    half = math.Mul(op.x, scalar(0.5, op.x)).result
    return math.Mul(half, math.Add(inner.result, scalar(1, op.x)).result)


def _affine(x: Value, factor: float, offset: float) -> Value:
    return math.Add(math.Mul(x, scalar(factor, x)).result, scalar(offset, x)).result


def _positive_part(x: Value) -> Value:
    return nn.Relu(x).result


def _negative_part(x: Value) -> Value:
    return math.Minimum(x, scalar(0, x)).result
