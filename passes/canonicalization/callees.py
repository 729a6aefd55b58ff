"""What steps on branches and loops share: copies of the functions that they call, with fewer inputs and outputs."""

import re
from collections.abc import Sequence

from ...attributes import FunctionRef
from ...call_graph import fresh_function_name
from ...cloning import clone_function
from ...dead_code import erase_dead_ops, mentioned_symbols
from ...dim_terms import linear_symbol
from ...ir import Function, Module, Op, Value
from ...ops import tensor
from ...weights import Weight
from ..inlining import adopt_sizes

_NUMBERED = re.compile(r"(?<=.)(_\d+)+$")


def added(module: Module, function: Function, passed: Sequence[int]) -> FunctionRef:
    """Makes a function, with some of its inputs, one of the module."""
    function.inputs[:] = [function.inputs[i] for i in passed]
    function.name = fresh_function_name(module, _NUMBERED.sub("", function.name))
    module.functions[function.name] = function
    return FunctionRef(function.name)


def with_outputs(callee: Function, kept: Sequence[int]) -> Function:
    """A copy of a function that gives some of its outputs, without the ops that these do not need."""
    copy = clone_function(callee)
    copy.set_outputs([copy.outputs[i] for i in kept], [copy.output_names[i] for i in kept])
    erase_dead_ops(copy)
    return copy


def part_of(function: Function, values: Sequence[Value]) -> Function:
    """A copy of what a function does for some of its values, which the copy gives."""
    copy = clone_function(function)
    copies = dict(zip(function.values(), copy.values(), strict=True))
    copy.set_outputs([copies[v] for v in values], [f"output{i}" for i in range(len(values))])
    erase_dead_ops(copy)
    return copy


def give(function: Function, values: Sequence[Value]) -> None:
    """Makes values that the function computes further inputs of it; what computed them stays, unused."""
    for value in values:
        given = Value(value.type, value.name)
        value.name = ""
        function.inputs.append(given)
        value.replace_all_uses_with(given)


def needed_inputs(callees: Sequence[Function]) -> list[int]:
    """The places of the inputs that one of the functions uses, or whose types alone show a symbol that it mentions."""
    inputs = list(zip(*(callee.inputs for callee in callees), strict=True))
    needed = {i for i, same in enumerate(inputs) if any(v.is_used for v in same)}
    for callee in callees:
        shown = {s for i in needed for s in _shown_symbols(callee.inputs[i])}
        mentioned = {s for op in callee.ops for s in mentioned_symbols(op)}
        for place, value in enumerate(callee.inputs):
            if new := mentioned.intersection(_shown_symbols(value)) - shown:
                needed.add(place)
                shown |= new
    return sorted(needed)


def _shown_symbols(value: Value) -> set[str]:
    """The symbols whose numbers can be read off the shape."""
    return {linear[0] for dim in value.type.shape if (linear := linear_symbol(dim)) is not None}


def take_in(callee: Function, given: Value, weight: Weight | None) -> bool:
    """Makes an input whose value is known a constant of the function; returns whether it was used."""
    if weight is None or not given.is_used:
        return False
    constant = tensor.Constant(weight)
    callee.ops.prepend(constant)
    given.replace_all_uses_with(constant.result)
    return True


def weight_of(value: Value) -> Weight | None:
    return value.owner.value if isinstance(value.owner, tensor.Constant) else None


def put_in_place(function: Function, op: Op, values: Sequence[Value]) -> None:
    """Makes ``values``, which stand in the function already, take the place of an op's results."""
    for old, new in zip(op.results, values, strict=True):
        if old.name and not new.name and new.owner is not None:
            new.name, old.name = old.name, ""
        old.replace_all_uses_with(new)
    op.erase()
    adopt_sizes(function, [r.type for r in op.results], [v.type for v in values])


def put_smaller(function: Function, op: Op, smaller: Op, places: Sequence[int]) -> None:
    """Makes ``smaller``, which gives the results at ``places`` only, take the op's place; the others are unused."""
    smaller.location = op.location
    function.ops.insert_before(op, smaller)
    for old, new in zip((op.results[i] for i in places), smaller.results, strict=False):
        new.name, old.name, new.type = old.name, "", old.type
        old.replace_all_uses_with(new)
    op.erase()


def same_work(a: Function, b: Function) -> bool:
    """Whether two functions compute the same, op by op, whatever their values are called."""
    return a is b or (len(a.ops) == len(b.ops) and _nameless(a) == _nameless(b))


def _nameless(function: Function) -> Function:
    copy = clone_function(function)
    copy.name, copy.output_names = "", tuple(map(str, range(len(copy.outputs))))
    for value in copy.values():
        value.name = ""
    for op in copy.ops:
        op.location = ()
    return copy
