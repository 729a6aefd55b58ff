"""Ops as affine maps of windows, and such maps as layers again (window_maps.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ...ir import Op, Value
from ...opdef import ConstraintError
from ...ops import math, nn
from ...ops.enums import Activation, Layout
from ..nominal_sizes import nominal
from ..patterns import constant, constant_array, is_constant
from .layer_algebra import affine_of, has_constant_weights
from .window_maps import Reach, Taps, WindowMap, pointwise

UNKNOWN_SIZE = 64
"""What costs take symbolic dims for: strides leave something of it."""


@dataclass(frozen=True)
class Frame:
    """How data lies: with channels and space as for a convolution, or features last as for a linear layer."""

    rank: int
    layout: Layout | None

    @staticmethod
    def of(layer: nn.Conv | nn.Linear) -> "Frame":
        return Frame(layer.x.type.rank, layer.layout if isinstance(layer, nn.Conv) else None)

    @property
    def channel_axis(self) -> int:
        return self.rank - 1 if self.layout is None else self.layout.channel_axis(self.rank)

    @property
    def spatial_rank(self) -> int:
        return 0 if self.layout is None else self.rank - 2

    def channels(self, value: Value) -> int | None:
        """How many channels a value has; None when that is symbolic."""
        size = value.type.shape[self.channel_axis]
        return size if isinstance(size, int) else None


Pointwise = nn.BatchNorm | math.Neg | math.Mul | math.Div | math.Add | math.Sub
Linear = nn.Conv | nn.Linear | nn.AveragePool | Pointwise
"""Ops that may be affine maps of their first operand."""


def is_linear(op: Op | None) -> bool:
    """Whether the op may be an affine map of its first operand: its class is, and it has no activation."""
    if isinstance(op, nn.Conv | nn.Linear):
        return op.activation is Activation.NONE and has_constant_weights(op)
    if isinstance(op, math.ActivatedArithmetic):
        return op.activation is Activation.NONE and is_constant(op.y) and isinstance(op, Linear)
    return isinstance(op, Linear)


def reach_of(op: Op, frame: Frame) -> Reach | None:
    """The reach of the map that ``op``, without its activation, is of its first operand.

    None when it is none, or not one of such data.
    """
    x = op.operands[0]
    channels = frame.channels(x) if x.type.rank == frame.rank else None
    if channels is None:
        return None
    match op:
        case nn.Conv(layout=layout):
            outputs, inputs, *kernel = op.weight.type.static_shape
            axes = _taps(kernel, op) if layout is frame.layout else None
            return None if axes is None else Reach(outputs, inputs * op.groups, op.groups, axes)
        case nn.Linear():
            outputs, inputs = op.weight.type.static_shape
            return Reach(outputs, inputs, 1, ()) if frame.layout is None else None
        case nn.AveragePool(layout=layout):
            counts_all = op.count_include_pad or all(p == 0 for p in op.padding)
            axes = _taps(op.kernel, op) if layout is frame.layout and counts_all and not op.ceil_mode else None
        case _:
            axes = (Taps(),) * frame.spatial_rank if isinstance(op, Pointwise) else None
    return None if axes is None else Reach(channels, channels, channels, axes)


def _taps(kernel: Sequence[int], op: nn.Conv | nn.AveragePool) -> tuple[Taps, ...] | None:
    padding = [p for p in op.padding if isinstance(p, int)]
    if len(padding) < len(op.padding):
        return None
    rank = len(kernel)
    rows = zip(op.strides, padding[:rank], op.dilations, kernel, padding[rank:], strict=True)
    return tuple(Taps(stride, -low, step, count, high) for stride, low, step, count, high in rows)


def map_of(op: Op, frame: Frame) -> WindowMap | None:
    """The map that ``op``, without its activation, is of its first operand, with its numbers; None when it is none."""
    reach = reach_of(op, frame)
    if reach is None:
        return None
    match op:
        case nn.Conv() | nn.Linear():
            weight, bias = constant_array(op.weight), constant_array(op.bias)
            assert weight is not None
            shift = np.zeros(reach.outputs) if bias is None else bias.astype(np.float64)
            return WindowMap(reach, weight.astype(np.float64), shift)
        case nn.AveragePool():
            taps = prod(op.kernel)
            weight = np.full((reach.outputs, 1, *op.kernel), 1 / taps)
            return WindowMap(reach, weight, np.zeros(reach.outputs))
    affine = affine_of(op)
    if affine is None or not (affine.is_uniform or affine.axis == frame.channel_axis):
        return None
    wide = affine.for_channels(reach.outputs)
    return pointwise(wide.factor, wide.offset, frame.spatial_rank)


def point_map(layer: nn.Conv | nn.Linear, frame: Frame) -> WindowMap:
    """The map of a layer that looks at one position at a time, without groups, over data that lie as ``frame`` says."""
    weight, bias = constant_array(layer.weight), constant_array(layer.bias)
    assert weight is not None
    outputs, inputs, *_ = weight.shape
    reach = Reach(outputs, inputs, 1, (Taps(),) * frame.spatial_rank)
    shift = np.zeros(outputs) if bias is None else bias.astype(np.float64)
    return WindowMap(reach, weight.astype(np.float64).reshape(outputs, inputs, *reach.kernel), shift)


def layer_of(map_: WindowMap, x: Value, frame: Frame, activation: Activation, like: Value | None = None) -> Op | None:
    """The layer on ``x`` that is the map, its weight named like ``like``; None when its numbers or sizes forbid it."""
    reach, dtype = map_.reach, x.type.dtype.numpy
    weight, bias = map_.weight.astype(dtype), map_.bias.astype(dtype)
    if not np.isfinite(weight).all() or not np.isfinite(bias).all():
        return None
    new_weight, new_bias = constant(weight, like), constant(bias) if bias.any() else None
    if frame.layout is None:
        return nn.Linear(x, new_weight, new_bias, activation)
    padding = (*(-t.start for t in reach.axes), *(t.high for t in reach.axes))
    strides, steps = tuple(t.stride for t in reach.axes), tuple(t.step for t in reach.axes)
    try:
        return nn.Conv(x, new_weight, new_bias, strides, padding, steps, reach.groups, activation, frame.layout)
    except ConstraintError:
        return None


def elements(value: Value) -> int:
    """About how many elements a value has."""
    return nominal(value.type.elements, UNKNOWN_SIZE)


def multiplications(reach: Reach, result: Value) -> int:
    """About how many multiplications a map of this reach costs that computes ``result``."""
    return elements(result) // max(reach.outputs, 1) * reach.weights
