"""Factors of channels that move by what calibration saw: out of activations, and out of what floats take."""

from collections.abc import Mapping

import numpy as np
import pytest

from glmir.interpreter import bind_inputs, execute
from glmir.ir import Array, Module
from glmir.ops import math, nn
from glmir.parser import parse_module
from glmir.passes.quantization.correct_biases import correct_biases, correctable
from glmir.passes.quantization.equalize_outputs import equalize_outputs, output_candidates
from glmir.passes.quantization.insert_quantization import insert_pairs
from glmir.passes.quantization.layer_channels import output_axis
from glmir.passes.quantization.plan import StaticOptions, make_plan, name_values
from glmir.passes.quantization.smooth_activations import smooth_activations, smoothable
from glmir.passes.quantization.statistics import ChannelStatistics
from glmir.types import TensorType
from glmir.verifier import verify
from tests.golden import random_weight

from .networks import Arrays, network, ranges_of, sqnr

FEED_FORWARD = """
func @main(%x: f32[n, 6, 16]) -> (%y: f32[n, 6, 16]) {
  %g = tensor.constant() {value = weight<g>} : f32[16]
  %norm = nn.layer_norm(%x, %g, none) {axis = 2, epsilon = 1e-05} : f32[n, 6, 16]
  %w0 = tensor.constant() {value = weight<w0>} : f32[32, 16]
  %b0 = tensor.constant() {value = weight<b0>} : f32[32]
  %wide = nn.linear(%norm, %w0, %b0) : f32[n, 6, 32]
  %gelu = nn.gelu(%wide) : f32[n, 6, 32]
  %w1 = tensor.constant() {value = weight<w1>} : f32[16, 32]
  %narrow = nn.linear(%gelu, %w1, none) : f32[n, 6, 16]
  %sum = math.add(%narrow, %x) : f32[n, 6, 16]
  %y = nn.softsign(%sum) : f32[n, 6, 16]
  return %y
}
"""
INPUTS: Arrays = {"x": np.random.default_rng(5).standard_normal((5, 6, 16)).astype(np.float32)}


def with_factors(**factors: Array) -> Module:
    """The network with constants multiplied by arrays that broadcast to them."""

    def weights(name: str, type_: TensorType) -> Array:
        return np.asarray(random_weight(name, type_) * factors.get(name, 1.0), np.float32)

    module = parse_module(FEED_FORWARD, weights)
    name_values(module)
    return module


def only(index: int, size: int, factor: float) -> Array:
    """Ones, and a factor in one place."""
    return np.where(np.arange(size) == index, factor, 1.0)


def channels_of(module: Module, axes: Mapping[str, int], inputs: Arrays = INPUTS) -> dict[str, ChannelStatistics]:
    environment: dict[str, int] = {}
    arrays = bind_inputs(module.main, inputs, environment)
    named = {value.name: array for value, array in arrays.items()}
    for op, results in execute(module.main, arrays, environment, module.functions):
        arrays.update(zip(op.results, results, strict=True))
        named.update((value.name, array) for value, array in zip(op.results, results, strict=True))
    return {name: ChannelStatistics.of(named[name], axis) for name, axis in axes.items()}


def quantized_sqnr(module: Module, **options: bool) -> float:
    quantized = module.clone()
    insert_pairs(quantized, StaticOptions(ranges_of(module, INPUTS), **options))  # type: ignore[arg-type]
    return sqnr(module, quantized, INPUTS)


def outputs_equalized(module: Module) -> tuple[Module, list[str]]:
    copy = module.clone()
    plan = make_plan(copy.main, StaticOptions(ranges_of(copy, INPUTS)))
    axes = {op.results[0].name: output_axis(op) for op in output_candidates(plan)}
    made = equalize_outputs(copy, plan, channels_of(copy, axes))
    name_values(copy)
    verify(copy)
    return copy, made


def test_sums_that_only_floats_use_stay_float() -> None:
    module = network(FEED_FORWARD)
    plan = make_plan(module.main, StaticOptions(ranges_of(module, INPUTS)))
    assert [op.results[0].name for op in plan.integer] == ["wide", "gelu", "narrow"]


def test_results_for_floats_get_ranges_of_their_own() -> None:
    module = with_factors(w1=only(2, 16, 100.0)[:, None])
    equalized, made = outputs_equalized(module)
    assert made == ["narrow.equalized"]
    assert sqnr(module, equalized, INPUTS) > 110
    assert quantized_sqnr(equalized) > quantized_sqnr(module) + 6


def test_even_results_stay_as_they_are() -> None:
    module = network(FEED_FORWARD)
    equalized, made = outputs_equalized(module)
    assert made == [] and equalized == module


def smoothed(module: Module, strength: float | None) -> tuple[Module, list[str]]:
    copy = module.clone()
    changed = smooth_activations(copy, channels_of(copy, smoothable(copy)), strength)
    name_values(copy)
    verify(copy)
    return copy, changed


@pytest.mark.parametrize("strength", [None, 0.3, 0.5, 1.0])
def test_outliers_of_norms_move_into_weights(strength: float | None) -> None:
    # What the norm makes fifty times larger its layer takes back.
    module = with_factors(g=only(3, 16, 50.0), w0=1 / only(3, 16, 50.0))
    smooth, changed = smoothed(module, strength)
    assert changed == ["norm"]
    assert sqnr(module, smooth, INPUTS) > 110
    if strength != 1.0:
        assert quantized_sqnr(smooth) > quantized_sqnr(module) + 3


def test_smooth_activations_are_left_alone() -> None:
    module = with_factors(g=only(3, 16, 50.0), w0=1 / only(3, 16, 50.0))
    assert smoothed(smoothed(module, None)[0], None)[1] == []


def test_activations_that_do_not_commute_are_no_regions() -> None:
    assert list(smoothable(network(FEED_FORWARD))) == ["norm"]


def test_biases_take_back_what_weights_add() -> None:
    module = network()
    inputs: Arrays = {"x": np.abs(np.random.default_rng(1).standard_normal((6, 4, 8, 8))).astype(np.float32)}
    options = StaticOptions(ranges_of(module, inputs), is_per_channel=False)
    quantized, corrected = module.clone(), module.clone()
    insert_pairs(quantized, options)
    axes = correctable(make_plan(module.main, options))
    assert correct_biases(corrected, quantized, channels_of(module, axes, inputs))
    verify(corrected)
    fixed = corrected.clone()
    insert_pairs(fixed, options)

    def shift(found: Module) -> float:
        """How far the means of the last layer's channels are from float's."""
        from glmir import interpreter

        copies = [module.clone(), found.clone()]
        for copy in copies:
            logits = next(op for op in copy.main.ops if isinstance(op, nn.Linear))
            copy.main.set_outputs([logits.result], ["logits"])
        exact, rounded = (interpreter.run(copy, inputs)["logits"].mean(axis=0) for copy in copies)
        return float(np.abs(exact - rounded).max())

    assert shift(fixed) < shift(quantized)


def test_correcting_changes_biases_only() -> None:
    module = network()
    kinds = [type(op) for op in module.main.ops]
    options = StaticOptions(ranges_of(module, {"x": np.ones((1, 4, 8, 8), np.float32)}), is_per_channel=False)
    quantized = module.clone()
    insert_pairs(quantized, options)
    statistics = {
        op.x.name: ChannelStatistics(1, np.zeros(n), np.ones(n), np.ones(n), 1)
        for op in module.main.ops
        if isinstance(op, nn.Conv) and isinstance(n := op.x.type.shape[1], int)
    }
    assert correct_biases(module, quantized, statistics)
    assert [type(op) for op in module.main.ops] == kinds
    assert not any(isinstance(op, math.Mul) for op in module.main.ops)
