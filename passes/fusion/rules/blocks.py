"""Blocks of pixels and channels: space to depth, depth to space and enlarging by whole factors, however spelled."""

from itertools import product
from typing import NamedTuple

import numpy as np

from ....dims import known_equal
from ....ir import Array, Op, Value
from ....opdef import replace
from ....ops import nn, tensor
from ....ops.enums import ChannelOrder, CoordinateTransform, Layout, NearestRounding, ResizeMode
from ....rewriter import RuleSet
from ...patterns import constant, constant_array
from .rearrangements import Rearrangement, fits, rearrangement

RULES = RuleSet()

ROW, COLUMN, CHANNEL = range(3)


class _Blocks(NamedTuple):
    """An image [n, c, h, w] of which blocks of pixels became channels, in an order of ROW, COLUMN and CHANNEL."""

    x: Value
    block: int
    order: tuple[int, int, int]


def _of_image(value: Value) -> Rearrangement | None:
    """How the image is a rearranged image, with six axes between."""
    found = rearrangement(value)
    return found if found is not None and found.x.type.rank == value.type.rank == 4 and len(found.split) == 6 else None


def _blocks(value: Value) -> _Blocks | None:
    """What ``value`` is when it is an image whose blocks became channels."""
    match value:
        case Value(owner=tensor.SpaceToDepth(layout=Layout.NCHW) as op):
            return _Blocks(op.x, op.block, (ROW, COLUMN, CHANNEL))
        case Value(owner=tensor.Concat(axis=1)):
            return _phases(value)
    found = _of_image(value)
    if found is None:
        return None
    (n, c, h, w), axes, out = found.x.type.shape, found.permutation, value.type.shape
    block = found.split[3]
    if not isinstance(block, int) or axes[0] != 0 or axes[4:] != (2, 4):
        return None
    if not fits(found.split, (n, c, h // block, block, w // block, block)):
        return None
    if not fits(out, (n, c * block * block, h // block, w // block)):
        return None
    kinds = {1: CHANNEL, 3: ROW, 5: COLUMN}
    return _Blocks(found.x, block, (kinds[axes[1]], kinds[axes[2]], kinds[axes[3]]))


def _phases(value: Value) -> _Blocks | None:
    """Channels that are every second (third, …) pixel, one phase after the other, of x [n, c, h, w] or [n, h, w, c].

    The phases go through the rows first (ROW, COLUMN, CHANNEL), or through the columns.
    """
    concat = value.owner
    assert isinstance(concat, tensor.Concat)
    slices = [x.owner for x in concat.xs]
    first = slices[0]
    if not isinstance(first, tensor.Slice) or first.x.type.rank != 4 or concat.axis not in (1, 3):
        return None
    rows, columns = (2, 3) if concat.axis == 1 else (1, 2)
    block, shape = first.strides[rows], first.x.type.shape
    if (
        not isinstance(block, int)
        or block < 2
        or len(slices) != block**2
        or not all(known_equal(shape[a] % block, 0) for a in (rows, columns))
    ):
        return None
    strides = tuple(block if a in (rows, columns) else 1 for a in range(4))
    starts = []
    for part, x in zip(slices, concat.xs, strict=True):
        if not isinstance(part, tensor.Slice) or part.x is not first.x or part.strides != strides or not x.has_one_use:
            return None
        sizes = tuple(d // s for d, s in zip(shape, strides, strict=True))
        if not fits(part.sizes, sizes) or any(part.starts[a] != 0 for a in range(4) if a not in (rows, columns)):
            return None
        starts.append((part.starts[rows], part.starts[columns]))
    through = list(product(range(block), repeat=2))
    if starts == through:
        return _Blocks(first.x, block, (ROW, COLUMN, CHANNEL))
    if starts == [(row, column) for column, row in through]:
        return _Blocks(first.x, block, (COLUMN, ROW, CHANNEL))
    return None


@RULES.on(tensor.Concat)
def phases_of_image(op: tensor.Concat) -> Op | None:
    """concat(x[:, :, a::b, c::b] for a, c below b) -> space_to_depth(x); [n, h, w, c] by one transpose"""
    found = _phases(op.result)
    if found is None:
        return None
    if op.axis == 1:
        return tensor.SpaceToDepth(found.x, found.block) if found.order == (ROW, COLUMN, CHANNEL) else None
    (n, h, w, c), b = found.x.type.shape, found.block
    split = tensor.Reshape(found.x, None, (n, h // b, b, w // b, b, c)).result
    phases = (2, 4) if found.order == (ROW, COLUMN, CHANNEL) else (4, 2)
    return tensor.Reshape(tensor.Transpose(split, (0, 1, 3, *phases, 5)).result, None, op.result.type.shape)


@RULES.on(tensor.Reshape)
def space_to_depth_of_transpose(op: tensor.Reshape) -> Op | None:
    """reshape(transpose(reshape(x, [n, c, h, b, w, b]))) -> space_to_depth(x)"""
    found = _blocks(op.result)
    if found is None or found.order != (ROW, COLUMN, CHANNEL):
        return None
    return tensor.SpaceToDepth(found.x, found.block)


_SPREADS: dict[tuple[int, ...], ChannelOrder] = {
    (0, 3, 4, 1, 5, 2): ChannelOrder.DCR,
    (0, 1, 4, 2, 5, 3): ChannelOrder.CRD,
}


@RULES.on(tensor.Reshape)
def depth_to_space_of_transpose(op: tensor.Reshape) -> Op | None:
    """reshape(transpose(reshape(x, [n, b, b, c, h, w]))) -> depth_to_space(x), and with [n, c, b, b, h, w] likewise"""
    found = _of_image(op.result)
    order = None if found is None else _SPREADS.get(found.permutation)
    if found is None or order is None:
        return None
    (n, c, h, w), block = found.x.type.shape, found.split[2]
    if not isinstance(block, int) or block < 2:
        return None
    inner = c // (block * block)
    split = (n, block, block, inner, h, w) if order is ChannelOrder.DCR else (n, inner, block, block, h, w)
    if not fits(found.split, split) or not fits(op.result.type.shape, (n, inner, h * block, w * block)):
        return None
    return tensor.DepthToSpace(found.x, block, order)


@RULES.on(nn.Conv)
def conv_over_one_block(op: nn.Conv) -> Op | None:
    """conv(space_to_depth(x)) -> conv(x) whose kernel is the block, for a kernel of 1; any order of the channels"""
    found = _blocks_under(op)
    weight = constant_array(op.weight)
    # A larger kernel would grow too: for small ones runtimes have faster kernels (Winograd's).
    if weight is None or found is None or any(k != 1 for k in weight.shape[2:]):
        return None
    b = found.block
    return replace(
        op,
        x=found.x,
        weight=constant(_by_parts(weight, found, (CHANNEL, ROW, COLUMN)).reshape(len(weight), -1, b, b)),
        strides=tuple(s * b for s in op.strides),
        padding=tuple(p * b for p in op.padding),
        dilations=(1, 1),
    )


@RULES.on(nn.Conv)
def conv_over_blocks_in_order(op: nn.Conv) -> Op | None:
    """conv(transpose of space_to_depth(x)) -> conv(space_to_depth(x)) with the weights in the order of its channels"""
    found = _blocks_under(op)
    weight = constant_array(op.weight)
    in_order = (ROW, COLUMN, CHANNEL)
    if weight is None or found is None or found.order == in_order:
        return None
    moved = _by_parts(weight, found, in_order)
    x = tensor.SpaceToDepth(found.x, found.block).result
    return replace(op, x=x, weight=constant(moved.reshape(weight.shape), op.weight))


def _blocks_under(op: nn.Conv) -> _Blocks | None:
    """The image of whose blocks the convolution reads all channels, nothing else doing so."""
    if op.groups != 1 or op.layout is not Layout.NCHW or not op.x.has_one_use or op.x.type.rank != 4:
        return None
    found = _blocks(op.x)
    return found if found is not None and isinstance(found.x.type.shape[1], int) else None


def _by_parts(weight: Array, blocks: _Blocks, order: tuple[int, int, int]) -> Array:
    """[O, channels of blocks, kh, kw] -> [O, the three parts of the channels in ``order``, kh, kw]"""
    b = blocks.block
    sizes = [weight.shape[1] // (b * b) if kind == CHANNEL else b for kind in blocks.order]
    split = weight.reshape(weight.shape[0], *sizes, *weight.shape[2:])
    return np.ascontiguousarray(split.transpose(0, *(1 + blocks.order.index(kind) for kind in order), 4, 5))


def _repeats(value: Value) -> tuple[Value, tuple[int, ...]] | None:
    """The operand of an expand or a tile, and how often each axis of 1 is repeated."""
    match value:
        case Value(owner=tensor.Expand(x=x, dims=None), has_one_use=True) if x.type.rank == value.type.rank:
            pairs = list(zip(x.type.shape, value.type.shape, strict=True))
            factors = tuple(1 if a == b else b for a, b in pairs)
            ones = all(a == b or a == 1 for a, b in pairs)
        case Value(owner=tensor.Tile(x=x, repeats=factors), has_one_use=True):
            ones = all(f == 1 or d == 1 for f, d in zip(factors, x.type.shape, strict=True))
        case _:
            return None
    if not ones or not all(isinstance(f, int) for f in factors):
        return None
    return x, tuple(f for f in factors if isinstance(f, int))


@RULES.on(tensor.Reshape)
def enlarged_by_repeats(op: tensor.Reshape) -> Op | None:
    """reshape(expand(reshape(x, [n, c, h, 1, w, 1]))) -> resize(x, nearest); tile, and one axis after the other, too"""
    image = _image_before_both(op) or _image_before_each(op)
    if image is None or not image.type.dtype.is_float:
        return None
    n, c, h, w = image.type.shape
    rows, columns = (b // a for a, b in zip((h, w), op.result.type.shape[2:], strict=True))
    if not isinstance(rows, int) or not isinstance(columns, int):
        return None
    if not fits(op.result.type.shape, (n, c, h * rows, w * columns)):
        return None
    scales = (1.0, 1.0, float(rows), float(columns))
    return nn.Resize(
        image,
        op.result.type.shape,
        scales,
        ResizeMode.NEAREST,
        CoordinateTransform.ASYMMETRIC,
        NearestRounding.FLOOR,
    )


def _image_before_both(op: tensor.Reshape) -> Value | None:
    """x, when [n, c, h, 1, w, 1] of it is repeated along the two axes of 1 and merged again."""
    repeated = _repeats(op.x)
    match repeated:
        case (Value(owner=tensor.Reshape(x=x, dims=None)) as split, (1, 1, 1, rows, 1, columns)):
            if x.type.rank != 4 or op.result.type.rank != 4:
                return None
            n, c, h, w = x.type.shape
            is_split = split.type.shape == (n, c, h, 1, w, 1)
            return x if is_split and fits(op.result.type.shape, (n, c, h * rows, w * columns)) else None
    return None


def _image_before_each(op: tensor.Reshape) -> Value | None:
    """x, when the rows of it are repeated first and then the columns, with reshapes around."""
    match _repeats(op.x):
        case (Value(owner=tensor.Reshape(x=middle, dims=None), has_one_use=True) as second, (1, 1, 1, 1, _)):
            pass
        case _:
            return None
    match _repeats(middle):
        case (Value(owner=tensor.Reshape(x=x, dims=None)) as first, (1, 1, 1, rows, 1)) if x.type.rank == 4:
            n, c, h, w = x.type.shape
            is_split = first.type.shape == (n, c, h, 1, w) and second.type.rank == 5
            if is_split and fits(second.type.shape, (n, c, h * rows, w, 1)):
                return x if op.result.type.rank == 4 else None
    return None
