"""How an op is declared: once (DESIGN §3, spec/add_an_op.md).

``@op`` turns a class into a dataclass whose fields annotated ``Value`` (or ``Value | None``, ``tuple[Value, ...]``) are
the operands and whose other fields are typed attributes. Everything else that needs to know the op (verifier, printer,
parser, type inference, constant folder, interpreter, spec page) reads the resulting ``OpDefinition``.
"""

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar, cast, dataclass_transform

from .errors import GlmirError
from .ir import Op, Return, Value

OpT = TypeVar("OpT", bound=Op)
Constraint = Callable[[OpT], bool]
_BASE_ATTRIBUTES = frozenset(("results", "location", "function", "_previous", "_next", "infer", "evaluate"))


class ConstraintError(GlmirError):
    """An op breaks one of its numbered constraints, or no types follow from its operands."""

    def __init__(self, op: str, constraint: str, message: str) -> None:
        super().__init__(f"{op}: {message} ({constraint})")
        self.op, self.constraint, self.message = op, constraint, message


@dataclass(frozen=True)
class OperandField:
    name: str
    kind: Literal["single", "optional", "variadic"]


@dataclass(frozen=True)
class NumberedConstraint:
    """One ``@constraint`` method. ``text`` is its docstring: the verifier's message and the spec's sentence."""

    number: int
    name: str
    text: str
    holds: Callable[[Op], bool]


class OpDefinition:
    """What is known of one op class, derived from its declaration."""

    def __init__(self, cls: type[Op], name: str) -> None:
        self.cls = cls
        self.name = name
        self.operand_fields: tuple[OperandField, ...] = tuple(
            OperandField(f.name, kind) for f in _fields(cls) if (kind := _operand_kind(f.type)) is not None
        )
        self.attribute_fields = tuple(f for f in _fields(cls) if _operand_kind(f.type) is None)
        self.field_names = frozenset(f.name for f in _fields(cls))
        self.constraints = _constraints(cls)
        self._simple = tuple(f.name for f in self.operand_fields)
        self._all_single = all(f.kind == "single" for f in self.operand_fields)

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (self.cls.__doc__ or "").strip().split("\n")[0]

    @functools.cached_property
    def examples(self) -> tuple[str, ...]:
        """The code blocks of the docstring: ops in the text form, each runnable (spec/add_an_op.md)."""
        doc = "\n".join(line.removeprefix("    ") for line in (self.cls.__doc__ or "").split("\n"))
        return tuple(re.findall(r"```\n(.*?)```", doc, re.DOTALL))

    @functools.cached_property
    def attribute_types(self) -> dict[str, object]:
        """Attribute name -> annotation."""
        return {f.name: f.type for f in self.attribute_fields}

    def operands_of(self, op: Op) -> tuple[Value, ...]:
        state = op.__dict__
        if self._all_single:
            return tuple([state[name] for name in self._simple])
        operands: list[Value] = []
        for name in self._simple:
            value = state[name]
            if isinstance(value, tuple):
                operands.extend(value)
            elif value is not None:
                operands.append(value)
        return tuple(operands)

    def attributes_of(self, op: Op) -> dict[str, object]:
        return {f.name: getattr(op, f.name) for f in self.attribute_fields}

    def check(self, op: Op) -> None:
        """Raises ConstraintError for the first constraint that does not hold."""
        for constraint in self.constraints:
            if not constraint.holds(op):
                raise ConstraintError(self.name, f"C{constraint.number}", _explain(op, constraint.text))

    def __repr__(self) -> str:
        return f"<OpDefinition {self.name}>"


def _explain(op: Op, text: str) -> str:
    operands = ", ".join(str(v.type) for v in op.operands)
    return f"{text}; operands: {operands or 'none'}"


def _fields(cls: type[Op]) -> tuple["dataclasses.Field[object]", ...]:
    return dataclasses.fields(cast("type[typing.Any]", cls)) if dataclasses.is_dataclass(cls) else ()


def _operand_kind(annotation: object) -> Literal["single", "optional", "variadic"] | None:
    if annotation is Value:
        return "single"
    if isinstance(annotation, types.UnionType) and set(annotation.__args__) == {Value, type(None)}:
        return "optional"
    if typing.get_origin(annotation) is tuple and typing.get_args(annotation)[0] is Value:
        return "variadic"
    return None


_CONSTRAINT_MARK = "__is_constraint__"


def constraint(method: Callable[[OpT], bool]) -> Callable[[OpT], bool]:
    """Marks a method as a constraint; its docstring, one line, says what must hold."""
    if not method.__doc__ or "\n" in method.__doc__:
        raise TypeError(f"constraint {method.__name__} needs a docstring of one line")
    setattr(method, _CONSTRAINT_MARK, True)
    return method


def _constraints(cls: type[Op]) -> tuple[NumberedConstraint, ...]:
    """All constraints of the class, the bases' first, in order of definition; an override replaces in place."""
    found: dict[str, Callable[[Op], bool]] = {}
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            if getattr(member, _CONSTRAINT_MARK, False):
                found[name] = member
    return tuple(
        NumberedConstraint(i, name, (member.__doc__ or "").rstrip("."), member)
        for i, (name, member) in enumerate(found.items(), 1)
    )


@dataclass_transform(eq_default=False, frozen_default=True)
def op_family(cls: type[OpT]) -> type[OpT]:
    """Declares an abstract base that several ops share: its fields, constraints, ``infer`` and ``evaluate``."""
    return dataclass(eq=False, repr=False)(cls)


@dataclass_transform(eq_default=False, frozen_default=True)
def op(cls: type[OpT]) -> type[OpT]:
    """Declares an op. Its name is ``namespace.class_in_snake_case``, the namespace being the folder under ops: ``nn.LogSoftmax`` is ``nn.log_softmax``."""
    declared = dataclass(eq=False, repr=False)(cls)
    namespace = cls.__module__.partition(".ops.")[2].partition(".")[0]
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
    declared.definition = OpDefinition(declared, f"{namespace}.{snake.strip('_')}")
    return declared


def replace(op: OpT, **changes: object) -> OpT:
    """Another op like ``op`` with some fields changed; it stands in no function yet and keeps the location."""
    state = op.__dict__
    fields = {name: state[name] for name in (f.name for f in _fields(type(op)))}
    changed = type(op)(**(fields | changes))
    changed.location = op.location
    return changed


def _define_return() -> None:
    Return.definition = definition = OpDefinition(Return, "return")
    definition.operand_fields = (OperandField("values", "variadic"),)
    definition._simple, definition._all_single = ("values",), False
    definition.field_names = frozenset(("values",))


_define_return()
__all__ = ["ClassVar", "ConstraintError", "OpDefinition", "constraint", "op", "op_family", "replace"]
