"""Elementwise operators of ONNX: arithmetic, comparisons, logic, bits and conversion."""

from collections.abc import Callable

import numpy as np

from ....ir import Op, Value
from ....ops import math
from ..node import Imported, Importer, ImporterTable, Node, Unsupported, cast, scalar
from .old_broadcasting import two_operands

TABLE = ImporterTable()

_UNARY: dict[str, type[math.Unary]] = {
    "Abs": math.Abs,
    "Acos": math.Acos,
    "Acosh": math.Acosh,
    "Asin": math.Asin,
    "Asinh": math.Asinh,
    "Atan": math.Atan,
    "Atanh": math.Atanh,
    "BitwiseNot": math.BitwiseNot,
    "Ceil": math.Ceil,
    "Cos": math.Cos,
    "Cosh": math.Cosh,
    "Erf": math.Erf,
    "Exp": math.Exp,
    "Floor": math.Floor,
    "IsNaN": math.IsNan,
    "Log": math.Log,
    "Neg": math.Neg,
    "Not": math.LogicalNot,
    "Reciprocal": math.Reciprocal,
    "Round": math.Round,
    "Sign": math.Sign,
    "Sin": math.Sin,
    "Sinh": math.Sinh,
    "Sqrt": math.Sqrt,
    "Tan": math.Tan,
}

_BINARY: dict[str, type[math.Binary]] = {
    "Add": math.Add,
    "And": math.LogicalAnd,
    "BitwiseAnd": math.BitwiseAnd,
    "BitwiseOr": math.BitwiseOr,
    "BitwiseXor": math.BitwiseXor,
    "Div": math.Div,
    "Equal": math.Equal,
    "Greater": math.Greater,
    "GreaterOrEqual": math.GreaterEqual,
    "Less": math.Less,
    "LessOrEqual": math.LessEqual,
    "Mul": math.Mul,
    "Or": math.LogicalOr,
    "Sub": math.Sub,
    "Xor": math.LogicalXor,
}

_VARIADIC: dict[str, type[math.Binary]] = {"Max": math.Maximum, "Min": math.Minimum, "Sum": math.Add}


def _unary(op: type[math.Unary]) -> Importer:
    return lambda node: op(node.operand(0))


def _binary(op: type[math.Binary]) -> Importer:
    return lambda node: op(*two_operands(node))


def _chained(node: Node, op: Callable[[Value, Value], Op]) -> Value:
    """Any number of operands, combined from the left."""
    result = node.operand(0)
    for operand in node.present[1:]:
        result = op(result, operand).result
    return result


def _variadic(op: type[math.Binary]) -> Importer:
    return lambda node: _chained(node, op)


for _op_type, _unary_op in _UNARY.items():
    TABLE.imports(_op_type)(_unary(_unary_op))
for _op_type, _binary_op in _BINARY.items():
    TABLE.imports(_op_type)(_binary(_binary_op))
for _op_type, _variadic_op in _VARIADIC.items():
    TABLE.imports(_op_type)(_variadic(_variadic_op))


@TABLE.imports("Mean")
def _mean(node: Node) -> Imported:
    total = _chained(node, math.Add)
    count = len(node.present)
    return math.Div(total, scalar(count, total)) if count > 1 else total


@TABLE.imports("Pow")
def _pow(node: Node) -> Imported:
    base, exponent = two_operands(node)
    dtype = base.type.dtype
    if dtype.is_integer and exponent.type.dtype.is_float:
        # An exponent such as 0.5 must not be rounded; only the power is.
        return cast(math.Pow(cast(base, exponent.type.dtype), exponent).result, dtype)
    return math.Pow(base, cast(exponent, dtype))


@TABLE.imports("Mod")
def _mod(node: Node) -> Imported:
    op = math.Fmod if node.int("fmod", 0) else math.FloorMod
    return op(node.operand(0), node.operand(1))


@TABLE.imports("BitShift")
def _bit_shift(node: Node) -> Imported:
    match node.string("direction"):
        case "LEFT":
            return math.ShiftLeft(node.operand(0), node.operand(1))
        case "RIGHT":
            return math.ShiftRight(node.operand(0), node.operand(1))
        case direction:
            raise Unsupported(f"the direction {direction} is neither LEFT nor RIGHT")


@TABLE.imports("Where")
def _where(node: Node) -> Imported:
    return math.Select(node.operand(0), node.operand(1), node.operand(2))


@TABLE.imports("IsInf")
def _is_inf(node: Node) -> Imported:
    x = node.operand(0)
    of_either_sign = math.IsInf(x)
    match bool(node.int("detect_negative", 1)), bool(node.int("detect_positive", 1)):
        case True, True:
            return of_either_sign
        case True, False:
            return math.Equal(x, scalar(-np.inf, x))
        case False, True:
            return math.Equal(x, scalar(np.inf, x))
        case _:
            # Nothing is asked for, so nothing is found; not even NaN is less than itself.
            return math.Less(x, x)


@TABLE.imports("Cast")
def _cast(node: Node) -> Imported:
    return cast(node.operand(0), node.dtype("to"))


@TABLE.imports("CastLike")
def _cast_like(node: Node) -> Imported:
    return cast(node.operand(0), node.type(1).dtype)
