"""One step of a recurrent layer as elementary ops; the input's part of all steps is one linear layer in front.

A cell is made of a layer with one direction. ``project`` gives what x contributes to the gates of every step. ``step``
takes that of one step, the values of ``parameters`` (in another function: copies of them) and the states.
"""

from collections.abc import Sequence

import numpy as np

from ...dims import Dim
from ...ir import Value
from ...ops import math, nn, tensor
from ...ops.enums import Direction, RecurrentActivation
from ..patterns import constant, constant_array
from .building import drop_axis, folded_reshape, scalar, slice_axes

Parameters = tuple[Value | None, ...]


class Cell:
    """What the cells of all layers share."""

    def __init__(self, layer: nn.Recurrent) -> None:
        assert layer.direction is not Direction.BIDIRECTIONAL
        self.layer = layer
        self.hidden = layer.hidden_size
        self.parameters: Parameters = ()

    def project(self) -> Value:
        """[T, B, G * H]"""
        weight, bias = drop_axis(self.layer.weight, 0), _vector(self.layer.bias)
        projected = nn.Linear(self.layer.x, weight, bias).result
        time, _, rows = projected.type.shape
        # An initial state may say more of the batch than x does.
        return folded_reshape(projected, (time, self.layer.batch_size, rows))

    def step(self, x: Value, parameters: Parameters, states: Sequence[Value | None]) -> tuple[Value, ...]:
        """The new states [B, H], from x [B, G * H] and the states, none for zeros."""
        raise NotImplementedError

    def _activated(self, index: int, x: Value) -> Value:
        layer = self.layer
        x = self._clipped(x)
        alpha, beta = (layer.alphas[index], layer.betas[index]) if layer.alphas else (1.0, 0.0)
        return activated(x, layer.activations[index], alpha, beta)

    def _clipped(self, x: Value) -> Value:
        return math.Clamp(x, -self.layer.clip, self.layer.clip).result if self.layer.clip else x

    def _parts(self, x: Value, *counts: int) -> tuple[Value, ...]:
        """``x`` [B, G * H] cut into parts of so many gates each."""
        if len(counts) == 1:
            return (x,)
        return tensor.Split(x, 1, tuple(count * self.hidden for count in counts)).results


class RnnCell(Cell):
    """h = f(x + h R^T)"""

    def __init__(self, layer: nn.Rnn) -> None:
        super().__init__(layer)
        self.parameters = (drop_axis(layer.recurrence, 0),)

    def step(self, x: Value, parameters: Parameters, states: Sequence[Value | None]) -> tuple[Value, ...]:
        (recurrence,), (h,) = parameters, states
        return (self._activated(0, _plus_linear(x, h, recurrence)),)


class LstmCell(Cell):
    """See nn.lstm."""

    layer: nn.Lstm

    def __init__(self, layer: nn.Lstm) -> None:
        super().__init__(layer)
        peephole = _vector(layer.peephole)
        thirds: list[Value | None] = [None, None, None]
        if peephole is not None:
            size = layer.hidden_size
            thirds = [_part(peephole, i * size, size) for i in range(3)]
        self.parameters = (drop_axis(layer.recurrence, 0), *thirds)

    def step(self, x: Value, parameters: Parameters, states: Sequence[Value | None]) -> tuple[Value, ...]:
        recurrence, in_i, in_o, in_f = parameters
        h, c = states
        gates = _plus_linear(x, h, recurrence)
        if in_i is not None and in_o is not None and in_f is not None:
            return self._step_with_peephole(gates, c, in_i, in_o, in_f)
        iof, cell = self._parts(gates, 3, 1)
        i, o, f = self._parts(self._activated(0, iof), 1, 1, 1)
        new_c = self._new_cell(i, f, cell, c)
        return self._output(o, new_c), new_c

    def _step_with_peephole(
        self, gates: Value, c: Value | None, in_i: Value, in_o: Value, in_f: Value
    ) -> tuple[Value, ...]:
        i, o, f, cell = self._parts(gates, 1, 1, 1, 1)
        if c is not None:
            i = math.Add(i, math.Mul(c, in_i).result).result
            f = math.Add(f, math.Mul(c, in_f).result).result
        new_c = self._new_cell(self._activated(0, i), self._activated(0, f), cell, c)
        o = math.Add(o, math.Mul(new_c, in_o).result).result
        return self._output(self._activated(0, o), new_c), new_c

    def _new_cell(self, i: Value, f: Value, cell: Value, c: Value | None) -> Value:
        added = math.Mul(i, self._activated(1, cell)).result
        if c is None:
            return added
        forget = math.Sub(scalar(1.0, i), i).result if self.layer.input_forget else f
        return math.Add(math.Mul(forget, c).result, added).result

    def _output(self, o: Value, c: Value) -> Value:
        alpha, beta = (self.layer.alphas[2], self.layer.betas[2]) if self.layer.alphas else (1.0, 0.0)
        # The clip is not applied to the cell state: see nn.lstm.
        return math.Mul(o, activated(c, self.layer.activations[2], alpha, beta)).result


class GruCell(Cell):
    """See nn.gru."""

    layer: nn.Gru

    def __init__(self, layer: nn.Gru) -> None:
        super().__init__(layer)
        recurrence, bias = drop_axis(layer.recurrence, 0), _vector(layer.recurrent_bias)
        self.parameters = (recurrence, bias)
        if not layer.linear_before_reset:
            # The reset gate stands between the two products.
            two, size = 2 * self.hidden, self.hidden
            self.parameters = (
                _part(recurrence, 0, two),
                None if bias is None else _part(bias, 0, two),
                _part(recurrence, two, size),
                None if bias is None else _part(bias, two, size),
            )

    def step(self, x: Value, parameters: Parameters, states: Sequence[Value | None]) -> tuple[Value, ...]:
        (h,) = states
        x_zr, x_n = self._parts(x, 2, 1)
        if self.layer.linear_before_reset:
            recurrence, bias = parameters
            product = _linear(h, recurrence, bias)
            zr_part, n_part = self._parts(product, 2, 1) if product is not None and h is not None else (None, None)
            if product is not None and h is None:
                # Of a state that is zero only the bias is left: [G * H].
                zr_part, n_part = _part(product, 0, 2 * self.hidden), _part(product, 2 * self.hidden, self.hidden)
            z, r = self._gates(x_zr, zr_part)
            inner = None if n_part is None else math.Mul(r, n_part).result
        else:
            zr_recurrence, zr_bias, n_recurrence, n_bias = parameters
            z, r = self._gates(x_zr, _linear(h, zr_recurrence, zr_bias))
            inner = _linear(None if h is None else math.Mul(r, h).result, n_recurrence, n_bias)
        n = self._activated(1, _plus(x_n, inner))
        if h is None:
            return (math.Mul(math.Sub(scalar(1.0, z), z).result, n).result,)
        return (math.Add(math.Mul(z, math.Sub(h, n).result).result, n).result,)

    def _gates(self, x: Value, from_state: Value | None) -> tuple[Value, ...]:
        return self._parts(self._activated(0, _plus(x, from_state)), 1, 1)


def make_cell(layer: nn.Recurrent) -> Cell:
    """The cell of a layer with one direction."""
    match layer:
        case nn.Lstm():
            return LstmCell(layer)
        case nn.Gru():
            return GruCell(layer)
        case nn.Rnn():
            return RnnCell(layer)
    raise TypeError(f"{layer!r} has no cell")


def activated(x: Value, kind: RecurrentActivation, alpha: float, beta: float) -> Value:
    """The activation of ``x``."""
    match kind:
        case RecurrentActivation.SIGMOID:
            return nn.Sigmoid(x).result
        case RecurrentActivation.TANH:
            return math.Tanh(x).result
        case RecurrentActivation.RELU:
            return nn.Relu(x).result
        case RecurrentActivation.AFFINE:
            return math.Add(_times(x, alpha), scalar(beta, x)).result
        case RecurrentActivation.LEAKY_RELU:
            return nn.LeakyRelu(x, alpha).result
        case RecurrentActivation.THRESHOLDED_RELU:
            return math.Select(math.Greater(x, scalar(alpha, x)).result, x, scalar(0.0, x)).result
        case RecurrentActivation.SCALED_TANH:
            return _times(math.Tanh(_times(x, beta)).result, alpha)
        case RecurrentActivation.HARD_SIGMOID:
            return nn.HardSigmoid(x, alpha, beta).result
        case RecurrentActivation.ELU:
            return nn.Elu(x, alpha).result
        case RecurrentActivation.SOFTSIGN:
            return nn.Softsign(x).result
        case RecurrentActivation.SOFTPLUS:
            return nn.Softplus(x).result


def _times(x: Value, factor: float) -> Value:
    return math.Mul(x, scalar(factor, x)).result


def _plus(x: Value, y: Value | None) -> Value:
    return x if y is None else math.Add(x, y).result


def _plus_linear(x: Value, h: Value | None, recurrence: Value | None) -> Value:
    return _plus(x, _linear(h, recurrence, None))


def _linear(h: Value | None, recurrence: Value | None, bias: Value | None) -> Value | None:
    """h R^T + bias; the bias alone, or nothing, for a state that is zero."""
    assert recurrence is not None
    return bias if h is None else nn.Linear(h, recurrence, bias).result


def _vector(x: Value | None) -> Value | None:
    """[1, n] -> [n]"""
    return None if x is None else drop_axis(x, 0)


def _part(x: Value, start: Dim, size: Dim) -> Value:
    """The rows of ``x`` from ``start`` on; of a constant a constant, without a copy."""
    array = constant_array(x)
    if array is not None and isinstance(start, int) and isinstance(size, int):
        return constant(np.asarray(array[start : start + size]))
    return slice_axes(x, [0], [start], [size])


def zero_state(layer: nn.Recurrent) -> Value:
    """Zeros [B, H]"""
    shape = (layer.batch_size, layer.hidden_size)
    return tensor.Expand(scalar(0.0, layer.x), None, shape).result


def initial_states(layer: nn.Recurrent) -> list[Value | None]:
    """The states before the first step, [B, H] each, none for zeros."""
    given = [layer.initial_h, *([layer.initial_c] if isinstance(layer, nn.Lstm) else [])]
    shape = (layer.batch_size, layer.hidden_size)
    return [None if state is None else folded_reshape(state, shape) for state in given]
