"""What LiteRT's loops and branches demand of the functions that they run."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ...call_graph import calls_of
from ...ir import Function, Module, Value
from ...ops import control, math
from ...passes.patterns import constant
from ...rewriter import insert_new_ops


def separate_results(module: Module) -> bool:
    """Copies what a loop's body or a branch may not return as it is; returns whether there was any.

    Of a body these are inputs that it returns in other places: the runtime writes the results over the inputs one by
    one, so that (y, x) of (x, y) would become (y, y). Of a branch, what it returns for the second time: the runtime
    hands the memory of its results on.
    """
    bodies: dict[str, None] = {}
    branches: dict[str, None] = {}
    for function in module.functions.values():
        for op, _ in calls_of(function):
            if isinstance(op, control.While):
                bodies[op.body.name] = None
            elif isinstance(op, control.If):
                branches.update(dict.fromkeys((op.then_branch.name, op.else_branch.name)))
    changed = [_copy_outputs(module.functions[name], _moved) for name in bodies]
    changed += [_copy_outputs(module.functions[name], _repeated) for name in branches]
    return any(changed)


def _moved(body: Function) -> Iterator[int]:
    for index, value in enumerate(body.outputs):
        if value.owner is None and value is not body.inputs[index]:
            yield index


def _repeated(branch: Function) -> Iterator[int]:
    for index, value in enumerate(branch.outputs):
        if value in branch.outputs[:index]:
            yield index


def _copy_outputs(function: Function, which: Callable[[Function], Iterable[int]]) -> bool:
    outputs = list(function.outputs)
    copied = list(which(function))
    # A third result is a copy of the second: two copies of one value are the same work, and would become one again.
    latest: dict[Value, Value] = {}
    for index in copied:
        value = outputs[index]
        outputs[index] = latest[value] = _copy(latest.get(value, value))
    if copied:
        insert_new_ops(outputs, function.ops.append)
        function.set_outputs(outputs, function.output_names)
    return bool(copied)


def _copy(x: Value) -> Value:
    return math.Select(constant(np.array(True)), x, x).result
