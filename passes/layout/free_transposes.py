"""Where a transpose costs nothing, because ``canonicalize`` makes it part of the op that it stands next to."""

from ...ir import Op, Value
from ...ops import math, tensor
from ..axis_atoms import common_atoms
from .channels_last import channels_last_form, moves_only_ones, permuted, to_channels_first, to_channels_last


def takes_either_order(op: Op, operand: Value) -> bool:
    """Whether a transpose of the operand to or from channels-last vanishes in ``op`` or in the transpose behind it."""
    if isinstance(op, math.MatMul):
        # Channels-last of rank 3 is the order of a transposed matrix.
        return operand.type.rank == 3
    if not _only_splits_and_merges(op) or not op.results[0].has_one_use:
        return False
    return _moves_elements(next(iter(op.results[0].uses)))


def gives_either_order(op: Op) -> bool:
    """Whether a transpose of the result to channels-last vanishes in the transpose before ``op``."""
    return _only_splits_and_merges(op) and op.operands[0].has_one_use and _moves_elements(op.operands[0].owner)


def is_absorbed(op: tensor.Transpose) -> bool:
    """Whether the transpose vanishes in what uses it or, failing that, in the transpose before it."""
    if op.result.is_used and all(takes_either_order(user, op.result) for user in op.result.uses):
        return True
    view = op.x.owner
    if not isinstance(view, tensor.Reshape) or not op.x.has_one_use or not gives_either_order(view):
        return False
    inner = view.x.owner
    return isinstance(inner, tensor.Transpose) and not is_absorbed(inner)


def _only_splits_and_merges(op: Op) -> bool:
    if not isinstance(op, tensor.Reshape) or op.dims is not None or channels_last_form(op) is not None:
        return False
    return common_atoms(op.x.type.shape, op.shape) is not None


def _moves_elements(op: Op | None) -> bool:
    """Whether ``op`` is a transpose that stays one whatever the order of its operand or its result."""
    if not isinstance(op, tensor.Transpose):
        return False
    shape, order, rank = op.x.type.shape, op.permutation, op.x.type.rank
    if rank < 3:
        return not moves_only_ones(shape, order)
    last = to_channels_last(rank)
    return not (
        moves_only_ones(shape, order)
        or moves_only_ones(shape, permuted(order, last))
        or moves_only_ones(permuted(shape, last), permuted(to_channels_first(rank), order))
    )
