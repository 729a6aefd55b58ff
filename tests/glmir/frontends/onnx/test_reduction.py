"""ONNX's reductions, scans and order statistics against onnxruntime."""

from typing import Any

import numpy as np
import pytest

from tests.glmir.frontends.onnx.harness import (
    NEWEST,
    OneNode,
    booleans,
    check,
    floats,
    integers,
    op_names,
    positive,
    reasons_of,
)

REDUCTIONS = (
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin"),
    *("ReduceProd", "ReduceSum", "ReduceSumSquare"),
)
AXES: tuple[list[int] | None, ...] = (None, [0], [-1], [1, 2], [2, 0], [-3, 1])
SYMBOLIC: dict[int, list[int | str | None]] = {0: ["n", 3, "m"]}


def axes_form(op_type: str, opset: int, axes: list[int] | None) -> dict[str, Any]:
    """How an opset gives the axes: as attribute, or as a second operand."""
    if axes is None:
        return {}
    return {"second": np.array(axes)} if opset >= (13 if op_type == "ReduceSum" else 18) else {"axes": axes}


@pytest.mark.parametrize("opset", [7, 12, 13, 18, 20, NEWEST])
@pytest.mark.parametrize("op_type", REDUCTIONS)
def test_reductions(op_type: str, opset: int) -> None:
    x = positive(2, 3, 4)
    for axes in AXES:
        form = axes_form(op_type, opset, axes)
        operands = [x, form.pop("second")] if "second" in form else [x]
        for keepdims in (0, 1):
            check(op_type, *operands, opset=opset, constants=range(1, len(operands)), keepdims=keepdims, **form)
        check(op_type, *operands, opset=opset, constants=range(1, len(operands)), dims=SYMBOLIC, **form)


@pytest.mark.parametrize("op_type", sorted(set(REDUCTIONS) - {"ReduceLogSum", "ReduceLogSumExp", "ReduceL2"}))
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_reductions_of_integers(op_type: str, dtype: Any) -> None:
    check(op_type, integers(2, 3, 4, dtype=dtype), axes_form("", 18, [1])["second"], opset=18, constants=[1])
    check(op_type, integers(5, dtype=dtype), opset=18)


def test_l2_of_integers() -> None:
    check("ReduceL2", np.array([[3, 4], [6, 8]], np.int32), np.array([1]), opset=18, constants=[1])


@pytest.mark.parametrize("op_type", ["ReduceSum", "ReduceMax", "ReduceMean"])
@pytest.mark.parametrize("axes", [None, np.array([], np.int64)])
@pytest.mark.parametrize("noop", [0, 1])
def test_empty_axes(op_type: str, axes: Any, noop: int) -> None:
    operands = [floats(2, 3)] if axes is None else [floats(2, 3), axes]
    module = check(op_type, *operands, opset=18, constants=range(1, len(operands)), noop_with_empty_axes=noop)
    assert (op_names(module) == []) == bool(noop)


@pytest.mark.parametrize("op_type", ["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceSumSquare", "ReduceLogSumExp"])
def test_composed_reductions_over_no_axes_keep_the_rest(op_type: str) -> None:
    check(op_type, positive(2, 3), opset=28, noop_with_empty_axes=1)


@pytest.mark.parametrize("op_type", ["ReduceMax", "ReduceMin"])
def test_reductions_of_truth_values(op_type: str) -> None:
    check(op_type, booleans(3, 4), np.array([1]), opset=20, constants=[1])


@pytest.mark.parametrize("op_type", ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2"])
def test_reductions_of_scalars(op_type: str) -> None:
    check(op_type, positive(), opset=17)


def test_log_sum_exp_does_not_overflow() -> None:
    check("ReduceLogSumExp", np.array([[1000, 1000.5], [-1000, -1001]], np.float32), axes=[1])


def test_log_sum_exp_of_infinities() -> None:
    x = np.array([[-np.inf, -np.inf], [-np.inf, 1]], np.float32)
    check("ReduceLogSumExp", x, axes=[1])


def test_axes_outside_the_rank_are_refused() -> None:
    assert "axis 2 is outside rank 2" in reasons_of(OneNode("ReduceMax", [floats(2, 3)], {"axes": [2]}, opset=11))[0]


@pytest.mark.parametrize("opset", [7, 11, 12, 13])
@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
def test_arg_extremes(op_type: str, opset: int) -> None:
    x = integers(3, 4, 5, low=0, high=3).astype(np.float32)
    for axis in (0, 1, 2, *((-1, -3) if opset >= 11 else ())):
        for keepdims in (0, 1):
            check(op_type, x, opset=opset, axis=axis, keepdims=keepdims)
    check(op_type, x, opset=opset, dims={0: ["n", "m", 5]})
    if opset >= 12:
        check(op_type, x, opset=opset, axis=1, select_last_index=1)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_cum_sum(exclusive: int, reverse: int) -> None:
    for axis in (0, 1, -1):
        for opset in (11, 14):
            for x in (floats(3, 4), integers(3, 4)):
                check(
                    "CumSum",
                    x,
                    np.array(axis),
                    constants=[1],
                    opset=opset,
                    exclusive=exclusive,
                    reverse=reverse,
                    dims={0: ["n", "m"]},
                )


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("length", [1, 2, 5, 8])
def test_cum_prod(exclusive: int, reverse: int, length: int) -> None:
    x = positive(2, length)
    check("CumProd", x, np.array(1), constants=[1], opset=26, exclusive=exclusive, reverse=reverse)


def test_cum_prod_over_a_symbolic_axis_is_refused() -> None:
    node = OneNode("CumProd", [floats(3), np.array(0)], opset=26, constants=[1], dims={0: ["n"]})
    assert "symbolic" in reasons_of(node)[0]


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_top_k(largest: int, axis: int) -> None:
    x = integers(4, 5, low=0, high=6).astype(np.float32)
    check("TopK", x, np.array([3]), constants=[1], opset=11, axis=axis, largest=largest, outputs=2)
    check("TopK", x, np.array([3]), constants=[1], opset=11, axis=axis, largest=largest, outputs=2, dims={0: ["n", 5]})


def test_top_k_of_older_opsets() -> None:
    check("TopK", floats(4, 5), opset=7, k=2, outputs=2)
    check("TopK", floats(4, 5), opset=9, k=2, axis=0, outputs=2)
    check("TopK", floats(4, 5), np.array([2]), opset=10, constants=[1], outputs=2)


def test_top_k_of_integers() -> None:
    check("TopK", integers(4, 9), np.array([4]), constants=[1], outputs=2)


def test_top_k_whose_count_depends_on_the_data() -> None:
    module = check("TopK", floats(4, 5), np.array([2]), outputs=2)
    assert str(module.main.outputs[0].type) == "f32[4, u0]"
