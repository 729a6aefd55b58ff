"""Where a transpose costs nothing, because ``canonicalize`` makes it part of the op that it stands next to."""

from ...ir import Op, Value
from ...ops import math, tensor
from ..axis_atoms import common_atoms
from .borders import is_call
from .channels_last import CHANNELS_LAST, Order, inverse, moves_only_ones, permuted, swaps_last_two
from .forms import form_in


def takes_either_order(op: Op, operand: Value, order: Order = CHANNELS_LAST) -> bool:
    """Whether a transpose of the operand to or from the order vanishes in ``op`` or in the transpose behind it."""
    if isinstance(op, math.MatMul):
        axes = order.axes(operand.type.rank)
        return axes is not None and swaps_last_two(axes)
    if isinstance(op, tensor.Transpose):
        return always_moves(op, order)
    if not _only_splits_and_merges(op, order) or not op.results[0].has_one_use:
        return False
    return _moves_elements(next(iter(op.results[0].uses)), order)


def gives_either_order(op: Op, order: Order = CHANNELS_LAST) -> bool:
    """Whether a transpose of the result to the order vanishes in ``op`` or in the transpose before it."""
    if isinstance(op, tensor.Transpose):
        return always_moves(op, order)
    if not _only_splits_and_merges(op, order) or not op.operands[0].has_one_use:
        return False
    return _moves_elements(op.operands[0].owner, order)


def can_give(value: Value, order: Order) -> bool:
    """Whether what makes the value may make it in the order at once."""
    owner = value.owner
    if owner is None:
        return False
    form = form_in(owner, order)
    if form is None:
        return is_call(owner) or gives_either_order(owner, order)
    return form.result_follows


def can_take(user: Op, value: Value, order: Order) -> bool:
    """Whether an op may take the value in the order as it is."""
    form = form_in(user, order)
    if form is None:
        return is_call(user) or takes_either_order(user, value, order)
    return value in form.follows


def always_moves(op: tensor.Transpose, order: Order) -> bool:
    """Whether the transpose moves elements whichever of operand and result are in the order: it takes in any other."""
    axes = order.axes(op.x.type.rank)
    if axes is None or not _moves_elements(op, order):
        return False
    around = permuted(permuted(inverse(axes), op.permutation), axes)
    return not moves_only_ones(permuted(op.x.type.shape, axes), around)


def is_absorbed(op: tensor.Transpose) -> bool:
    """Whether the transpose, from or to channels last, vanishes in what uses it or in the transpose before it."""
    if op.result.is_used and all(takes_either_order(user, op.result) for user in op.result.uses):
        return True
    view = op.x.owner
    if isinstance(view, tensor.Transpose):
        return op.x.has_one_use and always_moves(view, CHANNELS_LAST)
    if not isinstance(view, tensor.Reshape) or not op.x.has_one_use or not gives_either_order(view):
        return False
    inner = view.x.owner
    return isinstance(inner, tensor.Transpose) and not is_absorbed(inner)


def _only_splits_and_merges(op: Op, order: Order) -> bool:
    if not isinstance(op, tensor.Reshape) or op.dims is not None or form_in(op, order) is not None:
        return False
    return common_atoms(op.x.type.shape, op.shape) is not None


def _moves_elements(op: Op | None, order: Order) -> bool:
    """Whether ``op`` is a transpose that stays one whatever the order of its operand or its result."""
    if not isinstance(op, tensor.Transpose):
        return False
    shape, permutation = op.x.type.shape, op.permutation
    axes = order.axes(len(shape))
    if axes is None:
        return not moves_only_ones(shape, permutation)
    return not (
        moves_only_ones(shape, permutation)
        or moves_only_ones(shape, permuted(permutation, axes))
        or moves_only_ones(permuted(shape, axes), permuted(inverse(axes), permutation))
    )
