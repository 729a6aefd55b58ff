"""SmoothQuant: factors move from activations of large range into the weights of the layers that take them.

Xiao et al. 2022, "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models": channel c
of an activation is divided, and the weights of the layers behind it are multiplied, by
s_c = max|x_c|^alpha / max|w_c|^(1 - alpha). What makes the activation takes the division: a layer in its weights, a
norm in its scale, a product with a constant in that. Where nothing can take it, the activation stays as it is.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from ...ir import Array, Module, Op, Value
from ...opdef import replace
from ...ops import math, nn
from ...ops.enums import Activation
from ...types import DType
from ..patterns import constant, constant_array
from .layer_channels import (
    Layer,
    Vector,
    grouped,
    input_magnitudes,
    is_scalable,
    output_axis,
    scale_inputs,
    scale_outputs,
)
from .scaling_regions import Region, commutes_inside, region_of
from .statistics import ChannelStatistics

STRENGTHS = (0.0, 0.25, 0.5, 0.65, 0.8)
"""What is tried where no strength is given; 0 leaves the ranges of activations to the weights' alone."""

LEAST_GAIN = 2.0
"""How many times smaller the error must become, as it is estimated, to be worth a change."""

LARGEST_FACTOR = 1e3
"""Between the factors of a region: channels that are all but dead ask for boundless ones."""

CREST = 3.0
"""How many times larger the largest magnitude of a channel is than its root mean square, about."""


def smoothable(module: Module) -> dict[str, int]:
    """The values of ``main`` by name whose factors can move, and the axis along which their channels lie: the extremes
    of these channels are what ``smooth_activations`` takes."""
    return {region.value.name: region.axis for region in _regions(module)}


def smooth_activations(
    module: Module, channels: Mapping[str, ChannelStatistics], strength: float | None = None
) -> list[str]:
    """Moves factors in ``main``, and returns the names of all values that are other numbers now.

    ``strength`` is alpha, from 0 to 1; without it each region has the one of least error, as it is estimated, and stays
    as it is where none helps. Values without statistics stay as they are.
    """
    changed = []
    for region in list(_regions(module)):
        seen = channels.get(region.value.name)
        if seen is None or seen.axis != region.axis or not np.isfinite(seen.absolute_maximum).all():
            continue
        factors = _factors(region, seen.absolute_maximum, strength)
        if factors is None:
            continue
        changed += [value.name for value in region.values]
        for layer in region.layers:
            scale_inputs(layer, factors)
        _divide(region, factors)
    return changed


def _regions(module: Module) -> Iterator[Region]:
    """The regions behind what can take a division, of which no layer is in two."""
    for op in module.main.ops:
        if (axis := _dividable_axis(op)) is None:
            continue
        region = region_of(op.results[0], axis)
        if region is not None and len(set(region.layers)) == len(region.layers):
            yield region


def _dividable_axis(op: Op) -> int | None:
    """The axis along which an op can have its result divided; None when it cannot."""
    if any(result.type.dtype is not DType.F32 for result in op.results):
        return None
    match op:
        case nn.Conv() | nn.ConvTranspose() | nn.Linear():
            return output_axis(op) if is_scalable(op) and commutes_inside(op) else None
        case nn.LayerNorm() | nn.RmsNorm() if op.axis == op.result.type.rank - 1:
            parameters = (op.scale, op.bias if isinstance(op, nn.LayerNorm) else None)
            return op.axis if all(v is None or constant_array(v) is not None for v in parameters) else None
        case math.Mul(activation=Activation.NONE) if _vector(op.y, op.result.type.rank):
            return op.result.type.rank - 1
    return None


def _vector(value: Value, rank: int) -> bool:
    """Whether a constant has its elements along the last axis only."""
    array = constant_array(value)
    return array is not None and array.ndim <= rank and array.size > 1 and array.shape[-1] == array.size


def _factors(region: Region, magnitudes: Vector, strength: float | None) -> Vector | None:
    """What the channels are divided by; None for no change."""
    weights = [_weight(layer) for layer in region.layers]
    taken = np.max([input_magnitudes(weight) for weight in weights], axis=0)
    if taken.size != magnitudes.size or not magnitudes.any() or not taken.any():
        return None
    if strength is not None:
        return _of_strength(magnitudes, taken, strength)
    best, least = None, _error(magnitudes, weights, np.ones_like(magnitudes)) / LEAST_GAIN
    for candidate in (_of_strength(magnitudes, taken, alpha) for alpha in STRENGTHS):
        error = _error(magnitudes, weights, candidate)
        if error < least:
            best, least = candidate, error
    return best


def _weight(layer: Layer) -> Vector:
    array = constant_array(layer.weight)
    assert array is not None
    return grouped(layer, array).astype(np.float64)


def _of_strength(magnitudes: Vector, taken: Vector, alpha: float) -> Vector:
    is_alive = (magnitudes > 0) & (taken > 0)
    factors = np.ones_like(magnitudes)
    factors[is_alive] = magnitudes[is_alive] ** alpha / taken[is_alive] ** (1 - alpha)
    middle = float(np.exp(np.mean(np.log(factors[is_alive])))) if is_alive.any() else 1.0
    # Dead channels, and what all factors have in common, change nothing.
    factors = np.where(is_alive, factors / middle, 1.0)
    bound = np.sqrt(LARGEST_FACTOR)
    return np.asarray(np.clip(factors, 1 / bound, bound))


def _error(magnitudes: Vector, weights: list[Vector], factors: Vector) -> float:
    """The squared error of the layers' results, about: of activations with one step, and of weights with one a row."""
    divided = magnitudes / factors
    step = 2 * float(divided.max()) / 255
    total = 0.0
    for weight in weights:
        groups, _, inputs, _ = weight.shape
        scaled = weight * factors.reshape(groups, 1, inputs, 1)
        steps = np.abs(scaled).max(axis=(2, 3)) / 127
        squares = np.square(divided / CREST).reshape(groups, inputs)
        from_weights = np.sum(np.square(steps) * np.sum(squares, axis=1)[:, None]) * weight.shape[3]
        total += (step**2 * float(np.sum(np.square(scaled))) + float(from_weights)) / 12
    return total


def _divide(region: Region, factors: Vector) -> None:
    """Makes the region's value what it was divided by ``factors``."""
    op = region.value.owner
    match op:
        case nn.Conv() | nn.ConvTranspose() | nn.Linear():
            scale_outputs(op, 1 / factors)
        case nn.LayerNorm():
            bias = constant_array(op.bias)
            scale = _quotient(constant_array(op.scale), factors)
            _replace(op, replace(op, scale=scale, bias=None if bias is None else _quotient(bias, factors)))
        case nn.RmsNorm():
            _replace(op, replace(op, scale=_quotient(constant_array(op.scale), factors)))
        case math.Mul():
            _replace(op, replace(op, y=_quotient(constant_array(op.y), factors)))


def _quotient(array: Array | None, factors: Vector) -> Value:
    whole = np.ones(1) if array is None else array.astype(np.float64)
    return constant(np.asarray(whole / factors).astype(np.float32))


def _replace(old: Op, new: Op) -> None:
    """Puts an op, with the constants that it alone uses, where another stood."""
    function = old.function
    assert function is not None
    for operand in new.operands:
        if operand.owner is not None and operand.owner.function is None:
            function.ops.insert_before(old, operand.owner)
    function.ops.insert_before(old, new)
    for before, after in zip(old.results, new.results, strict=True):
        after.type, after.name, before.name = before.type, before.name, ""
        before.replace_all_uses_with(after)
    operands = old.operands
    old.erase()
    for operand in dict.fromkeys(operands):
        if operand.owner is not None and not operand.is_used and constant_array(operand) is not None:
            operand.owner.erase()


__all__ = ["smooth_activations", "smoothable"]
