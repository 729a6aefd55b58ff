"""Ops that move or make elements."""

import numpy as np

from ....dims import Dim, SymInt, ceil_div, known_equal
from ....ir import Value
from ....ops import tensor
from ....ops.enums import PadMode
from ....types import DType
from ..graph import TFLITE_TYPES, Graph, Operand, TfliteTable
from ..schema_enums import BuiltinOperator, MirrorPadMode
from ..schema_options import (
    CastOptions,
    ConcatenationOptions,
    MirrorPadOptions,
    ReshapeOptions,
    ShapeOptions,
    SplitOptions,
    SplitVOptions,
    StridedSliceOptions,
)
from .operands import int32, shape_operand

TABLE = TfliteTable()


@TABLE.emits(tensor.Constant)
def constant(op: tensor.Constant, graph: Graph) -> None:
    """Constants are written where they are used."""


@TABLE.emits(tensor.Reshape)
def reshape(op: tensor.Reshape, graph: Graph) -> None:
    shape = shape_operand(graph, op.dims, op.shape)
    options = ReshapeOptions(new_shape=shape.tolist()) if isinstance(shape, np.ndarray) else None
    graph.add(BuiltinOperator.RESHAPE, [op.x, shape], [op.result], options)


@TABLE.emits(tensor.Transpose)
def transpose(op: tensor.Transpose, graph: Graph) -> None:
    graph.add(BuiltinOperator.TRANSPOSE, [op.x, int32(op.permutation)], [op.result])


@TABLE.emits(tensor.Concat)
def concat(op: tensor.Concat, graph: Graph) -> None:
    graph.add(BuiltinOperator.CONCATENATION, op.xs, [op.result], ConcatenationOptions(axis=op.axis))


def are_equal(op: tensor.Split) -> bool:
    """parts of equal sizes"""
    return all(known_equal(s, op.sizes[0]) for s in op.sizes)


@TABLE.emits(tensor.Split, when=(are_equal,))
def split(op: tensor.Split, graph: Graph) -> None:
    graph.add(BuiltinOperator.SPLIT, [int32(op.axis), op.x], op.results, SplitOptions(num_splits=len(op.sizes)))


def sizes_are_known(op: tensor.Split) -> bool:
    """parts of known sizes, but for one"""
    return sum(isinstance(s, SymInt) for s in op.sizes) <= 1


@TABLE.emits(tensor.Split, when=(sizes_are_known,))
def split_v(op: tensor.Split, graph: Graph) -> None:
    sizes = int32([-1 if isinstance(s, SymInt) else s for s in op.sizes])
    graph.add(
        BuiltinOperator.SPLIT_V, [op.x, sizes, int32(op.axis)], op.results, SplitVOptions(num_splits=len(op.sizes))
    )


@TABLE.emits(tensor.Slice)
def slice_(op: tensor.Slice, graph: Graph) -> None:
    pass


@TABLE.emits(tensor.Cast)
def cast(op: tensor.Cast, graph: Graph) -> None:
    options = CastOptions(in_data_type=TFLITE_TYPES[op.x.type.dtype], out_data_type=TFLITE_TYPES[op.dtype])
    graph.add(BuiltinOperator.CAST, [op.x], [op.result], options)
