"""What lowerings to loops share: functions over the values that a loop carries, and putting it in an op's place."""

import itertools
from collections.abc import Mapping, Sequence

from ...attributes import FunctionRef
from ...call_graph import fresh_function_name
from ...dims import SymInt, symbol
from ...ir import Function, Module, Op, Value
from ...ops import control
from ...rewriter import insert_new_ops
from ...types import TensorType
from ..substitution import lone_symbol


def put_in_place(op: Op, results: Mapping[Value, Value]) -> None:
    """Inserts what computes ``results``, by the result of ``op`` that each stands for, and erases the op."""
    function = op.function
    assert function is not None
    for new in insert_new_ops(results.values(), lambda made: function.ops.insert_before(op, made)):
        new.location = new.location or op.location
    for old, result in results.items():
        if not result.name:
            result.name, old.name = old.name, ""
        old.replace_all_uses_with(result)
    op.erase()


def inner_types(function: Function, values: Sequence[Value]) -> list[TensorType]:
    """The types inside a loop's functions, where a dim is a number or one symbol: bound by what is passed."""
    # A callee's symbols are the caller's: the new ones must be none of those.
    taken = {s for v in function.values() for s in v.type.symbols}
    names = (name for i in itertools.count() if (name := f"d{i}") not in taken)
    dims = {d: None for v in values for d in v.type.shape}
    inner = {d: symbol(next(names)) if isinstance(d, SymInt) and lone_symbol(d) is None else d for d in dims}
    return [v.type.with_shape([inner[d] for d in v.type.shape]) for v in values]


class LoopFunction:
    """A new function of the module over the values that a loop in the place of ``op`` carries, by their roles."""

    def __init__(self, module: Module, op: Op, role: str, carried: Sequence[str], types: Sequence[TensorType]) -> None:
        stem = op.definition.name.partition(".")[2]
        name = fresh_function_name(module, f"{stem}_{role}")
        self.inputs = {name: Value(type_, name) for name, type_ in zip(carried, types, strict=True)}
        self._location = op.location
        self._function = module.functions[name] = Function(name, list(self.inputs.values()))

    def finish(self, outputs: Mapping[str, Value]) -> FunctionRef:
        """Ends the function with these outputs, by their names."""
        for op in insert_new_ops(outputs.values(), self._function.ops.append):
            op.location = self._location
        self._function.set_outputs(list(outputs.values()), list(outputs))
        return FunctionRef(self._function.name)


def loop(carried: Mapping[str, Value], condition: FunctionRef, body: FunctionRef) -> dict[str, Value]:
    """What the carried values are behind the loop, by their roles."""
    return dict(zip(carried, control.While(tuple(carried.values()), condition, body).results, strict=True))
