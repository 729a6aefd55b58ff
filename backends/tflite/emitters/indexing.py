"""Gathering, scattering, searching and reducing."""

from collections.abc import Mapping

import numpy as np

from ....dims import known_equal, product
from ....ir import Op, Value
from ....ops import math, tensor
from ....ops.enums import ScatterReduction
from ....ops.math import ArgReduction, Reduction
from ....passes.lowering.ranges import is_nonnegative_at_run_time
from ....passes.patterns import constant_array
from ....types import DType, TensorType
from ...conditions import counts_in_i64, has_nonnegative_indices, knows_count, selects_first, takes, up_to_rank
from ...emission import Condition, is_quantized
from ..graph import TFLITE_TYPES, Graph, Operand, TfliteTable
from ..integer_kernels import I8, I16, is_lookup, is_moved_or_looked_up, with_one_scale, with_one_scale_each
from ..schema_enums import BuiltinOperator
from ..schema_options import (
    ArgMaxOptions,
    ArgMinOptions,
    CumsumOptions,
    GatherOptions,
    OneHotOptions,
    ReducerOptions,
    ReshapeOptions,
    ShapeOptions,
)
from .operands import add_cast, cast_to_int32, int32, shape_operand
from .weights import weight

TABLE = TfliteTable()

SUMMED_AT_ONCE = 2**14
"""The mean of so many numbers is 4e-6 off, of 100,000 it is 7e-6."""

_MOVED = with_one_scale(I8, I16)
_COMMON = (DType.BOOL, DType.I8, DType.U8, DType.I16, DType.I32, DType.I64, DType.F16, DType.F32)


@TABLE.emits(
    tensor.DynamicUpdateSlice,
    when=(takes(DType.BOOL, DType.I8, DType.I32, DType.I64, DType.F32), up_to_rank(8)),
    stored=with_one_scale(I8),
)
def dynamic_update_slice(op: tensor.DynamicUpdateSlice, graph: Graph) -> None:
    graph.add(BuiltinOperator.DYNAMIC_UPDATE_SLICE, [op.x, op.update, op.starts], [op.result])


@TABLE.emits(
    tensor.Gather, when=(takes(*_COMMON), has_nonnegative_indices, up_to_rank(8)), stored=is_moved_or_looked_up
)
def gather(op: tensor.Gather, graph: Graph) -> None:
    if is_quantized(op) and is_lookup(op):
        _look_up(op, graph)
        return
    operands = [weight(op.x, graph), _indices(op.indices)]
    graph.add(BuiltinOperator.GATHER, operands, [op.result], GatherOptions(axis=op.axis))


def _look_up(op: tensor.Gather, graph: Graph) -> None:
    """EMBEDDING_LOOKUP makes floats of those rows of a stored table that are asked for, by a vector of indices."""
    indices, result = op.indices.type, op.result.type
    lookups = graph.temporary(TensorType(DType.I32, (product(indices.shape),)))
    rows = graph.temporary(TensorType(result.dtype, (product(indices.shape), op.x.type.shape[1])))
    graph.add(BuiltinOperator.RESHAPE, [cast_to_int32(graph, op.indices), int32([-1])], [lookups], ReshapeOptions())
    graph.add(BuiltinOperator.EMBEDDING_LOOKUP, [lookups, op.x], [rows])
    shape = shape_operand(graph, None, result.shape)
    graph.add(BuiltinOperator.RESHAPE, [rows, shape], [op.result], ReshapeOptions())


def _indices(value: Value) -> Operand:
    """Constant indices as int32, which takes half the space."""
    array = constant_array(value)
    return value if array is None else array.astype(np.int32)


def gathers_along_last_axis(op: tensor.GatherElements) -> bool:
    """the last axis to gather along, and indices as large as the operand along the others"""
    shapes = zip(op.x.type.shape[:-1], op.indices.type.shape[:-1], strict=True)
    return op.axis == op.x.type.rank - 1 and all(known_equal(a, b) for a, b in shapes)


@TABLE.emits(
    tensor.GatherElements,
    when=(takes(*_COMMON), has_nonnegative_indices, gathers_along_last_axis, up_to_rank(8)),
    stored=_MOVED,
)
def gather_elements(op: tensor.GatherElements, graph: Graph) -> None:
    options = GatherOptions(axis=op.axis, batch_dims=op.axis)
    graph.add(BuiltinOperator.GATHER, [op.x, _indices(op.indices)], [op.result], options)


def has_no_batch(op: tensor.GatherNd) -> bool:
    """no batch dims"""
    return op.batch_dims == 0


@TABLE.emits(
    tensor.GatherNd, when=(takes(*_COMMON), has_nonnegative_indices, has_no_batch, up_to_rank(8)), stored=_MOVED
)
def gather_nd(op: tensor.GatherNd, graph: Graph) -> None:
    graph.add(BuiltinOperator.GATHER_ND, [op.x, _indices(op.indices)], [op.result])


def scatters_sums_to_zeros(op: tensor.ScatterNd) -> bool:
    """sums of updates scattered to a tensor of zeros"""
    owner = op.x.owner
    array = constant_array(owner.x if isinstance(owner, tensor.Expand) else op.x)
    return op.reduction is ScatterReduction.ADD and array is not None and not array.any()


_SCATTERABLE = takes(DType.I8, DType.U8, DType.I32, DType.I64, DType.F32)


@TABLE.emits(tensor.ScatterNd, when=(_SCATTERABLE, has_nonnegative_indices, scatters_sums_to_zeros, up_to_rank(8)))
def scatter_nd(op: tensor.ScatterNd, graph: Graph) -> None:
    shape: Operand
    if op.x.type.is_static:
        shape = int32(op.x.type.static_shape)
    else:
        shape = graph.temporary(TensorType(DType.I32, (op.x.type.rank,)))
        graph.add(BuiltinOperator.SHAPE, [op.x], [shape], ShapeOptions(out_type=TFLITE_TYPES[DType.I32]))
    graph.add(BuiltinOperator.SCATTER_ND, [cast_to_int32(graph, op.indices), op.updates, shape], [op.result])


def has_known_rows(op: tensor.OneHot) -> bool:
    """constant values, on and off, of bool, i8, u8, i32, i64 or f32, and a known depth"""
    dtypes = (DType.BOOL, DType.I8, DType.U8, DType.I32, DType.I64, DType.F32)
    return op.values.type.dtype in dtypes and constant_array(op.values) is not None and isinstance(op.depth, int)


def has_indices_from_the_front(op: tensor.OneHot) -> bool:
    """indices that are not negative"""
    return is_nonnegative_at_run_time(op.indices)


@TABLE.emits(tensor.OneHot, when=(takes(DType.I32, DType.I64), has_known_rows, has_indices_from_the_front))
def one_hot(op: tensor.OneHot, graph: Graph) -> None:
    values = constant_array(op.values)
    assert values is not None and isinstance(op.depth, int)
    off, on = (np.array(v, values.dtype) for v in values)
    inputs = [_indices(op.indices), int32(op.depth), on, off]
    graph.add(BuiltinOperator.ONE_HOT, inputs, [op.result], OneHotOptions(axis=op.axis))


@TABLE.emits(tensor.Range, when=(takes(DType.F32, DType.I32, DType.I64),))
def range_(op: tensor.Range, graph: Graph) -> None:
    graph.add(BuiltinOperator.RANGE, [op.start, op.limit, op.delta], [op.result])


@TABLE.emits(tensor.NonZero, when=(takes(DType.BOOL), counts_in_i64, up_to_rank(8)))
def non_zero(op: tensor.NonZero, graph: Graph) -> None:
    rank, count = op.result.type.shape
    positions = graph.temporary(TensorType(DType.I64, (count, rank)))
    graph.add(BuiltinOperator.WHERE, [op.x], [positions])
    graph.add(BuiltinOperator.TRANSPOSE, [positions, int32([1, 0])], [op.result])


def takes_largest_of_last_axis(op: math.TopK) -> bool:
    """the largest elements along the last axis"""
    return op.largest and op.axis == op.x.type.rank - 1


_SORTABLE = takes(DType.F32, DType.I64, DType.I32, DType.I16, DType.I8, DType.U8)


@TABLE.emits(
    math.TopK, when=(_SORTABLE, takes_largest_of_last_axis, knows_count, up_to_rank(8)), stored=with_one_scale(I8)
)
def top_k(op: math.TopK, graph: Graph) -> None:
    values, indices = op.results
    is_narrow = op.index_dtype is DType.I32
    narrow = indices if is_narrow else graph.temporary(indices.type.with_dtype(DType.I32))
    count: Operand = int32(op.k) if isinstance(op.k, int) else cast_to_int32(graph, _present(op.count))
    graph.add(BuiltinOperator.TOPK_V2, [op.x, count], [values, narrow])
    if not is_narrow:
        add_cast(graph, narrow, DType.I32, indices, DType.I64)


def _present(value: Value | None) -> Value:
    assert value is not None
    return value


def drops_the_axis(op: ArgReduction) -> bool:
    """the axis to go"""
    return not op.keep_dims


_COMPARABLE = takes(DType.F32, DType.I32, DType.I8, DType.U8)


@TABLE.emits(math.ArgMax, when=(_COMPARABLE, drops_the_axis, selects_first, up_to_rank(8)), stored=with_one_scale(I8))
def arg_max(op: math.ArgMax, graph: Graph) -> None:
    options = ArgMaxOptions(output_type=TFLITE_TYPES[op.index_dtype])
    graph.add(BuiltinOperator.ARG_MAX, [op.x, int32(op.axis)], [op.result], options)


@TABLE.emits(math.ArgMin, when=(_COMPARABLE, drops_the_axis, selects_first, up_to_rank(8)), stored=with_one_scale(I8))
def arg_min(op: math.ArgMin, graph: Graph) -> None:
    options = ArgMinOptions(output_type=TFLITE_TYPES[op.index_dtype])
    graph.add(BuiltinOperator.ARG_MIN, [op.x, int32(op.axis)], [op.result], options)


@TABLE.emits(math.CumSum, when=(takes(DType.F32, DType.I32, DType.I64), up_to_rank(8)))
def cum_sum(op: math.CumSum, graph: Graph) -> None:
    options = CumsumOptions(exclusive=op.exclusive, reverse=op.reverse)
    graph.add(BuiltinOperator.CUMSUM, [op.x, int32(op.axis)], [op.result], options)


_EXTREMUM = (DType.F32, DType.I64, DType.I32, DType.I16, DType.I8, DType.U8)
_REDUCTIONS: Mapping[type[Op], tuple[BuiltinOperator, tuple[DType, ...]]] = {
    math.ReduceSum: (BuiltinOperator.SUM, (DType.F32, DType.I32, DType.I64)),
    math.ReduceMean: (BuiltinOperator.MEAN, (DType.F32,)),
    math.ReduceMax: (BuiltinOperator.REDUCE_MAX, _EXTREMUM),
    math.ReduceMin: (BuiltinOperator.REDUCE_MIN, _EXTREMUM),
    math.ReduceProd: (BuiltinOperator.REDUCE_PROD, (DType.F32, DType.I32, DType.I64)),
    math.ReduceAny: (BuiltinOperator.REDUCE_ANY, (DType.BOOL,)),
    math.ReduceAll: (BuiltinOperator.REDUCE_ALL, (DType.BOOL,)),
}

_STORED_REDUCTIONS: Mapping[type[Op], Condition[Op]] = {
    math.ReduceSum: with_one_scale_each(I8, I16),
    math.ReduceMean: with_one_scale_each(I8, I16),
    math.ReduceMax: with_one_scale(I8, I16),
    math.ReduceMin: with_one_scale(I8, I16),
}


def reduces(op: Reduction) -> bool:
    """at least one axis to reduce"""
    return bool(op.axes)


def sums_accurately(op: math.ReduceSum | math.ReduceMean) -> bool:
    """one axis to add up along, or the last ones, or at most 16,384 elements"""
    # Across rows the kernels add one number after the other, so errors grow with how many there are. Axis by axis they
    # grow with the lengths of the axes, not with their product: ten times less for an image of 160 x 160, but one
    # operator more and up to a quarter slower.
    rank = op.x.type.rank
    is_exact = op.x.type.stored is not DType.F32
    if is_exact or len(op.axes) <= 1 or op.axes == tuple(range(rank - len(op.axes), rank)):
        return True
    count = product(op.x.type.shape[axis] for axis in op.axes)
    return isinstance(count, int) and count <= SUMMED_AT_ONCE


def reduction(op: Reduction, graph: Graph) -> None:
    options = ReducerOptions(keep_dims=op.keep_dims)
    graph.add(_REDUCTIONS[type(op)][0], [op.x, int32(op.axes)], [op.result], options)


for _op_class, (_, _dtypes) in _REDUCTIONS.items():
    _conditions = (takes(*_dtypes), reduces, up_to_rank(6))
    _accuracy = (sums_accurately,) if _op_class in (math.ReduceSum, math.ReduceMean) else ()
    _stored = _STORED_REDUCTIONS.get(_op_class)
    TABLE.emits(_op_class, when=(*_conditions, *_accuracy), stored=_stored)(reduction)  # type: ignore[arg-type]
