"""How layers couple channels: those of their data with the axes of their weights."""

import numpy as np

from ...dims import known_equal
from ...ir import Op, Value
from ...ops import math, nn
from ...ops.enums import Layout
from .channel_groups import Labels
from .op_axes import Kept, OpAxes


def _windows(axes: OpAxes, x: Value, layout: Layout) -> int:
    """Couples the batch axes of a spatial op's input and result, freezes the spatial ones; returns the channel axis."""
    result = axes.op.results[0]
    axes.couple(x, 0, result, 0)
    for value in (x, result):
        axes.freeze(value, *layout.spatial_axes(value.type.rank))
    return layout.channel_axis(x.type.rank)


def _layer(axes: OpAxes, output: Labels, weight: Value, axis: int, bias: Value | None) -> None:
    """Couples the output channels of a layer with an axis of its weight, and with its bias."""
    axes.groups.couple(output, axes.of(weight, axis))
    if bias is not None:
        axes.groups.couple(output, axes.of(bias, 0))


def conv(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, nn.Conv)
    channel = _windows(axes, op.x, op.layout)
    axes.freeze(op.weight, *range(2, op.weight.type.rank))
    inputs, outputs = axes.of(op.x, channel), axes.of(op.result, channel)
    _layer(axes, outputs, op.weight, 0, op.bias)
    if op.groups == 1:
        axes.groups.couple(inputs, axes.of(op.weight, 1))
    elif len(inputs) == op.groups and len(outputs) % op.groups == 0:
        # Depthwise: a channel goes with all that is made of it.
        axes.freeze(op.weight, 1)
        made = outputs.reshape(op.groups, -1)
        axes.groups.couple(np.broadcast_to(inputs[:, None], made.shape), made)
    elif len(inputs) % op.groups == 0 and len(outputs) % op.groups == 0:
        # The groups stay as many: a channel goes from each of them.
        axes.groups.couple_rows(outputs.reshape(op.groups, -1).T)
        axes.groups.couple_rows(inputs.reshape(op.groups, -1).T)
        axes.groups.couple(inputs[: len(inputs) // op.groups], axes.of(op.weight, 1))
    else:
        axes.freeze_all()


def shrunken_groups(op: Op, kept: Kept) -> dict[str, object]:
    assert isinstance(op, nn.Conv | nn.ConvTranspose)
    channels = kept(op.x, op.layout.channel_axis(op.x.type.rank))
    is_depthwise = op.groups > 1 and op.x.type.shape[op.layout.channel_axis(op.x.type.rank)] == op.groups
    return {"groups": len(channels)} if is_depthwise and channels is not None else {}


def conv_transpose(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, nn.ConvTranspose)
    channel = _windows(axes, op.x, op.layout)
    axes.freeze(op.weight, *range(2, op.weight.type.rank))
    inputs, outputs = axes.of(op.x, channel), axes.of(op.result, channel)
    axes.groups.couple(inputs, axes.of(op.weight, 0))
    if op.groups == 1:
        _layer(axes, outputs, op.weight, 1, op.bias)
    elif len(inputs) == len(outputs) == op.groups:
        axes.freeze(op.weight, 1)
        _layer(axes, outputs, op.weight, 0, op.bias)
    else:
        axes.freeze_all()


def linear(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, nn.Linear)
    last = op.x.type.rank - 1
    for axis in range(last):
        axes.couple(op.x, axis, op.result, axis)
    axes.couple(op.x, last, op.weight, 1)
    _layer(axes, axes.of(op.result, last), op.weight, 0, op.bias)


def mat_mul(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, math.MatMul)
    x, y, result = op.x, op.y, op.result
    left, right, rank = x.type.rank, y.type.rank, result.type.rank
    rows, inner = (left - 1, left - 2) if op.transpose_x else (left - 2, left - 1)
    columns, other_inner = (right - 2, right - 1) if op.transpose_y else (right - 1, right - 2)
    axes.couple(x, inner, y, other_inner)
    axes.couple(x, rows, result, rank - 2)
    axes.couple(y, columns, result, rank - 1)
    for operand in (x, y):
        for axis in range(operand.type.rank - 2):
            above = rank - operand.type.rank + axis
            if operand.type.shape[axis] == 1:
                axes.freeze(operand, axis)
            else:
                axes.couple(operand, axis, result, above)


def attention(axes: OpAxes) -> None:
    """A feature of all heads goes from queries and keys, or from values and the result; heads and positions stay."""
    op = axes.op
    assert isinstance(op, nn.Attention)
    if op.shared_heads != op.heads:
        axes.freeze_all()
        return
    last = op.q.type.rank - 1
    for value in dict.fromkeys((*op.operands, op.result)):
        axes.freeze(value, *range(last if value is not op.mask else value.type.rank))
    q, k, v, y = (axes.of(value, last) for value in (op.q, op.k, op.v, op.result))
    axes.groups.couple(q, k)
    axes.groups.couple(v, y)
    if op.q.type.rank == 3:
        for labels in (q, v):
            axes.groups.couple_rows(labels.reshape(op.heads, -1).T)


_HIDDEN_AXES = {
    "weight": 1,
    "recurrence": 1,
    "bias": 1,
    "recurrent_bias": 1,
    "peephole": 1,
    "initial_h": 2,
    "initial_c": 2,
}
"""Each operand of a recurrent layer that has hidden units, and its axis of them; weights have them for each gate."""


def recurrent(axes: OpAxes) -> None:
    """A hidden unit goes from all gates, both directions and all states."""
    op = axes.op
    assert isinstance(op, nn.Recurrent)
    hidden = axes.of(op.recurrence, 2)
    if not len(hidden):
        axes.freeze_all()
        return
    axes.freeze_except(op.x, 2)
    axes.couple(op.x, 2, op.weight, 2)
    for name, axis in _HIDDEN_AXES.items():
        value = getattr(op, name, None)
        if not isinstance(value, Value):
            continue
        axes.freeze(value, *(a for a in range(axis)))
        labels = axes.of(value, axis)
        if len(labels) % len(hidden):
            axes.freeze_all()
            return
        gates = labels.reshape(-1, len(hidden))
        axes.groups.couple(np.broadcast_to(hidden, gates.shape), gates)
    for result in op.results:
        last = result.type.rank - 1
        axes.freeze_except(result, last)
        axes.groups.couple(hidden, axes.of(result, last))


def batch_norm(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, nn.BatchNorm)
    axes.couple_all(op.x, op.result)
    for parameter in (op.scale, op.bias, op.mean, op.variance):
        axes.couple(op.x, op.axis, parameter, 0)


def trailing_norm(axes: OpAxes) -> None:
    """What is left is averaged over: the result is that of a network made so, not of one with zeros."""
    op = axes.op
    assert isinstance(op, nn.LayerNorm | nn.RmsNorm)
    averaged = tuple(range(op.axis, op.x.type.rank))
    axes.couple_all(op.x, op.result, averaged if axes.keeps_statistics else ())
    for parameter in op.operands[1:]:
        axes.couple_broadcast(parameter, op.result, op.axis)


def channel_norm(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, nn.InstanceNorm | nn.GroupNorm)
    channel = op.layout.channel_axis(op.x.type.rank)
    axes.couple_all(op.x, op.result, op.layout.spatial_axes(op.x.type.rank))
    for parameter in (op.scale, op.bias):
        axes.couple(op.x, channel, parameter, 0)
    if isinstance(op, nn.InstanceNorm):
        return
    labels = axes.of(op.x, channel)
    if op.groups > 1 and len(labels) % op.groups == 0:
        # A whole group goes: the others average over what they did.
        axes.groups.couple_rows(labels.reshape(op.groups, -1))
    elif op.groups > 1 or axes.keeps_statistics:
        axes.freeze(op.x, channel)


def shrunken_norm(op: Op, kept: Kept) -> dict[str, object]:
    assert isinstance(op, nn.InstanceNorm | nn.GroupNorm)
    channel = op.layout.channel_axis(op.x.type.rank)
    indices, channels = kept(op.x, channel), op.x.type.shape[channel]
    if not isinstance(op, nn.GroupNorm) or op.groups == 1 or indices is None or not isinstance(channels, int):
        return {}
    return {"groups": len(indices) * op.groups // channels}


def pool(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, nn.MaxPool | nn.AveragePool)
    channel = _windows(axes, op.x, op.layout)
    axes.couple(op.x, channel, op.result, channel)


def resize(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, nn.Resize)
    if op.dims is not None or op.roi:
        axes.freeze_all()
        return
    for axis, (before, after) in enumerate(zip(op.x.type.shape, op.shape, strict=True)):
        if known_equal(before, after) and (not op.scales or op.scales[axis] == 1):
            axes.couple(op.x, axis, op.result, axis)
        else:
            axes.freeze(op.x, axis)
            axes.freeze(op.result, axis)
