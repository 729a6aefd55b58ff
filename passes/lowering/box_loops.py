"""Non-maximum suppression as a loop: each round chooses the best box left of every class, and drops what it overlaps.

Memory and time of a round are those of the scores, however many boxes there are; the rounds are as many as the boxes
chosen of a class. A box that is dropped has a score below all others.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ...attributes import FunctionRef
from ...dims import Dim
from ...ir import Module, Op, Value
from ...ops import math, nn, tensor
from ...types import DType, TensorType
from ..patterns import constant, constant_array, reshape
from .building import as_dtype, concat, expanded, folded, i32, scalar, slice_axes
from .loop_functions import LoopFunction, inner_types, loop, put_in_place
from .materialize_shapes import dim_value

_LOWEST = -1e38
"""What lower scores are taken for; f32 ends at -3.4e38."""

_DROPPED = -3e38
_STILL_THERE = -2e38

_MOST_ROUNDS = 4096
"""A limit above this says little about how many boxes are chosen."""

_SIDES = ("top", "left", "bottom", "right")


def loops_of_box_choices(module: Module, is_legal: Callable[[Op], bool]) -> bool:
    """Replaces the choices among boxes that are not legal by loops; returns whether there were any."""
    found = [
        op
        for function in module.functions.values()
        for op in function.ops
        if isinstance(op, nn.NonMaxSuppression) and not is_legal(op)
    ]
    for op in found:
        put_in_place(op, {op.result: _Choice(module, op).result()})
    return bool(found)


class _Choice:
    """One choice among boxes on the way to a loop. Of the carried values no round changes those that tell of boxes."""

    def __init__(self, module: Module, op: nn.NonMaxSuppression) -> None:
        self._module = module
        self._op = op
        self._has_batch = op.boxes.type.shape[0] != 1
        initial = self._initial_values()
        numbers = {name: constant_array(initial[name]) for name in ("limit", "iou_threshold")}
        self._numbers = {name: array for name, array in numbers.items() if array is not None}
        """What the loop's functions have for themselves."""
        self._carried = {name: value for name, value in initial.items() if name not in self._numbers}

    def result(self) -> Value:
        """(batch, class, box) of the chosen ones, [count, 3]"""
        assert self._op.function is not None
        types = inner_types(self._op.function, tuple(self._carried.values()))
        chosen = loop(self._carried, self._condition(types), self._body(types))["chosen"]
        by_class = tensor.Transpose(chosen, (1, 2, 0)).result
        is_chosen = math.GreaterEqual(by_class, i32(0)).result
        places = tensor.NonZero(is_chosen, self._op.count, self._op.index_dtype).result
        rows = tensor.Transpose(places, (1, 0)).result
        boxes = as_dtype(tensor.GatherNd(by_class, rows).result, self._op.index_dtype)
        return concat([slice_axes(rows, [1], [0], [2]), reshape(boxes, (self._op.count, 1))], 1)

    def _initial_values(self) -> dict[str, Value]:
        """Role -> value before the first round."""
        op = self._op
        boxes, scores = _single(op.boxes), _single(op.scores)
        batch, classes, count = scores.type.shape
        waiting = math.Maximum(scores, scalar(_LOWEST, scores)).result
        if op.score_threshold is not None:
            is_high = math.Greater(scores, _single(op.score_threshold)).result
            waiting = math.Select(is_high, waiting, scalar(_DROPPED, scores)).result
        columns = dict(zip(_SIDES, _sides(boxes, op.is_centered), strict=True))
        columns["area"] = _area(columns)
        carried = {
            "round": i32(0),
            "goes_on": _any_left(waiting),
            "scores": waiting,
            "chosen": expanded(i32(-1), (self._rounds, batch, classes)),
            "iou_threshold": _single(op.iou_threshold),
            "places": _positions(scores, 2),
            "limit": self._limit(),
            **{name: reshape(column, (batch, 1, count)) for name, column in columns.items()},
            "rows": reshape(concat(list(columns.values()), 2), (batch * count, len(columns))),
        }
        if self._has_batch:
            firsts = math.Mul(_positions(boxes, 0), dim_value(boxes, 1, DType.I32)).result
            carried["firsts"] = reshape(firsts, (batch, 1))
        return carried

    @property
    def _rounds(self) -> Dim:
        """How many boxes of a class are chosen at most, as far as that is known."""
        count = self._op.boxes.type.shape[1]
        limit = None if self._op.limit is None else constant_array(self._op.limit)
        if limit is None or (not isinstance(count, int) and int(limit) > _MOST_ROUNDS):
            return count
        # There are no loops over nothing.
        return max(1, min(int(limit), count) if isinstance(count, int) else int(limit))

    def _limit(self) -> Value:
        count = dim_value(self._op.boxes, 1, DType.I32)
        if self._op.limit is None:
            return count
        return as_dtype(folded(math.Minimum(as_dtype(count, self._op.limit.type.dtype), self._op.limit)), DType.I32)

    def _function(self, role: str, types: Sequence[TensorType]) -> tuple[LoopFunction, dict[str, Value]]:
        function = LoopFunction(self._module, self._op, role, list(self._carried), types)
        return function, {**{name: constant(array) for name, array in self._numbers.items()}, **function.inputs}

    def _condition(self, types: Sequence[TensorType]) -> FunctionRef:
        function, values = self._function("condition", types)
        is_within = math.Less(values["round"], values["limit"]).result
        return function.finish({"holds": math.LogicalAnd(values["goes_on"], is_within).result})

    def _body(self, types: Sequence[TensorType]) -> FunctionRef:
        function, values = self._function("round", types)
        scores = values["scores"]
        best = math.ReduceMax(scores, (2,), keep_dims=True).result
        at = math.ArgMax(scores, 2, index_dtype=DType.I32).result
        place = reshape(at, (*at.type.shape, 1))
        is_there = math.Greater(best, scalar(_STILL_THERE, best)).result
        row = math.Add(at, values["firsts"]).result if self._has_batch else at
        # Never negative; said in a way that targets whose gather takes no negative indices see it.
        own = tensor.Gather(values["rows"], math.Maximum(row, i32(0)).result, 0).result
        chosen_box = {name: slice_axes(own, [2], [i], [1]) for i, name in enumerate((*_SIDES, "area"))}
        is_over = math.Greater(_overlap(chosen_box, values), values["iou_threshold"]).result
        is_dropped = math.LogicalOr(is_over, math.Equal(values["places"], place).result).result
        left = math.Select(is_dropped, scalar(_DROPPED, scores), scores).result
        entry = reshape(math.Select(is_there, place, i32(-1)).result, (1, *at.type.shape))
        starts = concat([reshape(values["round"], (1,)), constant(np.zeros(2, np.int32))], 0)
        new = {
            "round": math.Add(values["round"], i32(1)).result,
            "goes_on": _any_left(left),
            "scores": left,
            "chosen": tensor.DynamicUpdateSlice(values["chosen"], entry, starts).result,
        }
        return function.finish({f"next_{name}": new.get(name, value) for name, value in function.inputs.items()})


def _sides(boxes: Value, is_centered: bool) -> tuple[Value, Value, Value, Value]:
    """top, left, bottom and right of boxes [B, N, 4], each [B, N, 1]"""
    columns = [slice_axes(boxes, [2], [i], [1]) for i in range(4)]
    if not is_centered:
        (y1, x1, y2, x2) = columns
        lower = [math.Minimum(a, b).result for a, b in ((y1, y2), (x1, x2))]
        upper = [math.Maximum(a, b).result for a, b in ((y1, y2), (x1, x2))]
        return lower[0], lower[1], upper[0], upper[1]
    x, y, width, height = columns
    halves = [math.Mul(size, scalar(0.5, size)).result for size in (height, width)]
    low = [math.Sub(middle, half).result for middle, half in zip((y, x), halves, strict=True)]
    high = [math.Add(middle, half).result for middle, half in zip((y, x), halves, strict=True)]
    return low[0], low[1], high[0], high[1]


def _area(box: Mapping[str, Value]) -> Value:
    height = math.Sub(box["bottom"], box["top"]).result
    return math.Mul(height, math.Sub(box["right"], box["left"]).result).result


def _overlap(a: Mapping[str, Value], b: Mapping[str, Value]) -> Value:
    """Intersection over union."""

    def length(low: str, high: str) -> Value:
        inner = math.Sub(math.Minimum(b[high], a[high]).result, math.Maximum(b[low], a[low]).result).result
        return math.Maximum(inner, scalar(0, inner)).result

    inside = math.Mul(length("top", "bottom"), length("left", "right")).result
    union = math.Sub(math.Add(b["area"], a["area"]).result, inside).result
    # Where both are empty there is no union; any number above 0 does.
    return math.Div(inside, math.Select(_is_above_zero(union), union, scalar(1, union)).result).result


def _is_above_zero(x: Value) -> Value:
    return math.Greater(x, scalar(0, x)).result


def _any_left(scores: Value) -> Value:
    return math.ReduceAny(math.Greater(scores, scalar(_STILL_THERE, scores)).result, (0, 1, 2)).result


def _positions(x: Value, axis: int) -> Value:
    """0, 1, 2, … along an axis of ``x``."""
    size = x.type.shape[axis]
    if isinstance(size, int):
        return constant(np.arange(size, dtype=np.int32))
    return tensor.Range(i32(0), dim_value(x, axis, DType.I32), i32(1), size).result


def _single(x: Value) -> Value:
    """Halves as f32: what overlaps how much they are too coarse for."""
    return x if x.type.dtype is DType.F64 else as_dtype(x, DType.F32)
