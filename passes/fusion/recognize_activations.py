"""recognize-activations: activation functions that exporters spelled with primitive ops get their names back.

The patterns stand in canonical form: constants on the right, ``x / 2`` as ``x * 0.5``, limits as relu6, relu and clamp.
"""

import math as numbers

from ...ir import Module, Op, Value
from ...ops import math, nn
from ...ops.enums import Activation, GeluForm
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import either_order, is_number, number, same_shape
from .rules import exponentials, piecewise
from .rules.matching import factored, is_nearly, operands_of, plus, times

RULES = RuleSet(exponentials.RULES, piecewise.RULES)


@module_pass()
def recognize_activations(module: Module) -> bool:
    """Makes one op of sigmoid, silu, gelu, hard swish, mish, softmax and others where they are spelled out."""
    return apply_rules(module, RULES)


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


@RULES.on(math.Div)
def softsign(op: math.Div) -> Op | None:
    """x / (1 + |x|) -> softsign(x)"""
    match plus(op.y, 1):
        case Value(owner=math.Abs(x=x)) if x is op.x and op.activation is Activation.NONE:
            return nn.Softsign(x)
    return None


@RULES.on(math.Clamp)
def hard_sigmoid(op: math.Clamp) -> Op | None:
    """clamp(a * x + b, 0, 1) -> hard_sigmoid(x), and clamp((x + b) * a, 0, 1) likewise"""
    if (op.minimum, op.maximum) != (0, 1) or not op.x.type.dtype.is_float or not op.x.has_one_use:
        return None
    match op.x:
        case Value(owner=math.Add(x=scaled, y=summand, activation=Activation.NONE)):
            beta, found = number(summand), factored(scaled)
            if beta is not None and found is not None and same_shape(scaled, op.x):
                return nn.HardSigmoid(found[0], found[1], float(beta))
        case _:
            outer = factored(op.x)
            match outer:
                case (Value(owner=math.Add(x=x, y=summand, activation=Activation.NONE)) as shifted, alpha):
                    beta = number(summand)
                    if beta is not None and same_shape(x, shifted):
                        return nn.HardSigmoid(x, alpha, float(beta) * alpha)
    return None


def _relu6_of_shifted(value: Value) -> Value | None:
    """x when ``value`` is relu6(x + 3)."""
    match value:
        case Value(owner=nn.Relu6(x=shifted)):
            return plus(shifted, 3)
    return None


@RULES.on(math.ActivatedArithmetic)
def hard_sigmoid_of_relu6(op: math.ActivatedArithmetic) -> Op | None:
    """relu6(x + 3) / 6 -> hard_sigmoid(x) with 1/6 and 0.5"""
    scaled = times(op.result, 1 / 6)
    x = None if scaled is None else _relu6_of_shifted(scaled)
    return nn.HardSigmoid(x, 1 / 6, 0.5) if x is not None and same_shape(x, op.result) else None


@RULES.on(math.ActivatedArithmetic)
def hard_swish_of_relu6(op: math.ActivatedArithmetic) -> Op | None:
    """x * relu6(x + 3) / 6 -> hard_swish(x)"""
    product = times(op.result, 1 / 6)
    for x, other in operands_of(math.Mul, product):
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
            case _ if times(x, 1 / 6) is not None and _relu6_of_shifted(other) is times(x, 1 / 6):
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
        match plus(other, 1):
            case _ if not same_shape(x, op.result):
                continue
            case Value(owner=math.Erf(x=argument)) if times(argument, numbers.sqrt(0.5)) is x:
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
        match times(plus(other, 0.5), 0.5):
            case _ if not same_shape(x, op.result):
                continue
            case Value(owner=math.Erf(x=argument)) if times(argument, numbers.sqrt(0.5)) is x:
                return nn.Gelu(x)
            case Value(owner=math.Tanh(x=argument)) if _is_tanh_argument(argument, x):
                return nn.Gelu(x, GeluForm.TANH)
    return None


def _is_tanh_argument(value: Value, x: Value) -> bool:
    """Whether ``value`` is sqrt(2 / pi) * (x + 0.044715 * x ** 3), or sqrt(2 / pi) * x * (1 + 0.044715 * x ** 2)."""
    factors = _factors(value)
    rest = [f for f in factors if not is_nearly(f, numbers.sqrt(2 / numbers.pi))]
    if len(rest) != len(factors) - 1:
        return False
    if len(rest) == 1:
        return any(a is x and _is_cubic(b, x) for a, b in operands_of(math.Add, rest[0]))
    if len(rest) != 2:
        return False
    return any(a is x and _is_quadratic(plus(b, 1), x) for a, b in (rest, rest[::-1]))


def _is_cubic(value: Value, x: Value) -> bool:
    """Whether ``value`` is 0.044715 * x * x * x, in any grouping."""
    factors = _factors(value)
    numbers_ = [f for f in factors if is_nearly(f, 0.044715)]
    powers = [_power(f, x) for f in factors if f not in numbers_]
    return len(numbers_) == 1 and sum(powers) == 3 and 0 not in powers


def _is_quadratic(value: Value | None, x: Value) -> bool:
    """Whether ``value`` is 0.044715 * x * x."""
    if value is None:
        return False
    factors = _factors(value)
    numbers_ = [f for f in factors if is_nearly(f, 0.044715)]
    powers = [_power(f, x) for f in factors if f not in numbers_]
    return len(numbers_) == 1 and sum(powers) == 2 and 0 not in powers


def _power(value: Value, x: Value) -> int:
    """Which power of ``x`` the value is: 1, 2, or 0 for anything else."""
    match value:
        case Value(owner=math.Square(x=y)) if y is x:
            return 2
    return 1 if value is x else 0
