"""Gathering, scattering and searching in MNN, held against the interpreter."""

from collections.abc import Sequence

import numpy as np
import pytest

from glmir.dims import parse_dim
from glmir.ir import Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import ScatterReduction
from glmir.types import DType, TensorType
from tests.backends.building import module_of, sample
from tests.backends.indexing_cases import SYMBOLIC, distinct

from .harness import check_module
from .test_structure import MOVABLE, check_with

F32, I32, I64, BOOL, U8 = DType.F32, DType.I32, DType.I64, DType.BOOL, DType.U8
U0 = parse_dim("u0")

NEAR = (2**24 + np.random.default_rng(0).integers(0, 9, (3, 6, 5))).astype(np.int32)
"""Integers that are no longer told apart in single precision."""

LARGE = np.random.default_rng(0).integers(-(2**30), 2**30, (3, 6, 5)).astype(np.int32)


@pytest.mark.parametrize("dtype", MOVABLE, ids=lambda d: d.value)
def test_gather(dtype: DType) -> None:
    x = sample(dtype, (3, 4, 5))
    for axis in range(3):
        for indices in ([[0, 2], [-1, -3]], [1, 2, 2], -1, 1, []):
            for constants in ([1], [], [0]):
                operands = [x, np.array(indices, np.int64)]
                check_with(lambda x, i, a=axis: tensor.Gather(x, i, a), operands, constants, "exact")


@pytest.mark.parametrize("dtype", MOVABLE, ids=lambda d: d.value)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather_elements(dtype: DType, axis: int) -> None:
    x = sample(dtype, (3, 4, 5))
    for shape in ((3, 4, 5), (2, 2, 2)):
        indices = sample(I64, shape, -x.shape[axis], x.shape[axis] - 1)
        for constants in ([1], []):
            check_with(lambda x, i: tensor.GatherElements(x, i, axis), [x, indices], constants, "exact")


@pytest.mark.parametrize("dtype", MOVABLE, ids=lambda d: d.value)
def test_gather_nd(dtype: DType) -> None:
    x = sample(dtype, (3, 4, 5))
    for width in (1, 2, 3):
        indices = sample(I64, (2, 6, width), -3, 2)
        for constants in ([1], []):
            check_with(tensor.GatherNd, [x, indices], constants, "exact")
    check_with(lambda x, i: tensor.GatherNd(x, i, 1), [x, sample(I64, (3, 2), -4, 3)], tolerance="exact")
    check_with(lambda x, i: tensor.GatherNd(x, i, 2), [x, sample(I32, (3, 4, 1), -4, 3)], tolerance="exact")


@pytest.mark.parametrize("dtype", [F32, I32, BOOL, U8], ids=lambda d: d.value)
@pytest.mark.parametrize("reduction", ScatterReduction, ids=lambda r: r.value)
def test_scatter_nd(dtype: DType, reduction: ScatterReduction) -> None:
    x = sample(dtype, (4, 5, 3))
    for width, count in ((1, 3), (2, 6), (3, 9)):
        indices = distinct(x.shape[:width], count)
        indices[0] -= x.shape[:width]
        updates = sample(dtype, (count, *x.shape[width:]), seed=1)
        for constants in ([1], [], [0], [2]):
            check_with(lambda x, i, u: tensor.ScatterNd(x, i, u, reduction), [x, indices, updates], constants)


@pytest.mark.parametrize("reduction", [r for r in ScatterReduction if r.value != "none"], ids=lambda r: r.value)
def test_scatter_combines_what_meets(reduction: ScatterReduction) -> None:
    for dtype in (F32, I32, U8):
        operands = [sample(dtype, (4, 2)), np.array([[1], [1], [-3], [0]], np.int64), sample(dtype, (4, 2), seed=1)]
        check_with(lambda x, i, u: tensor.ScatterNd(x, i, u, reduction), operands)
        at = np.array([[1, 1, 0], [1, 1, 1]], np.int64).reshape(3, 2)
        check_with(lambda x, i, u: tensor.ScatterElements(x, i, u, 0, reduction), [operands[0], at, operands[2][:3]])
    for x in (NEAR, LARGE):
        operands = [x, np.array([[1], [1], [0]], np.int64), x[[2, 1, 0]]]
        check_with(lambda x, i, u: tensor.ScatterNd(x, i, u, reduction), operands, tolerance="exact")


@pytest.mark.parametrize("dtype", [F32, I32, BOOL], ids=lambda d: d.value)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scatter_elements(dtype: DType, axis: int) -> None:
    x = sample(dtype, (3, 4, 5))
    shape = [2, 2, 2]
    indices = np.broadcast_to(np.array([1, -1]).reshape([-1 if a == axis else 1 for a in range(3)]), shape)
    operands = [x, indices.astype(np.int64), sample(dtype, shape, seed=1)]
    for constants in ([1], []):
        check_with(lambda x, i, u: tensor.ScatterElements(x, i, u, axis), operands, constants)


@pytest.mark.parametrize("dtype", [F32, I32, BOOL], ids=lambda d: d.value)
@pytest.mark.parametrize("starts", [(0, 0, 0), (1, 2, 1), (9, -4, 9)])
def test_dynamic_update_slice(starts: Sequence[int], dtype: DType) -> None:
    for sizes in ((1, 4, 5), (3, 4, 1), (1, 2, 1), (3, 1, 5), (3, 4, 5)):
        operands = [sample(dtype, (3, 4, 5)), sample(dtype, sizes, seed=1), np.array(starts, np.int64)]
        check_with(tensor.DynamicUpdateSlice, operands, tolerance="exact")


@pytest.mark.parametrize("dtype", MOVABLE, ids=lambda d: d.value)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_hot(dtype: DType, axis: int) -> None:
    values = np.array([0, 1], dtype.numpy)
    for index_dtype in (np.int32, np.int64, np.uint8):
        indices = np.array([[0, 3], [7, 2]] if index_dtype is np.uint8 else [[0, -1, -5], [7, -9, -4]], index_dtype)
        for constants in ([1], [], [0]):
            check_with(lambda i, v: tensor.OneHot(i, v, 4, axis), [indices, values], constants, "exact")


@pytest.mark.parametrize("dtype", [F32, I32, I64], ids=lambda d: d.value)
def test_range(dtype: DType) -> None:
    for numbers in ((1, 9, 3), (5, 5, 2), (5, -2, -2)):
        operands = [np.array(v, dtype.numpy) for v in numbers]
        check_with(lambda s, e, d: tensor.Range(s, e, d, U0), operands, tolerance="exact")
    down = [np.array(v, dtype.numpy) for v in (5, -2, -2)]
    check_with(lambda s, e, d: tensor.Range(s, e, d, 4), down, [0, 2], tolerance="exact")


def test_range_of_many_fractions() -> None:
    operands = [np.array(v, np.float32) for v in (0, 1000, 0.1)]
    check_with(lambda s, e, d: tensor.Range(s, e, d, U0), operands)


@pytest.mark.parametrize("dtype", MOVABLE, ids=lambda d: d.value)
def test_non_zero(dtype: DType) -> None:
    for shape in ((7,), (3, 4), (2, 3, 2, 2)):
        check_with(lambda x: tensor.NonZero(x, U0), [sample(dtype, shape, -1, 1)], tolerance="exact")
    check_with(lambda x: tensor.NonZero(x, U0), [np.zeros((3, 4), dtype.numpy)], tolerance="exact")


@pytest.mark.parametrize("dtype", [F32, I32, BOOL], ids=lambda d: d.value)
def test_trilu(dtype: DType) -> None:
    for upper in (True, False):
        for diagonal in (-1, 0, 2):
            x = sample(dtype, (2, 3, 4))
            check_with(lambda x, k=diagonal, u=upper: tensor.Trilu(x, k, u), [x], tolerance="exact")


SEARCHED = {d.value: sample(d, (3, 6, 4)) for d in (F32, I32, U8, BOOL)} | {"near": NEAR, "large": LARGE}


@pytest.mark.parametrize("name", SEARCHED)
@pytest.mark.parametrize("largest", [True, False])
def test_top_k(name: str, largest: bool) -> None:
    """Integers have equal elements, of which the first is to be found."""
    x = SEARCHED[name]
    for axis in range(3):
        for k in (1, 2, x.shape[axis]):
            check_with(lambda x, a=axis, k=k: math.TopK(x, None, k, a, largest), [x], tolerance="exact")
    count = np.array([3], np.int64)
    check_with(lambda x, n: math.TopK(x, n, U0, 2, largest), [x, count], tolerance="exact")


def test_top_k_of_equals_of_unknown_size() -> None:
    x = Value(TensorType(F32, (3, parse_dim("n"))), "x0")
    module = module_of(math.TopK(x, None, 2, 1), [x])
    check_module(module, [{"x0": sample(I32, (3, n), 0, 2).astype(np.float32)} for n in (3, 9)], "exact")


def test_top_k_of_many_equals() -> None:
    x = sample(I32, (3, 2000)).astype(np.float32)
    for k in (300, 1024):
        check_with(lambda x, k=k: math.TopK(x, None, k, 1), [x], tolerance="exact")


@pytest.mark.parametrize("function", [math.ArgMax, math.ArgMin], ids=lambda f: f.__name__)
def test_arg(function: type[math.ArgMax]) -> None:
    for x in (sample(F32, (3, 6, 4)), sample(F32, (3, 6, 4)).round(), sample(I32, (3, 6, 4)), NEAR, LARGE):
        for axis in range(3):
            for keep_dims in (False, True):
                for last in (False, True):
                    check_with(lambda x, a=axis, k=keep_dims, s=last: function(x, a, k, s), [x], tolerance="exact")
    check_with(lambda x: function(x, 0), [sample(F32, (9,))], tolerance="exact")


@pytest.mark.parametrize("name", SYMBOLIC)
def test_symbolic(name: str) -> None:
    operands, build = SYMBOLIC[name]
    values = [Value(TensorType(dtype, tuple(shape)), f"x{i}") for i, (shape, dtype, _) in enumerate(operands)]
    cases = []
    for binding in ({"n": 2, "m": 2}, {"n": 5, "m": 3}):
        arrays = {}
        for i, (shape, dtype, limit) in enumerate(operands):
            sizes = [binding.get(str(d), d) for d in shape]
            bounds = (-limit, limit - 1) if dtype is not F32 else (-4, 4)
            arrays[f"x{i}"] = sample(dtype, sizes, *bounds, seed=i)
        cases.append(arrays)
    check_module(module_of(build(*values), values), cases)


def test_chosen_boxes() -> None:
    """A loop over the boxes that are left."""
    boxes, scores = sample(F32, (2, 9, 4), 0, 8), sample(F32, (2, 3, 9))
    overlap, limit = np.array(0.25, np.float32), np.array(2)

    def chosen(boxes: Value, scores: Value, overlap: Value, limit: Value) -> nn.NonMaxSuppression:
        return nn.NonMaxSuppression(boxes, scores, limit, overlap, None, U0)

    check_with(chosen, [boxes, scores, overlap, limit], tolerance="exact")
