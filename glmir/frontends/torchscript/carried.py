"""What a loop on data changes: variables and places, as templates with slots for what each round leaves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...dims import SymInt
from ...ir import Value
from ...ops import tensor
from ...types import DType, TensorType
from ..aten.calls import FAILED
from ..aten.complex_tensors import ComplexTensor
from ..aten.journal import AttributePlace, Place
from ..aten.scalars import Scalar, SymFloat
from ..aten.scope import Scope, constant
from ..aten.tensors import Storage, Tensor, Unsupported
from ..torch_archives.objects import ScriptObject
from .structures import Leaf, Slot, filled, frozen, sources_of
from .values import UNINITIALIZED, Environment, Failure


@dataclass
class Carried:
    """What a loop changes: templates with slots by variable and by place, and what each slot holds at first."""

    variables: dict[str, object]
    contents: dict[object, object]
    places: dict[object, Place]

    def __post_init__(self) -> None:
        self._initial: list[object] = []
        self._slots: list[Slot] = []
        self.types: list[TensorType] = []
        self._shared: set[tuple[int, int]] = set()
        self.lost: dict[object, Place] = {}
        """The storages that writes to others may change, by the key of their place."""

    def lose(self, places: Iterable[Place]) -> bool:
        """Notes which storages are lost; True when there are more."""
        count = len(self.lost)
        self.lost |= {p.key: p for p in places if isinstance(p, AttributePlace) and p.name == "is_lost"}
        return len(self.lost) > count

    def add_variable(self, name: str, before: object, after: object) -> None:
        self.variables[name] = self._template(f"the variable {name}", frozen(before), frozen(after))

    def add_place(self, place: Place, before: object, after: object) -> None:
        if isinstance(place, AttributePlace) and place.name == "path":
            raise Unsupported("a loop on data changes the shape of a tensor in place")
        self.contents[place.key] = self._template("what it changes", frozen(before), frozen(after))
        self.places[place.key] = place

    def _template(self, what: str, before: object, after: object) -> object:
        if isinstance(before, list | tuple) and type(before) is type(after):
            if len(before) != len(after):
                raise Unsupported("a list grows in a loop whose number of rounds depends on the data")
            parts = [self._template(what, x, y) for x, y in zip(before, after, strict=True)]
            return parts if isinstance(before, list) else tuple(parts)
        if before is UNINITIALIZED and isinstance(after, Leaf):
            return self._new_slot(UNINITIALIZED, after.value.type, is_scalar=False)
        if isinstance(before, Leaf):
            return self._new_slot(before, before.value.type, is_scalar=False)
        number = after if before is UNINITIALIZED else before
        if isinstance(number, Scalar | int | float | SymInt | SymFloat):
            dtype = number_dtype(number)
            if isinstance(after, Scalar | int | float | SymInt | SymFloat):
                dtype = max(dtype, number_dtype(after), key=KINDS.index)
            return self._new_slot(before, TensorType(dtype, ()), is_scalar=True)
        if before == after and type(before) is type(after):
            return before
        raise Unsupported(f"{what} in a loop on data is {kind_of(before)} at first and {kind_of(after)} after a round")

    def _new_slot(self, before: object, type_: TensorType, is_scalar: bool) -> Slot:
        self._initial.append(before)
        self.types.append(type_)
        slot = Slot(len(self.types) - 1, is_scalar, list(sources_of(before)))
        self._slots.append(slot)
        return slot

    def inputs(self) -> list[Value]:
        return [Value(type_) for type_ in self.types]

    def initial(self, scope: Scope) -> Iterable[Value]:
        return [_as_value(before, type_, scope) for before, type_ in zip(self._initial, self.types, strict=True)]

    def bind(self, environment: Environment, inputs: Sequence[Value], scope: Scope) -> None:
        """Gives variables and places the symbolic values."""
        for name, template in self.variables.items():
            environment[name] = filled(template, inputs, scope)
        for key, template in self.contents.items():
            scope.journal.set(self.places[key], content_of(self.places[key], template, inputs, scope))
        for place in self.lost.values():
            scope.journal.set(place, True)

    def left(self, environment: Mapping[str, object]) -> dict[int, object]:
        """What a round leaves in the slots, by their number."""
        found: dict[int, object] = {}
        for name, template in self.variables.items():
            _match(template, frozen(environment[name]), found)
        for key, template in self.contents.items():
            _match(template, frozen(self.places[key].get()), found)
        return found

    def note_shared(self, left: Mapping[int, object], known: set[int]) -> bool:
        """Notes which slots a round leaves in the same memory, or in some from outside; True when there are more."""
        first: dict[int, int] = {}
        count = len(self._shared)
        for index, content in left.items():
            for storage in sources_of(content):
                other = first.setdefault(id(storage), index)
                if other != index and (other, index) not in self._shared:
                    self._shared.add((other, index))
                    anchor = Storage(storage.value, storage.scope)
                    self._slots[other].sources.append(anchor)
                    self._slots[index].sources.append(anchor)
                if id(storage) in known and storage not in self._slots[index].sources:
                    self._shared.add((id(storage), index))
                    self._slots[index].sources.append(storage)
        return len(self._shared) > count

    def after(self, left: Mapping[int, object], scope: Scope) -> list[Value]:
        """What a round leaves in the slots, in their types."""
        return [_as_value(left[i], type_, scope) for i, type_ in enumerate(self.types)]


def content_of(place: Place, template: object, results: Sequence[Value], scope: Scope) -> object:
    """What a place holds: a storage holds the value itself."""
    content = filled(template, results, scope)
    is_storage = isinstance(place, AttributePlace) and isinstance(place.owner, Storage)
    return content.value if is_storage and isinstance(content, Tensor) else content


def _match(template: object, content: object, found: dict[int, object]) -> None:
    """Reads off what stands in the template's slots."""
    if isinstance(template, Slot):
        found[template.index] = content
    elif isinstance(template, list | tuple):
        if not isinstance(content, list | tuple) or len(content) != len(template):
            raise Unsupported("a list grows in a loop whose number of rounds depends on the data")
        for part, element in zip(template, content, strict=True):
            _match(part, element, found)
    elif template != content:
        raise Unsupported(f"a loop on data changes {kind_of(template)} to {kind_of(content)}")


def _as_value(content: object, type_: TensorType, scope: Scope) -> Value:
    if content is UNINITIALIZED:
        return zeros_of(type_)
    if isinstance(content, Leaf):
        return content.value
    if isinstance(content, Scalar | int | float | SymInt | SymFloat):
        return scope.scalar(content, type_.dtype)
    if content is FAILED:
        raise Failure
    raise Unsupported(f"a number in a loop on data becomes {kind_of(content)}")


def zeros_of(type_: TensorType) -> Value:
    """Zeros of a type."""
    zero = constant(np.zeros((), type_.dtype.numpy))
    return tensor.Expand(zero, None, type_.shape).result if type_.rank else zero


KINDS = (DType.BOOL, DType.I64, DType.F32)


def number_dtype(number: "Scalar | SymFloat | SymInt | float") -> DType:
    """The dtype in which a number is carried through branches and loops."""
    if isinstance(number, Scalar):
        return DType.BOOL if number.dtype is DType.BOOL else DType.F32 if number.dtype.is_float else DType.I64
    if isinstance(number, bool):
        return DType.BOOL
    return DType.I64 if isinstance(number, int | SymInt) else DType.F32


def kind_of(content: object) -> str:
    if isinstance(content, Leaf):
        return f"a tensor {content.value.type}"
    if isinstance(content, ScriptObject):
        return "an object"
    if isinstance(content, ComplexTensor):
        return "a complex tensor"
    if isinstance(content, list | tuple | dict):
        return f"a {'dict' if isinstance(content, dict) else 'list'} of {len(content)}"
    return "a number" if isinstance(content, Scalar) else f"{content!r}"[:60]
