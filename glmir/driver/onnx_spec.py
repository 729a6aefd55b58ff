"""What the ONNX operators become, read off their importers: for ``spec/onnx_operators.md`` and the pages of the ops."""

import functools
import inspect
import types
from collections.abc import Iterator, Sequence

from ..frontends.onnx import node as importing
from ..frontends.onnx.graph_operators import OWN_OPERATORS
from ..frontends.onnx.ops import IMPORTERS, Operator
from ..frontends.onnx.ops.standard_forms import as_standard
from ..frontends.onnx.refused import DOMAINS, OPERATORS
from ..frontends.onnx.sequences import SEQUENCE_IMPORTERS
from ..ir import Op
from ..ops import DEFINITIONS

_PLUMBING = (importing.__name__, "glmir.frontends.layers", "glmir.frontends.values")
"""Modules whose functions hand values on: that an importer may cast says nothing about its operator."""

_CALLS = {
    "If": ("control.if",),
    "Loop": ("control.while",),
    "Scan": ("control.while",),
    "SequenceMap": (),
}
"""What those operators become that have graphs; SequenceMap's graph is repeated for every element."""

_LAYERS = ("nn.", "quant.")
_FEW = 3
"""An operator is said to be the layers that it may become, or any ops if they are so few; else it is taken apart."""


def operator_name(operator: Operator) -> str:
    """``Conv``, or ``com.microsoft.FusedConv``."""
    domain, op_type = operator
    return f"{domain}.{op_type}" if domain else op_type


@functools.cache
def ops_of(operator: Operator) -> tuple[str, ...]:
    """The names of the ops that the operator's importer may build, in the order of their families."""
    if operator[1] in _CALLS:
        return _CALLS[operator[1]]
    importer = IMPORTERS.get(operator) or SEQUENCE_IMPORTERS[operator[1]]
    built = set(_built_by(importer, set(), _PLUMBING)) or set(_built_by(importer, set(), ()))
    if not built and operator[0] and ("", operator[1]) in IMPORTERS:
        return ops_of(("", operator[1]))
    return tuple(name for name, definition in DEFINITIONS.items() if definition.cls in built)


@functools.cache
def operators_of(op_name: str) -> tuple[tuple[Operator, ...], tuple[Operator, ...]]:
    """The operators that are this op, and those that are taken apart into it and others."""
    building = [operator for operator in sorted({*IMPORTERS, *OWN_OPERATORS}) if op_name in ops_of(operator)]
    are = tuple(o for o in building if op_name.startswith(_LAYERS) or len(ops_of(o)) <= _FEW)
    return are, tuple(o for o in building if o not in are)


def onnx_sections() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each domain with its operators that have an importer or are refused, and what they become."""
    rows = {operator: _becomes(operator) for operator in IMPORTERS}
    rows |= {operator: _becomes(operator) for operator in OWN_OPERATORS}
    rows |= {(d, name): f"refused: {why}" for d, reasons in OPERATORS.items() for name, why in reasons.items()}
    for domain in sorted({domain for domain, _ in rows}):
        yield domain or "ai.onnx", [(f"`{name}`", text) for (d, name), text in sorted(rows.items()) if d == domain]
    yield "Whole domains", [(f"`{domain}`", f"else refused: {why}") for domain, why in sorted(DOMAINS.items())]


def _becomes(operator: Operator) -> str:
    """The operator's ops, or of those that it is taken apart into the layers and the names of the families."""
    names = ops_of(operator)
    told = [_link(name) for name in names if len(names) <= _FEW or name.startswith(_LAYERS)]
    families = sorted({name.partition(".")[0] for name in names if not name.startswith(_LAYERS)})
    if len(names) > _FEW:
        told.append(f"ops of {' and '.join(f'`{family}`' for family in families)}")
    return ", ".join(told) or "nothing: it hands on its operands"


def _link(name: str) -> str:
    return f"[`{name}`](ops/{name.partition('.')[0]}.md)"


def _built_by(function: object, seen: set[int], plumbing: Sequence[str]) -> Iterator[type[Op]]:
    """The op classes that the code of a function names, and that of the functions that it calls."""
    if isinstance(function, functools.partial):
        function = function.func
    if not isinstance(function, types.FunctionType) or id(function) in seen or function.__module__ in plumbing:
        return
    seen.add(id(function))
    for code in _codes(function.__code__):
        for found in _named(function, code):
            if isinstance(found, type) and issubclass(found, Op):
                yield from _concrete(found)
            elif getattr(found, "__module__", "").startswith("glmir.frontends."):
                for part in _methods(found) if isinstance(found, type) else (found,):
                    yield from _built_by(part, seen, plumbing)


def _named(function: types.FunctionType, code: types.CodeType) -> Iterator[object]:
    """What the names in the code stand for: globals, members of modules that are globals, and captured values."""
    named = [function.__globals__[name] for name in code.co_names if name in function.__globals__]
    for value in named:
        if isinstance(value, types.ModuleType):
            yield from (getattr(value, name) for name in code.co_names if hasattr(value, name))
        yield from _held(value)
    if as_standard.__name__ in code.co_names:
        yield from (IMPORTERS[key] for constant in code.co_consts if (key := ("", constant)) in IMPORTERS)
    for value in inspect.getclosurevars(function).nonlocals.values():
        yield from _held(value)


def _methods(cls: type) -> Iterator[object]:
    """The functions of a class, properties and class methods included."""
    for member in vars(cls).values():
        yield getattr(member, "fget", None) or getattr(member, "__func__", member)


def _held(value: object) -> Sequence[object]:
    """The value, or the values of a table."""
    return list(value.values()) if isinstance(value, dict) else [value]


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code and that of the functions defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _concrete(cls: type[Op]) -> Iterator[type[Op]]:
    """The class if it is an op; a family of ops, named for a check, builds none."""
    if any(definition.cls is cls for definition in DEFINITIONS.values()):
        yield cls
