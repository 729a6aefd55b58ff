"""fuse-activations: relu and relu6 become part of the op before them."""

from ...ir import Module, Op, Value
from ...opdef import replace
from ...ops import math, nn
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..canonicalization.rules.logic import limits_of

RULES = RuleSet()

_ACTIVATIONS = {(0.0, float("inf")): Activation.RELU, (0.0, 6.0): Activation.RELU6}


@module_pass()
def fuse_activations(module: Module) -> bool:
    """Fuses relu and relu6 into convolutions, linear layers and arithmetic whose result nothing else uses."""
    return apply_rules(module, RULES)


def _into_operand(op: math.Unary) -> Op | None:
    activation = _ACTIVATIONS.get(limits_of(op) or (0.0, 0.0))
    if activation is None or not op.x.type.dtype.is_float:
        return None
    match op.x:
        case Value(
            owner=(
                nn.Conv(activation=Activation.NONE)
                | nn.ConvTranspose(activation=Activation.NONE)
                | nn.Linear(activation=Activation.NONE)
                | math.ActivatedArithmetic(activation=Activation.NONE)
            ) as producer,
            has_one_use=True,
        ):
            return replace(producer, activation=activation)
    return None


@RULES.on(nn.Relu)
def relu_into_producer(op: nn.Relu) -> Op | None:
    """relu(conv(x)) -> conv(x, activation=relu); likewise for linear, add, sub, mul and div"""
    return _into_operand(op)


@RULES.on(nn.Relu6)
def relu6_into_producer(op: nn.Relu6) -> Op | None:
    """relu6(conv(x)) -> conv(x, activation=relu6); likewise for linear, add, sub, mul and div"""
    return _into_operand(op)


@RULES.on(math.Clamp)
def clamp_into_producer(op: math.Clamp) -> Op | None:
    """clamp(conv(x), 0, 6) -> conv(x, activation=relu6); likewise without an upper limit, and for the other ops"""
    return _into_operand(op)
