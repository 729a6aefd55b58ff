"""Steps of simplify-control-flow on ``control.while``."""

from collections.abc import Callable, Sequence
from math import prod

from ...cloning import clone_function
from ...dead_code import erase_dead_ops
from ...errors import GlmirError
from ...interpreter import run
from ...ir import Function, Module, Op, Value
from ...ops import control, math, nn, tensor
from ..inlining import adopt_sizes, can_be_inlined, inlined
from .callees import (
    added,
    give,
    needed_inputs,
    part_of,
    put_in_place,
    put_smaller,
    take_in,
    weight_of,
    with_outputs,
)

LoopStep = Callable[[Module, Function, control.While, int], bool]

MOST_ROUNDS = 64
"""A loop that takes more rounds stays a loop."""

SMALL = 1024
"""What decides how many rounds a loop takes is followed if it has at most so many elements."""

_FREE = (tensor.Reshape, tensor.Expand, tensor.Tile, tensor.Cast, tensor.Slice, tensor.Range, tensor.Shape)
"""Ops that are as well computed anew as carried along, for they cost little or make much of little."""

_NEVER_FAILS = (
    math.Unary, math.Clamp, math.Binary, math.Select, math.MatMul, math.Reduction, nn.Linear, nn.Conv, nn.Softmax,
    nn.LayerNorm, nn.Gelu, nn.Sigmoid, nn.Silu, nn.Relu, tensor.Cast, tensor.Concat, tensor.Expand, tensor.Pad,
    tensor.Reshape, tensor.Slice, tensor.Split, tensor.Tile, tensor.Transpose, tensor.Shape,
)  # fmt: skip
"""What may be computed before a loop even if the loop takes no round."""


def fixed_values(module: Module, function: Function, op: control.While, _: int) -> bool:
    """y = while([x]) {body hands x on} -> y = x"""
    for i in _fixed(module.functions[op.body.name]):
        if op.results[i].is_used:
            op.results[i].replace_all_uses_with(op.values[i])
            adopt_sizes(function, [op.results[i].type], [op.values[i].type])
            return True
    return False


def unrolled_loop(module: Module, function: Function, op: control.While, max_ops: int) -> bool:
    """while(values) -> body(body(values)) where it is known to take few rounds, of few ops all together"""
    body = module.functions[op.body.name]
    rounds = _known_rounds(module, op)
    if rounds is None or not can_be_inlined(function, body, op.values):
        return False
    cost = sum(not isinstance(inner, tensor.Constant) for inner in body.ops)
    if rounds > 1 and rounds * cost > max_ops:
        return False
    values: Sequence[Value] = op.values
    for _ in range(rounds):
        values = inlined(function, op, body, values)
    put_in_place(function, op, values)
    return True


def _known_rounds(module: Module, op: control.While) -> int | None:
    """How often the body runs, if that depends on constants alone."""
    condition, body = (module.functions[f.name] for f in (op.condition, op.body))
    deciding = _closure(body, needed_inputs((condition,)))
    weights = [weight_of(op.values[i]) for i in deciding]
    if any(w is None or prod(w.array.shape) > SMALL or w.type.quantization is not None for w in weights):
        return None
    small = Module()
    small.functions.update(module.functions)
    # Called as no function in the text can be.
    for name, callee in (("condition ", clone_function(condition)), ("body ", with_outputs(body, deciding))):
        callee.inputs[:] = [callee.inputs[i] for i in deciding]
        for i, value in enumerate(callee.inputs):
            value.name = str(i)
        callee.output_names = tuple(map(str, range(len(callee.outputs))))
        small.functions[name] = callee
    given = {str(i): w.array for i, w in enumerate(weights) if w is not None}
    try:
        for rounds in range(MOST_ROUNDS + 1):
            if not run(small, given, "condition ")["0"]:
                return rounds
            given = run(small, given, "body ")
    except GlmirError:
        # It would fail at run time too.
        pass
    return None


def _closure(body: Function, places: Sequence[int]) -> list[int]:
    """The places of the values that those at ``places`` depend on, from round to round."""
    needed = set(places)
    while True:
        inputs = needed_inputs((with_outputs(body, sorted(needed)),)) if needed else []
        if needed.issuperset(inputs):
            return sorted(needed)
        needed.update(inputs)


def dead_values_of_loops(module: Module, function: Function, op: control.While, _: int) -> bool:
    """while([x, constant, unused]) -> while([x]), where the body hands the constant on as it is"""
    condition, body = (clone_function(module.functions[f.name]) for f in (op.condition, op.body))
    fixed = _fixed(body)
    for i in fixed:
        for callee in (condition, body):
            take_in(callee, callee.inputs[i], weight_of(op.values[i]))
    # What the body hands on it goes on handing on, if it is carried.
    body.set_outputs([body.inputs[i] if i in fixed else v for i, v in enumerate(body.outputs)], body.output_names)
    wanted = {i for i, result in enumerate(op.results) if result.is_used}
    carried = _closure(body, sorted(wanted.union(needed_inputs((condition,)))))
    if not carried or len(carried) == len(op.values):
        return False
    body = with_outputs(body, carried)
    refs = (added(module, condition, carried), added(module, body, carried))
    resized, shapes, ends = op.sizes(carried)
    smaller = control.While(tuple(op.values[i] for i in carried), *refs, resized, shapes, ends)
    put_smaller(function, op, smaller, carried)
    return True


def invariant_work(module: Module, function: Function, op: control.While, _: int) -> bool:
    """while([x, c]) {body(x, f(c)), c} -> while([x, f(c)]) {body}"""
    callees = [clone_function(module.functions[f.name]) for f in (op.condition, op.body)]
    condition, body = callees
    if [v.type for v in condition.inputs] != [v.type for v in body.inputs]:
        return False
    fixed = _fixed(body)
    for callee, other in ((body, condition), (condition, body)):
        moved = _invariant(callee, {callee.inputs[i] for i in fixed})
        owners = {v.owner for v in moved}
        passed = [v for v in moved if any(user not in owners for user in v.users)]
        if not passed:
            continue
        values = inlined(function, op, part_of(callee, passed), op.values)
        give(callee, passed)
        other.inputs.extend(Value(v.type) for v in passed)
        erase_dead_ops(callee)
        new = body.inputs[len(op.values) :]
        names = [f"output{i}" for i in range(len(body.inputs))]
        body.set_outputs([*body.outputs, *new], names)
        everything = (*op.values, *values)
        places = range(len(everything))
        refs = (added(module, condition, places), added(module, body, places))
        larger = control.While(everything, *refs, op.resized, op.shapes, op.ends)
        put_smaller(function, op, larger, range(len(op.results)))
        return True
    return False


def _invariant(callee: Function, known: set[Value]) -> list[Value]:
    """What the function computes alike in every round, and is worth to be carried."""
    known = set(known)
    moved: list[Op] = []
    for op in callee.ops:
        if not all(v in known for v in op.operands):
            continue
        if isinstance(op, tensor.Constant):
            known.update(op.results)
        elif _may_move(op):
            known.update(op.results)
            moved.append(op)
    kept: set[Op] = set()
    for op in reversed(moved):
        if not isinstance(op, _FREE) or any(user in kept for r in op.results for user in r.users):
            kept.add(op)
    return [r for op in moved if op in kept for r in op.results]


def _may_move(op: Op) -> bool:
    if not isinstance(op, _NEVER_FAILS) or getattr(op, "dims", None) is not None:
        return False
    may_divide = isinstance(op, math.Div | math.Pow | math.FloorMod | math.Fmod)
    if may_divide and op.results[0].type.dtype.is_integer:
        return False
    shown = {s for r in op.results for s in r.type.symbols}
    return shown <= {s for v in op.operands for s in v.type.symbols}


def _fixed(body: Function) -> list[int]:
    """The places of the values that the body hands on as they are."""
    return [i for i, (given, next_) in enumerate(zip(body.inputs, body.outputs, strict=True)) if given is next_]


LOOP_STEPS: tuple[LoopStep, ...] = (fixed_values, unrolled_loop, dead_values_of_loops, invariant_work)
