"""What suits elementwise operators, reductions and sources of numbers."""

import math

import numpy as np
from onnx import helper, numpy_helper

from .node import RandomNode, Strategy, UnsuitedError

_UNARY = (
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Ceil", "Celu", "Cos", "Cosh", "Elu",
    "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log",
    "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh",
    "Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "ThresholdedRelu", "Swish", "Shape", "Size",
)  # fmt: skip
_BINARY = (
    "Add", "And", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Equal", "Greater", "GreaterOrEqual", "Less",
    "LessOrEqual", "Mul", "Or", "Sub", "Xor",
)  # fmt: skip
_VARIADIC = ("Max", "Mean", "Min", "Sum")
_REDUCTIONS = (
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare",
)  # fmt: skip
_SMALL = {"Acos", "Asin", "Atanh"}
_POSITIVE = {"Log", "Sqrt", "Acosh"}


def _unary(node: RandomNode) -> None:
    dtype, name = node.dtype(), node.schema.name
    low, high = (-1, 1) if name in _SMALL else (1, 4) if name in _POSITIVE else (-4, 4)
    array = node.array(dtype, node.shape(), low, high)
    if name in ("IsInf", "IsNaN", "Abs") and array.dtype.kind == "f" and array.size and node.flag():
        array.reshape(-1)[0] = node.choose([np.inf, -np.inf, np.nan])
    if name == "Shrink" and array.dtype.kind != "f":
        raise UnsuitedError
    if name == "Reciprocal":
        array[array == 0] = 1
    node.add(array)
    for attribute, value in (("alpha", 0.25), ("beta", 0.375), ("gamma", 1.5), ("lambd", 0.75), ("bias", 0.5)):
        node.set(attribute, value, 0.5)
    node.set("detect_negative", node.integer(0, 1), 0.5)
    node.set("detect_positive", node.integer(0, 1), 0.5)
    node.set("approximate", node.choose(["none", "tanh"]), 0.5)
    if name == "Shape":
        node.set("start", node.integer(-3, 3), 0.5)
        node.set("end", node.integer(-3, 3), 0.5)


def _pair(node: RandomNode, low: float = -4, high: float = 4) -> None:
    dtype, shape = node.dtype(), node.shape()
    pair = [node.array(dtype, shape, low, high), node.array(dtype, node.broadcast(shape), low, high)]
    for array in pair if node.flag() else pair[::-1]:
        if node.flag(0.25) and len(node.operands) not in node.constants and not node.constants:
            node.constants.add(len(node.operands))
        node.add(array)


def _division(node: RandomNode) -> None:
    _pair(node)
    divisor = node.operands[1]
    assert divisor is not None
    divisor[divisor == 0] = 1
    if node.schema.name == "Mod":
        node.set("fmod", 1, 1.0 if divisor.dtype.kind == "f" else 0.5)


def _power(node: RandomNode) -> None:
    shape, dtype = node.shape(), node.dtype(0)
    node.add(node.array(dtype, shape, 0, 3))
    node.add_parameter(node.array(node.dtype(1) if node.opset >= 12 else dtype, node.broadcast(shape), 0, 3))


def _shift(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape()
    node.add(node.array(dtype, shape, 0, 100))
    node.add(node.array(dtype, node.broadcast(shape), 0, 7))
    node.set("direction", node.choose(["LEFT", "RIGHT"]))


def _variadic(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape()
    for _ in range(node.integer(1, 4)):
        node.add(node.array(dtype, node.broadcast(shape)))


def _p_relu(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape()
    node.add(node.array(dtype, shape))
    node.add_parameter(node.array(dtype, node.broadcast(shape)))


def _where(node: RandomNode) -> None:
    dtype, shape = node.dtype(1), node.shape()
    node.add(node.array("bool", node.broadcast(shape)))
    node.add(node.array(dtype, node.broadcast(shape)))
    node.add(node.array(dtype, shape))


def _clip(node: RandomNode) -> None:
    dtype = node.dtype()
    node.add(node.array(dtype, node.shape()))
    if node.opset < 11:
        node.set("min", -1.5, 0.7)
        node.set("max", 2.5, 0.7)
        return
    for low, high in ((-2, 0), (1, 3)):
        node.add_parameter(node.array(dtype, (), low, high) if node.flag(0.7) else None)
    while node.operands[-1] is None and node.flag():
        node.operands.pop()


def _cast(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape())
    target = node.choose(
        ["float16", "float32", "float64", "int32", "int64", "bool", "uint8", "int8", "int16", "uint16"]
    )
    if target.startswith("u") and array.dtype.kind == "f":
        # Below zero, every processor has its own answer.
        array = np.abs(array)
    node.add(array)
    node.set("to", helper.np_dtype_to_tensor_dtype(np.dtype(target)))
    if node.schema.name == "CastLike":
        node.add(node.array(target, node.shape()))


def _reduction(node: RandomNode) -> None:
    positive = node.schema.name in ("ReduceLogSum",)
    array = node.array(node.dtype(), node.shape(), 1 if positive else -2, 3)
    if array.dtype.kind in "iu" and "Log" in node.schema.name:
        # Logarithms of integers, cut to integers, jump.
        raise UnsuitedError
    if not array.size:
        # onnxruntime has the mean of nothing as 0, and other shapes.
        raise UnsuitedError
    node.add(array)
    axes = node.axes(array.ndim)
    node.set("keepdims", node.integer(0, 1), 0.7)
    if node.has_axes_input:
        if node.flag(0.8) or node.constants:
            node.add_parameter(np.array(axes if node.flag(0.9) else [], np.int64))
        node.set("noop_with_empty_axes", node.integer(0, 1), 0.3)
    elif axes:
        node.set("axes", axes, 0.8)


def _arg(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1))
    if not array.size:
        raise UnsuitedError
    node.add(array)
    node.set("axis", node.integer(0, array.ndim - 1) if node.opset < 11 else node.axis(array.ndim), 0.8)
    node.set("keepdims", node.integer(0, 1), 0.7)
    node.set("select_last_index", node.integer(0, 1), 0.5)


def _softmax(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1))
    node.add(array)
    node.set("axis", node.integer(0, array.ndim - 1) if node.opset < 11 else node.axis(array.ndim), 0.7)


def _cum_sum(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1))
    node.add(array)
    node.add_parameter(np.array(node.axis(array.ndim), node.choose([np.int32, np.int64])))
    node.set("exclusive", node.integer(0, 1))
    node.set("reverse", node.integer(0, 1))


def _top_k(node: RandomNode) -> None:
    shape = node.shape(1)
    dtype = node.dtype()
    rng = np.random.default_rng(node.integer(0, 1000))
    array = rng.permutation(math.prod(shape)).reshape(shape).astype(dtype)
    node.add(array)
    axis = node.axis(array.ndim) if node.opset >= 11 else node.integer(0, array.ndim - 1)
    k = node.integer(0 if node.flag(0.1) else 1, shape[axis]) if shape[axis] else 0
    node.set("axis", axis)
    node.set("largest", node.integer(0, 1), 0.5)
    if node.opset < 10:
        node.set("k", k)
    else:
        node.add_parameter(np.array([k]))
    node.outputs = 2


def _range(node: RandomNode) -> None:
    dtype = node.dtype()
    start, step = node.integer(-3, 3), node.choose([1, 2, -1, -2])
    for number in (start, start + step * node.integer(0, 4) + (1 if step > 0 else -1) * node.integer(0, 1), step):
        node.add_parameter(np.array(number, dtype))


def _constant_of_shape(node: RandomNode) -> None:
    node.add_parameter(np.array(node.shape(), np.int64))
    value = node.array(node.choose(["float32", "int64", "bool", "float16", "int8"]), (1,))
    node.set("value", numpy_helper.from_array(value), 0.7)


def _dropout(node: RandomNode) -> None:
    node.add(node.array(node.dtype(), node.shape()))
    # What the mask is when nothing is dropped, only opset 12 says.
    node.outputs = node.integer(1, 2) if node.opset >= 12 else 1


STRATEGIES: dict[str, Strategy] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _pair),
    **dict.fromkeys(_VARIADIC, _variadic),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), _softmax),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg),
    **dict.fromkeys(("Div", "Mod"), _division),
    **dict.fromkeys(("Cast", "CastLike"), _cast),
    "Pow": _power,
    "BitShift": _shift,
    "PRelu": _p_relu,
    "Where": _where,
    "Clip": _clip,
    "CumSum": _cum_sum,
    "TopK": _top_k,
    "Range": _range,
    "ConstantOfShape": _constant_of_shape,
    "Dropout": _dropout,
}
