"""Gathering, scattering, searching and reducing in LiteRT, held against the interpreter."""

import numpy as np
import pytest

from glmir.dims import parse_dim
from glmir.ir import Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import ScatterReduction
from glmir.types import DType, TensorType
from tests.backends.building import module_of, sample
from tests.backends.indexing_cases import SYMBOLIC, distinct

from .harness import WORKER, check, to_tflite
from .test_elementwise import NUMBERS, check_with, tolerance_of
from .test_structure import MOVABLE

F32, I32, I64 = DType.F32, DType.I32, DType.I64
SUPPORTED = MOVABLE


def exactness(dtype: DType) -> str:
    return "f32" if dtype is DType.F64 else "exact"


@pytest.mark.parametrize("dtype", SUPPORTED, ids=lambda d: d.value)
def test_gather(dtype: DType) -> None:
    x = sample(dtype, (3, 4, 5))
    for index_dtype in (np.int32, np.int64):
        for axis in range(3):
            for indices in ([[0, 2], [-1, -3]], [1, 2, 2], -1, 1):
                for constants in ([1], [], [0]):
                    operands = [x, np.array(indices, index_dtype)]
                    check_with(
                        lambda x, i, a=axis: tensor.Gather(x, i, a), operands, constants, tolerance=exactness(dtype)
                    )


@pytest.mark.parametrize("dtype", SUPPORTED, ids=lambda d: d.value)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather_elements(dtype: DType, axis: int) -> None:
    x = sample(dtype, (3, 4, 5))
    for shape in ((3, 4, 5), (2, 2, 2)):
        indices = sample(I64, shape, -x.shape[axis], x.shape[axis] - 1)
        for constants in ([1], []):
            check_with(
                lambda x, i: tensor.GatherElements(x, i, axis), [x, indices], constants, tolerance=exactness(dtype)
            )


@pytest.mark.parametrize("dtype", SUPPORTED, ids=lambda d: d.value)
def test_gather_nd(dtype: DType) -> None:
    x = sample(dtype, (3, 4, 5))
    for width in (1, 2, 3):
        indices = sample(I64, (2, 6, width), -3, 2)
        for constants in ([1], []):
            check_with(tensor.GatherNd, [x, indices], constants, tolerance=exactness(dtype))
    check_with(lambda x, i: tensor.GatherNd(x, i, 1), [x, sample(I64, (3, 2), -4, 3)], tolerance=exactness(dtype))
    check_with(lambda x, i: tensor.GatherNd(x, i, 2), [x, sample(I32, (3, 4, 1), -4, 3)], tolerance=exactness(dtype))


@pytest.mark.parametrize("dtype", SUPPORTED, ids=lambda d: d.value)
@pytest.mark.parametrize("reduction", ScatterReduction, ids=lambda r: r.value)
def test_scatter_nd(dtype: DType, reduction: ScatterReduction) -> None:
    x = sample(dtype, (4, 5, 3))
    for width, count in ((1, 3), (2, 6), (3, 9)):
        indices = distinct(x.shape[:width], count)
        indices[0] -= x.shape[:width]
        updates = sample(dtype, (count, *x.shape[width:]), seed=1)
        for constants in ([1], [], [0], [2]):
            check_with(
                lambda x, i, u: tensor.ScatterNd(x, i, u, reduction), [x, indices, updates], constants,
                tolerance=tolerance_of(dtype),
            )  # fmt: skip


@pytest.mark.parametrize("reduction", [r for r in ScatterReduction if r.value != "none"], ids=lambda r: r.value)
def test_scatter_combines_what_meets(reduction: ScatterReduction) -> None:
    for dtype in (F32, I32, DType.U8):
        operands = [sample(dtype, (4, 2)), np.array([[1], [1], [-3], [0]], np.int64), sample(dtype, (4, 2), seed=1)]
        check_with(lambda x, i, u: tensor.ScatterNd(x, i, u, reduction), operands)
        at = np.array([[1, 1, 0], [1, 1, 1]], np.int64).reshape(3, 2)
        check_with(lambda x, i, u: tensor.ScatterElements(x, i, u, 0, reduction), [operands[0], at, operands[2][:3]])


@pytest.mark.parametrize("dtype", [F32, DType.F16, I32, I64, DType.BOOL], ids=lambda d: d.value)
def test_equal_updates_of_one_element_count_once(dtype: DType) -> None:
    """As in a repetition penalty, which writes the score of each token that came, however often it came."""
    x, at = sample(dtype, (2, 5)), np.array([[1, 1, 4, 1], [3, 0, -2, 3]], np.int64)
    updates = np.take_along_axis(sample(dtype, (2, 5), seed=1), at, axis=1)
    for constants in ([], [1]):
        operands, tolerance = [x, at, updates], tolerance_of(dtype)
        check_with(lambda x, i, u: tensor.ScatterElements(x, i, u, 1), operands, constants, tolerance=tolerance)


@pytest.mark.parametrize("dtype", [F32, DType.F16, I32, I64, DType.BOOL], ids=lambda d: d.value)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scatter_elements(dtype: DType, axis: int) -> None:
    x = sample(dtype, (3, 4, 5))
    shape = [2, 2, 2]
    indices = np.broadcast_to(np.array([1, -1]).reshape([-1 if a == axis else 1 for a in range(3)]), shape).astype(
        np.int64
    )
    operands = [x, indices, sample(dtype, shape, seed=1)]
    for constants in ([1], []):
        check_with(lambda x, i, u: tensor.ScatterElements(x, i, u, axis), operands, constants)


@pytest.mark.parametrize("dtype", SUPPORTED, ids=lambda d: d.value)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_hot(dtype: DType, axis: int) -> None:
    values = np.array([0, 1], dtype.numpy)
    for index_dtype in (np.int32, np.int64, np.uint8):
        indices = np.array([[0, 3], [7, 2]] if index_dtype is np.uint8 else [[0, -1], [7, -9]], index_dtype)
        for constants in ([1], []):
            check_with(
                lambda i, v: tensor.OneHot(i, v, 4, axis), [indices, values], constants, tolerance=exactness(dtype)
            )


@pytest.mark.parametrize("dtype", [*NUMBERS], ids=lambda d: d.value)
def test_range(dtype: DType) -> None:
    operands = [np.array(v, dtype.numpy) for v in (1, 9, 3)]
    check_with(lambda s, e, d: tensor.Range(s, e, d, parse_dim("u0")), operands, tolerance=exactness(dtype))
    if not dtype.is_unsigned_integer:
        down = [np.array(v, dtype.numpy) for v in (5, -2, -2)]
        check_with(lambda s, e, d: tensor.Range(s, e, d, 4), down, [0, 2], tolerance=exactness(dtype))


@pytest.mark.parametrize("dtype", SUPPORTED, ids=lambda d: d.value)
def test_non_zero(dtype: DType) -> None:
    for shape in ((7,), (3, 4), (2, 3, 2, 2)):
        check_with(lambda x: tensor.NonZero(x, parse_dim("u0")), [sample(dtype, shape, -1, 1)], tolerance="exact")


@pytest.mark.parametrize("dtype", SUPPORTED, ids=lambda d: d.value)
def test_trilu(dtype: DType) -> None:
    for upper in (True, False):
        for diagonal in (-1, 0, 2):
            x = sample(dtype, (2, 3, 4))
            check_with(lambda x, k=diagonal, u=upper: tensor.Trilu(x, k, u), [x], tolerance=exactness(dtype))


@pytest.mark.parametrize("dtype", [*NUMBERS], ids=lambda d: d.value)
@pytest.mark.parametrize("largest", [True, False])
def test_top_k(dtype: DType, largest: bool) -> None:
    x = sample(dtype, (3, 6, 4), -4, 4)
    for axis in range(3):
        check_with(lambda x, a=axis: math.TopK(x, None, 2, a, largest), [x], tolerance=exactness(dtype))
    for kind in ((3, 6), (6,)):
        check_with(lambda x: math.TopK(x, None, 2, x.type.rank - 1, largest), [sample(DType.BOOL, kind)])
    count = np.array([3], np.int64)
    check_with(lambda x, n: math.TopK(x, n, parse_dim("u0"), 2, largest), [x, count], tolerance=exactness(dtype))


@pytest.mark.parametrize("dtype", [*NUMBERS], ids=lambda d: d.value)
@pytest.mark.parametrize("function", [math.ArgMax, math.ArgMin], ids=lambda f: f.__name__)
def test_arg(function: type[math.ArgMax], dtype: DType) -> None:
    x = sample(dtype, (3, 6, 4), -3, 3)
    for axis in range(3):
        for keep_dims in (False, True):
            for last in (False, True):
                check_with(lambda x, a=axis, k=keep_dims, s=last: function(x, a, k, s), [x], tolerance="exact")


@pytest.mark.parametrize("dtype", [*NUMBERS], ids=lambda d: d.value)
def test_cum_sum(dtype: DType) -> None:
    x = sample(dtype, (3, 4, 5))
    for axis in range(3):
        for exclusive in (False, True):
            for backwards in (False, True):
                check_with(
                    lambda x, a=axis, e=exclusive, r=backwards: math.CumSum(x, a, e, r), [x],
                    tolerance=tolerance_of(dtype),
                )  # fmt: skip


REDUCTIONS = [math.ReduceSum, math.ReduceMean, math.ReduceMax, math.ReduceMin, math.ReduceProd]
AXES = [(0,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2), ()]


@pytest.mark.parametrize("dtype", [*NUMBERS], ids=lambda d: d.value)
@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_reduce(function: type[math.ReduceSum], dtype: DType) -> None:
    x = sample(dtype, (3, 2, 4), -3, 3) if dtype.is_integer else sample(dtype, (3, 2, 4), 0.5, 1.5)
    for axes in AXES:
        for keep_dims in (False, True):
            check_with(lambda x, a=axes, k=keep_dims: function(x, a, k), [x], tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("function", [math.ReduceAny, math.ReduceAll], ids=lambda f: f.__name__)
def test_reduce_truth_values(function: type[math.ReduceAny]) -> None:
    for axes in AXES:
        check_with(lambda x, a=axes: function(x, a, True), [sample(DType.BOOL, (3, 2, 4))])


@pytest.mark.parametrize("function", [math.ReduceSum, math.ReduceMean], ids=lambda f: f.__name__)
@pytest.mark.parametrize("keep_dims", [True, False])
def test_images_are_summed_up_accurately(function: type[math.ReduceSum], keep_dims: bool) -> None:
    """In one go over both axes the kernel is off by 4e-6, and squeeze-and-excite blocks multiply that."""
    x = np.random.default_rng(0).normal(5, 2, (1, 160, 160, 32)).astype(np.float32)
    module = module_of(function(Value(TensorType(F32, x.shape)), (1, 2), keep_dims))
    result = WORKER.run(to_tflite(module), {"x0": x})["y0"]
    expected = function.compute(x.astype(np.float64), axis=(1, 2), keepdims=keep_dims)
    assert np.abs(result / np.asarray(expected) - 1).max() < 1e-6


@pytest.mark.parametrize("axes", [(0,), (7,), (1, 2, 5), (0, 3, 4, 6, 7), tuple(range(8))])
def test_reduce_many_axes(axes: tuple[int, ...]) -> None:
    for function in (math.ReduceSum, math.ReduceMean, math.ReduceMax):
        check_with(lambda x, f=function: f(x, axes, False), [sample(F32, (2, 1, 2, 3, 1, 2, 2, 2))])


@pytest.mark.parametrize("name", SYMBOLIC)
def test_symbolic(name: str) -> None:
    operands, build = SYMBOLIC[name]
    for binding in ({"n": 2, "m": 2}, {"n": 5, "m": 3}):
        values = [Value(TensorType(dtype, tuple(shape)), f"x{i}") for i, (shape, dtype, _) in enumerate(operands)]
        arrays = {}
        for i, (shape, dtype, limit) in enumerate(operands):
            sizes = [binding.get(str(d), d) for d in shape]
            bounds = (-limit, limit - 1) if dtype is not F32 else (-4, 4)
            arrays[f"x{i}"] = sample(dtype, sizes, *bounds, seed=i)
        check(module_of(build(*values), values), arrays)


def test_chosen_boxes() -> None:
    """A loop over the boxes that are left."""
    boxes, scores = sample(F32, (2, 9, 4), 0, 8), sample(F32, (2, 3, 9))
    overlap, limit = np.array(0.25, np.float32), np.array(2)

    def chosen(boxes: Value, scores: Value, overlap: Value, limit: Value) -> nn.NonMaxSuppression:
        return nn.NonMaxSuppression(boxes, scores, limit, overlap, None, parse_dim("u0"))

    check_with(chosen, [boxes, scores, overlap, limit], tolerance="exact")
