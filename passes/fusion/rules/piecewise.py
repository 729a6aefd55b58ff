"""Activation functions with a bend at 0: relu, leaky relu, prelu, elu, celu, selu, however the bend is spelled."""

import math as numbers
from typing import NamedTuple

import numpy as np

from ....ir import Op, Value
from ....ops import math, nn, tensor
from ....ops.enums import Activation
from ....ops.inference import can_broadcast
from ....rewriter import RuleSet
from ...patterns import constant, constant_array, either_order, number, same_shape
from .exponentials import exponent_of
from .matching import are_nearly, factored, is_zero, minus_from, operands_of, plus

RULES = RuleSet()


class _Bend(NamedTuple):
    """``positive`` where x is positive, ``negative`` where it is negative; at 0 both are the same."""

    x: Value
    positive: Value
    negative: Value


def _bend(op: math.Select) -> _Bend | None:
    """What an op selects by the sign of x, in the shape of x."""
    match op.condition:
        case Value(owner=math.Greater(x=x, y=zero) | math.GreaterEqual(x=x, y=zero)):
            bend = _Bend(x, op.x, op.y)
        case Value(owner=math.Less(x=x, y=zero) | math.LessEqual(x=x, y=zero)):
            bend = _Bend(x, op.y, op.x)
        case _:
            return None
    return bend if is_zero(zero) and same_shape(x, op.result) else None


def _is_limited_below(value: Value, x: Value) -> bool:
    """Whether ``value`` is max(x, 0)."""
    match value:
        case Value(owner=nn.Relu(x=y)):
            return y is x
    return False


def _negative_part(value: Value) -> Value | None:
    """x when ``value`` is min(x, 0)."""
    match value:
        case Value(owner=math.Clamp(x=x, minimum=low, maximum=0)) if low == -numbers.inf:
            return x
    return None


def _opposite_part(value: Value) -> Value | None:
    """x when ``value`` is max(-x, 0)."""
    match value:
        case Value(owner=nn.Relu(x=Value(owner=math.Neg(x=x)))):
            return x
    return None


def _leaky(x: Value, slope: Value, factor: float = 1.0) -> Op | None:
    """x, or x * slope * factor where x is negative."""
    array = constant_array(slope)
    if array is None or not x.type.dtype.is_float or not np.isfinite(array).all():
        return None
    if array.size == 1:
        return nn.LeakyRelu(x, float(number(slope) or 0) * factor)
    if array.ndim > x.type.rank or not can_broadcast(slope.type.shape, x.type.shape):
        return None
    scaled = slope if factor == 1 else constant(array * array.dtype.type(factor), slope)
    return nn.PRelu(x, scaled)


@RULES.on(math.Maximum)
def leaky_relu(op: math.Maximum) -> Op | None:
    """max(x, alpha * x) -> leaky_relu(x) for alpha between 0 and 1"""
    for x, other in either_order(op):
        match other:
            case Value(owner=math.Mul(x=y, y=factor, activation=Activation.NONE)) if y is x:
                alpha = number(factor)
                if alpha is not None and 0 <= alpha <= 1 and x.type.dtype.is_float:
                    return nn.LeakyRelu(x, float(alpha)) if same_shape(x, op.result) else None
    return None


@RULES.on(math.Select)
def relu_of_sign(op: math.Select) -> Op | None:
    """x > 0 ? x : 0 -> relu(x)"""
    # Whether a NaN stays one differs between the runtimes' own relus.
    bend = _bend(op)
    if bend is None or bend.positive is not bend.x or not is_zero(bend.negative):
        return None
    return nn.Relu(bend.x)


@RULES.on(math.Mul)
def relu_of_mask(op: math.Mul) -> Op | None:
    """x * cast(x > 0) -> relu(x)"""
    if op.activation is not Activation.NONE:
        return None
    for x, mask in either_order(op):
        match mask.owner:
            case tensor.Cast(x=Value(owner=math.Greater(x=y, y=zero) | math.GreaterEqual(x=y, y=zero))):
                if y is x and is_zero(zero) and same_shape(x, op.result):
                    return nn.Relu(x)
    return None


@RULES.on(math.Mul)
def relu_of_magnitude(op: math.Mul) -> Op | None:
    """(x + |x|) * 0.5 -> relu(x)"""
    sum_, factor = factored(op.result) or (op.x, 0.0)
    if factor != 0.5:
        return None
    for x, other in operands_of(math.Add, sum_):
        match other:
            case Value(owner=math.Abs(x=y)) if y is x:
                return nn.Relu(x)
    return None


@RULES.on(math.Select)
def magnitude_of_sign(op: math.Select) -> Op | None:
    """x > 0 ? x : -x -> |x|"""
    match _bend(op):
        case _Bend(x=x, positive=positive, negative=Value(owner=math.Neg(x=y))) if positive is x and y is x:
            return math.Abs(x)
    return None


@RULES.on(math.Select)
def leaky_relu_of_sign(op: math.Select) -> Op | None:
    """x > 0 ? x : x * a -> leaky_relu(x), or prelu(x, a) for a constant a of several elements"""
    match _bend(op):
        case _Bend(
            x=x, positive=positive, negative=Value(owner=math.Mul(x=y, y=slope, activation=Activation.NONE))
        ) if positive is x and y is x:  # fmt: skip
            return _leaky(x, slope)
    return None


@RULES.on(math.Add)
def leaky_relu_of_parts(op: math.Add) -> Op | None:
    """relu(x) + a * min(x, 0) -> leaky_relu(x), or prelu(x, a); with min(a * x, 0), max(-x, 0) and x - |x| likewise"""
    for positive, rest in operands_of(math.Add, op.result):
        match positive:
            case Value(owner=nn.Relu(x=x)) if same_shape(x, op.result):
                found = _leaky_of_rest(x, rest)
                if found is not None:
                    return found
    return None


def _leaky_of_rest(x: Value, rest: Value) -> Op | None:
    """What relu(x) + rest is, when the rest is x times a slope where x is negative, and 0 elsewhere."""
    match rest:
        case Value(owner=math.Mul(x=part, y=slope, activation=Activation.NONE)):
            if _negative_part(part) is x:
                return _leaky(x, slope)
            if _opposite_part(part) is x:
                return _leaky(x, slope, -1.0)
            if _is_twice_negative_part(part, x):
                return _leaky(x, slope, 2.0)
            # (x - |x|) * a * 0.5
            match part:
                case Value(owner=math.Mul(x=twice, y=inner, activation=Activation.NONE)):
                    factor = number(slope)
                    if factor is not None and _is_twice_negative_part(twice, x):
                        return _leaky(x, inner, 2.0 * factor)
            return None
    scaled = _negative_part(rest)
    match scaled:
        case Value(owner=math.Mul(x=y, y=slope, activation=Activation.NONE)) if y is x:
            alpha = number(slope)
            return _leaky(x, slope) if alpha is not None and alpha >= 0 else None
    return None


def _is_twice_negative_part(value: Value, x: Value) -> bool:
    """Whether ``value`` is x - |x|."""
    match value:
        case Value(owner=math.Sub(x=y, y=Value(owner=math.Abs(x=z)), activation=Activation.NONE)):
            return y is x and z is x
    return False


@RULES.on(math.Sub)
def leaky_relu_of_difference(op: math.Sub) -> Op | None:
    """relu(x) - a * relu(-x) -> leaky_relu(x), or prelu(x, a) for a constant a of several elements"""
    match op:
        case math.Sub(
            x=Value(owner=nn.Relu(x=x)),
            y=Value(owner=math.Mul(x=part, y=slope, activation=Activation.NONE)),
            activation=Activation.NONE,
        ) if _opposite_part(part) is x and same_shape(x, op.result):
            return _leaky(x, slope)
    return None


class _Tail(NamedTuple):
    """alpha * (exp(beta * x) - 1); ``is_limited`` when x is limited to negative numbers first."""

    x: Value
    alpha: float
    beta: float
    is_limited: bool

    def activation(self) -> Op | None:
        """The function that is x where x is positive and this where it is negative."""
        dtype = self.x.type.dtype
        if are_nearly(self.beta, 1, dtype):
            return nn.Elu(self.x, self.alpha)
        is_celu = self.alpha > 0 and are_nearly(self.alpha * self.beta, 1, dtype)
        return nn.Celu(self.x, self.alpha) if is_celu else None


def _tail(value: Value | None) -> _Tail | None:
    """What ``value`` is when it is an exponential less 1, times a number."""
    inner, alpha = factored(value) or (value, 1.0)
    exponent = exponent_of(plus(inner, -1))
    if exponent is None:
        exponent, alpha = exponent_of(minus_from(1, inner)), -alpha
    if exponent is None:
        return None
    x, beta = factored(exponent) or (exponent, 1.0)
    limited = _negative_part(x)
    return _Tail(x if limited is None else limited, alpha, beta, limited is not None)


@RULES.on(math.Select)
def elu_of_sign(op: math.Select) -> Op | None:
    """x > 0 ? x : alpha * (exp(x) - 1) -> elu(x), and with exp(x / alpha) celu(x)"""
    bend = _bend(op)
    if bend is None or bend.positive is not bend.x:
        return None
    tail = _tail(bend.negative)
    return tail.activation() if tail is not None and tail.x is bend.x else None


@RULES.on(math.Add)
def elu_of_parts(op: math.Add) -> Op | None:
    """relu(x) + alpha * (exp(min(x, 0)) - 1) -> elu(x); with min(alpha * (exp(x) - 1), 0) likewise; celu(x) too"""
    for positive, rest in operands_of(math.Add, op.result):
        tail = _limited_tail(rest)
        if tail is not None and _is_limited_below(positive, tail.x) and same_shape(tail.x, op.result):
            return tail.activation()
    return None


def _limited_tail(value: Value) -> _Tail | None:
    """What ``value`` is where x is negative, when it is 0 elsewhere."""
    tail = _tail(value)
    if tail is not None:
        return tail if tail.is_limited else None
    limited = _negative_part(value)
    tail = None if limited is None else _tail(limited)
    return tail if tail is not None and tail.alpha > 0 and tail.beta > 0 else None


@RULES.on(math.Add)
def elu_of_late_difference(op: math.Add) -> Op | None:
    """relu(x) + exp(min(x, 0)) - 1 -> elu(x)"""
    for positive, power in operands_of(math.Add, plus(op.result, -1)):
        exponent = exponent_of(power)
        x = None if exponent is None else _negative_part(exponent)
        if x is not None and _is_limited_below(positive, x):
            return nn.Elu(x, 1.0)
    return None


@RULES.on(math.Sub)
def elu_of_difference(op: math.Sub) -> Op | None:
    """relu(x) - alpha * relu(1 - exp(x)) -> elu(x), and with exp(x / alpha) celu(x)"""
    if op.activation is not Activation.NONE:
        return None
    part, alpha = factored(op.y) or (op.y, 1.0)
    match part:
        case Value(owner=nn.Relu(x=inner)):
            tail = _tail(inner)
        case _:
            return None
    # The tail is positive where x is negative.
    if tail is None or tail.alpha >= 0 or tail.beta <= 0 or not _is_limited_below(op.x, tail.x):
        return None
    return tail._replace(alpha=-tail.alpha * alpha).activation() if same_shape(tail.x, op.result) else None


SELU = (1.6732632423543772, 1.0507009873554805)
"""Klambauer et al., "Self-Normalizing Neural Networks", arXiv:1706.02515."""


@RULES.on(math.Mul)
def selu(op: math.Mul) -> Op | None:
    """elu(x, alpha) * gamma -> selu(x), for its alpha and gamma"""
    dtype = op.result.type.dtype
    match factored(op.result):
        case (Value(owner=nn.Elu(x=x, alpha=alpha), has_one_use=True), gamma):
            if are_nearly(alpha, SELU[0], dtype) and are_nearly(gamma, SELU[1], dtype):
                return nn.Selu(x, alpha, gamma)
    return None
