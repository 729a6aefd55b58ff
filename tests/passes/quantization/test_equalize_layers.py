"""Cross-layer equalisation: what one bad channel costs, and what is won back."""

import numpy as np
import pytest

from glmir import interpreter
from glmir.ir import Module
from glmir.ops import nn
from glmir.passes.patterns import constant_array
from glmir.passes.quantization.equalize_layers import equalize_layers
from glmir.passes.quantization.insert_quantization import insert_pairs
from glmir.passes.quantization.layer_channels import grouped, input_magnitudes, output_magnitudes
from glmir.passes.quantization.plan import StaticOptions, name_values
from glmir.verifier import verify

from .networks import Arrays, network, ranges_of, sqnr

PAIR = """
func @main(%x: f32[n, 8, 8, 8]) -> (%y: f32[n, 8, 8, 8]) {
  %w0 = tensor.constant() {value = weight<w0>} : f32[8, 1, 3, 3]
  %b0 = tensor.constant() {value = weight<b0>} : f32[8]
  %between = nn.conv(%x, %w0, %b0)
    {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1], groups = 8, activation = relu} : f32[n, 8, 8, 8]
  %w1 = tensor.constant() {value = weight<w1>} : f32[8, 8, 1, 1]
  %y = nn.conv(%between, %w1, none)
    {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[n, 8, 8, 8]
  return %y
}
"""
INPUTS: Arrays = {"x": np.random.default_rng(3).standard_normal((4, 8, 8, 8)).astype(np.float32)}


def pair_with_a_bad_channel(factor: float) -> Module:
    """The first layer makes one channel ``factor`` times larger, and the second takes that back."""
    from glmir.passes.quantization.layer_channels import scale_inputs, scale_outputs

    module = network(PAIR)
    first, second = (op for op in module.main.ops if isinstance(op, nn.Conv))
    factors = np.ones(8)
    factors[3] = factor
    scale_outputs(first, factors)
    scale_inputs(second, 1 / factors)
    return module


def quantized_sqnr(module: Module, is_per_channel: bool) -> float:
    quantized = module.clone()
    insert_pairs(quantized, StaticOptions(ranges_of(module, INPUTS), is_per_channel=is_per_channel))
    return sqnr(module, quantized, INPUTS)


def equalized(module: Module) -> Module:
    copy = module.clone()
    assert equalize_layers(copy)
    verify(copy)
    name_values(copy)
    return copy


def test_equalisation_wins_back_what_a_bad_channel_costs() -> None:
    good, bad = network(PAIR), pair_with_a_bad_channel(100)
    lost = quantized_sqnr(bad, is_per_channel=False)
    won = quantized_sqnr(equalized(bad), is_per_channel=False)
    assert lost < 8
    assert won > lost + 20
    assert won > quantized_sqnr(good, is_per_channel=False) - 3


@pytest.mark.parametrize("factor", [1.0, 100.0, 1e-3])
def test_computes_the_same(factor: float) -> None:
    module = pair_with_a_bad_channel(factor)
    assert sqnr(module, equalized(module), INPUTS) > 120


def test_channels_weigh_the_same_on_both_sides() -> None:
    module = equalized(pair_with_a_bad_channel(100))
    first, second = (op for op in module.main.ops if isinstance(op, nn.Conv))
    made = output_magnitudes(grouped(first, np.asarray(constant_array(first.weight))))
    taken = input_magnitudes(grouped(second, np.asarray(constant_array(second.weight))))
    np.testing.assert_allclose(made, taken, rtol=0.02)


def test_dead_channels_stay_as_they_are() -> None:
    module = network(PAIR)
    first = next(op for op in module.main.ops if isinstance(op, nn.Conv))
    from glmir.passes.quantization.layer_channels import scale_outputs

    factors = np.ones(8)
    factors[[1, 5]] = 0
    scale_outputs(first, factors)
    after = equalized(module)
    weights = [constant_array(op.weight) for op in after.main.ops if isinstance(op, nn.Conv)]
    assert all(weight is not None and np.isfinite(weight).all() for weight in weights)
    exact, found = interpreter.run(module, INPUTS)["y"], interpreter.run(after, INPUTS)["y"]
    np.testing.assert_allclose(found, exact, atol=1e-4)
