"""Text to modules (spec/text.md), by the LALR grammar in grammar.lark. Errors carry line and column."""

from collections.abc import Callable, Mapping
from pathlib import Path

import lark

from . import ops
from .attributes import AttributeValueError, decode, decode_dense
from .errors import InputError
from .ir import Function, Module, Op, Value
from .opdef import ConstraintError, OpDefinition
from .syntax import DenseLiteral, ParsedFunction, ParsedOp, ParseError, WeightRef, error_at, parse_syntax, unquote
from .types import TensorType, compatible
from .weights import Array, Weight, load_sidecar

WeightSource = Callable[[str, TensorType], Array]
"""Finds the array of ``weight<name>``; raises KeyError when there is none."""


def parse_module(text: str, weights: WeightSource | Mapping[str, Array] | None = None) -> Module:
    """The module that ``text`` describes, type-checked op by op.

    ``weights`` resolves ``weight<name>``. Raises ParseError for syntax, undefined names, types that do not follow from
    the operands, and broken constraints.
    """
    source = weights if callable(weights) else _from_mapping(weights or {})
    module = Module()
    for function in parse_syntax(text):
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
    return parse_module(text, arrays)


def parse_type(text: str) -> TensorType:
    """The type that ``text`` (``f32[n, 3]``) stands for; raises ParseError."""
    module = parse_module(f"func @t(%x: {text}) -> () {{ return }}")
    return module.functions["t"].inputs[0].type


def _from_mapping(arrays: Mapping[str, Array]) -> WeightSource:
    return lambda name, type_: arrays[name]


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
        if len(parsed.returned) != len(parsed.outputs):
            raise error_at(parsed.token, f"@{parsed.name} declares {len(parsed.outputs)} outputs and returns others")
        values = [self._lookup(token) for token in parsed.returned]
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
        except TypeError as error:
            raise error_at(parsed.token, f"{definition.name}: {error}") from None
        self._declare_results(parsed, op)
        op.location = parsed.location
        return op

    def _operands(self, parsed: ParsedOp, definition: OpDefinition) -> dict[str, object]:
        if len(parsed.operands) != len(definition.operand_fields):
            raise error_at(parsed.token, f"{definition.name} takes {len(definition.operand_fields)} operands")
        fields: dict[str, object] = {}
        for field, operand in zip(definition.operand_fields, parsed.operands, strict=True):
            if isinstance(operand, list) != (field.kind == "variadic") or (operand is None and field.kind != "optional"):
                raise error_at(parsed.token, f"operand {field.name} of {definition.name} is {field.kind}")
            if isinstance(operand, list):
                fields[field.name] = tuple(self._lookup(t) for t in operand)
            else:
                fields[field.name] = None if operand is None else self._lookup(operand)
        return fields

    def _attributes(self, parsed: ParsedOp, definition: OpDefinition) -> dict[str, object]:
        fields: dict[str, object] = {}
        for token, node in parsed.attributes:
            name = str(token)
            if name not in definition.attribute_types:
                raise error_at(token, f"{definition.name} has no attribute {name}")
            if name in fields:
                raise error_at(token, f"attribute {name} is given twice")
            try:
                fields[name] = decode(self._weight(node, parsed), definition.attribute_types[name])
            except AttributeValueError as error:
                raise error_at(token, f"attribute {name}: {error}") from None
        return fields

    def _weight(self, node: object, parsed: ParsedOp) -> object:
        if not isinstance(node, DenseLiteral | WeightRef):
            return node
        if not parsed.types or not parsed.types[0].is_static:
            raise AttributeValueError("a constant needs a static result type")
        type_ = parsed.types[0]
        dtype = type_.quantization.storage if type_.quantization else type_.dtype
        if isinstance(node, DenseLiteral):
            return Weight(decode_dense(node.node, dtype, type_.static_shape))
        try:
            array = self._weights(node.name, type_)
        except KeyError:
            raise AttributeValueError(f"weight<{node.name}> is not in the .safetensors file beside the text") from None
        if array.shape != type_.shape:
            raise AttributeValueError(f"weight<{node.name}> has shape {list(array.shape)}, not {list(type_.shape)}")
        return Weight(array.astype(dtype.numpy, copy=False), node.name)

    def _declare_results(self, parsed: ParsedOp, op: Op) -> None:
        if len(parsed.results) != len(op.results) or len(parsed.types) != len(op.results):
            raise error_at(parsed.token, f"{op.definition.name} has {len(op.results)} results")
        for token, declared, result in zip(parsed.results, parsed.types, op.results, strict=True):
            if not compatible(declared, result.type):
                raise error_at(token, f"{op.definition.name} gives {result.type}, not {declared}")
            result.type = declared
            self._define(token, result)

    def _define(self, token: lark.Token, value: Value) -> Value:
        if str(token) in self._values:
            raise error_at(token, f"{token} is defined twice")
        self._values[str(token)] = value
        value.name = _name(token)
        return value

    def _lookup(self, token: object) -> Value:
        assert isinstance(token, lark.Token)
        if str(token) not in self._values:
            raise error_at(token, f"{token} is not defined")
        return self._values[str(token)]


def _name(token: lark.Token, keep_numbers: bool = False) -> str:
    """The name of ``%name``; bare numbers are the printer's numbering of unnamed values, not names."""
    text = str(token)[1:]
    return "" if text.isdecimal() and not keep_numbers else unquote(text)


__all__ = ["ParseError", "WeightSource", "load_module", "parse_module", "parse_type"]
