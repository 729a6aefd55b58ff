"""Pruned networks on every target: with channels removed, and with weights of zeros mostly stored as such."""

import tempfile
from pathlib import Path

import pytest

import glmir
from glmir import interpreter
from glmir.backends.target import TARGETS
from glmir.ir import Array, Module
from glmir.ops.enums import Layout
from glmir.parser import parse_module
from glmir.pass_manager import PassManager, parse_pipeline
from glmir.passes import BY_NAME
from tests.golden import random_inputs, random_weight
from tests.passes.compression.random_networks import random_network
from tests.tolerances import assert_close

from .workers import run_artifact

POINT = "strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]"
NETWORK = f"""
func @main(%x: f32[1, 3, 12, 12]) -> (%y: f32[1, 10]) {{
  %w0 = tensor.constant() {{value = weight<w0>}} : f32[32, 3, 3, 3]
  %w1 = tensor.constant() {{value = weight<w1>}} : f32[64, 32, 1, 1]
  %w2 = tensor.constant() {{value = weight<w2>}} : f32[64, 1, 3, 3]
  %w3 = tensor.constant() {{value = weight<w3>}} : f32[24, 16, 3, 3]
  %w4 = tensor.constant() {{value = weight<w4>}} : f32[24, 32, 3, 3]
  %w5 = tensor.constant() {{value = weight<w5>}} : f32[40, 32]
  %w6 = tensor.constant() {{value = weight<w6>}} : f32[10, 40]
  %b = tensor.constant() {{value = weight<b>}} : f32[64]
  %a = nn.conv(%x, %w0, none) {{strides = [2, 2], padding = [1, 1, 1, 1], dilations = [1, 1], activation = relu}} \
: f32[1, 32, 6, 6]
  %c = nn.conv(%a, %w1, %b) {{{POINT}, activation = relu6}} : f32[1, 64, 6, 6]
  %d = nn.conv(%c, %w2, none) {{strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], groups = 64}} \
: f32[1, 64, 6, 6]
  %p, %q = tensor.split(%d) {{axis = 1, sizes = [32, 32]}} : f32[1, 32, 6, 6], f32[1, 32, 6, 6]
  %e = nn.conv(%p, %w3, none) {{{POINT}, groups = 2}} : f32[1, 24, 4, 4]
  %f = nn.conv_transpose(%e, %w4, none) {{{POINT}, output_padding = [0, 0]}} : f32[1, 32, 6, 6]
  %g = math.add(%f, %q) : f32[1, 32, 6, 6]
  %h = math.reduce_mean(%g) {{axes = [2, 3]}} : f32[1, 32]
  %i = nn.linear(%h, %w5, none) {{activation = relu}} : f32[1, 40]
  %y = nn.linear(%i, %w6, none) : f32[1, 10]
  return %y
}}
"""
"""Weights of all kinds of layers, in groups and not."""


def network(pipeline: str) -> Module:
    module = parse_module(NETWORK, random_weight)
    PassManager(parse_pipeline(pipeline, BY_NAME)).run(module)
    return module


def check(module: Module, inputs: dict[str, Array], target: str) -> int:
    """Fails unless the target's runtime computes what the interpreter does; returns the bytes of the artifact."""
    artifact = glmir.compile(module, target=target, precision="fp32")
    actual, expected = run_artifact(artifact, inputs), interpreter.run(module, inputs)
    for name, array in expected.items():
        assert_close(actual[name], array, "model", name)
    with tempfile.TemporaryDirectory() as folder:
        saved = artifact.save(Path(folder) / "model")
        return sum(p.stat().st_size for p in (saved, *saved.rglob("*")) if p.is_file())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(6))
def test_networks_without_some_of_their_channels(target: str, seed: int) -> None:
    module, inputs = random_network(seed, 6, Layout.NCHW)
    assert BY_NAME["prune-channels"](module, amount=0.5)
    check(module, inputs, target)


@pytest.mark.parametrize("target", TARGETS)
def test_a_network_of_half_the_channels_is_smaller(target: str) -> None:
    whole, pruned = network(""), network("prune-channels{amount=0.5}")
    inputs = random_inputs(whole.main)
    assert check(pruned, inputs, target) < 0.6 * check(whole, inputs, target)


SPARSE_RATIO = {"tflite": 0.65, "coreml": 0.5, "mnn": 0.9, "onnx": 1.1}
"""How many of the bytes are left at most of a small network of which nine weights of ten are zero. ONNX has no form for
them; MNN has none for layers of several groups and transposed ones."""


@pytest.mark.parametrize("target", TARGETS)
def test_sparse_weights(target: str) -> None:
    pruning = "prune-weights{amount=0.9,scope=layer}"
    whole, pruned = network(pruning), network(f"{pruning},store-sparse")
    inputs = random_inputs(whole.main)
    assert check(pruned, inputs, target) < SPARSE_RATIO[target] * check(whole, inputs, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("amount", [0.4, 0.7, 1.0])
def test_weights_of_any_sparsity(target: str, amount: float) -> None:
    module = network(f"prune-weights{{amount={amount},scope=layer}},store-sparse")
    check(module, random_inputs(module.main), target)
