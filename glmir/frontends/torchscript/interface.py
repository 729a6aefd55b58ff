"""The arguments of ``forward``, from what the user says of them, and its results as named outputs.

A parameter is a tensor, a number, a string, or a list, tuple or dict of tensors. Tensors inside others are called by
the parameter's name and their place: ``past_0``, ``options_weight``.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...dims import SymInt
from ...errors import InputError
from ...ir import Array, Value
from ...types import DType, TensorType
from ...weights import Weight
from ..aten.calls import FAILED
from ..aten.scalars import Number, Scalar, SymFloat
from ..aten.scope import Scope
from ..aten.tensors import Tensor, Unsupported
from ..aten.work import OP
from ..torch_archives.storages import StoredTensor
from .interpreter import describe
from .program import ScriptFunction, code_text, parameters
from .values import UNINITIALIZED, Failure, NamedTuple

MAX_OUTPUTS = 4096
"""How many tensors forward may return."""

_MAX_SHOWN = 40
"""How many parameters messages show."""

Given = TensorType | Array | str | None
"""What the user gives for an argument: a type, a value (an array, also of one number), a text, or None."""


DefaultOf = Callable[[ast.expr], object]
"""Evaluates a parameter's default."""


@dataclass(frozen=True)
class Arguments:
    """What the user says of the arguments, by name and by position."""

    named: Mapping[str, Given] = field(default_factory=dict)
    positional: Sequence[Given] = ()


@dataclass(frozen=True)
class Parameter:
    """One parameter of ``forward``."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None

    @property
    def type_text(self) -> str:
        return "Tensor" if self.annotation is None else code_text(self.annotation)

    @property
    def text(self) -> str:
        default = "" if self.default is None else f" = {code_text(self.default)}"
        return f"{self.name}: {self.type_text.replace('__torch__.', '')}{default}"


class _Missing(Exception):
    """Nothing is given for a parameter that has no default."""


class ArgumentBuilder:
    """Makes the arguments of ``forward``; the tensors that are not pinned become the function's inputs."""

    def __init__(self, forward: ScriptFunction, arguments: Arguments, traced: Sequence[object]) -> None:
        """``traced``: what the archive says that the module was traced with, by position; empty if it does not."""
        every = [Parameter(a.arg, a.annotation, d) for a, d in parameters(forward)]
        self.parameters = every[1:]
        self._traced = dict(zip([p.name for p in self.parameters], traced, strict=False))
        self._given = self._by_name(arguments)
        self._used: set[str] = set()

    def _by_name(self, arguments: Arguments) -> dict[str, Given]:
        names = [name for p in self.parameters for name in self._places(p)]
        if len(arguments.positional) > len(names):
            raise InputError(
                f"{len(arguments.positional)} inputs are given by position; forward takes ({self.signature()})"
            )
        given = dict(zip(names, arguments.positional, strict=False))
        if twice := [name for name in arguments.named if name in given]:
            raise InputError(f"input {', '.join(twice)} is given by name and by position")
        return given | dict(arguments.named)

    def _places(self, parameter: Parameter) -> list[str]:
        """The names under which a parameter's tensors are given, where its type tells."""
        match parameter.annotation:
            case ast.Subscript(value=ast.Name(id="Tuple"), slice=ast.Tuple(elts=parts)):
                return [
                    name
                    for i, part in enumerate(parts)
                    for name in self._places(Parameter(f"{parameter.name}_{i}", part, None))
                ]
            case _:
                return [parameter.name]

    def signature(self) -> str:
        shown = ", ".join(p.text for p in self.parameters[:_MAX_SHOWN])
        return f"{shown}, …" if len(self.parameters) > _MAX_SHOWN else shown

    def build(self, scope: Scope, inputs: list[Value], default_of: DefaultOf) -> list[object]:
        """The arguments by position; what becomes an input is added to ``inputs``.

        Raises InputError, which shows the signature and the flags to add, when some are missing or do not fit.
        """
        built: list[object] = []
        missing: list[Parameter] = []
        for parameter in self.parameters:
            try:
                built.append(self._argument(parameter, scope, inputs))
            except _Missing:
                if parameter.default is not None:
                    built.append(default_of(parameter.default))
                elif parameter.type_text.startswith("Optional["):
                    built.append(None)
                else:
                    missing.append(parameter)
        if missing:
            flags = " ".join(_flag(p) for p in missing[:_MAX_SHOWN]) + (" …" if len(missing) > _MAX_SHOWN else "")
            raise InputError(
                f"a TorchScript file does not say what forward({self.signature()}) is called with; "
                f"add its types and values, such as {flags}"
            )
        if unknown := sorted(set(self._given) - self._used):
            names = ", ".join(p.name for p in self.parameters) or "none"
            raise InputError(f"there is no input {', '.join(unknown)}; the inputs are {names}")
        return built

    def _argument(self, parameter: Parameter, scope: Scope, inputs: list[Value]) -> object:
        name, annotation = parameter.name, parameter.annotation
        if name in self._given:
            self._used.add(name)
            return self._from_given(parameter, self._given[name], scope, inputs)
        nested = self._nested(name, annotation, scope, inputs)
        if nested is not None:
            return nested
        if name in self._traced and not self._is_given_in_parts(name):
            return self._from_traced(name, self._traced[name], scope, inputs)
        raise _Missing

    def _is_given_in_parts(self, name: str) -> bool:
        return any(given.startswith(f"{name}_") for given in self._given)

    def _nested(self, name: str, annotation: ast.expr | None, scope: Scope, inputs: list[Value]) -> object | None:
        """A list, tuple or dict of tensors, of whose parts something is given."""
        if not self._is_given_in_parts(name):
            return None
        match annotation:
            case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
                return self._nested(name, inner, scope, inputs)
            case ast.Subscript(value=ast.Name(id="List"), slice=element):
                return [self._argument(p, scope, inputs) for p in self._elements(name, element)]
            case ast.Subscript(value=ast.Name(id="Tuple"), slice=ast.Tuple(elts=parts)):
                named = [Parameter(f"{name}_{i}", part, None) for i, part in enumerate(parts)]
                return tuple([self._argument(p, scope, inputs) for p in named])
            case ast.Subscript(value=ast.Name(id="Dict"), slice=ast.Tuple(elts=[_, element])):
                keys = [g.removeprefix(f"{name}_") for g in self._given if g.startswith(f"{name}_")]
                return {key: self._argument(Parameter(f"{name}_{key}", element, None), scope, inputs) for key in keys}
            case _:
                return None

    def _elements(self, name: str, element: ast.expr) -> Iterator[Parameter]:
        count = 0
        while f"{name}_{count}" in self._given or self._is_given_in_parts(f"{name}_{count}"):
            yield Parameter(f"{name}_{count}", element, None)
            count += 1

    def _from_given(self, parameter: Parameter, given: Given, scope: Scope, inputs: list[Value]) -> object:
        kind = parameter.type_text.removeprefix("Optional[").removesuffix("]")
        if given is None or isinstance(given, str):
            if isinstance(given, str) and kind != "str":
                raise InputError(f"input {parameter.name} is {parameter.type_text} and cannot be {given!r}")
            return given
        if isinstance(given, TensorType):
            return self._input(parameter, kind, given, scope, inputs)
        if kind == "Tensor":
            return scope.tensor(scope.weight(Weight(_as_float32(given), parameter.name)))
        if kind in _NUMBERS and given.size == 1:
            if kind == "int" and given.item() != int(given.item()):
                raise InputError(f"input {parameter.name} is int and cannot be {given.item()}")
            return _NUMBERS[kind](given.item())
        if kind.startswith(("List[", "Tuple[")):
            elements = given.tolist()
            return elements if kind.startswith("List[") else tuple(elements)
        raise InputError(f"input {parameter.name} is {parameter.type_text} and cannot be {given.tolist()}")

    def _input(
        self, parameter: Parameter, kind: str, type_: TensorType, scope: Scope, inputs: list[Value]
    ) -> Tensor | Number:
        value = Value(type_, parameter.name)
        if kind == "Tensor":
            inputs.append(value)
            return scope.tensor(value)
        if kind in _NUMBERS and type_.rank == 0:
            inputs.append(value)
            return Scalar(value)
        if kind in _NUMBERS:
            wanted = f"give a value, or a type without axes such as {_SCALAR_TYPES[kind]}[]"
        elif "Tensor" in kind:
            wanted = f"give its tensors: {_flag(parameter)}"
        else:
            wanted = "give a value for it"
        raise InputError(f"input {parameter.name} is {parameter.type_text} and cannot be {type_}; {wanted}")

    def _from_traced(self, name: str, traced: object, scope: Scope, inputs: list[Value]) -> object:
        """An argument of the types that the module was traced with."""
        scope.work.spend(OP)
        if isinstance(traced, StoredTensor):
            value = Value(TensorType(DType.of(traced.array.dtype), traced.array.shape), name)
            inputs.append(value)
            return scope.tensor(value)
        if isinstance(traced, list):
            return [self._from_traced(f"{name}_{i}", t, scope, inputs) for i, t in enumerate(traced)]
        if isinstance(traced, tuple):
            return tuple([self._from_traced(f"{name}_{i}", t, scope, inputs) for i, t in enumerate(traced)])
        if isinstance(traced, dict):
            return {key: self._from_traced(f"{name}_{key}", t, scope, inputs) for key, t in traced.items()}
        return traced


_NUMBERS: dict[str, type[int | float | bool]] = {"int": int, "float": float, "bool": bool, "number": float}
_SCALAR_TYPES = {"int": "i64", "float": "f32", "bool": "bool", "number": "f32"}


def _as_float32(array: Array) -> Array:
    """A value that the user wrote, in PyTorch's default float."""
    return array.astype("float32") if array.dtype == "float64" else array


def _flag(parameter: Parameter) -> str:
    """How a parameter may be given; of a list or a dict the first element is shown."""
    kind = parameter.type_text
    if kind == "int":
        return f"--input {parameter.name}=1"
    if kind in ("float", "number"):
        return f"--input {parameter.name}=1.0"
    if kind == "bool":
        return f"--input {parameter.name}=false"
    if kind == "str":
        return f"--input '{parameter.name}=\"text\"'"
    match parameter.annotation:
        case ast.Subscript(value=ast.Name(id="Tuple"), slice=ast.Tuple(elts=[_, *_] as parts)):
            named = [Parameter(f"{parameter.name}_{i}", part, None) for i, part in enumerate(parts[:_MAX_SHOWN])]
            return " ".join(map(_flag, named))
        case ast.Subscript(value=ast.Name(id="List"), slice=element):
            return _flag(Parameter(f"{parameter.name}_0", element, None))
        case ast.Subscript(value=ast.Name(id="Dict"), slice=ast.Tuple(elts=[_, element])):
            return _flag(Parameter(f"{parameter.name}_key", element, None))
        case ast.Subscript(value=ast.Name(id="Optional"), slice=element):
            return _flag(Parameter(parameter.name, element, None))
    return f'--input "{parameter.name}=f32[1, 3, 224, 224]"'


def outputs_of(result: object, scope: Scope) -> list[tuple[str, Value]]:
    """What ``forward`` returns as named values: dicts and named tuples give names, the rest is output0, output1, ….

    None is left out, and so are strings; numbers are tensors without axes.
    """
    found: list[tuple[str, Value]] = []
    scope.work.survey(result)
    _collect("", result, scope, found)
    if not found:
        raise Unsupported("forward returns no tensor")
    return found


def _collect(name: str, result: object, scope: Scope, found: list[tuple[str, Value]]) -> None:
    if isinstance(result, NamedTuple):
        for field_name, element in zip(result.names, result, strict=True):
            _collect(f"{name}_{field_name}" if name else field_name, element, scope, found)
    elif isinstance(result, dict):
        for key, element in result.items():
            _collect(f"{name}_{key}" if name else str(key), element, scope, found)
    elif isinstance(result, list | tuple):
        for place, element in enumerate(result):
            _collect(f"{name}_{place}" if name else "", element, scope, found)
    elif result is FAILED or result is UNINITIALIZED:
        raise Failure
    elif len(found) == MAX_OUTPUTS:
        raise Unsupported(f"forward returns over {MAX_OUTPUTS} tensors")
    else:
        value = _value(result, scope)
        if value is not None:
            taken = {n for n, _ in found}
            name = name or f"output{len(found)}"
            while name in taken:
                name += "_"
            found.append((name, scope.insert(value)))


def _value(result: object, scope: Scope) -> Value | None:
    if isinstance(result, Tensor):
        return result.value
    if isinstance(result, Scalar):
        return result.value
    if isinstance(result, bool):
        return scope.scalar(result, DType.BOOL)
    if isinstance(result, int | SymInt):
        return scope.scalar(result, DType.I64)
    if isinstance(result, float | SymFloat):
        return scope.scalar(result, DType.F32)
    if result is None or isinstance(result, str):
        return None
    raise Unsupported(f"forward returns {describe(result)}, which is no tensor")
