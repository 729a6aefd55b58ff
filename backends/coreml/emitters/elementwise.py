"""Elementwise arithmetic, logic, comparisons, selection, casts."""

from collections.abc import Mapping

import numpy as np

from ....ir import Array, Op, Value
from ....ops import math, tensor
from ....ops.inference import broadcast
from ....ops.math import Binary, Unary
from ....passes.lowering.ranges import is_nonnegative_at_run_time
from ....types import DType
from ...conditions import has_no_activation, takes
from ..program import CoremlTable, Program
from .conditions import BOOL, F16, F32, FLOATS, I32, NUMBERS, is_float, is_number, is_number_or_bool

TABLE = CoremlTable()

CAST_NAMES: Mapping[DType, str] = {
    BOOL: "bool",
    I32: "int32",
    F16: "fp16",
    F32: "fp32",
    DType.I8: "int8",
    DType.U8: "uint8",
}

_UNARY: Mapping[type[Op], tuple[str, tuple[DType, ...]]] = {
    math.Abs: ("abs", NUMBERS),
    math.Sign: ("sign", NUMBERS),
    math.Square: ("square", NUMBERS),
    math.Floor: ("floor", FLOATS),
    math.Ceil: ("ceil", FLOATS),
    math.Round: ("round", FLOATS),
    math.Exp: ("exp", FLOATS),
    math.Sqrt: ("sqrt", FLOATS),
    math.Sin: ("sin", FLOATS),
    math.Cos: ("cos", FLOATS),
    math.Tan: ("tan", FLOATS),
    math.Asin: ("asin", FLOATS),
    math.Acos: ("acos", FLOATS),
    math.Atan: ("atan", FLOATS),
    math.Sinh: ("sinh", FLOATS),
    math.Cosh: ("cosh", FLOATS),
    math.Tanh: ("tanh", FLOATS),
    math.Atanh: ("atanh", FLOATS),
    math.Erf: ("erf", FLOATS),
    math.LogicalNot: ("logical_not", (BOOL,)),
}
_BINARY: Mapping[type[Op], tuple[str, tuple[DType, ...]]] = {
    math.Pow: ("pow", NUMBERS),
    math.Maximum: ("maximum", NUMBERS),
    math.Minimum: ("minimum", NUMBERS),
    math.FloorMod: ("mod", NUMBERS),
    math.LogicalAnd: ("logical_and", (BOOL,)),
    math.LogicalOr: ("logical_or", (BOOL,)),
    math.LogicalXor: ("logical_xor", (BOOL,)),
    math.Equal: ("equal", NUMBERS),
    math.NotEqual: ("not_equal", NUMBERS),
    math.Less: ("less", NUMBERS),
    math.LessEqual: ("less_equal", NUMBERS),
    math.Greater: ("greater", NUMBERS),
    math.GreaterEqual: ("greater_equal", NUMBERS),
}
_ARITHMETIC: Mapping[type[Op], str] = {math.Add: "add", math.Sub: "sub", math.Mul: "mul"}


def unary(op: Unary, program: Program) -> None:
    program.add(_UNARY[type(op)][0], op.result, x=op.x)


def binary(op: Binary, program: Program) -> None:
    program.add(_BINARY[type(op)][0], op.result, x=op.x, y=op.y)


for _op_class, (_, _dtypes) in _UNARY.items():
    TABLE.emits(_op_class, when=(takes(*_dtypes),))(unary)  # type: ignore[arg-type]
for _op_class, (_, _dtypes) in _BINARY.items():
    TABLE.emits(_op_class, when=(takes(*_dtypes),))(binary)  # type: ignore[arg-type]


def scalar(number: float, like: Value) -> Array:
    """A parameter that must have the dtype of the data."""
    return np.asarray(number, like.type.dtype.numpy)


@TABLE.emits(math.Add, math.Sub, math.Mul, when=(is_number, has_no_activation))
def arithmetic(op: math.ActivatedArithmetic, program: Program) -> None:
    program.add(_ARITHMETIC[type(op)], op.result, x=op.x, y=op.y)


@TABLE.emits(math.Div, when=(is_float, has_no_activation))
def quotient(op: math.Div, program: Program) -> None:
    program.add("real_div", op.result, x=op.x, y=op.y)


def is_of_nonnegative(op: math.Div) -> bool:
    """integers that are provably not negative"""
    return is_nonnegative_at_run_time(op.x) and is_nonnegative_at_run_time(op.y)


@TABLE.emits(math.Div, when=(takes(I32), has_no_activation, is_of_nonnegative))
def integer_quotient(op: math.Div, program: Program) -> None:
    program.add("floor_div", op.result, x=op.x, y=op.y)


@TABLE.emits(math.Neg, when=(is_number,))
def neg(op: math.Neg, program: Program) -> None:
    program.add("mul", op.result, x=op.x, y=scalar(-1, op.x))


# What these add to their operand to keep off zero is zero: ONNX knows no such thing.
@TABLE.emits(math.Log, when=(is_float,))
def log(op: math.Log, program: Program) -> None:
    program.add("log", op.result, x=op.x, epsilon=scalar(0, op.x))


@TABLE.emits(math.Rsqrt, when=(is_float,))
def rsqrt(op: math.Rsqrt, program: Program) -> None:
    program.add("rsqrt", op.result, x=op.x, epsilon=scalar(0, op.x))


def has_finite_limits(op: math.Clamp) -> bool:
    """two different limits, in order, that the dtype can hold"""
    dtype = op.x.type.dtype
    if not dtype.is_float or max(abs(op.minimum), abs(op.maximum)) > dtype.largest:
        return False
    return bool(scalar(op.minimum, op.x) < scalar(op.maximum, op.x))


@TABLE.emits(math.Clamp, when=(is_float, has_finite_limits))
def clamp(op: math.Clamp, program: Program) -> None:
    program.add("clip", op.result, x=op.x, alpha=scalar(op.minimum, op.x), beta=scalar(op.maximum, op.x))


def is_as_large_as_its_choices(op: math.Select) -> bool:
    """a condition that has no more elements than what it chooses from"""
    return broadcast(op.x.type.shape, op.y.type.shape) == op.result.type.shape


def selects_data(op: math.Select) -> bool:
    """choices of f16, f32, i32 or bool"""
    return op.x.type.dtype in (*NUMBERS, BOOL)


@TABLE.emits(math.Select, when=(selects_data, is_as_large_as_its_choices))
def select(op: math.Select, program: Program) -> None:
    program.add("select", op.result, cond=op.condition, a=op.x, b=op.y)


def is_to_number(op: tensor.Cast) -> bool:
    """a result of f16, f32 or i32"""
    return op.dtype in NUMBERS


@TABLE.emits(tensor.Cast, when=(is_number_or_bool, is_to_number))
def cast(op: tensor.Cast, program: Program) -> None:
    program.add("cast", op.result, x=op.x, dtype=CAST_NAMES[op.dtype])


def is_between_integers(op: tensor.Cast) -> bool:
    """integers, of 8 bits on one side"""
    return op.dtype.is_integer and op.x.type.dtype.is_integer and op.dtype in CAST_NAMES


TABLE.emits(tensor.Cast, when=(takes(I32, DType.I8, DType.U8), is_between_integers), since=17)(cast)
