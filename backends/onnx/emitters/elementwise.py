"""Elementwise arithmetic, comparisons, bits, selection."""

import math as numbers
from collections.abc import Mapping

import numpy as np

from ....ir import Array, Op
from ....ops import math, nn
from ....ops.math import Binary, Unary
from ....types import DType
from ...conditions import has_no_activation
from ..graph import Graph, OnnxTable
from .operands import emits, scalar

TABLE = OnnxTable()

_UNARY: Mapping[type[Op], str] = {
    math.Abs: "Abs",
    math.Neg: "Neg",
    math.Sign: "Sign",
    math.Floor: "Floor",
    math.Ceil: "Ceil",
    math.Round: "Round",
    math.Exp: "Exp",
    math.Log: "Log",
    math.Sqrt: "Sqrt",
    math.Reciprocal: "Reciprocal",
    math.Sin: "Sin",
    math.Cos: "Cos",
    math.Tan: "Tan",
    math.Asin: "Asin",
    math.Acos: "Acos",
    math.Atan: "Atan",
    math.Sinh: "Sinh",
    math.Cosh: "Cosh",
    math.Tanh: "Tanh",
    math.Asinh: "Asinh",
    math.Acosh: "Acosh",
    math.Atanh: "Atanh",
    math.Erf: "Erf",
    math.LogicalNot: "Not",
    math.BitwiseNot: "BitwiseNot",
    math.IsNan: "IsNaN",
    math.IsInf: "IsInf",
    nn.Relu: "Relu",
    nn.Sigmoid: "Sigmoid",
    nn.HardSwish: "HardSwish",
    nn.Softplus: "Softplus",
    nn.Softsign: "Softsign",
    nn.Mish: "Mish",
}
_BINARY: Mapping[type[Op], str] = {
    math.Pow: "Pow",
    math.Maximum: "Max",
    math.Minimum: "Min",
    math.BitwiseAnd: "BitwiseAnd",
    math.BitwiseOr: "BitwiseOr",
    math.BitwiseXor: "BitwiseXor",
    math.LogicalAnd: "And",
    math.LogicalOr: "Or",
    math.LogicalXor: "Xor",
    math.Equal: "Equal",
    math.Less: "Less",
    math.LessEqual: "LessOrEqual",
    math.Greater: "Greater",
    math.GreaterEqual: "GreaterOrEqual",
}
_ARITHMETIC: Mapping[type[Op], str] = {math.Add: "Add", math.Sub: "Sub", math.Mul: "Mul", math.Div: "Div"}


def unary(op: Unary, graph: Graph) -> None:
    graph.add(_UNARY[type(op)], [op.x], [op.result])


def binary(op: Binary, graph: Graph) -> None:
    graph.add(_BINARY[type(op)], [op.x, op.y], [op.result])


def arithmetic(op: Binary, graph: Graph) -> None:
    graph.add(_ARITHMETIC[type(op)], [op.x, op.y], [op.result])


def is_sum_before_layer_norm(op: math.Add) -> bool:
    """a sum of three axes, none of them broadcast, that a layer norm alone uses"""
    # The runtime would fuse Add with the norm into SkipLayerNormalization, whose kernel (onnxruntime 1.31, one core)
    # takes 490 us on 128 x 768 elements; the two operators by themselves take 70 us.
    shape = op.result.type.shape
    is_plain = len(shape) == 3 and op.x.type.shape == op.y.type.shape == shape
    return is_plain and op.result.has_one_use and isinstance(op.result.users[0], nn.LayerNorm)


@emits(TABLE, "Sum", math.Add, when=(has_no_activation, is_sum_before_layer_norm))
def sum_before_layer_norm(op: math.Add, graph: Graph) -> None:
    graph.add("Sum", [op.x, op.y], [op.result])


for _class, _operator in _UNARY.items():
    emits(TABLE, _operator, _class)(unary)  # type: ignore[arg-type]
for _class, _operator in _BINARY.items():
    emits(TABLE, _operator, _class)(binary)  # type: ignore[arg-type]
for _class, _operator in _ARITHMETIC.items():
    emits(TABLE, _operator, _class, when=(has_no_activation,))(arithmetic)  # type: ignore[arg-type]


def is_integer(op: Binary) -> bool:
    """integers"""
    return op.x.type.dtype.is_integer


@emits(TABLE, "Mod", math.FloorMod, when=(is_integer,))
def floor_mod(op: math.FloorMod, graph: Graph) -> None:
    graph.add("Mod", [op.x, op.y], [op.result])


@emits(TABLE, "Mod", math.Fmod)
def fmod(op: math.Fmod, graph: Graph) -> None:
    graph.add("Mod", [op.x, op.y], [op.result], fmod=1)


@emits(TABLE, "BitShift", math.ShiftLeft)
def shift_left(op: math.ShiftLeft, graph: Graph) -> None:
    graph.add("BitShift", [op.x, op.y], [op.result], direction="LEFT")


@emits(TABLE, "BitShift", math.ShiftRight)
def shift_right(op: math.ShiftRight, graph: Graph) -> None:
    graph.add("BitShift", [op.x, op.y], [op.result], direction="RIGHT")


@emits(TABLE, "Where", math.Select, operand=1)
def select(op: math.Select, graph: Graph) -> None:
    graph.add("Where", [op.condition, op.x, op.y], [op.result])


@emits(TABLE, "Clip", nn.Relu6)
def relu6(op: nn.Relu6, graph: Graph) -> None:
    dtype = op.x.type.dtype
    graph.add("Clip", [op.x, scalar(0, dtype), scalar(6, dtype)], [op.result])


@emits(TABLE, "Clip", math.Clamp)
def clamp(op: math.Clamp, graph: Graph) -> None:
    dtype = op.x.type.dtype
    graph.add("Clip", [op.x, _limit(op.minimum, dtype), _limit(op.maximum, dtype)], [op.result])


def _limit(limit: float, dtype: DType) -> Array | None:
    """A bound of Clip; none where it is infinite. Integers are limited by the integers within the bounds."""
    if numbers.isinf(limit):
        return None
    if dtype.is_float:
        return scalar(limit, dtype)
    return np.array(min(max(int(limit), dtype.lowest), dtype.highest), dtype.numpy)


@emits(TABLE, "LeakyRelu", nn.LeakyRelu)
def leaky_relu(op: nn.LeakyRelu, graph: Graph) -> None:
    graph.add("LeakyRelu", [op.x], [op.result], alpha=op.alpha)


@emits(TABLE, "Elu", nn.Elu)
def elu(op: nn.Elu, graph: Graph) -> None:
    graph.add("Elu", [op.x], [op.result], alpha=op.alpha)


@emits(TABLE, "Celu", nn.Celu)
def celu(op: nn.Celu, graph: Graph) -> None:
    graph.add("Celu", [op.x], [op.result], alpha=op.alpha)


@emits(TABLE, "Selu", nn.Selu)
def selu(op: nn.Selu, graph: Graph) -> None:
    graph.add("Selu", [op.x], [op.result], alpha=op.alpha, gamma=op.gamma)


@emits(TABLE, "HardSigmoid", nn.HardSigmoid)
def hard_sigmoid(op: nn.HardSigmoid, graph: Graph) -> None:
    graph.add("HardSigmoid", [op.x], [op.result], alpha=op.alpha, beta=op.beta)


@emits(TABLE, "Gelu", nn.Gelu)
def gelu(op: nn.Gelu, graph: Graph) -> None:
    form: dict[str, str] = {} if op.form.value == "erf" else {"approximate": "tanh"}
    graph.add("Gelu", [op.x], [op.result], **form)


@emits(TABLE, "PRelu", nn.PRelu)
def p_relu(op: nn.PRelu, graph: Graph) -> None:
    graph.add("PRelu", [op.x, op.slope], [op.result])
