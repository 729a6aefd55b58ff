"""recognize-recurrent: recurrent cells that an exporter wrote out for every step become one layer.

The steps must have the same matrices, and their inputs must be the positions of one sequence in order or backwards. In
a stack of layers that sequence is there as soon as the layer below is one: they are found from below to above. For
targets that have such layers: others are better off with what the model has.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ...ir import Array, Function, Module, Op, Value
from ...ops import nn, tensor
from ...ops.enums import Direction, RecurrentActivation
from ...pass_manager import module_pass
from ...rewriter import erase_if_dead, insert_new_ops, is_allowed, record_rewrite
from ...types import DType
from ..patterns import constant, reshape
from .recurrent_steps import Step, recurrent_step

NAME = "steps_as_one_layer"


@module_pass()
def recognize_recurrent(module: Module, *, least_steps: int = 2, gru: bool = True) -> bool:
    """Makes one layer of at least so many steps of an LSTM, a plain cell or, with ``gru``, a GRU."""
    changed = False
    for function in module.functions.values():
        # Other steps may read what takes the place of these: all are looked at anew.
        while (layer := _first_layer(function, least_steps, gru)) is not None and is_allowed(NAME):
            _replace(function, layer)
            record_rewrite(NAME)
            changed = True
    return changed


def _first_layer(function: Function, least: int, gru: bool) -> "_Layer | None":
    for chain in _chains(function):
        if chain[0].kind is nn.Gru and not gru:
            continue
        # The first step may have a state that was constant, and be folded.
        for steps in (chain, chain[1:]):
            layer = _layer(steps, least)
            if layer is not None and _may_be_early(function, layer):
                return layer
    return None


def _chains(function: Function) -> list[list[Step]]:
    """Steps of which each reads the states of the one before."""
    chains: dict[Value, list[Step]] = {}
    for op in function.ops:
        step = recurrent_step(op)
        if step is None:
            continue
        # In a stack, the step that the layer below has just made is an operand as well.
        found = (chains[x] for x in step.operands if x in chains)
        before = next((chain for chain in found if _follows(step, chain[-1])), [])
        if before:
            before.append(step)
            del chains[before[-2].state]
        else:
            before = [step]
        chains[step.state] = before
    return list(chains.values())


def _follows(step: Step, last: Step) -> bool:
    if step.kind is not last.kind or step.old_memory is not last.memory or len(step.operands) != 2:
        return False
    if step.activation is not last.activation or (step.kind is nn.Gru and step.old is not last.state):
        return False
    return _has_matrices_of(last, step)


def _has_matrices_of(last: Step, step: Step) -> bool:
    """Whether ``last`` multiplies its input, and its state unless it is zero, with what ``step`` does."""
    (x,) = (v for v in step.operands if v is not last.state)
    weight, recurrence = step.matrix(x), step.matrix(last.state)
    for own in last.operands:
        states = [v for v in last.operands if v is not own]
        if np.array_equal(last.matrix(own), weight) and all(np.array_equal(last.matrix(v), recurrence) for v in states):
            return True
    return False


@dataclass(frozen=True)
class _Place:
    """x is the position of a sequence along an axis.

    The sequence is [T, B, I], [B, T, I] or, made by a layer of one direction, [T, 1, B, I].
    """

    sequence: Value
    axis: int
    position: int


@dataclass(frozen=True)
class _Layer:
    steps: list[Step]
    places: list[_Place]
    initial: Value | None
    weight: Array
    recurrence: Array
    bias: Array
    inner_bias: Array | None


def _place(x: Value) -> _Place | None:
    """Where x [B, I] stands in a sequence."""
    match x.owner:
        case tensor.Reshape(x=Value(owner=nn.Recurrent() as layer) as state, dims=None):
            return _last_place(layer) if state is layer.results[1] and x.type.shape == state.type.shape[1:] else None
        case tensor.Reshape(x=Value(owner=tensor.Slice() as part), dims=None):
            sequence, sizes, starts = part.x, part.sizes, part.starts
        case tensor.Reshape(
            x=Value(
                owner=tensor.Split() as split,
            ) as piece,
            dims=None,
        ):
            sequence, sizes = split.x, piece.type.shape
            starts = tuple(0 if a != split.axis else split.results.index(piece) for a in range(len(sizes)))
            if any(size != 1 for size in split.sizes):
                return None
        case _:
            return None
    shape = sequence.type.shape
    is_made = _is_made_by_one_direction(sequence)
    if len(shape) != 3 and not is_made:
        return None
    for axis in (0,) if is_made else (0, 1):
        position, others = starts[axis], [a for a in range(len(shape)) if a != axis]
        is_whole = sizes[axis] == 1 and all(sizes[a] == shape[a] and starts[a] == 0 for a in others)
        if is_whole and isinstance(position, int) and x.type.shape == tuple(shape[a] for a in others)[-2:]:
            return _Place(sequence, axis, position)
    return None


def _is_made_by_one_direction(sequence: Value) -> bool:
    """Whether it is the outputs [T, 1, B, H] of a layer."""
    match sequence.owner:
        case nn.Recurrent() as layer:
            return sequence is layer.results[0] and layer.direction.count == 1
    return False


def _last_place(layer: nn.Recurrent) -> _Place | None:
    """Where the final state of a layer stands among its outputs."""
    y = layer.results[0]
    time = y.type.shape[0]
    # Samples of other lengths end in other places.
    if layer.lengths is not None or not isinstance(time, int) or not _is_made_by_one_direction(y):
        return None
    return _Place(y, 0, 0 if layer.direction is Direction.REVERSE else time - 1)


def _layer(steps: list[Step], least: int) -> _Layer | None:
    """What the steps are together; None unless they are that many, and all the same but for their inputs."""
    # No runtime has such layers for doubles; made of floats they would lose half of the digits.
    if len(steps) < max(least, 2) or steps[0].state.type.dtype is DType.F64:
        return None
    states: list[Value | None] = [None, *(s.state for s in steps[:-1])]
    inputs = [[x for x in step.operands if x is not state] for step, state in zip(steps, states, strict=True)]
    initial = None
    if len(inputs[0]) == 2:
        # The first step has a state to begin with: that which its second step multiplies alike.
        wanted = steps[1].matrix(states[1])
        initial = next((x for x in inputs[0] if np.array_equal(steps[0].matrix(x), wanted)), None)
        inputs[0] = [x for x in inputs[0] if x is not initial]
        states[0] = initial
    if any(len(xs) != 1 for xs in inputs) or _begins_otherwise(steps[0], initial):
        return None
    found = [_place(xs[0]) for xs in inputs]
    places = [p for p in found if p is not None]
    if len(places) < len(found) or not _is_one_sequence(places):
        return None
    last = steps[-1]
    weight, recurrence = _matrices(last, inputs[-1][0], states[-1])
    if weight is None or recurrence is None:
        return None
    for step, xs, state in zip(steps, inputs, states, strict=True):
        same = np.array_equal(step.matrix(xs[0]), last.matrix(inputs[-1][0])) and _close(step.bias, last.bias)
        if step.inner is not None and last.inner is not None:
            same &= xs[0] not in step.inner.parts and _close(step.inner.bias, last.inner.bias)
        if state is not None:
            own = _matrices(step, xs[0], state)[1]
            same &= own is not None and np.array_equal(own, recurrence)
        if not same:
            return None
    return _Layer(
        steps, places, initial, weight, recurrence, last.bias, None if last.inner is None else last.inner.bias
    )


def _begins_otherwise(first: Step, initial: Value | None) -> bool:
    """Whether the first step mixes its new state with another one than it is computed of."""
    return first.kind is nn.Gru and first.old is not initial


def _close(a: Array, b: Array) -> bool:
    """Whether biases are equal, but for what folding the first step has rounded."""
    return bool(np.allclose(a, b, rtol=1e-5, atol=1e-6 * float(np.abs(b).max(initial=0))))


def _is_one_sequence(places: list[_Place]) -> bool:
    first, positions = places[0], [p.position for p in places]
    stride = positions[1] - positions[0]
    ordered = abs(stride) == 1 and positions == list(range(positions[0], positions[0] + stride * len(places), stride))
    return ordered and all(p.sequence is first.sequence and p.axis == first.axis for p in places)


def _matrices(step: Step, x: Value, state: Value | None) -> tuple[Array | None, Array | None]:
    """[gates * H, I] and [gates * H, H]"""
    weight, recurrence = step.matrix(x), step.matrix(state)
    if step.inner is not None and state is not None and state in step.inner.parts:
        if state in step.gates[-1].parts or x in step.inner.parts:
            return None, None
        recurrence = np.concatenate([recurrence, step.inner.parts[state]])
    hidden = step.state.type.shape[1]
    rows = step.kind.gates * hidden if isinstance(hidden, int) else -1
    columns = x.type.shape[1]
    is_whole = weight.shape == (rows, columns) and recurrence.shape == (rows, hidden)
    return (weight, recurrence) if is_whole else (None, None)


def _may_be_early(function: Function, layer: _Layer) -> bool:
    """Whether the sequence does not depend on the states, and nothing but the steps sees the cell states between."""
    tainted = {step.state for step in layer.steps}
    for op in function.ops:
        if any(v in tainted for v in op.operands):
            tainted.update(op.results)
    if layer.places[0].sequence in tainted:
        return False
    memories = [s.memory for s in layer.steps[:-1] if s.memory is not None]
    return all(len(memory.users) == 2 for memory in memories)


def _replace(function: Function, layer: _Layer) -> None:
    steps, first = layer.steps, layer.steps[0]
    op = _build(layer)
    anchor = first.state.owner
    assert anchor is not None
    positions = [p.position - min(p.position for p in layer.places) for p in layer.places]
    hidden = (1, 1, *first.state.type.shape)
    inside = {s.state for s in steps}
    new: list[tuple[Value, Value]] = []
    y = op.results[0]
    for step, position in zip(steps, positions, strict=True):
        whole = tensor.Slice(y, (position, 0, 0, 0), hidden, (1, 1, 1, 1)).result
        new.append((step.state, reshape(whole, step.state.type.shape)))
    new[-1] = (steps[-1].state, reshape(op.results[1], steps[-1].state.type.shape))
    memory = steps[-1].memory
    if memory is not None:
        new.append((memory, reshape(op.results[2], memory.type.shape)))
    new = [*_stacks(y, steps, positions), *new]
    for old, value in new:
        for inserted in insert_new_ops([value], partial(function.ops.insert_before, anchor)):
            inserted.location = anchor.location
        if old.name and not value.name:
            value.name, old.name = old.name, ""
        old.replace_all_uses_with(value)
    for step in reversed(steps):
        if step.state.owner is not None and step.state.owner.function is not None:
            erase_if_dead(step.state.owner)
    for _, value in new:
        if value.owner is not None and value.owner.function is not None and value not in inside:
            erase_if_dead(value.owner)


def _stacks(y: Value, steps: list[Step], positions: list[int]) -> list[tuple[Value, Value]]:
    """The concatenations of all states in the order of the steps, and what takes their place."""
    states = [s.state for s in steps]
    time, (batch, hidden) = len(steps), states[0].type.shape
    found = []
    for user in states[0].users:
        for concat in user.results[0].users if isinstance(user, tensor.Reshape) else ():
            if not isinstance(concat, tensor.Concat) or [_unsqueezed(x) for x in concat.xs] != states:
                continue
            merged = reshape(y, (time, batch, hidden))
            if positions != sorted(positions):
                merged = tensor.Reverse(merged, (0,)).result
            if concat.result.type.shape == (time, batch, hidden) and concat.axis == 0:
                found.append((concat.result, merged))
            elif concat.axis == 1 and concat.result.type.shape == (batch, time, hidden):
                found.append((concat.result, tensor.Transpose(merged, (1, 0, 2)).result))
    return found


def _unsqueezed(x: Value) -> Value | None:
    match x.owner:
        case tensor.Reshape(x=state, dims=None):
            return state
    return None


def _build(layer: _Layer) -> Op:
    first, place = layer.steps[0], layer.places[0]
    time, low = len(layer.steps), min(p.position for p in layer.places)
    x = place.sequence
    if x.type.rank == 4:
        x = reshape(x, (x.type.shape[0], *x.type.shape[2:]))
    if place.axis == 1:
        x = tensor.Transpose(x, (1, 0, 2)).result
    if x.type.shape[0] != time:
        x = tensor.Slice(x, (low, 0, 0), (time, *x.type.shape[1:]), (1, 1, 1)).result
    is_backward = time > 1 and layer.places[1].position < place.position
    direction = Direction.REVERSE if is_backward else Direction.FORWARD
    weight, recurrence, bias = (
        constant(np.ascontiguousarray(a[None])) for a in (layer.weight, layer.recurrence, layer.bias)
    )
    initial = None if layer.initial is None else reshape(layer.initial, (1, *layer.initial.type.shape))
    sigmoid, tanh = RecurrentActivation.SIGMOID, RecurrentActivation.TANH
    if first.kind is nn.Lstm:
        memory = first.old_memory
        cell = None if memory is None else reshape(memory, (1, *memory.type.shape))
        return nn.Lstm(x, weight, recurrence, bias, None, initial, cell, None, direction, (sigmoid, tanh, tanh))
    if first.kind is nn.Rnn:
        return nn.Rnn(x, weight, recurrence, bias, None, initial, direction, (first.activation,))
    assert layer.inner_bias is not None
    size = len(layer.inner_bias)
    inner = np.concatenate([np.zeros(2 * size, layer.inner_bias.dtype), layer.inner_bias])[None]
    return nn.Gru(
        x,
        weight,
        recurrence,
        bias,
        constant(inner),
        None,
        initial,
        direction,
        (sigmoid, tanh),
        linear_before_reset=True,
    )
