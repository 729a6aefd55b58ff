"""Recurrent layers."""

from typing import Any

import numpy as np
import pytest

from tests.glmir.frontends.onnx.harness import OneNode, check, floats, op_names, reasons_of

TIME, BATCH, INPUT, HIDDEN = 5, 3, 4, 2
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {"RNN": 1, "GRU": 2, "LSTM": 3}
LENGTHS = np.array([3, 5, 1], np.int32)
OPTIONAL = {"B": 3, "lengths": 4, "h": 5, "c": 6, "P": 7}


def operands(op: str, directions: int = 1, with_: str = "", dtype: Any = np.float32) -> list[Any]:
    """x, W, R and those optional operands that ``with_`` names: B, lengths, h, c, P."""
    gates = GATES[op]
    made = [
        floats(TIME, BATCH, INPUT, dtype=dtype),
        floats(directions, gates * HIDDEN, INPUT, seed=1, dtype=dtype),
        floats(directions, gates * HIDDEN, HIDDEN, seed=2, dtype=dtype),
        floats(directions, 2 * gates * HIDDEN, seed=3, dtype=dtype),
        LENGTHS,
        floats(directions, BATCH, HIDDEN, seed=4, dtype=dtype),
        *([floats(directions, BATCH, HIDDEN, seed=5, dtype=dtype)] if op == "LSTM" else []),
        *([floats(directions, 3 * HIDDEN, seed=6, dtype=dtype)] if op == "LSTM" else []),
    ]
    wanted = {OPTIONAL[name] for name in with_.split()}
    found = [array if i < 3 or i in wanted else None for i, array in enumerate(made)]
    while found[-1] is None:
        found.pop()
    return found


def check_layer(op: str, *inputs: Any, outputs: Any = None, **attributes: Any) -> Any:
    outputs = outputs or ["y", "h", "c"][: 3 if op == "LSTM" else 2]
    return check(op, *inputs, outputs=outputs, hidden_size=HIDDEN, tolerance="f32-sums", **attributes)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("with_", ["", "B", "B lengths", "B lengths h", "h"])
@pytest.mark.parametrize("opset", [7, 14, 22])
def test_operands(op: str, direction: str, with_: str, opset: int) -> None:
    inputs = operands(op, 2 if direction == "bidirectional" else 1, with_)
    check_layer(op, *inputs, direction=direction, opset=opset, constants=[1, 2])


@pytest.mark.parametrize("with_", ["c", "P", "h c", "B lengths h c P"])
@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
def test_cell_state_and_peephole(with_: str, direction: str) -> None:
    inputs = operands("LSTM", 2 if direction == "bidirectional" else 1, with_)
    check_layer("LSTM", *inputs, direction=direction)


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_linear_before_reset(direction: str) -> None:
    inputs = operands("GRU", 2 if direction == "bidirectional" else 1, "B lengths h")
    check_layer("GRU", *inputs, direction=direction, linear_before_reset=1)


def test_input_forget() -> None:
    check_layer("LSTM", *operands("LSTM", 1, "B"), input_forget=1)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("clip", [0.1, 0.5, 100.0])
def test_clip(op: str, clip: float) -> None:
    check_layer(op, *operands(op, 1, "B h"), clip=clip)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize(
    ("name", "alphas", "betas"),
    [
        ("Relu", [], []), ("Softsign", [], []),
        ("Affine", [0.7], [0.2]), ("LeakyRelu", [0.3], []), ("ThresholdedRelu", [0.4], []),
        ("ScaledTanh", [0.9], [0.6]), ("HardSigmoid", [0.3], [0.4]), ("Elu", [0.8], []),
        ("LeakyRelu", [], []), ("HardSigmoid", [], []), ("Elu", [], []),
        ("Affine", [], []), ("ScaledTanh", [], []), ("ThresholdedRelu", [], []),
    ],
)  # fmt: skip
def test_activations(op: str, name: str, alphas: list[float], betas: list[float]) -> None:
    count = ACTIVATIONS[op]
    attributes: dict[str, Any] = {"activations": [name] * count}
    if alphas:
        attributes["activation_alpha"] = alphas * count
    if betas:
        attributes["activation_beta"] = betas * count
    check_layer(op, *operands(op, 1, "B"), **attributes)


@pytest.mark.parametrize("op", ["RNN", "GRU"])
def test_softplus(op: str) -> None:
    """That of onnxruntime overflows in an LSTM."""
    check_layer(op, *operands(op, 1, "B"), activations=["Softplus"] * ACTIVATIONS[op])


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_activations_are_named_in_any_case(op: str) -> None:
    check_layer(op, *operands(op, 1, "B"), activations=["SIGMOID", "tanh", "tanH"][: ACTIVATIONS[op]])


@pytest.mark.parametrize("op", GATES)
def test_samples_of_no_length(op: str) -> None:
    inputs = operands(op, 1, "B lengths h c" if op == "LSTM" else "B lengths h")
    inputs[4] = np.array([0, 3, TIME], np.int32)
    check_layer(op, *inputs)


def test_parameters_go_to_those_activations_that_take_them() -> None:
    activations = ["Sigmoid", "LeakyRelu", "HardSigmoid", "HardSigmoid", "Tanh", "Elu"]
    check_layer(
        "LSTM", *operands("LSTM", 2, "B"), direction="bidirectional", activations=activations,
        activation_alpha=[0.3, 0.25, 0.3, 0.7], activation_beta=[0.4, 0.6],
    )  # fmt: skip


@pytest.mark.parametrize("op", GATES)
def test_batch_major(op: str) -> None:
    """onnxruntime has no such kernels."""
    x, weight, recurrence, bias, lengths, *states = operands(op, 1, "B h")
    swapped = [x.swapaxes(0, 1), weight, recurrence, bias, lengths, *(s.swapaxes(0, 1) for s in states)]
    module = check_layer(op, *swapped, layout=1, oracle="onnx")
    assert [v.type.shape for v in module.main.outputs][:2] == [(BATCH, TIME, 1, HIDDEN), (BATCH, 1, HIDDEN)]


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("names_batch", [True, False])
def test_symbolic_sizes(op: str, names_batch: bool) -> None:
    """An initial state of a known batch says what that of x is."""
    dims: dict[int, tuple[Any, ...]] = {0: ("t", "b", INPUT)}
    if names_batch:
        dims |= {4: ("b",), 5: (1, "b", HIDDEN)}
    module = check_layer(op, *operands(op, 1, "B lengths h"), dims=dims, constants=[1, 2, 3])
    assert str(module.main.outputs[0].type) == ("f32[t, 1, b, 2]" if names_batch else "f32[t, 1, 3, 2]")


@pytest.mark.parametrize("outputs", [["y"], ["", "h"], ["", "", "c"], ["y", "", "c"]])
def test_optional_outputs(outputs: list[str]) -> None:
    module = check_layer("LSTM", *operands("LSTM"), outputs=outputs)
    assert op_names(module) == ["nn.lstm"]


def test_what_is_refused() -> None:
    def reasons(**attributes: Any) -> list[str]:
        return reasons_of(OneNode("LSTM", operands("LSTM"), {"hidden_size": HIDDEN, **attributes}))

    assert reasons(direction="up") == ["node node (LSTM): there is no direction up"]
    assert reasons(activations=["Sine", "Tanh", "Tanh"]) == ["node node (LSTM): there is no activation Sine"]
    (reason,) = reasons(activations=["Tanh"])
    assert "every direction has all its activations" in reason
