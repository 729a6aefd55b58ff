"""Recurrent layers. Source: `recurrent` of the operator classes.

Sequences are [S, B, I]. With direction "reverse" the last element is processed first and the sequence of results is in
the order of processing; the two halves of a bidirectional layer are aligned.
"""

from collections.abc import Callable

import numpy as np

from .....types import Array
from ..kinds import ProgramError
from .elementwise import relu, sigmoid

_Activation = Callable[[Array], Array]


def _hard_sigmoid(x: Array) -> Array:
    return np.asarray(np.clip(np.float32(0.2) * x + np.float32(0.5), np.float32(0), np.float32(1)))


def _scaled_tanh(x: Array) -> Array:
    return np.float32(1.7159) * np.tanh(np.float32(2 / 3) * x)


_ACTIVATIONS: dict[str, _Activation] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": relu,
    "linear": lambda x: x,
    "hard_sigmoid": _hard_sigmoid,
    "sigmoid_hard": _hard_sigmoid,
    "scaled_tanh": _scaled_tanh,
}


def _activation(name: str) -> _Activation:
    if name not in _ACTIVATIONS:
        raise ProgramError(f"there is no activation {name!r}")
    return _ACTIVATIONS[name]


def _check(x: Array, weight_ih: Array, weight_hh: Array, bias: Array | None, gates: int) -> None:
    hidden = weight_hh.shape[-1]
    fits = x.ndim == 3 and weight_hh.shape == (gates * hidden, hidden)
    fits = fits and weight_ih.shape == (gates * hidden, x.shape[2])
    if not fits or (bias is not None and bias.shape != (gates * hidden,)):
        raise ProgramError(f"weights {list(weight_ih.shape)}, {list(weight_hh.shape)} do not fit x {list(x.shape)}")


def _one_direction(x: Array, direction: str) -> Array:
    if direction not in ("forward", "reverse"):
        raise ProgramError(f"there is no direction {direction!r}")
    return x if direction == "forward" else x[::-1]


def rnn(
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    direction: str,
    output_sequence: bool,
    activation: str,
    bias: Array | None = None,
) -> tuple[Array, Array]:
    _check(x, weight_ih, weight_hh, bias, 1)
    act, h = _activation(activation), initial_h
    steps = []
    for projected in _projected(_one_direction(x, direction), weight_ih, bias):
        h = act(projected + h @ weight_hh.T)
        steps.append(h)
    return _sequence(steps, h, output_sequence), h


def _projected(x: Array, weight: Array, bias: Array | None) -> Array:
    result: Array = x @ weight.T
    return result if bias is None else result + bias


def _sequence(steps: list[Array], last: Array, output_sequence: bool) -> Array:
    return np.stack(steps) if output_sequence else last[None]


def gru(
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    direction: str,
    output_sequence: bool,
    recurrent_activation: str,
    activation: str,
    bias: Array | None = None,
    reset_after: bool = False,
    input_bias: Array | None = None,
) -> tuple[Array, Array]:
    """Gates r, o, z: h' = (1 - z) o + z h, where r multiplies h before the product with W_ho, or that product after it.

    ``bias`` is the recurrent side's when ``reset_after``.
    """
    _check(x, weight_ih, weight_hh, bias, 3)
    gate, act = _activation(recurrent_activation), _activation(activation)
    size = weight_hh.shape[1]
    hidden_bias = np.zeros(3 * size, np.float32) if bias is None else bias
    w_r, w_o, w_z = weight_hh[:size].T, weight_hh[size : 2 * size].T, weight_hh[2 * size :].T
    b_r, b_o, b_z = hidden_bias[:size], hidden_bias[size : 2 * size], hidden_bias[2 * size :]
    h, steps = initial_h, []
    for projected in _projected(_one_direction(x, direction), weight_ih, input_bias):
        r = gate(projected[:, :size] + h @ w_r + b_r)
        z = gate(projected[:, 2 * size :] + h @ w_z + b_z)
        inner = r * (h @ w_o + b_o) if reset_after else (r * h) @ w_o + b_o
        o = act(projected[:, size : 2 * size] + inner)
        h = (np.float32(1) - z) * o + z * h
        steps.append(h)
    return _sequence(steps, h, output_sequence), h


def lstm(
    x: Array,
    initial_h: Array,
    initial_c: Array,
    weight_ih: Array,
    weight_hh: Array,
    direction: str,
    output_sequence: bool,
    recurrent_activation: str,
    cell_activation: str,
    activation: str,
    bias: Array | None = None,
    peephole: Array | None = None,
    weight_ih_back: Array | None = None,
    weight_hh_back: Array | None = None,
    bias_back: Array | None = None,
    peephole_back: Array | None = None,
    clip: float | None = None,
) -> tuple[Array, Array, Array]:
    """Gates i, f, o, z; the states of both directions are side by side, [B, 2 H]."""
    activations = (_activation(recurrent_activation), _activation(cell_activation), _activation(activation))
    if direction != "bidirectional":
        source = _one_direction(x, direction)
        steps, h, c = _lstm(source, initial_h, initial_c, weight_ih, weight_hh, bias, peephole, activations, clip)
        return _sequence(steps, h, output_sequence), h, c
    if weight_ih_back is None or weight_hh_back is None:
        raise ProgramError("a bidirectional layer lacks the weights of its second direction")
    size = weight_hh.shape[1]
    forward, h, c = _lstm(
        x, initial_h[:, :size], initial_c[:, :size], weight_ih, weight_hh, bias, peephole, activations, clip
    )
    backward, h_back, c_back = _lstm(
        x[::-1],
        initial_h[:, size:],
        initial_c[:, size:],
        weight_ih_back,
        weight_hh_back,
        bias_back,
        peephole_back,
        activations,
        clip,
    )
    both_h, both_c = np.concatenate([h, h_back], 1), np.concatenate([c, c_back], 1)
    steps = [np.concatenate(pair, 1) for pair in zip(forward, reversed(backward), strict=True)]
    return _sequence(steps, both_h, output_sequence), both_h, both_c


def _lstm(
    x: Array,
    h: Array,
    c: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None,
    peephole: Array | None,
    activations: tuple[_Activation, _Activation, _Activation],
    clip: float | None,
) -> tuple[list[Array], Array, Array]:
    _check(x, weight_ih, weight_hh, bias, 4)
    gate, cell, output = activations
    size = weight_hh.shape[1]
    if h.shape != (x.shape[1], size) or c.shape != h.shape:
        raise ProgramError(f"initial states {list(h.shape)}, {list(c.shape)} do not fit x {list(x.shape)}")
    peep = np.zeros(3 * size, np.float32) if peephole is None else peephole
    recurrent = weight_hh.T
    steps = []
    for projected in _projected(x, weight_ih, bias):
        total = projected + h @ recurrent
        i = gate(total[:, :size] + peep[:size] * c)
        f = gate(total[:, size : 2 * size] + peep[size : 2 * size] * c)
        z = cell(total[:, 3 * size :])
        c = f * c + i * z
        if clip:
            c = np.clip(c, np.float32(-clip), np.float32(clip))
        o = gate(total[:, 2 * size : 3 * size] + peep[2 * size :] * c)
        h = o * output(c)
        steps.append(h)
    return steps, h, c
