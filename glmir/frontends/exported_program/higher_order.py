"""Operations that take graphs: branches, loops, and regions that only training needs to mark."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ...ir import Function, Value
from ..aten.branches import branch, loop
from ..aten.calls import FAILED, has_failed
from ..aten.promotion import dtype_of_number
from ..aten.scalars import Number, Scalar
from ..aten.tensors import Tensor, Unsupported
from .operations import IGNORED, operation_name
from .schema import Graph, Subgraph

if TYPE_CHECKING:
    from .graphs import GraphRunner

Operation: TypeAlias = Callable[..., object]
"""Takes the runner and the arguments; raises Unsupported."""

_MAX_STEPS = 512
"""How many steps of a loop over an axis are written out."""


def _run(runner: "GraphRunner", graph: object, arguments: Sequence[object]) -> list[object]:
    return runner.run(_graph(graph), arguments)


def _graph(argument: object) -> Graph:
    if not isinstance(argument, Subgraph):
        raise Unsupported("it is given no graph")
    return argument.graph


def _list(argument: object) -> list[object]:
    if not isinstance(argument, list | tuple):
        raise Unsupported("it is given no list")
    return list(argument)


def cond(
    runner: "GraphRunner", condition: object, then_graph: object, else_graph: object, operands: object = ()
) -> object:
    """What one of two graphs computes."""
    inputs = _list(operands)
    if isinstance(condition, Tensor):
        condition = runner.caller.scope.number(condition.value)
    if isinstance(condition, int):
        return _run(runner, then_graph if condition else else_graph, inputs)
    if not isinstance(condition, Scalar):
        raise Unsupported("its condition is no boolean")
    then, ends = _branch(runner, "then", _graph(then_graph), inputs)
    otherwise, other_ends = _branch(runner, "else", _graph(else_graph), inputs)
    if has_failed(ends) or has_failed(other_ends):
        return FAILED
    if [e is None for e in ends] != [e is None for e in other_ends]:
        raise Unsupported("its branches return different numbers of tensors")
    both = (then, _present(ends)), (otherwise, _present(other_ends))
    results = branch(runner.caller.scope, condition.value, *both)
    return _restored(runner, ends, results)


def _branch(runner: "GraphRunner", kind: str, graph: Graph, inputs: Sequence[object]) -> tuple[Function, list[object]]:
    """A function that computes what a graph does, and the values that it ends with (None for none)."""
    scope = runner.caller.scope
    function = scope.new_function(kind)
    with scope.inside(function), scope.journal.undone():
        return function, [_value(runner, r) for r in runner.run(graph, inputs)]


def _value(runner: "GraphRunner", result: object) -> object:
    """A result as a value; None and FAILED stay."""
    if isinstance(result, Tensor):
        return result.value
    if result is None or result is FAILED:
        return result
    if isinstance(result, Number):
        scope = runner.caller.scope
        return scope.insert(scope.scalar(result, dtype_of_number(result)))
    raise Unsupported("it returns what is neither a tensor nor a number")


def _present(ends: Sequence[object]) -> list[Value]:
    return [e for e in ends if isinstance(e, Value)]


def _restored(runner: "GraphRunner", ends: Sequence[object], results: Sequence[Value]) -> list[object]:
    values = iter(results)
    return [None if end is None else runner.caller.scope.tensor(next(values)) for end in ends]


def while_loop(
    runner: "GraphRunner", condition_graph: object, body_graph: object, carried: object, additional: object = ()
) -> object:
    """Runs a graph on what it gave, as long as another graph gives true."""
    scope = runner.caller.scope
    starts = _list(carried)
    initial = _present([_value(runner, s) for s in starts])
    if len(initial) < len(starts):
        raise Unsupported("it carries what is neither a tensor nor a number")
    functions = []
    for kind, graph in (("while", _graph(condition_graph)), ("body", _graph(body_graph))):
        inputs = [Value(v.type) for v in initial]
        function = scope.new_function(kind, inputs)
        with scope.inside(function), scope.journal.undone():
            # What is a number outside is one inside.
            given = [
                scope.tensor(v) if isinstance(s, Tensor) else Scalar(v) for s, v in zip(starts, inputs, strict=True)
            ]
            results = runner.run(graph, [*given, *_list(additional)])
            ends = [_value(runner, r) for r in results]
        if has_failed(ends):
            return FAILED
        functions.append((function, _present(ends)))
    if len(functions[0][1]) != 1 or len(functions[1][1]) != len(initial):
        raise Unsupported("its graphs return what it does not carry")
    values = loop(scope, initial, functions[0], functions[1])
    return [scope.tensor(v) if isinstance(s, Tensor) else Scalar(v) for s, v in zip(starts, values, strict=True)]


def map_over(runner: "GraphRunner", graph: object, over: object, additional: object = ()) -> object:
    """A graph on every slice along the first axis; the results are stacked."""
    tensors, others = _list(over), _list(additional)
    steps = [_run(runner, graph, [*slices, *others]) for slices in _slices(runner, tensors)]
    return _stacked(runner, steps)


def scan(runner: "GraphRunner", graph: object, initial: object, over: object, additional: object = ()) -> object:
    """A graph along the first axis that hands a state on: the last state, then its other results, stacked."""
    state, others = _list(initial), _list(additional)
    steps: list[list[object]] = []
    for slices in _slices(runner, _list(over)):
        results = _run(runner, graph, [*state, *slices, *others])
        state, rest = results[: len(state)], results[len(state) :]
        steps.append(rest)
    return [*state, *_stacked(runner, steps)]


def associative_scan(runner: "GraphRunner", graph: object, over: object, additional: object = ()) -> object:
    """What a graph makes of each slice along the first axis and of what it made of those before, stacked."""
    others = _list(additional)
    steps: list[list[object]] = []
    for slices in _slices(runner, _list(over)):
        steps.append(_run(runner, graph, [*steps[-1], *slices, *others]) if steps else slices)
    return _stacked(runner, steps)


def _slices(runner: "GraphRunner", tensors: Sequence[object]) -> Iterator[list[object]]:
    """What stands at each place of the first axis, of all tensors."""
    present = [t for t in tensors if isinstance(t, Tensor) and t.rank > 0]
    if not present or len(present) < len(tensors):
        raise Unsupported("it goes over what is no tensor with axes")
    length = present[0].shape[0]
    if not isinstance(length, int):
        raise Unsupported("it goes over an axis of symbolic size: give its size with --dim")
    if not 1 <= length <= _MAX_STEPS or any(t.shape[0] != length for t in present):
        raise Unsupported(f"it goes over {length} slices; 1 to {_MAX_STEPS} are supported")
    for step in range(length):
        yield [_operation(runner, "select", t, 0, step) for t in present]


def _stacked(runner: "GraphRunner", steps: Sequence[list[object]]) -> list[object]:
    return [_operation(runner, "stack", list(parts)) for parts in zip(*steps, strict=True)]


def _operation(runner: "GraphRunner", name: str, *args: object) -> object:
    """What an operation of the table returns."""
    if has_failed(args):
        return FAILED
    try:
        return runner.caller.table.call(runner.caller.scope, name, args, {})
    except Unsupported as error:
        raise Unsupported(f"{name}: {error}") from None


def region(runner: "GraphRunner", *args: object, **_options: object) -> object:
    """A graph that only training, or a compiler, treats in another way: ``args`` hold it, then what it is given."""
    place = next((i for i, a in enumerate(args) if isinstance(a, Subgraph)), None)
    if place is None:
        raise Unsupported("it is given no graph")
    return _run(runner, args[place], args[place + 1 :])


def with_autocast(
    runner: "GraphRunner", device: object, dtype: object, enabled: object, cache: object, *args: object
) -> object:
    """A graph whose operations choose their own precision, unless that is switched off."""
    if enabled:
        raise Unsupported(
            f"it is a region of torch.autocast({device!r}), where operations change their precision: "
            "export it without autocast, or save what run_decompositions() of the exported program returns"
        )
    return region(runner, *args)


def invoke_subgraph(runner: "GraphRunner", graph: object, _identifier: object, *args: object) -> object:
    """A graph that stands for several places of the program."""
    return _run(runner, graph, args)


def with_hints(
    runner: "GraphRunner", graph: object, operands: object, _named: object = None, **_hints: object
) -> object:
    """A graph with hints for a compiler."""
    return _run(runner, graph, _list(operands))


def with_effects(runner: "GraphRunner", token: object, operator: object, *args: object, **options: object) -> object:
    """An operation that must stay in its order, for it may raise or print: a token, then what it returns."""
    if not isinstance(operator, str):
        raise Unsupported("it is given no operation")
    name = operation_name(operator)
    if name in IGNORED:
        return [token, None]
    result = runner.caller.table.call(runner.caller.scope, name, args, options)
    return [token, *(result if isinstance(result, tuple) else (result,))]


_BY_NAME: dict[str, Operation] = {
    "cond": cond,
    "while_loop": while_loop,
    "map_impl": map_over,
    "scan": scan,
    "associative_scan": associative_scan,
    "wrap_with_set_grad_enabled": region,
    "wrap_with_autocast": with_autocast,
    "tag_activation_checkpoint": region,
    "wrap": region,
    "strict_mode": region,
    "invoke_subgraph": invoke_subgraph,
    "hints_wrapper": with_hints,
    "with_effects": with_effects,
}
OPERATIONS = {f"higher_order::{name}": operation for name, operation in _BY_NAME.items()}
