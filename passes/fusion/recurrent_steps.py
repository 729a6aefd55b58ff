"""One step of an LSTM, a GRU or a plain recurrent cell, as exporters unroll it."""

from dataclasses import dataclass

import numpy as np

from ...ir import Array, Op, Value
from ...ops import math, nn, tensor
from ...ops.enums import Activation, RecurrentActivation
from ..patterns import either_order, is_number
from .affine_gates import AffineSum, affine
from .rules.matching import is_zero


@dataclass(frozen=True)
class Step:
    """``gates`` in the order of the layer; ``memory`` is the new cell state of an LSTM, ``old_memory`` that before.

    ``inner`` is the part of a GRU's last gate that the state alone makes, which its reset gate is multiplied with.
    ``old`` is the state that the new one is mixed with; zeros are none.
    """

    kind: type[nn.Recurrent]
    state: Value
    gates: tuple[AffineSum, ...]
    old: Value | None = None
    memory: Value | None = None
    old_memory: Value | None = None
    inner: AffineSum | None = None
    activation: RecurrentActivation = RecurrentActivation.TANH
    """Of a plain cell."""

    @property
    def operands(self) -> tuple[Value, ...]:
        """What the gates are computed of."""
        sums = (*self.gates, *(() if self.inner is None else (self.inner,)))
        return tuple(dict.fromkeys(x for gate in sums for x in gate.parts))

    def matrix(self, x: Value | None) -> Array:
        """What x is multiplied with in the gates that it takes part in: [gates * H, columns of x]."""
        matrices = [gate.parts[x] for gate in self.gates if x is not None and x in gate.parts]
        return np.concatenate(matrices) if matrices else np.zeros((0, 0))

    @property
    def bias(self) -> Array:
        return np.concatenate([gate.bias for gate in self.gates])


def recurrent_step(op: Op) -> Step | None:
    """The step whose new state ``op`` computes, if it does."""
    match op:
        case math.Mul(activation=Activation.NONE):
            return _lstm_step(op)
        case math.Add(activation=Activation.NONE):
            return _gru_step(op)
        case math.Tanh():
            return _plain_step(op, RecurrentActivation.TANH)
        case nn.Relu():
            return _plain_step(op, RecurrentActivation.RELU)
    return None


def _gates(state: Value, *values: Value) -> tuple[AffineSum, ...] | None:
    """What the gates are, each for every element of the state: none is repeated for several samples."""
    found = [affine(v) for v in values if v.type == state.type]
    known = tuple(f for f in found if f is not None)
    return known if len(known) == len(values) else None


def _sigmoid_and(value: Value) -> tuple[Value, Value] | None:
    """x and y when ``value`` is sigmoid(x) * y."""
    match value.owner:
        case math.Mul(activation=Activation.NONE) as product:
            for gate, other in either_order(product):
                match gate.owner:
                    case nn.Sigmoid(x=x):
                        return x, other
    return None


def _plain_step(op: math.Tanh | nn.Relu, activation: RecurrentActivation) -> Step | None:
    """f(a) for an affine a"""
    gates = _gates(op.result, op.x)
    return None if gates is None else Step(nn.Rnn, op.result, gates, activation=activation)


def _lstm_step(op: math.Mul) -> Step | None:
    """sigmoid(o) * tanh(c), c = sigmoid(f) * old + sigmoid(i) * tanh(g)"""
    output = _sigmoid_and(op.result)
    if output is None or not isinstance(output[1].owner, math.Tanh):
        return None
    memory = output[1].owner.x
    match memory.owner:
        case math.Add(activation=Activation.NONE) as sum_:
            for kept, added in either_order(sum_):
                forget, entering = _sigmoid_and(kept), _sigmoid_and(added)
                if forget is None or entering is None or not isinstance(entering[1].owner, math.Tanh):
                    continue
                gates = _gates(op.result, entering[0], output[0], forget[0], entering[1].owner.x)
                old = forget[1]
                begins = _is_zero_state(old)
                if gates is None or (old.type != memory.type and not begins):
                    continue
                return Step(nn.Lstm, op.result, gates, memory=memory, old_memory=None if begins else old)
    return None


def _gru_step(op: math.Add) -> Step | None:
    """(1 - sigmoid(z)) * n + sigmoid(z) * old, n = tanh(a + sigmoid(r) * b), or (old - n) * sigmoid(z) + n

    Of a state of zeros, old - n may be left as -n.
    """
    for kept, new in either_order(op):
        update = _sigmoid_and(kept)
        if update is None:
            continue
        candidate, old = _candidate(new, update[0]), update[1]
        begins = _is_zero_state(old)
        match old.owner:
            case math.Sub(x=before, y=subtracted, activation=Activation.NONE) if subtracted is new:
                candidate, old, begins = new, before, _is_zero_state(before)
            case math.Neg(x=negated) if negated is new:
                candidate, begins = new, True
        match candidate:
            case Value(owner=math.Tanh(x=Value(owner=math.Add(activation=Activation.NONE) as sum_))):
                pass
            case _:
                continue
        for entering, gated in either_order(sum_):
            reset = _sigmoid_and(gated)
            gates = None if reset is None else _gates(op.result, update[0], reset[0], entering)
            inner = None if reset is None else affine(reset[1])
            if gates is not None and inner is not None and (begins or old.type == op.result.type):
                return Step(nn.Gru, op.result, gates, old=None if begins else old, inner=inner)
    return None


def _is_zero_state(value: Value) -> bool:
    """Whether it is zeros, of a size that is known or not."""
    return is_zero(value.owner.x if isinstance(value.owner, tensor.Expand) else value)


def _candidate(value: Value, update: Value) -> Value | None:
    """n when ``value`` is (1 - sigmoid(update)) * n."""
    match value.owner:
        case math.Mul(activation=Activation.NONE) as product:
            for rest, n in either_order(product):
                match rest.owner:
                    case math.Sub(x=one, y=Value(owner=nn.Sigmoid(x=x)), activation=Activation.NONE):
                        if x is update and is_number(one, 1):
                            return n
    return None
