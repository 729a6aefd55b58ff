"""eliminate-common-subexpressions: what is computed twice is computed once."""

from collections.abc import Hashable

import numpy as np

from ...ir import Array, Function, Module, Op
from ...ops import tensor
from ...ops.math import Binary
from ...pass_manager import module_pass

SAMPLES = 8
"""Elements that are compared before two large constants are hashed."""


@module_pass()
def eliminate_common_subexpressions(module: Module) -> bool:
    """Replaces an op by an earlier one of the same class, operands and attributes."""
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
        for kept, repeated in zip(first.results, op.results, strict=True):
            repeated.replace_all_uses_with(kept)
            if not kept.name:
                kept.name, repeated.name = repeated.name, ""
        op.erase()
        changed = True
    return changed


def _key(op: Op) -> Hashable:
    """Equal for ops that compute the same. Types are part of it, for a declared type can say more than the op does."""
    types = tuple(r.type for r in op.results)
    if isinstance(op, tensor.Constant):
        return tensor.Constant, types, _sample(op.value.array), op.value
    attributes = tuple(op.definition.attributes_of(op).values())
    return type(op), types, _operand_key(op), attributes


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
