"""Recurrent layers by way of simpler ones: one direction at a time, few steps as ops one after the other.

What remains, layers of many steps or of a number known at run time only, recurrent_loops.py makes loops of.
"""

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Direction
from ...rewriter import RuleSet
from ..patterns import constant_array, reshape
from .building import concat, folded_reshape, row, scalar
from .recurrent_cells import initial_states, make_cell

RULES = RuleSet()

UNROLLED_STEPS = 8
"""Layers of at most so many steps become straight-line code."""


@RULES.on(nn.Recurrent)
def full_lengths(op: nn.Recurrent) -> Op | None:
    """recurrent(x, lengths) -> recurrent(x) when every sample has all the steps"""
    lengths, time = constant_array(op.lengths), op.x.type.shape[0]
    if lengths is None or not isinstance(time, int) or (lengths < time).any():
        return None
    return replace(op, lengths=None)


@RULES.on(nn.Recurrent)
def bidirectional_as_two(op: nn.Recurrent) -> list[Value] | None:
    """bidirectional(x) -> concat(forward(x), reverse(x))"""
    if op.direction is not Direction.BIDIRECTIONAL:
        return None
    forward, backward = (_one_direction(op, i) for i in range(2))
    y = concat([forward.results[0], backward.results[0]], 1)
    states = zip(forward.results[1:], backward.results[1:], strict=True)
    return [y, *(concat(pair, 0) for pair in states)]


def _one_direction(op: nn.Recurrent, index: int) -> nn.Recurrent:
    changes: dict[str, object] = {"direction": Direction.REVERSE if index else Direction.FORWARD}
    for field in op.definition.operand_fields:
        value = getattr(op, field.name)
        if field.name not in ("x", "lengths") and isinstance(value, Value):
            changes[field.name] = row(value, index)
    count = op.activations_per_direction
    for name in ("activations", "alphas", "betas"):
        changes[name] = getattr(op, name)[index * count : (index + 1) * count]
    return replace(op, **changes)


@RULES.on(nn.Recurrent)
def few_steps_unrolled(op: nn.Recurrent) -> list[Value] | None:
    """recurrent(x) -> its cell, once for every step, when those are few"""
    time = op.x.type.shape[0]
    if not isinstance(time, int) or not 0 < time <= UNROLLED_STEPS or op.direction is Direction.BIDIRECTIONAL:
        return None
    cell = make_cell(op)
    inputs = tensor.Split(cell.project(), 0, (1,) * time).results if time > 1 else (cell.project(),)
    states = initial_states(op)
    outputs: dict[int, Value] = {}
    for t in range(time) if op.direction is Direction.FORWARD else reversed(range(time)):
        x = reshape(inputs[t], inputs[t].type.shape[1:])
        new: tuple[Value, ...] = cell.step(x, cell.parameters, states)
        outputs[t] = new[0]
        if op.lengths is not None:
            takes_part = _takes_part(op.lengths, t)
            outputs[t] = math.Select(takes_part, new[0], scalar(0.0, x)).result
            new = tuple(_kept(takes_part, n, s) for n, s in zip(new, states, strict=True))
        states = list(new)
    blocks = [reshape(outputs[t], (1, 1, *outputs[t].type.shape)) for t in range(time)]
    y = concat(blocks, 0) if time > 1 else blocks[0]
    return [y, *(reshape(s, (1, *s.type.shape)) for s in states if s is not None)]


def _takes_part(lengths: Value, step: int) -> Value:
    """bool[B, 1]: whether the step is one of the sample's."""
    column = folded_reshape(lengths, (*lengths.type.shape, 1))
    return math.Greater(column, scalar(step, column)).result


def _kept(takes_part: Value, new: Value, old: Value | None) -> Value:
    """The new state of samples that take part, the old one, or zeros, of the others."""
    return math.Select(takes_part, new, scalar(0.0, new) if old is None else old).result
