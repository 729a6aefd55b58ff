"""Structural operators of ONNX: shapes, order, joining, cutting, repeating and padding."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ....dims import Dim, ceil_div, dim_max, known_different, product
from ....ir import Value
from ....ops import math, tensor
from ....ops.enums import ChannelOrder
from ....types import Shape
from ...values import size_of
from ..node import Imported, ImporterTable, Node, Unsupported, check_axis, constant, scalar
from ..run_time_axes import Axes, chosen, possible_axes
from ..run_time_bounds import amounts, number, parts_at_run_time, places

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
    given = _axes(node)
    if given is not None:
        return _squeezed(x, given)
    if node.optional(1) is None:
        return _squeezed(x, _axes_of_one(node))
    ones = {i for i, d in enumerate(x.type.shape) if not known_different(d, 1)}
    possible = (axes for axes in possible_axes(node, 1, x.type.rank) if ones.issuperset(axes))
    return _reshaped(node, possible, lambda axes: _squeezed(x, axes))


def _squeezed(x: Value, axes: Sequence[int]) -> Value:
    shape = x.type.shape
    axes = [check_axis(a, len(shape)) for a in axes]
    for axis in axes:
        if known_different(shape[axis], 1):
            raise Unsupported(f"axis {axis} of {x.type} is not 1")
    return tensor.Reshape(x, None, tuple(d for i, d in enumerate(shape) if i not in axes)).result


def _reshaped(node: Node, possible: Iterable[Axes], reshape: Callable[[Axes], Value]) -> Value:
    """``reshape(axes)`` for axes that only running the model shows: those that give the same shape give the same."""
    if (declared := node.declared_shape()) is not None:
        return tensor.Reshape(node.operand(0), None, declared).result
    shapes = {axes: reshape(axes).type.shape for axes in possible}
    return chosen(node, 1, shapes, shapes.__getitem__, reshape, shapes.__getitem__)


def _axes_of_one(node: Node) -> list[int]:
    """The axes of the operand whose size is 1; of symbolic sizes the rank that the model declares tells.

    Where that tells nothing sizes that are not known are taken not to be 1: the result has one rank, whatever they are.
    """
    type_ = node.type(0)
    ones = [i for i, d in enumerate(type_.shape) if d == 1]
    possible = [i for i, d in enumerate(type_.shape) if not known_different(d, 1)]
    if ones == possible:
        return ones
    declared = node.declared_shapes[0] if node.declared_shapes else None
    for axes in (ones, possible):
        if declared is not None and len(declared) == type_.rank - len(axes):
            return axes
    node.scope.notes.append(
        f"node {node.name} (Squeeze): it names no axes, and only those of {type_} are dropped that are 1 whatever the "
        "sizes are; --input and --dim fix sizes"
    )
    return ones


@TABLE.imports("Unsqueeze")
def _unsqueeze(node: Node) -> Imported:
    x = node.operand(0)
    given = _axes(node)
    if given is not None:
        return _unsqueezed(x, given)
    count = node.type(1).elements if node.optional(1) is not None else None
    if not isinstance(count, int):
        raise Unsupported("it names no axes" if count is None else "how many axes it names must be known")
    possible = possible_axes(node, 1, x.type.rank + count)
    return _reshaped(node, possible, lambda axes: _unsqueezed(x, axes))


def _unsqueezed(x: Value, given: Sequence[int]) -> Value:
    rank = x.type.rank + len(given)
    axes = {check_axis(a, rank) for a in given}
    if len(axes) < len(given):
        raise Unsupported(f"it names an axis twice: {list(given)}")
    dims = iter(x.type.shape)
    return tensor.Reshape(x, None, tuple(1 if i in axes else next(dims) for i in range(rank))).result


def _axes(node: Node) -> Axes | None:
    """The axes of Squeeze and Unsqueeze: an attribute, since opset 13 an operand; None if they depend on the data."""
    if node.has("axes"):
        return node.ints("axes")
    dims = None if node.optional(1) is None else node.dims(1)
    if dims is None or not all(isinstance(d, int) for d in dims):
        return None
    return tuple(d for d in dims if isinstance(d, int))


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
        entries = _part_sizes(node, axis)
        if None in entries:
            return parts_at_run_time(node, x, axis, entries)
        sizes = tuple(d for d in entries if d is not None)
    else:
        sizes = _even_sizes(x.type.shape[axis], node.int("num_outputs", len(node.output_names)))
        if node.opset < 18 and known_different(sizes[-1], sizes[0]):
            raise Unsupported(f"axis {axis} of {x.type} cannot be split into {len(sizes)} equal parts")
    if len(sizes) < len(node.output_names):
        raise Unsupported(f"it has {len(node.output_names)} outputs but splits into {len(sizes)} parts")
    return tensor.Split(x, axis, sizes).results


def _part_sizes(node: Node, axis: int) -> Entries:
    """The sizes of the parts: those that are not known are as the model declares them, and one is what others leave."""
    entries = node.entries(1)
    sizes = [node.declared_size(axis, i) if d is None else d for i, d in enumerate(entries)]
    known = [d for d in sizes if d is not None]
    if len(known) == len(sizes) - 1:
        rest = node.type(0).shape[axis] - sum(known)
        return tuple(rest if d is None else d for d in sizes)
    return tuple(sizes)


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
    x = node.operand(0)
    if node.opset < 6:
        # A scalar of copies, and the axis that they lie along.
        axis = check_axis(node.only_int(2), x.type.rank)
        return tensor.Tile(x, tuple(node.only_dim(1) if i == axis else 1 for i in range(x.type.rank)))
    entries = node.entries(1)
    if len(entries) != x.type.rank:
        raise Unsupported(f"it has {len(entries)} numbers of repeats for {x.type}")
    pairs = zip(entries, x.type.shape, strict=True)
    repeats = tuple(_declared_repeats(node, i, d) if r is None else r for i, (r, d) in enumerate(pairs))
    y = tensor.Tile(x, tuple(1 if r is None else r for r in repeats)).result
    for axis, amount in enumerate(amounts(node, 1)):
        if repeats[axis] is None:
            size = size_of(y.type.shape[axis])
            place = places(node, axis, math.Mul(number(amount), size).result)
            y = tensor.Gather(y, math.FloorMod(place, size).result, axis).result
    return y


def _declared_repeats(node: Node, axis: int, dim: Dim) -> Dim | None:
    """How often the declared size of the result has that of the operand in it, None if that is not known."""
    if dim == 0:
        return 1
    size = node.declared_size(axis)
    return size // dim if size is not None and isinstance(dim, int) and size % dim == 0 else None


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
    batch, channels, height, width = x.type.shape
    blocks = tensor.Reshape(x, None, (batch, channels, height // block, block, width // block, block)).result
    apart = tensor.Transpose(blocks, (0, 1, 3, 5, 2, 4)).result
    return tensor.Reshape(apart, None, gathered.result.type.shape)


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
