"""Layers behind layers with reshapes and transposes between that leave the channels together."""

from ....ir import Op, Value
from ....opdef import replace
from ....ops import nn, tensor
from ....rewriter import RuleSet
from ...axis_atoms import common_atoms
from ..layer_algebra import has_constant_weights, input_axis, is_pointwise, output_axis, plain_layer
from ..layer_maps import Frame, layer_of, map_of, multiplications, point_map
from ..window_maps import MOST_MULTIPLICATIONS

RULES = RuleSet()

Move = tensor.Reshape | tensor.Transpose


@RULES.on(nn.Linear)
def linear_behind_moved_layer(op: nn.Linear) -> Value | None:
    """linear(reshape(linear(x, v)), w) -> reshape(linear(x, w · v)), when that has no more weights; convs likewise"""
    return _merged(op)


@RULES.on(nn.Conv)
def conv_behind_moved_layer(op: nn.Conv) -> Value | None:
    """conv(reshape(linear(x, v)), w) -> reshape(linear(x, w · v)) for kernels of one element; convs likewise"""
    return _merged(op) if is_pointwise(op) and op.groups == 1 else None


def _merged(op: nn.Conv | nn.Linear) -> Value | None:
    moves, value, axis = _moves_before(op)
    inner = plain_layer(value)
    if not moves or not isinstance(inner, nn.Conv | nn.Linear) or output_axis(inner) != axis:
        return None
    frame = Frame.of(inner)
    first = map_of(inner, frame)
    if first is None or not has_constant_weights(op):
        return None
    second = point_map(op, frame)
    reach = second.reach.behind(first.reach)
    before = multiplications(first.reach, inner.result) + multiplications(second.reach, op.result)
    is_cheaper = reach.weights <= first.reach.weights + second.reach.weights
    if not is_cheaper or reach.weights * second.reach.inputs > MOST_MULTIPLICATIONS:
        return None
    layer = layer_of(second.behind(first), inner.x, frame, op.activation, op.weight)
    if layer is None or multiplications(reach, layer.results[0]) > before:
        return None
    moved = _moved(layer.results[0], moves, second.reach.outputs)
    return moved if moved.type == op.result.type else None


def _moves_before(op: nn.Conv | nn.Linear) -> tuple[list[tuple[Move, int]], Value, int]:
    """The moves before the layer, the last one first, each with the axis of its result that has the channels; what they
    move, and which axis of that has the channels."""
    moves: list[tuple[Move, int]] = []
    value, axis = op.x, input_axis(op)
    while isinstance(value.owner, Move) and value.has_one_use:
        before = _axis_before(value.owner, axis)
        if before is None:
            break
        moves.append((value.owner, axis))
        value, axis = value.owner.x, before
    return moves, value, axis


def _axis_before(move: Move, axis: int) -> int | None:
    """The axis of the operand that is the result's ``axis``; None when a reshape makes it of others, or computes it."""
    if isinstance(move, tensor.Transpose):
        return move.permutation[axis]
    atoms = common_atoms(move.x.type.shape, move.shape) if move.dims is None else None
    if atoms is None or not atoms.after[axis]:
        return None
    found = [i for i, parts in enumerate(atoms.before) if parts == atoms.after[axis]]
    return found[0] if found else None


def _moved(value: Value, moves: list[tuple[Move, int]], channels: int) -> Value:
    for move, axis in reversed(moves):
        if isinstance(move, tensor.Transpose):
            moved: Op = replace(move, x=value)
        else:
            shape = tuple(channels if i == axis else d for i, d in enumerate(move.shape))
            moved = replace(move, x=value, shape=shape)
        value = moved.results[0]
    return value
