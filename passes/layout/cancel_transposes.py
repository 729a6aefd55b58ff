"""cancel-transposes: ops take on the order in which the transposes around them vanish.

A model may compute in any order of axes: one that was made by a framework with its channels last has a transpose before
and behind each convolution, attention swaps axes for one softmax. For each order that a transpose of the module makes,
one minimum cut says which ops shall be computed in it (spec/layouts.md). No cut ends with more bytes transposed.
"""

from collections import Counter

from ...ir import Module, Op
from ...opdef import replace
from ...ops import math, quant, tensor
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules, is_allowed, record_rewrite, remark
from ..canonicalization.rules.movement import transpose_around_reshape
from ..canonicalization.rules.structure import (
    reshape_nothing,
    reshape_twice,
    transpose_into_product,
    transpose_nothing,
    transpose_ones,
    transpose_twice,
)
from .channels_last import Order, inverse
from .costs import Costs, costs_of, moved_type, moving_transposes
from .free_transposes import can_give, can_take
from .layout_facts import layout_facts
from .layout_problem import LayoutProblem
from .transposes_of_ones import BEFORE, BEHIND

MOST_ORDERS = 8
"""How many of the orders that a module's transposes make are tried, those that move most first."""

NAME = "order_without_transposes"

MERGING = RuleSet()
MERGING.on(math.MatMul)(transpose_into_product)
for _transposes in (transpose_nothing, transpose_twice, transpose_ones, transpose_around_reshape):
    MERGING.on(tensor.Transpose)(_transposes)
for _reshapes in (reshape_nothing, reshape_twice):
    MERGING.on(tensor.Reshape)(_reshapes)

PAIRING = RuleSet()


@module_pass()
def cancel_transposes(module: Module, *, softmax_along_last: bool = False) -> bool:
    """Computes in the orders of axes in which transposes of the model vanish, where that saves bytes.

    ``softmax_along_last`` says that the target transposes for a softmax along another axis.
    """
    costs = costs_of(module, softmax_along_last)
    before = layout_facts(module)
    changed = apply_rules(module, BEHIND)
    changed |= apply_rules(module, BEFORE)
    for order in _orders(module, costs):
        if is_allowed(NAME) and _move(module, order, costs):
            record_rewrite(NAME)
            apply_rules(module, MERGING)
            changed = True
    if changed:
        apply_rules(module, PAIRING)
    remark(f"cancel-transposes: {before} before, {layout_facts(module)} after")
    return changed


@PAIRING.on(tensor.Transpose)
def transpose_between_pair(op: tensor.Transpose) -> Op | None:
    """transpose(quantize(x)) -> quantize(transpose(dequantize(quantize(x)))), with one scale: what targets have"""
    quantize = op.x.owner
    if not isinstance(quantize, quant.Quantize) or quantize.axis is not None:
        return None
    if not op.result.is_used or not all(isinstance(user, quant.Dequantize) for user in op.result.uses):
        return None
    meant = quant.Dequantize(op.x, quantize.scale, quantize.zero_point).result
    return replace(quantize, x=tensor.Transpose(meant, op.permutation).result)


def _move(module: Module, order: Order, costs: Costs) -> bool:
    """Brings what profits to the order."""
    problem = LayoutProblem(module, order, costs)
    labels, _ = problem.solve()
    # Of equal solutions the one with fewest ones is found: a single one says that something is saved.
    if not any(labels.values()):
        return False
    problem.carry_out(labels)
    return True


def _orders(module: Module, costs: Costs) -> list[Order]:
    """The orders in which a transpose of the module might vanish, those that move most bytes first."""
    moved: Counter[Order] = Counter()
    for function, op in moving_transposes(module):
        bytes_ = costs.runs[function] * costs.bytes(moved_type(op))
        for permutation in dict.fromkeys((op.permutation, inverse(op.permutation))):
            order = Order(permutation)
            if _may_vanish(op, order):
                moved[order] += bytes_
    return sorted(moved, key=lambda order: (-moved[order], order.permutation))[:MOST_ORDERS]


def _may_vanish(op: tensor.Transpose, order: Order) -> bool:
    """Whether what stands before the transpose, or behind it, can take the order on and be done with it."""
    if op.permutation == order.permutation and can_give(op.x, order):
        return True
    return op.permutation == inverse(order.permutation) and any(can_take(u, op.result, order) for u in op.result.uses)
