"""Interval arithmetic: no element of any value lies outside, and what layers and norms compute is bounded."""

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from glmir.interpreter import bind_inputs, execute
from glmir.ir import Array, Module
from glmir.parser import parse_module
from glmir.passes.precision.limits import FunctionLimits, limits
from tests.random_graphs import modules


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(modules())
def test_no_element_lies_outside(case: tuple[Module, dict[str, Array]]) -> None:
    module, inputs = case
    found = FunctionLimits(module.main)
    environment: dict[str, int] = {}
    arrays = bind_inputs(module.main, inputs, environment)
    for op, results in execute(module.main, arrays, environment):
        arrays.update(zip(op.results, results, strict=True))
        for value, array in zip(op.results, results, strict=True):
            if not array.size or value.type.quantization is not None:
                continue
            wide = array.astype(np.float64)
            for low, high in (found.of(value), limits(value)):
                slack = 1e-5 * max(abs(wide).max(), 1.0)
                assert low - slack <= wide.min() and wide.max() <= high + slack, (op, low, high)


BOUNDED = """
    func @main(%x: f32[2, 3, 4, 4]) -> (%y: {result}) {{
      %0 = nn.sigmoid(%x) : f32[2, 3, 4, 4]
      {ops}
      return %y
    }}"""

CASES = {
    # Weights of 2 and -1 over 3 x 3 taps of three channels, of numbers from 0 to 1; then a bias of 5.
    "conv": (
        "f32[2, 2, 4, 4]",
        """%w = tensor.constant() {value = weight<w>} : f32[2, 3, 3, 3]
        %b = tensor.constant() {value = dense<[5.0, 5.0]>} : f32[2]
        %y = nn.conv(%0, %w, %b) {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1]} : f32[2, 2, 4, 4]""",
        {"w": np.stack([np.full((3, 3, 3), 2.0), np.full((3, 3, 3), -1.0)])},
        (5.0 - 27, 5.0 + 54),
    ),
    "linear": (
        "f32[2, 3, 4, 2]",
        """%w = tensor.constant() {value = weight<w>} : f32[2, 4]
        %y = nn.linear(%0, %w, none) {activation = relu} : f32[2, 3, 4, 2]""",
        {"w": np.array([[1, 1, 1, -1], [-1, -1, -1, -1]])},
        (0.0, 3.0),
    ),
    "conv_transpose": (
        "f32[2, 2, 5, 5]",
        """%w = tensor.constant() {value = weight<w>} : f32[3, 2, 2, 2]
        %y = nn.conv_transpose(%0, %w, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1],
            output_padding = [0, 0]} : f32[2, 2, 5, 5]""",
        {"w": np.ones((3, 2, 2, 2))},
        (-12.0, 12.0),
    ),
    "mat_mul": (
        "f32[2, 3, 4, 4]",
        "%y = math.mat_mul(%0, %0) : f32[2, 3, 4, 4]",
        {},
        (0.0, 4.0),
    ),
    "layer_norm": (
        "f32[2, 3, 4, 4]",
        """%s = tensor.constant() {value = dense<[1.0, 2.0, 1.0, -3.0]>} : f32[4]
        %b = tensor.constant() {value = dense<[0.0, 1.0, 0.0, 0.0]>} : f32[4]
        %y = nn.layer_norm(%x, %s, %b) {axis = 3, epsilon = 1e-05} : f32[2, 3, 4, 4]""",
        {},
        (-6.0, 7.0),
    ),
    "instance_norm": (
        "f32[2, 3, 4, 4]",
        """%s = tensor.constant() {value = dense<[1.0, 2.0, 1.0]>} : f32[3]
        %b = tensor.constant() {value = dense<[0.0, 0.0, 0.0]>} : f32[3]
        %y = nn.instance_norm(%x, %s, %b) {epsilon = 1e-05} : f32[2, 3, 4, 4]""",
        {},
        (-2 * sqrt(16), 2 * sqrt(16)),
    ),
    "gelu": ("f32[2, 3, 4, 4]", "%y = nn.gelu(%0) : f32[2, 3, 4, 4]", {}, (0.0, 1.0)),
    "unknown": ("f32[2, 3, 4, 4]", "%y = math.add(%0, %x) : f32[2, 3, 4, 4]", {}, (-inf, inf)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_limits_of_layers_and_norms(name: str) -> None:
    result, ops, weights, expected = CASES[name]
    text = BOUNDED.format(result=result, ops=ops)
    module = parse_module(text, {k: v.astype(np.float32) for k, v in weights.items()})
    assert FunctionLimits(module.main).of(module.main.outputs[0]) == pytest.approx(expected)


def test_a_chain_of_any_length_keeps_its_limits() -> None:
    ops = [f"%{i + 1} = math.mul(%{i}, %half) : f32[4]" for i in range(60)]
    module = parse_module(f"""
        func @main(%x: f32[4]) -> (%y: f32[4]) {{
          %half = tensor.constant() {{value = dense<0.5>}} : f32[]
          %0 = math.tanh(%x) : f32[4]
          {chr(10).join(ops)}
          %y = math.exp(%60) : f32[4]
          return %y
        }}""")
    assert FunctionLimits(module.main).magnitude(module.main.outputs[0]) == pytest.approx(1.0)
