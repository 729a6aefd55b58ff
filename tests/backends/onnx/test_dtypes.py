"""Elementwise ops, moves and reductions on every dtype, most of which onnxruntime has a kernel for only in part."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.backends.onnx.opsets import NEWEST_OPSET
from glmir.ir import Array, Op, Value
from glmir.ops import math, nn, tensor
from glmir.types import DType, TensorType
from tests.backends.building import module_of, sample
from tests.backends.elementwise_cases import (
    ARITHMETIC,
    BITWISE,
    COMPARISONS,
    DOMAINS,
    FLOAT_ACTIVATIONS,
    FLOAT_FUNCTIONS,
    NUMBER_ACTIVATIONS,
    NUMBER_FUNCTIONS,
    PARAMETRIC,
    operands_of,
)
from tests.backends.onnx.harness import check_model
from tests.backends.structure_cases import MOVES

FLOATS = (DType.F16, DType.F32, DType.F64)
INTEGERS = tuple(d for d in DType if d.is_integer and d.bits >= 8)
NUMBERS = (*FLOATS, *INTEGERS)
MOVABLE = (*NUMBERS, DType.BOOL)


def by_value(dtype: DType) -> str:
    return dtype.value


def tolerance_of(dtype: DType) -> str:
    # Where no kernel takes doubles they are computed in single precision.
    return {DType.F16: "f16", DType.F64: "f32"}.get(dtype, "f32" if dtype.is_float else "exact")


def check_on(build: Callable[..., Op], *arrays: Array, tolerance: str = "exact", opset: int = NEWEST_OPSET) -> None:
    inputs = [Value(TensorType(DType.of(a.dtype), a.shape), f"x{i}") for i, a in enumerate(arrays)]
    module = module_of(build(*inputs), inputs)
    check_model(module, [{f"x{i}": a for i, a in enumerate(arrays)}], tolerance, opset)


@pytest.mark.parametrize("dtype", FLOATS, ids=by_value)
@pytest.mark.parametrize("function", [*FLOAT_FUNCTIONS, *FLOAT_ACTIVATIONS], ids=lambda f: f.__name__)
def test_function_of_floats(function: type[Op], dtype: DType) -> None:
    x = sample(dtype, (2, 3, 50), *DOMAINS.get(function, (-8, 8)))
    check_on(function, x, tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", NUMBERS, ids=by_value)
@pytest.mark.parametrize("function", [*NUMBER_FUNCTIONS, *NUMBER_ACTIVATIONS], ids=lambda f: f.__name__)
def test_function_of_numbers(function: type[Op], dtype: DType) -> None:
    check_on(function, sample(dtype, (2, 3, 10), -9, 9), tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", FLOATS, ids=by_value)
@pytest.mark.parametrize("name", PARAMETRIC)
def test_function_with_parameters(name: str, dtype: DType) -> None:
    check_on(PARAMETRIC[name], sample(dtype, (3, 40), -8, 8), tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", NUMBERS, ids=by_value)
@pytest.mark.parametrize("function", [*ARITHMETIC, *COMPARISONS], ids=lambda f: f.__name__)
def test_binary(function: type[Op], dtype: DType) -> None:
    check_on(function, *operands_of(function, dtype, (2, 3, 4), (3, 1)), tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", INTEGERS, ids=by_value)
@pytest.mark.parametrize("function", BITWISE, ids=lambda f: f.__name__)
def test_bitwise(function: type[Op], dtype: DType) -> None:
    check_on(function, *operands_of(function, dtype, (2, 3, 4), (4,)))


@pytest.mark.parametrize("dtype", FLOATS, ids=by_value)
@pytest.mark.parametrize("function", [math.IsNan, math.IsInf], ids=lambda f: f.__name__)
def test_predicate(function: type[Op], dtype: DType) -> None:
    check_on(function, np.array([0, 1, np.nan, np.inf, -np.inf], dtype.numpy))


@pytest.mark.parametrize("dtype", MOVABLE, ids=by_value)
@pytest.mark.parametrize("name", MOVES)
def test_move(name: str, dtype: DType) -> None:
    check_on(MOVES[name], sample(dtype, (2, 3, 4)))


@pytest.mark.parametrize("target", MOVABLE, ids=by_value)
@pytest.mark.parametrize("source", MOVABLE, ids=by_value)
def test_cast(source: DType, target: DType) -> None:
    # What a negative float becomes as an unsigned integer, C does not say.
    low = 0 if source.is_float and target.is_unsigned_integer else -4
    check_on(lambda x: tensor.Cast(x, target), sample(source, (3, 8), low, 4), tolerance="f32")


REDUCTIONS: dict[str, Callable[[Value], Op]] = {
    "sum": lambda x: math.ReduceSum(x, (0, 2)),
    "mean": lambda x: math.ReduceMean(x, (1,), True),
    "max": lambda x: math.ReduceMax(x, (1, 2)),
    "min": lambda x: math.ReduceMin(x, (0,)),
    "prod": lambda x: math.ReduceProd(x, (2,)),
    "arg max": lambda x: math.ArgMax(x, 2),
    "arg min": lambda x: math.ArgMin(x, 0),
    "cum sum": lambda x: math.CumSum(x, 1),
    "top k": lambda x: math.TopK(x, None, 3, 2),
}


@pytest.mark.parametrize("dtype", NUMBERS, ids=by_value)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(name: str, dtype: DType) -> None:
    check_on(REDUCTIONS[name], sample(dtype, (2, 3, 4), -9, 9), tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", MOVABLE, ids=by_value)
def test_select(dtype: DType) -> None:
    condition, x, y = sample(DType.BOOL, (2, 1)), sample(dtype, (3,), seed=1), sample(dtype, (), seed=2)
    check_on(math.Select, condition, x, y)


@pytest.mark.parametrize("dtype", MOVABLE, ids=by_value)
def test_bounds_of_wide_integers(dtype: DType) -> None:
    if dtype.is_integer:
        x = np.array([dtype.lowest, dtype.lowest + 1, 0, 1, dtype.highest - 1, dtype.highest], dtype.numpy)
        for function in (math.Maximum, math.Minimum, math.Less, math.Equal):
            check_on(function, x, x[::-1].copy())
        # onnxruntime 1.31 compares the lower halves only of i64, and computes u32 there.
        if dtype.bits < 32 or dtype is DType.I32:
            check_on(lambda x: math.ReduceMax(x, (0,)), x)


@pytest.mark.parametrize(
    "function", [nn.Relu, nn.Softmax, math.Exp, math.Add, tensor.Reshape], ids=lambda f: f.__name__
)
def test_bfloat16_inside(function: type[Op]) -> None:
    def build(x: Value) -> Op:
        half = tensor.Cast(x, DType.BF16).result
        arguments = {nn.Softmax: (half, 1), math.Add: (half, half), tensor.Reshape: (half, None, (8, 3))}
        return tensor.Cast(function(*arguments.get(function, (half,))).result, DType.F32)

    check_on(build, sample(DType.F32, (3, 8)), tolerance="bf16")


@pytest.mark.parametrize("opset", [13, NEWEST_OPSET])
@pytest.mark.parametrize("dtype", NUMBERS, ids=by_value)
def test_relu_then_clamp(dtype: DType, opset: int) -> None:
    """onnxruntime fuses the two, and fails on most dtypes when it does."""
    check_on(
        lambda x: math.Clamp(nn.Relu(x).result, 0.0, 2.0),
        sample(dtype, (2, 8)),
        tolerance=tolerance_of(dtype),
        opset=opset,
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda x: math.ArgMax(x, 1, index_dtype=DType.I32),
        lambda x: math.TopK(x, None, 2, 1, index_dtype=DType.I32),
        lambda x: tensor.Shape(x, DType.I32),
    ],
    ids=["arg_max", "top_k", "shape"],
)
def test_positions_in_32_bits(build: Callable[[Value], Op]) -> None:
    check_on(build, sample(DType.F32, (3, 4)))
