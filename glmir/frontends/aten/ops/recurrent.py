"""Recurrent layers and cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.enums import Direction, RecurrentActivation
from ....types import DType
from ...layers import scalar
from ..registry import Table
from ..scope import Scope, cast, require_fixed, reshape
from ..tensors import Tensor, Unsupported, values_of
from .packed_sequences import Padding, pack, padding_of

TABLE = Table()

_SIGMOID, _TANH, _RELU = RecurrentActivation.SIGMOID, RecurrentActivation.TANH, RecurrentActivation.RELU

States = list[Value | None]


@dataclass(frozen=True)
class Weights:
    """Those of one layer in one direction, as PyTorch keeps them: [G * H, I], [G * H, H], [G * H] twice, [P, H]."""

    input: Value
    hidden: Value
    input_bias: Value | None = None
    hidden_bias: Value | None = None
    projection: Value | None = None


Run = Callable[[Value, Sequence[Weights], Value | None, States, Direction], tuple[Value, ...]]
"""A layer: x [T, B, I], the weights of its directions, lengths, initial states [D, B, H] -> y [T, D, B, H], finals."""


def _is_zero(x: Value) -> bool:
    """Whether the value is made of zeros alone, as initial states mostly are."""
    match x.owner:
        case tensor.Constant(value=weight):
            return not weight.array.any()
        case tensor.Expand() | tensor.Reshape() | tensor.Slice() | tensor.Gather() | tensor.Transpose() as op:
            return _is_zero(op.x)
        case tensor.Cast() as op:
            return _is_zero(op.x)
        case tensor.Concat(xs=xs):
            return all(map(_is_zero, xs))
    return False


def _stacked(values: Sequence[Value]) -> Value:
    """[D, …] of D values."""
    with_axis = tuple(reshape(v, (1, *v.type.shape)) for v in values)
    return with_axis[0] if len(with_axis) == 1 else tensor.Concat(with_axis, 0).result


def _reordered(gates: Value, order: tuple[int, ...]) -> Value:
    """[G * H, …] with the gates in another order."""
    size = gates.type.shape[0] // len(order)
    parts = tensor.Split(gates, 0, (size,) * len(order)).results
    return tensor.Concat(tuple(parts[i] for i in order), 0).result


def _ordered(values: Sequence[Value], order: tuple[int, ...]) -> Value:
    return _stacked([_reordered(v, order) for v in values])


def _present(values: Sequence[Value | None]) -> list[Value]:
    return [v for v in values if v is not None]


def _summed_biases(weights: Sequence[Weights], order: tuple[int, ...] | None) -> Value | None:
    sums = [
        math.Add(w.input_bias, w.hidden_bias).result
        for w in weights
        if w.input_bias is not None and w.hidden_bias is not None
    ]
    if not sums:
        return None
    return _stacked(sums) if order is None else _ordered(sums, order)


# PyTorch's gates are i, f, g, o; the IR's i, o, f, c.
_LSTM_GATES = (0, 3, 1, 2)
# PyTorch's are r, z, n; the IR's z, r, h.
_GRU_GATES = (1, 0, 2)


def _run_lstm(
    x: Value, weights: Sequence[Weights], lengths: Value | None, states: States, direction: Direction
) -> tuple[Value, ...]:
    if weights[0].projection is not None:
        return _run_projected(x, weights, lengths, states)
    op = nn.Lstm(
        x,
        _ordered([w.input for w in weights], _LSTM_GATES),
        _ordered([w.hidden for w in weights], _LSTM_GATES),
        _summed_biases(weights, _LSTM_GATES),
        lengths,
        states[0],
        states[1],
        None,
        direction,
        (_SIGMOID, _TANH, _TANH) * len(weights),
    )
    return op.results


def _run_projected(x: Value, weights: Sequence[Weights], lengths: Value | None, states: States) -> tuple[Value, ...]:
    """An LSTM whose outputs are projected: h = P u, with u what the layer would give without.

    Since R h = (R P) u, it is an LSTM with the recurrence R P whose outputs are projected at the end. Only the initial
    h is of no u: it comes in through x, as further features that are zero in all steps but the first.
    """
    directions = (Direction.FORWARD, Direction.REVERSE)[: len(weights)]
    results = []
    for index, (one, direction) in enumerate(zip(weights, directions, strict=True)):
        h, c = (None if s is None else _of_direction(s, index) for s in states)
        assert one.projection is not None
        into = one.input
        steps = x
        if h is not None:
            steps = tensor.Concat((x, _in_first_step(x, h, lengths, direction)), 2).result
            into = tensor.Concat((one.input, one.hidden), 1).result
        recurrence = math.MatMul(one.hidden, one.projection).result
        plain = Weights(into, recurrence, one.input_bias, one.hidden_bias)
        y, u, last_c = _run_lstm(steps, (plain,), lengths, [None, c], direction)
        results.append((*(nn.Linear(v, one.projection, None).result for v in (y, u)), last_c))
    if len(results) == 1:
        return results[0]
    y, h_n, c_n = (
        tensor.Concat(pair, axis).result for pair, axis in zip(zip(*results, strict=True), (1, 0, 0), strict=True)
    )
    return y, h_n, c_n


def _of_direction(state: Value, index: int) -> Value:
    _, batch, size = state.type.shape
    return tensor.Slice(state, (index, 0, 0), (1, batch, size), (1, 1, 1)).result


def _in_first_step(x: Value, h: Value, lengths: Value | None, direction: Direction) -> Value:
    """h [1, B, P] as [T, B, P] that is zero in all steps but the one that the direction takes first."""
    if lengths is not None and direction is Direction.REVERSE:
        raise Unsupported("a projected LSTM that has an initial state reads packed sequences backwards")
    behind = x.type.shape[0] - 1
    low, high = ((0, 0, 0), (behind, 0, 0)) if direction is Direction.FORWARD else ((behind, 0, 0), (0, 0, 0))
    return tensor.Pad(h, scalar(0, h), low, high).result


def _run_gru(
    x: Value, weights: Sequence[Weights], lengths: Value | None, states: States, direction: Direction
) -> tuple[Value, ...]:
    biases, hidden_biases = _present([w.input_bias for w in weights]), _present([w.hidden_bias for w in weights])
    op = nn.Gru(
        x,
        _ordered([w.input for w in weights], _GRU_GATES),
        _ordered([w.hidden for w in weights], _GRU_GATES),
        _ordered(biases, _GRU_GATES) if biases else None,
        _ordered(hidden_biases, _GRU_GATES) if hidden_biases else None,
        lengths,
        states[0],
        direction,
        (_SIGMOID, _TANH) * len(weights),
        linear_before_reset=True,
    )
    return op.results


def _run_rnn(activation: RecurrentActivation) -> Run:
    def run(
        x: Value, weights: Sequence[Weights], lengths: Value | None, states: States, direction: Direction
    ) -> tuple[Value, ...]:
        weight, recurrence = _stacked([w.input for w in weights]), _stacked([w.hidden for w in weights])
        bias = _summed_biases(weights, None)
        op = nn.Rnn(x, weight, recurrence, bias, lengths, states[0], direction, (activation,) * len(weights))
        return op.results

    return run


@dataclass(frozen=True)
class Stack:
    """Layers one upon the other, of ``directions`` directions each."""

    run: Run
    weights: Sequence[Weights]
    directions: int

    def __call__(self, x: Value, lengths: Value | None, initial: Sequence[Value]) -> tuple[Value, ...]:
        """x [T, B, I], the initial states [layers * D, B, H] -> y [T, B, D * H], the final states."""
        direction = Direction.BIDIRECTIONAL if self.directions == 2 else Direction.FORWARD
        finals: list[tuple[Value, ...]] = []
        for start in range(0, len(self.weights), self.directions):
            weights = self.weights[start : start + self.directions]
            states = [self._states_of(s, start) for s in initial]
            y, *final = self.run(x, weights, lengths, states, direction)
            time, count, batch, size = y.type.shape
            beside = tensor.Transpose(y, (0, 2, 1, 3)).result if self.directions == 2 else y
            x = reshape(beside, (time, batch, count * size))
            finals.append(tuple(final))
        if len(finals) == 1:
            return x, *finals[0]
        return x, *(tensor.Concat(states, 0).result for states in zip(*finals, strict=True))

    def _states_of(self, initial: Value, start: int) -> Value | None:
        if _is_zero(initial):
            return None
        if len(self.weights) == self.directions:
            return initial
        _, *rest = initial.type.shape
        return tensor.Slice(initial, (start, 0, 0), (self.directions, *rest), (1, 1, 1)).result


def weights_of(params: Sequence[Value], has_biases: bool, num_layers: int, bidirectional: bool) -> list[Weights]:
    """The weights of each layer and direction, from the flat list that PyTorch passes."""
    count = num_layers * (1 + bidirectional)
    size = len(params) // count
    if size * count != len(params) or size not in ((4, 5) if has_biases else (2, 3)):
        raise Unsupported(f"it has {len(params)} weights for {count} layers and directions")
    found = []
    for start in range(0, len(params), size):
        one = list(params[start : start + size])
        projection = one.pop() if size % 2 else None
        input_bias, hidden_bias = (one[2], one[3]) if has_biases else (None, None)
        found.append(Weights(one[0], one[1], input_bias, hidden_bias, projection))
    return found


def refuse_dropout(train: bool, dropout: float) -> None:
    if train and dropout > 0:
        raise Unsupported("it drops out elements at random, for the model is in training mode; call eval() before")


def run_padded(stack: Stack, input: Tensor, initial: Sequence[Tensor], batch_first: bool) -> tuple[Value, ...]:
    x = input.value
    order = "batch, time, features" if batch_first else "time, batch, features"
    require_fixed(x, -1, stack.weights[0].input.type.shape[1], order)
    x = tensor.Transpose(x, (1, 0, 2)).result if batch_first else x
    y, *states = stack(x, None, values_of(initial))
    return tensor.Transpose(y, (1, 0, 2)).result if batch_first else y, *states


def run_packed(scope: Scope, stack: Stack, data: Tensor, initial: Sequence[Tensor]) -> tuple[Tensor | Value, ...]:
    padding = padding_of(data)
    y, *states = stack(padding.x, cast(padding.lengths, DType.I32), values_of(initial))
    scope.insert_all((y, *states))
    of_y = Padding(y, padding.lengths, padding.longest, padding.longest_dim, True)
    return pack(scope, of_y), *states


@TABLE.imports("lstm")
def lstm(
    input: Tensor,
    hx: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Value, ...]:
    refuse_dropout(train, dropout)
    weights = weights_of(values_of(params), has_biases, num_layers, bidirectional)
    return run_padded(Stack(_run_lstm, weights, 1 + bidirectional), input, hx, batch_first)


@TABLE.imports("lstm")
def lstm_packed(
    scope: Scope,
    data: Tensor,
    batch_sizes: Tensor,
    hx: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Tensor | Value, ...]:
    refuse_dropout(train, dropout)
    weights = weights_of(values_of(params), has_biases, num_layers, bidirectional)
    return run_packed(scope, Stack(_run_lstm, weights, 1 + bidirectional), data, hx)


@TABLE.imports("_cudnn_rnn", "miopen_rnn", "_lstm_mps")
def layer_of_a_device(*arguments: object) -> Value:
    raise Unsupported("it is of one kind of device; export the model on the CPU")


def _single_state(name: str, run: Run) -> None:
    """Registers a layer that carries one state."""

    @TABLE.imports(name)
    def padded(
        input: Tensor,
        hx: Tensor,
        params: Sequence[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Value, ...]:
        refuse_dropout(train, dropout)
        weights = weights_of(values_of(params), has_biases, num_layers, bidirectional)
        return run_padded(Stack(run, weights, 1 + bidirectional), input, (hx,), batch_first)

    @TABLE.imports(name)
    def packed(
        scope: Scope,
        data: Tensor,
        batch_sizes: Tensor,
        hx: Tensor,
        params: Sequence[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> tuple[Tensor | Value, ...]:
        refuse_dropout(train, dropout)
        weights = weights_of(values_of(params), has_biases, num_layers, bidirectional)
        return run_packed(scope, Stack(run, weights, 1 + bidirectional), data, (hx,))


def cell(run: Run, x: Value, states: Sequence[Value], weights: Weights) -> tuple[Value, ...]:
    """One step: x [B, I] and the states [B, H] -> the new states."""
    step = reshape(x, (1, *x.type.shape))
    initial = [None if _is_zero(s) else reshape(s, (1, *s.type.shape)) for s in states]
    _, *new = run(step, (weights,), None, initial, Direction.FORWARD)
    return tuple(reshape(n, n.type.shape[1:]) for n in new)


def cell_weights(w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None) -> Weights:
    input_bias, hidden_bias = (None if b is None else b.value for b in (b_ih, b_hh))
    return Weights(w_ih.value, w_hh.value, input_bias, hidden_bias)


@TABLE.imports("lstm_cell")
def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Value, ...]:
    return cell(_run_lstm, input.value, values_of(hx), cell_weights(w_ih, w_hh, b_ih, b_hh))


def _single_state_cell(name: str, run: Run) -> None:
    @TABLE.imports(name)
    def step(
        input: Tensor,
        hx: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Value:
        return cell(run, input.value, (hx.value,), cell_weights(w_ih, w_hh, b_ih, b_hh))[0]


RUN_LSTM, RUN_GRU, RUN_TANH, RUN_RELU = _run_lstm, _run_gru, _run_rnn(_TANH), _run_rnn(_RELU)

for _layer, _run in (("gru", RUN_GRU), ("rnn_tanh", RUN_TANH), ("rnn_relu", RUN_RELU)):
    _single_state(_layer, _run)
    _single_state_cell(f"{_layer}_cell", _run)


@TABLE.imports("mkldnn_rnn_layer")
def mkldnn_rnn_layer(
    input: Tensor,
    weight0: Tensor,
    weight1: Tensor,
    weight2: Tensor,
    weight3: Tensor,
    hx_: Tensor,
    cx_: Tensor,
    reverse: bool,
    batch_sizes: Sequence[int],
    mode: int,
    hidden_size: int,
    num_layers: int,
    has_biases: bool,
    bidirectional: bool,
    batch_first: bool,
    train: bool,
) -> tuple[Value, Value, Value, Value]:
    if mode != 2 or batch_sizes:
        raise Unsupported("it runs layers other than LSTM, or packed sequences")
    weights = cell_weights(weight0, weight1, *((weight2, weight3) if has_biases else (None, None)))
    states: States = [None if _is_zero(s.value) else reshape(s.value, (1, *s.shape[-2:])) for s in (hx_, cx_)]
    direction = Direction.REVERSE if reverse else Direction.FORWARD
    # x is time-major here, whatever batch_first says of the layer that this one is a part of.
    y, h, c = _run_lstm(input.value, (weights,), None, states, direction)
    time, _, batch, size = y.type.shape
    return reshape(y, (time, batch, size)), reshape(h, hx_.shape), reshape(c, cx_.shape), scalar(0, y)
