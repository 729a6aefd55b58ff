"""Functions that were imported among the values of others: what they use from outside becomes their inputs."""

from collections.abc import Iterable, Sequence

from ..dead_code import erase_dead_ops, mentioned_symbols
from ..ir import Function, Value
from ..opdef import replace
from ..ops import tensor


def close(functions: Sequence[Function], visible: Iterable[Value]) -> tuple[Value, ...]:
    """Adds the same inputs to all functions, one for each value that any of them uses without computing it; returns
    these values. Constants are repeated inside, ops that nothing uses go.

    ``visible`` are the values of the enclosing functions: one of them is passed for each symbol that a function
    mentions and nothing else passed shows.
    """
    for function in functions:
        erase_dead_ops(function)
        _repeat_constants(function)
    captured = dict.fromkeys(v for function in functions for v in _foreign(function))
    captured |= dict.fromkeys(_showing(_unshown_symbols(functions, captured), visible))
    for function in functions:
        for value in captured:
            own = Value(value.type, "")
            function.inputs.append(own)
            _replace_inside(function, value, own)
    return tuple(captured)


def empty(function: Function) -> None:
    """Takes everything out of a function that is not to be: what it used of others is used no more."""
    function.set_outputs((), ())
    for op in reversed(function.ops):
        op.erase()


def _foreign(function: Function) -> list[Value]:
    """What the function uses without computing it, in order."""
    own = set(function.values())
    operands = (v for op in function.ops for v in op.operands)
    return list(dict.fromkeys(v for v in (*operands, *function.outputs) if v not in own))


def _repeat_constants(function: Function) -> None:
    for value in _foreign(function):
        if isinstance(value.owner, tensor.Constant):
            copy = replace(value.owner)
            function.ops.prepend(copy)
            _replace_inside(function, value, copy.result)


def _replace_inside(function: Function, old: Value, new: Value) -> None:
    for user in old.users:
        if user.function is function:
            user.replace_operand(old, new)


def _unshown_symbols(functions: Sequence[Function], captured: Iterable[Value]) -> list[str]:
    shown = {str(d) for v in (*captured, *(i for f in functions for i in f.inputs)) for d in v.type.shape}
    mentioned = {s for f in functions for s in f.symbols}
    mentioned |= {s for f in functions for op in f.ops for s in mentioned_symbols(op)}
    return sorted(mentioned - shown)


def _showing(symbols: Sequence[str], visible: Iterable[Value]) -> Iterable[Value]:
    # They can be very many, and are rarely needed.
    values = list(visible) if symbols else []
    for symbol in symbols:
        found = next((v for v in values if any(str(d) == symbol for d in v.type.shape)), None)
        if found is not None:
            yield found
