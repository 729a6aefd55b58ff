"""simplify-control-flow: branches whose way is known go, short ones become selects, and what functions need not be
given is not passed."""

from collections.abc import Callable, Sequence

from ...attributes import FunctionRef
from ...call_graph import fresh_function_name
from ...cloning import clone_function
from ...dead_code import mentioned_symbols
from ...dim_terms import linear_symbol
from ...ir import Function, Module, Op, Value
from ...opdef import replace
from ...ops import control, math, tensor
from ...pass_manager import module_pass
from ...weights import Weight
from ..inlining import adopt_sizes, can_be_inlined, inlined
from ..patterns import constant_array

SHORT = 4
"""A branch of at most so many cheap ops is computed whether it is taken or not."""

_CHEAP = (
    math.Unary, math.Clamp, math.Binary, math.Select, tensor.Cast, tensor.Reshape, tensor.Transpose, tensor.Constant,
)  # fmt: skip
_MAY_FAIL = (math.Div, math.Pow, math.FloorMod, math.Fmod)
"""Ops that runtimes refuse to compute of some integers."""


@module_pass()
def simplify_control_flow(module: Module) -> bool:
    """Replaces ``control.if`` where its condition is known, its branches agree, or both cost next to nothing.

    What both branches give alike is given without them, and so is what a loop hands on as it is. Results of branches
    that nothing uses, operands that no function uses, and operands that are constant are not passed.
    """
    changed = False
    for function in list(module.functions.values()):
        while _simplify(module, function):
            changed = True
    return changed


def _simplify(module: Module, function: Function) -> bool:
    """One step on one op: it may put others in the place of further ones, whose sizes it finds out."""
    callers = [op for op in function.ops if op.calls]
    branches = (op for op in callers if isinstance(op, control.If))
    loops = (op for op in callers if isinstance(op, control.While))
    return any(step(module, function, op) for op in branches for step in _STEPS) or any(
        _carry_less(module, function, op) for op in loops
    )


def _take_known_way(module: Module, function: Function, op: control.If) -> bool:
    """if(constant, values) -> the branch"""
    condition = constant_array(op.condition)
    then, otherwise = _branches(module, op)
    if condition is None and not _are_alike(then, otherwise):
        return False
    taken = otherwise if condition is not None and not condition else then
    if not can_be_inlined(function, taken, op.values):
        return False
    _replace(function, op, inlined(function, op, taken, op.values))
    return True


def _turn_round(module: Module, function: Function, op: control.If) -> bool:
    """if(not c, values) {a, b} -> if(c, values) {b, a}"""
    if not isinstance(op.condition.owner, math.LogicalNot):
        return False
    changes = {"then_branch": op.else_branch, "else_branch": op.then_branch}
    turned = replace(op, condition=op.condition.owner.x, **changes)
    function.ops.insert_before(op, turned)
    _replace(function, op, turned.results)
    return True


def _hand_on_what_is_alike(module: Module, function: Function, op: control.If) -> bool:
    """y = if(c, [x]) {then x, else x} -> y = x, and the same for equal constants"""
    then, otherwise = _branches(module, op)
    for result, a, b in zip(op.results, then.outputs, otherwise.outputs, strict=True):
        if not result.is_used:
            continue
        if a in then.inputs and b in otherwise.inputs and then.inputs.index(a) == otherwise.inputs.index(b):
            new = op.values[then.inputs.index(a)]
        elif (weight := _weight(a)) is not None and weight == _weight(b):
            made = tensor.Constant(weight)
            function.ops.insert_before(op, made)
            new = made.result
        else:
            continue
        result.replace_all_uses_with(new)
        adopt_sizes(function, [result.type], [new.type])
        return True
    return False


def _select(module: Module, function: Function, op: control.If) -> bool:
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
    _replace(function, op, [select.result for select in selects])
    return True


def _is_short(branch: Function) -> bool:
    count = 0
    for op in branch.ops:
        may_fail = isinstance(op, _MAY_FAIL) and op.results[0].type.dtype.is_integer
        if not isinstance(op, _CHEAP) or may_fail:
            return False
        count += not isinstance(op, tensor.Constant)
    return count <= SHORT


def _pass_less(module: Module, function: Function, op: control.If) -> bool:
    """if(c, [x, unused, constant]) -> if(c, [x]), with the results that are used"""
    results = [i for i, result in enumerate(op.results) if result.is_used]
    if not results:
        return False
    branches = [_with_outputs(branch, results) for branch in _branches(module, op)]
    for branch in branches:
        for given, operand in zip(branch.inputs, op.values, strict=True):
            _take_in_constant(branch, given, operand)
    passed = _needed_inputs(branches)
    if len(results) == len(op.results) and len(passed) == len(op.values):
        return False
    then, otherwise = (_added(module, branch, passed) for branch in branches)
    types = tuple(op.types[i] for i in results)
    smaller = replace(
        op, values=tuple(op.values[i] for i in passed), then_branch=then, else_branch=otherwise, types=types
    )
    function.ops.insert_before(op, smaller)
    for old, new in zip((op.results[i] for i in results), smaller.results, strict=True):
        new.name, old.name, new.type = old.name, "", old.type
        old.replace_all_uses_with(new)
    op.erase()
    return True


def _carry_less(module: Module, function: Function, op: control.While) -> bool:
    """while([x, constant, unused]) -> while([x]), where the body hands the others on as they are"""
    condition, body = (module.functions[f.name] for f in (op.condition, op.body))
    fixed = [i for i, (given, next_) in enumerate(zip(body.inputs, body.outputs, strict=True)) if given is next_]
    for i in fixed:
        if op.results[i].is_used:
            op.results[i].replace_all_uses_with(op.values[i])
            adopt_sizes(function, [op.results[i].type], [op.values[i].type])
            return True
    changing = [i for i in range(len(op.values)) if i not in fixed]
    condition, body = clone_function(condition), _with_outputs(body, changing)
    for i in fixed:
        for callee in (condition, body):
            _take_in_constant(callee, callee.inputs[i], op.values[i])
    carried = sorted({*changing, *_needed_inputs((condition, body))})
    if not carried or len(carried) == len(op.values):
        return False
    outputs = dict(zip(changing, body.outputs, strict=True))
    body.set_outputs([outputs.get(i, body.inputs[i]) for i in carried], [f"output{i}" for i in carried])
    refs = [_added(module, callee, carried) for callee in (condition, body)]
    smaller = control.While(tuple(op.values[i] for i in carried), *refs)
    smaller.location = op.location
    function.ops.insert_before(op, smaller)
    for old, new in zip((op.results[i] for i in carried), smaller.results, strict=True):
        new.name, old.name, new.type = old.name, "", old.type
        old.replace_all_uses_with(new)
    op.erase()
    return True


def _added(module: Module, function: Function, passed: Sequence[int]) -> FunctionRef:
    """Makes a function, with some of its inputs, one of the module."""
    function.inputs[:] = [function.inputs[i] for i in passed]
    function.name = fresh_function_name(module, function.name)
    module.functions[function.name] = function
    return FunctionRef(function.name)


def _with_outputs(branch: Function, kept: list[int]) -> Function:
    """A copy of a branch that gives some of its outputs, without the ops that these do not need."""
    copy = clone_function(branch)
    copy.set_outputs([copy.outputs[i] for i in kept], [copy.output_names[i] for i in kept])
    for op in reversed(copy.ops):
        if not op.has_uses and not op.has_effect:
            op.erase()
    return copy


def _needed_inputs(branches: Sequence[Function]) -> list[int]:
    """The places of the inputs that one of the functions uses, or whose types alone show a symbol that it mentions."""
    inputs = list(zip(*(branch.inputs for branch in branches), strict=True))
    needed = {i for i, same in enumerate(inputs) if any(v.is_used for v in same)}
    for branch in branches:
        shown = {s for i in needed for s in _shown_symbols(branch.inputs[i])}
        mentioned = {s for op in branch.ops for s in mentioned_symbols(op)}
        for place, value in enumerate(branch.inputs):
            if new := mentioned.intersection(_shown_symbols(value)) - shown:
                needed.add(place)
                shown |= new
    return sorted(needed)


def _shown_symbols(value: Value) -> set[str]:
    """The symbols whose numbers can be read off the shape."""
    return {linear[0] for dim in value.type.shape if (linear := linear_symbol(dim)) is not None}


def _take_in_constant(branch: Function, given: Value, operand: Value) -> None:
    weight = _weight(operand)
    if weight is None or not given.is_used:
        return
    constant = tensor.Constant(weight)
    branch.ops.prepend(constant)
    given.replace_all_uses_with(constant.result)


def _branches(module: Module, op: control.If) -> tuple[Function, Function]:
    return module.functions[op.then_branch.name], module.functions[op.else_branch.name]


def _weight(value: Value) -> Weight | None:
    return value.owner.value if isinstance(value.owner, tensor.Constant) else None


def _are_alike(a: Function, b: Function) -> bool:
    return a is b or (len(a.ops) == len(b.ops) and _nameless(a) == _nameless(b))


def _nameless(function: Function) -> Function:
    copy = clone_function(function)
    copy.name, copy.output_names = "", tuple(map(str, range(len(copy.outputs))))
    for value in copy.values():
        value.name = ""
    for op in copy.ops:
        op.location = ()
    return copy


def _replace(function: Function, op: Op, values: "list[Value] | tuple[Value, ...]") -> None:
    """Makes ``values``, which stand in the function already, take the place of an op's results."""
    for old, new in zip(op.results, values, strict=True):
        if old.name and not new.name and new.owner is not None:
            new.name, old.name = old.name, ""
        old.replace_all_uses_with(new)
    op.erase()
    adopt_sizes(function, [r.type for r in op.results], [v.type for v in values])


_STEPS: tuple[Callable[[Module, Function, control.If], bool], ...] = (
    _take_known_way, _turn_round, _hand_on_what_is_alike, _pass_less, _select
)  # fmt: skip
