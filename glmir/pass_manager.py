"""Passes, their options, and the manager that runs them in order (DESIGN §4, spec/passes.md).

A pass is a function ``(module, *, option=…) -> bool``; the bool says whether it changed the module, the keyword
arguments with their defaults are its options. ``@module_pass()`` makes a ``Pass`` of it.
"""

import enum
import inspect
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

    def parse(self, text: str) -> OptionValue:
        """The value that ``text`` stands for; raises ValueError."""
        if text == "none" and self.default is None:
            return None
        if self.type is bool:
            if text not in ("true", "false"):
                raise ValueError(f"{self.name} is true or false, not {text}")
            return text == "true"
        parsed: OptionValue = self.type(text)
        return parsed


@dataclass(frozen=True)
class Pass:
    """A pass: the function, under the name that pipelines use."""

    function: PassFunction
    requires: tuple[Property, ...] = ()

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
        return {p.name: Option(p.name, _scalar_type(p.annotation), p.default) for p in parameters}

    def __call__(self, module: Module, **options: OptionValue) -> bool:
        return self.function(module, **options)

    def with_options(self, **options: OptionValue) -> "PassInstance":
        if unknown := sorted(set(options) - set(self.options)):
            raise InputError(f"pass {self.name} has no option {', '.join(unknown)}{_choices(self.options)}")
        return PassInstance(self, {k: v for k, v in options.items() if v != self.options[k].default})


def module_pass(*, requires: Sequence[Property] = ()) -> Callable[[PassFunction], Pass]:
    """Makes a pass of a function; ``requires`` must hold of the module before it runs."""

    def declare(function: PassFunction) -> Pass:
        if not function.__doc__:
            raise TypeError(f"pass {function.__name__} needs a docstring")
        return Pass(function, tuple(requires))

    return declare


def _scalar_type(annotation: object) -> type:
    if isinstance(annotation, types.UnionType):
        (annotation,) = (m for m in annotation.__args__ if m is not type(None))
    if not isinstance(annotation, type):
        raise TypeError(f"a pass option is a bool, int, float, str or enum, not {annotation!r}")
    return annotation


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
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value) if isinstance(value, enum.Enum) else "none" if value is None else str(value)


Pipeline = tuple[PassInstance, ...]

_ITEM = re.compile(r"\s*([a-z0-9\-]+)\s*(?:\{([^{}]*)\})?\s*(?:,|$)")


def parse_pipeline(text: str, known: Mapping[str, Pass]) -> Pipeline:
    """The pipeline that ``fold-batch-norm,quantize-weights{bits=4,block=32}`` stands for; raises InputError."""
    instances, position = [], 0
    while position < len(text.rstrip()):
        match = _ITEM.match(text, position)
        if match is None:
            raise InputError(f"cannot read the pipeline at column {position + 1}: {text[position : position + 20]!r}")
        name, options = match.group(1), match.group(2)
        if name not in known:
            raise InputError(f"there is no pass {name}{_choices(known)}")
        instances.append(known[name].with_options(**_parse_options(known[name], options or "")))
        position = match.end()
    return tuple(instances)


def _parse_options(pass_: Pass, text: str) -> dict[str, OptionValue]:
    options: dict[str, OptionValue] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, equals, value = part.partition("=")
        name = key.strip().replace("-", "_")
        if not equals or name not in pass_.options:
            raise InputError(f"pass {pass_.name} has no option {part!r}{_choices(pass_.options)}")
        try:
            options[name] = pass_.options[name].parse(value.strip())
        except ValueError as error:
            raise InputError(f"pass {pass_.name}: {error}") from None
    return options


def format_pipeline(pipeline: Iterable[PassInstance]) -> str:
    """The text that ``parse_pipeline`` reads."""
    return ",".join(map(str, pipeline))


class Instrument(Protocol):
    """Watches the passes run; see instrumentation.py."""

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
        if self._check_requirements:
            for required in instance.pass_.requires:
                if not required.holds(module):
                    raise RequirementError(f"{instance.name} cannot run: it needs that {required.text}")
        for instrument in self._instruments:
            instrument.before_pass(instance, module)
        changed = instance.pass_(module, **instance.options)
        for instrument in self._instruments:
            instrument.after_pass(instance, module, changed)
        return changed
