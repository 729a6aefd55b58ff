"""Where factors of channels can move: from the op that makes a value, through ops that commute with them, into the
layers that take it.

An op commutes with positive factors, one a channel, when f(s x) = s f(x): ReLU and its leaky kin, pools, moves.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ...ir import Op, Value
from ...ops import math, nn, tensor
from ...ops.enums import Activation, PadMode
from ..axis_atoms import common_atoms
from ..patterns import is_known, is_number
from .layer_channels import Layer, input_axis, is_scalable


@dataclass(frozen=True)
class Region:
    """A value, the axis of it along which its channels lie, and the layers that alone use it in the end. ``values`` are
    all those on the way, itself first."""

    value: Value
    axis: int
    layers: tuple[Layer, ...]
    values: tuple[Value, ...]

    @property
    def channels(self) -> int:
        size = self.value.type.shape[self.axis]
        assert isinstance(size, int)
        return size


def region_of(value: Value, axis: int) -> Region | None:
    """The region behind a value; None when something uses it that does not commute with factors along the axis."""
    if not isinstance(value.type.shape[axis], int):
        return None
    layers: list[Layer] = []
    values = [value]
    pending = [(value, axis)]
    while pending:
        current, along = pending.pop(0)
        for user in current.users:
            if is_scalable(user) and isinstance(user, Layer) and user.x is current and along == input_axis(user):
                layers.append(user)
                continue
            following = list(_commuting(user, current, along))
            if not following:
                return None
            pending += following
            values += [result for result, _ in following]
    return Region(value, axis, tuple(layers), tuple(values)) if layers else None


def _commuting(op: Op, x: Value, axis: int) -> Iterator[tuple[Value, int]]:
    """The result of an op that commutes with factors of ``x`` along an axis, and the axis that the result has them
    along; nothing when the op does not."""
    match op:
        case nn.Relu() | nn.LeakyRelu():
            yield op.result, axis
        case nn.PRelu(slope=slope) if x is op.x and is_known(slope):
            yield op.result, axis
        case nn.MaxPool() | nn.AveragePool() if axis == op.layout.channel_axis(x.type.rank):
            yield op.results[0], axis
        case nn.Resize() if x is op.x and _is_left(op, axis):
            yield op.result, axis
        case tensor.Pad() if x is op.x:
            fills_zero = op.mode is not PadMode.CONSTANT or op.value is None or is_number(op.value, 0.0)
            if fills_zero and op.result.type.shape[axis] == x.type.shape[axis]:
                yield op.result, axis
        case tensor.Transpose():
            yield op.result, op.permutation.index(axis)
        case tensor.Reshape() if x is op.x:
            yield from ((op.result, found) for found in _reshaped_axes(x, op.result, axis))
        case math.MatMul() if x is op.y and x is not op.x and axis == x.type.rank - (2 if op.transpose_y else 1):
            # Attention: what weighs and adds up the rows of the values leaves their columns to themselves.
            yield op.result, op.result.type.rank - 1
        case math.ReduceMean() if axis not in op.axes:
            yield op.result, axis if op.keep_dims else axis - sum(reduced < axis for reduced in op.axes)


def _is_left(op: nn.Resize, axis: int) -> bool:
    """Whether a resize, which takes each axis for itself, leaves one as it is, and brings no constants in."""
    is_same = op.result.type.shape[axis] == op.x.type.shape[axis] and (not op.scales or op.scales[axis] == 1)
    return is_same and op.extrapolation == 0 and not op.roi


def _reshaped_axes(before: Value, after: Value, axis: int) -> list[int]:
    """The axis that holds the same channels after a reshape, if there is one."""
    atoms = common_atoms(before.type.shape, after.type.shape)
    if atoms is None or not atoms.before[axis]:
        return []
    return [a for a, made_of in enumerate(atoms.after) if made_of == atoms.before[axis]]


def commutes_inside(layer: Layer) -> bool:
    """Whether the activation that is part of a layer commutes with factors: one that clips at 6 does not."""
    return layer.activation in (Activation.NONE, Activation.RELU)


__all__ = ["Region", "commutes_inside", "region_of"]
