"""Transposes change places with reshapes that only add or drop axes of size 1, to stand where an order ends or begins.

``canonicalize`` leaves axes of size 1 out of transposes, so that one may have another rank than what is computed beside
it, whose orders are of that rank.
"""

from ...dims import Dim
from ...ir import Op, Value
from ...ops import tensor
from ...rewriter import RuleSet
from .channels_last import Axes, Order, inverse
from .free_transposes import can_give, can_take

BEHIND = RuleSet()
BEFORE = RuleSet()


@BEHIND.on(tensor.Reshape)
def transpose_behind_ones(op: tensor.Reshape) -> Op | None:
    """reshape(transpose(x)) -> transpose(reshape(x)), for ones, where an op can take that transpose's operand"""
    match op.x:
        case Value(owner=tensor.Transpose(x=x, permutation=permutation), has_one_use=True) as middle:
            pass
        case _:
            return None
    if not _differs_in_ones(op) or x.type.quantization is not None:
        return None
    wanted = _at_ones(middle.type.shape, op.shape, permutation)
    order = Order(inverse(wanted))
    if not any(can_take(user, op.result, order) for user in op.result.uses):
        return None
    return tensor.Transpose(tensor.Reshape(x, None, _permuted_back(op.shape, wanted)).result, wanted)


@BEFORE.on(tensor.Transpose)
def transpose_before_ones(op: tensor.Transpose) -> Op | None:
    """transpose(reshape(x)) -> reshape(transpose(x)), for ones, where x can be computed in that transpose's order"""
    match op.x:
        case Value(owner=tensor.Reshape(x=x) as view, has_one_use=True):
            pass
        case _:
            return None
    if not _differs_in_ones(view) or x.type.quantization is not None:
        return None
    if any(can_take(user, op.result, Order(inverse(op.permutation))) for user in op.result.uses):
        return None
    wanted = inverse(_at_ones(view.shape, x.type.shape, inverse(op.permutation)))
    if not can_give(x, Order(wanted)):
        return None
    return tensor.Reshape(tensor.Transpose(x, wanted).result, None, op.result.type.shape)


def _differs_in_ones(op: tensor.Reshape) -> bool:
    if op.dims is not None or op.x.type.rank == len(op.shape):
        return False
    return [d for d in op.x.type.shape if d != 1] == [d for d in op.shape if d != 1]


def _at_ones(shape: tuple[Dim, ...], other: tuple[Dim, ...], permutation: Axes) -> Axes:
    """The permutation that gives ``other`` by moving the axes that ``permutation`` moves to give ``shape``; the two
    shapes differ in ones, which stay where they are."""
    sources = [source for source, dim in zip(permutation, shape, strict=True) if dim != 1]
    places = [axis for axis, dim in enumerate(other) if dim != 1]
    moved = [*range(len(other))]
    for place, source in zip(places, sources, strict=True):
        moved[place] = places[sorted(sources).index(source)]
    return tuple(moved)


def _permuted_back(shape: tuple[Dim, ...], permutation: Axes) -> tuple[Dim, ...]:
    """The shape of which the permutation makes ``shape``."""
    return tuple(shape[axis] for axis in inverse(permutation))
