"""equalize-layers: factors move between layers until the channels between them weigh alike (cross-layer equalisation).

Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.1: for
y = w2 f(w1 x) with f(s z) = s f(z), channel c of w1 is divided, and that of w2 multiplied, by sqrt(r1_c r2_c) / r2_c,
where r1_c and r2_c are the ranges of its weights in both. What is computed stays the same.

For weights with one scale each: with a scale per output channel there is nothing left to win on the one side, and on
the other the rows become less even.
"""

from dataclasses import dataclass

import numpy as np

from ...ir import Function, Module
from ...pass_manager import module_pass
from ..patterns import constant_array
from .layer_channels import (
    Layer,
    Vector,
    grouped,
    input_magnitudes,
    is_scalable,
    output_axis,
    output_magnitudes,
    scale_inputs,
    scale_outputs,
)
from .scaling_regions import Region, commutes_inside, region_of

ITERATIONS = 30
"""Factors travel along a chain of depthwise layers one layer at a time."""

NEGLIGIBLE = 0.01
"""Logarithms of factors that are not worth a change."""

LARGEST_FACTOR = 1e4
"""Channels that are all but dead would have boundless factors, which only blow up what their bias makes."""


@module_pass()
def equalize_layers(module: Module) -> bool:
    """Moves factors between layers so that the channels between them have weights of one magnitude."""
    changed = [_equalize(function) for function in module.functions.values()]
    return any(changed)


@dataclass(frozen=True)
class _Link:
    """A layer, and the layers that alone take what it computes."""

    source: Layer
    region: Region


def _equalize(function: Function) -> bool:
    links = [link for op in function.ops if (link := _link(op)) is not None]
    if not links:
        return False
    weights = {layer: _weight(layer) for link in links for layer in (link.source, *link.region.layers)}
    # What each layer's outputs and inputs were multiplied with in the end.
    outputs = {layer: np.ones(output_magnitudes(w).size) for layer, w in weights.items()}
    inputs = {layer: np.ones(input_magnitudes(w).size) for layer, w in weights.items()}
    for _ in range(ITERATIONS):
        largest = 0.0
        for link in links:
            factors = _factors(link, weights)
            largest = max(largest, float(np.abs(np.log(factors)).max(initial=0.0)))
            outputs[link.source] /= factors
            weights[link.source] = weights[link.source] / _along_outputs(weights[link.source], factors)
            for layer in link.region.layers:
                inputs[layer] *= factors
                weights[layer] = weights[layer] * _along_inputs(weights[layer], factors)
        if largest < NEGLIGIBLE / 4:
            break
    changed = [_apply(layer, outputs[layer], inputs[layer]) for layer in weights]
    return any(changed)


def _link(op: object) -> _Link | None:
    if not isinstance(op, Layer) or not is_scalable(op) or not commutes_inside(op):
        return None
    region = region_of(op.results[0], output_axis(op))
    # A layer behind itself cannot be; but one layer may take the same value over two ways.
    if region is None or len(set(region.layers)) != len(region.layers):
        return None
    return _Link(op, region)


def _weight(layer: Layer) -> Vector:
    array = constant_array(layer.weight)
    assert array is not None
    return grouped(layer, array).astype(np.float64)


def _factors(link: _Link, weights: dict[Layer, Vector]) -> Vector:
    """What the source's channels are divided by; 1 where one side has no weights."""
    made = output_magnitudes(weights[link.source])
    taken = np.max([input_magnitudes(weights[layer]) for layer in link.region.layers], axis=0)
    is_alive = (made > 0) & (taken > 0)
    ratio = np.divide(made, taken, out=np.ones_like(made), where=is_alive)
    return np.asarray(np.clip(np.sqrt(ratio), 1 / LARGEST_FACTOR, LARGEST_FACTOR))


def _along_outputs(weight: Vector, factors: Vector) -> Vector:
    return factors.reshape(weight.shape[0], weight.shape[1], 1, 1)


def _along_inputs(weight: Vector, factors: Vector) -> Vector:
    return factors.reshape(weight.shape[0], 1, weight.shape[2], 1)


def _apply(layer: Layer, outputs: Vector, inputs: Vector) -> bool:
    changed = [bool(np.abs(np.log(factors)).max(initial=0.0) > NEGLIGIBLE) for factors in (outputs, inputs)]
    if changed[0]:
        scale_outputs(layer, outputs)
    if changed[1]:
        scale_inputs(layer, inputs)
    return any(changed)
