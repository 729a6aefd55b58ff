"""Bias correction: what rounded weights add to a layer's results on average is taken from its bias.

Rounding errors of weights do not average out over inputs of one sign, as ReLU leaves them: (w_q - w) E[x] shifts a
whole channel, which the layers behind suffer from most (Nagel et al. 2019, "Data-Free Quantization Through Weight
Equalization and Bias Correction", section 4.2, here with means that were measured). Each layer makes good for its own
weights alone: shifts of the layers before it, which theirs take back, would be corrected twice.
"""

from collections.abc import Mapping

import numpy as np

from ...ir import Module
from ...opdef import replace
from ...types import DType
from ..patterns import constant, constant_array, elements_of, is_compressed
from .layer_channels import Layer, Vector, grouped, input_axis
from .plan import Plan
from .statistics import ChannelStatistics

NEGLIGIBLE = 1e-3
"""Shifts below this part of what a channel's weights make of the inputs' means are left."""


def correctable(plan: Plan) -> dict[str, int]:
    """What a plan's integer layers take, by name, and the axis along which their channels lie: the means of these
    channels are what ``correct_biases`` takes."""
    layers = [op for op in plan.integer if isinstance(op, Layer) and op.x.type.dtype is DType.F32]
    return {op.x.name: input_axis(op) for op in layers if constant_array(op.weight) is not None}


def correct_biases(module: Module, quantized: Module, channels: Mapping[str, ChannelStatistics]) -> bool:
    """Takes from the biases of ``module``, which is float, what the weights of ``quantized`` add on average.

    ``quantized`` is a clone of it with pairs; afterwards they are to be inserted anew. ``channels`` has means of what
    layers take, by name: a border of zeros around images is not counted. Returns whether anything changed.
    """
    twins = {op.results[0].name: op for op in quantized.main.ops if isinstance(op, Layer)}
    changed = False
    for op in module.main.ops:
        twin = twins.get(op.results[0].name) if isinstance(op, Layer) else None
        if not isinstance(op, Layer) or twin is None or not is_compressed(twin.weight):
            continue
        seen, weight = channels.get(op.x.name), constant_array(op.weight)
        if seen is None or weight is None or seen.axis != input_axis(op):
            continue
        if op.bias is not None and constant_array(op.bias) is None:
            continue
        error = grouped(op, elements_of(twin.weight).astype(np.float64) - weight)
        changed |= _shift(op, -_of_means(error, seen.mean), _of_means(np.abs(grouped(op, weight)), np.abs(seen.mean)))
    return changed


def _of_means(weight: Vector, means: Vector) -> Vector:
    """What a grouped weight makes of inputs that are their means; f64[outputs]."""
    per_input = weight.sum(axis=3) * means.reshape(weight.shape[0], 1, weight.shape[2])
    return np.asarray(per_input.sum(axis=2)).reshape(-1)


def _shift(layer: Layer, shift: Vector, magnitudes: Vector) -> bool:
    """Adds to the bias of a layer, unless it is as nothing against ``magnitudes``."""
    if not np.isfinite(shift).all() or not (np.abs(shift) > NEGLIGIBLE * magnitudes).any():
        return False
    bias = constant_array(layer.bias)
    shifted = shift if bias is None else bias.astype(np.float64) + shift
    value = constant(shifted.astype(np.float32), layer.bias)
    main = layer.function
    assert main is not None and value.owner is not None
    if layer.bias is not None:
        value.name, layer.bias.name = layer.bias.name, ""
    corrected = replace(layer, bias=value)
    main.ops.insert_before(layer, value.owner)
    main.ops.insert_before(layer, corrected)
    old, new = layer.results[0], corrected.results[0]
    new.type, new.name, old.name = old.type, old.name, ""
    old.replace_all_uses_with(new)
    before = layer.bias
    layer.erase()
    if before is not None and before.owner is not None and not before.is_used:
        before.owner.erase()
    return True


__all__ = ["correct_biases", "correctable"]
