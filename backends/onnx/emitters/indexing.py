"""Gathering and scattering, counting and finding."""

from collections.abc import Mapping

from ....ops import tensor
from ....ops.enums import ScatterReduction
from ....types import DType
from ...conditions import counts_in_i64, knows_depth
from ..graph import Graph, OnnxTable
from .operands import emits, i64

TABLE = OnnxTable()


@emits(TABLE, "Gather", tensor.Gather)
def gather(op: tensor.Gather, graph: Graph) -> None:
    graph.add("Gather", [op.x, op.indices], [op.result], axis=op.axis)


@emits(TABLE, "GatherElements", tensor.GatherElements)
def gather_elements(op: tensor.GatherElements, graph: Graph) -> None:
    graph.add("GatherElements", [op.x, op.indices], [op.result], axis=op.axis)


def has_i64_indices(op: tensor.GatherNd | tensor.ScatterNd) -> bool:
    """indices of i64"""
    return op.indices.type.dtype is DType.I64


def has_no_batch(op: tensor.GatherNd) -> bool:
    """no batch dims"""
    return op.batch_dims == 0


@emits(TABLE, "GatherND", tensor.GatherNd, when=(has_i64_indices,), since=12)
@emits(TABLE, "GatherND", tensor.GatherNd, when=(has_i64_indices, has_no_batch))
def gather_nd(op: tensor.GatherNd, graph: Graph) -> None:
    batch = {"batch_dims": op.batch_dims} if op.batch_dims else {}
    graph.add("GatherND", [op.x, op.indices], [op.result], **batch)


Scatter = tensor.ScatterElements | tensor.ScatterNd
_REDUCES_BY_SUM_OR_PRODUCT = 16
_REDUCES_BY_EXTREMA = 18


def replaces(op: Scatter) -> bool:
    """no reduction"""
    return op.reduction is ScatterReduction.NONE


def adds_or_multiplies(op: Scatter) -> bool:
    """no reduction, or sums and products"""
    return op.reduction in (ScatterReduction.NONE, ScatterReduction.ADD, ScatterReduction.MUL)


def has_scatter_kernel(op: Scatter) -> bool:
    """no reduction of halves, or of truth values to an extreme"""
    if op.x.type.dtype in (DType.F16, DType.BF16):
        return op.reduction is ScatterReduction.NONE
    is_extreme = op.reduction in (ScatterReduction.MIN, ScatterReduction.MAX)
    return op.x.type.dtype is not DType.BOOL or not is_extreme


def _reduction(op: Scatter) -> Mapping[str, str]:
    return {} if op.reduction is ScatterReduction.NONE else {"reduction": op.reduction.value}


@emits(TABLE, "ScatterElements", tensor.ScatterElements, when=(has_scatter_kernel,), since=_REDUCES_BY_EXTREMA)
@emits(
    TABLE,
    "ScatterElements",
    tensor.ScatterElements,
    when=(has_scatter_kernel, adds_or_multiplies),
    since=_REDUCES_BY_SUM_OR_PRODUCT,
)
@emits(TABLE, "ScatterElements", tensor.ScatterElements, when=(replaces,))
def scatter_elements(op: tensor.ScatterElements, graph: Graph) -> None:
    graph.add("ScatterElements", [op.x, op.indices, op.updates], [op.result], axis=op.axis, **_reduction(op))


@emits(TABLE, "ScatterND", tensor.ScatterNd, when=(has_i64_indices, has_scatter_kernel), since=_REDUCES_BY_EXTREMA)
@emits(
    TABLE,
    "ScatterND",
    tensor.ScatterNd,
    when=(has_i64_indices, has_scatter_kernel, adds_or_multiplies),
    since=_REDUCES_BY_SUM_OR_PRODUCT,
)
@emits(TABLE, "ScatterND", tensor.ScatterNd, when=(has_i64_indices, replaces))
def scatter_nd(op: tensor.ScatterNd, graph: Graph) -> None:
    graph.add("ScatterND", [op.x, op.indices, op.updates], [op.result], **_reduction(op))


def takes_i64(op: tensor.OneHot) -> bool:
    """indices of i64"""
    return op.indices.type.dtype is DType.I64


def has_axes(op: tensor.OneHot) -> bool:
    """at least one axis of indices"""
    return op.indices.type.rank > 0


@emits(TABLE, "OneHot", tensor.OneHot, when=(takes_i64, has_axes, knows_depth), operand=1)
def one_hot(op: tensor.OneHot, graph: Graph) -> None:
    assert isinstance(op.depth, int)
    graph.add("OneHot", [op.indices, i64(op.depth), op.values], [op.result], axis=op.axis)


@emits(TABLE, "Range", tensor.Range)
def range_(op: tensor.Range, graph: Graph) -> None:
    graph.add("Range", [op.start, op.limit, op.delta], [op.result])


@emits(TABLE, "NonZero", tensor.NonZero, when=(counts_in_i64,))
def non_zero(op: tensor.NonZero, graph: Graph) -> None:
    graph.add("NonZero", [op.x], [op.result])
