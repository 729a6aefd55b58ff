"""eliminate-common-subexpressions: what is computed twice is computed once, and what is stored twice stored once."""

from collections.abc import Hashable

import numpy as np

from ...attributes import FunctionRef
from ...call_graph import callees, callers_first
from ...ir import Array, Function, Module, Op
from ...opdef import replace
from ...ops import tensor
from ...ops.math import Binary
from ...pass_manager import module_pass
from ...rewriter import is_allowed, record_rewrite
from .callees import put_in_place, same_work

SAMPLES = 8
"""Elements that are compared before two large constants are hashed."""


@module_pass()
def eliminate_common_subexpressions(module: Module) -> bool:
    """Replaces an op by an earlier one of the same class, operands and attributes, a constant by one of the same bytes,
    and calls of a function by calls of one that does the same."""
    changed = _eliminate_everywhere(module)
    while _merge_functions(module):
        changed = True
        _eliminate_everywhere(module)
    return changed


def _eliminate_everywhere(module: Module) -> bool:
    changed = [_eliminate(function) for function in module.functions.values()]
    return any(changed)


def _eliminate(function: Function) -> bool:
    seen: dict[Hashable, Op] = {}
    changed = False
    for op in function.ops:
        if op.has_effect:
            continue
        first = seen.setdefault(_key(op), op)
        if first is op:
            continue
        if not is_allowed("equal_ops"):
            return changed
        for kept, repeated in zip(first.results, op.results, strict=True):
            repeated.replace_all_uses_with(kept)
            if not kept.name:
                kept.name, repeated.name = repeated.name, ""
        op.erase()
        record_rewrite("equal_ops")
        changed = True
    return changed


def _key(op: Op) -> Hashable:
    """Equal for ops that compute the same. Types are part of it, for a declared type can say more than the op does."""
    types = tuple(r.type for r in op.results)
    if isinstance(op, tensor.Constant):
        return tensor.Constant, types, _sample(op.value.array), op.value
    attributes = tuple(map(_attribute_key, op.definition.attributes_of(op).values()))
    return type(op), types, _operand_key(op), attributes


def _attribute_key(attribute: object) -> Hashable:
    # 0.0 equals -0.0, but a limit of -0.0 gives other zeros.
    return str(attribute) if isinstance(attribute, float) else attribute


def _operand_key(op: Op) -> Hashable:
    if isinstance(op, Binary) and type(op).is_commutative:
        return frozenset((op.x, op.y))
    return tuple(getattr(op, field.name) for field in op.definition.operand_fields)


def _sample(array: Array) -> bytes:
    """A few elements, so that constants of one type are told apart without hashing their whole content."""
    if array.size <= SAMPLES:
        return array.tobytes()
    positions = np.unravel_index(np.linspace(0, array.size - 1, SAMPLES).astype(np.int64), array.shape)
    return np.asarray(array[positions]).tobytes()


def _merge_functions(module: Module) -> bool:
    """Makes ops call one of several functions that do the same."""
    kept: dict[Hashable, list[Function]] = {}
    merged: dict[str, str] = {}
    called = {callee for function in module.functions.values() for callee in callees(module, function)}
    # What is called first: its callers may be equal once what they call is one.
    for function in reversed(callers_first(module)):
        if merged:
            _call_others(function, merged)
        alike = kept.setdefault(_function_key(function), [])
        twin = next((other for other in alike if same_work(other, function)), None)
        if twin is None:
            alike.append(function)
        elif function in called:
            if not is_allowed("equal_functions"):
                break
            merged[function.name] = twin.name
            record_rewrite("equal_functions")
    return bool(merged)


def _function_key(function: Function) -> Hashable:
    inputs = tuple(v.type for v in function.inputs)
    return inputs, tuple(v.type for v in function.outputs), tuple(type(op) for op in function.ops)


def _call_others(function: Function, merged: dict[str, str]) -> None:
    for op in function.ops:
        references = {
            name: FunctionRef(merged[reference.name])
            for name, reference in op.definition.attributes_of(op).items()
            if isinstance(reference, FunctionRef) and reference.name in merged
        }
        if references:
            changed = replace(op, **references)
            changed.location = op.location
            function.ops.insert_before(op, changed)
            for old, new in zip(op.results, changed.results, strict=True):
                new.type = old.type
            put_in_place(function, op, changed.results)
