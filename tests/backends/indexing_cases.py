"""Ops that gather, scatter and search, as the differential tests of several targets try them."""

from collections.abc import Callable, Sequence

import numpy as np

from glmir.ir import Array, Op, Value
from glmir.ops import math, tensor
from glmir.ops.enums import ScatterReduction
from glmir.types import DType
from tests.backends.building import constant
from tests.backends.structure_cases import M, N

F32, I32, I64 = DType.F32, DType.I32, DType.I64


def distinct(shape: Sequence[int], count: int, seed: int = 0) -> Array:
    """Rows that index single elements of a tensor of ``shape``, all different."""
    flat = np.random.default_rng(seed).permutation(int(np.prod(shape)))[:count]
    return np.stack(np.unravel_index(flat, shape), -1).astype(np.int64)


def _off_and_on() -> Value:
    return constant(np.array([0, 1], np.float32))


SYMBOLIC: dict[str, tuple[list[tuple[Sequence[object], DType, int]], Callable[..., Op]]] = {
    "gather": ([((N, 4), F32, 0), ((M, 2), I64, 2)], lambda x, i: tensor.Gather(x, i, 0)),
    "gather last": ([((4, N), F32, 0), ((M,), I32, 2)], lambda x, i: tensor.Gather(x, i, 1)),
    "gather elements": ([((N, 4), F32, 0), ((N, 2), I64, 4)], lambda x, i: tensor.GatherElements(x, i, 1)),
    "gather elements of first": ([((N, 4), F32, 0), ((M, 4), I64, 2)], lambda x, i: tensor.GatherElements(x, i, 0)),
    "gather nd": ([((N, M, 3), F32, 0), ((5, 2), I64, 2)], tensor.GatherNd),
    "gather nd in batches": ([((N, 4, 3), F32, 0), ((N, 2, 1), I64, 4)], lambda x, i: tensor.GatherNd(x, i, 1)),
    "scatter nd": (
        [((N, 3), F32, 0), ((M, 1), I64, 2), ((M, 3), F32, 0)],
        lambda x, i, u: tensor.ScatterNd(x, i, u, ScatterReduction.ADD),
    ),
    "scatter nd of largest": (
        [((N, 3), F32, 0), ((M, 1), I64, 2), ((M, 3), F32, 0)],
        lambda x, i, u: tensor.ScatterNd(x, i, u, ScatterReduction.MAX),
    ),
    "scatter nd of products": (
        [((N, M, 2), F32, 0), ((5, 2), I64, 2), ((5, 2), F32, 0)],
        lambda x, i, u: tensor.ScatterNd(x, i, u, ScatterReduction.MUL),
    ),
    "scatter elements": (
        [((N, 4), F32, 0), ((N, 1), I64, 4), ((N, 1), F32, 0)],
        lambda x, i, u: tensor.ScatterElements(x, i, u, 1),
    ),
    "one hot": ([((N,), I64, 4)], lambda i: tensor.OneHot(i, _off_and_on(), 4, 1)),
    "one hot of symbolic depth": (
        [((N,), I64, 2), ((M, 1), F32, 0)],
        lambda i, _: tensor.OneHot(i, _off_and_on(), M, 1),
    ),
    "trilu": ([((2, N, M), F32, 0)], lambda x: tensor.Trilu(x, 1, True)),
    "tril": ([((N, N), F32, 0)], lambda x: tensor.Trilu(x, 0, False)),
    "top k": ([((3, N), F32, 0)], lambda x: math.TopK(x, None, 2, 1)),
    "top k symbolic": ([((3, N), F32, 0)], lambda x: math.TopK(x, None, N // 2, 1)),
    "arg max": ([((N, M), F32, 0)], lambda x: math.ArgMax(x, 0, True, True)),
    "cum sum": ([((N, M), F32, 0)], lambda x: math.CumSum(x, 0)),
    "mean of integers": ([((N, M, 3), I32, 9)], lambda x: math.ReduceMean(x, (0, 1), False)),
    "gather at the last of the smallest": (
        [((4,), I32, 4)],
        lambda x: tensor.GatherNd(x, math.ArgMin(x, 0, True, True).result),
    ),
    "reduce": ([((N, M, 3), F32, 0)], lambda x: math.ReduceMean(x, (0, 1), False)),
}
"""By name the operands, each a shape, a dtype and a limit of indices, and the op on them."""
