"""Recurrent layers."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...dims import Dim
from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import DType, TensorType
from ..enums import Direction, RecurrentActivation
from ..tensor.binding import shapes_may_agree
from .activation import sigmoid
from .arrays import widen


@op_family
class Recurrent(Op):
    """A layer that reads x step by step and carries a state of H elements; all are time-major

    x is [T, B, I]. With D directions and G gates ``weight`` is [D, G * H, I] (W), ``recurrence`` [D, G * H, H] (R) and
    ``bias`` [D, G * H]. A sample of length n (``lengths``) takes part in its first n steps: later outputs are zero, its
    final state is that after n steps, and the reverse direction begins at its last valid step.
    """

    x: Value
    weight: Value
    recurrence: Value
    bias: Value | None

    if TYPE_CHECKING:
        # Subclasses declare them behind their operands; to the dataclasses a property would be the field's default.
        @property
        def lengths(self) -> Value | None: ...
        @property
        def initial_h(self) -> Value | None: ...
        @property
        def direction(self) -> Direction: ...
        @property
        def activations(self) -> tuple[RecurrentActivation, ...]: ...
        @property
        def alphas(self) -> tuple[float, ...]: ...
        @property
        def betas(self) -> tuple[float, ...]: ...
        @property
        def clip(self) -> float: ...

    gates = 1
    """How many blocks of H rows the weights have."""

    activations_per_direction = 1

    @property
    def hidden_size(self) -> Dim:
        return self.recurrence.type.shape[-1]

    @property
    def state_shape(self) -> tuple[Dim, ...]:
        """[D, B, H]"""
        return (self.direction.count, self.batch_size, self.hidden_size)

    @property
    def batch_size(self) -> Dim:
        """What x, the lengths and the initial states say it is: a number, if one of them does."""
        batches = [s.type.shape[1] for s in (self.x, *self._initial_states) if s is not None and s.type.rank == 3]
        if self.lengths is not None and self.lengths.type.rank == 1:
            batches.append(self.lengths.type.shape[0])
        return next((b for b in batches if isinstance(b, int)), self.x.type.shape[1])

    @property
    def _gate_biases(self) -> tuple[Value | None, ...]:
        return (self.bias,)

    @property
    def _initial_states(self) -> tuple[Value | None, ...]:
        return (self.initial_h,)

    @constraint
    def dtypes_agree(self) -> bool:
        """all operands but the lengths are of one float dtype"""
        dtypes = {v.type.dtype for v in self.operands if v is not self.lengths}
        return len(dtypes) == 1 and self.x.type.dtype.is_float

    @constraint
    def ranks_are_3(self) -> bool:
        """x, weight and recurrence have rank 3"""
        return self.x.type.rank == self.weight.type.rank == self.recurrence.type.rank == 3

    @constraint
    def weights_fit(self) -> bool:
        """weight is [D, G * H, I] and recurrence [D, G * H, H] for D directions and G gates"""
        hidden = self.hidden_size
        rows: tuple[Dim, ...] = (self.direction.count, self.gates * hidden)
        return shapes_may_agree(self.weight.type.shape, (*rows, self.x.type.shape[2])) and shapes_may_agree(
            self.recurrence.type.shape, (*rows, hidden)
        )

    @constraint
    def biases_fit(self) -> bool:
        """a bias is [D, G * H]"""
        shape = (self.direction.count, self.gates * self.hidden_size)
        return all(b is None or shapes_may_agree(b.type.shape, shape) for b in self._gate_biases)

    @constraint
    def lengths_fit(self) -> bool:
        """the lengths are i32[B]"""
        if self.lengths is None:
            return True
        type_ = self.lengths.type
        return type_.dtype is DType.I32 and shapes_may_agree(type_.shape, (self.x.type.shape[1],))

    @constraint
    def initial_states_fit(self) -> bool:
        """an initial state is [D, B, H]"""
        return all(s is None or shapes_may_agree(s.type.shape, self.state_shape) for s in self._initial_states)

    @constraint
    def activations_are_complete(self) -> bool:
        """every direction has all its activations"""
        return len(self.activations) == self.direction.count * self.activations_per_direction

    @constraint
    def parameters_are_complete(self) -> bool:
        """there are no alphas and betas, or one of each for every activation"""
        counts = {len(self.alphas), len(self.betas)}
        return counts in ({0}, {len(self.activations)})

    @constraint
    def clip_is_nonnegative(self) -> bool:
        """the clip is not negative"""
        return self.clip >= 0

    def infer(self) -> tuple[TensorType, ...]:
        dtype = self.x.type.dtype
        states = (TensorType(dtype, self.state_shape),) * len(self._initial_states)
        return TensorType(dtype, (self.x.type.shape[0], *self.state_shape)), *states

    def _functions(self, direction: int) -> list[Callable[[Array], Array]]:
        """The activations of one direction."""
        count = self.activations_per_direction
        return [self._function(i) for i in range(direction * count, (direction + 1) * count)]

    def _function(self, index: int) -> Callable[[Array], Array]:
        parameters = (self.alphas[index], self.betas[index]) if self.alphas else (1.0, 0.0)
        evaluate = _EVALUATE[self.activations[index]]
        return lambda x: evaluate(x, *parameters)

    def _clipped(self, x: Array) -> Array:
        return np.clip(x, -self.clip, self.clip) if self.clip else x

    def _run(
        self,
        x: Array,
        hidden: int,
        lengths: Array | None,
        initial: Sequence[Array | None],
        make_step: "Callable[[int], _Step]",
    ) -> tuple[Array, ...]:
        """Reads x in every direction: y, then the final states. ``make_step`` makes one direction's step."""
        time, batch, _ = x.shape
        y = np.zeros((time, self.direction.count, batch, hidden), x.dtype)
        finals: list[list[Array]] = [[] for _ in initial]
        valid = np.full(batch, time) if lengths is None else np.clip(lengths, 0, time)
        for direction in range(self.direction.count):
            step = make_step(direction)
            states = [np.zeros((batch, hidden), x.dtype) if s is None else s[direction] for s in initial]
            is_reverse = self.direction is Direction.REVERSE or direction == 1
            for t in reversed(range(time)) if is_reverse else range(time):
                takes_part = (t < valid)[:, None]
                new = step(x[t], *states)
                states = [np.where(takes_part, n, s) for n, s in zip(new, states, strict=True)]
                y[t, direction] = np.where(takes_part, states[0], 0)
            for final, state in zip(finals, states, strict=True):
                final.append(state)
        dtype = self.x.type.dtype.numpy
        return tuple(a.astype(dtype) for a in (y, *(np.stack(final) for final in finals)))


_Step = Callable[..., tuple[Array, ...]]
"""One step of one direction: x[t] and the states to the new states, the hidden one first."""


@op
class Rnn(Recurrent):
    """A plain recurrent layer (ONNX RNN): h = f(x W^T + h R^T + bias)

    Results: y [T, D, B, H], and the final h [D, B, H]. What the sizes and ``lengths`` mean, and how the activations are
    given, is as with nn.lstm; there is one activation, f, a direction.

    ```
    %y, %h = nn.rnn(%x: f32[t, 2, 3], %w: f32[1, 4, 3], %r: f32[1, 4, 4], none, none, none) {direction = forward, \
activations = [tanh]} : f32[t, 1, 2, 4], f32[1, 2, 4]
    ```
    """

    lengths: Value | None
    initial_h: Value | None
    direction: Direction
    activations: tuple[RecurrentActivation, ...]
    alphas: tuple[float, ...] = ()
    betas: tuple[float, ...] = ()
    clip: float = 0.0

    def evaluate(
        self,
        x: Array,
        weight: Array,
        recurrence: Array,
        bias: Array | None,
        lengths: Array | None,
        initial_h: Array | None,
    ) -> tuple[Array, ...]:
        x, weight, recurrence = widen(x), widen(weight), widen(recurrence)

        def make_step(d: int) -> _Step:
            (f,) = self._functions(d)
            b = 0 if bias is None else widen(bias[d])
            return lambda x_t, h: (f(self._clipped(x_t @ weight[d].T + h @ recurrence[d].T + b)),)

        return self._run(x, recurrence.shape[2], lengths, (_widened(initial_h),), make_step)


@op
class Lstm(Recurrent):
    """Long short-term memory (ONNX LSTM)

    x is [T, B, I]. With D directions ``weight`` is [D, 4 * H, I] (W), ``recurrence`` [D, 4 * H, H] (R), ``bias``
    [D, 4 * H], gates in the order i, o, f, c; ``peephole`` is [D, 3 * H] (P), in the order i, o, f. Results: y
    [T, D, B, H], the final h and the final c, both [D, B, H]. A step is

        i = f(x Wi^T + h Ri^T + Pi * c + bi)
        f = f(x Wf^T + h Rf^T + Pf * c + bf), or 1 - i with ``input_forget``
        c = f * c + i * g(x Wc^T + h Rc^T + bc)
        o = f(x Wo^T + h Ro^T + Po * c + bo), with the new c
        h = o * h(c)

    ``activations`` names f, g and h for each direction; ``alphas`` and ``betas``, where there are any, have one
    parameter for each of them. ``clip``, unless 0, bounds what f and g are applied to, as in onnxruntime (the standard
    would have it bound what h is applied to as well). A sample of length n (``lengths``) takes part in its first n
    steps: its later outputs are zero, its final state is that after n steps, and the reverse direction begins at its
    step n - 1.

    ```
    %y, %h, %c = nn.lstm(%x: f32[t, b, 3], %w: f32[2, 8, 3], %r: f32[2, 8, 2], %bias: f32[2, 8], %n: i32[b], none, \
none, none) {direction = bidirectional, activations = [sigmoid, tanh, tanh, sigmoid, tanh, tanh]} \
: f32[t, 2, b, 2], f32[2, b, 2], f32[2, b, 2]
    ```
    """

    lengths: Value | None
    initial_h: Value | None
    initial_c: Value | None
    peephole: Value | None
    direction: Direction
    activations: tuple[RecurrentActivation, ...]
    alphas: tuple[float, ...] = ()
    betas: tuple[float, ...] = ()
    clip: float = 0.0
    input_forget: bool = False

    gates = 4
    activations_per_direction = 3

    @property
    def _initial_states(self) -> tuple[Value | None, ...]:
        return (self.initial_h, self.initial_c)

    @constraint
    def peephole_fits(self) -> bool:
        """the peephole is [D, 3 * H]"""
        shape = (self.direction.count, 3 * self.hidden_size)
        return self.peephole is None or shapes_may_agree(self.peephole.type.shape, shape)

    def evaluate(
        self,
        x: Array,
        weight: Array,
        recurrence: Array,
        bias: Array | None,
        lengths: Array | None,
        initial_h: Array | None,
        initial_c: Array | None,
        peephole: Array | None,
    ) -> tuple[Array, ...]:
        x, weight, recurrence = widen(x), widen(weight), widen(recurrence)

        def make_step(d: int) -> _Step:
            b = 0 if bias is None else widen(bias[d])
            pi, po, pf = np.split(widen(peephole[d]), 3) if peephole is not None else (0, 0, 0)
            f, g, h = self._functions(d)
            clipped = self._clipped

            def step(x_t: Array, h_t: Array, c_t: Array) -> tuple[Array, ...]:
                i_in, o_in, f_in, c_in = np.split(x_t @ weight[d].T + h_t @ recurrence[d].T + b, 4, axis=1)
                i = f(clipped(i_in + pi * c_t))
                forget = 1 - i if self.input_forget else f(clipped(f_in + pf * c_t))
                c = forget * c_t + i * g(clipped(c_in))
                return f(clipped(o_in + po * c)) * h(c), c

            return step

        return self._run(x, recurrence.shape[2], lengths, (_widened(initial_h), _widened(initial_c)), make_step)


@op
class Gru(Recurrent):
    """Gated recurrent unit (ONNX GRU)

    x is [T, B, I]. With D directions ``weight`` is [D, 3 * H, I] (W), ``recurrence`` [D, 3 * H, H] (R), ``bias`` (b)
    and ``recurrent_bias`` (rb) [D, 3 * H], gates in the order z, r, h. Results: y [T, D, B, H] and the final h
    [D, B, H]. A step is

        z = f(x Wz^T + bz + h Rz^T + rbz)
        r = f(x Wr^T + br + h Rr^T + rbr)
        n = g(x Wh^T + bh + (r * h) Rh^T + rbh), or g(x Wh^T + bh + r * (h Rh^T + rbh)) with ``linear_before_reset``
        h = (1 - z) * n + z * h

    ``activations`` names f and g for each direction. All else is as with nn.lstm.

    ```
    %y, %h = nn.gru(%x: f32[t, 2, 3], %w: f32[1, 6, 3], %r: f32[1, 6, 2], %b: f32[1, 6], %rb: f32[1, 6], none, \
%h0: f32[1, 2, 2]) {direction = reverse, activations = [sigmoid, tanh], linear_before_reset = true} \
: f32[t, 1, 2, 2], f32[1, 2, 2]
    ```
    """

    recurrent_bias: Value | None
    lengths: Value | None
    initial_h: Value | None
    direction: Direction
    activations: tuple[RecurrentActivation, ...]
    alphas: tuple[float, ...] = ()
    betas: tuple[float, ...] = ()
    clip: float = 0.0
    linear_before_reset: bool = False

    gates = 3
    activations_per_direction = 2

    @property
    def _gate_biases(self) -> tuple[Value | None, ...]:
        return (self.bias, self.recurrent_bias)

    def evaluate(
        self,
        x: Array,
        weight: Array,
        recurrence: Array,
        bias: Array | None,
        recurrent_bias: Array | None,
        lengths: Array | None,
        initial_h: Array | None,
    ) -> tuple[Array, ...]:
        x, weight, recurrence = widen(x), widen(weight), widen(recurrence)

        def make_step(d: int) -> _Step:
            f, g = self._functions(d)
            clipped = self._clipped
            b = 0 if bias is None else widen(bias[d])
            rb = np.zeros(weight.shape[1], x.dtype) if recurrent_bias is None else widen(recurrent_bias[d])
            (rz, rr, rh), (rbz, rbr, rbh) = np.split(recurrence[d], 3), np.split(rb, 3)

            def step(x_t: Array, h: Array) -> tuple[Array, ...]:
                z_in, r_in, n_in = np.split(x_t @ weight[d].T + b, 3, axis=1)
                z, r = f(clipped(z_in + h @ rz.T + rbz)), f(clipped(r_in + h @ rr.T + rbr))
                inner = r * (h @ rh.T + rbh) if self.linear_before_reset else (r * h) @ rh.T + rbh
                return ((1 - z) * g(clipped(n_in + inner)) + z * h,)

            return step

        return self._run(x, recurrence.shape[2], lengths, (_widened(initial_h),), make_step)


def _widened(state: Array | None) -> Array | None:
    return None if state is None else widen(state)


_EVALUATE: dict[RecurrentActivation, Callable[[Array, float, float], Array]] = {
    RecurrentActivation.SIGMOID: lambda x, alpha, beta: sigmoid(x),
    RecurrentActivation.TANH: lambda x, alpha, beta: np.tanh(x),
    RecurrentActivation.RELU: lambda x, alpha, beta: np.maximum(x, 0),
    RecurrentActivation.AFFINE: lambda x, alpha, beta: alpha * x + beta,
    RecurrentActivation.LEAKY_RELU: lambda x, alpha, beta: np.where(x < 0, alpha * x, x),
    RecurrentActivation.THRESHOLDED_RELU: lambda x, alpha, beta: np.where(x > alpha, x, 0),
    RecurrentActivation.SCALED_TANH: lambda x, alpha, beta: alpha * np.tanh(beta * x),
    RecurrentActivation.HARD_SIGMOID: lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1),
    RecurrentActivation.ELU: lambda x, alpha, beta: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x),
    RecurrentActivation.SOFTSIGN: lambda x, alpha, beta: x / (1 + np.abs(x)),
    RecurrentActivation.SOFTPLUS: lambda x, alpha, beta: np.logaddexp(x, 0),
}

__all__ = ["Gru", "Lstm", "Recurrent", "Rnn"]
