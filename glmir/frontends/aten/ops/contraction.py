"""Sums of products along named axes, and of groups of rows: einsum, tensordot, grouped products."""

from collections.abc import Sequence

from ....dims import product
from ....ir import Value
from ....ops import math, tensor
from ....types import DType
from ...einsum import EquationError
from ...einsum import einsum as contracted
from ..axes import axis_of
from ..building import as_indices, positions, transposed
from ..formulas import add, less_equal, minimum, mul
from ..registry import Table
from ..scope import Scope, cast, reshape
from ..tensors import Tensor, Unsupported, values_of

TABLE = Table()


@TABLE.imports("einsum")
def einsum(equation: str, tensors: Sequence[Tensor], *, path: object = None) -> Value:
    try:
        return contracted(equation, values_of(tensors), sums_ellipsis=True)
    except EquationError as error:
        raise Unsupported(str(error)) from error


@TABLE.imports("tensordot")
def tensordot(self: Tensor, other: Tensor, dims_self: Sequence[int], dims_other: Sequence[int]) -> Value:
    inner_x, inner_y = ([axis_of(d, t.rank) for d in dims] for t, dims in ((self, dims_self), (other, dims_other)))
    if len(inner_x) != len(inner_y):
        raise Unsupported(f"axes {inner_x} and {inner_y} do not pair up")
    rows = [a for a in range(self.rank) if a not in inner_x]
    columns = [a for a in range(other.rank) if a not in inner_y]
    inner = product(self.shape[a] for a in inner_x)
    outer = [self.shape[a] for a in rows], [other.shape[a] for a in columns]
    x = reshape(transposed(self.value, [*rows, *inner_x]), (product(outer[0]), inner))
    y = reshape(transposed(other.value, [*inner_y, *columns]), (inner, product(outer[1])))
    return reshape(math.MatMul(x, y).result, (*outer[0], *outer[1]))


@TABLE.imports("_grouped_mm")
def grouped_mm(
    scope: Scope,
    self: Tensor,
    mat2: Tensor,
    offs: Tensor | None = None,
    bias: Tensor | None = None,
    out_dtype: DType | None = None,
) -> Value:
    dtype = out_dtype or self.dtype
    x, y = cast(self.value, dtype), cast(mat2.value, dtype)
    if bias is not None:
        raise Unsupported("it has a bias")
    if offs is None:
        return math.MatMul(x, y).result
    if (self.rank, mat2.rank) != (2, 3):
        raise Unsupported(f"it groups what is no rows and a matrix for each group, but {x.type} and {y.type}")
    return _rows_by_group(scope, x, y, as_indices(offs.value))


@TABLE.imports("transformers::grouped_mm_fallback")
def grouped_mm_fallback(scope: Scope, input: Tensor, weight: Tensor, offs: Tensor) -> Value:
    return grouped_mm(scope, input, weight, offs)


def _rows_by_group(scope: Scope, x: Value, matrices: Value, ends: Value) -> Value:
    """Each row of x[rows, in] times the matrix of its group, of [groups, in, out]; group g ends before row ends[g].

    Every row meets every matrix: targets have no products of groups whose sizes only the data tells.
    """
    (rows, _), (groups, _, columns) = x.type.shape, matrices.type.shape
    dtype = ends.type.dtype
    place = positions(rows, dtype)
    is_behind = less_equal(reshape(ends, (groups, 1)), reshape(place, (1, rows)))
    group = math.ReduceSum(cast(is_behind, dtype), (0,)).result
    last = math.Sub(scope.scalar(groups, dtype), scope.scalar(1, dtype)).result
    wanted = add(mul(minimum(group, last), scope.scalar(rows, dtype)), place)
    every = math.MatMul(reshape(x, (1, *x.type.shape)), matrices).result
    return tensor.Gather(reshape(every, (product((groups, rows)), columns)), wanted, 0).result
