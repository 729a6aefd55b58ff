"""How an op is declared: once (spec/add_an_op.md).

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
from typing import Literal, TypeVar, cast, dataclass_transform

import numpy as np

from .attributes import format_attribute
from .errors import GlmirError
from .ir import Op, Return, Value
from .types import TensorType
from .weights import Weight

OpT = TypeVar("OpT", bound=Op)


class ConstraintError(GlmirError):
    """An op cannot be: it breaks one of its numbered constraints, or a field holds something of another type.

    ``constraint`` is ``C1``, ``C2``, …, or empty for a field of the wrong type.
    """

    def __init__(self, op: str, constraint: str, message: str) -> None:
        super().__init__(f"{op} {message}{f' ({constraint})' if constraint else ''}")
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
        kinds = {f.name: _operand_kind(f.type) for f in _fields(cls)}
        self.operand_fields: tuple[OperandField, ...] = tuple(
            OperandField(name, kind) for name, kind in kinds.items() if kind is not None
        )
        self.attribute_fields = tuple(f for f in _fields(cls) if kinds[f.name] is None)
        self.field_names = frozenset(kinds)
        self.types_field = next((f.name for f in _fields(cls) if f.type == tuple[TensorType, ...]), None)
        """The attribute that gives the types of the results, for an op that cannot infer them (it calls functions)."""
        self.constraints = _constraints(cls)
        self._operand_names = tuple(f.name for f in self.operand_fields)
        self._all_single = all(f.kind == "single" for f in self.operand_fields)
        self._element_types = tuple((f.name, *_element_types(f.type)) for f in _fields(cls))

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
    def required_attributes(self) -> tuple[str, ...]:
        """The attributes without a default."""
        return tuple(f.name for f in self.attribute_fields if f.default is dataclasses.MISSING)

    @functools.cached_property
    def attribute_types(self) -> dict[str, object]:
        """Attribute name -> annotation."""
        return {f.name: f.type for f in self.attribute_fields}

    def operands_of(self, op: Op) -> tuple[Value, ...]:
        state = op.__dict__
        if self._all_single:
            return tuple([state[name] for name in self._operand_names])
        operands: list[Value] = []
        for name in self._operand_names:
            value = state[name]
            if isinstance(value, tuple):
                operands.extend(value)
            elif value is not None:
                operands.append(value)
        return tuple(operands)

    def attributes_of(self, op: Op) -> dict[str, object]:
        return {f.name: getattr(op, f.name) for f in self.attribute_fields}

    def check(self, op: Op) -> None:
        """Raises ConstraintError for a field of a wrong type, then for the first constraint that does not hold."""
        state = op.__dict__
        for name, is_tuple, types_ in self._element_types:
            value = state[name]
            if type(value) in types_ if not is_tuple else type(value) is tuple and types_.issuperset(map(type, value)):
                continue
            state[name] = _coerced(value, is_tuple, types_)
            if state[name] is None:
                raise ConstraintError(self.name, "", f"takes {_described(is_tuple, types_)} for {name}, not {value!r}")
        for constraint in self.constraints:
            if not constraint.holds(op):
                raise ConstraintError(self.name, f"C{constraint.number}", _explain(op, constraint.text))

    def __repr__(self) -> str:
        return f"<OpDefinition {self.name}>"


def _explain(op: Op, text: str) -> str:
    """``requires that the shapes broadcast together, but got (f32[2], f32[3]) {activation = relu}``."""
    operands = ", ".join(str(v.type) for v in op.operands)
    attributes = ", ".join(
        f"{name} = {value.type if isinstance(value, Weight) else format_attribute(value)}"
        for name, value in op.definition.attributes_of(op).items()
    )
    return f"requires that {text}, but got ({operands}){f' {{{attributes}}}' if attributes else ''}"


def _element_types(annotation: object) -> tuple[bool, frozenset[type]]:
    """Whether a field is a tuple, and the classes that it, or its elements, may have."""
    if typing.get_origin(annotation) is tuple:
        (element, *rest) = typing.get_args(annotation)
        if rest != [...]:
            raise TypeError(f"a tuple in a declaration has any number of elements of one type, unlike {annotation}")
        is_tuple, types_ = _element_types(element)
        if is_tuple:
            raise TypeError(f"tuples in a declaration do not nest, unlike {annotation}")
        return True, types_
    members = annotation.__args__ if isinstance(annotation, types.UnionType) else (annotation,)
    if not all(isinstance(member, type) for member in members):
        raise TypeError(f"{annotation!r} cannot be the type of an operand or attribute")
    return False, frozenset(members)


def _coerced(value: object, is_tuple: bool, types_: frozenset[type]) -> object:
    """``value`` with numpy's numbers as Python's, and integers as floats where floats belong; None if it is wrong."""
    if is_tuple:
        if not isinstance(value, tuple):
            return None
        elements = tuple(_coerced(v, False, types_) for v in value)
        return None if None in elements else elements
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) is int and int not in types_ and float in types_:
        return float(value)
    return value if type(value) in types_ else None


def _described(is_tuple: bool, types_: frozenset[type]) -> str:
    names = " or ".join(sorted("none" if t is type(None) else t.__name__ for t in types_))
    return f"a tuple of {names}" if is_tuple else names


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
    """Marks a method as a constraint; its docstring, one line, completes the sentence 'the op requires that …'."""
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
            elif name in found:
                raise TypeError(f"{base.__name__}.{name} overrides a constraint: mark it @constraint too")
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
    """Declares an op: ``LogSoftmax`` in the folder ``ops/nn`` is ``nn.log_softmax``."""
    if not cls.__doc__:
        raise TypeError(f"op {cls.__name__} needs a docstring")
    declared = dataclass(eq=False, repr=False)(cls)
    namespace = cls.__module__.partition(".ops.")[2].partition(".")[0]
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
    declared.definition = OpDefinition(declared, f"{namespace}.{snake.strip('_')}")
    return declared


def replace(op: OpT, **changes: object) -> OpT:
    """Another op like ``op`` with some fields changed; it stands in no function yet and keeps the location."""
    state = op.__dict__
    fields = {name: state[name] for name in op.definition.field_names}
    changed = type(op)(**(fields | changes))
    changed.location = op.location
    return changed


def _define_return() -> None:
    Return.definition = definition = OpDefinition(Return, "return")
    definition.operand_fields = (OperandField("values", "variadic"),)
    definition._operand_names, definition._all_single = ("values",), False
    definition.field_names = frozenset(("values",))


_define_return()
__all__ = ["ConstraintError", "OpDefinition", "OperandField", "constraint", "op", "op_family", "replace"]
