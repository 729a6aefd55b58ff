"""Recurrent layers and loops in LiteRT, held against the interpreter."""

import pytest

from glmir.parser import parse_module
from tests.backends.tflite.harness import check
from tests.passes.lowering.test_recurrent import GATES, inputs_of, layer


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("kind", "present"),
    [
        ("rnn", "bias"), ("rnn", "bias lengths initial_h"),
        ("gru", "bias recurrent_bias"), ("gru", "recurrent_bias lengths initial_h"),
        ("lstm", ""), ("lstm", "bias lengths initial_h initial_c peephole"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("time", "batch"), [("t", "b"), (12, "b"), ("t", 2), (12, 2), (5, "b"), (1, 1)])
def test_layers(kind: str, present: str, direction: str, time: object, batch: object) -> None:
    module = parse_module(layer(kind, present, direction, time=time, batch=batch))
    check(module, inputs_of(module, time=13, batch=3), "f32-sums")


@pytest.mark.parametrize("kind", GATES)
def test_options(kind: str) -> None:
    for extra in (", clip = 0.3", ", linear_before_reset = true", ", input_forget = true"):
        if ("input" in extra and kind != "lstm") or ("reset" in extra and kind != "gru"):
            continue
        module = parse_module(layer(kind, "bias", extra=extra))
        check(module, inputs_of(module), "f32-sums")


@pytest.mark.parametrize("dtype", ["f16", "f64"])
def test_other_floats(dtype: str) -> None:
    module = parse_module(layer("gru", "bias initial_h").replace("f32", dtype))
    inputs = {name: array.astype(module.main.inputs[0].type.dtype.numpy) for name, array in inputs_of(module).items()}
    check(module, inputs, "f16" if dtype == "f16" else "f32-sums")
