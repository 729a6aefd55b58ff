"""Copies of modules: other functions, ops and values over the same weights."""

from .ir import Function, Module, Op, Value


def clone_module(module: Module) -> Module:
    """A module equal to ``module`` that shares nothing with it that can change."""
    return Module([clone_function(function) for function in module.functions.values()], module.states)


def clone_function(function: Function) -> Function:
    """A function equal to ``function``, types and names included; weights are shared, for nothing writes to them."""
    values = {v: Value(v.type, v.name) for v in function.inputs}
    clone = Function(function.name, [values[v] for v in function.inputs])
    for op in function.ops:
        copy = _clone_op(op, values)
        for old, new in zip(op.results, copy.results, strict=True):
            # A declared type may say more than inference does.
            new.type, new.name = old.type, old.name
            values[old] = new
        clone.ops.append(copy)
    clone.set_outputs([values[v] for v in function.outputs], function.output_names)
    return clone


def _clone_op(op: Op, values: dict[Value, Value]) -> Op:
    operands = {f.name: _mapped(getattr(op, f.name), values) for f in op.definition.operand_fields}
    copy = op.definition.cls(**operands, **op.definition.attributes_of(op))
    copy.location = op.location
    return copy


def _mapped(operand: object, values: dict[Value, Value]) -> object:
    if isinstance(operand, tuple):
        return tuple(values[v] for v in operand)
    return values[operand] if isinstance(operand, Value) else None
