"""Structural operators of ONNX: shapes, order, joining, cutting, repeating and padding."""

from collections.abc import Sequence

import numpy as np

from ....dims import Dim, ceil_div, dim_max, known_different, product
from ....ir import Value
from ....ops import math, tensor
from ....ops.enums import ChannelOrder, PadMode
from ....types import Shape
from ..node import Imported, ImporterTable, Node, Unsupported, check_axis, constant, scalar

TABLE = ImporterTable()

Entries = tuple[Dim | None, ...]
"""A shape operand's elements, None where only running the model shows them."""


@TABLE.imports("Reshape")
def _reshape(node: Node) -> Imported:
    x = node.operand(0)
    entries: Entries = node.ints("shape") if node.opset < 5 else node.entries(1)
    copied = [i for i, d in enumerate(entries) if d == 0 and not node.int("allowzero", 0)]
    if any(i >= x.type.rank for i in copied):
        raise Unsupported(f"its shape copies a dimension that an operand of rank {x.type.rank} does not have")
    entries = tuple(x.type.shape[i] if i in copied else d for i, d in enumerate(entries))
    missing = [i for i, d in enumerate(entries) if d is None or d == -1]
    if len(missing) < 2:
        # One size is what the others leave, whether the model says so with -1 or computes it as it runs.
        return tensor.Reshape(x, None, _with_quotient(x, entries))
    if sum(d == -1 for d in entries) > 1:
        raise Unsupported("its shape holds -1 more than once")
    filled = tuple(node.unknown_dim(i) if d is None else d for i, d in enumerate(entries))
    dims = _without_copies(x, node.operand(1), copied)
    if not node.int("allowzero", 0):
        dims = _without_zeros(x, dims, entries)
    return tensor.Reshape(x, dims, _with_quotient(x, filled))


def _with_quotient(x: Value, entries: Entries) -> Shape:
    """The shape with what is missing (-1 or None, at most once) computed from the number of elements."""
    known = product(d for d in entries if d is not None and d != -1)
    if any(d is None or d == -1 for d in entries) and known == 0:
        raise Unsupported("its shape leaves one size open, which does not follow when another is 0")
    return tuple(x.type.elements // known if d is None or d == -1 else d for d in entries)


def _without_copies(x: Value, dims: Value, copied: Sequence[int]) -> Value:
    """A shape operand with the zeros, which mean x's own dimension at that place, replaced by that dimension."""
    if not copied:
        return dims
    (length,) = dims.type.shape
    assert isinstance(length, int)
    axes = [i if i in copied else 0 for i in range(length)]
    sizes = tensor.Gather(tensor.Shape(x).result, constant(np.array(axes)), 0).result
    return math.Select(constant(np.array([i in copied for i in range(length)])), sizes, dims).result


def _without_zeros(x: Value, dims: Value, entries: Entries) -> Value:
    """A shape operand with what turns out to be zero at run time replaced by x's own dimension at that place."""
    unknown = [i for i, d in enumerate(entries) if d is None and i < x.type.rank]
    if not unknown:
        return dims
    axes = [i if i in unknown else 0 for i in range(len(entries))]
    sizes = tensor.Gather(tensor.Shape(x).result, constant(np.array(axes)), 0).result
    is_zero = math.Equal(dims, scalar(0, dims)).result
    return math.Select(is_zero, sizes, dims).result


@TABLE.imports("Flatten")
def _flatten(node: Node) -> Imported:
    x = node.operand(0)
    rank = x.type.rank
    axis = node.int("axis", 1)
    if not -rank <= axis <= rank:
        raise Unsupported(f"axis {axis} is outside rank {rank}")
    split = axis + rank if axis < 0 else axis
    return tensor.Reshape(x, None, (product(x.type.shape[:split]), product(x.type.shape[split:])))


@TABLE.imports("Squeeze")
def _squeeze(node: Node) -> Imported:
    x = node.operand(0)
    shape = x.type.shape
    given = _axes(node)
    axes = _axes_of_one(node) if given is None else [check_axis(a, len(shape)) for a in given]
    for axis in axes:
        if known_different(shape[axis], 1):
            raise Unsupported(f"axis {axis} of {x.type} is not 1")
    return tensor.Reshape(x, None, tuple(d for i, d in enumerate(shape) if i not in axes))


def _axes_of_one(node: Node) -> list[int]:
    """The axes of the operand whose size is 1; of symbolic sizes the rank that the model declares tells."""
    type_ = node.type(0)
    ones = [i for i, d in enumerate(type_.shape) if d == 1]
    possible = [i for i, d in enumerate(type_.shape) if not known_different(d, 1)]
    if ones == possible:
        return ones
    declared = node.declared_shapes[0] if node.declared_shapes else None
    for axes in (ones, possible):
        if declared is not None and len(declared) == type_.rank - len(axes):
            return axes
    raise Unsupported(f"it names no axes, and which dimensions of {type_} are 1 is not known")


@TABLE.imports("Unsqueeze")
def _unsqueeze(node: Node) -> Imported:
    x = node.operand(0)
    given = _axes(node)
    if given is None:
        raise Unsupported("it names no axes")
    rank = x.type.rank + len(given)
    axes = {check_axis(a, rank) for a in given}
    if len(axes) < len(given):
        raise Unsupported(f"it names an axis twice: {list(given)}")
    dims = iter(x.type.shape)
    return tensor.Reshape(x, None, tuple(1 if i in axes else next(dims) for i in range(rank)))


def _axes(node: Node) -> tuple[int, ...] | None:
    """The axes of Squeeze and Unsqueeze: an attribute, since opset 13 an operand."""
    if node.has("axes"):
        return node.ints("axes")
    return None if node.optional(1) is None else node.known_ints(1)


@TABLE.imports("Transpose")
def _transpose(node: Node) -> Imported:
    x = node.operand(0)
    return tensor.Transpose(x, node.ints("perm", tuple(range(x.type.rank))[::-1]))


@TABLE.imports("Concat")
def _concat(node: Node) -> Imported:
    axis = node.axis("axis", 1 if node.opset < 4 else None, node.type(0).rank)
    return tensor.Concat(node.present, axis) if len(node.present) > 1 else node.operand(0)


@TABLE.imports("Split")
def _split(node: Node) -> Imported:
    x = node.operand(0)
    if x.type.rank == 0:
        raise Unsupported("a scalar cannot be split")
    axis = node.axis("axis", 0, x.type.rank)
    if node.has("split"):
        sizes: Shape = node.ints("split")
    elif node.optional(1) is not None:
        sizes = node.known_dims(1)
    else:
        sizes = _even_sizes(x.type.shape[axis], node.int("num_outputs", len(node.output_names)))
        if node.opset < 18 and known_different(sizes[-1], sizes[0]):
            raise Unsupported(f"axis {axis} of {x.type} cannot be split into {len(sizes)} equal parts")
    if len(sizes) < len(node.output_names):
        raise Unsupported(f"it has {len(node.output_names)} outputs but splits into {len(sizes)} parts")
    return tensor.Split(x, axis, sizes).results


def _even_sizes(dim: Dim, count: int) -> Shape:
    """Equal sizes, rounded up; the last is what they leave."""
    if count < 1:
        raise Unsupported(f"it splits into {count} parts")
    size = ceil_div(dim, count)
    return (*(size,) * (count - 1), dim - size * (count - 1))


@TABLE.imports("Expand")
def _expand(node: Node) -> Imported:
    x, entries = node.operand(0), node.entries(1)
    rank = max(len(entries), x.type.rank)
    own = (1,) * (rank - x.type.rank) + x.type.shape
    wanted = (1,) * (rank - len(entries)) + entries
    shape = tuple(_expanded(node, i, *pair) for i, pair in enumerate(zip(own, wanted, strict=True)))
    # Beside an unknown entry, a number other than 1 is the answer.
    if all(w is not None or (isinstance(d, int) and d != 1) for d, w in zip(own, wanted, strict=True)):
        return tensor.Expand(x, None, shape)
    return tensor.Expand(x, _joint_dims(x, node.operand(1), rank), shape)


def _expanded(node: Node, axis: int, own: Dim, wanted: Dim | None) -> Dim:
    """One dim of the result of broadcasting a dim with what is asked of it."""
    if own == 1:
        return node.unknown_dim(axis) if wanted is None else wanted
    if wanted == 1 or wanted == own or isinstance(own, int):
        return own
    if wanted is None:
        # A symbol alone, not the larger of the two, so that the result's shape tells its value.
        return node.unknown_dim(axis)
    return wanted if isinstance(wanted, int) else dim_max(own, wanted)


def _joint_dims(x: Value, dims: Value, rank: int) -> Value:
    """The shape at run time: the larger of what is asked for and of what x has already."""
    if all(d == 1 for d in x.type.shape) and dims.type.shape == (rank,):
        return dims
    return math.Maximum(_preceded_by_ones(dims, rank), _preceded_by_ones(tensor.Shape(x).result, rank)).result


def _preceded_by_ones(dims: Value, rank: int) -> Value:
    (length,) = dims.type.shape
    assert isinstance(length, int)
    return tensor.Concat((constant(np.ones(rank - length, np.int64)), dims), 0).result if length < rank else dims


@TABLE.imports("Tile")
def _tile(node: Node) -> Imported:
    if node.opset < 6:
        # A scalar of copies, and the axis that they lie along.
        shape = node.type(0).shape
        axis = check_axis(node.only_int(2), len(shape))
        return tensor.Tile(node.operand(0), tuple(node.only_dim(1) if i == axis else 1 for i in range(len(shape))))
    return tensor.Tile(node.operand(0), node.known_dims(1))


@TABLE.imports("Pad")
def _pad(node: Node) -> Imported:
    x = node.operand(0)
    rank = x.type.rank
    pads: Shape = node.ints("pads" if node.opset > 1 else "paddings") if node.opset < 11 else node.known_dims(1)
    has_axes = node.optional(3) is not None
    axes = [check_axis(a, rank) for a in node.known_ints(3)] if has_axes else list(range(rank))
    if len(pads) != 2 * len(axes):
        raise Unsupported(f"{2 * len(axes)} amounts of padding are needed, not {len(pads)}")
    by_axis = dict(zip(axes, zip(pads, pads[len(axes) :], strict=False), strict=True))
    amounts = [by_axis.get(i, (0, 0)) for i in range(rank)]
    try:
        mode = PadMode(node.string("mode", "constant"))
    except ValueError:
        raise Unsupported(f"the mode {node.string('mode')} is not one of the standard's") from None
    low, high = (tuple(dim_max(pair[side], 0) for pair in amounts) for side in (0, 1))
    x = _cropped(x, amounts)
    if not any(d != 0 for d in (*low, *high)):
        return x
    return tensor.Pad(x, _pad_value(node) if mode is PadMode.CONSTANT else None, low, high, mode)


def _cropped(x: Value, amounts: Sequence[tuple[Dim, Dim]]) -> Value:
    """x without what negative amounts of padding take away."""
    low, high = (tuple(dim_max(-pair[side], 0) for pair in amounts) for side in (0, 1))
    if not any(d != 0 for d in (*low, *high)):
        return x
    sizes = tuple(d - a - b for d, a, b in zip(x.type.shape, low, high, strict=True))
    return tensor.Slice(x, low, sizes, (1,) * x.type.rank).result


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


@TABLE.imports("DepthToSpace")
def _depth_to_space(node: Node) -> Imported:
    return tensor.DepthToSpace(node.operand(0), node.int("blocksize"), _channel_order(node))


@TABLE.imports("SpaceToDepth")
def _space_to_depth(node: Node) -> Imported:
    x, block = node.operand(0), node.int("blocksize")
    gathered = tensor.SpaceToDepth(x, block)
    if _channel_order(node) is ChannelOrder.DCR:
        return gathered
    # Since opset 28 the channels may come before the places in the block.
    shape = gathered.result.type.shape
    apart = tensor.Reshape(gathered.result, None, (shape[0], block**2, x.type.shape[1], *shape[2:])).result
    return tensor.Reshape(tensor.Transpose(apart, (0, 2, 1, 3, 4)).result, None, shape)


def _channel_order(node: Node) -> ChannelOrder:
    try:
        return ChannelOrder(node.string("mode", "DCR").lower())
    except ValueError:
        raise Unsupported(f"the mode {node.string('mode')} is neither DCR nor CRD") from None


@TABLE.imports("Shape")
def _shape(node: Node) -> Imported:
    x = node.operand(0)
    rank = x.type.rank
    start, end, _ = slice(node.int("start", 0), node.int("end", rank)).indices(rank)
    sizes = tensor.Shape(x).result
    if (start, end) == (0, rank):
        return sizes
    return tensor.Slice(sizes, (start,), (max(end - start, 0),), (1,))


@TABLE.imports("Size")
def _size(node: Node) -> Imported:
    return math.ReduceProd(tensor.Shape(node.operand(0)).result, (0,), False)
