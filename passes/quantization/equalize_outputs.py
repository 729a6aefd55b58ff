"""Layers whose results only floats use: each channel gets a range of its own, at the cost of one multiplication.

An integer layer stores its result with one scale for all channels. Where floats take it, the layer can compute
y_c / s_c instead, s_c the range of channel c, and the floats multiply by s: channels of small range are then stored as
finely as those of large range. Feed-forward layers of transformers have few channels a hundred times larger than the
others (Bondarenko et al. 2021, "Understanding and Overcoming the Challenges of Efficient Transformer Quantization",
whose per-embedding-group quantization this is, in a form that every runtime has kernels for).
"""

from collections.abc import Mapping

import numpy as np

from ...ir import Module, Op
from ...ops import math
from ..patterns import constant
from .layer_channels import Layer, Vector, is_scalable, output_axis, scale_outputs
from .plan import Plan
from .scaling_regions import commutes_inside
from .statistics import ChannelStatistics

LEAST_GAIN = 4.0
"""How many times less noise there must be to be worth the multiplication."""

SMALLEST_RATIO = 1e-3
"""No channel's range is taken for smaller than this part of the largest: its few samples may not show all of it."""


def output_candidates(plan: Plan) -> list[Layer]:
    """The integer layers of a plan whose results only floats use."""
    return [op for op in plan.integer if isinstance(op, Layer) and _is_for_floats(op, plan)]


def _is_for_floats(op: Layer, plan: Plan) -> bool:
    users = op.results[0].users
    # The function's outputs are as the user wants them.
    return (
        bool(users)
        and is_scalable(op)
        and commutes_inside(op)
        and all(user.results and user not in plan.integer for user in users)
    )


def equalize_outputs(module: Module, plan: Plan, channels: Mapping[str, ChannelStatistics]) -> list[str]:
    """Divides the output channels of layers by their ranges, and multiplies them again behind; names what is new.

    ``channels`` are the extremes of the layers' results by their names, along the axis of their channels. Layers
    without statistics stay as they are. The new constants have no names.
    """
    made: list[str] = []
    taken = {value.name for value in module.main.values()}
    for layer in output_candidates(plan):
        seen = channels.get(layer.results[0].name)
        if seen is None or seen.axis != output_axis(layer):
            continue
        factors = _ranges(seen.absolute_maximum)
        if float(factors.size / np.square(factors).sum()) < LEAST_GAIN:
            continue
        name = _fresh(layer.results[0].name, taken)
        _divide(layer, factors, name)
        made.append(name)
    return made


def _fresh(name: str, taken: set[str]) -> str:
    """A name for what is not what the name was for any more."""
    found, number = f"{name}.equalized", 1
    while found in taken:
        found, number = f"{name}.equalized{number}", number + 1
    taken.add(found)
    return found


def _ranges(magnitudes: Vector) -> Vector:
    """The range of each channel as a part of the largest."""
    largest = float(magnitudes.max(initial=0.0))
    if largest <= 0 or not np.isfinite(largest):
        return np.ones_like(magnitudes)
    return np.maximum(magnitudes / largest, SMALLEST_RATIO)


def _divide(layer: Layer, factors: Vector, name: str) -> None:
    scale_outputs(layer, 1 / factors)
    result = layer.results[0]
    axis = output_axis(layer)
    shape = [-1 if i == axis else 1 for i in range(axis, result.type.rank)]
    factor = constant(factors.astype(np.float32).reshape(shape))
    users = result.users
    product = math.Mul(result, factor)
    product.location = layer.location
    _insert_behind(layer, factor.owner, product)
    # The name stays with the numbers that it meant.
    product.result.name, result.name = result.name, name
    for user in users:
        user.replace_operand(result, product.result)


def _insert_behind(anchor: Op, *ops: Op | None) -> None:
    assert anchor.function is not None
    for op in reversed(ops):
        assert op is not None
        anchor.function.ops.insert_after(anchor, op)


__all__ = ["equalize_outputs", "output_candidates"]
