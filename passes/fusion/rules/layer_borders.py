"""Borders that a network fills with what a layer makes of zeros: they are the layer's own padding.

Diverse branch blocks (arXiv:2103.13425) put the shift of a norm around its result, so that the convolution behind it
sees what it would with the norm folded in; exporters write that as zeros that slices are assigned to.
"""

import numpy as np

from ....ir import Array, Op, Value
from ....opdef import ConstraintError, replace
from ....ops import nn, tensor
from ....ops.enums import PadMode, ScatterReduction
from ....rewriter import RuleSet
from ...patterns import constant_array
from ..layer_algebra import is_pointwise, output_channels, plain_layer

RULES = RuleSet()

LARGEST_BORDERED = 2**22
"""Data of more elements is not looked through for its border."""

EXACTNESS = 1e-5
"""What is in the border may differ by so much of the largest shift: exporters compute it in single precision."""


@RULES.on(tensor.ScatterNd)
def border_of_shifts(op: tensor.ScatterNd) -> Op | None:
    """scatter(pad(conv(x) + b), border, b) -> conv(x) + b with padding, for convolutions of single elements"""
    pad = _padded_data(op)
    layer = None if pad is None else plain_layer(pad.x)
    if pad is None or not isinstance(layer, nn.Conv) or not is_pointwise(layer):
        return None
    bias, border = constant_array(layer.bias), _border_numbers(op, pad)
    axis, axes = layer.layout.channel_axis(pad.x.type.rank), layer.layout.spatial_axes(pad.x.type.rank)
    if border is None or any(pad.low[a] != 0 or pad.high[a] != 0 for a in range(pad.x.type.rank) if a not in axes):
        return None
    shifts = np.zeros(output_channels(layer)) if bias is None else bias.astype(np.float64)
    found = np.moveaxis(border, axis, 0).reshape(len(shifts), -1)
    tolerance = EXACTNESS * np.abs(shifts).max(initial=0)
    if not (np.abs(found - shifts[:, None])[~np.isnan(found)] <= tolerance).all():
        return None
    added = (*(pad.low[a] for a in axes), *(pad.high[a] for a in axes))
    try:
        return replace(layer, padding=tuple(p + more for p, more in zip(layer.padding, added, strict=True)))
    except ConstraintError:
        return None


def _padded_data(op: tensor.ScatterNd) -> tensor.Pad | None:
    """The padding that ``op``, and more assignments before it, fills."""
    value = op.result
    while isinstance(value.owner, tensor.ScatterNd):
        value = value.owner.x
        if not value.has_one_use:
            return None
    pad = value.owner
    if not isinstance(pad, tensor.Pad) or pad.mode is not PadMode.CONSTANT:
        return None
    return pad if pad.x.has_one_use else None


def _border_numbers(op: tensor.ScatterNd, pad: tensor.Pad) -> Array | None:
    """What the assignments leave around the data, and NaN in its place; None when it is not known, or they hit data."""
    shape = [d for d in op.result.type.shape if isinstance(d, int)]
    low = [d for d in pad.low if isinstance(d, int)]
    inner = [d for d in pad.x.type.shape if isinstance(d, int)]
    if not len(shape) == len(low) == len(inner) == op.result.type.rank or np.prod(shape) > LARGEST_BORDERED:
        return None
    fill = np.zeros(()) if pad.value is None else constant_array(pad.value)
    if fill is None:
        return None
    numbers = np.full(shape, fill.reshape(()), np.float64)
    place = tuple(slice(start, start + size) for start, size in zip(low, inner, strict=True))
    numbers[place] = np.nan
    for assignment in _assignments(op.result):
        indices, updates = _known_array(assignment.indices), _known_array(assignment.updates)
        if indices is None or updates is None or assignment.reduction is not ScatterReduction.NONE:
            return None
        numbers = np.asarray(assignment.evaluate(numbers, indices, updates.astype(np.float64)))
    outside = np.ones(shape, np.bool_)
    outside[place] = False
    is_whole = np.isnan(numbers[place]).all() and np.isfinite(numbers[outside]).all()
    return numbers if is_whole else None


def _known_array(value: Value) -> Array | None:
    """The elements of a constant, also of one that is kept small and expanded."""
    shape = [d for d in value.type.shape if isinstance(d, int)]
    match value.owner:
        case tensor.Expand(x=x) if len(shape) == value.type.rank:
            array = _known_array(x)
            return None if array is None else np.broadcast_to(array, shape)
        case tensor.Reshape(x=x) if len(shape) == value.type.rank:
            array = _known_array(x)
            return None if array is None else array.reshape(shape)
    return constant_array(value)


def _assignments(value: Value) -> list[tensor.ScatterNd]:
    """The assignments behind one another that end in ``value``, in their order."""
    found: list[tensor.ScatterNd] = []
    while isinstance(value.owner, tensor.ScatterNd):
        found.append(value.owner)
        value = value.owner.x
    return found[::-1]
