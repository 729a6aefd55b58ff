"""If and Loop on data: branches and bodies, imported into functions of their own, become ``control.if`` and
``control.while``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...attributes import FunctionRef
from ...cloning import clone_function
from ...dead_code import erase_dead_ops
from ...dims import Dim, free_symbols, known_equal
from ...ir import Function, Op, Value
from ...ops import control, math, tensor
from ...rewriter import insert_new_ops
from ...types import DType, TensorType
from ..closures import close
from ..values import reshape
from .node import Node, Scope, Unsupported, cast, constant

ENDLESS = 2**62
"""Exporters give a trip count of at least this to a loop that only its condition ends."""

MOST_ROWS = 2**20
"""A loop that may take more rounds than this, and may end before, gets no room for a row of each."""


def branching(node: Node, branches: Sequence[Function], visible: Sequence[Value]) -> control.If:
    """The op for an If of two functions, which use the ``visible`` values as they like."""
    then, otherwise = branches
    known = {s for v in visible for s in v.type.symbols}
    pairs = zip(then.outputs, otherwise.outputs, strict=True)
    types = tuple(_joined(node.scope, a.type, b.type, known) for a, b in pairs)
    values = close(branches, visible)
    return control.If(reshape(node.operand(0), ()), values, FunctionRef(then.name), FunctionRef(otherwise.name), types)


def _joined(scope: Scope, a: TensorType, b: TensorType, known: set[str]) -> TensorType:
    """The type of a result: a size that the branches do not agree on, or only they know, is a new symbol."""
    if a.rank != b.rank:
        advice = "if sizes decide, fix them with --dim or --input"
        raise Unsupported(f"a result has {a.rank} axes if its condition holds, and {b.rank} if not; {advice}")
    if a.dtype is not b.dtype:
        raise Unsupported(f"a result is {a} if its condition holds, and {b} if not")

    def joined(x: Dim, y: Dim) -> Dim:
        is_known = known_equal(x, y) and known.issuperset(free_symbols(x))
        return x if is_known else scope.fresh_symbol()

    return a.with_shape([joined(x, y) for x, y in zip(a.shape, b.shape, strict=True)])


@dataclass(frozen=True)
class Rounds:
    """How often a loop runs if its condition does not end it: ``most`` times, an i64[] (None: endlessly).

    ``known`` is that number where it is known at compile time. ``room`` is the number of rows of scan outputs where it
    is not that of the rounds: zeros are left where no round writes.
    """

    most: Value | None
    known: Dim | None = None
    room: Dim | None = None


@dataclass(frozen=True)
class Made:
    """What a round makes of a value, or gives to a scan output: one row, from the last to the first if ``is_reversed``.

    ``declared`` is the shape that the model declares of it, if it does: of the value, or of all rows together.
    """

    value: Value
    declared: Sequence[object] | None = None
    is_reversed: bool = False


@dataclass(frozen=True)
class _Room:
    """How many rows scan outputs get before the loop: ``size``, which the i64[] ``count`` is where data decides it.

    ``is_counted``: the count is still to be found. ``is_cut``: rows that no round has written go afterwards.
    """

    size: Dim
    count: Value | None = None
    is_counted: bool = False
    is_cut: bool = False


class Functions:
    """The functions that are made of branches and bodies."""

    def __init__(self) -> None:
        self.made: list[Function] = []

    def new(self, stem: str) -> Function:
        """An empty function, called ``stem``, ``stem_2``, …"""
        return self.add(Function(stem))

    def add(self, function: Function) -> Function:
        """Makes a function one of these, under a name of its own."""
        stem = function.name.partition("_")[0]
        number = sum(f.name.partition("_")[0] == stem for f in self.made) + 1
        function.name = stem if number == 1 else f"{stem}_{number}"
        self.made.append(function)
        return function


class Loop:
    """A loop under construction: ``body`` is to be filled, ``condition`` is made here.

    Both take the number of the step, whether to go on, the values, and the rows of scan outputs that are there so far.
    """

    def __init__(
        self, scope: Scope, initial: Sequence[Value], functions: Functions, types: Sequence[TensorType] | None = None
    ) -> None:
        self._scope = scope
        self._functions = functions
        self.initial = tuple(initial)
        self.types = tuple([v.type for v in initial] if types is None else types)
        self.condition, self.body = functions.new("condition"), functions.new("body")
        self.body.inputs += [Value(TensorType(DType.I64, ())), Value(TensorType(DType.BOOL, ()))]
        self.body.inputs += [Value(t) for t in self.types]

    @property
    def resized(self) -> list[int]:
        """The places of the values that change their sizes from round to round."""
        pairs = zip(self.types, self.initial, strict=True)
        return [place for place, (type_, value) in enumerate(pairs) if type_ != value.type]

    def widened(self, made: Sequence[Made]) -> list[TensorType] | None:
        """The types of the values with new symbols for the sizes that a round changes; None if it changes none."""
        if all(self._is_as_before(place, value) for place, value in enumerate(made)):
            return None
        types = []
        for type_, value in zip(self.types, made, strict=True):
            after = value.value.type
            if type_.dtype is not after.dtype or type_.rank != after.rank:
                raise Unsupported(f"a value of the loop is {type_} at first and {after} after a round")
            pairs = zip(type_.shape, after.shape, strict=True)
            types.append(type_.with_shape([a if known_equal(a, b) else self._scope.fresh_symbol() for a, b in pairs]))
        return types

    def _is_as_before(self, place: int, made: Made) -> bool:
        type_, initial, after = self.types[place], self.initial[place].type, made.value.type
        if stays(type_, made):
            return True
        if type_.dtype is not after.dtype or type_.rank != after.rank:
            return False
        # A size that is no longer that of the beginning may be any.
        triples = zip(type_.shape, after.shape, initial.shape, strict=True)
        return all(known_equal(a, b) or a != c for a, b, c in triples)

    @property
    def step(self) -> Value:
        """The number of the round, within the body."""
        return self.body.inputs[0]

    @property
    def values(self) -> list[Value]:
        """The values of the loop, within the body."""
        return self.body.inputs[2 : 2 + len(self.initial)]

    def finish(
        self,
        rounds: Rounds,
        first: Value,
        goes_on: Value,
        made: Sequence[Made],
        rows: Sequence[Made],
        visible: Sequence[Value],
    ) -> list[Value]:
        """The values after the loop, and the scan outputs.

        ``first``: whether there is a first round. The body makes of itself whether it ``goes_on``, what the values have
        become, and a row for each scan output.
        """
        known = {s for v in visible for s in v.type.symbols}
        values = [_as_before(t, after, t != v.type) for t, after, v in zip(self.types, made, self.initial, strict=True)]
        rows = [_of_known_size(row, known) for row in rows]
        room = self._room(rounds, first, goes_on, rows)
        results = [math.Add(self.step, constant(np.array(1))).result, reshape(goes_on, ()), *values]
        carried = (constant(np.array(0)), first, *self.initial)
        for row in rows:
            self.body.inputs.append(Value(row.value.type.with_shape((room.size, *row.value.type.shape))))
            results.append(_written(self.body.inputs[-1], self.step, row, rounds))
        insert_new_ops(results, self.body.ops.append)
        _set_outputs(self.body, results)
        self._make_condition(rounds)
        captured = close((self.condition, self.body), visible)
        _set_outputs(self.body, [*self.body.outputs, *self.body.inputs[len(results) :]])
        count = self._counted(carried, captured) if room.is_counted else room.count
        empty = [_empty(row.value.type, room.size, count) for row in rows]
        loop = self._while(self.condition, self.body, (*carried, *empty, *captured))
        scans = loop.results[len(carried) : len(results)]
        if room.is_cut:
            declared = _declared_count(rows)
            # A symbol is at least 1, and there may be no row.
            size = self._scope.fresh_symbol() - 1 if declared is None else declared
            scans = tuple(_cut(scan, loop.results[0], size) for scan in scans)
        return [*loop.results[2 : len(carried)], *scans]

    def _room(self, rounds: Rounds, first: Value, goes_on: Value, rows: Sequence[Made]) -> _Room:
        if not rows:
            return _Room(0)
        if rounds.room is not None:
            return _Room(rounds.room)
        if rounds.known is not None and is_certain(goes_on) and is_certain(first):
            return _Room(rounds.known)
        if rounds.most is not None and is_certain(goes_on):
            count = rounds.most if is_certain(first) else math.Select(first, rounds.most, constant(np.array(0))).result
            return self._room_for(rows, count)
        if isinstance(rounds.known, int) and rounds.known <= MOST_ROWS:
            return _Room(rounds.known, is_cut=True)
        return self._room_for(rows)

    def _room_for(self, rows: Sequence[Made], count: Value | None = None) -> _Room:
        """Room for as many rows as data says; without a ``count``, that is still to be found.

        There is room for one even if there is none: runtimes refuse to write rows where none fits, also before any.
        """
        declared = _declared_count(rows)
        return _Room(self._scope.fresh_symbol() if declared is None else declared, count, count is None, not declared)

    def _make_condition(self, rounds: Rounds) -> None:
        """step < trip count and goes on"""
        function = self.condition
        function.inputs += [Value(v.type) for v in self.body.inputs]
        step, goes_on = function.inputs[:2]
        if rounds.most is not None:
            goes_on = math.LogicalAnd(goes_on, math.Less(step, rounds.most).result).result
        insert_new_ops([goes_on], function.ops.append)
        _set_outputs(function, [goes_on])

    def _counted(self, carried: Sequence[Value], captured: Sequence[Value]) -> Value:
        """How many rounds there are, found by going through them without writing rows."""
        body, condition = clone_function(self.body), clone_function(self.condition)
        places = range(len(body.inputs))
        kept = [i for i in places if i < len(carried) or i >= len(places) - len(captured)]
        _set_outputs(body, [body.outputs[i] for i in kept])
        for function in (condition, body):
            erase_dead_ops(function)
            function.inputs[:] = [function.inputs[i] for i in kept]
            self._functions.add(function)
        return self._while(condition, body, (*carried, *captured)).results[0]

    def _while(self, condition: Function, body: Function, values: tuple[Value, ...]) -> control.While:
        shapes = [d for place in self.resized for d in self.types[place].shape]
        before = [d for place in self.resized for d in self.initial[place].type.shape]
        ends = [a if a == b else self._scope.fresh_symbol() for a, b in zip(shapes, before, strict=True)]
        # The step and whether to go on come first.
        places = tuple(2 + place for place in self.resized)
        return control.While(
            values, FunctionRef(condition.name), FunctionRef(body.name), places, tuple(shapes), tuple(ends)
        )


def rounds_of(node: Node) -> Rounds:
    """The trip count of a Loop."""
    trips = node.optional(0)
    if trips is None:
        return Rounds(None)
    contents = node.dims(0)
    known = contents[0] if contents is not None and len(contents) == 1 else None
    if isinstance(known, int) and known >= ENDLESS:
        return Rounds(None)
    return Rounds(cast(reshape(trips, ()), DType.I64), max(known, 0) if isinstance(known, int) else known)


def first_round(node: Node | None) -> Value:
    """Whether a Loop has a first round, a bool[]; true for what no condition ends."""
    goes_on = None if node is None else node.optional(1)
    return constant(np.array(True)) if goes_on is None else reshape(goes_on, ())


def is_certain(value: Value) -> bool:
    """Whether ``value`` is the constant true."""
    owner: Op | None = value.owner
    return isinstance(owner, tensor.Constant) and bool(owner.value.array.all())


def follows_from_shapes(value: Value) -> bool:
    """Whether nothing but shapes and constants decides what ``value`` holds."""
    pending, seen = [value], {value}
    while pending:
        owner = pending.pop().owner
        if owner is None:
            return False
        if isinstance(owner, tensor.Shape | tensor.Dims):
            continue
        new = [v for v in owner.operands if v not in seen]
        seen.update(new)
        pending += new
    return True


def stays(before: TensorType, made: Made) -> bool:
    """Whether a value of a loop has the same type after a round, also where only the model's declaration says so."""
    after, declared = made.value.type, made.declared or ()
    if before == after:
        return True
    is_same = before.dtype is after.dtype and before.rank == after.rank == len(declared)
    triples = zip(before.shape, after.shape, declared, strict=False)
    return is_same and all(known_equal(a, b) or (not isinstance(b, int) and a == c) for a, b, c in triples)


def _as_before(before: TensorType, made: Made, is_resized: bool) -> Value:
    """What a round makes of a value, in the type that it had before."""
    after = made.value
    if is_resized:
        return after
    if not stays(before, made):
        raise Unsupported(f"a value of the loop is {before} at first and {after.type} after a round")
    return after if before == after.type else tensor.Reshape(after, None, before.shape).result


def _of_known_size(row: Made, known: set[str]) -> Made:
    """The row, with the sizes that the model declares for those that only the loop knows."""
    type_ = row.value.type
    declared = (row.declared or ())[1:]
    fits = len(declared) == type_.rank
    shape = [declared[i] if fits and not known.issuperset(free_symbols(d)) else d for i, d in enumerate(type_.shape)]
    dims = [d for d in shape if isinstance(d, Dim) and known.issuperset(free_symbols(d)) and d != -1]
    if len(dims) < len(shape):
        raise Unsupported(f"a row of a scan output is {type_}, whose size only the loop knows")
    if tuple(dims) == type_.shape:
        return row
    return replace(row, value=tensor.Reshape(row.value, None, tuple(dims)).result)


def _declared_count(rows: Sequence[Made]) -> int | None:
    """The number of rows, if the model declares it."""
    declared = (row.declared[0] for row in rows if row.declared)
    return next((d for d in declared if isinstance(d, int) and d >= 0), None)


def _empty(row: TensorType, size: Dim, count: Value | None) -> Value:
    """Zeros for the rows of a scan output."""
    zero = constant(np.zeros((), row.dtype.numpy))
    shape = (size, *row.shape)
    if count is None:
        return tensor.Expand(zero, None, shape).result
    some = math.Maximum(count, constant(np.array(1))).result
    dims = [tensor.Reshape(some, None, (1,)).result, *([tensor.Dims(row.shape).result] if row.shape else [])]
    return tensor.Expand(zero, tensor.Concat(tuple(dims), 0).result if row.shape else dims[0], shape).result


def _written(rows: Value, step: Value, row: Made, rounds: Rounds) -> Value:
    """The rows so far with one more."""
    if rows.type.shape[0] == 0:
        return rows  # There is no step that could write a row.
    if row.is_reversed and rounds.most is not None:
        step = math.Sub(math.Sub(rounds.most, constant(np.array(1))).result, step).result
    rank = row.value.type.rank
    start = tensor.Reshape(step, None, (1,)).result
    if rank:
        start = tensor.Concat((start, constant(np.zeros(rank, np.int64))), 0).result
    block = tensor.Reshape(row.value, None, (1, *row.value.type.shape)).result
    return tensor.DynamicUpdateSlice(rows, block, start).result


def _cut(rows: Value, count: Value, size: Dim) -> Value:
    """The first rows."""
    end = tensor.Reshape(count, None, (1,)).result
    shape = (size, *rows.type.shape[1:])
    return tensor.DynamicSlice(rows, constant(np.zeros(1, np.int64)), end, (0,), (1,), shape).result


def _set_outputs(function: Function, values: Sequence[Value]) -> None:
    function.set_outputs(values, [f"output{i}" for i in range(len(values))])
