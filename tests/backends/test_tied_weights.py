"""A table that is also the weight of the last layer is stored once."""

import numpy as np
import pytest

import glmir
from glmir.interpreter import run
from glmir.ir import Module
from glmir.parser import parse_module
from tests.tolerances import assert_close

WORDS, WIDTH = 1024, 64


def model() -> Module:
    table = np.random.default_rng(0).standard_normal((WORDS, WIDTH)).astype(np.float32)
    weights = {"table": table, "transposed": np.ascontiguousarray(table.T)}
    return parse_module(
        f"""
        func @main(%i: i32[2, 3]) -> (%y: f32[2, 3, {WORDS}]) {{
          %t = tensor.constant() {{value = weight<table>}} : f32[{WORDS}, {WIDTH}]
          %x = tensor.gather(%t, %i) {{axis = 0}} : f32[2, 3, {WIDTH}]
          %h = nn.gelu(%x) {{form = erf}} : f32[2, 3, {WIDTH}]
          %w = tensor.constant() {{value = weight<transposed>}} : f32[{WIDTH}, {WORDS}]
          %y = math.mat_mul(%h, %w) : f32[2, 3, {WORDS}]
          return %y
        }}
        """,
        lambda name, type_: weights[name],
    )


@pytest.mark.parametrize("target", ["onnx", "tflite"])
def test_tied_weights_are_stored_once(target: str) -> None:
    artifact = glmir.compile(model(), target=target)
    assert len(artifact.to_bytes()) < 1.1 * 4 * WORDS * WIDTH
    inputs = {"i": np.array([[0, 5, 1023], [7, 7, 9]], np.int32)}
    assert_close(artifact.run(inputs)["y"], run(model(), inputs)["y"], "model")
