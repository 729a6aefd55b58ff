"""recognize-activations: activation functions that exporters spelled with primitive ops get their names back.

The patterns stand in canonical form: constants on the right, ``x / 2`` as ``x * 0.5``, limits as relu6, relu and clamp.
"""

import math as numbers
from collections.abc import Iterable

from ...ir import Module, Op, Value
from ...ops import math, nn
from ...ops.enums import Activation, GeluForm
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from ..patterns import either_order, is_number, number, same_shape

RULES = RuleSet()

_ROUNDING = {DType.F16: 1e-3, DType.BF16: 8e-3}
"""By how much, relatively, a constant may be off in a dtype: as much as the dtype rounds; elsewhere a few digits."""


@module_pass()
def recognize_activations(module: Module) -> bool:
    """Makes one op of sigmoid, silu, gelu, hard swish, mish, softmax and others where they are spelled out."""
    return apply_rules(module, RULES)


def _is_nearly(value: Value, expected: float) -> bool:
    return is_number(value, expected, _ROUNDING.get(value.type.dtype, 1e-5))


def _times(value: Value | None, factor: float) -> Value | None:
    """x when ``value`` is x * factor or x / (1 / factor), with the factor nearly that."""
    match value:
        case Value(owner=math.Mul(x=x, y=y, activation=Activation.NONE)) if _is_nearly(y, factor):
            return _unless_changed(x, value)
        case Value(owner=math.Div(x=x, y=y, activation=Activation.NONE)) if _is_nearly(y, 1 / factor):
            return _unless_changed(x, value)
    return None


def _unless_changed(x: Value, value: Value) -> Value | None:
    """x when it is of floats, as activation functions are, and the constant beside it has given ``value`` no axis."""
    return x if x.type.dtype.is_float and same_shape(x, value) else None


def _plus(value: Value | None, summand: float) -> Value | None:
    """x when ``value`` is x + summand."""
    match value:
        case Value(owner=math.Add(x=x, y=y, activation=Activation.NONE)) if is_number(y, summand):
            return _unless_changed(x, value)
    return None


def _operands_of(cls: type[math.Add] | type[math.Mul], value: Value | None) -> Iterable[tuple[Value, Value]]:
    """The operands of the ``cls`` that computes ``value``, in either order; nothing if another op does."""
    match value:
        case Value(owner=math.ActivatedArithmetic(activation=Activation.NONE) as op) if isinstance(op, cls):
            return either_order(op)
    return ()


def _factors(value: Value) -> list[Value]:
    """What is multiplied to give ``value``, through nested products that nothing else uses; itself if it is none.

    Divisions by constants count as factors no pattern looks for, so they are not entered.
    """
    factors: list[Value] = []
    stack = [value]
    while stack:
        current = stack.pop()
        match current:
            case Value(owner=math.Mul(x=x, y=y, activation=Activation.NONE)) if (
                current is value or current.has_one_use
            ) and len(factors) + len(stack) < 4:
                stack += [y, x]
            case _:
                factors.append(current)
    return factors


@RULES.on(math.Reciprocal)
def sigmoid(op: math.Reciprocal) -> Op | None:
    """1 / (1 + exp(-x)) -> sigmoid(x)"""
    match _plus(op.x, 1):
        case Value(owner=math.Exp(x=Value(owner=math.Neg(x=x)))):
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


@RULES.on(math.Log)
def softplus(op: math.Log) -> Op | None:
    """log(1 + exp(x)) -> softplus(x)"""
    match _plus(op.x, 1):
        case Value(owner=math.Exp(x=x)):
            return nn.Softplus(x)
    return None


@RULES.on(math.Mul)
def mish(op: math.Mul) -> Op | None:
    """x * tanh(softplus(x)) -> mish(x)"""
    for x, other in either_order(op):
        match other:
            case Value(owner=math.Tanh(x=Value(owner=nn.Softplus(x=y)))) if y is x and op.activation is Activation.NONE:
                return nn.Mish(x)
    return None


@RULES.on(math.Div)
def softsign(op: math.Div) -> Op | None:
    """x / (1 + |x|) -> softsign(x)"""
    match _plus(op.y, 1):
        case Value(owner=math.Abs(x=x)) if x is op.x and op.activation is Activation.NONE:
            return nn.Softsign(x)
    return None


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


@RULES.on(math.Clamp)
def hard_sigmoid(op: math.Clamp) -> Op | None:
    """clamp(a * x + b, 0, 1) -> hard_sigmoid(x)"""
    if (op.minimum, op.maximum) != (0, 1) or not op.x.type.dtype.is_float:
        return None
    match op.x:
        case Value(owner=math.Add(x=scaled, y=summand, activation=Activation.NONE), has_one_use=True):
            return _hard_sigmoid_of(scaled, number(summand)) if same_shape(scaled, op.x) else None
    return None


def _hard_sigmoid_of(scaled: Value, beta: float | None) -> Op | None:
    if beta is None:
        return None
    match scaled.owner:
        case math.Mul(x=x, y=factor, activation=Activation.NONE):
            alpha = number(factor)
        case math.Div(x=x, y=factor, activation=Activation.NONE):
            divisor = number(factor)
            alpha = 1 / divisor if divisor else None
        case _:
            return None
    if alpha is None or not same_shape(x, scaled):
        return None
    return nn.HardSigmoid(x, float(alpha), float(beta))


def _relu6_of_shifted(value: Value) -> Value | None:
    """x when ``value`` is relu6(x + 3)."""
    match value:
        case Value(owner=nn.Relu6(x=shifted)):
            return _plus(shifted, 3)
    return None


@RULES.on(math.ActivatedArithmetic)
def hard_sigmoid_of_relu6(op: math.ActivatedArithmetic) -> Op | None:
    """relu6(x + 3) / 6 -> hard_sigmoid(x) with 1/6 and 0.5"""
    scaled = _times(op.result, 1 / 6)
    x = None if scaled is None else _relu6_of_shifted(scaled)
    return nn.HardSigmoid(x, 1 / 6, 0.5) if x is not None and same_shape(x, op.result) else None


@RULES.on(math.ActivatedArithmetic)
def hard_swish_of_relu6(op: math.ActivatedArithmetic) -> Op | None:
    """x * relu6(x + 3) / 6 -> hard_swish(x)"""
    product = _times(op.result, 1 / 6)
    for x, other in _operands_of(math.Mul, product):
        if _relu6_of_shifted(other) is x and same_shape(x, op.result):
            return nn.HardSwish(x)
    return None


@RULES.on(math.Mul)
def hard_swish(op: math.Mul) -> Op | None:
    """x * hard_sigmoid(x) -> hard_swish(x) when it is the one with 1/6 and 0.5; x * (relu6(x + 3) / 6) likewise"""
    if op.activation is not Activation.NONE:
        return None
    for x, other in either_order(op):
        match other:
            case Value(owner=nn.HardSigmoid(x=y, alpha=alpha, beta=beta)) if y is x:
                if numbers.isclose(alpha, 1 / 6, rel_tol=1e-5) and beta == 0.5:
                    return nn.HardSwish(x)
            case _ if _times(x, 1 / 6) is not None and _relu6_of_shifted(other) is _times(x, 1 / 6):
                # (x / 6) * relu6(x + 3)
                return nn.HardSwish(_relu6_of_shifted(other) or x)
    return None


@RULES.on(math.Mul)
def gelu(op: math.Mul) -> Op | None:
    """x * 0.5 * (1 + erf(x / sqrt(2))) -> gelu(x), its three factors in any order; with tanh its approximation"""
    factors = _factors(op.result)
    if op.activation is not Activation.NONE or len(factors) != 3:
        return None
    halves = [f for f in factors if is_number(f, 0.5)]
    rest = [f for f in factors if not is_number(f, 0.5)]
    if len(halves) != 1:
        return None
    for x, other in (rest, rest[::-1]):
        match _plus(other, 1):
            case _ if not same_shape(x, op.result):
                continue
            case Value(owner=math.Erf(x=argument)) if _times(argument, numbers.sqrt(0.5)) is x:
                return nn.Gelu(x)
            case Value(owner=math.Tanh(x=argument)) if _is_tanh_argument(argument, x):
                return nn.Gelu(x, GeluForm.TANH)
    return None


@RULES.on(math.Mul)
def gelu_of_halves(op: math.Mul) -> Op | None:
    """x * (0.5 + 0.5 * erf(x / sqrt(2))) -> gelu(x); with tanh its approximation"""
    if op.activation is not Activation.NONE:
        return None
    for x, other in either_order(op):
        match _times(_plus(other, 0.5), 0.5):
            case _ if not same_shape(x, op.result):
                continue
            case Value(owner=math.Erf(x=argument)) if _times(argument, numbers.sqrt(0.5)) is x:
                return nn.Gelu(x)
            case Value(owner=math.Tanh(x=argument)) if _is_tanh_argument(argument, x):
                return nn.Gelu(x, GeluForm.TANH)
    return None


def _is_tanh_argument(value: Value, x: Value) -> bool:
    """Whether ``value`` is sqrt(2 / pi) * (x + 0.044715 * x ** 3), or sqrt(2 / pi) * x * (1 + 0.044715 * x ** 2)."""
    factors = _factors(value)
    rest = [f for f in factors if not _is_nearly(f, numbers.sqrt(2 / numbers.pi))]
    if len(rest) != len(factors) - 1:
        return False
    if len(rest) == 1:
        return any(a is x and _is_cubic(b, x) for a, b in _operands_of(math.Add, rest[0]))
    if len(rest) != 2:
        return False
    return any(a is x and _is_quadratic(_plus(b, 1), x) for a, b in (rest, rest[::-1]))


def _is_cubic(value: Value, x: Value) -> bool:
    """Whether ``value`` is 0.044715 * x * x * x, in any grouping."""
    factors = _factors(value)
    numbers_ = [f for f in factors if _is_nearly(f, 0.044715)]
    powers = [_power(f, x) for f in factors if f not in numbers_]
    return len(numbers_) == 1 and sum(powers) == 3 and 0 not in powers


def _is_quadratic(value: Value | None, x: Value) -> bool:
    """Whether ``value`` is 0.044715 * x * x."""
    if value is None:
        return False
    factors = _factors(value)
    numbers_ = [f for f in factors if _is_nearly(f, 0.044715)]
    powers = [_power(f, x) for f in factors if f not in numbers_]
    return len(numbers_) == 1 and sum(powers) == 2 and 0 not in powers


def _power(value: Value, x: Value) -> int:
    """Which power of ``x`` the value is: 1, 2, or 0 for anything else."""
    match value:
        case Value(owner=math.Square(x=y)) if y is x:
            return 2
    return 1 if value is x else 0


@RULES.on(math.Div)
def softmax(op: math.Div) -> Op | None:
    """exp(x) / sum(exp(x)) -> softmax(x), with the largest x subtracted before or not"""
    match op:
        case math.Div(
            x=Value(owner=math.Exp(x=x)) as powers,
            y=Value(owner=math.ReduceSum(x=summed, axes=(axis,), keep_dims=True)),
            activation=Activation.NONE,
        ) if summed is powers:
            return nn.Softmax(_without_maximum(x, axis), axis)
    return None


def _without_maximum(x: Value, axis: int) -> Value:
    """y when ``x`` is y - max(y) along the axis, else x: the softmax subtracts it anyway."""
    match x:
        case Value(
            owner=math.Sub(
                x=y,
                y=Value(owner=math.ReduceMax(x=reduced, axes=(reduced_axis,), keep_dims=True)),
                activation=Activation.NONE,
            )
        ) if reduced is y and reduced_axis == axis:
            return y
    return x
