"""What every backend shares: a table of emitters, and legality, which follows from it (spec/add_a_target.md).

A backend is a table: ``@TABLE.emits(nn.Conv, when=(is_2d,))`` over one short function per op. An op is legal when it
has an emitter whose conditions hold. Emitters decide nothing: they write down what is there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from ..errors import CompileError
from ..ir import Module, Op
from ..types import TensorType

OpT = TypeVar("OpT", bound=Op)
BuilderT = TypeVar("BuilderT")

Condition = Callable[[OpT], bool]
"""Whether an op can be emitted; its docstring, one line, completes the sentence 'the target needs …'.

Any op of the class may be asked, also one that breaks other conditions of the emitter."""


def is_quantized(op: Op) -> bool:
    """Whether an operand or a result is stored as integers."""
    return any(v.type.quantization is not None for v in (*op.operands, *op.results))


def is_not_quantized(op: Op) -> bool:
    """numbers that are not quantized"""
    return not is_quantized(op)


@dataclass(frozen=True)
class Emitter(Generic[BuilderT]):
    """One way to write one op class."""

    op_class: type[Op]
    conditions: tuple[Condition[Op], ...]
    emit: Callable[[Op, BuilderT], None]
    since: int = 0
    """The first version of the target that has it."""
    stored: Condition[Op] | None = None
    """What must hold of an op some of whose operands or results are quantized; None: there must be none such."""

    def takes(self, op: Op) -> bool:
        """Whether all conditions hold."""
        return all(c(op) for c in self._conditions_for(op))

    def broken_conditions(self, op: Op) -> list[Condition[Op]]:
        """The conditions that do not hold."""
        return [c for c in self._conditions_for(op) if not c(op)]

    def _conditions_for(self, op: Op) -> tuple[Condition[Op], ...]:
        return (*self.conditions, self.stored or is_not_quantized) if is_quantized(op) else self.conditions


class EmitterTable(Generic[BuilderT]):
    """The emitters of one target, or of one family of ops that the target's table includes.

    ``version`` is how a user asks for a version of the target: ``--opset {}``. A table that no version was chosen of
    (``at``) has the emitters of all.
    """

    def __init__(self, *parts: "EmitterTable[BuilderT]", version: str = "{}") -> None:
        self.emitters: list[Emitter[BuilderT]] = [e for part in parts for e in part.emitters]
        self._version_text = version
        self._version: int | None = None
        self._by_class: dict[type[Op], tuple[Emitter[BuilderT], ...]] = {}

    def at(self, version: int) -> "EmitterTable[BuilderT]":
        """The table of one version of the target."""
        table = EmitterTable(self, version=self._version_text)
        table._version = version
        return table

    def version_text(self, version: int) -> str:
        """How a user asks for that version."""
        return self._version_text.format(version)

    def emits(
        self,
        *op_classes: type[OpT],
        when: Sequence[Condition[OpT]] = (),
        since: int = 0,
        stored: Condition[OpT] | None = None,
    ) -> Callable[[Callable[[OpT, BuilderT], None]], Callable[[OpT, BuilderT], None]]:
        """Registers an emitter for op classes, or families of them, under conditions that must all hold, for the
        target's version ``since`` and later. It takes ops on quantized values only when ``stored`` holds of them.

        Raises TypeError for a condition whose docstring is none, or ends in a full stop: it is a part of a sentence.
        """
        for condition in (*when, *((stored,) if stored is not None else ())):
            if not condition.__doc__:
                raise TypeError(f"condition {condition.__name__} needs a docstring")
            if condition.__doc__.endswith("."):
                raise TypeError(f"the docstring of condition {condition.__name__} is a phrase, without a full stop")

        def register(function: Callable[[OpT, BuilderT], None]) -> Callable[[OpT, BuilderT], None]:
            for op_class in op_classes:
                emit = cast(Callable[[Op, BuilderT], None], function)
                conditions = cast(tuple[Condition[Op], ...], tuple(when))
                self.emitters.append(Emitter(op_class, conditions, emit, since, cast("Condition[Op] | None", stored)))
            self._by_class.clear()
            return function

        return register

    def for_class(self, op_class: type[Op]) -> tuple[Emitter[BuilderT], ...]:
        """The emitters that may write an op of this class, in order of registration."""
        found = self._by_class.get(op_class)
        if found is None:
            found = tuple(e for e in self.all_for_class(op_class) if self._has(e))
            self._by_class[op_class] = found
        return found

    def all_for_class(self, op_class: type[Op]) -> tuple[Emitter[BuilderT], ...]:
        """The same for all versions of the target."""
        return tuple(e for e in self.emitters if issubclass(op_class, e.op_class))

    def _has(self, emitter: Emitter[BuilderT]) -> bool:
        return self._version is None or emitter.since <= self._version

    def find(self, op: Op) -> Emitter[BuilderT] | None:
        """The emitter that writes ``op``; None if it is not legal."""
        return next((e for e in self.for_class(type(op)) if e.takes(op)), None)

    def is_legal(self, op: Op) -> bool:
        return self.find(op) is not None

    def why_illegal(self, op: Op) -> str:
        """What keeps an illegal op from being emitted, as the end of a sentence: all that the emitters need which come
        closest, and the version of the target that would take it."""
        newer = [e.since for e in self.emitters if isinstance(op, e.op_class) and not self._has(e) and e.takes(op)]
        if newer:
            return f"the target needs {self.version_text(min(newer))}"
        emitters = self.for_class(type(op))
        if not emitters:
            return "the target has no such op, and nothing rewrites it into what it has"
        broken = [e.broken_conditions(op) for e in emitters]
        fewest = min(map(len, broken))
        closest = [conditions for conditions in broken if len(conditions) == fewest]
        needs = [" and ".join(c.__doc__ or "" for c in conditions) for conditions in closest]
        return f"the target needs {(' or ' if fewest == 1 else ', or ').join(dict.fromkeys(needs))}"


def is_legal(module: Module, table: EmitterTable[BuilderT]) -> bool:
    """Whether the target can express every op."""
    return all(table.is_legal(op) for function in module.functions.values() for op in function.ops)


def check_legal(module: Module, table: EmitterTable[BuilderT], target: str) -> None:
    """Raises CompileError listing every op that the target cannot express, with the source's node names."""
    reasons = [
        f"{describe(op)}: {table.why_illegal(op)}"
        for function in module.functions.values()
        for op in function.ops
        if not table.is_legal(op)
    ]
    if reasons:
        raise CompileError(reasons, f"target {target}")


def describe(op: Op) -> str:
    """How messages call an op: its source nodes and its name."""
    nodes = ", ".join(op.location) or next((r.name for r in op.results if r.name), "")
    # What takes nothing, a constant, is told by what it gives.
    types = ", ".join(_brief(v.type) for v in op.operands or op.results)
    return f"node {nodes} ({op.definition.name} of {types})" if nodes else f"{op.definition.name} of {types}"


def _brief(type_: TensorType) -> str:
    """The type without its scales, which may be thousands."""
    if type_.quantization is None:
        return str(type_)
    dims = ", ".join(map(str, type_.shape))
    return f"quant<{type_.dtype.value}, {type_.quantization.storage.value}>[{dims}]"
