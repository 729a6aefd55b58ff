"""Replacing symbols everywhere in a function: in types and in attributes."""

from collections.abc import Mapping

from ..call_graph import callees
from ..dims import Dim, SymInt, free_symbols, substitute
from ..errors import CompileError
from ..ir import Function, Module, Op
from ..opdef import ConstraintError, replace
from ..types import TensorType


def lone_symbol(dim: Dim) -> str | None:
    """The name of the symbol that ``dim`` is; None when it is a number or more than a symbol."""
    symbols = free_symbols(dim)
    return symbols[0] if len(symbols) == 1 and str(dim) == symbols[0] else None


def substitute_symbols(function: Function, mapping: Mapping[str, Dim]) -> None:
    """Replaces symbols by dims, all at once, in the types of inputs and results and in all attributes.

    Raises CompileError when an op cannot have the dims that come out.
    """
    fixed = dict(mapping)
    for value in function.inputs:
        value.type = value.type.substitute(fixed)
    for op in function.ops:
        changes = _changed_attributes(op, fixed)
        for result in op.results:
            result.type = result.type.substitute(fixed)
        if not changes:
            continue
        try:
            changed = replace(op, **changes)
        except ConstraintError as error:
            where = f"node {', '.join(op.location)}" if op.location else op.definition.name
            raise CompileError([f"{where}: {error}"]) from None
        function.ops.insert_before(op, changed)
        for old, new in zip(op.results, changed.results, strict=True):
            new.type, new.name, old.name = old.type, old.name, ""
            old.replace_all_uses_with(new)
        op.erase()


def substitute_in_callees(module: Module, function: Function, mapping: Mapping[str, Dim]) -> None:
    """Does to what ``function`` calls as ``substitute_symbols`` did to it.

    The symbols of a called function's inputs are its caller's; others of the same name are not.
    """
    for callee in callees(module, function):
        passed = {s: dim for s, dim in mapping.items() if s in callee.symbols}
        if passed:
            substitute_symbols(callee, passed)
            substitute_in_callees(module, callee, passed)


def _changed_attributes(op: Op, mapping: Mapping[str, Dim]) -> dict[str, object]:
    changes: dict[str, object] = {}
    for name, value in op.definition.attributes_of(op).items():
        if isinstance(value, SymInt):
            changes[name] = substitute(value, mapping)
        elif name == op.definition.types_field and isinstance(value, tuple):
            changes[name] = tuple(t.substitute(dict(mapping)) if isinstance(t, TensorType) else t for t in value)
        elif isinstance(value, tuple) and any(isinstance(d, SymInt) for d in value):
            changes[name] = tuple(substitute(d, mapping) if isinstance(d, SymInt) else d for d in value)
    return {name: value for name, value in changes.items() if value != getattr(op, name)}
