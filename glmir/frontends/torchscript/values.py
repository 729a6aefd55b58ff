"""What TorchScript programs compute with, beside Python's own numbers, strings, lists, dicts and tuples."""

import ast
from dataclasses import dataclass

from ..aten.scalars import Scalar
from ..aten.tensors import Tensor
from ..torch_archives.objects import ScriptObject
from .program import ScriptFunction

Environment = dict[str, object]
"""The variables of a function that is being run."""


class Raised(Exception):
    """The program raises an error on the path that is run."""


class Returned(Exception):
    """The function that is run returns ``value``."""

    def __init__(self, value: object) -> None:
        self.value = value


class Failure(Exception):
    """The program cannot go on: it depends on something that failed, whose reason is told."""


class NamedTuple(tuple[object, ...]):
    """A tuple whose elements have names."""

    names: tuple[str, ...]

    @staticmethod
    def of(names: tuple[str, ...], elements: tuple[object, ...]) -> "NamedTuple":
        made = NamedTuple(elements)
        made.names = names
        return made


@dataclass(frozen=True)
class EnumMember:
    """A member of an Enum of the program."""

    class_name: str
    name: str
    value: object


@dataclass(frozen=True)
class ClassReference:
    """A class of the program, as ``C.__new__(C)`` names it."""

    name: str


@dataclass(frozen=True, eq=False)
class BoundMethod:
    """A method of an object."""

    owner: object
    name: str


@dataclass(frozen=True, eq=False)
class Closure:
    """A function defined inside another."""

    function: ScriptFunction
    environment: dict[str, object]


@dataclass(frozen=True)
class Uninitialized:
    """What a variable holds on a path on which nothing reads it."""


UNINITIALIZED = Uninitialized()


@dataclass(frozen=True, eq=False)
class Conflict:
    """What a variable holds after a branch on data whose sides leave in it what no tensor can be: not to be read."""

    reason: str


Condition = bool | Scalar
"""What a branch or loop depends on: known, or a bool that only running the model shows."""


def is_instance(value: object, annotation: ast.expr) -> bool:
    """Whether a value is of a type as the program writes it."""
    match annotation:
        case ast.Name(id="Tensor"):
            return isinstance(value, Tensor)
        case ast.Name(id="NoneType") | ast.Constant(value=None):
            return value is None
        case ast.Name(id=name) if name in _PLAIN:
            return isinstance(value, _PLAIN[name]) and (name == "bool" or not isinstance(value, bool))
        case ast.Subscript(value=ast.Name(id="List"), slice=element):
            return isinstance(value, list) and all(is_instance(v, element) for v in value)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return value is None or is_instance(value, inner)
        case ast.Subscript(value=ast.Name(id="Tuple"), slice=ast.Tuple(elts=parts)):
            return (
                isinstance(value, tuple)
                and len(value) == len(parts)
                and all(is_instance(v, p) for v, p in zip(value, parts, strict=True))
            )
        case ast.Subscript(value=ast.Name(id="Dict")):
            return isinstance(value, dict)
        case ast.Tuple(elts=alternatives) | ast.List(elts=alternatives):
            return any(is_instance(value, a) for a in alternatives)
        case ast.Attribute():
            return isinstance(value, ScriptObject) and value.class_name == ast.unparse(annotation)
        case _:
            return False


_PLAIN: dict[str, type] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "list": list,
    "tuple": tuple,
    "dict": dict,
}
