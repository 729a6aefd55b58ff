"""Text to modules (spec/text.md), by the LALR grammar in grammar.lark. Errors carry line and column."""

from collections.abc import Callable, Mapping
from pathlib import Path

import lark
import numpy as np

from . import ops
from .attributes import AttributeValueError, decode, decode_dense
from .errors import InputError
from .ir import Function, Module, Op, State, Value
from .opdef import ConstraintError, OpDefinition, OperandField
from .syntax import (
    DenseLiteral,
    ParsedFunction,
    ParsedOp,
    ParsedOperand,
    ParsedState,
    ParseError,
    WeightRef,
    error_at,
    parse_syntax,
    unquote,
)
from .types import DType, TensorType, compatible
from .weights import Array, Weight, load_sidecar

WeightSource = Callable[[str, TensorType], Array]
"""Finds the array of ``weight<name>``; raises KeyError when there is none."""


def parse_module(text: str, weights: WeightSource | Mapping[str, Array] | None = None) -> Module:
    """The module that ``text`` describes, type-checked op by op.

    ``weights`` resolves ``weight<name>``. Raises ParseError for syntax, undefined names, types that do not follow from
    the operands, and broken constraints.
    """
    source = weights if callable(weights) else _from_mapping(weights or {})
    parsed = parse_syntax(text)
    module = Module(states=[_state(state, source) for state in parsed.states])
    for function in parsed.functions:
        if function.name in module.functions:
            raise error_at(function.token, f"function @{function.name} is defined twice")
        module.functions[function.name] = _Builder(source).function(function)
    return module


def load_module(path: Path) -> Module:
    """Reads a ``.glir`` file and the ``.safetensors`` file beside it, if there is one; raises InputError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file") from None
    sidecar = path.with_suffix(".safetensors")
    try:
        arrays = load_sidecar(sidecar) if sidecar.exists() else {}
    except (ValueError, KeyError) as error:
        raise InputError(f"cannot read {sidecar}: {error}") from None
    try:
        return parse_module(text, arrays)
    except ParseError as error:
        raise InputError(f"{path}: {error}") from None


def parse_type(text: str) -> TensorType:
    """The type that ``text`` (``f32[n, 3]``) stands for; raises ParseError."""
    try:
        # The text begins on a line of its own, so that columns count from its start.
        functions = parse_syntax(f"func @t(%x:\n{text}\n) -> () {{ return }}").functions
    except ParseError as error:
        raise ParseError(error.message, error.line - 1, error.column) from None
    if len(functions) != 1 or len(functions[0].inputs) != 1:
        raise ParseError("expected one type", 1, 1)
    return functions[0].inputs[0][1]


def _from_mapping(arrays: Mapping[str, Array]) -> WeightSource:
    return lambda name, type_: arrays[name]


def _state(parsed: ParsedState, weights: WeightSource) -> State:
    try:
        initial = _weight(parsed.initial, parsed.type, weights)
    except AttributeValueError as error:
        raise error_at(parsed.input, f"the initial value of {parsed.input}: {error}") from None
    assert isinstance(initial, Weight)
    return State(_name(parsed.input), _name(parsed.output, keep_numbers=True), initial)


class _Builder:
    """Parsed functions to IR, one at a time."""

    def __init__(self, weights: WeightSource) -> None:
        self._weights = weights
        self._values: dict[str, Value] = {}

    def function(self, parsed: ParsedFunction) -> Function:
        function = Function(parsed.name)
        for token, type_ in parsed.inputs:
            function.inputs.append(self._define(token, Value(type_)))
        for operation in parsed.operations:
            function.ops.append(self._operation(operation))
        returned = parsed.returned
        if len(returned.values) != len(parsed.outputs):
            message = f"@{parsed.name} has {_count(len(parsed.outputs), 'output')}, but returns {len(returned.values)}"
            raise error_at(returned.token, message)
        values = [self._lookup(token) for token in returned.values]
        for (token, type_), value in zip(parsed.outputs, values, strict=True):
            if type_ != value.type:
                raise error_at(token, f"the output is declared {type_}, but returns {value.type}")
        function.set_outputs(values, [_name(token, keep_numbers=True) for token, _ in parsed.outputs])
        return function

    def _operation(self, parsed: ParsedOp) -> Op:
        definition = ops.DEFINITIONS.get(str(parsed.token))
        if definition is None:
            raise error_at(parsed.token, f"there is no op {parsed.token}")
        fields = self._operands(parsed, definition) | self._attributes(parsed, definition)
        try:
            op = definition.cls(**fields)
        except ConstraintError as error:
            raise error_at(parsed.token, str(error)) from None
        self._declare_results(parsed, op)
        op.location = parsed.location
        return op

    def _operands(self, parsed: ParsedOp, definition: OpDefinition) -> dict[str, object]:
        if len(parsed.operands) != len(definition.operand_fields):
            expected = _count(len(definition.operand_fields), "operand")
            raise error_at(parsed.token, f"{definition.name} takes {expected}, not {len(parsed.operands)}")
        pairs = zip(definition.operand_fields, parsed.operands, strict=True)
        return {field.name: self._operand(field, operand, definition) for field, operand in pairs}

    def _operand(self, field: OperandField, operand: ParsedOperand, definition: OpDefinition) -> object:
        values = operand.values
        if field.kind == "variadic" and isinstance(values, list):
            return tuple(self._lookup(token) for token in values)
        if field.kind == "optional" and values is None:
            return None
        if field.kind != "variadic" and isinstance(values, lark.Token):
            return self._lookup(values)
        expected = {"single": "a value", "optional": "a value or none", "variadic": "a list of values"}[field.kind]
        raise error_at(operand.token, f"operand {field.name} of {definition.name} is {expected}")

    def _attributes(self, parsed: ParsedOp, definition: OpDefinition) -> dict[str, object]:
        # The types of the results, of an op that cannot infer them, stand where those of all ops do.
        fields: dict[str, object] = {definition.types_field: tuple(parsed.types)} if definition.types_field else {}
        for token, node in parsed.attributes:
            name = str(token)
            if name not in definition.attribute_types or name == definition.types_field:
                raise error_at(token, f"{definition.name} has no attribute {name}")
            if name in fields:
                raise error_at(token, f"attribute {name} is given twice")
            try:
                value = _weight(node, parsed.types[0] if parsed.types else None, self._weights)
                fields[name] = decode(value, definition.attribute_types[name])
            except AttributeValueError as error:
                raise error_at(token, f"attribute {name}: {error}") from None
        if missing := [name for name in definition.required_attributes if name not in fields]:
            raise error_at(parsed.token, f"{definition.name} needs the attribute {', '.join(missing)}")
        return fields

    def _declare_results(self, parsed: ParsedOp, op: Op) -> None:
        if len(parsed.results) != len(op.results) or len(parsed.types) != len(op.results):
            results = _count(len(op.results), "result")
            raise error_at(parsed.token, f"{op.definition.name} has {results}, each with a name and a type")
        for token, declared, result in zip(parsed.results, parsed.types, op.results, strict=True):
            if not compatible(declared, result.type):
                raise error_at(token, f"{op.definition.name} gives {result.type}, not {declared}")
            result.type = declared
            self._define(token, result)

    def _define(self, token: lark.Token, value: Value) -> Value:
        key = _key(token)
        if key in self._values:
            raise error_at(token, f"{token} is defined twice")
        self._values[key] = value
        value.name = _name(token)
        return value

    def _lookup(self, token: lark.Token) -> Value:
        value = self._values.get(_key(token))
        if value is None:
            raise error_at(token, f"{token} is not defined")
        return value


def _weight(node: object, type_: TensorType | None, weights: WeightSource) -> object:
    """The constant of ``type_`` that ``node`` stands for; another node as it is. Raises AttributeValueError."""
    if not isinstance(node, DenseLiteral | WeightRef):
        return node
    if type_ is None or not type_.is_static:
        raise AttributeValueError("a constant needs a static result type")
    # A quantized constant is written as it is stored: dense<[-128, 127]> : quant<f32, i8, scales=[0.1]>[2].
    quantized = type_ if type_.quantization else None
    if isinstance(node, DenseLiteral):
        return Weight(decode_dense(node.node, type_.stored, type_.static_shape), "", quantized)
    try:
        array = weights(node.name, type_)
    except KeyError:
        raise AttributeValueError(f"{node.name} is not in the .safetensors file beside the text") from None
    if array.shape != type_.shape:
        raise AttributeValueError(f"{node.name} has the shape {list(array.shape)}, not {list(type_.shape)}")
    return Weight(_restored(array, node.name, type_.stored), node.name, quantized)


def _key(token: lark.Token) -> str:
    """What tells values apart: ``%a`` and ``%"a"`` are the same, ``%0`` (no name) and ``%"0"`` are not."""
    return _name(token) or str(token)


def _restored(array: Array, name: str, dtype: DType) -> Array:
    """The array in its dtype: that of the file, except that the file has 4-bit integers as bytes."""
    if array.dtype == dtype.numpy:
        return array
    narrow = array.astype(dtype.numpy) if dtype.bits == 4 and array.dtype == np.int8 else None
    if narrow is None or (narrow.astype(np.int8) != array).any():
        raise AttributeValueError(f"{name} holds {array.dtype}, not {dtype.value}")
    return narrow


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _name(token: lark.Token, keep_numbers: bool = False) -> str:
    """The name of ``%name``; bare numbers are the printer's numbering of unnamed values, not names."""
    text = str(token)[1:]
    return "" if text.isdecimal() and not keep_numbers else unquote(token, 1)


__all__ = ["ParseError", "WeightSource", "load_module", "parse_module", "parse_type"]
