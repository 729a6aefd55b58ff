"""Quantiles."""

from ....dims import Dim
from ....ir import Value
from ....ops import math, tensor
from ....ops.inference import without_axes
from ....types import DType
from ...layers import scalar
from ..axes import axis_of
from ..registry import Table
from ..scope import Scope, cast, expand, reshape
from ..tensors import Tensor, Unsupported
from .statistics import nan_where_any, smallest, sorted_numbers

TABLE = Table()


@TABLE.imports("quantile")
def quantile(
    scope: Scope,
    self: Tensor,
    q: Tensor | float,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Value:
    x, axis = _with_axis(self.value, dim)
    length = x.type.shape[axis]
    ordered, _ = smallest(scope, x, length, axis)
    last = scope.scalar(length - 1, x.type.dtype)
    found = _interpolated(ordered, axis, math.Mul(_shares(q, x, axis), last).result, interpolation)
    return _placed(nan_where_any(x, axis, True, found), self, q, dim, keepdim)


@TABLE.imports("nanquantile")
def nanquantile(
    scope: Scope,
    self: Tensor,
    q: Tensor | float,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Value:
    x, axis = _with_axis(self.value, dim)
    ordered, _, count = sorted_numbers(scope, x, axis)
    last = cast(math.Maximum(math.Sub(count, scalar(1, count)).result, scalar(0, count)).result, x.type.dtype)
    found = _interpolated(ordered, axis, math.Mul(_shares(q, x, axis), last).result, interpolation)
    is_empty = math.Equal(count, scalar(0, count)).result
    return _placed(math.Select(is_empty, scalar(float("nan"), x), found).result, self, q, dim, keepdim)


def _with_axis(x: Value, dim: int | None) -> tuple[Value, int]:
    """x and the axis that the quantiles are of: all elements in a row if none is named."""
    if not x.type.dtype.is_float:
        raise Unsupported(f"it takes floats, not {x.type}")
    if dim is None or not x.type.rank:
        return reshape(x, (x.type.elements,)), 0
    return x, axis_of(dim, x.type.rank)


def _shares(q: Tensor | float, x: Value, axis: int) -> Value:
    """q along the axis."""
    shares = q.value if isinstance(q, Tensor) else scalar(q, x)
    count = shares.type.elements
    return reshape(shares, tuple(count if i == axis else 1 for i in range(x.type.rank)))


def _interpolated(ordered: Value, axis: int, ranks: Value, interpolation: str) -> Value:
    """What stands at the ranks, which are no integers, of elements in ascending order."""
    shape = tuple(ranks.type.shape[i] if i == axis else d for i, d in enumerate(ordered.type.shape))

    def at(rank: Value) -> Value:
        return tensor.GatherElements(ordered, expand(cast(rank, DType.I64), shape), axis).result

    below, above = math.Floor(ranks).result, math.Ceil(ranks).result
    match interpolation:
        case "lower":
            return at(below)
        case "higher":
            return at(above)
        case "nearest":
            return at(math.Round(ranks).result)
        case "midpoint":
            weight = scalar(0.5, ranks)
        case "linear":
            weight = math.Sub(ranks, below).result
        case _:
            raise Unsupported(f"there is no interpolation {interpolation!r}")
    first = at(below)
    return math.Add(first, math.Mul(math.Sub(at(above), first).result, weight).result).result


def _placed(found: Value, self: Tensor, q: Tensor | float, dim: int | None, keep_dims: bool) -> Value:
    """The quantiles in the shape that PyTorch gives them: those of a vector q stand in front."""
    rank = self.rank
    axis = 0 if dim is None or not rank else axis_of(dim, rank)
    axes = range(rank) if dim is None else (axis,)
    rest: tuple[Dim, ...] = without_axes(self.shape, axes, keep_dims)
    if not isinstance(q, Tensor) or not q.rank:
        return reshape(found, rest)
    others = (i for i in range(found.type.rank) if i != axis)
    return reshape(tensor.Transpose(found, (axis, *others)).result, (*q.shape, *rest))
