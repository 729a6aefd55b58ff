"""Elementwise ops, held against the interpreter: every op by dtype, and operands by shape and kind."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from glmir.ir import Array, Op
from glmir.ops import math, tensor
from glmir.ops.enums import Activation
from glmir.types import DType
from glmir.weights import Weight
from tests.backends.building import argument, sample
from tests.backends.coreml.harness import check_module, check_op
from tests.backends.elementwise_cases import (
    ARITHMETIC,
    BITWISE,
    BROADCASTS,
    COMPARISONS,
    DOMAINS,
    FLOAT_FUNCTIONS,
    LOGICAL,
    NUMBER_FUNCTIONS,
    module_on,
    operands_of,
)

F32, F16, I32 = DType.F32, DType.F16, DType.I32
FLOATS = (F32, F16)
INTEGERS = (I32, DType.I64, DType.I8, DType.U8)
NUMBERS = (*FLOATS, *INTEGERS)


def tolerance_of(dtype: DType) -> str:
    return "f16" if dtype is F16 else "f32" if dtype.is_float else "exact"


def check_with(
    build: Callable[..., Op], arrays: Sequence[Array], constants: Sequence[int] = (), tolerance: str | None = None
) -> None:
    """Runs ``build`` on the arrays, of which those at ``constants`` are constants of the module."""
    module, inputs = module_on(build, arrays, constants)
    check_module(module, inputs, tolerance=tolerance or tolerance_of(DType.of(arrays[-1].dtype)))


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", FLOAT_FUNCTIONS, ids=lambda f: f.__name__)
def test_function_of_floats(function: type[Op], dtype: DType) -> None:
    check_with(function, [sample(dtype, (2, 3, 50), *DOMAINS.get(function, (-8, 8)))])


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", NUMBER_FUNCTIONS, ids=lambda f: f.__name__)
def test_function_of_numbers(function: type[Op], dtype: DType) -> None:
    check_with(function, [sample(dtype, (2, 3, 10), -9, 9)])


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
def test_logarithm_and_root_of_zero(dtype: DType) -> None:
    for function in (math.Log, math.Rsqrt, math.Reciprocal):
        check_with(function, [np.array([0, 1, 2], dtype.numpy)])


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
def test_round_takes_halves_to_even(dtype: DType) -> None:
    check_with(math.Round, [np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5], dtype.numpy)], tolerance="exact")


@pytest.mark.parametrize("function", [math.IsNan, math.IsInf])
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
def test_predicate(function: type[Op], dtype: DType) -> None:
    check_with(function, [np.array([0, 1, np.nan, np.inf, -np.inf], dtype.numpy)])


LIMITS = {
    "both": (-2.0, 3.0),
    "below": (0.0, np.inf),
    "above": (-np.inf, 1.0),
    "none": (-np.inf, np.inf),
    "beyond halves": (0.0, 1e5),
    "one": (2.0, 2.0),
}


@pytest.mark.parametrize("dtype", [*FLOATS, I32, DType.I64], ids=lambda d: d.value)
@pytest.mark.parametrize("limits", LIMITS)
def test_clamp(limits: str, dtype: DType) -> None:
    check_with(lambda x: math.Clamp(x, *LIMITS[limits]), [sample(dtype, (3, 40), -8, 8)])


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", [*ARITHMETIC, *COMPARISONS], ids=lambda f: f.__name__)
def test_binary(function: type[Op], dtype: DType) -> None:
    check_with(function, operands_of(function, dtype, (2, 3, 4), (2, 3, 4)))
    check_with(function, operands_of(function, dtype, (2, 3, 4), ()), [1])


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", BITWISE, ids=lambda f: f.__name__)
def test_bitwise(function: type[Op], dtype: DType) -> None:
    check_with(function, operands_of(function, dtype, (2, 3, 4), (2, 3, 4)))
    check_with(function, operands_of(function, dtype, (2, 3, 4), (4,)))
    check_with(function, operands_of(function, dtype, (2, 3, 4), ()), [1])
    check_with(function, operands_of(function, dtype, (2, 1, 2, 1, 3), (1, 2, 1, 1, 3)))


EXTREMES = np.array([0, 1, -1, 2**31 - 1, -(2**31), 0x55555555, -0x55555556, 65535, 65536, -65536], np.int32)


@pytest.mark.parametrize("function", [math.BitwiseAnd, math.BitwiseOr, math.BitwiseXor], ids=lambda f: f.__name__)
def test_all_bits(function: type[Op]) -> None:
    check_with(function, [EXTREMES[:, None], EXTREMES])


@pytest.mark.parametrize("function", [math.ShiftLeft, math.ShiftRight], ids=lambda f: f.__name__)
def test_all_shifts(function: type[Op]) -> None:
    for constants in ([], [1]):
        check_with(function, [EXTREMES[:, None], np.arange(32, dtype=np.int32)], constants)
        check_with(function, [EXTREMES[:, None], np.arange(8, dtype=np.int32)], constants)
        # What is no number of places leaves no bits.
        check_with(function, [EXTREMES[:, None], np.array([-(2**31), -33, -1, 32, 33, 2**31 - 1], np.int32)], constants)


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.value)
def test_bitwise_not(dtype: DType) -> None:
    check_with(math.BitwiseNot, [sample(dtype, (2, 3))])


@pytest.mark.parametrize("function", [*LOGICAL, *COMPARISONS], ids=lambda f: f.__name__)
def test_truth_values(function: type[Op]) -> None:
    check_with(function, [sample(DType.BOOL, (2, 8)), sample(DType.BOOL, (8,), seed=1)])


def test_logical_not() -> None:
    check_with(math.LogicalNot, [sample(DType.BOOL, (2, 8))])


@pytest.mark.parametrize("layout", BROADCASTS)
@pytest.mark.parametrize("function", [*ARITHMETIC, math.Less, math.Equal], ids=lambda f: f.__name__)
def test_broadcast(function: type[Op], layout: str) -> None:
    for dtype in (F32, I32):
        operands = operands_of(function, dtype, *BROADCASTS[layout])
        for constants in ([], [0], [1]):
            check_with(function, operands, constants)


def test_integers_divide_towards_zero() -> None:
    x, y = np.meshgrid(np.arange(-7, 8, dtype=np.int32), np.array([-3, -2, -1, 1, 2, 3], np.int32))
    check_with(math.Div, [x, y])
    check_op(math.Div(math.Abs(argument(4, dtype=I32)).result, tensor.Constant(Weight(np.array(3, np.int32))).result),
             writes="abs floor_div", tolerance="exact")  # fmt: skip


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.RELU6])
@pytest.mark.parametrize("dtype", [F32, I32, DType.I8], ids=lambda d: d.value)
@pytest.mark.parametrize("function", [math.Add, math.Sub, math.Mul, math.Div], ids=lambda f: f.__name__)
def test_fused_activation(function: type[math.Add], dtype: DType, activation: Activation) -> None:
    check_with(lambda x, y: function(x, y, activation), operands_of(function, dtype, (3, 8), (8,)))


@pytest.mark.parametrize("dtype", [*NUMBERS, DType.BOOL], ids=lambda d: d.value)
def test_select(dtype: DType) -> None:
    for shapes in (((2, 3), (2, 3), (2, 3)), ((2, 1), (3,), ()), ((), (2, 3), (2, 3)), ((3,), (2, 1), (2, 3))):
        condition, x, y = (
            sample(d, s, seed=i) for i, (d, s) in enumerate(zip((DType.BOOL, dtype, dtype), shapes, strict=True))
        )
        check_with(math.Select, [condition, x, y], tolerance="exact")
        check_with(math.Select, [condition, x, y], [1, 2], tolerance="exact")


@pytest.mark.parametrize("dtype", [F32, I32, DType.BOOL], ids=lambda d: d.value)
def test_select_by_a_larger_condition_of_unknown_size(dtype: DType) -> None:
    x, y = (tensor.Constant(Weight(np.asarray(v, dtype.numpy))).result for v in (1, 0))
    condition = argument("n", 1, "m", dtype=DType.BOOL)
    check_op(math.Select(condition, x, y), {"n": 1, "m": 3}, {"n": 4, "m": 1}, tolerance="exact")


CASTS = [F32, F16, I32, DType.BOOL, DType.I64, DType.U8, DType.F64]


@pytest.mark.parametrize("target", CASTS, ids=lambda d: d.value)
@pytest.mark.parametrize("source", CASTS, ids=lambda d: d.value)
def test_cast(source: DType, target: DType) -> None:
    low = 0 if target is DType.U8 else -4
    check_with(lambda x: tensor.Cast(x, target), [sample(source, (2, 7), low, 4)], tolerance="f16")


@pytest.mark.parametrize("dtype", [F32, I32], ids=lambda d: d.value)
def test_unknown_sizes(dtype: DType) -> None:
    check_op(math.Add(argument("n", 3, dtype=dtype), argument("n", 1, dtype=dtype)), {"n": 1}, {"n": 4})
    check_op(math.Abs(argument("n", "m", dtype=dtype)), {"n": 1, "m": 2}, {"n": 4, "m": 3})
