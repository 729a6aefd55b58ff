"""Gathering, scattering, counting and finding elements: what is written, run, and held against the interpreter."""

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pytest

from glmir.dims import Dim, parse_dim, symbol
from glmir.ir import Array, Op, Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import ScatterReduction
from glmir.types import DType
from tests.backends.building import argument, constant, module_of, weight

from .harness import check_module, check_op

BOOL, F16, F32, I32, I64 = DType.BOOL, DType.F16, DType.F32, DType.I32, DType.I64
DTYPES = (F32, F16, I32, BOOL)
VERSIONS = (15, 16, 17, 18)
N: Dim = parse_dim("n")


def check_indexed(op: Op, data: Mapping[str, Array], version: int = 16) -> None:
    check_module(module_of(op), data, tolerance="exact", version=version)


def positions(*shape: int, limit: int = 3) -> Array:
    """Indices from either end."""
    return np.random.default_rng(0).integers(-limit, limit, shape)


def data(dtype: DType, *shape: int) -> Array:
    elements = np.random.default_rng(1).integers(-9, 10, shape)
    return (elements > 0 if dtype is BOOL else elements).astype(dtype.numpy)


GATHERS: dict[str, tuple[Callable[[Value, Value], Op], tuple[int, ...]]] = {
    "gather": (lambda x, i: tensor.Gather(x, i, 1), (2, 2)),
    "gather of a scalar": (lambda x, i: tensor.Gather(x, i, 1), ()),
    "gather_elements": (lambda x, i: tensor.GatherElements(x, i, 1), (3, 2, 5)),
    "gather_elements of a part": (lambda x, i: tensor.GatherElements(x, i, 1), (2, 2, 5)),
    "gather_nd": (lambda x, i: tensor.GatherNd(x, i), (4, 2)),
    "gather_nd in batches": (lambda x, i: tensor.GatherNd(x, i, 1), (3, 2, 1)),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.value)
@pytest.mark.parametrize("name", GATHERS)
def test_gather(name: str, dtype: DType, version: int) -> None:
    build, shape = GATHERS[name]
    arrays = {"x0": data(dtype, 3, 4, 5), "x1": positions(*shape)}
    check_indexed(build(argument(3, 4, 5, dtype=dtype), argument(*shape, dtype=I64)), arrays, version)


@pytest.mark.parametrize("name", GATHERS)
def test_gather_at_constant_positions(name: str) -> None:
    build, shape = GATHERS[name]
    check_op(build(argument(3, 4, 5), constant(np.asarray(positions(*shape)))), tolerance="exact")


def test_gather_from_a_symbolic_axis() -> None:
    gathered = tensor.Gather(argument("n", 4), argument(3, dtype=I64), 0)
    check_indexed(gathered, {"x0": data(F32, 5, 4), "x1": positions(3, limit=5)})
    gathered_nd = tensor.GatherNd(argument("n", 4, 3), argument(5, 2, dtype=I64))
    check_indexed(gathered_nd, {"x0": data(F32, 5, 4, 3), "x1": positions(5, 2, limit=4)})


# Truth values are only written or added up.
SCATTERS = [*product((F32, I32), ScatterReduction), (BOOL, ScatterReduction.NONE), (BOOL, ScatterReduction.ADD)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("dtype", "reduction"), SCATTERS, ids=lambda d: d.value)
def test_scatter(dtype: DType, reduction: ScatterReduction, version: int) -> None:
    rows = constant(np.array([[1, -2], [2, 0]]))
    scattered = tensor.ScatterNd(argument(3, 4, 5, dtype=dtype), rows, argument(2, 5, dtype=dtype), reduction)
    check_op(scattered, version=version)
    along = constant(np.array([[1, -2, 0, 2]]))
    elements = tensor.ScatterElements(argument(3, 4, dtype=dtype), along, argument(1, 4, dtype=dtype), 0, reduction)
    check_op(elements, version=version)


def test_scatter_of_fewer_elements() -> None:
    few = constant(np.array([[1, -2, 0]]))
    check_op(tensor.ScatterElements(argument(3, 4), few, argument(1, 3), 0), tolerance="exact")


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.value)
@pytest.mark.parametrize("upper", (True, False))
@pytest.mark.parametrize("diagonal", (-1, 0, 1))
def test_trilu(diagonal: int, upper: bool, dtype: DType) -> None:
    check_op(tensor.Trilu(argument(2, 4, 5, dtype=dtype), diagonal, upper), tolerance="exact")
    symbolic = tensor.Trilu(argument("n", "n", dtype=dtype), diagonal, upper)
    check_op(symbolic, {"n": 4}, {"n": 2}, tolerance="exact")


def test_triangles_are_bands() -> None:
    check_op(tensor.Trilu(argument(4, 5), -1, True), writes="band_part", tolerance="exact")
    check_op(tensor.Trilu(argument(4, 5), 1, False), writes="band_part", tolerance="exact")


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.value)
def test_non_zero(dtype: DType) -> None:
    found = tensor.NonZero(argument("n", 4, dtype=dtype), symbol("u0"))
    check_indexed(found, {"x0": data(dtype, 3, 4)})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("largest", (True, False))
def test_top_k(largest: bool, version: int) -> None:
    check_op(math.TopK(argument(3, 6), None, 2, 0, largest), version=version, tolerance="exact")
    everything = math.TopK(argument("n", 6), None, N, 0, largest)
    check_op(everything, {"n": 4}, version=version, tolerance="exact")
    half = math.TopK(argument("n", 6), None, N // 2, 0, largest)
    check_op(half, {"n": 5}, version=version, tolerance="exact")


def test_top_k_of_a_computed_count() -> None:
    top = math.TopK(argument(3, 6), argument(1, dtype=I64), symbol("u0"), 1)
    values = np.random.default_rng(0).permutation(18).reshape(3, 6).astype(np.float32)
    check_indexed(top, {"x0": values, "x1": np.array([2])})


@pytest.mark.parametrize("version", (16, 17))
@pytest.mark.parametrize("dtype", (F32, I32), ids=lambda d: d.value)
def test_last_extreme(dtype: DType, version: int) -> None:
    check_op(math.ArgMax(argument(3, 30, dtype=dtype), 1, False, True), version=version, tolerance="exact")


@pytest.mark.parametrize("dtype", (F32, F16, I32), ids=lambda d: d.value)
def test_range(dtype: DType) -> None:
    start, limit, delta = (constant(np.array(n, dtype.numpy)) for n in (1, 7, 2))
    check_op(math.Add(tensor.Range(start, limit, delta, 3).result, argument(3, dtype=dtype)), tolerance="exact")


def test_range_up_to_a_size() -> None:
    sizes = tensor.Slice(tensor.Shape(argument("n", 3)).result, (0,), (1,), (1,)).result
    limit = tensor.Reshape(sizes, None, ()).result
    zero, one = (constant(np.array(n)) for n in (0, 1))
    check_op(tensor.Range(zero, limit, one, N), {"n": 4}, {"n": 1}, tolerance="exact")


@pytest.mark.parametrize("axis", (0, 1, 2))
@pytest.mark.parametrize("values", ([0.0, 1.0], [True, False], [3, -1]), ids=("f32", "bool", "i64"))
def test_one_hot(values: list[float], axis: int) -> None:
    array = np.array(values)
    array = array.astype(np.float32) if array.dtype == np.float64 else array
    hot = tensor.OneHot(argument(3, 4, dtype=I64), constant(array), 5, axis)
    # Some of them lie in no row.
    check_indexed(hot, {"x0": positions(3, 4, limit=7)})


def test_one_hot_of_positions_within() -> None:
    found = math.ArgMax(argument(3, 4), 1).result
    check_op(tensor.OneHot(found, weight(2), 4, 1), writes="reduce_argmax one_hot", tolerance="exact")


def test_one_hot_of_a_symbolic_depth() -> None:
    found = math.ArgMax(argument(3, "n"), 1).result
    check_op(tensor.OneHot(found, weight(2), N, 1), {"n": 4}, tolerance="exact")


def test_one_hot_of_computed_values() -> None:
    hot = tensor.OneHot(argument(3, 4, dtype=I64), argument(2), 5, 1)
    check_indexed(hot, {"x0": positions(3, 4, limit=7), "x1": data(F32, 2)})


def test_chosen_boxes() -> None:
    """A loop over the boxes that are left."""
    limit, overlap = constant(np.array(2)), constant(np.array(0.25, np.float32))
    boxes, scores = argument(1, "n", 4), argument(1, 3, "n")
    chosen = nn.NonMaxSuppression(boxes, scores, limit, overlap, None, symbol("u0"))
    check_indexed(chosen, {"x0": data(F32, 1, 9, 4), "x1": data(F32, 1, 3, 9)})
