"""Normalisations by way of layer normalisation without parameters, which the runtime has for any number of elements."""

from ...dims import product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import nn
from ...ops.enums import Layout
from ...passes.lowering.building import folded_reshape
from ...passes.lowering.normalization import affine
from ...passes.lowering.optional import layer_norm_and_affine
from ...rewriter import RuleSet

RULES = RuleSet()

RULES.on(nn.LayerNorm)(layer_norm_and_affine)


@RULES.on(nn.RmsNorm)
def rms_norm_of_other_scale(op: nn.RmsNorm) -> Op | Value | None:
    """rms_norm(x, scale) -> rms_norm(x) * scale"""
    return None if op.scale is None else affine(replace(op, scale=None).result, op.scale, None)


@RULES.on(nn.InstanceNorm)
def instance_norm_as_layer_norm(op: nn.InstanceNorm) -> Value | None:
    """instance_norm(x) -> reshape(layer_norm(reshape(x, [channels, pixels]))) * scale + bias"""
    return _normalized(op, op.x.type.shape[1]) if op.layout is Layout.NCHW else None


@RULES.on(nn.GroupNorm)
def group_norm_as_layer_norm(op: nn.GroupNorm) -> Value | None:
    """group_norm(x) -> reshape(layer_norm(reshape(x, [groups, elements]))) * scale + bias"""
    return _normalized(op, op.groups) if op.layout is Layout.NCHW else None


def _normalized(op: nn.InstanceNorm | nn.GroupNorm, groups: object) -> Value | None:
    shape = op.x.type.shape
    if not isinstance(groups, int) or not isinstance(shape[1], int):
        return None
    rows = folded_reshape(op.x, (shape[0] * groups, shape[1] // groups * product(shape[2:])))
    standard = folded_reshape(nn.LayerNorm(rows, None, None, 1, op.epsilon).result, shape)
    column = (shape[1], *(1,) * (len(shape) - 2))
    return affine(standard, folded_reshape(op.scale, column), folded_reshape(op.bias, column))
