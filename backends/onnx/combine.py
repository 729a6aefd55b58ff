"""Groups of ops for which ONNX has one operator: what the frontends take apart, so that passes see simpler ops."""

import dataclasses

import numpy as np

from ...dims import Dim, is_positive, known_equal
from ...ir import Array, Module, Op, Value
from ...opdef import replace
from ...ops import nn, tensor
from ...ops.enums import CoordinateTransform, NearestRounding, PadMode, ResizeMode
from ...ops.nn.windows import spatial_sizes
from ...pass_manager import module_pass
from ...passes.fusion import fuse_attention, join_attention_heads
from ...passes.lowering.resize import constant_positions, is_crop, knows_axis, resized_axes
from ...passes.patterns import constant, constant_array, is_number
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from . import attention_masks, combine_pools, integer_products
from .opsets import NEWEST_OPSET

RULES = RuleSet()
ATTENTION_RULES = RuleSet(fuse_attention.RULES, join_attention_heads.RULES, attention_masks.RULES)

ATTENTION_OPSET = 23
"""The first that has Attention."""

DILATED_POOLS_OPSET = 19
"""The first that has AveragePool with gaps."""


@RULES.on(tensor.Reshape)
def element_of_axis(op: tensor.Reshape) -> Op | None:
    """reshape(slice(x, one position of an axis), without that axis) -> gather(x, position), and of splits likewise"""
    match op.x:
        case Value(owner=tensor.Slice() as part, has_one_use=True):
            axis = _axis_of_one(part)
            if axis is None or op.shape != (*part.sizes[:axis], *part.sizes[axis + 1 :]):
                return None
            position = _position(part.starts[axis], part.x.type.shape[axis])
            return None if position is None else tensor.Gather(part.x, constant(np.array(position, np.int64)), axis)
        case Value(owner=tensor.Split() as split) as taken if all(_is_element(split, part) for part in split.results):
            return tensor.Gather(split.x, constant(np.array(taken.index, np.int64)), split.axis)
    return None


def _is_element(split: tensor.Split, part: Value) -> bool:
    """Whether the part is one position of the axis, and nothing but a reshape that drops this takes it."""
    without = (*part.type.shape[: split.axis], *part.type.shape[split.axis + 1 :])
    users = list(part.uses)
    return (
        part.type.shape[split.axis] == 1
        and len(users) <= 1
        and all(isinstance(user, tensor.Reshape) and user.shape == without for user in users)
    )


@RULES.on(nn.Resize)
def nearest_by_whole_factor(op: nn.Resize) -> Op | None:
    """resize(x, nearest) -> resize(x, nearest, asymmetric, rounded down), where that takes the same elements"""
    # The spelling for which the runtime has its fast kernel.
    plain = (CoordinateTransform.ASYMMETRIC, NearestRounding.FLOOR)
    if op.mode is not ResizeMode.NEAREST or (op.transform, op.rounding) == plain or is_crop(op):
        return None
    other = replace(op, transform=plain[0], rounding=plain[1])
    takes_same = all(
        knows_axis(op, axis) and np.array_equal(_positions(op, axis), _positions(other, axis))
        for axis in resized_axes(op)
    )
    return other if takes_same else None


@RULES.on(nn.Pool)
def pool_of_whole_windows(op: nn.Pool) -> Op | None:
    """pool(x, ceil_mode) -> pool(x), where no window reaches beyond the padding"""
    # The runtime blocks images by channels for the plain pools only.
    assert isinstance(op, nn.MaxPool | nn.AveragePool)
    sizes = spatial_sizes(op.x.type.shape, op.layout)
    plain = dataclasses.replace(op.windows, ceil_mode=False)
    counts = zip(op.windows.counts(sizes), plain.counts(sizes), strict=True)
    is_plain = op.ceil_mode and all(known_equal(a, b) for a, b in counts)
    return replace(op, ceil_mode=False) if is_plain else None


@RULES.on(nn.Pool)
def pool_of_zeros_around(op: nn.Pool) -> Op | None:
    """pool(pad(x, 0)) -> pool(pad(x, the least positive number)), which the runtime does not fuse

    onnxruntime 1.31 makes zeros around an image the padding of the pool behind: of max pools, where padding is never
    the largest and zeros may be, and of average pools that cannot be padded so far.
    """
    pad = op.x.owner
    if not isinstance(pad, tensor.Pad) or pad.mode is not PadMode.CONSTANT or op.x.type.dtype not in _LEAST:
        return None
    if pad.value is not None and not is_number(pad.value, 0):
        return None
    if isinstance(op, nn.AveragePool) and _fits(pad, op):
        return None
    least = constant(np.array(_LEAST[op.x.type.dtype], op.x.type.dtype.numpy))
    return replace(op, x=replace(pad, value=least).result)


_LEAST = {DType.F16: 2.0**-24, DType.F32: 2.0**-126, DType.F64: 2.0**-1022}


def _fits(pad: tensor.Pad, op: nn.AveragePool) -> bool:
    """Whether a pool can have that padding, less than its kernel."""
    axes = op.layout.spatial_axes(op.x.type.rank)
    return not any(
        is_positive(p - k + 1) for a, k in zip(axes, op.kernel, strict=True) for p in (pad.low[a], pad.high[a])
    )


def _positions(op: nn.Resize, axis: int) -> Array:
    array = constant_array(constant_positions(op, axis))
    assert array is not None
    return array


def _axis_of_one(part: tensor.Slice) -> int | None:
    """The only axis that is cut, when one position is left of it."""
    axes = zip(part.x.type.shape, part.starts, part.sizes, part.strides, strict=True)
    cut = [
        axis
        for axis, (dim, start, size, stride) in enumerate(axes)
        if not (start == 0 and stride == 1 and known_equal(size, dim))
    ]
    return cut[0] if len(cut) == 1 and part.sizes[cut[0]] == 1 else None


def _position(start: Dim, dim: Dim) -> int | None:
    """Where the position is, from the end if that is negative; None when neither is known."""
    if isinstance(start, int):
        return start
    from_end = start - dim
    return from_end if isinstance(from_end, int) else None


@module_pass()
def combine_onnx(module: Module, *, opset: int = NEWEST_OPSET) -> bool:
    """Rewrites groups of ops into the one operator that ONNX has for them."""
    changed = opset >= ATTENTION_OPSET and apply_rules(module, ATTENTION_RULES)
    changed |= apply_rules(module, RULES)
    changed |= apply_rules(module, integer_products.RULES)
    return (opset >= DILATED_POOLS_OPSET and apply_rules(module, combine_pools.RULES)) or changed
