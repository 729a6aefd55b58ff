"""recognize-movement: moves of elements that exporters spelled with reshapes, transposes, slices and concatenations."""

from ...ir import Module, Value
from ...opdef import replace
from ...ops import math, tensor
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..axis_atoms import common_atoms
from ..patterns import reshape, same_shape
from .rules import blocks, dilation

RULES = RuleSet(blocks.RULES, dilation.RULES)


@module_pass()
def recognize_movement(module: Module) -> bool:
    """Makes one op of space to depth, depth to space and enlarging where they are spelled out, or none."""
    return apply_rules(module, RULES)


@RULES.on(math.Reduction)
def reduce_before_merging(op: math.Reduction) -> Value | None:
    """mean(reshape(x, [n, c, h * w]), 2) -> mean(x, [2, 3]), in the shape of the result; all reductions likewise"""
    match op.x:
        case Value(owner=tensor.Reshape(x=x, dims=None), has_one_use=True):
            atoms = common_atoms(x.type.shape, op.x.type.shape)
        case _:
            return None
    if atoms is None:
        return None
    reduced = {atom for axis in op.axes for atom in atoms.after[axis]}
    axes = tuple(axis for axis, own in enumerate(atoms.before) if own and reduced.issuperset(own))
    if not axes or {atom for axis in axes for atom in atoms.before[axis]} != reduced:
        return None
    for keep_dims in (op.keep_dims, not op.keep_dims):
        early = replace(op, x=x, axes=axes, keep_dims=keep_dims).result
        if same_shape(early, op.result):
            return early
    return reshape(replace(op, x=x, axes=axes, keep_dims=False).result, op.result.type.shape)
