"""Operators on graphs of their own, and on sequences: If, Loop, Scan, SequenceMap, Sequence*, Optional*.

The branch taken of an ``If`` whose condition is constant is inlined, and the rounds of a ``Loop`` over sequences where
their number is known; other branches and bodies become functions of the module.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import onnx_graphsurgeon as gs

from ...ir import Function, Op, Value
from ...ops import tensor
from ...rewriter import insert_new_ops
from ...types import TensorType
from ...weights import Weight
from ..closures import empty
from ..values import reshape
from .control import Functions, Loop, Made, branching, first_round, follows_from_shapes, is_certain, rounds_of
from .declared import DeclaredShapes, shapes_in_loop
from .node import Imported, Node, Scope, Unsupported, constant
from .ops import IMPORTERS
from .scans import ScanForm, batch_forms, scan_form
from .sequences import (
    SEQUENCE_IMPORTERS,
    Item,
    Listed,
    SequenceNode,
    after_loop,
    agreed,
    described,
    in_loop,
    like,
    row_of_loop,
    stacked,
    values_of,
)

MOST_UNROLLED = 1024
"""A loop over a sequence is unrolled if it takes no more rounds than this."""

_SQUEEZES = (
    "whether it drops an axis depends on sizes that are not fixed; it is taken to drop it, so that nothing is computed "
    "where the axis is not of size 1; --input and --dim fix sizes"
)
_OF_TWO_RANKS = (
    "a result has axes of size 1 in one branch and no axes in the other; what is compiled always has the axes, and the "
    "same element; --input and --dim fix sizes"
)
_IMPOSSIBLE = (
    "what it computes if its condition does not hold contradicts the sizes of the inputs; it gives NaN then",
    "what it computes if its condition holds contradicts the sizes of the inputs; it gives NaN then",
)

OWN_OPERATORS = frozenset(("", op_type) for op_type in ("If", "Loop", "Scan", "SequenceMap", *SEQUENCE_IMPORTERS))
"""By domain and type."""


@dataclass
class Body:
    """What the nodes of one body share.

    ``values`` has None for an operand that the caller left out; ``failed`` are names whose nodes could not be imported.
    ``outer`` is the body that encloses a branch, ``caller`` the outermost node that stands for the nodes of a function.
    """

    opsets: Mapping[str, int]
    values: dict[str, Item | None]
    attributes: Mapping[str, object] = field(default_factory=dict)
    outer: "Body | None" = None
    caller: Node | None = None
    depth: int = 0
    failed: set[str] = field(default_factory=set)
    declared_shapes: DeclaredShapes = field(default_factory=dict)
    """The shapes of results that follow from what the model declares of its outputs."""


@dataclass(frozen=True)
class _LoopBody:
    """What the body of a Loop takes for its values and makes of them, and the rows that it gives."""

    loop: Loop
    given: Sequence[Item]
    goes_on: Value
    after: Sequence[Item]
    values: Sequence[Made]
    rows: Sequence[Made]


class GraphOperators(ABC):
    """Imports the operators; how graphs are imported, ``_inlined`` says."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._enclosing: list[Function] = []
        self._functions = Functions()
        self.reasons: list[str] = []
        self.contradictions: set[int] = set()
        """The places of those reasons for which no runtime can compute the node."""
        self.notes: list[str] = []
        """What is odd about the nodes imported so far."""
        self._scope = Scope(taken_symbols={s for v in function.inputs for s in v.type.symbols}, importers=IMPORTERS)

    @property
    def called(self) -> list[Function]:
        """The functions that ops of the function call."""
        return self._functions.made

    @abstractmethod
    def _inlined(
        self, inner: Body, graph: gs.Graph | gs.Function, declared: Sequence[Sequence[object] | None] = ()
    ) -> list[Item | None]:
        """The graph's outputs, None for those that failed (the reasons are told) or that it leaves out.

        ``declared`` are the shapes of its outputs that follow from what the model declares.
        """

    def _graph_operator(self, body: Body, raw: gs.Node, node: SequenceNode) -> Sequence[Item | None]:
        """The outputs of an operator on graphs or sequences."""
        match raw.op:
            case "If":
                return self._branch(body, raw, node.node)
            case "Loop":
                return self._loop(body, raw, node)
            case "Scan":
                return self._scan(body, raw, node.node)
            case "SequenceMap":
                return self._map(body, raw, node)
        result = SEQUENCE_IMPORTERS[raw.op](node)
        self._inserted(node.node, values_of(result))
        return [result]

    def _inserted(self, node: Node, imported: Imported) -> Sequence[Value]:
        results = imported.results if isinstance(imported, Op) else imported
        if isinstance(results, Value):
            results = (results,)
        for op in insert_new_ops(results, self._function.ops.append):
            op.location = op.location or (node.name,)
        return results

    def _branch(self, body: Body, raw: gs.Node, node: Node) -> Sequence[Item | None]:
        """Inlines the branch taken of an If with a constant condition, or makes functions of both."""
        condition = node.dims(0)
        branches = [raw.attrs.get(name) for name in ("then_branch", "else_branch")]
        if condition is not None and len(condition) == 1 and isinstance(condition[0], int):
            taken = branches[0 if condition[0] else 1]
            if not isinstance(taken, gs.Graph):
                raise Unsupported("the branch taken is missing")
            return self._inlined(self._inside(body), taken, node.declared_shapes)
        then, otherwise = branches
        if not isinstance(then, gs.Graph) or not isinstance(otherwise, gs.Graph):
            raise Unsupported("a branch is missing")
        if len(then.outputs) != len(otherwise.outputs):
            raise Unsupported(f"its branches have {len(then.outputs)} and {len(otherwise.outputs)} outputs")
        told = [len(self.reasons)]
        made = []
        for graph, name in ((then, "then"), (otherwise, "else")):
            made.append(self._outlined(body, graph, name, node.declared_shapes))
            told.append(len(self.reasons))
        working = self._only_possible(made, told)
        if working is not None:
            return self._with_nothing_else(node, made, working)
        pairs = [agreed(a, b) for a, b in zip(made[0][1], made[1][1], strict=True) if a is not None and b is not None]
        if len(pairs) < len(then.outputs):
            return [None] * len(then.outputs)
        squeezing = _squeezing(node, (then, otherwise), pairs)
        if squeezing is not None:
            self.notes.append(f"node {node.name} (If): {_SQUEEZES}")
            for function, _ in made:
                empty(function)
            return self._inlined(self._inside(body), squeezing, node.declared_shapes)
        alike = [_of_one_rank(a, b) for a, b in pairs]
        if alike != pairs:
            self.notes.append(f"node {node.name} (If): {_OF_TWO_RANKS}")
        pairs = alike
        for place, (function, _) in enumerate(made):
            given = [v for pair in pairs for v in values_of(pair[place])]
            insert_new_ops(given, function.ops.append)
            function.set_outputs(given, [f"output{i}" for i in range(len(given))])
        if not made[0][0].outputs:
            return [a for a, _ in pairs]
        values = list(self._inserted(node, branching(node, [function for function, _ in made], self._visible())))
        results: list[Item | None] = []
        for item, _ in pairs:
            count = len(values_of(item))
            results.append(like(item, values[:count]))
            del values[:count]
        return results

    def _only_possible(self, made: Sequence[tuple[Function, list[Item | None]]], told: Sequence[int]) -> int | None:
        """Which of two branches can be computed, if the other contradicts itself; the reasons against that go."""
        failed = [any(item is None for item in items) for _, items in made]
        if failed not in ([True, False], [False, True]):
            return None
        place = failed.index(True)
        against = range(told[place], told[place + 1])
        if not against or not self.contradictions.issuperset(against):
            return None
        del self.reasons[against.start : against.stop]
        self.contradictions.difference_update(against)
        return 1 - place

    def _with_nothing_else(
        self, node: Node, made: Sequence[tuple[Function, list[Item | None]]], working: int
    ) -> Sequence[Value]:
        """The If of a branch and of one that no runtime could compute, whose results are not a number here."""
        function, items = made[working]
        empty(made[1 - working][0])
        values = _values(items)
        function.set_outputs(values, [f"output{i}" for i in range(len(values))])
        known = {s for v in self._visible() for s in v.type.symbols}
        if not all(v.type.dtype.is_float and known.issuperset(v.type.symbols) for v in values):
            raise Unsupported(f"the {('else', 'then')[working]} branch computes what contradicts its operands' shapes")
        other = self._functions.new(("else", "then")[working])
        nans = [constant(np.full((), np.nan, v.type.dtype.numpy)) for v in values]
        given = [tensor.Expand(nan, None, v.type.shape).result for nan, v in zip(nans, values, strict=True)]
        insert_new_ops(given, other.ops.append)
        other.set_outputs(given, function.output_names)
        self.notes.append(f"node {node.name} (If): {_IMPOSSIBLE[working]}")
        branches = [function, other] if working == 0 else [other, function]
        return self._inserted(node, branching(node, branches, self._visible()))

    def _inside(self, body: Body) -> Body:
        return Body(body.opsets, {}, body.attributes, body, body.caller, body.depth + 1)

    def _loop(self, body: Body, raw: gs.Node, node: SequenceNode) -> Sequence[Item | None]:
        """Makes functions of a Loop's body and condition."""
        graph = _graph_of(raw, "body")
        if not len(graph.inputs) == len(raw.inputs) <= len(graph.outputs) + 1 or len(raw.inputs) < 2:
            raise Unsupported("its body does not take and give as many values as it has")
        initial = [item for item in node.items[2:] if item is not None]
        if len(initial) < len(raw.inputs) - 2:
            raise Unsupported("a value of the loop is missing")
        rounds, first = rounds_of(node.node), first_round(node.node)
        self._inserted(node.node, [first] if rounds.most is None else [first, rounds.most])
        known = rounds.known
        number = known if isinstance(known, int) and known <= MOST_UNROLLED and is_certain(first) else None
        if number is not None and not all(isinstance(item, Value) for item in initial):
            unrolled = self._unrolled(body, graph, initial, number)
            if unrolled is not None:
                return unrolled
        made = self._rounds(body, graph, node.node, initial, None)
        while made is not None and (types := made.loop.widened(made.values)) is not None:
            empty(made.loop.body)
            unrolled = None if number is None else self._unrolled(body, graph, initial, number)
            if unrolled is not None:
                return unrolled
            number = None
            made = self._rounds(body, graph, node.node, initial, types)
        if made is None:
            return [None] * len(raw.outputs)
        ended = made.loop.finish(rounds, first, made.goes_on, made.values, made.rows, self._visible())
        self._inserted(node.node, ended)
        results = after_loop(initial, made.given, made.after, ended)
        self._inserted(node.node, [v for item in results for v in values_of(item)])
        return results

    def _rounds(
        self, body: Body, graph: gs.Graph, node: Node, initial: Sequence[Item], types: Sequence[TensorType] | None
    ) -> _LoopBody | None:
        """A Loop's body as a function on values of the ``types``; None when it failed, for reasons that are told."""
        axes = _growing(graph, initial)
        carried = [item for item, axis in zip(initial, axes, strict=True) if isinstance(item, Value) and axis is None]
        loop = Loop(self._scope, carried, self._functions, types)
        given = in_loop(loop, initial, _handed_on(graph), axes)
        declared = shapes_in_loop(graph.outputs, _types(given), node.declared_shapes)
        with self._importing_into(loop.body):
            inner = self._round(body, graph, loop.step, given)
            made = [item for item in self._inlined(inner, graph, declared) if item is not None]
        if len(made) < len(graph.outputs):
            return None
        after, scans = made[1 : 1 + len(initial)], made[1 + len(initial) :]
        if any(isinstance(b, Value) != isinstance(a, Value) for b, a in zip(given, after, strict=True)):
            raise Unsupported("a value of the loop is a tensor at first or after a round, but not both")
        values = [Made(a, shape) for a, shape in zip(after, declared[1:], strict=False) if isinstance(a, Value)]
        sequences = [row_of_loop(b, a) for b, a in zip(given, after, strict=True) if not isinstance(b, Value)]
        rows = [Made(row) for row in sequences if row is not None]
        rows += [Made(v, s) for v, s in zip(_values(scans), node.declared_shapes[len(initial) :], strict=False)]
        return _LoopBody(loop, given, _values(made[:1])[0], after, values, rows)

    def _round(self, body: Body, graph: gs.Graph, step: Value, given: Sequence[Item]) -> Body:
        """The body of a loop, with what it takes; inside it the condition has held."""
        holds = tensor.Constant(Weight(np.array(True)))
        self._function.ops.append(holds)
        inner = self._inside(body)
        inner.values |= dict(zip([t.name for t in graph.inputs], (step, holds.result, *given), strict=True))
        return inner

    def _unrolled(
        self, body: Body, graph: gs.Graph, initial: Sequence[Item], rounds: int
    ) -> Sequence[Item | None] | None:
        """The results of a loop of so many rounds, one after the other; None if its condition ends it before."""
        items: Sequence[Item] = initial
        scans: list[list[Value]] = [[] for _ in graph.outputs[1 + len(initial) :]]
        for number in range(rounds):
            step = tensor.Constant(Weight(np.array(number)))
            self._function.ops.append(step)
            made = self._inlined(self._round(body, graph, step.result, items), graph)
            present = [item for item in made if item is not None]
            if len(present) < len(made):
                return [None] * (len(graph.outputs) - 1)
            if not isinstance(present[0], Value) or not is_certain(present[0]):
                return None
            items = present[1 : 1 + len(initial)]
            for rows, row in zip(scans, _values(present[1 + len(initial) :]), strict=True):
                rows.append(row)
        if rounds == 0 and scans:
            return None
        results = [*items, *(stacked(rows) for rows in scans)]
        insert_new_ops([v for item in results for v in values_of(item)], self._function.ops.append)
        return results

    def _map(self, body: Body, raw: gs.Node, node: SequenceNode) -> Sequence[Item | None]:
        """SequenceMap: the graph, for every element of a sequence."""
        graph = _graph_of(raw, "body")
        lists = [item for item in node.items if isinstance(item, Listed)]
        others = [item for item in node.items if not isinstance(item, Listed | Value)]
        if others or not lists or not isinstance(node.items[0], Listed):
            raise Unsupported("how many elements its sequences have is not known")
        results: list[list[Value]] = [[] for _ in graph.outputs]
        for place in range(len(lists[0].items)):
            inner = self._inside(body)
            for tensor_, item in zip(graph.inputs, node.items, strict=True):
                inner.values[tensor_.name] = item.items[place] if isinstance(item, Listed) else item
            made = self._inlined(inner, graph)
            for values, value in zip(results, made, strict=True):
                if not isinstance(value, Value):
                    return [None] * len(results)
                values.append(value)
        return [Listed(tuple(values)) for values in results]

    def _scan(self, body: Body, raw: gs.Node, node: Node) -> Sequence[Item | None]:
        """Scan, as a loop; before opset 9 one for every sample of a batch."""
        graph = _graph_of(raw, "body")
        if node.opset >= 9:
            return self._scanned(body, node, graph, scan_form(node, len(graph.outputs)))
        parts = [self._scanned(body, node, graph, form) for form in batch_forms(node, len(graph.outputs))]
        if not parts or any(v is None for part in parts for v in part):
            return [None] * len(graph.outputs)
        return self._inserted(node, [stacked(_values(samples)) for samples in zip(*parts, strict=True)])

    def _scanned(self, body: Body, node: Node, graph: gs.Graph, form: ScanForm) -> Sequence[Value | None]:
        count = len(form.states)
        if len(graph.inputs) != count + len(form.sequences) or len(graph.outputs) < count:
            raise Unsupported("its body does not take and give as many values as it has")
        rounds, first = form.rounds, first_round(None)
        self._inserted(node, [v for v in (*form.states, *form.sequences, rounds.most, first) if v is not None])
        loop = Loop(self._scope, form.states, self._functions)
        inner = self._inside(body)
        with self._importing_into(loop.body):
            elements = self._inserted(node, form.elements(loop.step, rounds))
            inner.values |= dict(zip([t.name for t in graph.inputs], (*loop.values, *elements), strict=True))
            goes_on = self._inserted(node, [first_round(None)])[0]
            declared = shapes_in_loop([None, *graph.outputs], _types(form.states), ())
            made = self._inlined(inner, graph, declared[1:])
        if any(item is None for item in made):
            return [None] * len(graph.outputs)
        values = _values(made)
        states = [Made(value, shape) for value, shape in zip(values[:count], declared[1:], strict=False)]
        ended = loop.finish(rounds, first, goes_on, states, form.rows(values[count:], node), self._visible())
        return self._inserted(node, [*ended[:count], *form.placed(ended[count:])])

    def _outlined(
        self, body: Body, graph: gs.Graph, name: str, declared: Sequence[Sequence[object] | None]
    ) -> tuple[Function, list[Item | None]]:
        """The branch as a function that uses the values around it, and what it gives: None for what failed."""
        function = self._functions.new(name)
        with self._importing_into(function):
            return function, self._inlined(self._inside(body), graph, declared)

    @contextmanager
    def _importing_into(self, function: Function) -> Iterator[None]:
        self._enclosing.append(self._function)
        self._function = function
        try:
            yield
        finally:
            self._function = self._enclosing.pop()

    def _visible(self) -> list[Value]:
        """The values that a branch or body may use."""
        return [v for f in (self._function, *reversed(self._enclosing)) for v in f.values()]


def _graph_of(raw: gs.Node, name: str) -> gs.Graph:
    graph = raw.attrs.get(name)
    if not isinstance(graph, gs.Graph):
        raise Unsupported(f"its {name} is missing")
    return graph


def _squeezing(node: Node, branches: Sequence[gs.Graph], pairs: Sequence[tuple[Item, Item]]) -> gs.Graph | None:
    """The branch that drops an axis of size 1, where the sizes decide whether there is one and the other keeps it.

    PyTorch's exporter writes that for ``x.squeeze(axis)`` of a size that it does not know. What it is for says that the
    axis is to go.
    """
    ranks = [[v.type.rank for item in pair for v in values_of(item)] for pair in pairs]
    if all(len(set(r)) == 1 for r in ranks) or not follows_from_shapes(node.operand(0)):
        return None
    squeezing = [graph for graph in branches if any(n.op == "Squeeze" for n in graph.nodes)]
    return squeezing[0] if len(squeezing) == 1 and all(len(b.nodes) <= 2 for b in branches) else None


def _of_one_rank(a: Item, b: Item) -> tuple[Item, Item]:
    """Two results of one element each, of which one has axes and the other has none, both with those axes."""
    if not isinstance(a, Value) or not isinstance(b, Value) or a.type.elements != 1 or b.type.elements != 1:
        return a, b
    longer = max(a.type.shape, b.type.shape, key=len)
    if min(a.type.rank, b.type.rank) > 0:
        return a, b
    return reshape(a, longer), reshape(b, longer)


def require_values(items: Sequence[Item | None]) -> None:
    """Refuses what is no tensor where a tensor is needed."""
    for place, item in enumerate(items):
        if item is not None and not isinstance(item, Value):
            raise Unsupported(f"a tensor is needed, but operand {place} is {described(item)}")


def _values(items: Sequence[Item | None]) -> list[Value]:
    require_values(items)
    return [item for item in items if isinstance(item, Value)]


def _types(items: Sequence[Item]) -> list[TensorType | None]:
    return [item.type if isinstance(item, Value) else None for item in items]


def _growing(graph: gs.Graph, initial: Sequence[Item]) -> list[int | None]:
    """For each value of a loop the axis along which its body makes it longer, if it does nothing else with it."""
    makers = {t.name: node for node in graph.nodes for t in node.outputs}
    reads = Counter(_names_read(graph))
    axes: list[int | None] = []
    for before, after, item in zip(graph.inputs[2:], graph.outputs[1:], initial, strict=False):
        maker = makers.get(after.name)
        while maker is not None and maker.op == "Identity" and reads[maker.inputs[0].name] == 1:
            maker = makers.get(maker.inputs[0].name)
        appends = maker is not None and maker.op == "Concat" and not maker.domain and len(maker.inputs) > 1
        axis = None
        if maker is not None and appends and maker.inputs[0].name == before.name and isinstance(item, Value):
            given = maker.attrs.get("axis")
            is_read_once = reads[before.name] == 1 and reads[maker.outputs[0].name] == 1
            if is_read_once and isinstance(given, int) and -item.type.rank <= given < item.type.rank:
                axis = given % item.type.rank
        axes.append(axis)
    return axes


def _names_read(graph: gs.Graph) -> Iterator[str]:
    """The names that a graph reads and gives, each as often as it does."""
    yield from (t.name for t in graph.outputs)
    for node in graph.nodes:
        yield from (t.name for t in node.inputs)
        for value in node.attrs.values():
            if isinstance(value, gs.Graph):
                yield from _names_read(value)


def _handed_on(graph: gs.Graph) -> list[bool]:
    """For each value of a loop, whether its body gives it as it took it."""
    sources = {node.outputs[0].name: node.inputs[0].name for node in graph.nodes if node.op == "Identity"}

    def source(name: str) -> str:
        while name in sources:
            name = sources[name]
        return name

    pairs = zip(graph.inputs[2:], graph.outputs[1:], strict=False)
    return [source(after.name) == before.name for before, after in pairs]
