"""Elementwise ops in LiteRT, held against the interpreter: every op by dtype, and operands by shape and kind."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from glmir.dims import symbol
from glmir.ir import Array, Op, Value
from glmir.ops import math, nn
from glmir.ops.enums import Activation
from glmir.types import DType, TensorType
from tests.backends.building import module_of, sample
from tests.backends.elementwise_cases import (
    ARITHMETIC,
    BITWISE,
    BROADCASTS,
    COMPARISONS,
    DOMAINS,
    FLOAT_ACTIVATIONS,
    FLOAT_FUNCTIONS,
    LOGICAL,
    NUMBER_ACTIVATIONS,
    NUMBER_FUNCTIONS,
    PARAMETRIC,
    module_on,
    operands_of,
)

from .harness import check

F32, F16, F64 = DType.F32, DType.F16, DType.F64
INTEGERS = (DType.I8, DType.U8, DType.I16, DType.U16, DType.I32, DType.U32, DType.I64)
FLOATS = (F32, F16, F64)
NUMBERS = (*FLOATS, *INTEGERS)


def tolerance_of(dtype: DType) -> str:
    # Doubles are computed in single precision.
    return {F16: "f16", F64: "f32"}.get(dtype, "f32" if dtype.is_float else "exact")


def check_with(
    build: Callable[..., Op], arrays: Sequence[Array], constants: Sequence[int] = (), **options: str
) -> None:
    """Runs ``build`` on the arrays, of which those at ``constants`` are constants of the module."""
    check(*module_on(build, arrays, constants), **options)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", [*FLOAT_FUNCTIONS, *FLOAT_ACTIVATIONS], ids=lambda f: f.__name__)
def test_function_of_floats(function: type[Op], dtype: DType) -> None:
    x = sample(dtype, (2, 3, 50), *DOMAINS.get(function, (-8, 8)))
    check_with(function, [x], tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", [*NUMBER_FUNCTIONS, *NUMBER_ACTIVATIONS], ids=lambda f: f.__name__)
def test_function_of_numbers(function: type[Op], dtype: DType) -> None:
    check_with(function, [sample(dtype, (2, 3, 10), -9, 9)], tolerance=tolerance_of(dtype))


def test_round_takes_halves_to_even() -> None:
    check_with(math.Round, [np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5], np.float32)], tolerance="exact")


@pytest.mark.parametrize("function", [math.IsNan, math.IsInf])
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
def test_predicate(function: type[Op], dtype: DType) -> None:
    check_with(function, [np.array([0, 1, np.nan, np.inf, -np.inf], dtype.numpy)])


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
@pytest.mark.parametrize("name", PARAMETRIC)
def test_function_with_parameters(name: str, dtype: DType) -> None:
    check_with(PARAMETRIC[name], [sample(dtype, (3, 40), -8, 8)], tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", [d for d in INTEGERS if not d.is_unsigned_integer], ids=lambda d: d.value)
@pytest.mark.parametrize("name", ["clamp", "relu", "relu6", "relu_0_to_1"])
def test_clamp_of_integers(name: str, dtype: DType) -> None:
    check_with(PARAMETRIC[name], [sample(dtype, (3, 5), -8, 8)])


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", [*ARITHMETIC, *COMPARISONS], ids=lambda f: f.__name__)
def test_binary(function: type[Op], dtype: DType) -> None:
    operands = operands_of(function, dtype, (2, 3, 4), (2, 3, 4))
    check_with(function, operands, tolerance=tolerance_of(dtype))
    check_with(function, operands_of(function, dtype, (2, 3, 4), ()), [1], tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", BITWISE, ids=lambda f: f.__name__)
def test_bitwise(function: type[Op], dtype: DType) -> None:
    check_with(function, operands_of(function, dtype, (2, 3, 4), (2, 3, 4)))
    check_with(function, operands_of(function, dtype, (2, 3, 4), (4,)))
    check_with(function, operands_of(function, dtype, (2, 3, 4), ()), [1])


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.value)
def test_bitwise_not(dtype: DType) -> None:
    check_with(math.BitwiseNot, [sample(dtype, (2, 3))])


@pytest.mark.parametrize("function", [*LOGICAL, *COMPARISONS], ids=lambda f: f.__name__)
def test_truth_values(function: type[Op]) -> None:
    check_with(function, [sample(DType.BOOL, (2, 8)), sample(DType.BOOL, (8,), seed=1)])


def test_logical_not() -> None:
    check_with(math.LogicalNot, [sample(DType.BOOL, (2, 8))])


LAYOUTS = BROADCASTS | {
    "rank 6": ((2, 1, 2, 1, 3, 1), (1, 2, 1, 2, 1, 2)),
    "rank 8": ((2, 1, 2, 1, 3, 1, 2, 1), (1, 2, 1, 2, 1, 2, 1, 2)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("function", [*ARITHMETIC, math.Less, math.Equal], ids=lambda f: f.__name__)
def test_broadcast(function: type[Op], layout: str) -> None:
    for dtype in (F32, DType.I32, DType.I64):
        operands = operands_of(function, dtype, *LAYOUTS[layout])
        for constants in ([], [0], [1]):
            check_with(function, operands, constants, tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.RELU6])
@pytest.mark.parametrize("dtype", [F32, F16, DType.I32, DType.I64, DType.I8], ids=lambda d: d.value)
@pytest.mark.parametrize("function", [math.Add, math.Sub, math.Mul, math.Div], ids=lambda f: f.__name__)
def test_fused_activation(function: type[math.Add], dtype: DType, activation: Activation) -> None:
    operands = operands_of(function, dtype, (3, 8), (8,))
    check_with(lambda x, y: function(x, y, activation), operands, tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", [*NUMBERS, DType.BOOL, DType.U64], ids=lambda d: d.value)
def test_select(dtype: DType) -> None:
    for shapes in (((2, 3), (2, 3), (2, 3)), ((2, 1), (3,), ()), ((), (2, 3), (2, 3)), ((3,), (2, 1), (2, 3))):
        condition, x, y = (
            sample(d, s, seed=i) for i, (d, s) in enumerate(zip((DType.BOOL, dtype, dtype), shapes, strict=True))
        )
        check_with(math.Select, [condition, x, y], tolerance="exact")
        check_with(math.Select, [condition, x, y], [1, 2], tolerance="exact")


@pytest.mark.parametrize("slope", [(2, 3, 4, 5), (5,), (), (3, 1, 1), (4, 1), (1, 1, 5), (2, 1, 1, 1)], ids=str)
def test_p_relu(slope: tuple[int, ...]) -> None:
    for dtype in (F32, F16):
        operands = [sample(dtype, (2, 3, 4, 5)), sample(dtype, slope, 0.1, 0.9)]
        check_with(nn.PRelu, operands, [1], tolerance=tolerance_of(dtype))
        check_with(nn.PRelu, operands, tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("function", [math.Add, math.Maximum, math.Less, math.FloorMod], ids=lambda f: f.__name__)
def test_dynamic_shapes(function: type[Op]) -> None:
    for size in (1, 2, 7):
        x, y = Value(TensorType(F32, (symbol("n"), 1, 4))), Value(TensorType(F32, (3, 1)))
        inputs = {"x0": sample(F32, (size, 1, 4)), "x1": sample(F32, (3, 1), 1, 4)}
        check(module_of(function(x, y)), inputs)


@pytest.mark.parametrize("function", [math.Erf, math.Atan, nn.Mish, nn.Softplus, nn.Gelu], ids=lambda f: f.__name__)
def test_function_of_dynamic_shape(function: type[Op]) -> None:
    for size in (1, 5):
        x = Value(TensorType(F32, (symbol("n"), 3)))
        check(module_of(function(x)), {"x0": sample(F32, (size, 3))})
