"""Integers of 32 and 64 bits over their whole range in LiteRT, held against the interpreter."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.ir import Array, Op, Value
from glmir.ops import math, tensor
from glmir.ops.enums import Activation
from glmir.types import DType
from tests.backends.elementwise_cases import BITWISE, COMPARISONS

from .test_elementwise import check_with

I64, U64, U32 = DType.I64, DType.U64, DType.U32
ARITHMETIC = [math.Add, math.Sub, math.Mul, math.Div, math.FloorMod, math.Fmod, math.Maximum, math.Minimum]
DIVISIONS = (math.Div, math.FloorMod, math.Fmod)
SHIFTS = (math.ShiftLeft, math.ShiftRight)


def whole_range(dtype: DType, count: int, seed: int = 0) -> Array:
    """Numbers of every magnitude, the extremes and the smallest among them."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(dtype.lowest, dtype.highest, count, dtype.numpy.type, endpoint=True)
    numbers >>= rng.integers(0, dtype.bits, count).astype(dtype.numpy)
    numbers[:4] = [dtype.highest, dtype.lowest, 1, 3]
    return numbers


@pytest.mark.parametrize("dtype", [I64, U64, U32], ids=lambda d: d.value)
@pytest.mark.parametrize("function", [*ARITHMETIC, *COMPARISONS, *BITWISE], ids=lambda f: f.__name__)
def test_binary(function: type[Op], dtype: DType) -> None:
    x, y = whole_range(dtype, 64), whole_range(dtype, 64, seed=1)
    if function in DIVISIONS:
        # The least number over -1 is none.
        y[:2], y[y == 0] = 7, 1
    if function in SHIFTS:
        # Each number by a place of its own, and all by the largest.
        y = (np.arange(64) % dtype.bits).astype(dtype.numpy)
        check_with(function, [x, np.full_like(y, dtype.bits - 1)], tolerance="exact")
        # Beyond the width is what the sign alone gives.
        beyond = np.array([dtype.bits, dtype.highest, dtype.lowest, 5] * 16, dtype.numpy)
        check_with(function, [x, beyond], tolerance="exact")
    check_with(function, [x, y], tolerance="exact")


@pytest.mark.parametrize("dtype", [I64, U64, U32, DType.I16, DType.U16, DType.I8, DType.U8], ids=lambda d: d.value)
@pytest.mark.parametrize("function", [math.Add, math.Sub, math.Mul], ids=lambda f: f.__name__)
def test_activation_of_what_has_wrapped(function: type[math.Add], dtype: DType) -> None:
    for activation in (Activation.RELU, Activation.RELU6):
        operands = [whole_range(dtype, 64), whole_range(dtype, 64, seed=1)]
        check_with(lambda x, y, a=activation: function(x, y, a), operands, tolerance="exact")


LINES: dict[str, Callable[[Value], Op]] = {
    "not": math.BitwiseNot,
    "sum": lambda x: math.ReduceSum(x, (1,), True),
    "product": lambda x: math.ReduceProd(x, (1,), True),
    "max": lambda x: math.ReduceMax(x, (1,), True),
    "min": lambda x: math.ReduceMin(x, (1,), True),
    "first max": lambda x: math.ArgMax(x, 1),
    "last min": lambda x: math.ArgMin(x, 1, select_last=True),
    "largest": lambda x: math.TopK(x, None, 3, 1),
    "smallest": lambda x: math.TopK(x, None, 3, 1, largest=False),
    "cumulated": lambda x: math.CumSum(x, 1),
}


@pytest.mark.parametrize("dtype", [I64, U64, U32], ids=lambda d: d.value)
@pytest.mark.parametrize("name", LINES)
def test_line(name: str, dtype: DType) -> None:
    check_with(LINES[name], [whole_range(dtype, 64).reshape(8, 8)], tolerance="exact")


@pytest.mark.parametrize("dtype", [I64, U64, U32], ids=lambda d: d.value)
def test_pow(dtype: DType) -> None:
    x = np.arange(64, dtype=dtype.numpy)
    x = np.where(x % 2 == 1, -x.astype(np.int64), x).astype(dtype.numpy)
    exponents = (np.arange(64) % 12).astype(dtype.numpy)
    check_with(math.Pow, [x, exponents], tolerance="exact")
    check_with(math.Pow, [x, np.array(5, dtype.numpy)], [1], tolerance="exact")
    ones = np.array([0, 1, -1, -1], np.int64).astype(dtype.numpy)
    check_with(math.Pow, [ones, np.array([64, 1000, 64, 1001], dtype.numpy)], tolerance="exact")


@pytest.mark.parametrize("dtype", [I64, U64, U32], ids=lambda d: d.value)
@pytest.mark.parametrize("target", [d for d in DType if d.bits >= 8], ids=lambda d: d.value)
def test_cast(target: DType, dtype: DType) -> None:
    x = whole_range(dtype, 64)
    if target in (DType.F16, DType.BF16):
        x = x % np.array(1 << 15, dtype.numpy)
    check_with(lambda v: tensor.Cast(v, target), [x], tolerance="f32" if target.is_float else "exact")


def test_sizes_are_divided_in_32_bits() -> None:
    """What comes off a shape needs none of the exact division's many ops."""
    x = np.zeros((9, 4), np.float32)
    check_with(lambda v: math.Div(tensor.Shape(v).result, tensor.Shape(v).result), [x], tolerance="exact")
