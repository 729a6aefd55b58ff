"""Reductions, scans and sorting, held against the interpreter."""

import numpy as np
import pytest

from glmir.ir import Op
from glmir.ops import math
from glmir.types import DType
from tests.backends.building import argument, module_of, sample
from tests.backends.coreml.harness import check_module, check_op

F32, F16, I32 = DType.F32, DType.F16, DType.I32
REDUCTIONS = [math.ReduceSum, math.ReduceMax, math.ReduceMin, math.ReduceProd, math.ReduceMean]


@pytest.mark.parametrize("dtype", [F32, F16, I32, DType.I64], ids=lambda d: d.value)
@pytest.mark.parametrize("reduction", REDUCTIONS, ids=lambda r: r.__name__)
def test_reduction(reduction: type[math.Reduction], dtype: DType) -> None:
    tolerance = {F16: "f16", F32: "f32-sums"}.get(dtype, "exact")
    for axes, keep_dims in (((2,), False), ((1, 3), True), ((0, 1, 2, 3), False), ((), False)):
        check_op(reduction(argument(2, 3, 2, 2, dtype=dtype), axes, keep_dims), tolerance=tolerance)


@pytest.mark.parametrize("reduction", [math.ReduceSum, math.ReduceMean], ids=lambda r: r.__name__)
@pytest.mark.parametrize("dtype", [F32, I32], ids=lambda d: d.value)
def test_reduction_of_unknown_size(reduction: type[math.Reduction], dtype: DType) -> None:
    tolerance = "f32-sums" if dtype is F32 else "exact"
    check_op(reduction(argument("n", 3, "m", dtype=dtype), (0, 2), False), {"n": 1, "m": 5}, {"n": 3, "m": 1},
             tolerance=tolerance)  # fmt: skip


@pytest.mark.parametrize("reduction", [math.ReduceAny, math.ReduceAll], ids=lambda r: r.__name__)
def test_reduction_of_truth_values(reduction: type[math.Reduction]) -> None:
    for axes in ((0,), (1,), (0, 1)):
        check_op(reduction(argument(3, 2, dtype=DType.BOOL), axes, False))


@pytest.mark.parametrize("version", [16, 17])
@pytest.mark.parametrize("index_dtype", [DType.I64, I32], ids=lambda d: d.value)
@pytest.mark.parametrize("reduction", [math.ArgMax, math.ArgMin], ids=lambda r: r.__name__)
def test_arg_reduction(reduction: type[math.ArgReduction], index_dtype: DType, version: int) -> None:
    for dtype in (F32, F16, I32):
        for keep_dims in (False, True):
            op = reduction(argument(4, 7, dtype=dtype), 1, keep_dims, False, index_dtype)
            check_op(op, version=version)


def test_the_last_of_equal_elements() -> None:
    x = sample(I32, (5, 9), 0, 3)
    check_module(module_of(math.ArgMax(argument(5, 9, dtype=I32), 1, False, True)), {"x0": x})
    op: Op = math.ArgMax(argument("n", 4, dtype=I32), 0, False, True)
    check_op(op, {"n": 1}, {"n": 12})


@pytest.mark.parametrize("dtype", [F32, I32, DType.I64], ids=lambda d: d.value)
def test_cumulative_sum(dtype: DType) -> None:
    for exclusive in (False, True):
        for reverse in (False, True):
            check_op(math.CumSum(argument(3, 5, dtype=dtype), 1, exclusive, reverse))


@pytest.mark.parametrize("version", [15, 16, 17])
@pytest.mark.parametrize("dtype", [F32, I32], ids=lambda d: d.value)
def test_top_k(dtype: DType, version: int) -> None:
    for largest in (True, False):
        check_op(math.TopK(argument("n", 20), None, 4, 1, largest), {"n": 3}, version=version)
    distinct = np.random.default_rng(0).permutation(20).astype(dtype.numpy)
    check_module(module_of(math.TopK(argument(20, dtype=dtype), None, 20, 0)), {"x0": distinct}, version=version)
