"""Quantize and dequantize on every target, held against the interpreter to the last bit."""

import numpy as np
import pytest

import glmir
from glmir import interpreter
from glmir.backends.target import TARGETS
from glmir.parser import parse_module
from glmir.types import DType
from tests.tolerances import assert_close

from .building import sample
from .workers import at_border, run_artifact

TEXT = """
func @main(%x: f32[n, 3], %stored: u8[n, 3], %s: f32[]) -> \
(%a: i8[n, 3], %b: f32[n, 3], %c: f32[n, 3], %d: i16[n, 3], %e: f32[n, 3], %f: f32[n, 4]) {
  %scale = tensor.constant() {value = dense<[0.1, 0.02, 3.0]>} : f32[3]
  %zero = tensor.constant() {value = dense<[3, -5, 0]>} : i8[3]
  %a = quant.quantize(%x, %scale, %zero) {axis = 1} : i8[n, 3]
  %b = quant.dequantize(%a, %scale, %zero) {axis = 1} : f32[n, 3]
  %middle = tensor.constant() {value = dense<128>} : u8[]
  %c = quant.dequantize(%stored, %s, %middle) : f32[n, 3]
  %d = quant.quantize(%x, %s, none) {storage = i16} : i16[n, 3]
  %u = quant.quantize(%x, %s, %middle) {storage = u8} : u8[n, 3]
  %e = quant.dequantize(%u, %s, %middle) : f32[n, 3]
  %w = tensor.constant() {value = dense<[[1, 2, 3, 4], [-8, 7, 0, 1], [5, 6, 7, -7]]>} : i4[3, 4]
  %scales = tensor.constant() {value = dense<[[0.5, 0.25], [0.125, 1.0], [2.0, 0.1]]>} : f32[3, 2]
  %weight = quant.dequantize(%w, %scales, none) {axis = 1, block = 2} : f32[3, 4]
  %f = math.mat_mul(%x, %weight) : f32[n, 4]
  return %a, %b, %c, %d, %e, %f
}"""


@pytest.mark.parametrize("target", TARGETS)
def test_pairs(target: str) -> None:
    module = parse_module(TEXT)
    x = sample(DType.F32, (50, 3))
    # Halves, and numbers far outside.
    x[0], x[1], x[2] = [0.25, 0.07, 4.5], [-0.35, 0.05, -7.5], [1e6, -1e6, 1e6]
    inputs = {"x": x, "stored": sample(DType.U8, (50, 3), 0, 255), "s": np.float32(0.037)}
    expected = interpreter.run(module, {n: np.asarray(a) for n, a in inputs.items()})
    for level in (0, 2):
        artifact = glmir.compile(module, target=target, opt_level=level, precision="fp32")
        actual = run_artifact(artifact, {n: np.asarray(a) for n, a in inputs.items()})
        for name, array in expected.items():
            tolerance = "f32-sums" if name == "f" else "exact"
            assert_close(actual[name], at_border(artifact.target, array), tolerance, f"{name} at -O{level}")
