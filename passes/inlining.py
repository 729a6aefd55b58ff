"""Putting what a called function computes in the place of the call."""

import itertools
from collections.abc import Sequence

from ..cloning import clone_function
from ..dims import Dim, SymInt, free_symbols, symbol
from ..ir import Function, Op, Value
from ..types import TensorType
from .substitution import lone_symbol, substitute_symbols


def can_be_inlined(function: Function, callee: Function, operands: Sequence[Value]) -> bool:
    """Whether symbols keep their meaning: what the callee calls in turn knows them by their names in the callee."""
    return not any(op.calls for op in callee.ops) or not _sizes(function, callee, operands)


def inlined(function: Function, before: Op, callee: Function, operands: Sequence[Value]) -> list[Value]:
    """Puts copies of the callee's ops before an op of ``function``; returns what its outputs are there.

    Those have no names. The symbols of the callee's inputs become the operands' sizes, and those that it makes itself
    new symbols.
    """
    body = clone_function(callee)
    substitute_symbols(body, _sizes(function, body, operands))
    taken = {value.name for value in function.values()}
    for given, operand in zip(body.inputs, operands, strict=True):
        given.replace_all_uses_with(operand)
    outputs = list(body.outputs)
    body.set_outputs((), ())
    for op in body.ops:
        body.ops.unlink(op)
        for result in op.results:
            result.name = "" if result.name in taken or result in outputs else result.name
        op.location = op.location or before.location
        function.ops.insert_before(before, op)
    return outputs


def _sizes(function: Function, body: Function, operands: Sequence[Value]) -> dict[str, Dim]:
    sizes: dict[str, Dim] = {}
    for given, operand in zip(body.inputs, operands, strict=True):
        for dim, size in zip(given.type.shape, operand.type.shape, strict=True):
            if (name := lone_symbol(dim)) is not None:
                sizes.setdefault(name, size)
    known = {*body.symbols, *(s for v in function.values() for s in v.type.symbols)}
    fresh = (name for i in itertools.count() if (name := f"u{i}") not in known)
    for name in dict.fromkeys(s for v in body.values() for s in v.type.symbols):
        if name in known and name not in body.symbols:
            sizes[name] = symbol(next(fresh))
    return {name: size for name, size in sizes.items() if size != symbol(name)}


def adopt_sizes(function: Function, declared: Sequence[TensorType], made: Sequence[TensorType]) -> None:
    """Replaces the symbols that types which are gone bound by the sizes of what stands in their place."""
    bound = {*function.symbols}
    sizes: dict[str, Dim] = {}
    for old, new in zip(declared, made, strict=True):
        for dim, size in zip(old.shape, new.shape, strict=True):
            name = lone_symbol(dim) if isinstance(dim, SymInt) else None
            if name is not None and name not in bound and name not in free_symbols(size) and dim != size:
                sizes.setdefault(name, size)
    if sizes:
        substitute_symbols(function, sizes)
