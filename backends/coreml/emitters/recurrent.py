"""Recurrent layers, over [T, B, I]. MIL keeps both directions of a bidirectional layer side by side in one axis."""

from collections.abc import Mapping, Sequence

import numpy as np

from ....ir import Array, Value
from ....ops import nn
from ....ops.enums import Direction, RecurrentActivation
from ....passes.patterns import constant_array
from ....types import Shape, TensorType
from ...conditions import takes
from ..program import CoremlTable, Parameter, Program
from .conditions import F32, is_float

TABLE = CoremlTable()

ACTIVATIONS: Mapping[RecurrentActivation, str] = {
    RecurrentActivation.SIGMOID: "sigmoid",
    RecurrentActivation.TANH: "tanh",
    RecurrentActivation.RELU: "relu",
    RecurrentActivation.HARD_SIGMOID: "hard_sigmoid",
}
_HARD_SIGMOID = (0.2, 0.5)


def is_unclipped(op: nn.Recurrent) -> bool:
    """no clip"""
    return op.clip == 0


def runs_to_the_end(op: nn.Recurrent) -> bool:
    """samples that all have every step"""
    return op.lengths is None


def starts_somewhere(op: nn.Lstm | nn.Gru | nn.Rnn) -> bool:
    """initial states, of as many directions as the layer has"""
    states = (op.initial_h, op.initial_c) if isinstance(op, nn.Lstm) else (op.initial_h,)
    return all(state is not None and isinstance(state.type.shape[0], int) for state in states)


def has_constant_weights(op: nn.Recurrent) -> bool:
    """constant weights and biases"""
    fields = ("weight", "recurrence", "bias", "recurrent_bias", "peephole")
    values = [getattr(op, f, None) for f in fields]
    return all(v is None or constant_array(v) is not None for v in values)


def has_known_activations(op: nn.Recurrent) -> bool:
    """activations of sigmoid, tanh, relu or hard_sigmoid (0.2 * x + 0.5)"""
    for index, activation in enumerate(op.activations):
        if activation not in ACTIVATIONS:
            return False
        parameters = (op.alphas[index], op.betas[index]) if op.alphas else None
        if activation is RecurrentActivation.HARD_SIGMOID and (
            parameters is None or not np.allclose(parameters, _HARD_SIGMOID, rtol=1e-6, atol=0)
        ):
            return False
    return True


def runs_forwards(op: nn.Recurrent) -> bool:
    """the forward direction"""
    return op.direction is Direction.FORWARD


def runs_forwards_or_both_ways(op: nn.Lstm) -> bool:
    """the forward direction, or both with the same activations"""
    if op.direction is Direction.BIDIRECTIONAL:
        return op.activations[:3] == op.activations[3:]
    return op.direction is Direction.FORWARD


def has_separate_gates(op: nn.Lstm) -> bool:
    """input and forget gates of their own"""
    return not op.input_forget


_LAYER = (is_unclipped, runs_to_the_end, starts_somewhere, has_constant_weights, has_known_activations)
_LSTM = (*_LAYER, runs_forwards_or_both_ways, has_separate_gates)

_IFOZ = (0, 2, 1, 3)
"""MIL's gates among ours, which are i, o, f and c."""

_IFO = (0, 2, 1)
_ROZ = (1, 2, 0)
"""MIL's gates among ours, which are z, r and h."""


def _reordered(parameter: Value, direction: int, order: Sequence[int]) -> Array:
    """One direction of weights, or a bias, with the blocks of its gates in MIL's order."""
    array = constant_array(parameter)
    assert array is not None
    blocks = np.split(array[direction], len(order))
    return np.concatenate([blocks[i] for i in order])


def _without_directions(program: Program, state: Value | None) -> Value:
    """An initial state [D, B, H] as [B, D * H]."""
    assert state is not None
    directions, *rest = state.type.shape
    if directions == 1:
        flat = program.temporary(TensorType(state.type.dtype, tuple(rest)))
        program.add("squeeze", flat, x=state, axes=(0,))
        return flat
    batch, hidden = rest
    parts = [program.temporary(TensorType(state.type.dtype, (1, batch, hidden))) for _ in range(2)]
    program.add("split", parts, x=state, num_splits=2, axis=0)
    joined = program.temporary(TensorType(state.type.dtype, (1, batch, hidden * 2)))
    program.add("concat", joined, values=parts, axis=2, interleave=False)
    flat = program.temporary(TensorType(state.type.dtype, (batch, hidden * 2)))
    program.add("squeeze", flat, x=joined, axes=(0,))
    return flat


def _add_directions(program: Program, flat: Value, result: Value, axis: int) -> None:
    """Gives ``result`` [..., D, B, H] the elements of ``flat`` [..., B, D * H]; D stands at ``axis``."""
    if result.type.shape[axis] == 1:
        program.add("expand_dims", result, x=flat, axes=(axis,))
        return
    shape = result.type.shape[:axis] + result.type.shape[axis + 1 :]
    parts = [program.temporary(TensorType(result.type.dtype, shape)) for _ in range(2)]
    program.add("split", parts, x=flat, num_splits=2, axis=axis + 1)
    program.add("stack", result, values=parts, axis=axis)


def _flat_results(op: nn.Recurrent, program: Program) -> list[Value]:
    """What MIL gives: the sequence [T, B, D * H], then the final states [B, D * H]."""
    width = op.hidden_size * op.direction.count
    time, batch, _ = op.x.type.shape
    shapes: list[Shape] = [(time, batch, width), *[(batch, width)] * (len(op.results) - 1)]
    return [program.temporary(TensorType(op.x.type.dtype, shape)) for shape in shapes]


def _finish(op: nn.Recurrent, program: Program, flat: Sequence[Value]) -> None:
    for axis, (value, result) in enumerate(zip(flat, op.results, strict=True)):
        _add_directions(program, value, result, 1 if axis == 0 else 0)


def lstm(op: nn.Lstm, program: Program) -> None:
    flat = _flat_results(op, program)
    gate, cell, output = (ACTIVATIONS[a] for a in op.activations[:3])
    parameters: dict[str, Parameter] = {
        "initial_h": _without_directions(program, op.initial_h),
        "initial_c": _without_directions(program, op.initial_c),
    }
    for direction in range(op.direction.count):
        suffix = "_back" if direction else ""
        parameters["weight_ih" + suffix] = _reordered(op.weight, direction, _IFOZ)
        parameters["weight_hh" + suffix] = _reordered(op.recurrence, direction, _IFOZ)
        if op.bias is not None:
            parameters["bias" + suffix] = _reordered(op.bias, direction, _IFOZ)
        if op.peephole is not None:
            parameters["peephole" + suffix] = _reordered(op.peephole, direction, _IFO)
    program.add(
        "lstm",
        flat,
        x=op.x,
        direction=op.direction.value,
        output_sequence=True,
        recurrent_activation=gate,
        cell_activation=cell,
        activation=output,
        **parameters,
    )
    _finish(op, program, flat)


TABLE.emits(nn.Lstm, when=(takes(F32), *_LSTM))(lstm)
TABLE.emits(nn.Lstm, when=(is_float, *_LSTM), since=17)(lstm)


def rnn(op: nn.Rnn, program: Program) -> None:
    flat = _flat_results(op, program)
    optional: dict[str, Parameter] = {} if op.bias is None else {"bias": _reordered(op.bias, 0, (0,))}
    program.add(
        "rnn",
        flat,
        x=op.x,
        initial_h=_without_directions(program, op.initial_h),
        weight_ih=_reordered(op.weight, 0, (0,)),
        weight_hh=_reordered(op.recurrence, 0, (0,)),
        direction="forward",
        output_sequence=True,
        activation=ACTIVATIONS[op.activations[0]],
        **optional,
    )
    _finish(op, program, flat)


def has_soft_activation(op: nn.Rnn) -> bool:
    """an activation of sigmoid, tanh or relu"""
    return op.activations[0] is not RecurrentActivation.HARD_SIGMOID


_RNN = (*_LAYER, runs_forwards, has_soft_activation)
TABLE.emits(nn.Rnn, when=(takes(F32), *_RNN))(rnn)
TABLE.emits(nn.Rnn, when=(is_float, *_RNN), since=17)(rnn)


def resets_before(op: nn.Gru) -> bool:
    """a reset gate that is applied before the recurrent product"""
    return not op.linear_before_reset


def resets_after(op: nn.Gru) -> bool:
    """a reset gate that is applied after the recurrent product"""
    return op.linear_before_reset


def has_soft_activations(op: nn.Gru) -> bool:
    """activations of sigmoid, tanh or relu"""
    return RecurrentActivation.HARD_SIGMOID not in op.activations


def _biases(op: nn.Gru) -> tuple[Array | None, Array | None]:
    """That of the input and that of the state, in MIL's order."""
    found = (None if b is None else _reordered(b, 0, _ROZ) for b in (op.bias, op.recurrent_bias))
    bias, recurrent = found
    return bias, recurrent


def _gru(op: nn.Gru, program: Program, parameters: Mapping[str, Parameter]) -> None:
    flat = _flat_results(op, program)
    program.add(
        "gru",
        flat,
        x=op.x,
        initial_h=_without_directions(program, op.initial_h),
        weight_ih=_reordered(op.weight, 0, _ROZ),
        weight_hh=_reordered(op.recurrence, 0, _ROZ),
        direction="forward",
        output_sequence=True,
        recurrent_activation=ACTIVATIONS[op.activations[0]],
        activation=ACTIVATIONS[op.activations[1]],
        **parameters,
    )
    _finish(op, program, flat)


def gru(op: nn.Gru, program: Program) -> None:
    bias, recurrent = _biases(op)
    both = [b for b in (bias, recurrent) if b is not None]
    parameters: dict[str, Parameter] = {"bias": np.sum(both, axis=0, dtype=both[0].dtype)} if both else {}
    if program.version >= 18:
        parameters["reset_after"] = False
    _gru(op, program, parameters)


def gru_with_reset_after(op: nn.Gru, program: Program) -> None:
    bias, recurrent = _biases(op)
    parameters: dict[str, Parameter] = {"reset_after": True}
    if bias is not None:
        parameters["input_bias"] = bias
    if recurrent is not None:
        parameters["bias"] = recurrent
    _gru(op, program, parameters)


_GRU = (*_LAYER, runs_forwards, has_soft_activations)
TABLE.emits(nn.Gru, when=(takes(F32), *_GRU, resets_before))(gru)
TABLE.emits(nn.Gru, when=(is_float, *_GRU, resets_before), since=17)(gru)
TABLE.emits(nn.Gru, when=(is_float, *_GRU, resets_after), since=18)(gru_with_reset_after)
