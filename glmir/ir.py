"""Modules, functions, ops and values (spec/ir.md).

A ``Module`` holds functions; a ``Function`` is a straight list of ops in SSA form; a ``Value`` knows its type, its
name, the op that computes it and the ops that use it. An op's attributes never change: ``replace(op, attribute=…)``
makes another op. Operands change only through ``Value.replace_all_uses_with``, and uses are recorded while an op stands
in a function, so that a rule can build ops and throw them away.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .types import Array as Array
from .types import Shape, TensorType
from .weights import Weight

if TYPE_CHECKING:
    from .opdef import OpDefinition

Location = tuple[str, ...]
"""The source nodes (``conv1``) or source lines (``model.py:12``) that an op came from; fusions join them."""


class Value:
    """One SSA value: the result of an op, or a function's input (``owner`` is then None)."""

    __slots__ = ("index", "name", "owner", "type", "uses")

    def __init__(self, type: TensorType, name: str = "", owner: "Op | None" = None, index: int = 0) -> None:
        self.type = type
        self.name = name
        self.owner = owner
        self.index = index
        self.uses: dict[Op, int] = {}
        """The ops that use this value, in the order in which they began to, each with how many operands it is."""

    @property
    def has_one_use(self) -> bool:
        return len(self.uses) == 1 and next(iter(self.uses.values())) == 1

    @property
    def is_used(self) -> bool:
        return bool(self.uses)

    @property
    def users(self) -> tuple["Op", ...]:
        return tuple(self.uses)

    @property
    def shape(self) -> Shape:
        return self.type.shape

    def replace_all_uses_with(self, other: "Value") -> None:
        """Makes every op that uses this value use ``other`` instead."""
        if other is self:
            return
        for user in self.users:
            user.replace_operand(self, other)

    def __repr__(self) -> str:
        return f"<Value %{self.name or '?'}: {self.type}>"


@dataclass(frozen=True)
class Call:
    """That an op runs a function of the module: on values of which types, for values of which types."""

    function: str
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]


class Op:
    """Base of all ops. Subclasses are declared with ``@op`` (see opdef.py) and are constructed like dataclasses.

    Constructing an op checks its constraints and infers its result types; it raises ``ConstraintError``.
    """

    definition: ClassVar["OpDefinition"]
    has_effect: ClassVar[bool] = False
    """Whether the op does more than compute its results; only ops that do not are folded, merged and removed."""
    is_compressed: ClassVar[bool] = False
    """Whether operands that are constant take less room than the result: then the op is not folded, but kept for a
    target that stores weights so."""
    __match_args__: ClassVar[tuple[str, ...]] = ()

    results: tuple[Value, ...]
    location: Location
    function: "Function | None"
    _previous: "Op | None"
    _next: "Op | None"

    infer: Callable[[], "TensorType | tuple[TensorType, ...]"]
    """The result types, from the operands' types and the attributes. Called only when all constraints hold."""

    evaluate: Callable[..., "Array | tuple[Array, ...]"]
    """What the op computes, in numpy: one array per operand (None for an absent one) to one array per result.

    An op that calls functions takes one more argument, with which it runs them: (name, arrays) -> arrays."""

    def __post_init__(self) -> None:
        state = self.__dict__
        state["location"] = ()
        state["function"] = state["_previous"] = state["_next"] = None
        self.definition.check(self)
        types = self.infer()
        if isinstance(types, TensorType):
            types = (types,)
        state["results"] = tuple(Value(t, "", self, i) for i, t in enumerate(types))

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__ and name in self.definition.field_names:
            raise AttributeError(f"{self.definition.name} is immutable: use replace(op, {name}=…)")
        self.__dict__[name] = value

    @property
    def result(self) -> Value:
        """The only result; raises ValueError when the op has several or none."""
        (result,) = self.results
        return result

    @property
    def operands(self) -> tuple[Value, ...]:
        """All operands that are present, in order."""
        return self.definition.operands_of(self)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The functions of the module that the op runs."""
        return ()

    @property
    def has_uses(self) -> bool:
        return any(r.uses for r in self.results)

    def replace_operand(self, old: Value, new: Value) -> None:
        """Uses ``new`` wherever ``old`` was an operand."""
        state = self.__dict__
        for field in self.definition.operand_fields:
            current = state[field.name]
            if current is old:
                state[field.name] = new
            elif isinstance(current, tuple) and any(v is old for v in current):
                state[field.name] = tuple(new if v is old else v for v in current)
        if self.function is not None:
            count = old.uses.pop(self)
            new.uses[self] = new.uses.get(self, 0) + count

    def erase(self) -> None:
        """Takes the op out of its function; its results must be unused."""
        if self.has_uses:
            raise ValueError(f"cannot erase {self!r}: a result is still used")
        if self.function is None:
            raise ValueError(f"cannot erase {self!r}: it stands in no function")
        self.function.ops.unlink(self)

    def _register_uses(self) -> None:
        for operand in self.operands:
            operand.uses[self] = operand.uses.get(self, 0) + 1

    def _drop_uses(self) -> None:
        for operand in self.operands:
            operand.uses.pop(self, None)

    def __repr__(self) -> str:
        names = ", ".join(f"%{r.name or '?'}" for r in self.results)
        return f"<{names} = {self.definition.name}>"


class _Cursor:
    """Where an iteration stands: behind the op that it gave last (None: it has not begun)."""

    __slots__ = ("is_forward", "op")

    def __init__(self, is_forward: bool) -> None:
        self.op: Op | None = None
        self.is_forward = is_forward


class OpList:
    """The ops of a function: a doubly linked list. It may be edited in any way while it is iterated over.

    An iteration gives the ops that stand behind its place, whatever was inserted, erased or moved meanwhile. When the
    op that it gave last is erased, its place is where that op stood.
    """

    def __init__(self, function: "Function") -> None:
        self._function = function
        self._first: Op | None = None
        self._last: Op | None = None
        self._length = 0
        self._cursors: list[_Cursor] = []

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Op]:
        cursor = _Cursor(is_forward=True)
        self._cursors.append(cursor)
        try:
            while (op := self._first if cursor.op is None else cursor.op._next) is not None:
                cursor.op = op
                yield op
        finally:
            self._cursors.remove(cursor)

    def __reversed__(self) -> Iterator[Op]:
        cursor = _Cursor(is_forward=False)
        self._cursors.append(cursor)
        try:
            while (op := self._last if cursor.op is None else cursor.op._previous) is not None:
                cursor.op = op
                yield op
        finally:
            self._cursors.remove(cursor)

    def append(self, op: Op) -> None:
        self._link(op, self._last, None)

    def prepend(self, op: Op) -> None:
        self._link(op, None, self._first)

    def insert_before(self, anchor: Op, op: Op) -> None:
        self._check_member(anchor)
        self._link(op, anchor._previous, anchor)

    def insert_after(self, anchor: Op, op: Op) -> None:
        self._check_member(anchor)
        self._link(op, anchor, anchor._next)

    def _check_member(self, op: Op) -> None:
        if op.function is not self._function or op is self._function.ret:
            raise ValueError(f"{op!r} does not stand in @{self._function.name}")

    def _link(self, op: Op, previous: Op | None, following: Op | None) -> None:
        if op.function is not None:
            raise ValueError(f"{op!r} stands in a function already")
        op.function, op._previous, op._next = self._function, previous, following
        if previous is None:
            self._first = op
        else:
            previous._next = op
        if following is None:
            self._last = op
        else:
            following._previous = op
        self._length += 1
        op._register_uses()

    def unlink(self, op: Op) -> None:
        """Takes the op out, its results used or not: to erase it (``Op.erase``) or to insert it elsewhere."""
        self._check_member(op)
        for cursor in self._cursors:
            if cursor.op is op:
                cursor.op = op._previous if cursor.is_forward else op._next
        if op._previous is None:
            self._first = op._next
        else:
            op._previous._next = op._next
        if op._next is None:
            self._last = op._previous
        else:
            op._next._previous = op._previous
        op.function = op._previous = op._next = None
        self._length -= 1
        op._drop_uses()


class Function:
    """A list of ops from named inputs to named outputs. ``ret`` is the op that returns the outputs."""

    def __init__(self, name: str, inputs: Sequence[Value] = ()) -> None:
        self.name = name
        self.inputs: list[Value] = list(inputs)
        self.ops = OpList(self)
        self.output_names: tuple[str, ...] = ()
        self.ret = Return(())
        self.ret.function = self

    @property
    def outputs(self) -> tuple[Value, ...]:
        return self.ret.values

    def set_outputs(self, values: Sequence[Value], names: Sequence[str]) -> None:
        """Makes the function return ``values`` under ``names``."""
        if len(values) != len(names):
            raise ValueError(f"{len(values)} outputs need as many names, not {len(names)}")
        self.ret._drop_uses()
        self.ret.function = None
        self.ret = Return(tuple(values))
        self.ret.function = self
        self.ret._register_uses()
        self.output_names = tuple(names)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that the inputs' shapes bind, in order of appearance."""
        return tuple(dict.fromkeys(s for v in self.inputs for s in v.type.symbols))

    def values(self) -> Iterator[Value]:
        """Inputs, then results, in order."""
        yield from self.inputs
        for op in self.ops:
            yield from op.results

    def __eq__(self, other: object) -> bool:
        from .equality import functions_equal

        return functions_equal(self, other) if isinstance(other, Function) else NotImplemented

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<Function @{self.name}, {len(self.ops)} ops>"


@dataclass(frozen=True)
class State:
    """What a model remembers from one call to the next: the input ``input`` of ``main`` holds what its output
    ``output`` gave at the call before, and before the first call ``initial``, broadcast to the input's type."""

    input: str
    output: str
    initial: Weight


class Module:
    """A program: functions by name, one of them, ``main``, what the artifact computes; and the states of ``main``."""

    def __init__(self, functions: Sequence[Function] = (), states: Sequence[State] = ()) -> None:
        self.states: list[State] = list(states)
        self.functions: dict[str, Function] = {f.name: f for f in functions}
        if len(self.functions) != len(functions):
            raise ValueError("two functions have the same name")

    @property
    def main(self) -> Function:
        return self.functions["main"]

    def clone(self) -> "Module":
        """A module equal to this one that shares nothing with it that can change."""
        from .cloning import clone_module

        return clone_module(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Module):
            return NotImplemented
        return (
            list(self.functions) == list(other.functions)
            and self.states == other.states
            and all(f == other.functions[name] for name, f in self.functions.items())
        )

    __hash__ = object.__hash__

    def __str__(self) -> str:
        from .printer import print_module

        return print_module(self)


class Return(Op):
    """The end of a function: what it returns. It stands behind the op list, not in it."""

    values: tuple[Value, ...]

    def __init__(self, values: tuple[Value, ...]) -> None:
        self.__dict__.update(values=values, results=(), location=(), function=None, _previous=None, _next=None)
