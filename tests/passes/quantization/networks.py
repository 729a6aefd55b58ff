"""Small networks as text, the ranges of their values on random inputs, and how close a quantized one comes."""

import numpy as np

from glmir import interpreter
from glmir.interpreter import bind_inputs, execute
from glmir.ir import Array, Module
from glmir.parser import parse_module
from glmir.passes.quantization.parameters import Range
from glmir.passes.quantization.plan import name_values
from tests.golden import random_weight

Arrays = dict[str, Array]

RESIDUAL = """
func @main(%x: f32[n, 4, 8, 8]) -> (%y: f32[n, 5]) {
  %w0 = tensor.constant() {value = weight<w0>} : f32[8, 4, 3, 3]
  %b0 = tensor.constant() {value = weight<b0>} : f32[8]
  %stem = nn.conv(%x, %w0, %b0)
    {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], activation = relu} : f32[n, 8, 8, 8]
  %w1 = tensor.constant() {value = weight<w1>} : f32[8, 1, 3, 3]
  %b1 = tensor.constant() {value = weight<b1>} : f32[8]
  %depthwise = nn.conv(%stem, %w1, %b1)
    {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], groups = 8} : f32[n, 8, 8, 8]
  %sum = math.add(%stem, %depthwise) {activation = relu} : f32[n, 8, 8, 8]
  %pool = nn.max_pool(%sum)
    {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[n, 8, 4, 4]
  %joined = tensor.concat([%pool, %pool]) {axis = 1} : f32[n, 16, 4, 4]
  %mean = math.reduce_mean(%joined) {axes = [2, 3]} : f32[n, 16]
  %w2 = tensor.constant() {value = weight<w2>} : f32[5, 16]
  %b2 = tensor.constant() {value = weight<b2>} : f32[5]
  %logits = nn.linear(%mean, %w2, %b2) : f32[n, 5]
  %y = nn.softmax(%logits) {axis = 1} : f32[n, 5]
  return %y
}
"""


def network(text: str = RESIDUAL) -> Module:
    """The network with random weights, which depend on their names, all of its values named."""
    module = parse_module(text, random_weight)
    name_values(module)
    return module


def ranges_of(module: Module, inputs: Arrays) -> dict[str, Range]:
    """The least and greatest number of each float value on these inputs."""
    found: dict[str, Range] = {}
    environment: dict[str, int] = {}
    arrays = bind_inputs(module.main, inputs, environment)

    def note(name: str, array: Array) -> None:
        if array.dtype == np.float32:
            found[name] = Range(float(array.min()), float(array.max()))

    for value, array in arrays.items():
        note(value.name, array)
    for op, results in execute(module.main, arrays, environment, module.functions):
        for value, array in zip(op.results, results, strict=True):
            note(value.name, np.asarray(array))
        arrays.update(zip(op.results, results, strict=True))
    return found


def sqnr(module: Module, quantized: Module, inputs: Arrays) -> float:
    """How far the quantized module's outputs are from the module's, in dB; the worst output counts."""
    exact, rounded = interpreter.run(module, inputs), interpreter.run(quantized, inputs)
    worst = np.inf
    for name, array in exact.items():
        signal = np.sum(array.astype(np.float64) ** 2)
        noise = np.sum((array.astype(np.float64) - rounded[name].astype(np.float64)) ** 2)
        worst = min(worst, float(10 * np.log10(signal / noise)) if noise else np.inf)
    return float(worst)
