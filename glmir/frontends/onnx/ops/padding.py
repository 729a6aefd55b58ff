"""Padding and cutting to a size in ONNX."""

from collections.abc import Sequence

from ....dims import dim_max
from ....ir import Value
from ....ops import math, tensor
from ....ops.enums import PadMode
from ...values import size_of
from ..node import Imported, ImporterTable, Node, Unsupported, check_axis, scalar
from ..run_time_bounds import Amount, amounts, by_axis, number, padded

TABLE = ImporterTable()


@TABLE.imports("Pad")
def _pad(node: Node) -> Imported:
    x = node.operand(0)
    rank = x.type.rank
    # The attribute was called paddings in opset 1.
    given: Sequence[Amount] = (
        node.ints("pads" if node.opset > 1 else "paddings") if node.opset < 11 else amounts(node, 1)
    )
    if len(given) % 2 or (node.optional(3) is None and len(given) != 2 * rank):
        raise Unsupported(f"{2 * rank} amounts of padding are needed, not {len(given)}")
    half = len(given) // 2
    zeros: list[Amount] = [0] * rank
    low, high = (by_axis(node, part, 3, rank, zeros) for part in (given[:half], given[half:]))
    try:
        mode = PadMode(node.string("mode", "constant"))
    except ValueError:
        raise Unsupported(f"the mode {node.string('mode')} is not one of the standard's") from None
    value = _pad_value(node) if mode is PadMode.CONSTANT else None
    return padded(node, x, low, high, mode, value)


@TABLE.imports("CenterCropPad")
def _center_crop_pad(node: Node) -> Imported:
    """Half of what is missing or too much, rounded towards zero, stands in front; the sizes are those declared."""
    x = node.operand(0)
    rank = x.type.rank
    axes = [check_axis(a, rank) for a in node.ints("axes", tuple(range(rank)))]
    sizes = amounts(node, 1)
    if len(sizes) != len(axes):
        raise Unsupported(f"it has {len(sizes)} sizes for {len(axes)} axes")
    low: list[Amount] = [0] * rank
    high: list[Amount] = [0] * rank
    for axis, size in zip(axes, sizes, strict=True):
        declared = node.declared_size(axis) if isinstance(size, Value) else size
        if isinstance(size, Value) and declared is None:
            missing = math.Sub(size, size_of(x.type.shape[axis])).result
            low[axis] = math.Div(missing, size_of(2)).result
            high[axis] = math.Sub(missing, number(low[axis])).result
        else:
            assert declared is not None
            less, more = (dim_max(d, 0) for d in (x.type.shape[axis] - declared, declared - x.type.shape[axis]))
            low[axis] = more // 2 - less // 2
            high[axis] = more - more // 2 - (less - less // 2)
    return padded(node, x, low, high, PadMode.CONSTANT, None)


def _pad_value(node: Node) -> Value | None:
    """The scalar to pad with, None for zero."""
    if node.opset < 11:
        value = node.float("value", 0.0)
        return scalar(value, node.operand(0)) if value else None
    operand = node.optional(2)
    if operand is None:
        return None
    array = node.constant(2)
    if array is not None and not array.any():
        return None
    return operand if operand.type.rank == 0 else tensor.Reshape(operand, None, ()).result
