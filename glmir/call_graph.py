"""Which functions of a module call which (spec/ir.md)."""

from collections.abc import Iterator

from .ir import Call, Function, Module, Op


def calls_of(function: Function) -> Iterator[tuple[Op, Call]]:
    """The calls that the function's ops make, in order."""
    for op in function.ops:
        for call in op.calls:
            yield op, call


def callees(module: Module, function: Function) -> list[Function]:
    """The functions that ``function`` calls itself, in order; names of no function are left out."""
    names = dict.fromkeys(call.function for _, call in calls_of(function))
    return [module.functions[name] for name in names if name in module.functions]


def reachable(module: Module, function: Function) -> list[Function]:
    """``function`` and all that it calls, directly or not; a caller comes before what it calls, unless they recur."""
    finished: dict[Function, None] = {}
    entered = {function}
    stack = [(function, reversed(callees(module, function)))]
    while stack:
        current, rest = stack[-1]
        following = next((f for f in rest if f not in entered), None)
        if following is None:
            finished[current] = None
            stack.pop()
        else:
            entered.add(following)
            stack.append((following, reversed(callees(module, following))))
    return list(reversed(finished))


def callers_first(module: Module) -> list[Function]:
    """All functions; a caller comes before what it calls, unless they recur."""
    ordered: dict[Function, None] = {}
    # The last function first: what is called later must not stand before an earlier caller of the same function.
    for function in reversed(module.functions.values()):
        if function not in ordered:
            ordered = dict.fromkeys((*(f for f in reachable(module, function) if f not in ordered), *ordered))
    return list(ordered)


def recursive_functions(module: Module) -> list[Function]:
    """The functions that come to call themselves."""
    return [f for f in module.functions.values() if any(f in reachable(module, c) for c in callees(module, f))]


def fresh_function_name(module: Module, stem: str) -> str:
    """``stem`` if no function is called so, else ``stem_2``, ``stem_3``, …"""
    name, number = stem, 1
    while name in module.functions:
        number += 1
        name = f"{stem}_{number}"
    return name
