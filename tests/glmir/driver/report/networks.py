"""Networks with known faults, as texts of the IR, and reports on them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glmir.driver.compilation import Artifact, compile
from glmir.driver.report.building import Compiled, build_report
from glmir.driver.report.facts import Report
from glmir.ir import Module
from glmir.parser import parse_module

Array = np.ndarray[Any, Any]

CHANNELS = 8

TWO_CONVOLUTIONS = """
func @main(%x: f32[n, 8, 6, 6]) -> (%y: f32[n, 8, 6, 6]) {
  %w1 = tensor.constant() {value = weight<w1>} : f32[8, 8, 1, 1]
  %w2 = tensor.constant() {value = weight<w2>} : f32[8, 8, 1, 1]
  %first = nn.conv(%x, %w1, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[n, 8, 6, 6] loc("conv1")
  %middle = nn.relu(%first) : f32[n, 8, 6, 6] loc("relu1")
  %y = nn.conv(%middle, %w2, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[n, 8, 6, 6] loc("conv2")
  return %y
}
"""  # noqa: E501


def two_convolutions(gains: Array | None = None) -> Module:
    """conv1, relu1, conv2 on f32[n, 8, 6, 6]; ``gains`` multiply the output channels of the first weight."""
    generator = np.random.default_rng(0)
    first = generator.standard_normal((CHANNELS, CHANNELS, 1, 1)).astype(np.float32)
    second = generator.standard_normal((CHANNELS, CHANNELS, 1, 1)).astype(np.float32)
    if gains is not None:
        first *= gains.reshape(-1, 1, 1, 1).astype(np.float32)
        second /= gains.reshape(1, -1, 1, 1).astype(np.float32)
    return parse_module(TWO_CONVOLUTIONS, {"w1": first, "w2": second})


def images(count: int = 16) -> Array:
    """Samples for it."""
    return np.random.default_rng(1).standard_normal((count, CHANNELS, 6, 6)).astype(np.float32)


def report_of(
    module: Module, data: Array | Mapping[str, Array] | None, recipe: str, folder: Path, *targets: str
) -> tuple[Report, list[Artifact]]:
    """The full report on a module that was quantized, and the artifacts."""
    artifacts = []
    for target in targets or ("tflite",):
        artifact = compile(module, target=target, quantize=recipe, calibrate=data)
        artifacts.append((artifact.save(folder / f"model{artifact.target.suffix}"), artifact))
    record = artifacts[0][1].record
    assert record is not None
    compiled = Compiled(Path("model.glir"), record.quantized, artifacts, record)
    return build_report(compiled, True, lambda text: None), [artifact for _, artifact in artifacts]
