"""Views: select, slice, reshape, transpose, expand, … ``split.py`` has those that cut a tensor into several."""

from collections.abc import Sequence

from ....dims import SymInt, known_equal, product
from ....ir import Value
from ....ops import tensor
from ....types import DType, Shape
from .. import viewing
from ..axes import axes_of, axis_of
from ..memory import strides_of_view
from ..registry import Table
from ..scalars import Int, Scalar
from ..scope import Scope, known_dim, known_dims, known_int
from ..tensors import Tensor, Unsupported
from ..viewing import permuted, reshaped

TABLE = Table()


@TABLE.imports("select")
def select(self: Tensor, dim: int, index: Int) -> Tensor:
    return viewing.selected(self, axis_of(dim, self.rank), index)


@TABLE.imports("slice")
def slice_(
    scope: Scope, self: Tensor, dim: int = 0, start: Int | None = None, end: Int | None = None, step: Int = 1
) -> Tensor:
    return viewing.sliced(scope, self, axis_of(dim, self.rank), start, end, known_int(step, "its step"))


@TABLE.imports("narrow")
def narrow(scope: Scope, self: Tensor, dim: int, start: Int, length: Int) -> Tensor:
    return viewing.narrowed(scope, self, axis_of(dim, self.rank), start, length)


@TABLE.imports("narrow")
def narrow_at_tensor(scope: Scope, self: Tensor, dim: int, start: Tensor, length: Int) -> Tensor:
    number = scope.number(start.value)
    if not isinstance(number, int | SymInt | Scalar):
        raise Unsupported("its start is no integer")
    return viewing.narrowed(scope, self, axis_of(dim, self.rank), number, length)


@TABLE.imports("view")
def view_as_dtype(self: Tensor, dtype: DType) -> Tensor:
    if dtype is not self.dtype:
        raise Unsupported(f"the bits of {self.dtype.value} are read as {dtype.value}; convert with Tensor.to instead")
    return self


@TABLE.imports("view", "_reshape_alias")
def view(scope: Scope, self: Tensor, size: Sequence[Int], stride: object = None) -> Tensor:
    return viewing.with_sizes(scope, self, size)


@TABLE.imports("reshape")
def reshape(scope: Scope, self: Tensor, shape: Sequence[Int]) -> Tensor | Value:
    viewed = viewing.with_sizes(scope, self, shape)
    if self.storage.may_be_permuted and viewed.shape != self.shape:
        return self.maybe_copied(scope.tensor(viewed.value))
    memory = self.memory if self.path else None
    if not self.path or (memory and strides_of_view(self.shape, memory.strides, viewed.shape) is not None):
        return viewed
    return viewed.value


@TABLE.imports("_reshape_from_tensor")
def reshape_from_tensor(scope: Scope, self: Tensor, shape: Tensor) -> Tensor | Value:
    rank = shape.elements
    if isinstance(rank, SymInt):
        raise Unsupported("how many axes the result has depends on the data")
    sizes = (scope.number(viewing.selected(shape, 0, i).value) for i in range(rank))
    return reshape(scope, self, [s for s in sizes if isinstance(s, int | SymInt | Scalar)])


@TABLE.imports("_shape_as_tensor")
def shape_as_tensor(scope: Scope, self: Tensor) -> Value:
    return scope.vector(self.shape)


@TABLE.imports("contiguous")
def contiguous(scope: Scope, self: Tensor, *, memory_format: object = None) -> Tensor | Value:
    if self.storage.may_be_permuted:
        return self.maybe_copied(scope.tensor(self.value))
    return self if self.is_contiguous else self.value


@TABLE.imports("ravel")
def ravel(scope: Scope, self: Tensor) -> Tensor | Value:
    return reshape(scope, self, (-1,))


@TABLE.imports("flatten")
def flatten(scope: Scope, self: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor | Value:
    if self.rank == 0:
        return reshaped(self, (1,))
    first, last = axis_of(start_dim, self.rank), axis_of(end_dim, self.rank)
    if first > last:
        raise Unsupported(f"its first axis {first} stands behind its last, {last}")
    if first == last:
        return self
    shape = self.shape
    return reshape(scope, self, (*shape[:first], product(shape[first : last + 1]), *shape[last + 1 :]))


@TABLE.imports("unflatten")
def unflatten(scope: Scope, self: Tensor, dim: int, sizes: Sequence[Int]) -> Tensor:
    axis = axis_of(dim, self.rank)
    parts = viewing.inferred(known_dims(sizes, "a size"), self.shape[axis])
    return reshaped(self, (*self.shape[:axis], *parts, *self.shape[axis + 1 :]))


@TABLE.imports("view_as", "reshape_as")
def view_as(scope: Scope, self: Tensor, other: Tensor) -> Tensor | Value:
    return reshape(scope, self, other.shape)


@TABLE.imports("expand")
def expand(scope: Scope, self: Tensor, size: Sequence[Int], *, implicit: bool = False) -> Tensor | Value:
    if any(isinstance(s, Scalar) for s in size):
        return _expanded_at_run_time(scope, self, size)
    return viewing.expanded(self, known_dims(size, "a size"))


@TABLE.imports("broadcast_to")
def broadcast_to(scope: Scope, self: Tensor, size: Sequence[Int]) -> Tensor | Value:
    return expand(scope, self, size)


def _expanded_at_run_time(scope: Scope, x: Tensor, sizes: Sequence[Int]) -> Value:
    added = len(sizes) - x.rank
    known = [x.shape[i - added] if i >= added and _keeps(s, x.shape[i - added]) else s for i, s in enumerate(sizes)]
    shape, dims = scope.dims(known)
    return tensor.Expand(x.value, dims, shape).result


def _keeps(size: Int, dim: object) -> bool:
    """Whether expanding an axis of size ``dim`` leaves it as it is."""
    return size == -1 or (isinstance(size, Scalar) and isinstance(dim, int) and dim != 1)


@TABLE.imports("expand_as")
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    return viewing.expanded(self, other.shape)


@TABLE.imports("squeeze")
def squeeze(self: Tensor) -> Tensor:
    return reshaped(self, tuple(d for d in self.shape if d != 1))


@TABLE.imports("squeeze")
def squeeze_axes(self: Tensor, dim: int | Sequence[int]) -> Tensor:
    """Axes of symbolic size stay: such sizes are taken to be 2 or more, as torch.export takes them."""
    axes = axes_of(dim, self.rank) if dim != () else ()
    return reshaped(self, tuple(d for i, d in enumerate(self.shape) if i not in axes or d != 1))


@TABLE.imports("unsqueeze")
def unsqueeze(self: Tensor, dim: int) -> Tensor:
    axis = axis_of(dim, self.rank + 1)
    return reshaped(self, (*self.shape[:axis], 1, *self.shape[axis:]))


@TABLE.imports("transpose", "swapdims")
def transpose(self: Tensor, dim0: int, dim1: int) -> Tensor:
    order = list(range(self.rank))
    a, b = axis_of(dim0, self.rank), axis_of(dim1, self.rank)
    if self.rank:
        order[a], order[b] = b, a
    return permuted(self, order)


@TABLE.imports("swapaxes")
def swapaxes(self: Tensor, axis0: int, axis1: int) -> Tensor:
    return transpose(self, axis0, axis1)


@TABLE.imports("permute")
def permute(self: Tensor, dims: Sequence[int]) -> Tensor:
    order = [axis_of(d, self.rank) for d in dims]
    if sorted(order) != list(range(self.rank)):
        raise Unsupported(f"{list(dims)} does not name each of {self.rank} axes once")
    return permuted(self, order)


@TABLE.imports("movedim", "moveaxis")
def movedim(self: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    sources, targets = (
        [axis_of(d, self.rank) for d in ((dims,) if isinstance(dims, int) else dims)] for dims in (source, destination)
    )
    if len(sources) != len(targets) or len(set(sources)) < len(sources) or len(set(targets)) < len(targets):
        raise Unsupported(f"axes {sources} cannot move to {targets}")
    if self.rank == 0:
        return self
    by_target = dict(zip(targets, sources, strict=True))
    rest = iter(a for a in range(self.rank) if a not in sources)
    return permuted(self, [by_target[i] if i in by_target else next(rest) for i in range(self.rank)])


@TABLE.imports("t")
def t(self: Tensor) -> Tensor:
    if self.rank > 2:
        raise Unsupported(f"it is for tensors of rank 2 or less, not {self.rank}")
    return permuted(self, range(self.rank)[::-1])


@TABLE.imports("numpy_T")
def numpy_t(self: Tensor) -> Tensor:
    return permuted(self, range(self.rank)[::-1])


@TABLE.imports("mT", "mH", "adjoint")
def matrix_transpose(self: Tensor) -> Tensor:
    if self.rank < 2:
        raise Unsupported(f"it is for tensors of rank 2 or more, not {self.rank}")
    return transpose(self, -2, -1)


@TABLE.imports("matrix_H")
def matrix_h(self: Tensor) -> Tensor:
    return t(self)


@TABLE.imports("diagonal")
def diagonal(self: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    return viewing.diagonal(self, offset, axis_of(dim1, self.rank), axis_of(dim2, self.rank))


@TABLE.imports("linalg_diagonal")
def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:  # noqa: N803
    return diagonal(A, offset, dim1, dim2)


@TABLE.imports("unfold")
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor | Value:
    if self.rank == 0:
        return reshaped(self, (size,))
    return viewing.unfolded(self, axis_of(dimension, self.rank), size, step)


@TABLE.imports("as_strided")
def as_strided(self: Tensor, size: Sequence[Int], stride: Sequence[Int], storage_offset: Int | None = None) -> Tensor:
    offset = None if storage_offset is None else known_dim(storage_offset, "its offset")
    return viewing.strided(self, known_dims(size, "a size"), known_dims(stride, "a stride"), offset)


@TABLE.imports("detach", "alias", "lift", "lift_fresh")
def alias(self: Tensor) -> Tensor:
    """The tensor itself: nothing is differentiated."""
    return Tensor(self.storage, self.path)


@TABLE.imports("imag")
def imag(self: Tensor) -> Tensor:
    raise Unsupported("real numbers have no imaginary part")


@TABLE.imports("lift_fresh_copy")
def lift_fresh_copy(self: Tensor) -> Value:
    return self.value


@TABLE.imports("broadcast_tensors")
def broadcast_tensors(tensors: Sequence[Tensor]) -> list[Tensor]:
    shape = viewing.common_shape(tensors)
    return [viewing.expanded(x, shape) for x in tensors]


@TABLE.imports("atleast_1d")
def atleast_1d(self: Tensor) -> Tensor:
    return self if self.rank else reshaped(self, (1,))


@TABLE.imports("atleast_2d")
def atleast_2d(self: Tensor) -> Tensor:
    return self if self.rank >= 2 else reshaped(self, (1, *(self.shape or (1,))))


@TABLE.imports("atleast_3d")
def atleast_3d(self: Tensor) -> Tensor:
    shapes: dict[int, Shape] = {0: (1, 1, 1), 1: (1, *self.shape, 1), 2: (*self.shape, 1)}
    return reshaped(self, shapes[self.rank]) if self.rank < 3 else self


@TABLE.imports("atleast_1d")
def each_atleast_1d(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [atleast_1d(x) for x in tensors]


@TABLE.imports("atleast_2d")
def each_atleast_2d(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [atleast_2d(x) for x in tensors]


@TABLE.imports("atleast_3d")
def each_atleast_3d(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [atleast_3d(x) for x in tensors]


@TABLE.imports("meshgrid")
def meshgrid(tensors: Sequence[Tensor], *, indexing: str = "ij") -> list[Tensor]:
    if any(x.rank > 1 for x in tensors) or indexing not in ("ij", "xy"):
        raise Unsupported("it takes tensors of rank 1, and 'ij' or 'xy'")
    axes = list(range(len(tensors)))
    if indexing == "xy" and len(axes) >= 2:
        axes[:2] = 1, 0
    lengths = [x.elements for x in tensors]
    shape = tuple(lengths[axes.index(i)] for i in range(len(axes)))
    grids = []
    for x, axis in zip(tensors, axes, strict=True):
        row = reshaped(x, tuple(x.elements if i == axis else 1 for i in range(len(axes))))
        grids.append(viewing.expanded(row, shape))
    return grids


@TABLE.imports("resize_as")
def resize_as(self: Tensor, the_template: Tensor, *, memory_format: object = None) -> Tensor:
    return resize(self, the_template.shape)


@TABLE.imports("resize")
def resize(self: Tensor, size: Sequence[Int], *, memory_format: object = None) -> Tensor:
    shape = known_dims(size, "a size")
    if len(shape) != self.rank or not all(known_equal(a, b) for a, b in zip(shape, self.shape, strict=True)):
        raise Unsupported(f"a tensor of type {self.type} takes another size; make a new one instead")
    return self
