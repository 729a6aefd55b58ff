"""Transposes that take less time as two."""

from math import prod

from ...ir import Op
from ...ops import tensor
from ...rewriter import RuleSet
from ...types import DType

RULES = RuleSet(is_optional=True)
"""For what is legal already."""

MOST_ROWS = 3
"""XNNPACK swaps squares of at least 4 x 4: of matrices of fewer rows most of each is empty. Two rows take half
as long again as two transposes of the whole, three a fifth longer, four the same."""

FEWEST_ELEMENTS = 2**15
"""Of fewer the time that is saved, at most 10 microseconds, is not worth an operator."""


@RULES.on(tensor.Transpose)
def transpose_of_low_matrices(op: tensor.Transpose) -> Op | None:
    """transpose(x[p, a, b], [0, 2, 1]) -> transpose(transpose(x, [2, 1, 0]), [2, 0, 1]) for many p and a of 2 or 3"""
    rank, permutation = op.x.type.rank, op.permutation
    before = next((i for i, axis in enumerate(permutation) if i != axis), rank)
    if before in (0, rank) or op.x.type.stored is not DType.F32 or not op.x.type.is_static:
        return None
    outer, moved = tuple(range(before)), permutation[before]
    rows, columns = tuple(range(before, moved)), tuple(range(moved, rank))
    if permutation != (*outer, *columns, *rows):
        return None
    count, height, width = (prod(op.x.type.static_shape[axis] for axis in axes) for axes in (outer, rows, columns))
    if not 1 < height <= MOST_ROWS or not height < width <= count or count * height * width < FEWEST_ELEMENTS:
        return None
    whole = tensor.Transpose(op.x, (*columns, *rows, *outer)).result
    return tensor.Transpose(whole, (*range(rank - before, rank), *range(rank - before)))
