"""Runs the graphs of an exported program: every node is a call of the ATen table or of a higher-order operation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from ...errors import CompileError
from ...ir import Function, Value
from ...opdef import ConstraintError
from ...ops.tensor import Constant
from ..aten.calls import FAILED, Caller, has_failed
from ..aten.tensors import Tensor, Unsupported
from . import higher_order
from .locations import describe_place, location_of
from .operations import IGNORED, operation_name, with_tensor_first
from .records import malformed
from .schema import Argument, Graph, Input, Node, Reference

MAX_NODES = 50_000
"""Graphs in loops are run once for each step, and loops may stand in loops."""

Environment = dict[str, object]
"""What the names of a graph stand for: tensors, numbers, or FAILED."""


@dataclass
class GraphRunner:
    """Imports graphs into the functions of a scope; ``caller`` holds why nodes could not be."""

    caller: Caller
    _names: set[tuple[Function, str]] = field(default_factory=set)
    _nodes: int = 0

    def run(self, graph: Graph, arguments: Sequence[object]) -> list[object]:
        """The outputs of a graph, given what its inputs stand for.

        Raises InputError for a graph that contradicts itself.
        """
        if len(arguments) != len(graph.inputs):
            raise malformed("a graph", f"takes {len(graph.inputs)} inputs and is given {len(arguments)}")
        environment: Environment = {}
        for name, argument in zip(graph.inputs, arguments, strict=True):
            if isinstance(name, Reference):
                environment[name.name] = argument
        self._nodes += len(graph.nodes)
        if self._nodes > MAX_NODES:
            raise CompileError(
                [f"the program has more than {MAX_NODES} nodes when its loops over axes are written out"]
            )
        for node in graph.nodes:
            self._run_node(node, environment)
        return [resolve(output, environment) for output in graph.outputs]

    def _run_node(self, node: Node, environment: Environment) -> None:
        name = operation_name(node.target)
        if name in IGNORED:
            return
        args, kwargs = arguments_of(node.inputs, environment)
        self.caller.scope.location = location_of(node.metadata)
        where = partial(describe_place, node.metadata)
        if (operation := higher_order.OPERATIONS.get(name)) is not None:
            result = self._run_higher_order(operation, name, args, kwargs, where)
        elif name == "getitem" and len(args) == 2:
            result = _item(args[0], args[1], node.target)
        else:
            if node.target.endswith(".Tensor"):
                args = with_tensor_first(self.caller.scope, args)
            result = self.caller.call(name, args, kwargs, where)
        self._bind(node, result, environment)

    def _run_higher_order(
        self,
        operation: higher_order.Operation,
        name: str,
        args: Sequence[object],
        kwargs: Mapping[str, object],
        where: Callable[[], str],
    ) -> object:
        if has_failed(args) or has_failed(list(kwargs.values())):
            return FAILED
        try:
            return operation(self, *args, **kwargs)
        except (Unsupported, ConstraintError) as error:
            problem = str(error)
        except (ValueError, TypeError) as error:
            problem = f"its arguments do not fit it ({error})"
        self.caller.fail(f"{name.removeprefix('higher_order::')}, {where()}: {problem}")
        return FAILED

    def _bind(self, node: Node, result: object, environment: Environment) -> None:
        """Gives the results of a node their names."""
        outputs = node.outputs
        if len(outputs) == 1 and isinstance(several := outputs[0], list):
            self._bind_all(several, result, node.target, environment)
        elif len(outputs) == 1:
            self._bind_one(
                outputs[0], result[0] if isinstance(result, list | tuple) and result else result, environment
            )
        elif outputs:
            self._bind_all(outputs, result, node.target, environment)

    def _bind_all(self, outputs: Sequence[Argument], result: object, target: str, environment: Environment) -> None:
        if result is FAILED:
            results: Sequence[object] = [FAILED] * len(outputs)
        elif isinstance(result, list | tuple):
            results = result
        else:
            # Further outputs are what only training needs.
            results = [result, *[None] * (len(outputs) - 1)]
        if len(results) > len(outputs):
            raise malformed(f"the node {target}", f"names {len(outputs)} of {len(results)} results")
        for output, one in zip(outputs, [*results, *[None] * (len(outputs) - len(results))], strict=True):
            self._bind_one(output, one, environment)

    def _bind_one(self, output: Argument, result: object, environment: Environment) -> None:
        if not isinstance(output, Reference):
            return
        environment[output.name] = result
        if isinstance(result, Tensor) and not result.path:
            self._name(result.storage.value, output.name)

    def _name(self, value: Value, name: str) -> None:
        """Names what a node computed as the node is named, if nothing else is."""
        place = (self.caller.scope.function, name)
        if not value.name and place not in self._names and value.owner and not isinstance(value.owner, Constant):
            value.name = name
            self._names.add(place)

    def take_names(self, names: Sequence[str]) -> None:
        """Names that no value of the function that is being built may get."""
        self._names.update((self.caller.scope.function, name) for name in names)


def arguments_of(inputs: Sequence[Input], environment: Environment) -> tuple[list[object], dict[str, object]]:
    """Positional and keyword arguments; raises InputError for a name that stands for nothing.

    Programs too old to tell them apart name all: those of operations are taken as keywords, but for the first.
    """
    args: list[object] = []
    kwargs: dict[str, object] = {}
    is_behind = False
    for given in inputs:
        argument = resolve(given.argument, environment)
        if given.is_keyword or (given.is_keyword is None and args and given.name) or is_behind:
            kwargs[given.name] = argument
            is_behind = True
        else:
            args.append(argument)
    return args, kwargs


def resolve(argument: Argument, environment: Environment) -> object:
    """An argument with references replaced by what they stand for; raises InputError for those to nothing."""
    if isinstance(argument, Reference):
        if argument.name not in environment:
            raise malformed("its graph", f"uses {argument.name!r} before anything has that name")
        return environment[argument.name]
    if isinstance(argument, list):
        return [resolve(a, environment) for a in argument]
    if isinstance(argument, dict):
        return {key: resolve(a, environment) for key, a in argument.items()}
    return argument


def _item(items: object, index: object, target: str) -> object:
    if items is FAILED:
        return FAILED
    if not isinstance(items, list | tuple) or not isinstance(index, int) or not 0 <= index < len(items):
        raise malformed(f"the node {target}", "takes what is not there")
    return items[index]
