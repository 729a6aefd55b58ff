"""Recurrent layers and loops in LiteRT, held against the interpreter."""

import pytest

from glmir.parser import parse_module
from tests.backends.tflite.harness import check
from tests.recurrent_layers import DIRECTIONS, LAYERS, OPTIONS, inputs_of, layer


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("kind", "present"), LAYERS)
@pytest.mark.parametrize(("time", "batch"), [("t", "b"), (12, "b"), ("t", 2), (12, 2), (5, "b"), (1, 1)])
def test_layers(kind: str, present: str, direction: str, time: object, batch: object) -> None:
    module = parse_module(layer(kind, present, direction, time=time, batch=batch))
    check(module, inputs_of(module, time=13, batch=3), "f32-sums")


@pytest.mark.parametrize(("kind", "extra"), OPTIONS)
def test_options(kind: str, extra: str) -> None:
    module = parse_module(layer(kind, "bias", extra=extra))
    check(module, inputs_of(module), "f32-sums")


@pytest.mark.parametrize("dtype", ["f16", "f64"])
def test_other_floats(dtype: str) -> None:
    module = parse_module(layer("gru", "bias initial_h").replace("f32", dtype))
    inputs = {name: array.astype(module.main.inputs[0].type.dtype.numpy) for name, array in inputs_of(module).items()}
    check(module, inputs, "f16" if dtype == "f16" else "f32-sums")
