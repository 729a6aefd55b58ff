"""What LiteRT's loops demand of their bodies."""

import numpy as np

from ...call_graph import calls_of
from ...ir import Function, Module, Value
from ...ops import control, math
from ...passes.patterns import constant
from ...rewriter import insert_new_ops


def separate_loop_states(module: Module) -> bool:
    """Copies the inputs that a loop's body returns in other places; returns whether there were any.

    The runtime writes the results over the inputs one by one, so that (y, x) of (x, y) would become (y, y).
    """
    bodies = {
        op.body.name: None
        for function in module.functions.values()
        for op, _ in calls_of(function)
        if isinstance(op, control.While)
    }
    changed = [_separate(module.functions[name]) for name in bodies]
    return any(changed)


def _separate(body: Function) -> bool:
    moved = [i for i, v in enumerate(body.outputs) if v.owner is None and v is not body.inputs[i]]
    outputs = list(body.outputs)
    for index in moved:
        outputs[index] = _copy(outputs[index])
    if moved:
        insert_new_ops(outputs, body.ops.append)
        body.set_outputs(outputs, body.output_names)
    return bool(moved)


def _copy(x: Value) -> Value:
    return math.Select(constant(np.array(True)), x, x).result
