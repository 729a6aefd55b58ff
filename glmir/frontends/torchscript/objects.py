"""The module of an archive and what it holds, as objects of one run of the program."""

import ast
from collections.abc import Iterable, Iterator
from typing import cast

from ...weights import Weight
from ..aten.complex_tensors import ComplexTensor
from ..aten.journal import ElementPlace
from ..aten.scope import Scope
from ..aten.tensors import Tensor
from ..torch_archives.objects import ScriptObject
from ..torch_archives.storages import StoredTensor
from .program import Program
from .values import EnumMember


class Instances:
    """Makes the objects of one run out of what was read from the archive, each once; what was read stays as it is."""

    def __init__(self, scope: Scope, program: Program, names: dict[int, str]) -> None:
        """``names`` are those of stored tensors, by id."""
        self._scope = scope
        self._program = program
        self._names = names
        self._made: dict[int, tuple[object, object]] = {}
        self._in_memory: dict[str, list[tuple[StoredTensor, Tensor]]] = {}
        """The tensors of each member of the archive."""

    def of(self, stored: object) -> object:
        """What a value of the archive is in this run."""
        if stored is None or isinstance(stored, bool | int | float | str):
            return stored
        if id(stored) not in self._made:
            made = self._make(stored)
            self._made.setdefault(id(stored), (stored, made))
        return self._made[id(stored)][1]

    def _make(self, stored: object) -> object:
        if isinstance(stored, StoredTensor):
            return self._tensor(stored)
        if isinstance(stored, ScriptObject):
            if member := self._enum_member(stored):
                return member
            made = ScriptObject(stored.class_name)
            self._made[id(stored)] = (stored, made)
            made.attributes.update((name, self.of(value)) for name, value in stored.attributes.items())
            made.state = self.of(stored.state)
            return made
        if isinstance(stored, list):
            return [self.of(v) for v in stored]
        if isinstance(stored, tuple):
            return tuple(self.of(v) for v in stored)
        if isinstance(stored, dict):
            return {key: self.of(v) for key, v in stored.items()}
        return stored

    def _enum_member(self, stored: ScriptObject) -> EnumMember | None:
        class_ = self._program.class_(stored.class_name)
        if class_ is None or class_.base != "Enum" or "value" not in stored.attributes:
            return None
        value = stored.attributes["value"]
        members = class_.constants.items()
        name = next((n for n, node in members if isinstance(node, ast.Constant) and node.value == value), "")
        return EnumMember(stored.class_name, name, value)

    def _tensor(self, stored: StoredTensor) -> object:
        name = self._names.get(id(stored), "")
        if stored.quantized is not None:
            from ..aten.quantization import stored_quantized

            return stored_quantized(self._scope, stored, name)
        if stored.array.dtype.kind == "c":
            parts = (Weight(stored.array.real, f"{name}.real"), Weight(stored.array.imag, f"{name}.imag"))
            return ComplexTensor(*(self._scope.tensor(self._scope.weight(part)) for part in parts))
        return self._in_shared_memory(stored, name)

    def _in_shared_memory(self, stored: StoredTensor, name: str) -> Tensor:
        """A tensor; one that shows the same memory as another is another name of it."""
        beside = self._in_memory.setdefault(stored.storage, [])
        self._scope.work.spend(len(beside) // 4)
        overlapping = [(other, made) for other, made in beside if _overlap(stored, other)]
        for other, made in overlapping:
            if _layout(stored) == _layout(other):
                return Tensor(made.storage)
        made = self._scope.tensor(self._scope.weight(Weight(stored.array, name)))
        for _, other_made in overlapping:
            made.storage.may_share(other_made.storage)
        beside.append((stored, made))
        return made


def _layout(stored: StoredTensor) -> object:
    return (stored.offset, stored.strides, stored.array.shape, stored.array.dtype)


def _overlap(a: StoredTensor, b: StoredTensor) -> bool:
    """Whether the bytes from the first to the last element of each meet; both are of one member."""
    (first, end), (other_first, other_end) = _extent(a), _extent(b)
    return first < other_end and other_first < end


def _extent(stored: StoredTensor) -> tuple[int, int]:
    """The first byte of the tensor in its storage, and the one behind the last."""
    shape = stored.array.shape
    if 0 in shape:
        return 0, 0
    last = stored.offset + sum((d - 1) * s for d, s in zip(shape, stored.strides, strict=True))
    return stored.offset * stored.array.itemsize, (last + 1) * stored.array.itemsize


def module_paths(root: ScriptObject) -> dict[int, str]:
    """The path of each module within (``layer1.0.conv1``), by id; empty for the root."""
    paths: dict[int, str] = {}
    pending: list[tuple[str, ScriptObject]] = [("", root)]
    while pending:
        path, module = pending.pop()
        if id(module) in paths:
            continue
        paths[id(module)] = path
        parts = [(name, part) for name, part in module.attributes.items() if isinstance(part, ScriptObject)]
        pending.extend((_joined(path, name), part) for name, part in reversed(parts))
    return paths


def objects_within(root: ScriptObject) -> list[ScriptObject]:
    """The object and all that it leads to, each once, those within before what holds them."""
    found: dict[int, ScriptObject] = {}
    seen: set[int] = set()
    pending: list[object] = [root]
    while pending:
        value = pending.pop()
        if isinstance(value, ScriptObject | list | tuple | dict) and id(value) not in seen:
            seen.add(id(value))
            if isinstance(value, ScriptObject):
                found[id(value)] = value
            pending.extend(part for _, part in _parts(value))
    return list(found.values())[::-1]


def tensor_names(root: ScriptObject) -> dict[int, str]:
    """The names of the tensors that the modules hold (``layer1.0.conv1.weight``), by id."""
    names: dict[int, str] = {}
    seen: set[int] = set()
    pending: list[tuple[str, object]] = [("", root)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, StoredTensor):
            names.setdefault(id(value), path)
        elif isinstance(value, ScriptObject | list | tuple | dict) and id(value) not in seen:
            seen.add(id(value))
            pending.extend((_joined(path, name), part) for name, part in reversed(list(_parts(value))))
    return names


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, ScriptObject):
        yield from value.attributes.items()
        if value.state is not None:
            yield "state", value.state
    elif isinstance(value, dict):
        yield from ((str(key), part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(place), part) for place, part in enumerate(value))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def attribute_place(owner: ScriptObject, name: str) -> ElementPlace:
    """The place of an object's attribute."""
    return ElementPlace(cast("dict[object, object]", owner.attributes), name)


def owners(values: Iterable[object]) -> set[int]:
    """The ids of all that a program can change and the values lead to: storages, lists, dicts, objects' attributes."""
    found: set[int] = set()
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, Tensor):
            found |= {id(value), id(value.storage)}
            continue
        if isinstance(value, ComplexTensor):
            pending += (value.real, value.imag)
            continue
        owner = value.attributes if isinstance(value, ScriptObject) else value
        if not isinstance(owner, list | tuple | dict) or id(owner) in found:
            continue
        found.add(id(owner))
        pending.extend(owner.values() if isinstance(owner, dict) else owner)
    return found
