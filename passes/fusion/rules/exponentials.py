"""Activation functions that are made of exponentials: sigmoid, tanh, softplus, mish, the softmaxes.

The recognised op never overflows where the spelling did, and rounds no more.
"""

import math as numbers

import numpy as np

from ....ir import Op, Value
from ....ops import math, nn
from ....ops.enums import Activation
from ....rewriter import RuleSet
from ....types import DType
from ...patterns import constant, either_order, is_number, number, same_shape
from .matching import are_nearly, factored, minus_from, operands_of, plus, times, unless_changed

RULES = RuleSet()


def exponent_of(value: Value | None) -> Value | None:
    """x when ``value`` is exp(x)."""
    match value:
        case Value(owner=math.Exp(x=x)):
            return x
    return None


def scaled(x: Value, factor: float) -> Value:
    """x * factor, by the fewest ops: what x is scaled by already is taken into account."""
    found = factored(x)
    if found is not None:
        x, factor = found[0], found[1] * factor
    if are_nearly(factor, 1, x.type.dtype):
        return x
    if factor == -1:
        return math.Neg(x).result
    return math.Mul(x, constant(np.array(factor, x.type.dtype.numpy))).result


@RULES.on(math.Reciprocal)
def sigmoid(op: math.Reciprocal) -> Op | None:
    """1 / (1 + exp(-x)) -> sigmoid(x)"""
    x = _of_logistic(op.x)
    return None if x is None else nn.Sigmoid(x)


def _of_logistic(value: Value) -> Value | None:
    """x when ``value`` is 1 + exp(-x)."""
    exponent = exponent_of(plus(value, 1))
    factor = factored(exponent)
    if exponent is None or factor is None or factor[1] >= 0:
        return None
    return scaled(exponent, -1.0)


@RULES.on(math.Div)
def divided_by_logistic(op: math.Div) -> Op | None:
    """y / (1 + exp(-x)) -> y * sigmoid(x)"""
    if op.activation is not Activation.NONE or number(op.x) is not None:
        return None
    power = plus(op.y, 1)
    if power is None or not power.has_one_use or not op.y.has_one_use:
        return None
    x = _of_logistic(op.y)
    return None if x is None else math.Mul(op.x, nn.Sigmoid(x).result)


@RULES.on(math.Div)
def sigmoid_of_quotient(op: math.Div) -> Op | None:
    """exp(x) / (1 + exp(x)) -> sigmoid(x)"""
    x = exponent_of(op.x)
    if x is None or plus(op.y, 1) is not op.x or op.activation is not Activation.NONE:
        return None
    return nn.Sigmoid(x)


@RULES.on(math.ActivatedArithmetic)
def sigmoid_of_tanh(op: math.ActivatedArithmetic) -> Op | None:
    """0.5 * (tanh(0.5 * x) + 1) -> sigmoid(x), and 0.5 * tanh(0.5 * x) + 0.5 likewise"""
    half_angle = plus(times(op.result, 0.5), 1) or times(plus(op.result, 0.5), 0.5)
    match half_angle:
        case Value(owner=math.Tanh(x=angle)) if times(angle, 0.5) is not None:
            return nn.Sigmoid(scaled(angle, 2.0))
    return None


@RULES.on(math.Sub)
def sigmoid_of_opposite(op: math.Sub) -> Op | None:
    """1 - sigmoid(-x) -> sigmoid(x)"""
    match minus_from(1, op.result):
        case Value(owner=nn.Sigmoid(x=Value(owner=math.Neg(x=x)))):
            return nn.Sigmoid(x)
    return None


@RULES.on(math.Mul)
def silu(op: math.Mul) -> Op | None:
    """x * sigmoid(x) -> silu(x)"""
    for x, other in either_order(op):
        match other:
            case Value(owner=nn.Sigmoid(x=y)) if y is x and op.activation is Activation.NONE:
                return nn.Silu(x)
    return None


@RULES.on(math.Div)
def tanh_of_exponentials(op: math.Div) -> Op | None:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)) -> tanh(x)"""
    match op:
        case math.Div(x=Value(owner=math.Sub(x=a, y=b, activation=Activation.NONE)), activation=Activation.NONE):
            x = exponent_of(a)
            sums = any(c is a and d is b for c, d in operands_of(math.Add, op.y))
            if x is not None and sums and _are_opposite(x, exponent_of(b)):
                return math.Tanh(x)
    return None


def _are_opposite(x: Value, y: Value | None) -> bool:
    """Whether y is -x."""
    a, b = factored(x) or (x, 1.0), factored(y)
    return b is not None and a[0] is b[0] and a[1] == -b[1]


@RULES.on(math.Div)
def tanh_of_quotient(op: math.Div) -> Op | None:
    """(exp(2 * x) - 1) / (exp(2 * x) + 1) -> tanh(x), and (1 - exp(-2 * x)) / (1 + exp(-2 * x)) likewise"""
    power = plus(op.y, 1)
    angle = exponent_of(power)
    if angle is None or op.activation is not Activation.NONE:
        return None
    if plus(op.x, -1) is power:
        return math.Tanh(scaled(angle, 0.5))
    return math.Tanh(scaled(angle, -0.5)) if minus_from(1, op.x) is power else None


@RULES.on(math.Sub)
def tanh_of_remainder(op: math.Sub) -> Op | None:
    """1 - 2 / (exp(2 * x) + 1) -> tanh(x)"""
    match minus_from(1, op.result):
        case Value(owner=math.Div(x=two, y=sum_, activation=Activation.NONE)) if is_number(two, 2):
            angle = exponent_of(plus(sum_, 1))
            return math.Tanh(scaled(angle, 0.5)) if angle is not None and same_shape(angle, op.result) else None
    return None


@RULES.on(math.Add)
def tanh_of_sigmoid(op: math.Add) -> Op | None:
    """2 * sigmoid(2 * x) - 1 -> tanh(x)"""
    match times(plus(op.result, -1), 2):
        case Value(owner=nn.Sigmoid(x=angle)) if times(angle, 2) is not None:
            return math.Tanh(scaled(angle, 0.5))
    return None


@RULES.on(math.Div)
def tanh_of_hyperbolics(op: math.Div) -> Op | None:
    """sinh(x) / cosh(x) -> tanh(x)"""
    match op:
        case math.Div(
            x=Value(owner=math.Sinh(x=x)), y=Value(owner=math.Cosh(x=y)), activation=Activation.NONE
        ) if y is x:  # fmt: skip
            return math.Tanh(x)
    return None


@RULES.on(math.Log)
def softplus(op: math.Log) -> Op | None:
    """log(1 + exp(x)) -> softplus(x)"""
    x = exponent_of(plus(op.x, 1))
    return None if x is None else nn.Softplus(x)


@RULES.on(math.Add)
def softplus_of_parts(op: math.Add) -> Op | None:
    """relu(x) + softplus(-|x|) -> softplus(x)"""
    for positive, rest in operands_of(math.Add, op.result):
        match positive, rest:
            case (
                Value(owner=nn.Relu(x=x)),
                Value(owner=nn.Softplus(x=Value(owner=math.Neg(x=Value(owner=math.Abs(x=y)))))),
            ) if y is x and x.type.dtype.is_float:
                return nn.Softplus(x)
    return None


_EPSILONS = {DType.F16: 2.0**-11, DType.BF16: 2.0**-8, DType.F32: 2.0**-24, DType.F64: 2.0**-53}
"""Half of the distance from 1 to the next number."""


@RULES.on(math.Select)
def softplus_of_large(op: math.Select) -> Value | None:
    """x > c ? x : softplus(x) -> softplus(x) for a c from which on they round to the same; scaled by b and 1 / b too"""
    match op.condition:
        case Value(owner=math.Greater(x=compared, y=limit) | math.GreaterEqual(x=compared, y=limit)):
            bound = number(limit)
        case _:
            return None
    dtype = op.result.type.dtype
    if bound is None or bound <= 0 or numbers.exp(-bound) > bound * _EPSILONS.get(dtype, 0):
        return None
    inner, factor = (op.y, 1.0) if op.x is compared else factored(op.y) or (op.y, 0.0)
    if not isinstance(inner.owner, nn.Softplus) or inner.owner.x is not compared or not same_shape(op.y, op.result):
        return None
    if op.x is compared:
        return op.y
    x, scale = factored(compared) or (compared, 0.0)
    return op.y if x is op.x and are_nearly(scale * factor, 1, dtype) else None


@RULES.on(math.Mul)
def mish(op: math.Mul) -> Op | None:
    """x * tanh(softplus(x)) -> mish(x)"""
    for x, other in either_order(op):
        match other:
            case Value(owner=math.Tanh(x=Value(owner=nn.Softplus(x=y)))) if y is x and op.activation is Activation.NONE:
                return nn.Mish(x)
    return None


@RULES.on(math.Div)
def mish_of_quotient(op: math.Div) -> Op | None:
    """x * n / (n + 2) -> mish(x) with n = e * (e + 2), e = exp(x); with n = (1 + e) ** 2 - 1 likewise"""
    if op.activation is not Activation.NONE:
        return None
    for x, numerator in operands_of(math.Mul, op.x):
        if _is_mish_quotient(numerator, op.y, x):
            return nn.Mish(x)
    return None


@RULES.on(math.Mul)
def mish_of_product(op: math.Mul) -> Op | None:
    """x * (n / (n + 2)) -> mish(x) with n = e * (e + 2), e = exp(x); with n = (1 + e) ** 2 - 1 likewise"""
    if op.activation is not Activation.NONE:
        return None
    for x, other in either_order(op):
        match other:
            case Value(owner=math.Div(x=numerator, y=denominator, activation=Activation.NONE)):
                if _is_mish_quotient(numerator, denominator, x):
                    return nn.Mish(x)
    return None


def _is_mish_quotient(numerator: Value, denominator: Value, x: Value) -> bool:
    """Whether numerator / denominator is tanh(log(1 + exp(x)))."""
    square = plus(numerator, -1)
    if square is not None and plus(denominator, 1) is square:
        match square:
            case Value(owner=math.Square(x=sum_)):
                return _is_power(exponent_of(plus(sum_, 1)), x)
        return False
    if plus(denominator, 2) is not numerator:
        return False
    return any(plus(b, 2) is a and _is_power(exponent_of(a), x) for a, b in operands_of(math.Mul, numerator))


SATURATED = 20.0
"""Where mish is its operand in single precision, so that a limit of the exponent from there on changes nothing."""


def _is_power(exponent: Value | None, x: Value) -> bool:
    """Whether the exponent is x, or x limited from above where that does not matter."""
    match exponent:
        case Value(owner=math.Clamp(x=y, minimum=low, maximum=high)) if y is x and x.type.dtype is not DType.F64:
            return low == -numbers.inf and high >= SATURATED
    return exponent is x


@RULES.on(math.Div)
def softmax(op: math.Div) -> Op | None:
    """exp(x) / sum(exp(x)) -> softmax(x)"""
    match op:
        case math.Div(
            x=Value(owner=math.Exp(x=x)) as powers,
            y=Value(owner=math.ReduceSum(x=summed, axes=(axis,), keep_dims=True)),
            activation=Activation.NONE,
        ) if summed is powers:
            return nn.Softmax(x, axis)
    return None


@RULES.on(nn.Softmax)
def softmax_without_maximum(op: nn.Softmax) -> Op | None:
    """softmax(x - max(x)) -> softmax(x), the largest along the axis or more axes: the op subtracts it anyway"""
    x = _without_maximum(op.x, op.axis)
    return None if x is None else nn.Softmax(x, op.axis)


@RULES.on(nn.LogSoftmax)
def log_softmax_without_maximum(op: nn.LogSoftmax) -> Op | None:
    """log_softmax(x - max(x)) -> log_softmax(x), the largest along the axis or more axes"""
    x = _without_maximum(op.x, op.axis)
    return None if x is None else nn.LogSoftmax(x, op.axis)


def _without_maximum(value: Value, axis: int) -> Value | None:
    """x when ``value`` is x - max(x) along the axis or more axes."""
    match value:
        case Value(owner=math.Sub(x=x, y=Value(owner=math.ReduceMax() as largest), activation=Activation.NONE)):
            # Without its own axis a maximum would be subtracted along another one.
            keeps = largest.keep_dims or len(largest.axes) == x.type.rank
            return x if largest.x is x and axis in largest.axes and keeps else None
    return None


@RULES.on(math.Log)
def log_softmax(op: math.Log) -> Op | None:
    """log(softmax(x)) -> log_softmax(x)"""
    match op.x:
        case Value(owner=nn.Softmax(x=x, axis=axis), has_one_use=True):
            return nn.LogSoftmax(x, axis)
    return None


@RULES.on(math.Exp)
def softmax_of_logarithm(op: math.Exp) -> Op | None:
    """exp(log_softmax(x)) -> softmax(x)"""
    match op.x:
        case Value(owner=nn.LogSoftmax(x=x, axis=axis), has_one_use=True):
            return nn.Softmax(x, axis)
    return None


@RULES.on(math.Sub)
def log_softmax_of_sum(op: math.Sub) -> Op | None:
    """x - log(sum(exp(x))) -> log_softmax(x), also where max(x) is subtracted inside and added behind the logarithm"""
    if op.activation is not Activation.NONE or unless_changed(op.x, op.result) is None:
        return None
    axis = _axis_of_logarithm(op.y, op.x)
    if axis is not None:
        return nn.LogSoftmax(op.x, axis)
    for total, shift in operands_of(math.Add, op.y):
        match total:
            case Value(owner=math.Log(x=Value(owner=math.ReduceSum(x=powers)))):
                match exponent_of(powers):
                    case Value(owner=math.Sub(x=x, y=y, activation=Activation.NONE) as inner) if x is op.x:
                        axis = _axis_of_logarithm(total, inner.result)
                        if y is shift and axis is not None and shift.type.shape == total.type.shape:
                            return nn.LogSoftmax(op.x, axis)
    return None


def _axis_of_logarithm(value: Value, x: Value) -> int | None:
    """The axis when ``value`` is log(sum(exp(x))) along one that is kept."""
    match value:
        case Value(
            owner=math.Log(
                x=Value(owner=math.ReduceSum(x=Value(owner=math.Exp(x=y)), axes=(axis,), keep_dims=True)),
            )
        ) if y is x:
            return axis
    return None
