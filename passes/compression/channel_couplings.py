"""How each op couples the indices of its operands' and results' axes, and how its attributes shrink with them.

An op that is not listed freezes all that it touches. A removed channel is one of which every consumer sees zeros: what
is removed from a sum of products is removed from both factors.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ...ir import Op
from ...ops import math, nn, quant, tensor
from .layer_couplings import (
    attention,
    batch_norm,
    channel_norm,
    conv,
    conv_transpose,
    linear,
    mat_mul,
    pool,
    recurrent,
    resize,
    shrunken_groups,
    shrunken_norm,
    trailing_norm,
)
from .op_axes import Kept, OpAxes
from .structure_couplings import (
    along_axis,
    concat,
    depth_to_space,
    elementwise,
    expand,
    gather,
    pad,
    reduction,
    reshape,
    reverse,
    scaled,
    shrunken_pad,
    shrunken_shape,
    shrunken_slice,
    shrunken_split,
    slices,
    split,
    transpose,
)


def couple(axes: OpAxes) -> None:
    """Couples what one op couples."""
    entry = _entry(axes.op)
    if entry is None:
        axes.freeze_all()
    else:
        entry.couple(axes)


def shrunken_attributes(op: Op, kept: Kept) -> dict[str, object]:
    """The attributes of an op that change with its axes; ``kept`` says which indices stay."""
    entry = _entry(op)
    return {} if entry is None else entry.shrink(op, kept)


@dataclass(frozen=True)
class _Entry:
    couple: Callable[[OpAxes], None]
    shrink: Callable[[Op, Kept], dict[str, object]] = lambda op, kept: {}


def _entry(op: Op) -> _Entry | None:
    return next((entry for family, entry in _ENTRIES.items() if isinstance(op, family)), None)


_ENTRIES: dict[type[Op], _Entry] = {
    nn.Conv: _Entry(conv, shrunken_groups),
    nn.ConvTranspose: _Entry(conv_transpose, shrunken_groups),
    nn.Linear: _Entry(linear),
    math.MatMul: _Entry(mat_mul),
    nn.Attention: _Entry(attention),
    nn.Recurrent: _Entry(recurrent),
    nn.BatchNorm: _Entry(batch_norm),
    nn.LayerNorm: _Entry(trailing_norm),
    nn.RmsNorm: _Entry(trailing_norm),
    nn.InstanceNorm: _Entry(channel_norm),
    nn.GroupNorm: _Entry(channel_norm, shrunken_norm),
    nn.Pool: _Entry(pool),
    nn.Resize: _Entry(resize, shrunken_shape),
    # Before the unary ops, of which they are some.
    nn.Softmax: _Entry(along_axis),
    nn.LogSoftmax: _Entry(along_axis),
    math.CumSum: _Entry(along_axis),
    math.Unary: _Entry(elementwise),
    math.Binary: _Entry(elementwise),
    math.Select: _Entry(elementwise),
    nn.PRelu: _Entry(elementwise),
    tensor.Cast: _Entry(elementwise),
    math.Reduction: _Entry(reduction),
    math.ArgReduction: _Entry(reduction),
    quant.Scaled: _Entry(scaled),
    tensor.Constant: _Entry(lambda axes: None),
    tensor.Transpose: _Entry(transpose),
    tensor.Reshape: _Entry(reshape, shrunken_shape),
    tensor.Expand: _Entry(expand, shrunken_shape),
    tensor.Concat: _Entry(concat),
    tensor.Split: _Entry(split, shrunken_split),
    tensor.Slice: _Entry(slices, shrunken_slice),
    tensor.Pad: _Entry(pad, shrunken_pad),
    tensor.Gather: _Entry(gather),
    tensor.Reverse: _Entry(reverse),
    tensor.DepthToSpace: _Entry(depth_to_space),
    tensor.SpaceToDepth: _Entry(depth_to_space),
}
