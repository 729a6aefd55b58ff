"""Moving elements: roll, flip, triangles and diagonals, pixel and channel shuffles."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ....dims import Dim, SymInt, is_nonnegative, is_positive, product
from ....ir import Value
from ....ops import math, tensor
from ....ops.enums import ChannelOrder
from ....types import DType
from .. import viewing
from ..axes import axes_of, axis_of
from ..building import along, diagonal_mask, flat, joined, positions, sliced, transposed
from ..registry import Table
from ..scalars import Int, Number
from ..scope import Scope, constant, known_dim, known_dims, known_int, reshape
from ..tensors import Tensor, Unsupported
from ..work import require_small

TABLE = Table()


@TABLE.imports("roll")
def roll(self: Tensor, shifts: Sequence[Int], dims: Sequence[int] = ()) -> Value:
    amounts = known_dims(shifts, "how far it is moved")
    if not dims:
        if len(amounts) != 1:
            raise Unsupported(f"shifts {list(amounts)} name no axes")
        return reshape(_rolled(flat(self.value), 0, amounts[0]), self.shape)
    x = self.value
    for dim, amount in zip(dims, amounts, strict=True):
        x = _rolled(x, axis_of(dim, self.rank), amount) if self.rank else x
    return x


def _rolled(x: Value, axis: int, amount: Dim) -> Value:
    """The last ``amount`` elements of an axis moved to its front."""
    size = x.type.shape[axis]
    if size == 0:
        return x
    end = amount % size
    if isinstance(size, SymInt):
        # Plainer where it is known that the amount is no larger; moved by its whole size, an axis stays as it is.
        wrapped = size + amount if is_positive(-amount) else amount
        if not is_nonnegative(wrapped) or not is_nonnegative(size - wrapped):
            # Of the tensor twice, one part; onnxruntime takes two slices of such sizes, joined, for the whole.
            return sliced(joined([x, x], axis), axis, size - end, size)
        end = wrapped
    if end == 0:
        return x
    return joined([sliced(x, axis, size - end, end), sliced(x, axis, 0, size - end)], axis)


@TABLE.imports("flip")
def flip(self: Tensor, dims: Sequence[int]) -> Value:
    axes = axes_of(dims, self.rank) if dims else ()
    return tensor.Reverse(self.value, axes).result if axes else self.value


@TABLE.imports("fliplr")
def fliplr(self: Tensor) -> Value:
    return flip(self, (1,))


@TABLE.imports("flipud")
def flipud(self: Tensor) -> Value:
    return flip(self, (0,))


@TABLE.imports("rot90")
def rot90(self: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Value:
    """A quarter turn from the first axis towards the second, ``k`` times."""
    a, b = (axis_of(d, self.rank) for d in dims)
    order = [b if i == a else a if i == b else i for i in range(self.rank)]
    if k % 4 == 0:
        return self.value
    if k % 4 == 2:
        return flip(self, (a, b))
    if k % 4 == 1:
        return transposed(flip(self, (b,)), order)
    return transposed(flip(self, (a,)), order)


@TABLE.imports("tril")
def tril(scope: Scope, self: Tensor, diagonal: Int = 0) -> Value:
    return _triangle(scope, self.value, diagonal, upper=False)


@TABLE.imports("triu")
def triu(scope: Scope, self: Tensor, diagonal: Int = 0) -> Value:
    return _triangle(scope, self.value, diagonal, upper=True)


def _triangle(scope: Scope, x: Value, diagonal: Int, *, upper: bool) -> Value:
    """The elements on and above the diagonal (``upper``), or on and below it; zeros elsewhere.

    A diagonal that is a symbolic size, as in the causal mask of a decoder with a cache, is compared with positions.
    """
    if isinstance(diagonal, int) or x.type.rank < 2:
        return tensor.Trilu(x, known_int(diagonal, "its diagonal"), upper=upper).result
    rows, columns = x.type.shape[-2:]
    down, across = along(positions(rows), 0, 2), along(positions(columns), 1, 2)
    limit = math.Add(down, scope.scalar(diagonal, DType.I64)).result
    compared = math.GreaterEqual(across, limit) if upper else math.LessEqual(across, limit)
    return math.Select(compared.result, x, scope.scalar(0, x.type.dtype)).result


@TABLE.imports("diag")
def diag(scope: Scope, self: Tensor, diagonal: int = 0) -> Value:
    if self.rank == 2:
        return viewing.diagonal(self, diagonal, 0, 1).value
    if self.rank > 2:
        raise Unsupported(f"it is for tensors of rank 1 or 2, not {self.rank}")
    return diag_embed(scope, viewing.reshaped(self, (self.elements,)), diagonal)


@TABLE.imports("diagflat")
def diagflat(scope: Scope, self: Tensor, offset: int = 0) -> Value:
    return diag_embed(scope, viewing.reshaped(self, (self.elements,)), offset)


@TABLE.imports("diag_embed")
def diag_embed(scope: Scope, self: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Value:
    """Matrices with the last axis on a diagonal, zero elsewhere."""
    rank = self.rank + 1
    first, second = axis_of(dim1, rank), axis_of(dim2, rank)
    if self.rank == 0 or first == second:
        raise Unsupported(f"{self.type} has no diagonal along axes {dim1} and {dim2}")
    *batch, size = self.shape
    columns = reshape(self.value, (*batch, 1, size))
    zero = scope.scalar(0, self.dtype)
    matrices = math.Select(diagonal_mask(scope, size, size), columns, zero).result
    if offset:
        unpadded = (0,) * len(batch)
        right, down = max(offset, 0), max(-offset, 0)
        matrices = tensor.Pad(matrices, None, (*unpadded, down, right), (*unpadded, right, down)).result
    rest = iter(range(rank - 2))
    places = {first: rank - 2, second: rank - 1}
    return transposed(matrices, [places[i] if i in places else next(rest) for i in range(rank)])


@TABLE.imports("fill_diagonal")
def fill_diagonal(scope: Scope, self: Tensor, fill_value: Number, wrap: bool = False) -> Value:
    """``fill_diagonal_``: elements whose indices are all equal; with ``wrap`` those of tall matrices begin anew."""
    shape, value = self.shape, scope.scalar(fill_value, self.dtype)
    if self.rank < 2 or (self.rank > 2 and any(d != shape[0] for d in shape)):
        raise Unsupported(f"{self.type} has no one diagonal")
    if self.rank == 2 and not wrap:
        return math.Select(diagonal_mask(scope, shape[0], shape[1]), value, self.value).result
    sizes = [d for d in shape if isinstance(d, int)]
    if len(sizes) < self.rank:
        raise Unsupported(f"the diagonal of {self.type} has axes of symbolic size")
    step = sum(prod(sizes[i + 1 :]) for i in range(self.rank))
    require_small(prod(sizes), "the mask")
    mask = np.zeros(prod(sizes), np.bool_)
    # Without wrap only tensors of equal sizes come here, in which the steps end with the last element.
    mask[::step] = True
    return math.Select(constant(mask.reshape(sizes)), value, self.value).result


@TABLE.imports("pixel_shuffle")
def pixel_shuffle(self: Tensor, upscale_factor: int) -> Value:
    images = _as_images(self)
    spread = tensor.DepthToSpace(images, upscale_factor, ChannelOrder.CRD).result
    return reshape(spread, (*self.shape[:-3], *spread.type.shape[1:]))


@TABLE.imports("pixel_unshuffle")
def pixel_unshuffle(self: Tensor, downscale_factor: int) -> Value:
    """As space to depth, but the channels come before the places in the block."""
    images, block = _as_images(self), downscale_factor
    gathered = tensor.SpaceToDepth(images, block).result
    batch, channels, *sizes = gathered.type.shape
    apart = tensor.Reshape(gathered, None, (batch, block * block, images.type.shape[1], *sizes)).result
    ordered = tensor.Transpose(apart, (0, 2, 1, 3, 4)).result
    return reshape(ordered, (*self.shape[:-3], channels, *sizes))


def _as_images(x: Tensor) -> Value:
    if x.rank < 3:
        raise Unsupported(f"{x.type} has no channels, height and width")
    return reshape(x.value, (product(x.shape[:-3]), *x.shape[-3:]))


@TABLE.imports("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(self: Tensor, groups: Int) -> Value:
    count = known_dim(groups, "the number of groups")
    if self.rank < 3:
        raise Unsupported(f"{self.type} has no channels and space")
    batch, channels, *sizes = self.shape
    apart = reshape(self.value, (batch, count, channels // count, *sizes))
    return reshape(transposed(apart, [0, 2, 1, *range(3, self.rank + 1)]), self.shape)
