"""Recurrent layers of the executor, held against onnxruntime."""

import numpy as np
import pytest

from tests.backends.coreml.executor.onnx_reference import onnx_outputs
from tests.backends.coreml.executor.programs import Array, Input, check

RNG = np.random.default_rng(3)
S, B, D, H = 5, 2, 3, 4
X = RNG.standard_normal((S, B, D)).astype(np.float32)


def sample(*shape: int) -> Array:
    return (RNG.standard_normal(shape) * 0.5).astype(np.float32)


def gates(weights: Array, order: list[int]) -> Array:
    """The blocks of H rows in another order."""
    return np.concatenate([weights[i * H : (i + 1) * H] for i in order])


IFOZ_OF_IOFC, ROZ_OF_ZRH, IFO_OF_IOF = [0, 2, 1, 3], [1, 2, 0], [0, 2, 1]


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("peepholes", [False, True])
def test_lstm(direction: str, peepholes: bool) -> None:
    w, r, b, h, c = sample(1, 4 * H, D), sample(1, 4 * H, H), sample(1, 8 * H), sample(1, B, H), sample(1, B, H)
    p = sample(1, 3 * H)
    inputs = {"x": X, "w": w, "r": r, "b": b, "_lengths": X, "h": h, "c": c, **({"p": p} if peepholes else {})}
    y, y_h, y_c = onnx_outputs("LSTM", inputs, outputs=3, hidden_size=H, direction=direction)
    sequence = y[:, 0] if direction == "forward" else y[::-1, 0]
    check(
        "lstm", np.ascontiguousarray(sequence), y_h[0], y_c[0], x=Input(X), initial_h=Input(h[0]),
        initial_c=Input(c[0]), weight_ih=gates(w[0], IFOZ_OF_IOFC), weight_hh=gates(r[0], IFOZ_OF_IOFC),
        bias=gates(b[0, : 4 * H] + b[0, 4 * H :], IFOZ_OF_IOFC), direction=direction, output_sequence=True,
        recurrent_activation="sigmoid", cell_activation="tanh", activation="tanh", opset="CoreML5",
        **({"peephole": gates(p[0], IFO_OF_IOF)} if peepholes else {}),
    )  # fmt: skip


def test_bidirectional_lstm_without_its_sequence() -> None:
    w, r, b, h, c = sample(2, 4 * H, D), sample(2, 4 * H, H), sample(2, 8 * H), sample(2, B, H), sample(2, B, H)
    inputs = {"x": X, "w": w, "r": r, "b": b, "_lengths": X, "h": h, "c": c}
    y, y_h, y_c = onnx_outputs("LSTM", inputs, outputs=3, hidden_size=H, direction="bidirectional")
    bias = b[:, : 4 * H] + b[:, 4 * H :]
    both_h, both_c = np.concatenate(list(y_h), 1), np.concatenate(list(y_c), 1)
    for output_sequence in (False, True):
        sequence = y.transpose(0, 2, 1, 3).reshape(S, B, 2 * H) if output_sequence else both_h[None]
        check(
            "lstm", sequence, both_h, both_c, x=Input(X), initial_h=np.concatenate(list(h), 1),
            initial_c=np.concatenate(list(c), 1), weight_ih=gates(w[0], IFOZ_OF_IOFC),
            weight_hh=gates(r[0], IFOZ_OF_IOFC), bias=gates(bias[0], IFOZ_OF_IOFC),
            weight_ih_back=gates(w[1], IFOZ_OF_IOFC), weight_hh_back=gates(r[1], IFOZ_OF_IOFC),
            bias_back=gates(bias[1], IFOZ_OF_IOFC), direction="bidirectional", output_sequence=output_sequence,
            recurrent_activation="sigmoid", cell_activation="tanh", activation="tanh",
        )  # fmt: skip


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("reset_after", [False, True])
def test_gru(direction: str, reset_after: bool) -> None:
    w, r, b, h = sample(1, 3 * H, D), sample(1, 3 * H, H), sample(1, 6 * H), sample(1, B, H)
    inputs = {"x": X, "w": w, "r": r, "b": b, "_lengths": X, "h": h}
    y, y_h = onnx_outputs(
        "GRU", inputs, outputs=2, hidden_size=H, direction=direction, linear_before_reset=int(reset_after)
    )
    sequence = np.ascontiguousarray(y[:, 0] if direction == "forward" else y[::-1, 0])
    biases = gates(b[0, : 3 * H], ROZ_OF_ZRH), gates(b[0, 3 * H :], ROZ_OF_ZRH)
    after = {"bias": biases[1], "input_bias": biases[0], "reset_after": True, "opset": "CoreML8"}
    check(
        "gru", sequence, y_h[0], x=Input(X), initial_h=Input(h[0]), weight_ih=gates(w[0], ROZ_OF_ZRH),
        weight_hh=gates(r[0], ROZ_OF_ZRH), direction=direction, output_sequence=True,
        recurrent_activation="sigmoid", activation="tanh", **(after if reset_after else {"bias": sum(biases)}),
    )  # fmt: skip


def test_rnn() -> None:
    w, r, b, h = sample(1, H, D), sample(1, H, H), sample(1, 2 * H), sample(1, B, H)
    inputs = {"x": X, "w": w, "r": r, "b": b, "_lengths": X, "h": h}
    _, y_h = onnx_outputs("RNN", inputs, outputs=2, hidden_size=H, activations=["Relu"])
    check(
        "rnn", y_h, y_h[0], x=Input(X), initial_h=Input(h[0]), weight_ih=w[0], weight_hh=r[0],
        bias=b[0, :H] + b[0, H:], direction="forward", output_sequence=False, activation="relu",
    )  # fmt: skip
