"""Branches and loops: what was imported into functions of their own becomes ``control.if`` and ``control.while``.

While a branch is imported its ops use the values of the enclosing functions freely. When it is finished, those values
become inputs of its function and operands of the op that calls it; constants are repeated inside.
"""

from collections.abc import Iterable, Sequence

from ...attributes import FunctionRef
from ...dims import Dim, SymInt, free_symbols, known_equal
from ...ir import Function, Op, Value
from ...opdef import replace
from ...ops import control, tensor
from ...types import TensorType
from .scope import Scope
from .tensors import Unsupported


def branch(
    scope: Scope,
    condition: Value,
    then: tuple[Function, Sequence[Value]],
    otherwise: tuple[Function, Sequence[Value]],
) -> tuple[Value, ...]:
    """The results of the branch taken: two functions, each with the values that it ends with."""
    if not then[1]:
        return ()
    types = tuple(_joined(scope, a.type, b.type) for a, b in zip(then[1], otherwise[1], strict=True))
    captured = _close(scope, (then, otherwise))
    op = control.If(condition, captured, FunctionRef(then[0].name), FunctionRef(otherwise[0].name), types)
    scope.insert_all(op.results)
    return op.results


def loop(
    scope: Scope,
    initial: Sequence[Value],
    condition: tuple[Function, Sequence[Value]],
    body: tuple[Function, Sequence[Value]],
) -> tuple[Value, ...]:
    """What the values have become when the condition no longer holds.

    Both functions have inputs for the values; the body ends with the values for the next round, of the same types.
    """
    for before, after in zip(initial, body[1], strict=True):
        if before.type != after.type:
            raise Unsupported(f"a value of the loop is {before.type} at first and {after.type} after a round")
    count = len(initial)
    captured = _close(scope, (condition, body))
    function, results = body
    _set_results(function, (*results, *function.inputs[count:]))
    op = control.While((*initial, *captured), FunctionRef(condition[0].name), FunctionRef(function.name))
    scope.insert_all(op.results)
    return op.results[:count]


def _joined(scope: Scope, a: TensorType, b: TensorType) -> TensorType:
    """The type of a result: sizes that the branches do not agree on are symbols."""
    if a.dtype is not b.dtype or a.rank != b.rank:
        raise Unsupported(f"a result is {a} if its condition holds and {b} if not")
    shape = [x if known_equal(x, y) else scope.fresh_symbol() for x, y in zip(a.shape, b.shape, strict=True)]
    return a.with_shape(shape)


def _close(scope: Scope, functions: Sequence[tuple[Function, Sequence[Value]]]) -> tuple[Value, ...]:
    """Makes inputs of what the functions use of the enclosing ones, the same in all; returns it."""
    for function, results in functions:
        _set_results(function, results)
        _repeat_constants(function)
    captured = dict.fromkeys(v for function, _ in functions for v in _foreign(function))
    captured |= dict.fromkeys(_showing_symbols(scope, [f for f, _ in functions], captured))
    for function, _ in functions:
        for value in captured:
            own = Value(value.type, "")
            function.inputs.append(own)
            _replace_inside(function, value, own)
        scope.callees[function.name] = function
    return tuple(captured)


def _set_results(function: Function, results: Sequence[Value]) -> None:
    function.set_outputs(results, [f"output{i}" for i in range(len(results))])


def _foreign(function: Function) -> list[Value]:
    """What the function uses without computing it, in order."""
    own = set(function.values())
    operands = (v for op in function.ops for v in op.operands)
    return list(dict.fromkeys(v for v in (*operands, *function.outputs) if v not in own))


def _repeat_constants(function: Function) -> None:
    for value in _foreign(function):
        if isinstance(value.owner, tensor.Constant):
            copy = replace(value.owner)
            copy.location = value.owner.location
            function.ops.prepend(copy)
            _replace_inside(function, value, copy.result)


def _replace_inside(function: Function, old: Value, new: Value) -> None:
    for user in old.users:
        if user.function is function:
            user.replace_operand(old, new)


def _showing_symbols(scope: Scope, functions: Sequence[Function], captured: Iterable[Value]) -> list[Value]:
    """Values of the enclosing functions that show the symbols which the functions mention but no captured one shows."""
    shown = {str(d) for v in (*captured, *(i for f in functions for i in f.inputs)) for d in v.type.shape}
    mentioned = {s for f in functions for v in f.values() for d in v.type.shape for s in _symbols(d)}
    mentioned |= {s for f in functions for op in f.ops for s in _symbols_of_attributes(op)}
    found: list[Value] = []
    for symbol in sorted(mentioned - shown):
        value = next((v for v in scope.visible_values() if any(str(d) == symbol for d in v.type.shape)), None)
        if value is not None and value not in found:
            found.append(value)
    return found


def _symbols(dim: Dim) -> tuple[str, ...]:
    return free_symbols(dim) if isinstance(dim, SymInt) else ()


def _symbols_of_attributes(op: Op) -> list[str]:
    found: list[str] = []
    for attribute in op.definition.attributes_of(op).values():
        dims = attribute if isinstance(attribute, tuple) else (attribute,)
        found += [s for d in dims if isinstance(d, SymInt) for s in free_symbols(d)]
    return found
