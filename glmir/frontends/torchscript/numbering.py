"""Whether two functions compute the same, by value numbering: equal ops on equal operands are equal.

Constants are evaluated, and tensors of one element repeated stay one element, so that zeros made for a shape equal
zeros cut out of others.
"""

from collections.abc import Mapping

import numpy as np

from ...attributes import FunctionRef
from ...ir import Array, Function, Op, Value
from ...ops import nn, tensor
from ..aten.known import evaluated, has_symbols

_SIZE_LIMIT = 1 << 16

_INITIAL = ("initial_h", "initial_c")

_MOVING = (tensor.Reshape, tensor.Slice, tensor.Transpose, tensor.Expand, tensor.Gather, tensor.Concat, tensor.Cast)
"""Ops that only move elements: of a repeated element they make a repeated element."""


Callees = Mapping[str, Function]


def equal_functions(
    first: tuple[Function, Callees], second: tuple[Function, Callees], pinned: Mapping[str, Array]
) -> bool:
    """Whether the functions' outputs are provably equal, when the inputs in ``pinned`` hold that, broadcast.

    Each comes with the functions that it calls.
    """
    numbers: dict[object, int] = {}
    keys = []
    for function, callees in (first, second):
        numbering = _Numbering(function, callees, numbers)
        numbering.set_inputs(pinned)
        keys.append(numbering.outputs())
    return keys[0] == keys[1]


class _Numbering:
    def __init__(self, function: Function, callees: Callees, numbers: dict[object, int]) -> None:
        self._function = function
        self._callees = callees
        self._keys: dict[Value, int] = {}
        self._arrays: dict[Value, Array] = {}
        self._repeated: dict[Value, bytes] = {}
        self._numbers = numbers

    def set_inputs(self, pinned: Mapping[str, Array]) -> None:
        """Makes inputs of one name equal, and what ``pinned`` says of those in it."""
        for place, value in enumerate(self._function.inputs):
            if value.name in pinned:
                self._set_repeated(value, pinned[value.name])
            else:
                self._keys[value] = self._number(("input", value.name or place))

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
        attributes = tuple(
            (name, str(a)) for name, a in op.definition.attributes_of(op).items() if not isinstance(a, FunctionRef)
        )
        called = tuple(self._called(call.function) for call in op.calls)
        for result in op.results:
            key = (op.definition.name, attributes, operands, result.index, called)
            self._keys[result] = self._number(key)

    def _called(self, name: str) -> tuple[int, ...]:
        """What a function computes of its inputs, which go by their place."""
        numbering = _Numbering(self._callees[name], self._callees, self._numbers)
        numbering.set_inputs({})
        return tuple(numbering.outputs())

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
        if any(not r.type.is_static for r in op.results) or has_symbols(op):
            return False
        for result, array in zip(op.results, evaluated(op, self._arrays), strict=True):
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
