"""Branches and loops whose conditions only running the model shows.

Both sides of a branch are run, each into a function of its own, and what they leave in variables, objects, lists and
storages is joined: tensors and numbers that differ become results of a ``control.if``. A loop's body is run on symbolic
values of all that it changes, which a first run finds out, and becomes a ``control.while``.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...dims import SymInt
from ...ir import Function, Value
from ...types import DType
from ..aten.branches import branch, discard, loop
from ..aten.calls import FAILED
from ..aten.journal import AttributePlace, Place
from ..aten.scalars import Scalar, SymFloat
from ..aten.scope import cast, constant
from ..aten.tensors import Storage, Unsupported
from .carried import KINDS, Carried, content_of, kind_of, number_dtype, zeros_of
from .growing import Growing
from .structures import Conflicting, Leaf, Slot, filled, frozen, leaves_of, sources_of
from .values import UNINITIALIZED, Conflict, Environment, Raised, Returned

if TYPE_CHECKING:
    from .interpreter import Interpreter

MAX_ROUNDS = 12
"""How often a loop's body is tried to find all that it changes."""

_NO_VALUE = object()


@dataclass
class _Side:
    """What one side of a branch, or a round of a loop, leaves: its function, variables and changed places, frozen."""

    function: Function
    variables: dict[str, object]
    contents: dict[object, object]
    places: dict[object, Place]


class ControlFlow:
    """Runs branches and loops on data for an interpreter."""

    def __init__(self, interpreter: "Interpreter") -> None:
        self._interpreter = interpreter
        self._scope = interpreter.scope
        self._counted: dict[int, Counter[str]] = {}

    def branch(
        self, condition: Scalar, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], environment: Environment
    ) -> None:
        used = self._used_elsewhere(body, orelse)
        known = self._interpreter.mutable_ids(environment)
        sides: list[_Side] = []
        for kind, statements, other in (("then", body, orelse), ("else", orelse, body)):
            try:
                sides.append(self._run_side(kind, statements, environment, used, known))
            except Raised:
                # No model is meant to fail: the other side is taken.
                for side in sides:
                    discard(side.function)
                self._interpreter.run(other, environment)
                return
        self._join(condition.value, sides[0], sides[1], environment)

    def _run_side(
        self,
        kind: str,
        statements: Sequence[ast.stmt],
        environment: Environment,
        used: Callable[[str], bool],
        known: set[int],
    ) -> _Side:
        """Runs one side; of what it changes, what the side itself has made does not matter afterwards."""
        function = self._scope.new_function(kind)
        inner = self._copy(environment)
        with self._scope.inside(function), self._scope.journal.undone() as changes:
            try:
                self._run(statements, inner)
            except Raised:
                discard(function)
                raise
            changed = {n: v for n, v in inner.items() if used(n) and v is not environment.get(n, _NO_VALUE)}
            places = {place.key: place for place in changes.places() if _owner(place) in known}
            contents = {key: self._frozen(place.get()) for key, place in places.items()}
            return _Side(function, {n: self._frozen(v) for n, v in changed.items()}, contents, places)

    def _run(self, statements: Sequence[ast.stmt], environment: Environment) -> None:
        try:
            self._interpreter.run(statements, environment)
        except Returned:
            # TorchScript writes no such code: a function returns at its end.
            raise Unsupported("a function returns from within a branch or a loop on data") from None

    def _used_elsewhere(self, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt]) -> Callable[[str], bool]:
        """Whether a variable is read outside the branch's two sides."""
        everywhere = self._reads(self._interpreter.frames.current.function.node.body)
        within, beside = self._reads(body), self._reads(orelse)
        return lambda name: everywhere[name] > within[name] + beside[name]

    def _reads(self, block: Sequence[ast.stmt]) -> Counter[str]:
        """How often each variable is read in a block of the code."""
        # Blocks live as long as the program, and each is counted once.
        if id(block) not in self._counted:
            self._counted[id(block)] = _reads(block)
        return self._counted[id(block)]

    def _copy(self, environment: "Environment") -> "Environment":
        self._scope.work.spend(len(environment) // 4)
        return dict(environment)

    def _frozen(self, content: object) -> object:
        self._scope.work.survey(content)
        return frozen(content)

    def _join(self, condition: Value, then: _Side, otherwise: _Side, environment: Environment) -> None:
        join = _Join(self, then.function, otherwise.function)
        variables: dict[str, object] = {}
        for name in dict.fromkeys((*then.variables, *otherwise.variables)):
            if all(name in environment or name in side.variables for side in (then, otherwise)):
                a, b = (
                    s.variables[name] if name in s.variables else self._frozen(environment[name])
                    for s in (then, otherwise)
                )
                variables[name] = join.variable(name, a, b)
        places = then.places | otherwise.places
        contents = {}
        for key, place in places.items():
            before = self._frozen(place.get())
            contents[key] = join.content(place, then.contents.get(key, before), otherwise.contents.get(key, before))
        results = branch(self._scope, condition, (then.function, join.left), (otherwise.function, join.right))
        for name, joined in variables.items():
            environment[name] = filled(joined, results, self._scope)
        for key, place in places.items():
            self._scope.journal.set(place, content_of(place, contents[key], results, self._scope))

    def counted_loop(
        self, name: str, count: Scalar | SymInt, body: Sequence[ast.stmt], environment: Environment
    ) -> None:
        """``for name in range(count)``."""
        caller, interpreter = self._interpreter.caller, self._interpreter
        counter = f"%{name}"
        environment[counter] = 0

        def run(inner: Environment) -> None:
            inner[name] = inner[counter]
            self._run(body, inner)
            inner[counter] = caller.call("add", [inner[name], 1], {}, interpreter.frames.where)

        def test(inner: Environment) -> object:
            return caller.call("lt", [inner[counter], count], {}, interpreter.frames.where)

        self._loop(test, run, environment, Growing(self._scope, count), counter)
        del environment[counter]

    def loop(self, test: Callable[[Environment], object], body: Sequence[ast.stmt], environment: Environment) -> None:
        growing = Growing(self._scope, None)
        self._loop(test, lambda inner: self._run(body, inner), environment, growing)

    def _loop(
        self,
        test: Callable[[Environment], object],
        run: Callable[[Environment], None],
        environment: Environment,
        growing: Growing,
        counter: str = "",
    ) -> None:
        known = self._interpreter.mutable_ids(environment)
        carried = Carried({}, {}, {})
        for _ in range(MAX_ROUNDS):
            body, results, found = self._round(carried, run, environment, known)
            if not found and not growing.found(carried.types, results):
                break
        else:
            raise Unsupported("what a loop on data changes could not be found out")
        initial = [self._scope.insert(v) for v in carried.initial(self._scope)]
        growing.preallocate(body, initial, results, carried.types, carried.variables.get(counter))
        condition = self._condition(carried, test, environment)
        values = loop(self._scope, initial, condition, (body, results))
        for name, template in carried.variables.items():
            environment[name] = filled(template, values, self._scope)
        for key, template in carried.contents.items():
            place = carried.places[key]
            self._scope.journal.set(place, content_of(place, template, values, self._scope))
        for place in carried.lost.values():
            self._scope.journal.set(place, True)

    def _round(
        self,
        carried: "Carried",
        run: Callable[[Environment], None],
        environment: Environment,
        known: set[int],
    ) -> tuple[Function, list[Value], bool]:
        """Runs the body on symbolic values of what is carried; True when it changes more, which is carried from now."""
        function = self._scope.new_function("body", carried.inputs())
        inner = self._copy(environment)
        with self._scope.inside(function), self._scope.journal.undone() as changes:
            carried.bind(inner, function.inputs, self._scope)
            run(inner)
            variables = {
                name: self._frozen(value)
                for name, value in inner.items()
                if name in environment and name not in carried.variables and value is not environment[name]
            }
            places = [
                (place, frozen(place.get()))
                for place in changes.places()
                if place.key not in carried.contents and _owner(place) in known and _holds_content(place)
            ]
            found = bool(variables or places) | carried.lose(p for p in changes.places() if _owner(p) in known)
            results = []
            if not found:
                left = carried.left(inner)
                found = carried.note_shared(left, known)
                results = [self._scope.insert(v) for v in carried.after(left, self._scope)]
        # Outside the body, for there what variables and places held before is to be read.
        for name, after in variables.items():
            carried.add_variable(name, environment[name], after)
        for place, after in places:
            carried.add_place(place, place.get(), after)
        if found:
            discard(function)
        return function, results, found

    def _condition(
        self, carried: "Carried", test: Callable[[Environment], object], environment: Environment
    ) -> tuple[Function, list[Value]]:
        function = self._scope.new_function("condition", carried.inputs())
        inner = self._copy(environment)
        with self._scope.inside(function), self._scope.journal.undone():
            carried.bind(inner, function.inputs, self._scope)
            condition = self._interpreter.condition(test(inner))
            value = condition.value if isinstance(condition, Scalar) else constant(np.array(condition))
            return function, [self._scope.insert(cast(value, DType.BOOL))]


class _Join:
    """Pairs what two sides leave: ``left`` and ``right`` are the values that become results."""

    def __init__(self, control_flow: ControlFlow, then: Function, otherwise: Function) -> None:
        self._scope = control_flow._scope
        self._functions = (then, otherwise)
        self.left: list[Value] = []
        self.right: list[Value] = []

    def variable(self, name: str, a: object, b: object) -> object:
        """What a variable holds after the branch, with slots for results; a Conflict when that cannot be."""
        count = len(self.left)
        try:
            return self._joined(a, b)
        except Conflicting as error:
            del self.left[count:], self.right[count:]
            return Conflict(f"{name} {error}")

    def content(self, place: Place, a: object, b: object) -> object:
        if not _holds_content(place):
            assert isinstance(a, int) and isinstance(b, int)
            return max(a, b)
        try:
            return self._joined(a, b)
        except Conflicting as error:
            raise Unsupported(f"what a branch on data changes {error}") from None

    def _joined(self, a: object, b: object) -> object:
        if a is b or a is FAILED or b is FAILED:
            return FAILED if b is FAILED else a
        if a is UNINITIALIZED or b is UNINITIALIZED:
            return b if not _has_leaves(a, b) else self._half(a, b)
        if isinstance(a, Leaf | Scalar | int | float | SymInt | SymFloat):
            return self._joined_leaves(a, b)
        if isinstance(a, list | tuple) and type(a) is type(b) and len(a) == len(b):
            parts = [self._joined(x, y) for x, y in zip(a, b, strict=True)]
            return parts if isinstance(a, list) else tuple(parts)
        if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
            return {key: self._joined(a[key], b[key]) for key in a}
        if a == b and type(a) is type(b):
            return a
        raise Conflicting(f"is {kind_of(a)} if its condition holds and {kind_of(b)} if not")

    def _half(self, a: object, b: object) -> object:
        """One side leaves nothing: nothing is read then, so zeros will do."""
        present = b if a is UNINITIALIZED else a
        types = [leaf.value.type for leaf in leaves_of(present)]
        side = 0 if a is UNINITIALIZED else 1
        zeros = []
        for type_ in types:
            with self._scope.inside(self._functions[side]):
                zeros.append(self._scope.insert(zeros_of(type_)))
        values = [leaf.value for leaf in leaves_of(present)]
        first = len(self.left)
        self.left += zeros if side == 0 else values
        self.right += values if side == 0 else zeros
        return _slotted(present, iter(range(first, len(self.left))))

    def _joined_leaves(self, a: object, b: object) -> object:
        if isinstance(a, Leaf) and isinstance(b, Leaf):
            x, y = a.value, b.value
            if x is y:
                return a
            if x.type.dtype is not y.type.dtype or x.type.rank != y.type.rank:
                raise Conflicting(f"is {x.type} if its condition holds and {y.type} if not")
            return self._slot(x, y, is_scalar=False, sources=sources_of(a, b))
        if isinstance(b, Leaf) or not isinstance(b, Scalar | int | float | SymInt | SymFloat):
            raise Conflicting(f"is {kind_of(a)} if its condition holds and {kind_of(b)} if not")
        if not isinstance(a, Leaf | Scalar) and type(a) is type(b) and a == b:
            return a
        assert not isinstance(a, Leaf) and isinstance(a, Scalar | int | float | SymInt | SymFloat)
        dtype = max(number_dtype(a), number_dtype(b), key=KINDS.index)
        x, y = (self._number(side, n, dtype) for side, n in enumerate((a, b)))
        return self._slot(x, y, is_scalar=True)

    def _number(self, side: int, number: "Scalar | SymFloat | SymInt | float", dtype: DType) -> Value:
        with self._scope.inside(self._functions[side]):
            return self._scope.insert(self._scope.scalar(number, dtype))

    def _slot(self, x: Value, y: Value, is_scalar: bool, sources: Sequence[Storage] = ()) -> Slot:
        self.left.append(x)
        self.right.append(y)
        return Slot(len(self.left) - 1, is_scalar, list(sources))


def _has_leaves(a: object, b: object) -> bool:
    return bool(leaves_of(b if a is UNINITIALIZED else a))


def _slotted(content: object, numbers: Iterable[int]) -> object:
    numbers = iter(numbers)
    if isinstance(content, Leaf):
        return Slot(next(numbers), is_scalar=False, sources=list(sources_of(content)))
    if isinstance(content, Scalar):
        return Slot(next(numbers), is_scalar=True)
    if isinstance(content, list | tuple):
        parts = [_slotted(c, numbers) for c in content]
        return parts if isinstance(content, list) else tuple(parts)
    return content


def _reads(nodes: Sequence[ast.AST]) -> Counter[str]:
    return Counter(
        n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    )


def _owner(place: Place) -> int:
    return id(place.owner)  # type: ignore[attr-defined]


def _holds_content(place: Place) -> bool:
    """Whether a place holds what the program computes; the others say what happened to a storage."""
    return not (isinstance(place, AttributePlace) and place.name in ("writes", "is_lost"))
