"""ONNX's indexing operators against onnxruntime, over opsets, symbolic dims and bounds known only at run time."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from glmir.dims import evaluate, symbol
from glmir.ops.tensor.slicing import slice_extent
from tests.glmir.frontends.onnx.harness import (
    Array,
    OneNode,
    booleans,
    check,
    floats,
    integers,
    op_names,
    reasons_of,
)

INT_MAX = 2**63 - 1
INT_MIN = -(2**63)
INT32_MAX = 2**31 - 1


def ints(*elements: int) -> Array:
    return np.array(elements, np.int64)


# ---- Slice

SLICES: list[tuple[Sequence[int], Sequence[int], Sequence[int] | None, Sequence[int] | None]] = [
    ((1,), (3,), None, None),
    ((0, 1), (INT_MAX, 3), None, None),
    ((-3,), (-1,), (1,), None),
    ((-100,), (INT32_MAX,), (1,), None),
    ((1, 0), (INT_MAX, 4), (1, 0), (2, 3)),
    ((-1,), (INT_MIN,), (1,), (-1,)),
    ((-1,), (-100,), (0,), (-2,)),
    ((4, 3), (0, -100), (1, 0), (-3, -1)),
    ((3,), (1,), (1,), None),
    ((100,), (200,), (1,), None),
    ((INT_MAX,), (INT_MIN,), (-1,), (-1,)),
    ((2, 2), (INT_MAX, -1), (-1, -2), (1, 1)),
    ((3,), (INT_MAX,), (-1,), (-2,)),
    ((-1,), (INT32_MAX,), (0,), (-1,)),
]


@pytest.mark.parametrize(("starts", "ends", "axes", "steps"), SLICES)
def test_slice(
    starts: Sequence[int], ends: Sequence[int], axes: Sequence[int] | None, steps: Sequence[int] | None
) -> None:
    x = floats(4, 6)
    operands = [ints(*starts), ints(*ends)]
    if axes is not None:
        operands.append(ints(*axes))
    if steps is not None:
        operands.append(ints(*steps))
    for opset in (10, 13):
        constants = range(1, len(operands) + 1)
        check("Slice", x, *operands, opset=opset, constants=constants)
        check("Slice", x, *operands, opset=opset, constants=constants, dims={0: ["n", "m"]})
    check("Slice", x, *operands, constants=range(3, len(operands) + 1))
    check("Slice", x, *operands, constants=range(3, len(operands) + 1), dims={0: ["n", "m"]})
    check("Slice", x, *operands, constants=range(2, len(operands) + 1))


@pytest.mark.parametrize(("starts", "ends", "axes"), [([1], [3], None), ([0, -4], [-1, 1000], [1, 0])])
def test_slice_by_attributes(starts: list[int], ends: list[int], axes: list[int] | None) -> None:
    given = {} if axes is None else {"axes": axes}
    check("Slice", floats(4, 6), opset=7, starts=starts, ends=ends, dims={0: ["n", 6]}, **given)


def test_slice_by_narrow_integers() -> None:
    bounds = [np.array([i], np.int32) for i in (1, 3, 1, 1)]
    check("Slice", floats(4, 6), *bounds, opset=13, constants=[1, 2, 3, 4])
    check("Slice", floats(4, 6), *bounds, opset=13, constants=[3, 4])


def test_a_slice_of_everything_vanishes() -> None:
    module = check("Slice", floats(4, 6), ints(0), ints(INT_MAX), ints(0), constants=[1, 2, 3], dims={0: ["n", 6]})
    assert op_names(module) == []


@pytest.mark.parametrize(
    ("start", "end", "stride", "expected"),
    [(1, INT_MAX, 1, "f32[n - 1]"), (0, -1, 1, "f32[n - 1]"), (-1, INT_MAX, 1, "f32[1]"), (0, INT_MAX, 2, None)],
)
def test_slice_of_a_symbolic_axis(start: int, end: int, stride: int, expected: str | None) -> None:
    operands = [ints(start), ints(end), ints(0), ints(stride)]
    module = check("Slice", floats(5), *operands, constants=[1, 2, 3, 4], dims={0: ["n"]})
    assert expected is None or str(module.main.outputs[0].type) == expected


def test_bad_slices_are_refused() -> None:
    x = floats(4, 6)
    assert "0" in reasons_of(OneNode("Slice", [x, ints(0), ints(2), ints(0), ints(0)], constants=[1, 2, 3, 4]))[0]
    assert "repeat" in reasons_of(OneNode("Slice", [x, ints(0, 0), ints(2, 2), ints(0, -2)], constants=[1, 2, 3]))[0]
    assert "differ in length" in reasons_of(OneNode("Slice", [x, ints(0, 0), ints(2)], constants=[1, 2]))[0]


def numpy_extent(start: int, end: int, stride: int, dim: int) -> list[int]:
    """The positions that ONNX Slice reads: bounds are moved by the size, then clamped; all backwards ends at 0."""
    if stride < 0 and end == INT_MAX:
        end = INT_MIN
    start, end = (b + dim if b < 0 else b for b in (start, end))
    if stride > 0:
        return list(range(min(max(start, 0), dim), min(max(end, 0), dim), stride))
    return list(range(min(max(start, 0), dim - 1), min(max(end, -1), dim - 1), stride)) if dim else []


@pytest.mark.parametrize("stride", [1, 2, 3, -1, -2])
def test_extent_agrees_with_the_standard(stride: int) -> None:
    n, k = symbol("n"), symbol("k")
    bounds = [-7, -3, -1, 0, 1, 2, 5, 9, k - 3, -k, k, n - k, n - 1, n + 1, INT_MAX, INT_MIN]
    for start, end in product(bounds, bounds):
        first, size = slice_extent(start, end, stride, n)
        for n_, k_ in product((1, 2, 3, 6), (1, 2, 4, 7)):
            values = {"n": n_, "k": k_}
            expected = numpy_extent(evaluate(start, values), evaluate(end, values), stride, n_)
            assert evaluate(size, values) == len(expected), (start, end, n_, k_)
            if expected:
                assert evaluate(first, values) == expected[0], (start, end, n_, k_)


# ---- Gather and Scatter


@pytest.mark.parametrize("opset", [7, 11, 13])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_gather(opset: int, axis: int, dtype: Any) -> None:
    low = -2 if opset >= 11 else 0
    indices = integers(2, 3, low=low, high=2, dtype=dtype)
    check("Gather", floats(2, 3, 4), indices, opset=opset, axis=axis)
    check("Gather", floats(2, 3, 4), indices, opset=opset, axis=axis, constants=[1], dims={0: ["n", "m", 4]})
    check("Gather", floats(2, 3, 4), np.array(1, dtype), opset=opset, axis=axis, constants=[1])


def test_gather_along_a_negative_axis() -> None:
    check("Gather", floats(2, 3, 4), ints(0, 3), opset=13, axis=-1)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_elements(axis: int) -> None:
    for opset in (11, 13):
        check("GatherElements", floats(3, 4), integers(3, 2, low=-3, high=3), opset=opset, axis=axis)


@pytest.mark.parametrize("opset", [11, 12, 13])
def test_gather_nd(opset: int) -> None:
    check("GatherND", floats(3, 4, 5), integers(2, 2, low=-3, high=3), opset=opset)
    check("GatherND", floats(3, 4, 5), integers(2, 6, 3, low=0, high=3), opset=opset, dims={0: ["n", 4, 5]})
    if opset >= 12:
        check("GatherND", floats(2, 4, 5), integers(2, 3, 1, low=0, high=4), opset=opset, batch_dims=1)


@pytest.mark.parametrize(("op_type", "opset"), [("Scatter", 9), ("ScatterElements", 11), ("ScatterElements", 13)])
@pytest.mark.parametrize("axis", [0, 1])
def test_scatter_elements(op_type: str, opset: int, axis: int) -> None:
    indices = ints(2, 0)[:, None] if axis == 0 else ints(2, 0)[None]
    check(op_type, floats(3, 4), indices, floats(*indices.shape, seed=1), opset=opset, axis=axis)


@pytest.mark.parametrize(("reduction", "opset"), [("add", 16), ("mul", 16), ("min", 18), ("max", 18)])
def test_scatter_with_a_reduction(reduction: str, opset: int) -> None:
    indices = np.array([[0, 0, -1], [1, 2, 2]])
    check("ScatterElements", floats(3, 4), indices, floats(2, 3, seed=1), opset=opset, axis=0, reduction=reduction)
    rows = np.array([[0], [2], [0]])
    check("ScatterND", floats(3, 4), rows, floats(3, 4, seed=1), opset=opset, reduction=reduction)


@pytest.mark.parametrize("opset", [11, 13, 16, 18])
def test_scatter_nd(opset: int) -> None:
    check("ScatterND", floats(4, 5), np.array([[3], [-3]]), floats(2, 5, seed=1), opset=opset)
    check("ScatterND", floats(4, 5), np.array([[3, 1], [0, 2]]), floats(2, seed=1), opset=opset, dims={0: ["n", 5]})


def test_unknown_reductions_are_refused() -> None:
    node = OneNode("ScatterND", [floats(3), np.array([[1]]), floats(1)], {"reduction": "mean"}, opset=18)
    assert "reduction mean" in reasons_of(node)[0]


# ---- OneHot, NonZero, Compress, ReverseSequence, Trilu


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32])
def test_one_hot(axis: int, dtype: Any) -> None:
    indices = integers(2, 3, low=-4, high=7, dtype=dtype)
    for opset in (9, 11):
        for depth in (np.array(4), np.array(4, np.float32)):
            values = np.array([-1, 5], np.float32)
            check("OneHot", indices, depth, values, opset=opset, axis=axis, constants=[1, 2])


def test_one_hot_of_a_depth_in_a_list() -> None:
    check("OneHot", integers(2, 3), np.array([4]), np.array([0, 1], np.float32), constants=[1])


@pytest.mark.parametrize("x", [booleans(3, 4), integers(3, 4, low=-1, high=2), floats(5), np.zeros(3, np.float32)])
def test_non_zero(x: Array) -> None:
    for opset in (9, 13):
        check("NonZero", x, opset=opset)
        check("NonZero", x, opset=opset, constants=[0])


@pytest.mark.parametrize("attributes", [{}, {"axis": 0}, {"axis": 1}])
@pytest.mark.parametrize("constants", [[], [1]])
def test_compress(attributes: dict[str, int], constants: list[int]) -> None:
    condition = np.array([False, True, True])
    check("Compress", floats(3, 4), condition, opset=11, constants=constants, **attributes)
    check("Compress", floats(3, 4), condition, opset=11, constants=constants, dims={0: ["n", 4]}, **attributes)


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [None, -2, 0, 1, 10])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
def test_trilu(upper: int, k: int | None, dtype: Any) -> None:
    operands = [] if k is None else [np.array(k)]
    check(
        "Trilu", integers(2, 3, 4, dtype=dtype), *operands, opset=14, constants=range(1, 1 + len(operands)), upper=upper
    )
