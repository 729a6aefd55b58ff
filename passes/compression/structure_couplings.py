"""How ops that move or combine elements couple the indices of their axes."""

import numpy as np

from ...dims import Dim, known_equal
from ...ir import Op
from ...ops import math, nn, quant, tensor
from ...ops.enums import ChannelOrder, PadMode
from .op_axes import Kept, OpAxes, kept_shape


def elementwise(axes: OpAxes) -> None:
    """Axes that broadcast together go together; those of size 1 that are repeated stay."""
    result = axes.op.results[0]
    for operand in dict.fromkeys(axes.op.operands):
        axes.couple_broadcast(operand, result)


def along_axis(axes: OpAxes) -> None:
    """Ops that keep the shape and need all of one axis."""
    op = axes.op
    assert isinstance(op, nn.Softmax | nn.LogSoftmax | math.CumSum)
    axes.couple_all(op.x, op.result, (op.axis,))


def reduction(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, math.Reduction | math.ArgReduction)
    reduced = op.axes if isinstance(op, math.Reduction) else (op.axis,)
    above = 0
    for axis in range(op.x.type.rank):
        if axis not in reduced:
            axes.couple(op.x, axis, op.result, above)
        else:
            axes.freeze(op.x, axis)
        if axis in reduced and op.keep_dims:
            axes.freeze(op.result, above)
        above += axis not in reduced or op.keep_dims


def scaled(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, quant.Scaled)
    if op.block is not None:
        axes.freeze_all()
        return
    axes.couple_all(op.x, op.results[0])
    for parameter in op.operands[1:]:
        if op.axis is not None:
            axes.couple(op.x, op.axis, parameter, 0)


def transpose(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, tensor.Transpose)
    for axis, source in enumerate(op.permutation):
        axes.couple(op.x, source, op.result, axis)


def reshape(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, tensor.Reshape)
    axes.groups.couple_reshape(op, axes.all(op.x), axes.all(op.result))


def expand(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, tensor.Expand)
    if op.dims is not None:
        axes.freeze_all()
    else:
        axes.couple_broadcast(op.x, op.result)


def shrunken_shape(op: Op, kept: Kept) -> dict[str, object]:
    """Of an op whose attribute ``shape`` is its result's."""
    return {"shape": kept_shape(op.results[0], kept)}


def concat(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, tensor.Concat)
    sizes = [x.type.shape[op.axis] for x in op.xs]
    is_known = all(isinstance(size, int) for size in sizes)
    start = 0
    for x in op.xs:
        for axis in range(x.type.rank):
            if axis != op.axis:
                axes.couple(x, axis, op.result, axis)
        labels = axes.of(x, op.axis)
        if is_known:
            axes.groups.couple(labels, axes.of(op.result, op.axis)[start : start + len(labels)])
        else:
            axes.groups.freeze(labels)
        start += len(labels)
    if not is_known:
        axes.freeze(op.result, op.axis)


def split(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, tensor.Split)
    labels, start = axes.of(op.x, op.axis), 0
    is_known = all(isinstance(size, int) for size in op.sizes) and len(labels) > 0
    for result in op.results:
        for axis in range(op.x.type.rank):
            if axis != op.axis:
                axes.couple(op.x, axis, result, axis)
        part = axes.of(result, op.axis)
        if is_known:
            axes.groups.couple(labels[start : start + len(part)], part)
        else:
            axes.groups.freeze(part)
        start += len(part)
    if not is_known:
        axes.freeze(op.x, op.axis)


def shrunken_split(op: Op, kept: Kept) -> dict[str, object]:
    assert isinstance(op, tensor.Split)
    return {"sizes": tuple(kept_shape(result, kept)[op.axis] for result in op.results)}


def slices(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, tensor.Slice)
    for axis, (start, stride) in enumerate(zip(op.starts, op.strides, strict=True)):
        before, after = axes.of(op.x, axis), axes.of(op.result, axis)
        if stride == 1 and isinstance(start, int) and len(before) and len(after):
            axes.groups.couple(before[start : start + len(after)], after)
        elif stride != 1 or start != 0 or not known_equal(op.sizes[axis], op.x.type.shape[axis]):
            axes.freeze(op.x, axis)
            axes.freeze(op.result, axis)


def shrunken_slice(op: Op, kept: Kept) -> dict[str, object]:
    assert isinstance(op, tensor.Slice)
    starts: list[Dim] = []
    for axis, start in enumerate(op.starts):
        indices = kept(op.x, axis)
        # Slices of axes that lose indices start at a number.
        starts.append(start if indices is None or not isinstance(start, int) else int(np.sum(indices < start)))
    return {"starts": tuple(starts), "sizes": kept_shape(op.result, kept)}


def pad(axes: OpAxes) -> None:
    """What is added by a constant may go by itself."""
    op = axes.op
    assert isinstance(op, tensor.Pad)
    for axis, (low, high) in enumerate(zip(op.low, op.high, strict=True)):
        before, after = axes.of(op.x, axis), axes.of(op.result, axis)
        if low == 0 and high == 0:
            axes.groups.couple(before, after)
        elif op.mode is PadMode.CONSTANT and isinstance(low, int) and len(after) >= low + len(before) > low:
            axes.groups.couple(before, after[low : low + len(before)])
        else:
            axes.freeze(op.x, axis)
            axes.freeze(op.result, axis)


def shrunken_pad(op: Op, kept: Kept) -> dict[str, object]:
    assert isinstance(op, tensor.Pad)
    low, high = list(op.low), list(op.high)
    for axis, size in enumerate(op.x.type.shape):
        indices, first = kept(op.result, axis), op.low[axis]
        if indices is not None and isinstance(size, int) and isinstance(first, int):
            low[axis], high[axis] = int(np.sum(indices < first)), int(np.sum(indices >= first + size))
    return {"low": tuple(low), "high": tuple(high)}


def gather(axes: OpAxes) -> None:
    """Whole slices are chosen by number: the axis of the numbers stays."""
    op = axes.op
    assert isinstance(op, tensor.Gather)
    added = op.indices.type.rank
    axes.freeze(op.x, op.axis)
    axes.freeze(op.indices, *range(added))
    axes.freeze(op.result, *range(op.axis, op.axis + added))
    for axis in range(op.x.type.rank):
        if axis != op.axis:
            axes.couple(op.x, axis, op.result, axis if axis < op.axis else axis + added - 1)


def reverse(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, tensor.Reverse)
    for axis in range(op.x.type.rank):
        labels = axes.of(op.x, axis)
        axes.groups.couple(labels[::-1] if axis in op.axes else labels, axes.of(op.result, axis))


def depth_to_space(axes: OpAxes) -> None:
    op = axes.op
    assert isinstance(op, tensor.DepthToSpace | tensor.SpaceToDepth)
    channel = op.layout.channel_axis(4)
    deep, flat = (op.x, op.result) if isinstance(op, tensor.DepthToSpace) else (op.result, op.x)
    axes.couple(op.x, 0, op.result, 0)
    for value in (op.x, op.result):
        axes.freeze(value, *op.layout.spatial_axes(4))
    labels, channels = axes.of(deep, channel), axes.of(flat, channel)
    if not len(channels) or len(labels) != len(channels) * op.block**2:
        axes.freeze_all()
        return
    is_channel_first = isinstance(op, tensor.DepthToSpace) and op.order is ChannelOrder.CRD
    grid = labels.reshape(len(channels), -1) if is_channel_first else labels.reshape(-1, len(channels)).T
    axes.groups.couple(np.broadcast_to(channels[:, None], grid.shape), grid)
