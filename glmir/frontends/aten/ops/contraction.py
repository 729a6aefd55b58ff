"""Sums of products along named axes: einsum, tensordot."""

from collections.abc import Sequence

from ....dims import product
from ....ir import Value
from ....ops import math
from ...einsum import EquationError
from ...einsum import einsum as contracted
from ..axes import axis_of
from ..building import transposed
from ..registry import Table
from ..scope import reshape
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
