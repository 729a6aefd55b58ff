"""The ATen table: which function imports which operation, and how a call finds it.

The parameters and annotations of an importer are the operation's schema: what a call may pass is what they say.
TorchScript writes no overload names, so a call is matched against the importers registered under its name, in their
order, and the first that its arguments fit is taken.

    @TABLE.imports("relu")
    def relu(self: Tensor) -> Value:
        return nn.Relu(self.value).result

An importer returns values (new tensors), tensors (views of storage that exists), numbers, or tuples and lists of those.
Its first parameter may be a ``Scope``. In-place operations need none of their own: ``relu_`` computes ``relu`` and
writes the result.
"""

import inspect
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from ...dims import SymInt
from ...ir import Op, Value
from ...types import DType
from .dtypes import COMPLEX_DTYPES, ComplexDType, dtype_of_code
from .scalars import Number, Scalar, SymFloat
from .scope import Scope
from .tensors import Tensor, Unsupported

Result: TypeAlias = object
"""A value, tensor, number, None, or a tuple or list of those."""

Importer: TypeAlias = Callable[..., Result]
ImporterT = TypeVar("ImporterT", bound=Importer)

_NAMESPACES = ("", "aten", "prim", "prims", "quantized", "quantized_decomposed", "sparse", "torchvision")


def unsupported(name: str) -> str:
    """Why an operation that no importer is registered for is refused."""
    namespace = name.rpartition("::")[0]
    advice = "" if namespace in _NAMESPACES else "; it is none of PyTorch's own, and must be written with those"
    return f"it is not supported{advice}"


class Mismatch(Exception):
    """An argument is not of the parameter's type."""


_Convert: TypeAlias = Callable[[object], object]


class Table:
    """The importers of some operations, by name: ``aten::relu`` is ``relu``, others keep their namespace."""

    def __init__(self, *tables: "Table") -> None:
        self.overloads: dict[str, list[Overload]] = {}
        for table in tables:
            for name, overloads in table.overloads.items():
                self.overloads.setdefault(name, []).extend(overloads)

    def imports(self, *names: str) -> Callable[[ImporterT], ImporterT]:
        """Registers a function for these operations, behind those registered for them before."""

        def register(importer: ImporterT) -> ImporterT:
            for name in names:
                self.overloads.setdefault(name, []).append(Overload(importer))
            return importer

        return register

    def __contains__(self, name: str) -> bool:
        return name in self.overloads or _out_of_place(name) in self.overloads

    def call(self, scope: Scope, name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        """What the operation returns: tensors, numbers, tuples and lists; raises Unsupported."""
        base = _out_of_place(name)
        # Some in-place operations have importers for lists only.
        if name in self.overloads and (base not in self.overloads or self._binds(name, args, kwargs)):
            made = _wrapped(scope, self._called(scope, name, args, kwargs))
            _note_order(args, made)
            return made
        if base not in self.overloads:
            raise Unsupported(unsupported(name))
        target = args[0] if args else kwargs.get("self")
        if isinstance(target, Writable):
            return target.written(self._called(scope, base, args, kwargs))
        if not isinstance(target, Tensor):
            raise Unsupported("it changes what is no tensor")
        return write_result(scope, target, self._called(scope, base, args, kwargs))

    def _binds(self, name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> bool:
        """Whether an importer of that name takes the arguments."""
        for overload in self.overloads[name]:
            with suppress(Mismatch):
                overload.bind(args, kwargs)
                return True
        return False

    def _called(self, scope: Scope, name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> Result:
        overloads = self.overloads[name]
        for convert in (_any, _implicitly):
            given_args = [convert(a) for a in args]
            given_kwargs = {name: convert(a) for name, a in kwargs.items()}
            for overload in overloads:
                try:
                    bound = overload.bind(given_args, given_kwargs)
                except Mismatch:
                    continue
                scope.work.spend(sum([len(a) for a in bound.values() if isinstance(a, tuple)]))
                return overload(scope, bound)
        shown = [*map(describe, args), *(f"{k}={describe(v)}" for k, v in kwargs.items())]
        given = ", ".join(shown[:40]) + (", …" if len(shown) > 40 else "")
        accepted = " or ".join(f"({o.text})" for o in overloads)
        raise Unsupported(f"its arguments ({given}) are not supported; it takes {accepted}")


@runtime_checkable
class Writable(Protocol):
    """A tensor made of others (complex, quantized), which knows how a result is written to it."""

    def written(self, result: object) -> object:
        """Writes what an importer gave; returns the tensor itself. Raises Unsupported."""
        ...


def _out_of_place(name: str) -> str:
    """``relu`` for ``relu_``."""
    return name[:-1] if name.endswith("_") and not name.endswith("__") else ""


@dataclass(frozen=True)
class _Implicit:
    """A tensor without axes, which is a number where a number is wanted (``aten::IntImplicit``)."""

    tensor: Tensor

    @property
    def number(self) -> Number:
        return self.tensor.scope.number(self.tensor.value)


def _implicitly(argument: object) -> object:
    """The argument with tensors that may stand for numbers."""
    if isinstance(argument, list | tuple):
        return [_implicitly(a) for a in argument]
    return _Implicit(argument) if isinstance(argument, Tensor) and argument.rank == 0 else argument


@dataclass
class Overload:
    """One importer and what its parameters take."""

    importer: Importer

    @cached_property
    def _parameters(self) -> list[tuple[inspect.Parameter, _Convert]]:
        # The importers' modules import nothing for type checking alone, so every annotation can be looked up.
        hints = typing.get_type_hints(self.importer)
        parameters = list(inspect.signature(self.importer).parameters.values())
        own = [p for p in parameters if hints[p.name] is not Scope]
        return [(p, converter(hints[p.name])) for p in own]

    @cached_property
    def _takes_scope(self) -> bool:
        return Scope in typing.get_type_hints(self.importer).values()

    @cached_property
    def _rest(self) -> str:
        """The parameter that takes any number of arguments (``*args: object``); "" when there is none."""
        return next((p.name for p, _ in self._parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), "")

    @cached_property
    def _options(self) -> str:
        """The parameter that takes all other keywords (``**options: object``); "" when there is none."""
        return next((p.name for p, _ in self._parameters if p.kind is inspect.Parameter.VAR_KEYWORD), "")

    @property
    def text(self) -> str:
        return ", ".join(p.name for p, _ in self._parameters)

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        """The arguments by parameter, converted; raises Mismatch."""
        positional = [p.name for p, _ in self._parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        if self._rest:
            args, rest = args[: len(positional)], args[len(positional) :]
            kwargs = {**kwargs, self._rest: rest}
        if len(args) > len(positional):
            raise Mismatch
        given: dict[str, object] = dict(zip(positional, args, strict=False))
        if any(name in given for name in kwargs):
            raise Mismatch
        given |= kwargs
        bound: dict[str, object] = {}
        for parameter, convert in self._parameters:
            if parameter.name in given:
                bound[parameter.name] = convert(given.pop(parameter.name))
            elif parameter.default is inspect.Parameter.empty and parameter.name != self._options:
                raise Mismatch
        if given and not self._options:
            raise Mismatch
        return bound | given

    def __call__(self, scope: Scope, bound: Mapping[str, object]) -> Result:
        own = [scope] if self._takes_scope else []
        if not self._rest:
            return self.importer(*own, **bound)
        keywords = dict(bound)
        rest = typing.cast(Sequence[object], keywords.pop(self._rest))
        places = [p.name for p, _ in self._parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        first = [keywords.pop(name) for name in places if name in keywords]
        return self.importer(*own, *first, *rest, **keywords)


def _wrapped(scope: Scope, result: Result) -> object:
    """The result with values made tensors, inserted in order."""
    if isinstance(result, Value):
        return scope.tensor(result)
    if isinstance(result, Op):
        result = result.results if len(result.results) > 1 else result.result
        return _wrapped(scope, result)
    if isinstance(result, tuple):
        scope.insert_all([v for v in result if isinstance(v, Value)])
        return tuple(_wrapped(scope, r) for r in result)
    if isinstance(result, list):
        return _wrapped_list(scope, result)
    if isinstance(result, Scalar):
        scope.insert(result.value)
    return result


def _note_order(args: Sequence[object], made: object) -> None:
    """Elementwise operations on tensors whose axes are permuted in memory give tensors that are."""
    if not isinstance(made, Tensor) or made.path or made.rank < 2:
        return
    alike = [a for a in args if isinstance(a, Tensor) and a.storage is not made.storage and a.shape == made.shape]
    if any(a.storage.may_be_permuted or not a.is_contiguous for a in alike):
        made.storage.may_be_permuted = True


def _wrapped_list(scope: Scope, results: list[object]) -> list[object]:
    """A list of the program's own stays the same object."""
    if not any(issubclass(kind, Value | Op | tuple | list | Scalar) for kind in set(map(type, results))):
        return results
    wrapped = [_wrapped(scope, r) for r in results]
    return results if all(map(operator.is_, wrapped, results)) else wrapped


def write_result(scope: Scope, target: Tensor, result: Result) -> Tensor:
    """Makes an in-place operation of what its out-of-place form gives; returns the target."""
    if isinstance(result, tuple):
        result = result[0]
    if isinstance(result, Op):
        result = result.result
    if isinstance(result, Tensor) and result.storage is target.storage:
        target.become(result)
        return target
    value = result.value if isinstance(result, Tensor) else result
    if not isinstance(value, Value):
        raise Unsupported("it has no in-place form")
    from .promotion import fitted

    target.write(fitted(value, target.dtype, target.shape))
    return target


def describe(argument: object, depth: int = 0) -> str:
    """How messages show an argument, the beginning of a long one."""
    if isinstance(argument, Tensor):
        return str(argument.type)
    if isinstance(argument, Scalar):
        return f"{argument.dtype.value} number"
    if isinstance(argument, list | tuple):
        if depth == 2:
            return "[…]"
        parts = [describe(a, depth + 1) for a in argument[:8]]
        return f"[{', '.join(parts)}{', …' if len(argument) > 8 else ''}]"
    if isinstance(argument, str):
        return repr(argument if len(argument) <= 60 else f"{argument[:60]}…")
    if isinstance(argument, int | float | SymInt | SymFloat | None):
        return repr(argument)
    return f"a {type(argument).__name__}"


# What an annotation takes: a function from the argument to what the importer gets.


def _tensor(argument: object) -> object:
    if isinstance(argument, _Implicit):
        return argument.tensor
    if not isinstance(argument, Tensor):
        raise Mismatch
    return argument


def _explicit(argument: object) -> object:
    return argument.number if isinstance(argument, _Implicit) else argument


def _int(argument: object) -> object:
    argument = _explicit(argument)
    if isinstance(argument, bool) or not isinstance(argument, int | SymInt | Scalar):
        raise Mismatch
    if isinstance(argument, Scalar) and (argument.dtype.is_float or not argument.dtype.is_numeric):
        raise Mismatch
    return argument


def _number(argument: object) -> object:
    argument = _explicit(argument)
    if not isinstance(argument, int | float | SymInt | SymFloat | Scalar):
        raise Mismatch
    return argument


def _float(argument: object) -> object:
    argument = _explicit(argument)
    if isinstance(argument, bool) or not isinstance(argument, int | float):
        raise Mismatch
    return float(argument)


def _bool(argument: object) -> object:
    argument = _explicit(argument)
    if argument not in (True, False) or not isinstance(argument, int):
        raise Mismatch
    return bool(argument)


def _str(argument: object) -> object:
    if not isinstance(argument, str):
        raise Mismatch
    return argument


def _none(argument: object) -> object:
    if argument is not None:
        raise Mismatch
    return None


def _dtype(argument: object) -> object:
    if isinstance(argument, DType):
        return argument
    if isinstance(argument, bool) or not isinstance(argument, int):
        raise Mismatch
    return dtype_of_code(argument)


def _complex_dtype(argument: object) -> object:
    if isinstance(argument, int | str) and argument in COMPLEX_DTYPES:
        return COMPLEX_DTYPES[argument]
    raise Mismatch


def _list(argument: object) -> object:
    # The list itself, not a copy: what changes it changes it for all that hold it.
    if not isinstance(argument, list):
        raise Mismatch
    return argument


def _dict(argument: object) -> object:
    if not isinstance(argument, dict):
        raise Mismatch
    return argument


def _tuple(argument: object) -> object:
    if not isinstance(argument, tuple):
        raise Mismatch
    return argument


def _any(argument: object) -> object:
    return argument.tensor if isinstance(argument, _Implicit) else argument


_CONVERTERS: dict[object, _Convert] = {
    Tensor: _tensor,
    bool: _bool,
    float: _float,
    str: _str,
    type(None): _none,
    DType: _dtype,
    ComplexDType: _complex_dtype,
    list[object]: _list,
    dict[object, object]: _dict,
    tuple[object, ...]: _tuple,
    object: _any,
}


def converter(annotation: object) -> _Convert:
    """What turns an argument into what a parameter of this annotation gets; it raises Mismatch."""
    if annotation in (int | SymInt | Scalar, SymInt | int | Scalar):
        return _int
    if annotation == Number:
        return _number
    if annotation in _CONVERTERS:
        return _CONVERTERS[annotation]
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return _one_of(_alternatives(parts))
    if origin is Sequence:
        return _sequence_of(converter(parts[0]), takes_one=parts[0] in (int | SymInt | Scalar, float))
    if annotation is int:
        return _plain_int
    if isinstance(annotation, type) and annotation not in (SymInt, SymFloat, Scalar):
        return _instance_of(annotation)
    raise TypeError(f"an importer's parameter cannot be annotated {annotation}")


def _instance_of(kind: type) -> _Convert:
    """What takes objects of one class: complex and quantized tensors, packed weights."""

    def convert(argument: object) -> object:
        if not isinstance(argument, kind):
            raise Mismatch
        return argument

    return convert


def _plain_int(argument: object) -> object:
    """``int``: a number that must be known when the model is compiled."""
    argument = _explicit(argument)
    if isinstance(argument, bool) or not isinstance(argument, int):
        raise Mismatch
    return argument


def _alternatives(parts: Iterable[object]) -> list[_Convert]:
    """The members of a union; those of Int and Number, which are unions too, taken together again."""
    rest = list(parts)
    found: list[_Convert] = []
    for members, convert in ((typing.get_args(Number), _number), ((int, SymInt, Scalar), _int)):
        if all(m in rest for m in members):
            rest = [m for m in rest if m not in members]
            found.append(convert)
    return [converter(p) for p in rest] + found


def _one_of(converters: Sequence[_Convert]) -> _Convert:
    def convert(argument: object) -> object:
        for alternative in converters:
            try:
                return alternative(argument)
            except Mismatch:
                continue
        raise Mismatch

    return convert


def _sequence_of(convert_element: _Convert, takes_one: bool) -> _Convert:
    def convert(argument: object) -> object:
        if isinstance(argument, list | tuple):
            return tuple(convert_element(a) for a in argument)
        if takes_one:
            return (convert_element(argument),)
        raise Mismatch

    return convert
