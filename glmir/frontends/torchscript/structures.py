"""Values of a program with their tensors taken out: what a branch, a loop or a call leaves, to compare and to join."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...ir import Value
from ..aten.scalars import Scalar
from ..aten.scope import Scope
from ..aten.tensors import Storage, Tensor
from .values import NamedTuple


class Conflicting(Exception):
    """Two contents cannot be joined; the message says how they differ."""


@dataclass(frozen=True, eq=False)
class Leaf:
    """A tensor's value at one time, and the tensor."""

    value: Value
    tensor: Tensor | None = None


@dataclass(frozen=True)
class Slot:
    """The place of a tensor or number in a template, by the number of the result that fills it."""

    index: int
    is_scalar: bool
    sources: list[Storage] = field(default_factory=list)
    """Where the tensor's memory may be, on one path or another."""


def frozen(content: object) -> object:
    """The content with a ``Leaf`` for each tensor: what it holds now, whatever is written to it later.

    Lists become new lists; values (the contents of storages) become leaves without a tensor.
    """
    if isinstance(content, Tensor):
        return Leaf(content.value, content)
    if isinstance(content, Value):
        return Leaf(content)
    if isinstance(content, NamedTuple):
        return NamedTuple.of(content.names, tuple(frozen(c) for c in content))
    if isinstance(content, list):
        return [frozen(c) for c in content]
    if isinstance(content, tuple):
        return tuple(frozen(c) for c in content)
    if isinstance(content, dict):
        return {key: frozen(c) for key, c in content.items()}
    return content


def filled(template: object, results: Sequence[Value], scope: Scope) -> object:
    """The content with new tensors and numbers for the slots, and the old tensors for leaves."""
    if isinstance(template, Slot):
        result = results[template.index]
        if template.is_scalar:
            return scope.number(result)
        made = scope.tensor(result)
        for source in template.sources:
            made.storage.may_share(source)
        return made
    if isinstance(template, Leaf):
        return template.tensor or template.value
    if isinstance(template, NamedTuple):
        return NamedTuple.of(template.names, tuple(filled(t, results, scope) for t in template))
    if isinstance(template, list):
        return [filled(t, results, scope) for t in template]
    if isinstance(template, tuple):
        return tuple(filled(t, results, scope) for t in template)
    if isinstance(template, dict):
        return {key: filled(t, results, scope) for key, t in template.items()}
    return template


def sources_of(*contents: object) -> tuple[Storage, ...]:
    """The memory of those of the contents that are tensors."""
    return tuple(c.tensor.storage for c in contents if isinstance(c, Leaf) and c.tensor is not None)


def leaves_of(content: object) -> list["Leaf | Scalar"]:
    """The tensors and run-time numbers of a content, in order."""
    if isinstance(content, Leaf | Scalar):
        return [content]
    if isinstance(content, list | tuple):
        return [leaf for c in content for leaf in leaves_of(c)]
    if isinstance(content, dict):
        return [leaf for c in content.values() for leaf in leaves_of(c)]
    return []
