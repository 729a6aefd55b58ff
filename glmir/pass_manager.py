"""Passes, their options, and the manager that runs them in order (spec/passes_guide.md).

A pass is a function ``(module, *, option=…) -> bool``; the bool says whether it changed the module, the keyword
arguments with their defaults are its options. ``@module_pass()`` makes a ``Pass`` of it.
"""

import enum
import inspect
import json
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from .errors import InputError
from .ir import Module
from .rewriter import RewriteSession, rewrite_session

OptionValue = bool | int | float | str | enum.Enum | None
PassFunction = Callable[..., bool]


@dataclass(frozen=True)
class Property:
    """Something that can be true of a module; ``text`` completes the sentence 'it needs that …'."""

    name: str
    text: str
    holds: Callable[[Module], bool]


class RequirementError(Exception):
    """A pass was run on a module that lacks a property it requires: a defect of the pipeline."""


@dataclass(frozen=True)
class Option:
    """One option of a pass."""

    name: str
    type: type
    default: OptionValue
    is_optional: bool = False
    """Whether it may be ``none``."""

    def parse(self, text: str) -> OptionValue:
        """The value that ``text`` stands for; raises ValueError."""
        if text == "none" and self.is_optional:
            return None
        if self.type is str:
            return _unquoted(text)
        values = {"true": True, "false": False} if self.type is bool else {}
        try:
            parsed: OptionValue = values[text] if self.type is bool else self.type(text)
        except (KeyError, ValueError):
            raise ValueError(f"{self.name} is {self._described()}, not {text or 'nothing'}") from None
        return parsed

    def _described(self) -> str:
        if issubclass(self.type, enum.Enum):
            return "one of " + ", ".join(str(member.value) for member in self.type)
        return {bool: "true or false", int: "an integer", float: "a number"}[self.type]


@dataclass(frozen=True)
class Pass:
    """A pass: the function, under the name that pipelines use."""

    function: PassFunction
    requires: tuple[Property, ...] = ()
    is_needed: bool = False
    """Whether targets could not express every module without it: it is never left out, and takes no fuel."""

    @property
    def name(self) -> str:
        return self.function.__name__.replace("_", "-")

    @property
    def summary(self) -> str:
        return (self.function.__doc__ or "").strip().split("\n")[0]

    @cached_property
    def options(self) -> Mapping[str, Option]:
        """Option name -> option, from the function's keyword arguments."""
        parameters = list(inspect.signature(self.function).parameters.values())[1:]
        return {p.name: _option(p) for p in parameters}

    def __call__(self, module: Module, **options: OptionValue) -> bool:
        return self.function(module, **options)

    def with_options(self, **options: OptionValue) -> "PassInstance":
        if unknown := sorted(set(options) - set(self.options)):
            raise InputError(f"pass {self.name} has no option {', '.join(unknown)}{_choices(self.options)}")
        return PassInstance(self, {k: v for k, v in options.items() if v != self.options[k].default})


def module_pass(*, requires: Sequence[Property] = (), needed: bool = False) -> Callable[[PassFunction], Pass]:
    """Makes a pass of a function; ``requires`` must hold of the module before it runs, and what is ``needed`` cannot be
    switched off."""

    def declare(function: PassFunction) -> Pass:
        if not function.__doc__:
            raise TypeError(f"pass {function.__name__} needs a docstring")
        return Pass(function, tuple(requires), needed)

    return declare


def _option(parameter: inspect.Parameter) -> Option:
    annotation = parameter.annotation
    is_optional = isinstance(annotation, types.UnionType) and type(None) in annotation.__args__
    if is_optional:
        (annotation,) = (m for m in annotation.__args__ if m is not type(None))
    scalars = (bool, int, float, str)
    if not isinstance(annotation, type) or not (annotation in scalars or issubclass(annotation, enum.Enum)):
        raise TypeError(f"option {parameter.name} is no bool, int, float, str or enum, but {annotation!r}")
    if parameter.default is inspect.Parameter.empty:
        raise TypeError(f"option {parameter.name} needs a default")
    return Option(parameter.name, annotation, parameter.default, is_optional)


def _choices(names: Iterable[str]) -> str:
    known = ", ".join(sorted(names))
    return f"; there are {known}" if known else "; it has none"


@dataclass(frozen=True)
class PassInstance:
    """A pass with its options chosen; ``str()`` is its place in a pipeline text: ``quantize-weights{bits=4}``."""

    pass_: Pass
    options: Mapping[str, OptionValue] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.pass_.name

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return f"{self.name}{{{','.join(f'{k}={_option_text(v)}' for k, v in self.options.items())}}}"


def _option_text(value: OptionValue) -> str:
    if isinstance(value, str):
        return value if _PLAIN_STRING.fullmatch(value) and value != "none" else json.dumps(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value) if isinstance(value, enum.Enum) else "none" if value is None else str(value)


def _unquoted(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


Pipeline = tuple[PassInstance, ...]

_PLAIN_STRING = re.compile(r"[^\s\",{}=](?:[^\",{}=\n\r]*[^\s\",{}=])?")
_NAME = re.compile(r"\s*([A-Za-z0-9_\-]+)\s*")
_OPTION = re.compile(r'\s*([A-Za-z0-9_\-]+)\s*=\s*("(?:\\.|[^"\\])*"|[^",{}]*?)\s*(,|\})')


def parse_pipeline(text: str, known: Mapping[str, Pass]) -> Pipeline:
    """The pipeline that ``fold-batch-norm,quantize-weights{bits=4,block=32}`` stands for; raises InputError.

    String options with commas, braces, quotes or spaces at their ends are written as JSON strings.
    """
    instances: list[PassInstance] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        if instances:
            if text[position] != ",":
                raise _unreadable(text, position)
            position += 1
        match = _NAME.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        name, position = match.group(1), match.end()
        if name not in known:
            raise InputError(f"there is no pass {name}{_choices(known)}")
        options: dict[str, OptionValue] = {}
        if text[position : position + 1] == "{":
            options, position = _parse_options(known[name], text, position + 1)
        instances.append(known[name].with_options(**options))
    return tuple(instances)


def _unreadable(text: str, position: int) -> InputError:
    found = repr(text[position : position + 20]) if text[position:].strip() else "nothing"
    return InputError(f"cannot read the pipeline at column {position + 1}: there is {found}")


def _parse_options(pass_: Pass, text: str, position: int) -> tuple[dict[str, OptionValue], int]:
    """The options from behind the brace on, and the position behind them and the spaces that follow."""
    options: dict[str, OptionValue] = {}
    closing = "," if text[position:].lstrip()[:1] != "}" else "}"
    if closing == "}":
        position = text.index("}", position) + 1
    while closing == ",":
        part, ending = re.match(r"([^,{}]*)([,}])?", text[position:]).groups()  # type: ignore[union-attr]
        match = _OPTION.match(text, position)
        if match is None and ending is None:
            raise _unreadable(text, position)
        if match is None or match.group(1).replace("-", "_") not in pass_.options:
            raise InputError(f"pass {pass_.name} has no option {part.strip()!r}{_choices(pass_.options)}")
        name, value, closing = match.group(1).replace("-", "_"), match.group(2), match.group(3)
        if name in options:
            raise InputError(f"pass {pass_.name}: the option {match.group(1)} is given twice")
        try:
            options[name] = pass_.options[name].parse(value)
        except ValueError as error:
            raise InputError(f"pass {pass_.name}: {error}") from None
        position = match.end()
    return options, position + len(text[position:]) - len(text[position:].lstrip())


def format_pipeline(pipeline: Iterable[PassInstance]) -> str:
    """The text that ``parse_pipeline`` reads."""
    return ",".join(map(str, pipeline))


class Instrument(Protocol):
    """Watches the passes run; see instrumentation.py. Those that measure stand before those that take time."""

    def before_pass(self, instance: PassInstance, module: Module) -> None: ...
    def after_pass(self, instance: PassInstance, module: Module, changed: bool) -> None: ...
    def on_failure(self, index: int, pipeline: Pipeline, module: Module, error: Exception) -> None: ...


class PassManager:
    """Runs a pipeline. ``check_requirements`` holds the module against what each pass requires before it runs."""

    def __init__(
        self,
        pipeline: Pipeline,
        instruments: Sequence[Instrument] = (),
        session: RewriteSession | None = None,
        check_requirements: bool = True,
    ) -> None:
        self.pipeline = pipeline
        self._instruments = instruments
        self._session = session or RewriteSession()
        self._check_requirements = check_requirements

    def run(self, module: Module) -> bool:
        """Runs all passes on the module in place; returns whether any changed it."""
        changed = False
        with rewrite_session(self._session):
            for index, instance in enumerate(self.pipeline):
                try:
                    changed |= self._run_pass(instance, module)
                except Exception as error:
                    for instrument in self._instruments:
                        instrument.on_failure(index, self.pipeline, module, error)
                    raise
        return changed

    def _run_pass(self, instance: PassInstance, module: Module) -> bool:
        if self._is_left_out(instance.pass_):
            return False
        if self._check_requirements:
            for required in instance.pass_.requires:
                if not required.holds(module):
                    raise RequirementError(f"{instance.name} cannot run: it needs that {required.text}")
        for instrument in self._instruments:
            instrument.before_pass(instance, module)
        self._session.is_needed = instance.pass_.is_needed
        changed = instance.pass_(module, **instance.options)
        for instrument in self._instruments:
            instrument.after_pass(instance, module, changed)
        return changed

    def _is_left_out(self, pass_: Pass) -> bool:
        """Whether the pass is switched off, or would find the fuel spent."""
        return not pass_.is_needed and (pass_.name in self._session.disabled_passes or self._session.fuel == 0)
