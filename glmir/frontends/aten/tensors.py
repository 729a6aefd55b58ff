"""Tensors as PyTorch programs hold them: names of storage that in-place ops change and that views share.

The IR has values only. A ``Tensor`` is a storage, which holds the value that was written last, and a path of views that
leads from that value to what the tensor shows. Reading applies the views; writing goes back along them, so that every
other tensor of the same storage shows the change (the functionalisation of functorch and torch.export).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...dims import Dim
from ...ir import Function, Value
from ...types import DType, Shape, TensorType
from .journal import Journal
from .memory import Memory, contiguous_memory, is_contiguous
from .scalars import Number

MAX_VIEWS = 64
"""How many views of views a tensor may be: programs write a handful before they compute something."""


class Unsupported(Exception):
    """An operation cannot be imported; the message says why, as the end of a sentence that names the operation."""


class View(Protocol):
    """One step from a tensor to a view of it."""

    def memory(self, base: Memory, shape: Shape) -> Memory | None:
        """Where in memory the view's elements stand, if those of its base, of this shape, do there; None: unknown."""
        ...

    def apply(self, base: Value) -> Value:
        """What the view shows of ``base``."""
        ...

    def write(self, base: Value, new: Value) -> Value:
        """``base`` with what the view shows replaced by ``new``; raises Unsupported for views that share elements."""
        ...


class Inserter(Protocol):
    """What tensors need of the function that is being built (scope.py)."""

    journal: Journal

    @property
    def function(self) -> Function: ...

    def insert(self, value: Value) -> Value:
        """Puts the ops behind ``value`` into the function."""
        ...

    def number(self, x: Value) -> Number:
        """The only element of a tensor as a number of the program."""
        ...

    def is_visible(self, function: Function) -> bool:
        """Whether the values of ``function`` can be used where ops are inserted now."""
        ...


@dataclass(eq=False)
class Storage:
    """What tensors share: the value that was written last. ``writes`` counts how often it was.

    Only running the model may show which memory a tensor has (``y = a if x.sum() > 0 else b``). Such a storage lies
    in several blocks, and once it is written, the others in them are lost: what they hold is not known.
    """

    value: Value
    scope: Inserter
    writes: int = 0
    is_lost: bool = False
    may_be_permuted: bool = False
    """Whether PyTorch may keep the elements in another order than that of the axes: elementwise operations on permuted
    tensors do. Whether ``reshape`` then copies is not known."""
    _blocks: list[list["Storage"]] = field(default_factory=list, repr=False)
    _shown: dict[tuple[View, ...], tuple[Function, Value]] = field(default_factory=dict, repr=False)
    _shown_of: Value | None = field(default=None, repr=False)

    def along(self, path: tuple[View, ...]) -> list[Value]:
        """The value, and what each view along the path shows; nothing is computed twice.

        Raises Unsupported when the storage is lost.
        """
        if self.is_lost:
            raise Unsupported("a tensor is read that may share memory with another, which was changed in place")
        if self._shown_of is not self.value:
            self._shown, self._shown_of = {}, self.value
        values = [self.value]
        for end, view in enumerate(path, 1):
            shown = self._shown.get(path[:end])
            if shown is None or not self.scope.is_visible(shown[0]):
                shown = (self.scope.function, self.scope.insert(view.apply(values[-1])))
                self._shown[path[:end]] = shown
            values.append(shown[1])
        return values

    def write(self, value: Value) -> None:
        self.scope.journal.change(self, "value", value)
        self.scope.journal.change(self, "writes", self.writes + 1)
        for block in self._blocks:
            for other in block:
                if other is not self and not other.is_lost:
                    self.scope.journal.change(other, "is_lost", True)

    def may_share(self, other: "Storage") -> None:
        """Says that this may be the memory of ``other``, or a part of it."""
        if not other._blocks:
            other._blocks.append([other])
        for block in other._blocks:
            if self not in block:
                block.append(self)
                self._blocks.append(block)


@dataclass(eq=False)
class Tensor:
    """A tensor of a program. ``value`` is its value now; ops must take it when they run, not keep it for later."""

    storage: Storage
    path: tuple[View, ...] = ()

    @property
    def scope(self) -> Inserter:
        return self.storage.scope

    @property
    def value(self) -> Value:
        return self.storage.along(self.path)[-1]

    @property
    def type(self) -> TensorType:
        return self.value.type

    @property
    def dtype(self) -> DType:
        return self.storage.value.type.dtype

    @property
    def shape(self) -> Shape:
        return self.value.type.shape

    @property
    def rank(self) -> int:
        return self.value.type.rank

    @property
    def elements(self) -> Dim:
        return self.value.type.elements

    @property
    def memory(self) -> Memory | None:
        """Where the elements would stand in PyTorch's memory, as far as that is known; storages are contiguous."""
        values = self.storage.along(self.path)
        memory: Memory | None = contiguous_memory(values[0].type.shape)
        for view, base in zip(self.path, values, strict=False):
            memory = None if memory is None else view.memory(memory, base.type.shape)
        return memory

    @property
    def is_contiguous(self) -> bool:
        if not self.path:
            return True
        memory = self.memory
        return memory is not None and is_contiguous(memory, self.shape)

    def view(self, *views: View) -> "Tensor":
        """A tensor of the same storage that shows a part of this one, or shows it in another shape."""
        if len(self.path) + len(views) > MAX_VIEWS:
            raise Unsupported(f"it makes a view of a view of a view, over {MAX_VIEWS} times")
        return Tensor(self.storage, (*self.path, *views))

    def write(self, new: Value) -> None:
        """Makes the tensor, and with it all that share its storage, hold ``new``, which has its type.

        Raises Unsupported for a view whose elements share memory.
        """
        for view, base in zip(reversed(self.path), reversed(self.storage.along(self.path)[:-1]), strict=True):
            new = view.write(base, new)
        self.storage.write(self.scope.insert(new))

    def maybe_copied(self, other: "Tensor") -> "Tensor":
        """``other``, which holds a copy of this one's elements, where PyTorch may give a view."""
        other.storage.may_share(self.storage)
        return other

    def become(self, other: "Tensor") -> None:
        """Makes this name another view of its storage (``x.unsqueeze_(0)``)."""
        self.scope.journal.change(self, "path", other.path)
        if other.storage is not self.storage:
            self.scope.journal.change(self, "storage", other.storage)


def values_of(tensors: Sequence[Tensor]) -> list[Value]:
    """The values of the tensors now."""
    return [t.value for t in tensors]
