"""Which ops take the channels of a tensor in any order, and what of them must then be in the same order."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from ...ir import Op, Value
from ...ops import math, nn, tensor
from ...ops.nn.activation import SoftmaxFamily
from ..axis_atoms import common_atoms
from ..patterns import constant_array, is_constant

LARGEST_COPY = 2**16
"""Elements of a constant that may be stored a second time, in another order, when other ops use it too."""

Place = tuple[Value, int]
"""A value and one of its axes."""


@dataclass(frozen=True)
class Tie:
    """What is in one order where an op stands: axes of its operands and results, and axes of its constants, which are
    named by their operand fields."""

    places: tuple[Place, ...]
    constants: tuple[tuple[str, int], ...] = ()


def tie_of(op: Op, value: Value, axis: int) -> Tie | None:
    """What goes with the order of an operand's or result's axis, so that the op computes the same in any order of it.

    None when the op needs the elements as they are, or it is not known how their order could change.
    """
    tie = _tie(op, value, axis)
    if tie is None or (value, axis) not in tie.places:
        return None
    return tie if all(_may_change(getattr(op, field)) for field, _ in tie.constants) else None


def _may_change(constant: Value) -> bool:
    return constant_array(constant) is not None and (
        constant.has_one_use or prod(constant.type.static_shape) <= LARGEST_COPY
    )


def _tie(op: Op, value: Value, axis: int) -> Tie | None:
    match op:
        case nn.Conv() | nn.ConvTranspose():
            return _tie_of_convolution(op, value)
        case nn.Linear():
            is_input = value is op.x
            place = (op.x, op.x.type.rank - 1) if is_input else (op.result, op.result.type.rank - 1)
            return Tie((place,), (("weight", 1),) if is_input else (("weight", 0), *_bias(op)))
        case nn.BatchNorm():
            return _along(op, axis, ("scale", "bias", "mean", "variance") if axis == op.axis else ())
        case nn.InstanceNorm():
            return _along(op, axis, ("scale", "bias")) if axis == op.layout.channel_axis(op.x.type.rank) else None
        case nn.MaxPool() | nn.AveragePool():
            return _along(op, axis) if axis == op.layout.channel_axis(op.x.type.rank) else None
        case SoftmaxFamily():
            return _along(op, axis) if axis != op.axis else None
        case math.Unary() | tensor.Cast():
            return _along(op, axis)
        case math.Binary() | math.Select() | nn.PRelu():
            return _tie_of_broadcast(op, value, axis)
        case tensor.Pad():
            return _along(op, axis) if op.low[axis] == 0 == op.high[axis] else None
        case tensor.Slice():
            is_whole = op.starts[axis] == 0 and op.strides[axis] == 1 and op.sizes[axis] == op.x.type.shape[axis]
            return _along(op, axis) if is_whole else None
        case nn.Resize(dims=None, roi=()):
            is_kept = op.shape[axis] == op.x.type.shape[axis] and (not op.scales or op.scales[axis] == 1)
            return _along(op, axis) if is_kept else None
        case math.Reduction() | tensor.Transpose() | tensor.Reshape():
            return next((Tie(pair) for pair in _kept_axes(op) if (value, axis) in pair), None)
    return None


def _along(op: Op, axis: int, vectors: tuple[str, ...] = ()) -> Tie:
    """Of an op with one result that keeps its operand x's axes, and has constants [C]."""
    return Tie(((getattr(op, "x"), axis), (op.result, axis)), tuple((field, 0) for field in vectors))  # noqa: B009


def _bias(op: nn.Conv | nn.ConvTranspose | nn.Linear) -> tuple[tuple[str, int], ...]:
    return () if op.bias is None else (("bias", 0),)


def _tie_of_convolution(op: nn.Conv | nn.ConvTranspose, value: Value) -> Tie | None:
    channel = op.layout.channel_axis(op.x.type.rank)
    channels = op.weight.type.shape[0]
    if op.groups > 1:
        is_depthwise = op.weight.type.shape[1] == 1 and op.groups == channels == op.x.type.shape[channel]
        both = ((op.x, channel), (op.result, channel))
        return Tie(both, (("weight", 0), *_bias(op))) if is_depthwise else None
    inputs, outputs = (0, 1) if isinstance(op, nn.ConvTranspose) else (1, 0)
    if value is op.x:
        return Tie(((op.x, channel),), (("weight", inputs),))
    return Tie(((op.result, channel),), (("weight", outputs), *_bias(op)))


def _tie_of_broadcast(op: math.Binary | math.Select | nn.PRelu, value: Value, axis: int) -> Tie | None:
    """The operands that have as many elements along the axis as the result; others are the same for all of them."""
    result = op.results[0]
    from_end = axis - value.type.rank
    channels = result.type.shape[from_end]
    places: list[Place] = [(result, result.type.rank + from_end)]
    constants = []
    for field in op.definition.operand_fields:
        operand: Value = getattr(op, field.name)
        place = operand.type.rank + from_end
        if place < 0 or operand.type.shape[place] == 1 != channels:
            continue
        if operand.type.shape[place] != channels:
            return None
        if is_constant(operand):
            constants.append((field.name, place))
        else:
            places.append((operand, place))
    return Tie(tuple(places), tuple(constants))


def _kept_axes(op: math.Reduction | tensor.Transpose | tensor.Reshape) -> Iterator[tuple[Place, Place]]:
    """The axes of x that are an axis of the result, whole."""
    match op:
        case math.Reduction():
            kept = [axis for axis in range(op.x.type.rank) if axis not in op.axes]
            for above, axis in enumerate(kept):
                yield (op.x, axis), (op.result, axis if op.keep_dims else above)
        case tensor.Transpose():
            for above, axis in enumerate(op.permutation):
                yield (op.x, axis), (op.result, above)
        case tensor.Reshape(dims=None):
            atoms = common_atoms(op.x.type.shape, op.shape)
            for axis, made_of in enumerate([] if atoms is None else atoms.before):
                if made_of and atoms is not None and made_of in atoms.after:
                    yield (op.x, axis), (op.result, atoms.after.index(made_of))
