"""Reductions. Those over the spatial axes of images are pools."""

from collections.abc import Mapping

from ....ir import Op
from ....ops import math
from ....ops.math import Reduction
from ....types import DType
from ...conditions import is_f32, takes, up_to_rank
from ..formats import is_global_pool
from ..graph import Graph, MnnTable
from ..schema_enums import OpType, PoolType, ReductionType
from ..schema_parameters import Pool, ReductionParam
from .operands import INTEGERS, MAX_RANK

TABLE = MnnTable()

_NUMBERS = (DType.F32, *INTEGERS)
_REDUCTIONS: Mapping[type[Op], tuple[ReductionType, tuple[DType, ...]]] = {
    math.ReduceSum: (ReductionType.SUM, _NUMBERS),
    math.ReduceMean: (ReductionType.MEAN, (DType.F32,)),
    math.ReduceMax: (ReductionType.MAXIMUM, _NUMBERS),
    math.ReduceMin: (ReductionType.MINIMUM, _NUMBERS),
    math.ReduceProd: (ReductionType.PROD, _NUMBERS),
    # Of zeros and ones.
    math.ReduceAny: (ReductionType.MAXIMUM, (DType.BOOL,)),
    math.ReduceAll: (ReductionType.MINIMUM, (DType.BOOL,)),
}
_POOLS: Mapping[type[Op], PoolType] = {math.ReduceMean: PoolType.AVEPOOL, math.ReduceMax: PoolType.MAXPOOL}


def is_no_global_pool(op: Reduction) -> bool:
    """other axes than H and W of data [N, C, H, W]"""
    return not (op.x.type.rank == 4 and op.axes == (2, 3) and type(op) in _POOLS and op.x.type.dtype is DType.F32)


def reduces(op: Reduction) -> bool:
    """at least one axis to reduce"""
    return bool(op.axes)


def reduces_elements(op: Reduction) -> bool:
    """at least one element along the axes to reduce"""
    # Of the largest of none the runtime dies.
    return all(op.x.type.shape[axis] != 0 for axis in op.axes)


@TABLE.emits(math.ReduceMean, math.ReduceMax, when=(is_f32, is_global_pool, reduces_elements))
def global_pool(op: Reduction, graph: Graph) -> None:
    parameter = Pool(is_global=True, kernel_x=1, kernel_y=1, stride_x=1, stride_y=1, type=_POOLS[type(op)])
    graph.add(OpType.POOLING, [op.x], [op.result], parameter)


def reduction(op: Reduction, graph: Graph) -> None:
    parameter = ReductionParam(operation=_REDUCTIONS[type(op)][0], dim=list(op.axes), keep_dims=op.keep_dims)
    graph.add(OpType.REDUCTION, [op.x], [op.result], parameter)


for _op_class, (_, _dtypes) in _REDUCTIONS.items():
    _conditions = (takes(*_dtypes), reduces, reduces_elements, is_no_global_pool, up_to_rank(MAX_RANK))
    TABLE.emits(_op_class, when=_conditions)(reduction)  # type: ignore[arg-type]
