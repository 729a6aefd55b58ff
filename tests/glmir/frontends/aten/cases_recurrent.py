"""Cases of recurrent.py and packed_sequences.py."""

from collections.abc import Sequence
from typing import Any

from .cases import A, Case, Operations, T, program


def _weights(gates: int, size: int, hidden: int, layers: int, directions: int, biases: bool, proj: int = 0) -> list[T]:
    found: list[T] = []
    for layer in range(layers):
        for _ in range(directions):
            into = size if layer == 0 else directions * (proj or hidden)
            shapes: list[tuple[int, ...]] = [(gates * hidden, into), (gates * hidden, proj or hidden)]
            shapes += [(gates * hidden,)] * 2 if biases else []
            shapes += [(proj, hidden)] if proj else []
            found += [T(*s, low=-1, high=1, constant=True) for s in shapes]
    return found


def _layers(name: str, gates: int, states: int) -> list[Case]:
    cases = []
    for layers, directions, batch_first, biases in (
        (1, 1, False, True),
        (2, 1, True, True),
        (1, 2, False, False),
        (2, 2, True, True),
    ):
        x = T("b=2", 4, 3) if batch_first else T("t=4", 2, 3)
        initial = T(layers * directions, "b=2" if batch_first else 2, 2)
        hx: Any = [initial] * 2 if states == 2 else initial
        params = _weights(gates, 3, 2, layers, directions, biases)
        cases.append(Case(name, x, hx, params, biases, layers, 0.0, False, directions == 2, batch_first))
    return cases


def _packed(name: str, lengths: Sequence[int], gates: int, states: int, constant: bool, total: int = -1) -> Case:
    def body(ops: Operations, x: Any, counts: Any, hx: Any, params: Any) -> Any:
        data, sizes = ops._pack_padded_sequence(x, counts, True)
        y, *finals = ops[name](data, sizes, hx, params, True, 1, 0.0, False, True)
        padded, found = ops._pad_packed_sequence(y, sizes, True, 0.5, total)
        return padded, found, finals, sizes, data, y

    state = T(2, len(lengths), 2)
    args = T(len(lengths), 5, 3), A(lengths, "i64", constant), [state] * 2 if states == 2 else state
    return program(f"{name} packed, {total}", body, *args, _weights(gates, 3, 2, 1, 2, True))


def _repacked(ops: Operations, x: Any, counts: Any) -> Any:
    data, sizes = ops._pack_padded_sequence(x, counts, False)
    return ops._pad_packed_sequence(data, sizes, False, -1.0, 0), ops.mul(data, 2)


def _lstm_of_zeros(ops: Operations, x: Any, h: Any, c: Any, params: Any) -> Any:
    return ops.lstm(x, [h, c], params, True, 1, 0.0, False, False, False)


CASES = [
    *_layers("lstm", 4, 2),
    *_layers("gru", 3, 1),
    *_layers("rnn_tanh", 1, 1),
    *_layers("rnn_relu", 1, 1),
    *(
        Case(
            "lstm",
            T(4, 2, 3),
            [T(2 * directions, 2, 2), T(2 * directions, 2, 5)],
            _weights(4, 3, 5, 2, directions, True, 2),
            True,
            2,
            0.0,
            False,
            directions == 2,
            False,
        )
        for directions in (1, 2)
    ),
    program(
        "initial states that are zeros",
        _lstm_of_zeros,
        T("t=4", 2, 3),
        A([[[0.0] * 2] * 2], "f32", True),
        A([[[0.0] * 2] * 2], "f32", True),
        _weights(4, 3, 2, 1, 1, True),
    ),
    program(
        "projected, initial states that are zeros",
        _lstm_of_zeros,
        T("t=4", 2, 3),
        A([[[0.0] * 2] * 2], "f32", True),
        A([[[0.0] * 3] * 2], "f32", True),
        _weights(4, 3, 3, 1, 1, True, 2),
    ),
    Case("lstm", T(4, 2, 3), [T(1, 2, 2)] * 2, _weights(4, 3, 2, 1, 1, True), True, 1, 0.5, True, False, False).refused(
        "at random"
    ),
    *(
        _packed(name, lengths, gates, states, constant, total)
        for name, gates, states in (("lstm", 4, 2), ("gru", 3, 1), ("rnn_tanh", 1, 1))
        for lengths, constant, total in (
            ([5, 3, 1], False, -1),
            ([4, 2, 2], True, -1),
            ([4, 2, 2], False, 5),
            ([4, 2, 2], False, 7),
            ([3, 3, 2], True, 3),
        )
    ),
    program("packed and unpacked", _repacked, T(4, 3, 2), A([4, 2, 1], "i64")),
    program("packed and unpacked, constant", _repacked, T(4, 3, 2), A([3, 2, 1], "i64", True)),
    *(
        Case("lstm_cell", T("b=2", 3), [T("b=2", 4)] * 2, *weights)
        for weights in (_weights(4, 3, 4, 1, 1, True), _weights(4, 3, 4, 1, 1, False))
    ),
    *(
        Case(name, T(2, 3), T(2, 4), *_weights(gates, 3, 4, 1, 1, biases))
        for name, gates in (("gru_cell", 3), ("rnn_tanh_cell", 1), ("rnn_relu_cell", 1))
        for biases in (True, False)
    ),
]
