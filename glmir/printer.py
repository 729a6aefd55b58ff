"""Modules as text (spec/text.md). ``parse(print(m)) == m``; the same module always gives the same text."""

import dataclasses
import json
import re
from collections.abc import Iterable
from pathlib import Path

from .attributes import format_attribute, format_dense
from .ir import Function, Location, Module, Op, Value
from .weights import Weight, assign_names, save_sidecar

_PLAIN_NAME = re.compile(r"(?!\d+\Z)[A-Za-z0-9_.$/\-]+\Z")
_PLAIN_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


def print_module(module: Module) -> str:
    """The module's text. Constants of more than 16 elements appear as ``weight<name>``; see ``save_module``."""
    names = assign_names(_weights(module))
    return "\n".join(_Printer(names).function(f) for f in module.functions.values())


def print_function(function: Function) -> str:
    """One function's text, as ``print_module`` writes it."""
    return print_module(Module([function]))


def save_module(module: Module, path: Path) -> None:
    """Writes ``path`` and, if any constant is not inline, the ``.safetensors`` file beside it."""
    names = assign_names(_weights(module))
    by_name = {names[id(w)]: w for w, _ in _weights(module)}
    path.write_text(print_module(module), encoding="utf-8")
    if by_name:
        save_sidecar(path.with_suffix(".safetensors"), by_name)


def _weights(module: Module) -> Iterable[tuple[Weight, str]]:
    for function in module.functions.values():
        for op in function.ops:
            for value in op.definition.attributes_of(op).values():
                if isinstance(value, Weight) and not value.is_inline:
                    yield value, op.result.name


class _Printer:
    def __init__(self, weight_names: dict[int, str]) -> None:
        self._weight_names = weight_names
        self._value_names: dict[Value, str] = {}
        self._unnamed = 0

    def function(self, function: Function) -> str:
        inputs = ", ".join(f"{self._define(v)}: {v.type}" for v in function.inputs)
        outputs = ", ".join(
            f"{_value_name(name)}: {value.type}"
            for name, value in zip(function.output_names, function.outputs, strict=True)
        )
        lines = [f"func @{_symbol_name(function.name)}({inputs}) -> ({outputs}) {{"]
        lines += [f"  {self._op(op)}" for op in function.ops]
        returned = ", ".join(self._value_names[v] for v in function.outputs)
        lines += [f"  return {returned}".rstrip(), "}", ""]
        return "\n".join(lines)

    def _op(self, op: Op) -> str:
        operands = ", ".join(self._operand(getattr(op, f.name)) for f in op.definition.operand_fields)
        results = ", ".join(self._define(r) for r in op.results)
        text = f"{op.definition.name}({operands})"
        if results:
            text = f"{results} = {text}"
        if attributes := self._attributes(op):
            text += f" {{{attributes}}}"
        if op.results:
            text += f" : {', '.join(str(r.type) for r in op.results)}"
        return text + print_location(op.location)

    def _attributes(self, op: Op) -> str:
        parts = []
        for field in op.definition.attribute_fields:
            value = getattr(op, field.name)
            if field.default is not dataclasses.MISSING and type(value) is type(field.default) and value == field.default:
                continue
            parts.append(f"{field.name} = {self._attribute(value)}")
        return ", ".join(parts)

    def _attribute(self, value: object) -> str:
        if not isinstance(value, Weight):
            return format_attribute(value)
        if value.is_inline:
            return format_dense(value.array)
        name = self._weight_names[id(value)]
        return f"weight<{name if _PLAIN_NAME.match(name) else json.dumps(name, ensure_ascii=False)}>"

    def _operand(self, operand: object) -> str:
        if operand is None:
            return "none"
        if isinstance(operand, tuple):
            return f"[{', '.join(self._operand(v) for v in operand)}]"
        assert isinstance(operand, Value)
        return self._value_names[operand]

    def _define(self, value: Value) -> str:
        if value.name:
            text = _value_name(value.name)
        else:
            text = f"%{self._unnamed}"
            self._unnamed += 1
        self._value_names[value] = text
        return text


def print_location(location: Location) -> str:
    """`` loc("conv1", "bn1")``, or nothing for an op without locations."""
    return f" loc({', '.join(json.dumps(part, ensure_ascii=False) for part in location)})" if location else ""


def _value_name(name: str) -> str:
    return f"%{name}" if _PLAIN_NAME.match(name) else f"%{json.dumps(name, ensure_ascii=False)}"


def _symbol_name(name: str) -> str:
    return name if _PLAIN_SYMBOL.match(name) else json.dumps(name, ensure_ascii=False)
