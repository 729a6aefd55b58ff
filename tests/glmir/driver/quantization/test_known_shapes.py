"""Figures that theory gives, of whole models in files: how large they are, and what one bad channel costs."""

from pathlib import Path

import numpy as np
import pytest

import glmir
from glmir import interpreter
from glmir.backends.target import TARGETS
from glmir.ir import Array, Module
from glmir.parser import parse_module
from glmir.types import TensorType
from tests.backends.workers import run_artifact
from tests.golden import random_weight

PERCEPTRON = """
func @main(%x: f32[n, 512]) -> (%y: f32[n, 512]) {
  %w0 = tensor.constant() {value = weight<w0>} : f32[1024, 512]
  %b0 = tensor.constant() {value = weight<b0>} : f32[1024]
  %h = nn.linear(%x, %w0, %b0) {activation = relu} : f32[n, 1024]
  %w1 = tensor.constant() {value = weight<w1>} : f32[512, 1024]
  %b1 = tensor.constant() {value = weight<b1>} : f32[512]
  %y = nn.linear(%h, %w1, %b1) : f32[n, 512]
  return %y
}
"""
CONVOLUTIONS = """
func @main(%x: f32[1, 64, 4, 4]) -> (%y: f32[1, 256, 2, 2]) {
  %w0 = tensor.constant() {value = weight<w0>} : f32[256, 64, 3, 3]
  %b0 = tensor.constant() {value = weight<b0>} : f32[256]
  %h = nn.conv(%x, %w0, %b0)
    {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], activation = relu} : f32[1, 256, 4, 4]
  %w1 = tensor.constant() {value = weight<w1>} : f32[256, 256, 3, 3]
  %b1 = tensor.constant() {value = weight<b1>} : f32[256]
  %y = nn.conv(%h, %w1, %b1)
    {strides = [2, 2], padding = [1, 1, 1, 1], dilations = [1, 1]} : f32[1, 256, 2, 2]
  return %y
}
"""
# The second convolution takes back what the first one makes of channel 3.
DEPTHWISE_PAIR = """
func @main(%x: f32[4, 8, 16, 16]) -> (%y: f32[4, 8, 16, 16]) {
  %w0 = tensor.constant() {value = weight<w0>} : f32[8, 1, 3, 3]
  %h = nn.conv(%x, %w0, none)
    {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], groups = 8, activation = relu} : f32[4, 8, 16, 16]
  %w1 = tensor.constant() {value = weight<w1>} : f32[8, 1, 3, 3]
  %y = nn.conv(%h, %w1, none)
    {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], groups = 8} : f32[4, 8, 16, 16]
  return %y
}
"""
NETWORKS = {"perceptron": PERCEPTRON, "convolutions": CONVOLUTIONS}
BAD_CHANNEL, FACTOR = 3, 100.0

BLOCKS_OF_MATRICES = frozenset({"tflite", "mnn"})
"""Targets that have blocks of 4 bits in matrices only: weights of convolutions have 8 there."""


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("target", TARGETS)
def test_sizes(target: str, network: str, tmp_path: Path) -> None:
    module = parse_module(NETWORKS[network], random_weight)

    def size(recipe: str | None) -> int:
        # What Core ML would store in halves is not what the others are held against.
        data = None if recipe is None else samples(module, 2)
        artifact = glmir.compile(module, target=target, precision="fp32", quantize=recipe, calibrate=data)
        path = artifact.save(tmp_path / f"{len(list(tmp_path.iterdir()))}{artifact.target.suffix}")
        return sum(p.stat().st_size for p in (path, *path.rglob("*")) if p.is_file())

    whole = size(None)
    assert 0.25 <= size("int8") / whole <= 0.28
    assert 0.25 <= size("int8-weights") / whole <= 0.28
    # 4 bits and a scale of a half for 64 of them: 0.133 at best.
    low, high = (0.25, 0.28) if network == "convolutions" and target in BLOCKS_OF_MATRICES else (0.13, 0.16)
    assert low <= size("int4-weights{block=64}") / whole <= high


@pytest.mark.parametrize("target", TARGETS)
def test_equalization_wins_back_what_a_bad_channel_costs(target: str) -> None:
    good, bad = depthwise_pair(1.0), depthwise_pair(FACTOR)
    lost = sqnr(bad, target, "int8{per-channel=false, equalize=false}")
    won = sqnr(bad, target, "int8{per-channel=false}")
    assert lost < 10
    assert won > lost + 20
    assert won > sqnr(good, target, "int8{per-channel=false}") - 3


def depthwise_pair(factor: float) -> Module:
    """Channel BAD_CHANNEL is ``factor`` times as large between the layers, and comes out as it was."""

    def weight(name: str, type_: TensorType) -> Array:
        array = random_weight(name, type_).copy()
        array[BAD_CHANNEL] *= factor if name == "w0" else 1 / factor
        return array

    return parse_module(DEPTHWISE_PAIR, weight)


def sqnr(module: Module, target: str, recipe: str) -> float:
    """Of the artifact in its runtime, in dB, on inputs other than those it was calibrated on."""
    artifact = glmir.compile(module, target=target, precision="fp32", quantize=recipe, calibrate=samples(module, 4))
    (inputs,) = samples(module, 1, seed=1)
    expected = interpreter.run(module, inputs)["y"].astype(np.float64)
    error = run_artifact(artifact, inputs)["y"] - expected
    return float(10 * np.log10(np.square(expected).sum() / np.square(error).sum()))


def samples(module: Module, count: int, seed: int = 0) -> list[dict[str, Array]]:
    generator = np.random.default_rng(seed)
    shape = [size if isinstance(size, int) else 4 for size in module.main.inputs[0].type.shape]
    return [{"x": generator.standard_normal(shape).astype(np.float32)} for _ in range(count)]
