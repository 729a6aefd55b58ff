"""Attention on every target: one op where there is one, elsewhere in the form that costs least."""

import numpy as np
import pytest

import glmir
from glmir import interpreter
from glmir.backends.target import TARGETS
from glmir.parser import parse_module
from tests.tolerances import assert_close

PACKED = """
func @main(%x: f32[1, 5, 8]) -> (%y: f32[1, 5, 8]) {
  %half = tensor.constant() {value = dense<0.5>} : f32[]
  %w = tensor.constant() {value = weight<w>} : f32[24, 8]
  %p = nn.linear(%x, %w, none) : f32[1, 5, 24]
  %h = tensor.reshape(%p, none) {shape = [1, 5, 3, 2, 4]} : f32[1, 5, 3, 2, 4]
  %r = tensor.transpose(%h) {permutation = [2, 0, 3, 1, 4]} : f32[3, 1, 2, 5, 4]
  %q1, %k1, %v1 = tensor.split(%r) {axis = 0, sizes = [1, 1, 1]} : f32[1, 1, 2, 5, 4], f32[1, 1, 2, 5, 4], \
f32[1, 1, 2, 5, 4]
  %q = tensor.reshape(%q1, none) {shape = [1, 2, 5, 4]} : f32[1, 2, 5, 4]
  %k = tensor.reshape(%k1, none) {shape = [1, 2, 5, 4]} : f32[1, 2, 5, 4]
  %v = tensor.reshape(%v1, none) {shape = [1, 2, 5, 4]} : f32[1, 2, 5, 4]
  %t = tensor.transpose(%k) {permutation = [0, 1, 3, 2]} : f32[1, 2, 4, 5]
  %a = math.mat_mul(%q, %t) : f32[1, 2, 5, 5]
  %c = math.mul(%a, %half) : f32[1, 2, 5, 5]
  %s = nn.softmax(%c) {axis = 3} : f32[1, 2, 5, 5]
  %o = math.mat_mul(%s, %v) : f32[1, 2, 5, 4]
  %o1 = tensor.transpose(%o) {permutation = [0, 2, 1, 3]} : f32[1, 5, 2, 4]
  %y = tensor.reshape(%o1, none) {shape = [1, 5, 8]} : f32[1, 5, 8]
  return %y
}
"""


@pytest.mark.parametrize("target", TARGETS)
def test_scale_is_in_the_weights_or_in_the_op(target: str) -> None:
    weight = np.random.default_rng(0).standard_normal((24, 8)).astype(np.float32)
    module = parse_module(PACKED, {"w": weight})
    x = {"x": np.random.default_rng(1).standard_normal((1, 5, 8)).astype(np.float32)}
    expected = interpreter.run(module, x)["y"]
    compiled = glmir.compile(module, target=target, precision="fp32").module
    assert_close(interpreter.run(compiled, x)["y"], expected, "f32-sums")
    names = [op.definition.name for op in compiled.main.ops]
    assert "math.mul" not in names
    assert ("nn.attention" in names) is (target == "onnx")
