"""The arena that is computed from a file against the one that LiteRT allocates for it."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from glmir.backends.tflite.arena import arena_size
from glmir.driver.compilation import compile
from glmir.parser import parse_module
from tests.golden import random_weight

BRANCHES = """
func @main(%x: f32[1, 3, 32, 32]) -> (%y: f32[1, 10], %mask: f32[1, 16, 32, 32]) {
  %w = tensor.constant() {value = weight<w>} : f32[16, 3, 3, 3]
  %v = tensor.constant() {value = weight<v>} : f32[16, 3, 1, 1]
  %u = tensor.constant() {value = weight<u>} : f32[10, 32, 8, 8]
  %a = nn.conv(%x, %w, none) {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1]} : f32[1, 16, 32, 32]
  %b = nn.conv(%x, %v, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 16, 32, 32]
  %mask = nn.sigmoid(%b) : f32[1, 16, 32, 32]
  %c = tensor.concat([%a, %mask]) {axis = 1} : f32[1, 32, 32, 32]
  %d = nn.conv(%c, %u, none) {strides = [8, 8], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 10, 4, 4]
  %e = math.reduce_mean(%d) {axes = [2, 3]} : f32[1, 10]
  %y = nn.softmax(%e) {axis = 1} : f32[1, 10]
  return %y, %mask
}
"""

DECODER = """
func @main(%x: f32[1, 8, 16, 16]) -> (%y: f32[1, 4, 32, 32]) {
  %w = tensor.constant() {value = weight<w>} : f32[8, 4, 2, 2]
  %v = tensor.constant() {value = weight<v>} : f32[4, 4, 3, 3]
  %up = nn.conv_transpose(%x, %w, none) {strides = [2, 2], padding = [0, 0, 0, 0], output_padding = [0, 0], dilations = [1, 1]} : f32[1, 4, 32, 32]
  %smooth = nn.conv(%up, %v, none) {strides = [1, 1], padding = [2, 2, 2, 2], dilations = [2, 2]} : f32[1, 4, 32, 32]
  %gelu = nn.gelu(%smooth) : f32[1, 4, 32, 32]
  %sum = math.add(%gelu, %up) : f32[1, 4, 32, 32]
  %y = math.mul(%sum, %smooth) : f32[1, 4, 32, 32]
  return %y
}
"""  # noqa: E501

ATTENTION = """
func @main(%x: f32[1, 32, 64]) -> (%y: f32[1, 32, 64]) {
  %w = tensor.constant() {value = weight<w>} : f32[64, 64]
  %v = tensor.constant() {value = weight<v>} : f32[64, 64]
  %q = math.mat_mul(%x, %w) : f32[1, 32, 64]
  %k = math.mat_mul(%x, %v) : f32[1, 32, 64]
  %qh = tensor.reshape(%q, none) {shape = [1, 32, 4, 16]} : f32[1, 32, 4, 16]
  %kh = tensor.reshape(%k, none) {shape = [1, 32, 4, 16]} : f32[1, 32, 4, 16]
  %qt = tensor.transpose(%qh) {permutation = [0, 2, 1, 3]} : f32[1, 4, 32, 16]
  %kt = tensor.transpose(%kh) {permutation = [0, 2, 3, 1]} : f32[1, 4, 16, 32]
  %scores = math.mat_mul(%qt, %kt) : f32[1, 4, 32, 32]
  %weights = nn.softmax(%scores) {axis = 3} : f32[1, 4, 32, 32]
  %mixed = math.mat_mul(%weights, %qt) : f32[1, 4, 32, 16]
  %back = tensor.transpose(%mixed) {permutation = [0, 2, 1, 3]} : f32[1, 32, 4, 16]
  %flat = tensor.reshape(%back, none) {shape = [1, 32, 64]} : f32[1, 32, 64]
  %y = math.add(%x, %flat) : f32[1, 32, 64]
  return %y
}
"""

MODELS = [
    (BRANCHES, None),
    (BRANCHES, "int8"),
    (BRANCHES, "int8-dynamic"),
    (DECODER, None),
    (DECODER, "int8-weights"),
    (ATTENTION, None),
    (ATTENTION, "int8-dynamic"),
]

ALLOCATOR = 200
"""Bytes that the C library may add to a small block."""


def test_the_arena_is_what_the_runtime_allocates(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.tflite" for i in range(len(MODELS))]
    for path, (text, recipe) in zip(paths, MODELS, strict=True):
        module = parse_module(text, random_weight)
        shape = [d for d in module.main.inputs[0].shape if isinstance(d, int)]
        data = np.random.default_rng(0).standard_normal((4, *shape[1:])).astype(np.float32)
        compile(module, quantize=recipe, calibrate=data if recipe == "int8" else None).save(path)
    for path, allocated in zip(paths, _allocated(paths), strict=True):
        planned = arena_size(path)
        assert planned is not None
        # One malloc chunk that is mapped is rounded up to a page.
        assert allocated - ALLOCATOR - 0.05 * planned <= planned <= allocated, path


def test_sizes_of_run_time_have_no_arena(tmp_path: Path) -> None:
    module = parse_module(
        "func @main(%x: f32[n, 4]) -> (%y: f32[n, 4]) {\n  %y = math.exp(%x) : f32[n, 4]\n  return %y\n}"
    )
    assert arena_size(compile(module).to_bytes()) is None


def _allocated(paths: list[Path]) -> list[int]:
    """What LiteRT allocates for each, in a process that no other test has used."""
    script = Path(__file__).with_name("arena_measurement.py")
    done = subprocess.run(
        [sys.executable, str(script)], input="\n".join(map(str, paths)), capture_output=True, text=True, check=True
    )
    return [int(line) for line in done.stdout.split()]
