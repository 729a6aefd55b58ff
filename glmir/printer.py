"""Modules as text (spec/text.md). ``parse(print(m)) == m``; the same module always gives the same text."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from .attributes import format_attribute, format_dense, format_name, format_symbol, quote
from .ir import Function, Location, Module, Op, State, Value
from .weights import Weight, assign_names, save_sidecar


def print_module(module: Module) -> str:
    """The module's text. Constants of more than 16 elements appear as ``weight<name>``; see ``save_module``."""
    names = assign_names(_weights(module))
    states = "".join(f"{_state(state, names)}\n" for state in module.states)
    functions = "\n".join(_Printer(names).function(f) for f in module.functions.values())
    return f"{states}\n{functions}" if states else functions


def save_module(module: Module, path: Path) -> None:
    """Writes ``path`` and, if any constant is not inline, the ``.safetensors`` file beside it."""
    weights = list(_weights(module))
    names = assign_names(weights)
    if by_name := {names[id(w)]: w for w, _ in weights}:
        save_sidecar(path.with_suffix(".safetensors"), by_name)
    path.write_text(print_module(module), encoding="utf-8", newline="\n")


def _weights(module: Module) -> Iterable[tuple[Weight, str]]:
    for state in module.states:
        if not state.initial.is_inline:
            yield state.initial, state.input
    for function in module.functions.values():
        for op in function.ops:
            for value in op.definition.attributes_of(op).values():
                if isinstance(value, Weight) and not value.is_inline:
                    yield value, op.results[0].name


def _state(state: State, weight_names: dict[int, str]) -> str:
    initial = _constant(state.initial, weight_names)
    return f"state %{format_name(state.input)} -> %{format_name(state.output)} = {initial} : {state.initial.type}"


def _constant(weight: Weight, weight_names: dict[int, str]) -> str:
    if weight.is_inline:
        return format_dense(weight.array)
    return f"weight<{format_name(weight_names[id(weight)])}>"


class _Printer:
    def __init__(self, weight_names: dict[int, str]) -> None:
        self._weight_names = weight_names
        self._value_names: dict[Value, str] = {}
        self._unnamed = 0

    def function(self, function: Function) -> str:
        inputs = ", ".join(f"{self._define(v)}: {v.type}" for v in function.inputs)
        outputs = ", ".join(
            f"%{format_name(name)}: {value.type}"
            for name, value in zip(function.output_names, function.outputs, strict=True)
        )
        lines = [f"func {format_symbol(function.name)}({inputs}) -> ({outputs}) {{"]
        lines += [f"  {self._op(op)}" for op in function.ops]
        returned = ", ".join(map(self._name, function.outputs))
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
            if field.name == op.definition.types_field:
                continue
            value = getattr(op, field.name)
            if field.default is not dataclasses.MISSING and format_attribute(value) == format_attribute(field.default):
                continue
            parts.append(f"{field.name} = {self._attribute(value)}")
        return ", ".join(parts)

    def _attribute(self, value: object) -> str:
        return _constant(value, self._weight_names) if isinstance(value, Weight) else format_attribute(value)

    def _operand(self, operand: object) -> str:
        if operand is None:
            return "none"
        if isinstance(operand, tuple):
            return f"[{', '.join(self._operand(v) for v in operand)}]"
        assert isinstance(operand, Value)
        return self._name(operand)

    def _name(self, value: Value) -> str:
        # A broken module is printed too, to see what is wrong with it.
        return self._value_names.get(value) or f"%{format_name(value.name or 'undefined')}"

    def _define(self, value: Value) -> str:
        if value.name:
            text = f"%{format_name(value.name)}"
        else:
            text = f"%{self._unnamed}"
            self._unnamed += 1
        self._value_names[value] = text
        return text


def print_location(location: Location) -> str:
    """`` loc("conv1", "bn1")``, or nothing for an op without locations."""
    return f" loc({', '.join(map(quote, location))})" if location else ""
