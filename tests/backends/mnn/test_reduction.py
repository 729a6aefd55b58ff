"""Reductions and scans in MNN, held against the interpreter."""

import numpy as np
import pytest

from glmir.ops import math
from glmir.types import DType
from tests.backends.building import sample

from .test_indexing import LARGE, NEAR
from .test_structure import check_with

F32, I32, I64, U8, BOOL = DType.F32, DType.I32, DType.I64, DType.U8, DType.BOOL
REDUCTIONS = [math.ReduceSum, math.ReduceMean, math.ReduceMax, math.ReduceMin, math.ReduceProd]
AXES = [(0,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2), ()]


@pytest.mark.parametrize("dtype", [F32, I32, I64, U8], ids=lambda d: d.value)
@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_reduce(function: type[math.ReduceSum], dtype: DType) -> None:
    x = sample(dtype, (3, 2, 4), -3, 3) if dtype.is_integer else sample(dtype, (3, 2, 4), 0.5, 1.5)
    for axes in AXES:
        for keep_dims in (False, True):
            check_with(lambda x, a=axes, k=keep_dims: function(x, a, k), [x])


@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_reduce_large_integers(function: type[math.ReduceSum]) -> None:
    for x in (NEAR // 16, LARGE // 32) if function is math.ReduceMean else (NEAR, LARGE):
        for axes in ((0,), (1,), (2,), (0, 2), (0, 1, 2)):
            check_with(lambda x, a=axes: function(x, a), [x], tolerance="exact")


@pytest.mark.parametrize("function", [math.ReduceAny, math.ReduceAll], ids=lambda f: f.__name__)
def test_reduce_truth_values(function: type[math.ReduceAny]) -> None:
    for axes in AXES:
        check_with(lambda x, a=axes: function(x, a, True), [sample(BOOL, (3, 2, 4))])


@pytest.mark.parametrize("axes", [(0,), (7,), (1, 2, 5), (0, 3, 4, 6, 7), tuple(range(8))])
def test_reduce_many_axes(axes: tuple[int, ...]) -> None:
    for function in (math.ReduceSum, math.ReduceMean, math.ReduceMax):
        check_with(lambda x, f=function: f(x, axes, False), [sample(F32, (2, 1, 2, 3, 1, 2, 2, 2))])


@pytest.mark.parametrize("function", REDUCTIONS[:-1], ids=lambda f: f.__name__)
@pytest.mark.parametrize("keep_dims", [True, False])
def test_reduce_images(function: type[math.ReduceSum], keep_dims: bool) -> None:
    for dtype in (F32, I32):
        for shape, axes in (((2, 3, 7, 5), (2, 3)), ((2, 7, 5, 3), (1, 2)), ((2, 3, 7, 5), (1, 2, 3))):
            check_with(lambda x, a=axes: function(x, a, keep_dims), [sample(dtype, shape)])


@pytest.mark.parametrize("function", [math.ReduceSum, math.ReduceMean], ids=lambda f: f.__name__)
def test_long_sums(function: type[math.ReduceSum]) -> None:
    x = np.abs(sample(F32, (2, 3, 300, 400)))
    for axes in ((3,), (2, 3), (0, 2, 3), (0,)):
        check_with(lambda x, a=axes: function(x, a), [x], tolerance="f32-sums")


@pytest.mark.parametrize("dtype", [F32, I32], ids=lambda d: d.value)
def test_cum_sum(dtype: DType) -> None:
    for shape in ((3, 4, 5), (3, 1, 5)):
        for axis in range(3):
            for exclusive in (False, True):
                for backwards in (False, True):
                    check_with(
                        lambda x, a=axis, e=exclusive, r=backwards: math.CumSum(x, a, e, r), [sample(dtype, shape)]
                    )
    for x in (NEAR, LARGE):
        check_with(lambda x: math.CumSum(x, 1), [x], tolerance="exact")
