"""Branches and loops: what was imported into functions of their own becomes ``control.if`` and ``control.while``.

While a branch is imported its ops use the values of the enclosing functions freely. When it is finished, those values
become inputs of its function and operands of the op that calls it; constants are repeated inside.
"""

from collections.abc import Sequence

from ...attributes import FunctionRef
from ...dims import known_equal
from ...ir import Function, Value
from ...ops import control
from ...types import TensorType
from ..closures import close
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


def discard(function: Function) -> None:
    """Gives up a function that is not called: what it uses is used no more by it."""
    for op in reversed(function.ops):
        function.ops.unlink(op)


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
        scope.callees[function.name] = function
    return close([function for function, _ in functions], scope.visible_values())


def _set_results(function: Function, results: Sequence[Value]) -> None:
    function.set_outputs(results, [f"output{i}" for i in range(len(results))])
