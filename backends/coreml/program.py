"""The program under construction: values to names, constants to ``const`` ops, operations in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...ir import Array, Function, Module, Op, Value
from ...ops import tensor
from ...types import DType, TensorType
from ..emission import EmitterTable
from . import schema
from .names import Names
from .packing import Packed, packed_nibbles
from .values import LEAST_IN_FILE, immediate, in_file, is_for_file, packed_immediate, packed_in_file, value_type
from .weights import WeightFile

Constant = bool | int | str | Sequence[int] | Sequence[bool] | Array | np.generic
"""Integers become int32. Floats have no type of their own in Python: they are given as arrays or numpy's scalars."""


@dataclass(frozen=True)
class Immediate:
    """A constant that is written into the operation itself: what few parameters want."""

    value: schema.Value


Parameter = Value | Sequence[Value] | Constant | Immediate
"""What a parameter of an operation is: a value, several, or a constant."""


@dataclass(frozen=True)
class Named:
    """What an operation that decompresses constants gives to another."""

    name: str


Stored = Array | Packed | Value | Named
"""What such an operation takes: elements, or what another one gives."""

_ALWAYS_COMPARED = 1024

_CONSTEXPR_INPUTS = 18
"""The release since which what decompresses constants takes inputs, of any type; before it has attributes."""


class Program:
    """Operations and constants of a program whose function is the module's ``main``. Emitters call ``add``.

    ``version`` is the iOS release whose ops may be used; ``emit`` writes one op of the module.
    """

    def __init__(self, module: Module, version: int, emit: Callable[[Op, "Program"], None]) -> None:
        self.version = version
        self.weights = WeightFile()
        self._functions = module.functions
        self._emit = emit
        self._names = Names()
        self._by_value: dict[Value, str] = {}
        # With the arrays themselves: as long as they live, no other can be at their address.
        self._constants: dict[tuple[object, ...], tuple[str, Array]] = {}
        # Constants stand outside all blocks, before the operation in whose block they are used.
        self._outermost: list[schema.Operation] = []
        self._operations = self._outermost
        self.input_names = self._name_inputs(module.main)
        self.output_names = self._name_outputs(module.main, module.main.output_names)

    def _name_inputs(self, function: Function) -> list[str]:
        for value in function.inputs:
            self._by_value[value] = self._names.unique(value.name)
        return [self._by_value[v] for v in function.inputs]

    def _name_outputs(self, function: Function, wishes: Sequence[str]) -> list[str]:
        """The outputs' names. What an op computes has its output's name; the rest gets it from an identity."""
        names = [self._names.unique(wish) for wish in wishes]
        for value, name in zip(function.outputs, names, strict=True):
            if value.owner is not None and not isinstance(value.owner, tensor.Constant):
                self._by_value.setdefault(value, name)
        return names

    def add(
        self,
        operator: str,
        results: Value | Sequence[Value],
        blocks: Sequence[schema.Block] = (),
        /,
        **parameters: Parameter,
    ) -> None:
        """Appends an operation. Every parameter is to be given, also those that have a default."""
        results = (results,) if isinstance(results, Value) else results
        self.add_raw(operator, [self._declared(v, operator) for v in results], blocks, **parameters)

    def add_raw(
        self,
        operator: str,
        outputs: Sequence[schema.NamedValueType],
        blocks: Sequence[schema.Block] = (),
        /,
        **parameters: Parameter,
    ) -> None:
        """Appends an operation whose outputs are no values of the module."""
        name = outputs[0].name if outputs else self.unique_name(operator)
        # In this order: constants come before the operation.
        inputs = {p: self._argument(v, f"{name}_{p}") for p, v in parameters.items()}
        attributes = {"name": immediate(np.asarray(name))}
        self._operations.append(
            schema.Operation(type=operator, inputs=inputs, outputs=outputs, blocks=blocks, attributes=attributes)
        )

    def add_constexpr(self, operator: str, outputs: Sequence[schema.NamedValueType], /, **parameters: Stored) -> None:
        """Appends an operation that decompresses constants when the model is loaded, outside all blocks."""
        attributes = {"name": immediate(np.asarray(outputs[0].name))}
        inputs: dict[str, schema.Argument] = {}
        if self.version < _CONSTEXPR_INPUTS:
            attributes |= {p: self._stored(v) for p, v in parameters.items()}
        else:
            inputs = {p: schema.Argument(arguments=[self._stored_binding(v)]) for p, v in parameters.items()}
        self._outermost.append(schema.Operation(type=operator, inputs=inputs, outputs=outputs, attributes=attributes))

    def declared(self, value: Value, operator: str) -> schema.NamedValueType:
        """The name and the type of what ``add_constexpr`` is to compute."""
        return self._declared(value, operator)

    def _stored_binding(self, parameter: Stored) -> schema.Binding:
        if isinstance(parameter, Value) and not isinstance(parameter.owner, tensor.Constant):
            parameter = Named(self.name_of(parameter))
        if isinstance(parameter, Named):
            return schema.Binding(name=parameter.name)
        return schema.Binding(value=self._stored(parameter))

    def _stored(self, parameter: Stored) -> schema.Value:
        """Elements as a value, in the weight file unless they are few."""
        if isinstance(parameter, Value):
            assert isinstance(parameter.owner, tensor.Constant)
            parameter = parameter.owner.value.array
        assert not isinstance(parameter, Named)
        if not isinstance(parameter, Packed) and DType.of(parameter.dtype) in (DType.I4, DType.U4):
            parameter = packed_nibbles(parameter)
        if isinstance(parameter, Packed):
            is_small = parameter.count < LEAST_IN_FILE
            offset = 0 if is_small else self.weights.packed_offset(parameter)
            return packed_immediate(parameter) if is_small else packed_in_file(parameter, offset)
        if is_for_file(parameter, self.version):
            return in_file(parameter, self.weights.offset(parameter))
        return immediate(parameter)

    def temporary(self, type_: TensorType) -> Value:
        """A value between two operations of one op."""
        return Value(type_)

    def block(self, function_name: str, values: Sequence[Value] | None = None) -> schema.Block:
        """A function of the module as a block, with the function's inputs, of the operation that is added next.

        With ``values`` the block has no inputs: it uses these where the function uses its inputs.
        """
        function = self._functions[function_name]
        enclosing, self._operations = self._operations, []
        if values is not None:
            self._by_value.update(zip(function.inputs, map(self.name_of, values), strict=True))
        inputs = [self._declared(v, function_name) for v in function.inputs] if values is None else []
        outputs = self._name_outputs(function, [f"{function_name}_{name}" for name in function.output_names])
        self._emit_function(function, outputs)
        block = schema.Block(inputs=inputs, outputs=outputs, operations=self._operations)
        self._operations = enclosing
        # Another block of the same function has values, and so names, of its own.
        for value in function.values():
            self._by_value.pop(value, None)
        return block

    def emit_main(self) -> None:
        """Writes all ops of ``main``."""
        self._emit_function(self._functions["main"], self.output_names)

    def _emit_function(self, function: Function, output_names: Sequence[str]) -> None:
        for op in function.ops:
            self._emit(op, self)
        for value, name in zip(function.outputs, output_names, strict=True):
            if self._by_value.get(value) != name:
                self.add_raw("identity", [schema.NamedValueType(name=name, type=value_type(value.type))], x=value)

    def function(self, opset: str, output_names: Sequence[str]) -> schema.Function:
        """The function of the operations so far, which returns the values of these names."""
        inputs = [self._declared(v, "") for v in self._functions["main"].inputs]
        block = schema.Block(outputs=output_names, operations=self._outermost)
        return schema.Function(inputs=inputs, opset=opset, block_specializations={opset: block})

    def unique_name(self, wish: str) -> str:
        """An identifier that nothing in the program has yet."""
        return self._names.unique(wish)

    def name_of(self, value: Value) -> str:
        """The name that operations use a value by; constants get theirs on first use."""
        found = self._by_value.get(value)
        if found is None:
            owner = value.owner
            assert isinstance(owner, tensor.Constant), f"{value!r} is used before it is computed"
            found = self._by_value[value] = self._constant(owner.value.array, value.name or "constant")
        return found

    def _declared(self, value: Value, operator: str) -> schema.NamedValueType:
        if value not in self._by_value:
            self._by_value[value] = self._names.unique(value.name or operator)
        return schema.NamedValueType(name=self._by_value[value], type=value_type(value.type))

    def _argument(self, parameter: Parameter, name: str) -> schema.Argument:
        if isinstance(parameter, Immediate):
            return schema.Argument(arguments=[schema.Binding(value=parameter.value)])
        if isinstance(parameter, Value):
            return schema.Argument(arguments=[schema.Binding(name=self.name_of(parameter))])
        values = [v for v in parameter if isinstance(v, Value)] if isinstance(parameter, tuple | list) else []
        if values:
            return schema.Argument(arguments=[schema.Binding(name=self.name_of(v)) for v in values])
        constant = self._constant(_array(parameter), name)
        return schema.Argument(arguments=[schema.Binding(name=constant)])

    def _constant(self, array: Array, wish: str) -> str:
        """The name of the constant with these elements; appends it if there is none yet."""
        # Each use of a weight makes a transposed view of its own; only small ones are worth reading to be compared.
        address = array.__array_interface__["data"][0]
        key: tuple[object, ...] = (address, array.dtype.str, array.shape, array.strides)
        if array.size <= _ALWAYS_COMPARED:
            key = (array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())
        if key not in self._constants:
            self._constants[key] = self._append_constant(array, self._names.unique(wish)), array
        return self._constants[key][0]

    def _append_constant(self, array: Array, name: str) -> str:
        if is_for_file(array, self.version):
            value = in_file(array, self.weights.offset(array))
        else:
            value = immediate(array)
        self._outermost.append(
            schema.Operation(
                type="const",
                outputs=[schema.NamedValueType(name=name, type=value.type)],
                attributes={"name": immediate(np.asarray(name)), "val": value},
            )
        )
        return name


def _array(constant: Parameter) -> Array:
    if isinstance(constant, np.ndarray | np.generic | str):
        return np.asarray(constant)
    array = np.asarray(constant)
    return array if array.dtype == np.bool_ else array.astype(np.int32)


CoremlTable = EmitterTable[Program]
