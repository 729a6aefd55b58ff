"""Steps of simplify-control-flow on ``control.if``."""

from collections.abc import Callable, Hashable, Mapping

import numpy as np

from ...dead_code import erase_dead_ops
from ...ir import Function, Module, Op, Value
from ...opdef import replace
from ...ops import control, math, tensor
from ...weights import Weight
from ..inlining import adopt_sizes, can_be_inlined, inlined
from ..patterns import constant_array
from .callees import (
    added,
    give,
    needed_inputs,
    part_of,
    put_in_place,
    put_smaller,
    same_work,
    take_in,
    weight_of,
    with_outputs,
)

SHORT = 4
"""A branch of at most so many cheap ops is computed whether it is taken or not."""

_CHEAP = (
    math.Unary, math.Clamp, math.Binary, math.Select, tensor.Cast, tensor.Reshape, tensor.Transpose, tensor.Constant,
)  # fmt: skip
_MAY_FAIL = (math.Div, math.Pow, math.FloorMod, math.Fmod)
"""Ops that runtimes refuse to compute of some integers."""

BranchStep = Callable[[Module, Function, control.If], bool]


def known_branch(module: Module, function: Function, op: control.If) -> bool:
    """if(constant, values) -> the branch"""
    condition = constant_array(op.condition)
    then, otherwise = _branches(module, op)
    if condition is None and not same_work(then, otherwise):
        return False
    taken = otherwise if condition is not None and not condition else then
    if not can_be_inlined(function, taken, op.values):
        return False
    put_in_place(function, op, inlined(function, op, taken, op.values))
    return True


def branches_of_not(module: Module, function: Function, op: control.If) -> bool:
    """if(not c, values) {a, b} -> if(c, values) {b, a}"""
    if not isinstance(op.condition.owner, math.LogicalNot):
        return False
    changes = {"then_branch": op.else_branch, "else_branch": op.then_branch}
    turned = replace(op, condition=op.condition.owner.x, **changes)
    function.ops.insert_before(op, turned)
    put_in_place(function, op, turned.results)
    return True


def result_of_both_branches(module: Module, function: Function, op: control.If) -> bool:
    """y = if(c, [x]) {then x, else x} -> y = x, and the same for equal constants"""
    then, otherwise = _branches(module, op)
    for result, a, b in zip(op.results, then.outputs, otherwise.outputs, strict=True):
        if not result.is_used:
            continue
        if a in then.inputs and b in otherwise.inputs and then.inputs.index(a) == otherwise.inputs.index(b):
            new = op.values[then.inputs.index(a)]
        elif (weight := weight_of(a)) is not None and weight == weight_of(b):
            made = tensor.Constant(weight)
            function.ops.insert_before(op, made)
            new = made.result
        else:
            continue
        result.replace_all_uses_with(new)
        adopt_sizes(function, [result.type], [new.type])
        return True
    return False


def condition_inside_branches(module: Module, function: Function, op: control.If) -> bool:
    """if(c, [c, not c]) -> if(c, [true, false]) in the one branch, if(c, [false, true]) in the other"""
    known = {i: truth for i, v in enumerate(op.values) if (truth := _truth(v, op.condition)) is not None}
    if not any(branch.inputs[i].is_used for branch in _branches(module, op) for i in known):
        return False
    branches = [with_outputs(branch, range(len(op.results))) for branch in _branches(module, op)]
    for branch, is_taken in zip(branches, (True, False), strict=True):
        for i, truth in known.items():
            take_in(branch, branch.inputs[i], Weight(np.array(truth is is_taken)))
    then, otherwise = (added(module, branch, range(len(op.values))) for branch in branches)
    put_smaller(function, op, replace(op, then_branch=then, else_branch=otherwise), range(len(op.results)))
    return True


def _truth(value: Value, condition: Value) -> bool | None:
    """What the value is where the condition is true, if it is the condition, or the opposite."""
    if value is condition:
        return True
    return False if isinstance(value.owner, math.LogicalNot) and value.owner.x is condition else None


def dead_operands_of_branches(module: Module, function: Function, op: control.If) -> bool:
    """if(c, [x, unused, constant, x]) -> if(c, [x]), with the results that are used, each once"""
    results = [i for i, result in enumerate(op.results) if result.is_used]
    if not results:
        return False
    branches = [with_outputs(branch, results) for branch in _branches(module, op)]
    for branch in branches:
        for given, operand in zip(branch.inputs, op.values, strict=True):
            take_in(branch, given, weight_of(operand))
            first = branch.inputs[op.values.index(operand)]
            if first is not given and first.type == given.type:
                given.replace_all_uses_with(first)
    passed = needed_inputs(branches)
    if len(results) == len(op.results) and len(passed) == len(op.values):
        return False
    then, otherwise = (added(module, branch, passed) for branch in branches)
    types = tuple(op.types[i] for i in results)
    smaller = replace(
        op, values=tuple(op.values[i] for i in passed), then_branch=then, else_branch=otherwise, types=types
    )
    put_smaller(function, op, smaller, results)
    return True


def work_of_both_branches(module: Module, function: Function, op: control.If) -> bool:
    """if(c, [x]) {a(f(x)), b(f(x))} -> if(c, [x, f(x)]) {a, b}"""
    then, otherwise = (with_outputs(branch, range(len(op.results))) for branch in _branches(module, op))
    shared = _equal_values(then, otherwise)
    inner = {value.owner for pair in shared.items() for value in pair}
    passed = [pair for pair in shared.items() if any(user not in inner for value in pair for user in value.users)]
    if not passed:
        return False
    values = inlined(function, op, part_of(then, [a for a, _ in passed]), op.values)
    for branch, side in ((then, [a for a, _ in passed]), (otherwise, [b for _, b in passed])):
        give(branch, side)
        erase_dead_ops(branch)
    everything = (*op.values, *values)
    refs = [added(module, branch, range(len(everything))) for branch in (then, otherwise)]
    larger = replace(op, values=everything, then_branch=refs[0], else_branch=refs[1])
    put_smaller(function, op, larger, range(len(op.results)))
    return True


def _equal_values(then: Function, otherwise: Function) -> dict[Value, Value]:
    """What both branches compute alike from what they are given and constants: value of the one -> of the other."""
    if [v.type for v in then.inputs] != [v.type for v in otherwise.inputs]:
        return {}
    counterparts = dict(zip(otherwise.inputs, then.inputs, strict=True))
    known: dict[Hashable, Op] = {}
    for op in then.ops:
        if (key := _work(op, {v: v for v in op.operands})) is not None:
            known.setdefault(key, op)
    shared: dict[Value, Value] = {}
    for op in otherwise.ops:
        key = _work(op, counterparts)
        twin = None if key is None else known.get(key)
        if twin is None or any(a in shared for a in twin.results):
            continue
        counterparts.update(zip(op.results, twin.results, strict=True))
        is_given = all(v in then.inputs or v in shared or weight_of(v) is not None for v in twin.operands)
        if is_given and not isinstance(op, tensor.Constant):
            shared.update(zip(twin.results, op.results, strict=True))
    return shared


def _work(op: Op, counterparts: Mapping[Value, Value]) -> Hashable:
    """Equal for ops that compute the same; None for those that stay in their branch."""
    if isinstance(op, tensor.Constant):
        return tensor.Constant, op.value
    if op.has_effect or op.calls or not op.operands or any(v not in counterparts for v in op.operands):
        return None
    if {s for r in op.results for s in r.type.symbols} - {s for v in op.operands for s in v.type.symbols}:
        # It shows a size, which is called otherwise outside.
        return None
    fields = (getattr(op, f.name) for f in op.definition.operand_fields)
    operands = tuple(tuple(counterparts[v] for v in f) if isinstance(f, tuple) else counterparts.get(f) for f in fields)
    types = tuple(r.type for r in op.results)
    return type(op), operands, tuple(op.definition.attributes_of(op).values()), types


def short_branches(module: Module, function: Function, op: control.If) -> bool:
    """if(c, values) {a, b} -> select(c, a(values), b(values)) for short branches"""
    then, otherwise = _branches(module, op)
    shapes_agree = all(
        a.type.shape == b.type.shape == r.type.shape and a.type.quantization is b.type.quantization is None
        for a, b, r in zip(then.outputs, otherwise.outputs, op.results, strict=True)
    )
    if not shapes_agree or not (_is_short(then) and _is_short(otherwise)):
        return False
    sides = [inlined(function, op, branch, op.values) for branch in (then, otherwise)]
    selects = [math.Select(op.condition, x, y) for x, y in zip(*sides, strict=True)]
    for select in selects:
        select.location = op.location
        function.ops.insert_before(op, select)
    put_in_place(function, op, [select.result for select in selects])
    return True


def _is_short(branch: Function) -> bool:
    count = 0
    for op in branch.ops:
        may_fail = isinstance(op, _MAY_FAIL) and op.results[0].type.dtype.is_integer
        if not isinstance(op, _CHEAP) or may_fail:
            return False
        count += not isinstance(op, tensor.Constant)
    return count <= SHORT


def _branches(module: Module, op: control.If) -> tuple[Function, Function]:
    return module.functions[op.then_branch.name], module.functions[op.else_branch.name]


BRANCH_STEPS: tuple[BranchStep, ...] = (
    known_branch, branches_of_not, result_of_both_branches, condition_inside_branches, dead_operands_of_branches,
    work_of_both_branches, short_branches,
)  # fmt: skip
