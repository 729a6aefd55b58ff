"""Matrix products of integers where a target multiplies matrices of floats alone: sums of products, all at once."""

from ...ir import Op, Value
from ...ops import math, nn
from ...rewriter import RuleSet
from .building import insert_axis
from .optional import linear_as_product, with_last_axes_exchanged

RULES = RuleSet()


@RULES.on(math.MatMul)
def product_of_integers(op: math.MatMul) -> Op | None:
    """matmul(x, y) -> reduce_sum(x[..., m, 1, k] * y[..., 1, n, k]) of integers, which wrap around alike"""
    if not op.x.type.dtype.is_integer or not op.result.type.dtype.is_integer:
        return None
    rows = with_last_axes_exchanged(op.x) if op.transpose_x else op.x
    columns = op.y if op.transpose_y else with_last_axes_exchanged(op.y)
    rank = op.result.type.rank
    products = math.Mul(insert_axis(rows, rows.type.rank - 1), insert_axis(columns, columns.type.rank - 2)).result
    return math.ReduceSum(products, (rank,), False)


@RULES.on(nn.Linear)
def linear_of_integers(op: nn.Linear) -> Value | None:
    """linear(x, w, b) -> matmul(x, transpose(w)) + b of integers"""
    return linear_as_product(op) if op.x.type.dtype.is_integer and op.x.type.quantization is None else None
