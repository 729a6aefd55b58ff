"""If and Loop on data: branches and bodies, imported into functions of their own, become ``control.if`` and
``control.while``."""

from collections.abc import Sequence

import numpy as np

from ...attributes import FunctionRef
from ...dims import Dim, free_symbols, known_equal
from ...ir import Function, Op, Value
from ...ops import control, math, tensor
from ...rewriter import insert_new_ops
from ...types import DType, TensorType
from ..closures import close
from .node import Node, Scope, Unsupported, cast, constant

ENDLESS = 2**62
"""Exporters give a trip count of at least this to a loop that only its condition ends."""


def branching(node: Node, branches: Sequence[Function], visible: Sequence[Value]) -> control.If:
    """The op for an If of two functions, which use the ``visible`` values as they like."""
    then, otherwise = branches
    known = {s for v in visible for s in v.type.symbols}
    pairs = zip(then.outputs, otherwise.outputs, strict=True)
    types = tuple(_joined(node.scope, a.type, b.type, known) for a, b in pairs)
    values = close(branches, visible)
    return control.If(_scalar(node.operand(0)), values, FunctionRef(then.name), FunctionRef(otherwise.name), types)


def _scalar(x: Value) -> Value:
    """What holds one element, without axes."""
    return tensor.Reshape(x, None, ()).result if x.type.rank else x


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


class Loop:
    """A Loop under construction: ``body`` is to be filled with the nodes of its graph, ``condition`` is made here.

    Both take the number of the step, whether to go on, the values, and the rows of scan outputs that are there so far.
    """

    def __init__(self, node: Node, condition: str, body: str) -> None:
        self._node = node
        self.initial = tuple(v for v in node.operands[2:] if v is not None)
        if len(self.initial) < len(node.operands) - 2:
            raise Unsupported("a value of the loop is missing")
        self.condition, self.body = Function(condition), Function(body)
        self.body.inputs += [Value(TensorType(DType.I64, ())), Value(TensorType(DType.BOOL, ()))]
        self.body.inputs += [Value(v.type) for v in self.initial]

    def finish(self, made: Sequence[Value], visible: Sequence[Value]) -> Sequence[Value]:
        """The node's results, given what the body ends with: whether to go on, the values, rows of scan outputs."""
        _, values, rows = made[0], made[1 : 1 + len(self.initial)], made[1 + len(self.initial) :]
        for before, after in zip(self.initial, values, strict=True):
            if before.type != after.type:
                raise Unsupported(f"a value of the loop is {before.type} at first and {after.type} after a round")
        known = {s for v in visible for s in v.type.symbols}
        scans = [self._scan(row, known, made[0]) for row in rows]
        step = math.Add(self.body.inputs[0], constant(np.array(1))).result
        results = [step, made[0], *values, *(self._written(s, r) for s, r in zip(scans, rows, strict=True))]
        insert_new_ops(results, self.body.ops.append)
        _set_outputs(self.body, results)
        goes_on = self._node.optional(1)
        first = constant(np.array(True)) if goes_on is None else _scalar(goes_on)
        given = (constant(np.array(0)), first, *self.initial, *scans)
        self._make_condition()
        captured = close((self.condition, self.body), visible)
        _set_outputs(self.body, [*self.body.outputs, *self.body.inputs[len(given) :]])
        loop = control.While((*given, *captured), FunctionRef(self.condition.name), FunctionRef(self.body.name))
        return loop.results[2 : len(given)]

    def _make_condition(self) -> None:
        """step < trip count and goes on"""
        function = self.condition
        function.inputs += [Value(v.type) for v in self.body.inputs]
        step, goes_on = function.inputs[:2]
        trips = self._node.optional(0)
        known = None if trips is None else self._node.dims(0)
        if trips is not None and not (known and isinstance(known[0], int) and known[0] >= ENDLESS):
            is_left = math.Less(step, cast(_scalar(trips), DType.I64)).result
            goes_on = math.LogicalAnd(goes_on, is_left).result
        insert_new_ops([goes_on], function.ops.append)
        _set_outputs(function, [goes_on])

    def _scan(self, row: Value, known: set[str], goes_on: Value) -> Value:
        """Zeros for the rows that a scan output gets."""
        trips = self._node.dims(0) if self._node.optional(0) is not None else None
        if trips is None or len(trips) != 1 or trips[0] is None or not _is_true(goes_on):
            raise Unsupported("how many rows its scan outputs have depends on the data")
        if not known.issuperset(row.type.symbols):
            raise Unsupported(f"a row of a scan output is {row.type}, whose size only the loop knows")
        self.body.inputs.append(Value(row.type.with_shape((trips[0], *row.type.shape))))
        zero = constant(np.zeros((), row.type.dtype.numpy))
        return tensor.Expand(zero, None, (trips[0], *row.type.shape)).result

    def _written(self, scan: Value, row: Value) -> Value:
        rows = next(v for v in self.body.inputs[2 + len(self.initial) :] if v.type == scan.type and not v.is_used)
        if scan.type.shape[0] == 0:
            return rows  # There is no step that could write a row.
        start = tensor.Reshape(self.body.inputs[0], None, (1,)).result
        starts = tensor.Concat((start, constant(np.zeros(row.type.rank, np.int64))), 0).result
        block = tensor.Reshape(row, None, (1, *row.type.shape)).result
        return tensor.DynamicUpdateSlice(rows, block, starts).result


def _is_true(value: Value) -> bool:
    """Whether ``value`` is the constant true, as it is or handed on."""
    owner: Op | None = value.owner
    return isinstance(owner, tensor.Constant) and bool(owner.value.array.all())


def _set_outputs(function: Function, values: Sequence[Value]) -> None:
    function.set_outputs(values, [f"output{i}" for i in range(len(values))])
