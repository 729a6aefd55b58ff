"""Views that cut a tensor into several, and the forms of views that copy."""

import functools
from collections.abc import Callable, Sequence
from itertools import pairwise

from ....dims import Dim, SymInt, ceil_div, divides
from ..axes import axis_of
from ..registry import Table
from ..scalars import Int
from ..scope import Scope, known_dim, known_dims, known_int
from ..tensors import Tensor, Unsupported
from ..viewing import part, selected, sliced
from ..work import require_few
from . import views

TABLE = Table()


@TABLE.imports("split")
def split(self: Tensor, split_size: Int, dim: int = 0) -> list[Tensor]:
    axis = _axis(self, dim)
    size, whole = known_dim(split_size, "the size of a part"), self.shape[axis]
    if whole == 0 or size == 0:
        return [self]
    count = ceil_div(whole, size)
    if isinstance(count, SymInt):
        raise Unsupported(f"into how many parts of {size} axis {axis} of {self.type} is cut depends on its size")
    require_few(count, "its parts")
    return _parts(self, axis, (*(size,) * (count - 1), whole - size * (count - 1)))


@TABLE.imports("split")
def split_into_sizes(self: Tensor, split_sizes: Sequence[Int], dim: int = 0) -> list[Tensor]:
    return split_with_sizes(self, split_sizes, dim)


@TABLE.imports("split")
def split_by_keyword(self: Tensor, split_size: Sequence[Int], dim: int = 0) -> list[Tensor]:
    return split_with_sizes(self, split_size, dim)


@TABLE.imports("split_with_sizes")
def split_with_sizes(self: Tensor, split_sizes: Sequence[Int], dim: int = 0) -> list[Tensor]:
    axis = _axis(self, dim)
    sizes = known_dims(split_sizes, "the size of a part")
    total: Dim = 0
    for size in sizes:
        total = total + size
    whole = self.shape[axis]
    if isinstance(total, int) and isinstance(whole, int) and total != whole:
        raise Unsupported(f"parts of {list(sizes)} do not make up axis {axis} of {self.type}")
    return _parts(self, axis, sizes)


@TABLE.imports("chunk")
def chunk(self: Tensor, chunks: int, dim: int = 0) -> list[Tensor]:
    """``chunks`` parts of equal size, the last one smaller; fewer when rounding up uses up the axis."""
    axis = _axis(self, dim)
    whole = self.shape[axis]
    if chunks < 1:
        raise Unsupported(f"it asks for {chunks} parts")
    size = ceil_div(whole, chunks)
    # An axis of symbolic size is taken to be so long that every part has elements.
    needed = ceil_div(whole, size) if whole != 0 else chunks
    count = needed if isinstance(needed, int) else chunks
    require_few(count, "its parts")
    return _parts(self, axis, (*(size,) * (count - 1), whole - size * (count - 1)))


@TABLE.imports("tensor_split")
def tensor_split(self: Tensor, sections: Int, dim: int = 0) -> list[Tensor]:
    return _sections(self, known_int(sections, "the number of parts"), _axis(self, dim))


@TABLE.imports("tensor_split")
def tensor_split_at(scope: Scope, self: Tensor, indices: Sequence[Int], dim: int = 0) -> list[Tensor]:
    return _cut_at(scope, self, indices, _axis(self, dim))


@TABLE.imports("tensor_split")
def tensor_split_by_tensor(
    scope: Scope, self: Tensor, tensor_indices_or_sections: Tensor, dim: int = 0
) -> list[Tensor]:
    contents = scope.contents.of(tensor_indices_or_sections.value)
    elements: list[object] = [] if contents is None else list(contents.flat)
    places = [e for e in elements if isinstance(e, int | SymInt)]
    if contents is None or len(places) < contents.size:
        raise Unsupported("where it cuts depends on the data")
    return tensor_split_at(scope, self, places, dim) if contents.ndim else tensor_split(self, places[0], dim)


def _sections(x: Tensor, count: int, axis: int) -> list[Tensor]:
    """Parts that differ in size by at most one, the larger ones first."""
    whole = x.shape[axis]
    if count < 1:
        raise Unsupported(f"it asks for {count} parts")
    require_few(count, "its parts")
    if isinstance(whole, SymInt):
        quotient = divides(count, whole)
        if quotient is None:
            raise Unsupported(f"how axis {axis} of {x.type} is cut into {count} parts depends on its size")
        return _parts(x, axis, (quotient,) * count)
    return _parts(x, axis, [whole // count + (i < whole % count) for i in range(count)])


def _cut_at(scope: Scope, x: Tensor, places: Sequence[Int], axis: int) -> list[Tensor]:
    bounds: list[Int] = [0, *places, x.shape[axis]]
    return [sliced(scope, x, axis, a, b, 1) for a, b in pairwise(bounds)]


@TABLE.imports("hsplit")
def hsplit(scope: Scope, self: Tensor, sections: int | Sequence[int]) -> list[Tensor]:
    return _numpy_split(scope, self, sections, 0 if self.rank == 1 else 1)


@TABLE.imports("hsplit")
def hsplit_at(scope: Scope, self: Tensor, indices: Sequence[int]) -> list[Tensor]:
    return hsplit(scope, self, indices)


@TABLE.imports("vsplit")
def vsplit(scope: Scope, self: Tensor, sections: int | Sequence[int]) -> list[Tensor]:
    return _numpy_split(scope, self, sections, 0)


@TABLE.imports("vsplit")
def vsplit_at(scope: Scope, self: Tensor, indices: Sequence[int]) -> list[Tensor]:
    return vsplit(scope, self, indices)


@TABLE.imports("dsplit")
def dsplit(scope: Scope, self: Tensor, sections: int | Sequence[int]) -> list[Tensor]:
    return _numpy_split(scope, self, sections, 2)


@TABLE.imports("dsplit")
def dsplit_at(scope: Scope, self: Tensor, indices: Sequence[int]) -> list[Tensor]:
    return dsplit(scope, self, indices)


def _numpy_split(scope: Scope, x: Tensor, sections: int | Sequence[int], axis: int) -> list[Tensor]:
    axis = _axis(x, axis)
    return _sections(x, sections, axis) if isinstance(sections, int) else _cut_at(scope, x, sections, axis)


@TABLE.imports("unbind")
def unbind(self: Tensor, dim: int = 0) -> list[Tensor]:
    axis = _axis(self, dim)
    count = self.shape[axis]
    if isinstance(count, SymInt):
        raise Unsupported(f"into how many parts {self.type} falls is only known by symbol; fix it with --input")
    require_few(count, "its parts")
    return [selected(self, axis, i) for i in range(count)]


def _axis(x: Tensor, dim: int) -> int:
    if x.rank == 0:
        raise Unsupported("a tensor without axes cannot be cut")
    return axis_of(dim, x.rank)


def _parts(x: Tensor, axis: int, sizes: Sequence[Dim]) -> list[Tensor]:
    """Consecutive parts of an axis."""
    parts = []
    start: Dim = 0
    for size in sizes:
        parts.append(part(x, axis, start, size))
        start = start + size
    return parts


_COPYING = {
    "alias_copy": "alias",
    "as_strided_copy": "as_strided",
    "detach_copy": "detach",
    "diagonal_copy": "diagonal",
    "expand_copy": "expand",
    "narrow_copy": "narrow",
    "permute_copy": "permute",
    "_reshape_copy": "view",
    "select_copy": "select",
    "slice_copy": "slice",
    "split_copy": "split",
    "split_with_sizes_copy": "split_with_sizes",
    "squeeze_copy": "squeeze",
    "t_copy": "t",
    "transpose_copy": "transpose",
    "unbind_copy": "unbind",
    "unfold_copy": "unfold",
    "unsafe_chunk": "chunk",
    "unsafe_split": "split",
    "unsafe_split_with_sizes": "split_with_sizes",
    "_unsafe_view": "view",
    "unsqueeze_copy": "unsqueeze",
    "view_copy": "view",
}
"""Operations that give a copy of what a view shows, and the view."""


def _copying(importer: Callable[..., object]) -> Callable[..., object]:
    """The importer with views in its result made values."""

    @functools.wraps(importer)
    def copy(*args: object, **kwargs: object) -> object:
        return _copied(importer(*args, **kwargs))

    return copy


def _copied(result: object) -> object:
    if isinstance(result, list):
        return [_copied(r) for r in result]
    return result.value if isinstance(result, Tensor) else result


def _register_copies() -> None:
    for name, source in _COPYING.items():
        for table in (views.TABLE, TABLE):
            for overload in table.overloads.get(source, ()):
                TABLE.imports(name)(_copying(overload.importer))


_register_copies()
