"""Scales and shifts of channels travel through ops that move, pool or resample elements, to the layers before them."""

from collections.abc import Sequence

import numpy as np

from ...ir import Array, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import ChannelOrder, CoordinateTransform, PadMode, ResizeMode
from ..axis_atoms import common_atoms
from ..patterns import constant, constant_array, is_number
from .layer_algebra import Affine, affine_of, output_axis, plain_layer, with_affine_behind

DEEPEST = 12
"""Through so many ops factors travel: what exporters put between a layer and its norm is fewer."""


def folded_into_layers(value: Value, affine: Affine, depth: int = DEEPEST) -> Value | None:
    """``affine`` of ``value``, computed by the layers with constant weights, and norms, that ``value`` comes from.

    None when it comes from something else, when anything between is used elsewhere too, or when an op between does
    not allow it: those that move elements do, a pool or a resampling when it weighs elements by a sum of 1.
    """
    layer = plain_layer(value)
    if layer is not None:
        if not affine.is_uniform and affine.axis != output_axis(layer):
            return None
        folded = with_affine_behind(layer, affine)
        return None if folded is None else folded.result
    op = value.owner
    if op is None or not value.has_one_use or depth == 0:
        return None
    if isinstance(op, nn.BatchNorm):
        return _into_batch_norm(op, affine)
    if isinstance(op, tensor.Concat):
        return _into_parts(op, affine, depth)
    if isinstance(op, math.MatMul):
        return _into_factor(op, affine, depth)
    is_scalar = not op.operands or op.operands[0].type.rank == 0
    inner = None if is_scalar else _before(op, affine.along(0) if affine.is_uniform else affine)
    if inner is None:
        return None
    x = folded_into_layers(op.operands[0], inner, depth - 1)
    return None if x is None else replace(op, x=x).result


def _into_batch_norm(op: nn.BatchNorm, affine: Affine) -> Value | None:
    """Norms have room for a scale and a shift of their own axis."""
    own = affine_of(op)
    scale, bias = constant_array(op.scale), constant_array(op.bias)
    if own is None or scale is None or bias is None or not (affine.is_uniform or affine.axis == op.axis):
        return None
    new_scale = (scale.astype(np.float64) * affine.factor).astype(scale.dtype)
    new_bias = (bias.astype(np.float64) * affine.factor + affine.offset).astype(bias.dtype)
    return replace(op, scale=constant(new_scale, op.scale), bias=constant(new_bias, op.bias)).result


def _into_parts(op: tensor.Concat, affine: Affine, depth: int) -> Value | None:
    if not all(x.has_one_use for x in op.xs):
        return None
    parts: list[Value] = []
    start = 0
    for x in op.xs:
        part = affine
        if affine.axis == op.axis and not affine.is_uniform:
            size = x.type.shape[op.axis]
            if not isinstance(size, int):
                return None
            part = Affine(op.axis, affine.factor[start : start + size], affine.offset[start : start + size])
            start += size
        folded = folded_into_layers(x, part, depth - 1)
        if folded is None:
            return None
        parts.append(folded)
    return replace(op, xs=tuple(parts)).result


def _into_factor(op: math.MatMul, affine: Affine, depth: int) -> Value | None:
    """A number times a product is that times one of its operands."""
    if not affine.is_uniform or affine.has_offset or not op.x.type.dtype.is_float:
        return None
    x = folded_into_layers(op.x, affine, depth - 1)
    if x is not None:
        return replace(op, x=x).result
    y = folded_into_layers(op.y, affine, depth - 1)
    return None if y is None else replace(op, y=y).result


def _before(op: Op, affine: Affine) -> Affine | None:
    """What, done to the first operand of ``op``, is ``affine`` of its result; None when there is no such thing."""
    match op:
        case tensor.Transpose():
            return affine.along(op.permutation[affine.axis])
        case tensor.Reshape():
            return affine if affine.is_uniform else _before_reshape(op, affine)
        case tensor.Slice():
            is_whole = op.sizes[affine.axis] == op.x.type.shape[affine.axis] and op.strides[affine.axis] == 1
            return affine if affine.is_uniform or is_whole else None
        case tensor.Pad():
            return _before_pad(op, affine)
        case tensor.DepthToSpace():
            return affine if affine.is_uniform else _before_depth_to_space(op, affine)
        case math.ReduceMean():
            return _before_reduction(op, affine)
    return _before_resampling(op, affine)


def _before_resampling(op: Op, affine: Affine) -> Affine | None:
    """Of ops that keep the axes, but may change the sizes of those in space."""
    match op:
        case nn.AveragePool():
            is_spatial = not affine.is_uniform and affine.axis in op.layout.spatial_axes(op.x.type.rank)
            return None if is_spatial or (affine.has_offset and not weighs_by_one(op)) else affine
        case nn.MaxPool():
            is_spatial = not affine.is_uniform and affine.axis in op.layout.spatial_axes(op.x.type.rank)
            return affine if (affine.factor > 0).all() and not is_spatial else None
        case nn.Resize(mode=ResizeMode.NEAREST | ResizeMode.LINEAR):
            keeps_axis = op.shape[affine.axis] == op.x.type.shape[affine.axis] and op.scales[affine.axis :][:1] in (
                (),
                (1,),
            )
            leaves_data = op.transform is CoordinateTransform.TF_CROP_AND_RESIZE
            is_exact = op.x.type.dtype.is_float and not leaves_data and op.dims is None
            return affine if is_exact and (affine.is_uniform or keeps_axis) else None
        case nn.Relu() | nn.LeakyRelu():
            return affine if (affine.factor > 0).all() and not affine.has_offset else None
    return None


def weighs_by_one(op: nn.AveragePool) -> bool:
    """Whether the weights of every window sum to 1: zeros in the padding do not count, and no window has only those."""
    is_padded = op.ceil_mode or any(p != 0 for p in op.padding)
    return not is_padded or (not op.count_include_pad and all(d == 1 for d in op.dilations))


def _before_reshape(op: tensor.Reshape, affine: Affine) -> Affine | None:
    """The axis may be one of those that an axis of the operand is split into."""
    atoms = common_atoms(op.x.type.shape, op.result.type.shape)
    if atoms is None or not atoms.after[affine.axis]:
        return None
    mine = atoms.after[affine.axis]
    found = [axis for axis, parts in enumerate(atoms.before) if set(mine) <= set(parts)]
    if len(found) != 1:
        return None
    parts = atoms.before[found[0]]
    sizes = [d for d in (atoms.sizes[a] for a in parts) if isinstance(d, int)]
    if len(sizes) != len(parts):
        return None
    shape = [size if atom in mine else 1 for atom, size in zip(parts, sizes, strict=True)]
    return Affine(found[0], _repeated(affine.factor, shape, sizes), _repeated(affine.offset, shape, sizes))


def _repeated(numbers: Array, shape: Sequence[int], sizes: Sequence[int]) -> Array:
    return np.broadcast_to(numbers.reshape(shape), sizes).reshape(-1)


def _before_pad(op: tensor.Pad, affine: Affine) -> Affine | None:
    if not affine.is_uniform and (op.low[affine.axis] != 0 or op.high[affine.axis] != 0):
        return None
    pads_with_zeros = op.value is None or is_number(op.value, 0)
    is_kept = op.mode is not PadMode.CONSTANT or (pads_with_zeros and not affine.has_offset)
    return affine if is_kept else None


def _before_depth_to_space(op: tensor.DepthToSpace, affine: Affine) -> Affine | None:
    if affine.axis != op.layout.channel_axis(op.x.type.rank):
        return None
    # A channel of the result comes from block² channels: neighbours, or as many apart as the result has.
    repeat = np.repeat if op.order is ChannelOrder.CRD else np.tile
    factor, offset = (repeat(v, op.block**2) for v in (affine.factor, affine.offset))
    return Affine(affine.axis, factor, offset)


def _before_reduction(op: math.ReduceMean, affine: Affine) -> Affine | None:
    if not op.x.type.dtype.is_float:
        return None
    kept = [axis for axis in range(op.x.type.rank) if op.keep_dims or axis not in op.axes]
    if affine.is_uniform:
        return affine
    axis = kept[affine.axis]
    return None if axis in op.axes else affine.along(axis)
