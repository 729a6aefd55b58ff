"""ONNX's elementwise operators against onnxruntime, over dtypes, opsets and broadcasting."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from tests.glmir.frontends.onnx.harness import (
    NEWEST,
    Array,
    OneNode,
    booleans,
    check,
    floats,
    integers,
    op_names,
    positive,
    reasons_of,
)

ANYWHERE = ("Abs", "Atan", "Ceil", "Cos", "Exp", "Floor", "Neg", "Sin", "Tan", "Tanh")
ANYWHERE_SINCE_9 = ("Asinh", "Cosh", "Erf", "Sign", "Sinh")
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -2.5, np.inf, -np.inf, np.nan], np.float32)


@pytest.mark.parametrize("opset", [7, 13, NEWEST])
@pytest.mark.parametrize("op_type", ANYWHERE)
def test_unary(op_type: str, opset: int) -> None:
    check(op_type, floats(3, 4), opset=opset, tolerance="approximate")


@pytest.mark.parametrize("opset", [9, 13, NEWEST])
@pytest.mark.parametrize("op_type", ANYWHERE_SINCE_9)
def test_later_unary(op_type: str, opset: int) -> None:
    check(op_type, floats(3, 4), opset=opset, tolerance="approximate")


@pytest.mark.parametrize("op_type", ["Log", "Sqrt", "Reciprocal"])
def test_unary_of_positive_numbers(op_type: str) -> None:
    check(op_type, positive(3, 4), dims={0: ["n", 4]})


@pytest.mark.parametrize("op_type", ["Acos", "Asin", "Atanh"])
def test_unary_near_zero(op_type: str) -> None:
    check(op_type, np.clip(floats(3, 4), -0.9, 0.9), tolerance="approximate")


def test_acosh() -> None:
    check("Acosh", positive(3, 4) + 1, tolerance="approximate")


@pytest.mark.parametrize("op_type", ["Abs", "Neg", "Sign", "Floor", "Ceil", "Round", "IsNaN", "IsInf", "Exp", "Erf"])
def test_unary_of_special_numbers(op_type: str) -> None:
    check(op_type, SPECIAL, tolerance="approximate")


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
@pytest.mark.parametrize("op_type", ["Abs", "Neg", "Sign"])
def test_unary_of_integers(op_type: str, dtype: Any) -> None:
    check(op_type, integers(3, 4, dtype=dtype), tolerance="exact")


@pytest.mark.parametrize("negative", [0, 1])
@pytest.mark.parametrize("positive_", [0, 1])
def test_is_inf(negative: int, positive_: int) -> None:
    check("IsInf", SPECIAL, detect_negative=negative, detect_positive=positive_)


def test_not() -> None:
    check("Not", booleans(3, 4))


@pytest.mark.parametrize("opset", [7, 13, 14, NEWEST])
@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_arithmetic(op_type: str, opset: int, dtype: Any) -> None:
    x = integers(2, 3, 4, low=-20, high=20, dtype=dtype)
    y = integers(3, 1, low=1, high=7, seed=1, dtype=dtype)
    check(op_type, x, y, opset=opset)
    check(op_type, x, -y, opset=opset, dims={0: ["n", 3, "m"]})


@pytest.mark.parametrize("op_type", ["And", "Or", "Xor"])
def test_logic(op_type: str) -> None:
    check(op_type, booleans(2, 3, 4), booleans(4, seed=1))


@pytest.mark.parametrize("op_type", ["BitwiseAnd", "BitwiseOr", "BitwiseXor"])
@pytest.mark.parametrize("dtype", [np.int32, np.uint8])
def test_bits(op_type: str, dtype: Any) -> None:
    x, y = integers(2, 3, low=0, high=100, dtype=dtype), integers(3, low=0, high=100, seed=1, dtype=dtype)
    check(op_type, x, y, opset=18)


def test_bitwise_not() -> None:
    check("BitwiseNot", integers(5, dtype=np.int32), opset=18)


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.uint64])
def test_bit_shift(direction: str, dtype: Any) -> None:
    x, y = integers(2, 3, low=0, high=200, dtype=dtype), integers(3, low=0, high=7, seed=1, dtype=dtype)
    check("BitShift", x, y, direction=direction)


def test_bit_shift_refuses_other_directions() -> None:
    x = integers(2, low=0, dtype=np.uint8)
    assert "UP" in reasons_of(OneNode("BitShift", [x, x], {"direction": "UP"}))[0]


@pytest.mark.parametrize("op_type", ["Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize("opset", [12, 13, 16, NEWEST])
def test_comparisons(op_type: str, dtype: Any, opset: int) -> None:
    check(op_type, integers(2, 3, 4, dtype=dtype), integers(3, 4, seed=1, dtype=dtype), opset=opset)


@pytest.mark.parametrize("op_type", ["Less", "Greater"])
def test_comparisons_of_opset_7(op_type: str) -> None:
    check(op_type, floats(2, 3), floats(3, seed=1), opset=7)


def test_equal_of_opset_7() -> None:
    check("Equal", integers(2, 3), integers(3, seed=1), opset=7)
    check("Equal", booleans(2, 3), booleans(3, seed=1), opset=7)


@pytest.mark.parametrize("opset", [8, 12, 13, NEWEST])
@pytest.mark.parametrize("op_type", ["Max", "Min", "Sum", "Mean"])
def test_variadic(op_type: str, opset: int) -> None:
    operands = [floats(2, 3, 4), floats(3, 1, seed=1), floats(4, seed=2)]
    for count in (1, 2, 3):
        check(op_type, *operands[:count], opset=opset)
    check(op_type, *operands, opset=opset, dims={0: ["a", 3, "b"]})


@pytest.mark.parametrize("op_type", ["Max", "Min"])
def test_extremes_of_nan_and_integers(op_type: str) -> None:
    check(op_type, SPECIAL, np.roll(SPECIAL, 3))
    check(op_type, integers(3, 4), integers(4, seed=1))


@pytest.mark.parametrize("op_type", ["Max", "Mean"])
def test_a_variadic_operator_of_one_operand_computes_nothing(op_type: str) -> None:
    assert op_names(check(op_type, floats(2))) == []


EXPONENTS: list[tuple[Array, Array]] = [
    (positive(2, 3), floats(3)),
    (floats(2, 3), np.array([2, 3, 0], np.int64)),
    (floats(2, 3), np.array([2, -1, 3], np.int32)),
    (positive(2, 3), np.array(0.5, np.float64)),
    (integers(2, 3, low=1, dtype=np.int32), np.array([2, 3, 1], np.int64)),
    (integers(2, 3, low=1, dtype=np.int64), np.array([2, 1, 0.5], np.float32)),
    (integers(2, 3, low=1, dtype=np.int32), np.array([2, 1, 0], np.int32)),
]


@pytest.mark.parametrize(("base", "exponent"), EXPONENTS)
def test_pow(base: Array, exponent: Array) -> None:
    for opset in (12, 13, 15):
        check("Pow", base, exponent, opset=opset)


def test_pow_of_opset_7() -> None:
    check("Pow", positive(2, 3), floats(3), opset=7)


@pytest.mark.parametrize("fmod", [0, 1])
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.int8])
def test_mod_of_integers(fmod: int, dtype: Any) -> None:
    x = integers(4, 5, low=-20, high=20, dtype=dtype)
    check("Mod", x, np.array([3, -3, 5, -7, 2], dtype), fmod=fmod)


@pytest.mark.parametrize("opset", [10, 13])
def test_mod_of_floats(opset: int) -> None:
    check("Mod", 5 * floats(4, 3), np.array([1.5, -2.5, 3], np.float32), fmod=1, opset=opset)


@pytest.mark.parametrize("opset", [9, 16])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_where(opset: int, dtype: Any) -> None:
    x, y = integers(3, 1, low=0, dtype=dtype), integers(4, low=0, seed=1, dtype=dtype)
    check("Where", booleans(2, 1, 4), x, y, opset=opset)


CASTS = [
    (np.float32, TensorProto.INT64),
    (np.float32, TensorProto.FLOAT16),
    (np.float32, TensorProto.DOUBLE),
    (np.float32, TensorProto.BOOL),
    (np.float64, TensorProto.INT32),
    (np.int64, TensorProto.FLOAT),
    (np.int64, TensorProto.INT32),
    (np.int64, TensorProto.INT8),
    (np.int32, TensorProto.BOOL),
    (np.bool_, TensorProto.FLOAT),
    (np.bool_, TensorProto.INT64),
]


@pytest.mark.parametrize("opset", [7, 13, 19])
@pytest.mark.parametrize(("dtype", "to"), CASTS)
def test_cast(dtype: Any, to: int, opset: int) -> None:
    check("Cast", (4 * floats(3, 4)).astype(dtype), to=to, opset=opset)


def test_a_cast_to_the_same_dtype_vanishes() -> None:
    assert op_names(check("Cast", floats(3), to=TensorProto.FLOAT)) == []


@pytest.mark.parametrize("to", [TensorProto.STRING, TensorProto.COMPLEX64, TensorProto.FLOAT8E4M3FN])
def test_casts_to_types_that_the_ir_lacks_are_refused(to: int) -> None:
    assert TensorProto.DataType.Name(to) in reasons_of(OneNode("Cast", [floats(3)], {"to": to}, opset=19))[0]


@pytest.mark.parametrize("dtype", [np.int32, np.float64, np.float32, np.bool_])
def test_cast_like(dtype: Any) -> None:
    check("CastLike", 4 * floats(3, 4), np.zeros(1, dtype))
