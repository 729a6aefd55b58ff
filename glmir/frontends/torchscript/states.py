"""What a module remembers from one call of ``forward`` to the next.

The first call runs on what the archive holds. What it leaves changed is remembered: tensors become states, numbers,
None and strings stay as they are while every call leaves the same. Calls are run on what the one before left until one
leaves what it found; that one is what every later call computes. When the first call differs from it (a hidden state
that is None at first), either zeros for the states make the two equal, which value numbering proves, or the compiled
function has both and a state that says which to take.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ...attributes import FunctionRef
from ...errors import CompileError
from ...ir import Array, Function, Module, State, Value
from ...ops import control
from ...ops.tensor import Constant
from ...types import DType, TensorType
from ...weights import Weight
from ..aten.complex_tensors import ComplexTensor
from ..aten.journal import AttributePlace, Changes, ElementPlace, ListPlace, Place
from ..aten.known import KnownArrays
from ..aten.scalars import Scalar, SymFloat
from ..aten.scope import Scope, constant
from ..aten.tensors import Storage, Tensor, Unsupported
from ..torch_archives.objects import ScriptObject
from .carried import number_dtype
from .numbering import equal_functions
from .structures import Leaf, frozen
from .values import NamedTuple

if TYPE_CHECKING:
    from .importer import Run

_LARGEST_CACHE = 1 << 26
"""Elements of a tensor that a module may keep and that the weights alone give."""

MAX_CALLS = 6
"""After how many calls a module must leave what it found."""


@dataclass(frozen=True)
class Path:
    """The name of a place: of an attribute, an element or a list, or of what the tensor there holds."""

    text: str
    is_storage: bool


Contents = dict[Path, object]
"""What the places that a call changes hold, frozen."""


@dataclass(frozen=True)
class Number:
    """A number that differs from call to call; in an abstract content, by its dtype."""

    dtype: DType


class ObjectForm(dict[object, object]):
    """An object that forward has made: its attributes by name, its class's name under ``CLASS``."""


CLASS = "%class"


def _content(value: object) -> object:
    """A content as it is remembered: frozen, and objects by their attributes."""
    if isinstance(value, ScriptObject):
        return ObjectForm({CLASS: value.class_name} | {name: _content(v) for name, v in value.attributes.items()})
    if isinstance(value, list | tuple):
        parts = [_content(v) for v in value]
        return NamedTuple.of(value.names, tuple(parts)) if isinstance(value, NamedTuple) else type(value)(parts)
    if isinstance(value, dict):
        return {key: _content(v) for key, v in value.items()}
    return frozen(value)


class Known:
    """A tensor that no input has a part in (a cache of what the weights give), by its elements."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Known) or self.array.dtype != other.array.dtype:
            return False
        return np.array_equal(self.array, other.array)

    __hash__ = object.__hash__

    @property
    def type(self) -> TensorType:
        return TensorType(DType.of(self.array.dtype), self.array.shape)


class Places:
    """The places of a module that a program can change, by path: attributes, elements, lists, storages."""

    def __init__(self, root: ScriptObject) -> None:
        self._paths: dict[int, str] = {}
        self._owners: dict[str, object] = {}
        pending: list[tuple[str, object]] = [("", root)]
        while pending:
            path, value = pending.pop()
            owner = value.attributes if isinstance(value, ScriptObject) else value
            owner = value.storage if isinstance(value, Tensor) else owner
            if not isinstance(owner, dict | list | tuple | Storage | ComplexTensor) or id(owner) in self._paths:
                continue
            if not isinstance(owner, tuple | ComplexTensor):
                self._paths[id(owner)] = path
                self._owners[path] = owner
            pending.extend(reversed(list(_parts(path, owner))))

    def path(self, place: Place) -> Path | None:
        """The place's path; None for one that the module did not lead to when the call began."""
        if not isinstance(place, ListPlace | ElementPlace | AttributePlace):
            return None
        owner = self._paths.get(id(place.owner))
        if owner is not None and isinstance(place, AttributePlace) and place.name == "is_lost":
            raise Unsupported(f"forward changes in place what may share memory with {owner}; that is no state")
        if owner is None or (isinstance(place, AttributePlace) and place.name != "value"):
            return None
        text = _joined(owner, str(place.name)) if isinstance(place, ElementPlace) else owner
        return Path(text, isinstance(place, AttributePlace))

    def place(self, path: Path) -> Place:
        """The place of a path that some run changed."""
        owner = self._owners.get(path.text)
        if path.is_storage:
            assert isinstance(owner, Storage)
            return AttributePlace(owner, "value")
        if isinstance(owner, list):
            return ListPlace(owner)
        parent, _, name = path.text.rpartition(".")
        container = self._owners[parent]
        assert isinstance(container, dict)
        return ElementPlace(container, name)


def _parts(path: str, owner: object) -> Iterator[tuple[str, object]]:
    if isinstance(owner, ComplexTensor):
        yield from ((_joined(path, "real"), owner.real), (_joined(path, "imag"), owner.imag))
    elif isinstance(owner, dict):
        yield from ((_joined(path, str(key)), part) for key, part in owner.items())
    elif isinstance(owner, list | tuple):
        yield from ((_joined(path, str(i)), part) for i, part in enumerate(owner))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@dataclass
class Memory:
    """What a call found and left in the places that it changed."""

    found: Contents = field(default_factory=dict)
    left: Contents = field(default_factory=dict)

    @staticmethod
    def of(places: Places, changes: Changes) -> "Memory":
        """Of the changes recorded while the call ran; must be called while they stand."""
        memory = Memory()
        for place, before in changes.before.values():
            path, now = places.path(place), place.get()
            found, left = _content(before), _content(now)
            if path is None or now is before or _same(found, left):
                continue
            memory.found[path] = found
            memory.left[path] = left
        # What a tensor held matters no more where another has taken its place.
        for path in [p for p in memory.left if p.is_storage and Path(p.text, False) in memory.left]:
            del memory.found[path], memory.left[path]
        return memory


@dataclass
class Remembered:
    """What a call is run on: contents by path, abstract; their tensors and numbers are inputs."""

    contents: Mapping[Path, object]

    def restore(self, places: Places, scope: Scope) -> list[Value]:
        """Puts the contents into a module's places; returns the inputs that they need, named by their paths."""
        inputs: list[Value] = []
        for path, content in self.contents.items():
            place = places.place(path)
            made = _made(path.text, content, scope, inputs)
            place.set(made.value if path.is_storage and isinstance(made, Tensor) else made)
        return inputs


def _made(path: str, content: object, scope: Scope, inputs: list[Value]) -> object:
    if isinstance(content, TensorType | Number):
        type_ = content if isinstance(content, TensorType) else TensorType(content.dtype, ())
        value = Value(type_, path)
        inputs.append(value)
        return scope.tensor(value) if isinstance(content, TensorType) else Scalar(value)
    if isinstance(content, Known):
        return scope.tensor(constant(content.array))
    if isinstance(content, list | tuple):
        parts = [_made(f"{path}.{i}", c, scope, inputs) for i, c in enumerate(content)]
        return parts if isinstance(content, list) else tuple(parts)
    if isinstance(content, dict):
        elements = {key: _made(f"{path}.{key}", c, scope, inputs) for key, c in content.items()}
        if isinstance(content, ObjectForm):
            return ScriptObject(str(elements.pop(CLASS)), elements)
        return elements
    return content


def remembered(run: "Callable[[Remembered], Run]", first: "Run") -> Module:
    """The module of a program with memory, of which ``first`` is the first call."""
    contents: Contents = {path: _abstract(c) for path, c in first.memory.left.items()}
    for _ in range(MAX_CALLS):
        later = run(Remembered(contents))
        left = {path: _abstract(c) for path, c in later.memory.left.items()}
        joined = {path: _joined_contents(path.text, c, left.get(path, c)) for path, c in (left | contents).items()}
        if joined == contents:
            return _Assembly(first, later, contents).module()
        contents = joined
    raise CompileError(["what forward leaves in the module changes its form from call to call"])


def _abstract(content: object) -> object:
    """A content with types for tensors that depend on inputs, and what they are for others."""
    if isinstance(content, Leaf):
        array = KnownArrays(_LARGEST_CACHE).of(content.value)
        return content.value.type if array is None else Known(array)
    if isinstance(content, Scalar):
        return Number(number_dtype(content))
    if isinstance(content, list | tuple):
        parts = [_abstract(c) for c in content]
        return parts if isinstance(content, list) else tuple(parts)
    if isinstance(content, dict):
        return type(content)({key: _abstract(c) for key, c in content.items()})
    return content


def _joined_contents(path: str, before: object, after: object) -> object:
    """What stands for both: numbers that differ become states; of other forms the later one is tried."""
    if before == after and type(before) is type(after):
        return before
    before = before.type if isinstance(before, Known) and isinstance(after, Known | TensorType) else before
    after = after.type if isinstance(after, Known) and isinstance(before, TensorType) else after
    if before == after:
        return before
    if isinstance(before, list | tuple) and type(before) is type(after) and len(before) == len(after):
        pairs = zip(before, after, strict=True)
        parts = [_joined_contents(path, b, a) for b, a in pairs]
        return parts if isinstance(before, list) else tuple(parts)
    if isinstance(before, dict) and isinstance(after, dict) and list(before) == list(after):
        return type(after)({key: _joined_contents(f"{path}.{key}", before[key], after[key]) for key in after})
    kinds = (_number_kind(before), _number_kind(after))
    if kinds[0] is not None and kinds[0] is kinds[1]:
        return Number(kinds[0])
    if isinstance(before, TensorType) and isinstance(after, TensorType) and before.dtype is after.dtype:
        grown = [i for i, (b, a) in enumerate(zip(before.shape, after.shape, strict=False)) if b != a]
        if before.rank == after.rank and all(d != 0 for d in before.shape) and grown:
            raise CompileError(
                [f"the state {path} is {before} after one call and {after} after the next: states must keep their size"]
            )
    return after


def _number_kind(content: object) -> DType | None:
    if isinstance(content, Number):
        return content.dtype
    return number_dtype(content) if isinstance(content, bool | int | float) else None


def _same(a: object, b: object) -> bool:
    if isinstance(a, Leaf) and isinstance(b, Leaf):
        return a.value is b.value
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    return type(a) is type(b) and not isinstance(a, Leaf) and a == b


def _leaves(path: str, content: object, form: object) -> Iterator[tuple[str, object]]:
    """What a content holds where its abstract form has a tensor or a state's number."""
    if isinstance(form, TensorType | Number):
        yield path, content
    elif isinstance(form, list | tuple):
        assert isinstance(content, list | tuple)
        for i, (c, f) in enumerate(zip(content, form, strict=True)):
            yield from _leaves(f"{path}.{i}", c, f)
    elif isinstance(form, dict):
        assert isinstance(content, dict)
        for key, f in form.items():
            yield from _leaves(f"{path}.{key}", content[key], f)


@dataclass
class _Assembly:
    """Makes a module of the first call and the later ones."""

    first: "Run"
    later: "Run"
    contents: Mapping[Path, object]

    def module(self) -> Module:
        inputs = {v.name: v for v in self.later.function.inputs[len(self.first.function.inputs) :]}
        left = dict(self._left(self.later, inputs))
        self._finish(self.later, left)
        initial = self._initial(inputs)
        if initial is None:
            return self._with_first_call(inputs)
        return self._module(self.later.function, self.later.scope, inputs, initial)

    def _left(self, run: "Run", inputs: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
        """The states after a call, by name; those that it does not change are what they were."""
        changed: dict[str, object] = {}
        for path, form in self.contents.items():
            if path in run.memory.left:
                changed |= dict(_leaves(path.text, run.memory.left[path], form))
        for name, value in inputs.items():
            yield name, _as_value(changed[name], value.type, run.scope) if name in changed else value

    def _finish(self, run: "Run", left: Mapping[str, Value]) -> None:
        names = [n for n, _ in run.outputs]
        states = _state_outputs(left, names)
        run.function.set_outputs([v for _, v in run.outputs] + list(left.values()), names + states)

    def _initial(self, inputs: Mapping[str, Value]) -> dict[str, Weight] | None:
        """What the states hold before the first call; None when no values make it a call like the later ones."""
        known: dict[str, Weight] = {}
        same = True
        for path, form in self.contents.items():
            found = self.first.memory.found.get(path, self.later.memory.found.get(path))
            if path in self.first.memory.found and _fits(found, form):
                known |= {name: _weight(c, name) for name, c in _leaves(path.text, found, form)}
            else:
                same = False
        if same:
            return known if all(name in known for name in inputs) else None
        zeros = {n: Weight(np.zeros((), v.type.dtype.numpy), n) for n, v in inputs.items() if n not in known}
        initial = known | zeros
        left = dict(self._left(self.first, {n: v for n, v in inputs.items() if n in self._changed_first()}))
        if set(left) != set(inputs):
            return None
        self._finish(self.first, left)
        arrays = {name: weight.array for name, weight in initial.items()}
        calls = [(run.function, run.scope.callees) for run in (self.first, self.later)]
        return initial if equal_functions(calls[0], calls[1], arrays) else None

    def _changed_first(self) -> set[str]:
        memory = self.first.memory.left
        return {n for p, form in self.contents.items() if p in memory for n, _ in _leaves(p.text, memory[p], form)}

    def _with_first_call(self, inputs: Mapping[str, Value]) -> Module:
        """Both calls, and a state that says whether the first is still to come."""
        if set(inputs) != self._changed_first():
            raise CompileError(["a later call of forward changes what the first left alone; that is not supported"])
        first, later = self.first.function, self.later.function
        first.name, later.name = "first_call", "later_call"
        first.inputs += [Value(v.type, v.name) for v in inputs.values()]
        main = Function("main", [Value(v.type, v.name) for v in later.inputs])
        flag = Value(TensorType(DType.BOOL, ()), "is_first_call")
        types = tuple(v.type for v in later.outputs)
        branch = control.If(flag, tuple(main.inputs), FunctionRef(first.name), FunctionRef(later.name), types)
        main.ops.append(branch)
        main.inputs.append(flag)
        no = Constant(Weight(np.array(False)))
        main.ops.append(no)
        main.set_outputs([*branch.results, no.result], [*later.output_names, "is_first_call_out"])
        initial = {n: Weight(np.zeros((), v.type.dtype.numpy), n) for n, v in inputs.items()}
        module = self._module(main, self.later.scope, inputs, initial)
        for function in (first, later, *self.first.scope.callees.values()):
            module.functions[function.name] = function
        module.states.append(State("is_first_call", "is_first_call_out", Weight(np.array(True))))
        return module

    def _module(
        self, main: Function, scope: Scope, inputs: Mapping[str, Value], initial: Mapping[str, Weight]
    ) -> Module:
        names = main.output_names[len(self.later.outputs) :]
        states = [State(name, output, initial[name]) for name, output in zip(inputs, names, strict=False)]
        return Module([main, *scope.callees.values()], states)


def _state_outputs(states: Mapping[str, Value], taken: Sequence[str]) -> list[str]:
    names: list[str] = []
    for state in states:
        name = f"{state}_out"
        while name in taken or name in names:
            name += "_"
        names.append(name)
    return names


def _fits(content: object, form: object) -> bool:
    """Whether the first call finds what the later ones find, with constants for tensors."""
    if isinstance(form, TensorType):
        return isinstance(content, Leaf) and content.value.type == form and isinstance(content.value.owner, Constant)
    if isinstance(form, Known):
        return isinstance(content, Leaf) and _abstract(content) == form
    if isinstance(form, Number):
        return isinstance(content, bool | int | float) and number_dtype(content) is form.dtype
    if isinstance(form, list | tuple):
        return type(content) is type(form) and len(content) == len(form) and all(map(_fits, content, form))
    if isinstance(form, dict):
        return (
            isinstance(content, dict) and list(content) == list(form) and all(_fits(content[k], form[k]) for k in form)
        )
    return type(content) is type(form) and content == form


def _weight(content: object, name: str) -> Weight:
    if isinstance(content, Leaf):
        assert isinstance(content.value.owner, Constant)
        return content.value.owner.value
    assert isinstance(content, bool | int | float)
    array: Array = np.array(content, number_dtype(content).numpy)
    return Weight(array, name)


def _as_value(content: object, type_: TensorType, scope: Scope) -> Value:
    if isinstance(content, Leaf):
        return content.value
    assert isinstance(content, Scalar | SymFloat | bool | int | float)
    return scope.insert(scope.scalar(content, type_.dtype))
