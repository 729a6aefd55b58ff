"""fold-batch-norm: scales and shifts of channels become part of the weights before them.

``(w · x + b) * s + t = (s * w) · x + (s * b + t)`` for every output channel of a convolution or a linear layer, also
where what moves, pools or resamples elements stands between.
"""

from ...ir import Module, Op, Value
from ...ops import math, nn
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..thrift import thrifty
from .affine_movement import folded_into_layers
from .layer_algebra import Layer, affine_of, output_axis, plain_layer, with_affine_behind

RULES = RuleSet()


@module_pass()
def fold_batch_norm(module: Module, *, grows: bool = True) -> bool:
    """Folds batch norms, and scales and shifts by a constant per channel, into the constant weights before them.

    Without ``grows``, only where no more is stored in the end: not for weights that others use as well.
    """
    return apply_rules(module, RULES if grows else thrifty(RULES))


@RULES.on(nn.BatchNorm)
def batch_norm_into_weights(op: nn.BatchNorm) -> Op | Value | None:
    """batch_norm(conv(x)) -> conv(x) with other weights; likewise for the other layers, and through moves and pools"""
    return _folded(op, op.x)


@RULES.on(math.Mul)
def factor_into_weights(op: math.Mul) -> Op | Value | None:
    """conv(x) * c -> conv(x) with other weights, for a number or one a channel; likewise for the other layers"""
    return _folded(op, op.x, op.activation)


@RULES.on(math.Div)
def divisor_into_weights(op: math.Div) -> Op | Value | None:
    """conv(x) / c -> conv(x) with other weights, for a number or one a channel; likewise for the other layers"""
    return _folded(op, op.x, op.activation)


@RULES.on(math.Add)
def summand_into_bias(op: math.Add) -> Op | Value | None:
    """conv(x) + c -> conv(x) with another bias, for a number or one a channel; likewise for the other layers"""
    return _folded(op, op.x, op.activation)


@RULES.on(math.Neg)
def negation_into_weights(op: math.Neg) -> Op | Value | None:
    """-conv(x) -> conv(x) with the weights negated; likewise for the other layers"""
    return _folded(op, op.x)


def _folded(op: Op, x: Value, activation: Activation = Activation.NONE) -> Op | Value | None:
    """What computes the op, a scale and a shift of channels, in the layers before it; None when nothing can."""
    affine = affine_of(op)
    if affine is None:
        return None
    layer = plain_layer(x)
    if layer is not None:
        is_along = affine.is_uniform or affine.axis == output_axis(layer)
        return with_affine_behind(layer, affine, activation) if is_along else None
    if activation is not Activation.NONE or _makes_attention_weights(op):
        return None
    return folded_into_layers(x, affine)


def _makes_attention_weights(op: Op) -> bool:
    """Whether a product that the op scales ends in a softmax: attention has its own place for that factor."""
    if not isinstance(op.operands[0].owner, math.MatMul):
        return False
    while op.results and op.results[0].has_one_use:
        op = next(iter(op.results[0].uses))
        if isinstance(op, nn.Softmax):
            return True
        if isinstance(op, Layer | math.MatMul):
            return False
    return False
