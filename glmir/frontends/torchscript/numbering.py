"""Whether two functions compute the same, by value numbering: equal ops on equal operands are equal.

Constants are evaluated, and tensors of one element repeated stay one element, so that zeros made for a shape equal
zeros cut out of others.
"""

from collections.abc import Mapping

import numpy as np

from ...dims import SymInt
from ...ir import Array, Function, Op, Value
from ...ops import nn, tensor

_SIZE_LIMIT = 1 << 16

_INITIAL = ("initial_h", "initial_c")

_MOVING = (tensor.Reshape, tensor.Slice, tensor.Transpose, tensor.Expand, tensor.Gather, tensor.Concat, tensor.Cast)
"""Ops that only move elements: of a repeated element they make a repeated element."""


def equal_functions(first: Function, second: Function, pinned: Mapping[str, Array]) -> bool:
    """Whether the functions' outputs are provably equal, when the inputs in ``pinned`` hold that, broadcast."""
    numbers: dict[object, int] = {}
    keys = [_Numbering(function, pinned, numbers).outputs() for function in (first, second)]
    return keys[0] == keys[1]


def known_array(value: Value) -> Array | None:
    """What a value is when no input of its function has a part in it; None when it depends on one."""
    arrays: dict[Value, Array | None] = {}
    pending = [value]
    while pending:
        current = pending[-1]
        operands = () if current.owner is None else current.owner.operands
        if missing := [v for v in operands if v not in arrays]:
            pending.extend(missing)
            continue
        pending.pop()
        if current not in arrays:
            arrays[current] = _evaluated(current, arrays)
    return arrays[value]


def _evaluated(value: Value, arrays: Mapping[Value, Array | None]) -> Array | None:
    op = value.owner
    if op is None or op.calls or not all(r.type.is_static for r in op.results):
        return None
    operands = [arrays[v] for v in op.operands]
    if any(a is None for a in operands) or _has_symbols(op):
        return None
    results = _results(op, {v: a for v, a in zip(op.operands, operands, strict=True) if a is not None})
    return results[value.index]


def _results(op: Op, arrays: Mapping[Value, Array]) -> tuple[Array, ...]:
    arguments: list[object] = []
    for field in op.definition.operand_fields:
        operand: object = getattr(op, field.name)
        many = tuple(arrays[v] for v in operand) if isinstance(operand, tuple) else None
        arguments.append(arrays[operand] if isinstance(operand, Value) else many)
    with np.errstate(all="ignore"):
        computed = op.evaluate(*arguments)
    results = computed if isinstance(computed, tuple) else (computed,)
    return tuple(np.asarray(array) for array in results)


def _has_symbols(op: Op) -> bool:
    attributes = op.definition.attributes_of(op).values()
    dims = (d for a in attributes for d in (a if isinstance(a, tuple) else (a,)))
    return any(isinstance(d, SymInt) for d in dims)


class _Numbering:
    def __init__(self, function: Function, pinned: Mapping[str, Array], numbers: dict[object, int]) -> None:
        self._function = function
        self._keys: dict[Value, int] = {}
        self._arrays: dict[Value, Array] = {}
        self._repeated: dict[Value, bytes] = {}
        self._numbers = numbers
        for value in function.inputs:
            if value.name in pinned:
                self._set_repeated(value, pinned[value.name])
            else:
                self._keys[value] = self._number(("input", value.name))

    def _number(self, key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def outputs(self) -> list[int]:
        for op in self._function.ops:
            self._visit(op)
        return [self._keys[v] for v in self._function.outputs]

    def _visit(self, op: Op) -> None:
        if isinstance(op, tensor.Constant):
            self._set_array(op.result, op.value.array)
            return
        if isinstance(op, _MOVING) and self._is_repeated(op):
            (source, *_) = op.operands
            element = np.frombuffer(self._repeated[source], source.type.dtype.numpy)
            self._set_repeated(op.result, element.astype(op.result.type.dtype.numpy)[0])
            return
        if self._is_evaluated(op):
            return
        operands = tuple(self._operand_key(op, field.name) for field in op.definition.operand_fields)
        attributes = tuple((name, str(a)) for name, a in op.definition.attributes_of(op).items())
        for result in op.results:
            key = (op.definition.name, attributes, operands, result.index, id(op) if op.calls else 0)
            self._keys[result] = self._number(key)

    def _operand_key(self, op: Op, name: str) -> object:
        operand: object = getattr(op, name)
        if isinstance(operand, tuple):
            return tuple(self._keys[v] for v in operand)
        if not isinstance(operand, Value):
            return None
        is_zero = not any(self._repeated.get(operand, b"\1"))
        # A recurrent layer without initial states begins with zeros.
        return None if is_zero and isinstance(op, nn.Recurrent) and name in _INITIAL else self._keys[operand]

    def _is_repeated(self, op: Op) -> bool:
        data = op.operands if isinstance(op, tensor.Concat) else op.operands[:1]
        elements = {self._repeated.get(v) for v in data}
        return len(elements) == 1 and None not in elements

    def _is_evaluated(self, op: Op) -> bool:
        if not op.operands or op.calls or any(v not in self._arrays for v in op.operands):
            return False
        if any(not r.type.is_static for r in op.results) or _has_symbols(op):
            return False
        for result, array in zip(op.results, _results(op, self._arrays), strict=True):
            self._set_array(result, array)
        return True

    def _set_array(self, value: Value, array: Array) -> None:
        if array.size and array.size <= _SIZE_LIMIT and (array == array.reshape(-1)[0]).all():
            self._set_repeated(value, array.reshape(-1)[0])
            return
        if array.size <= _SIZE_LIMIT:
            self._arrays[value] = array
            self._keys[value] = self._number(("constant", str(value.type), array.tobytes()))
        else:
            self._keys[value] = self._number(
                ("weight", id(array.base if array.base is not None else array), str(value.type))
            )

    def _set_repeated(self, value: Value, element: Array) -> None:
        typed = np.asarray(element).astype(value.type.dtype.numpy).reshape(-1)[:1]
        self._repeated[value] = typed.tobytes()
        self._keys[value] = self._number(("repeated", str(value.type), typed.tobytes()))
        if value.type.is_static and np.prod(value.type.static_shape) <= _SIZE_LIMIT:
            self._arrays[value] = np.broadcast_to(typed[0], value.type.static_shape)
