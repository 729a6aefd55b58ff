"""Reductions, scans and order statistics of ONNX."""

from collections.abc import Callable

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import math, tensor
from ....ops.inference import without_axes
from ....types import DType, Shape
from ...reductions import log_sum_exp, reduced, running_product, shifted_in_ones
from ..node import Imported, Importer, ImporterTable, Node, Unsupported, cast, check_axis, constant
from ..run_time_axes import chosen, possible_axes

TABLE = ImporterTable()

Axes = tuple[int, ...]


def _axes(node: Node) -> Axes | None:
    """The reduced axes: an attribute, since opset 18 (ReduceSum: 13) an operand; none means all, or none at all.

    None when the operand depends on the data.
    """
    if node.has("axes"):
        return _meant(node, node.ints("axes"))
    entries = () if node.optional(1) is None else node.dims(1)
    if entries is None or not all(isinstance(d, int) for d in entries):
        return None
    return _meant(node, tuple(d for d in entries if isinstance(d, int)))


def _meant(node: Node, given: Axes) -> Axes:
    rank = node.type(0).rank
    if not given:
        return () if node.int("noop_with_empty_axes", 0) else tuple(range(rank))
    axes = {check_axis(a, rank) for a in given}
    return tuple(sorted(axes)) if rank else ()


def _sum(x: Value, axes: Axes, keep_dims: bool) -> Value:
    return reduced(math.ReduceSum, x, axes, keep_dims)


def _sum_square(x: Value, axes: Axes, keep_dims: bool) -> Value:
    return _sum(math.Square(x).result, axes, keep_dims)


def _l1(x: Value, axes: Axes, keep_dims: bool) -> Value:
    return _sum(math.Abs(x).result, axes, keep_dims)


def _l2(x: Value, axes: Axes, keep_dims: bool) -> Value:
    return math.Sqrt(_sum_square(x, axes, keep_dims)).result


def _log_sum(x: Value, axes: Axes, keep_dims: bool) -> Value:
    return math.Log(_sum(x, axes, keep_dims)).result


def _mean(x: Value, axes: Axes, keep_dims: bool) -> Value:
    if x.type.dtype.is_float:
        return reduced(math.ReduceMean, x, axes, keep_dims)
    if not axes:
        return x
    sizes = tensor.Gather(tensor.Shape(x).result, constant(np.array(axes)), 0).result
    count = math.ReduceProd(sizes, (0,), False).result
    # The mean of integers is rounded towards zero.
    return math.Div(_sum(x, axes, keep_dims), cast(count, x.type.dtype)).result


def _max(x: Value, axes: Axes, keep_dims: bool) -> Value:
    return reduced(math.ReduceAny if x.type.dtype is DType.BOOL else math.ReduceMax, x, axes, keep_dims)


def _min(x: Value, axes: Axes, keep_dims: bool) -> Value:
    return reduced(math.ReduceAll if x.type.dtype is DType.BOOL else math.ReduceMin, x, axes, keep_dims)


def _prod(x: Value, axes: Axes, keep_dims: bool) -> Value:
    return reduced(math.ReduceProd, x, axes, keep_dims)


Reducer = Callable[[Value, Axes, bool], Value]

_REDUCERS: dict[str, Reducer] = {
    "ReduceL1": _l1,
    "ReduceMax": _max,
    "ReduceMean": _mean,
    "ReduceMin": _min,
    "ReduceProd": _prod,
    "ReduceSum": _sum,
    "ReduceSumSquare": _sum_square,
}

_FLOAT_REDUCERS: dict[str, Reducer] = {
    "ReduceL2": _l2,
    "ReduceLogSum": _log_sum,
    "ReduceLogSumExp": log_sum_exp,
}


def _reduction(reduce: Reducer) -> Importer:
    def importer(node: Node) -> Imported:
        x, axes, keep_dims = node.operand(0), _axes(node), bool(node.int("keepdims", 1))
        return _reduced_at_run_time(node, reduce) if axes is None else reduce(x, axes, keep_dims)

    return importer


def _reduced_at_run_time(node: Node, reduce: Reducer) -> Value:
    """The reduction over axes that only running the model shows."""
    x, keep_dims = node.operand(0), bool(node.int("keepdims", 1))
    shape = x.type.shape

    def result_shape(held: Axes) -> Shape:
        return without_axes(shape, _meant(node, held), keep_dims)

    def longer_than_one(held: Axes) -> Axes:
        # Reducing an axis of size 1 leaves the elements as they are.
        return tuple(axis for axis in _meant(node, held) if shape[axis] != 1)

    possible = possible_axes(node, 1, x.type.rank)
    return chosen(
        node, 1, possible, result_shape, lambda held: reduce(x, _meant(node, held), keep_dims), longer_than_one
    )


def _in_floats(reduce: Reducer) -> Reducer:
    """``reduce`` for all numbers: integers are computed as f32, as the standard's function bodies do."""

    def through_floats(x: Value, axes: Axes, keep_dims: bool) -> Value:
        if x.type.dtype.is_float:
            return reduce(x, axes, keep_dims)
        return cast(reduce(cast(x, DType.F32), axes, keep_dims), x.type.dtype)

    return through_floats


for _op_type, _reducer in _REDUCERS.items():
    TABLE.imports(_op_type)(_reduction(_reducer))
for _op_type, _reducer in _FLOAT_REDUCERS.items():
    TABLE.imports(_op_type)(_reduction(_in_floats(_reducer)))


@TABLE.imports("ArgMax", "ArgMin")
def _arg_extreme(node: Node) -> Imported:
    x = node.operand(0)
    op = math.ArgMax if node.op_type == "ArgMax" else math.ArgMin
    axis = node.axis("axis", 0, x.type.rank)
    return op(x, axis, bool(node.int("keepdims", 1)), bool(node.int("select_last_index", 0)))


@TABLE.imports("CumSum")
def _cum_sum(node: Node) -> Imported:
    x, exclusive, reverse = node.operand(0), bool(node.int("exclusive", 0)), bool(node.int("reverse", 0))
    return _along_operand(node, lambda axis: math.CumSum(x, axis, exclusive, reverse).result)


def _along_operand(node: Node, scan: Callable[[int], Value]) -> Value:
    """``scan`` along the axis that operand 1 gives, a scalar or a tensor of one element."""
    x = node.operand(0)
    if node.type(1).elements != 1:
        raise Unsupported(f"input 1 must hold one element, but it is {node.type(1)}")
    dims = node.dims(1)
    if dims is not None and isinstance(dims[0], int):
        return scan(check_axis(dims[0], x.type.rank))
    single_axes = ((axis,) for axis in range(x.type.rank))
    return chosen(node, 1, single_axes, lambda axes: x.type.shape, lambda axes: scan(*axes))


@TABLE.imports("CumProd")
def _cum_prod(node: Node) -> Imported:
    return _along_operand(node, lambda axis: _running_product(node, axis))


def _running_product(node: Node, axis: int) -> Value:
    x, axes = node.operand(0), (axis,)
    length = x.type.shape[axis]
    if not isinstance(length, int):
        raise Unsupported(f"the length {length} of its axis is symbolic, and the IR has no running product")
    y = tensor.Reverse(x, axes).result if node.int("reverse", 0) else x
    y = shifted_in_ones(y, axis, 1) if node.int("exclusive", 0) else y
    y = running_product(y, axis, length)
    return tensor.Reverse(y, axes).result if node.int("reverse", 0) else y


@TABLE.imports("TopK")
def _top_k(node: Node) -> Imported:
    x = node.operand(0)
    k: tuple[Dim, ...] = (node.int("k"),) if node.opset < 10 else ()
    count = None
    if node.opset >= 10:
        k, count = node.dims_or_fresh(1, 1, (node.axis("axis", -1, x.type.rank),))
    if len(k) != 1:
        raise Unsupported(f"input 1 must hold one element, but it is {node.type(1)}")
    # Without `sorted` any order will do, so the sorted one does.
    return math.TopK(x, count, k[0], node.axis("axis", -1, x.type.rank), bool(node.int("largest", 1))).results
