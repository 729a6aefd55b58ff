"""cancel-transposes: ops take on the order in which the transposes around them vanish.

A model may compute in any order of axes: one that was made by a framework with its channels last has a transpose before
and behind each convolution, attention swaps axes for one softmax. For each order that a transpose of the module makes,
one minimum cut says which ops shall be computed in it (spec/layouts.md). No cut ends with more bytes transposed.
"""

from collections import Counter

from ...ir import Module, Op, Value
from ...ops import math, tensor
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
from .borders import is_call
from .channels_last import Order, inverse
from .costs import Costs, costs_of, moving_transposes
from .forms import form_in
from .free_transposes import gives_either_order, takes_either_order
from .layout_facts import layout_facts
from .layout_problem import LayoutProblem

MOST_ORDERS = 8
"""How many of the orders that a module's transposes make are tried, those that move most first."""

NAME = "cancel-transposes"

MERGING = RuleSet()
MERGING.on(math.MatMul)(transpose_into_product)
for _transposes in (transpose_nothing, transpose_twice, transpose_ones, transpose_around_reshape):
    MERGING.on(tensor.Transpose)(_transposes)
for _reshapes in (reshape_nothing, reshape_twice):
    MERGING.on(tensor.Reshape)(_reshapes)


@module_pass()
def cancel_transposes(module: Module, *, softmax_along_last: bool = False) -> bool:
    """Computes in the orders of axes in which transposes of the model vanish, where that saves bytes

    ``softmax_along_last`` says that the target transposes for a softmax along another axis.
    """
    costs = costs_of(module, softmax_along_last)
    before = layout_facts(module)
    changed = False
    for order in _orders(module, costs):
        if is_allowed(NAME) and _move(module, order, costs):
            record_rewrite(NAME)
            apply_rules(module, MERGING)
            changed = True
    remark(f"{NAME}: {before} before, {layout_facts(module)} after")
    return changed


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
        bytes_ = costs.runs[function] * costs.bytes(op.x.type)
        for permutation in dict.fromkeys((op.permutation, inverse(op.permutation))):
            order = Order(permutation)
            if _may_vanish(op, order):
                moved[order] += bytes_
    return sorted(moved, key=lambda order: (-moved[order], order.permutation))[:MOST_ORDERS]


def _may_vanish(op: tensor.Transpose, order: Order) -> bool:
    """Whether what stands before the transpose, or behind it, can take the order on and be done with it."""
    if op.permutation == order.permutation and _can_give(op.x, order):
        return True
    return op.permutation == inverse(order.permutation) and any(_can_take(u, op.result, order) for u in op.result.uses)


def _can_give(value: Value, order: Order) -> bool:
    owner = value.owner
    if owner is None:
        return False
    form = form_in(owner, order)
    if form is None:
        return is_call(owner) or gives_either_order(owner, order)
    return form.result_follows


def _can_take(user: Op, value: Value, order: Order) -> bool:
    form = form_in(user, order)
    if form is None:
        return is_call(user) or takes_either_order(user, value, order)
    return value in form.follows
