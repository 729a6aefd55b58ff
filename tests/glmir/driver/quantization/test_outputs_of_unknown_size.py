"""Outputs whose sizes only the data tells, as detectors have: rounding changes how many elements there are."""

from pathlib import Path

import numpy as np

import glmir
from glmir.driver.compilation import Options
from glmir.driver.quantization.comparison import comparable_outputs
from glmir.driver.quantization.request import parse_compression
from glmir.driver.quantized_verification import verify_quantized
from glmir.parser import parse_module

TEXT = """
func @main(%x: f32[n, 4]) -> (%kept: f32[found], %scores: f32[n, 3]) {
  %w = tensor.constant() {value = dense<[[1, -2, 0.5, 1.0], [0.3, 1.0, -1, 2.0], [-1.0, 0.1, 0.7, 0]]>} : f32[3, 4]
  %scores = nn.linear(%x, %w, none) : f32[n, 3]
  %large = nn.relu(%scores) : f32[n, 3]
  %at = tensor.non_zero(%large) {count = found} : i64[2, found]
  %places = tensor.transpose(%at) {permutation = [1, 0]} : i64[found, 2]
  %kept = tensor.gather_nd(%scores, %places) : f32[found]
  return %kept, %scores
}"""


def test_outputs_whose_sizes_the_inputs_tell_are_compared() -> None:
    assert comparable_outputs(parse_module(TEXT).main) == ["scores"]


def test_they_are_quantized_and_verified(tmp_path: Path) -> None:
    source = tmp_path / "model.glir"
    source.write_text(TEXT)
    samples = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    artifact = glmir.compile(source, target="tflite", quantize="auto", min_sqnr=35, calibrate={"x": samples})
    assert artifact.record is not None
    options = Options(compression=parse_compression("auto", {"x": samples}, None, None, None, ()))
    written = artifact.save(tmp_path / "model.tflite")
    noises = verify_quantized(written, artifact.target, source, options, artifact.record)
    assert [noise.name for noise in noises] == ["scores"]
