"""Elementwise operators, reductions and normalizations of the executor, held against numpy and onnxruntime."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from glmir.backends.coreml.executor import ProgramError
from tests.backends.coreml.executor.onnx_reference import onnx_outputs
from tests.backends.coreml.executor.programs import Array, Input, check, compute

RNG = np.random.default_rng(1)
X = np.concatenate([np.linspace(-9, 9, 41), [0.0, 1e-8, -1e-8]]).astype(np.float32)
ALPHA, BETA = np.float32(0.3), np.float32(0.7)


def sample(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "onnx", "data"),
    [
        ("abs", "Abs", X), ("acos", "Acos", X / 10), ("asin", "Asin", X / 10), ("atan", "Atan", X),
        ("atanh", "Atanh", X / 10), ("ceil", "Ceil", X), ("cos", "Cos", X), ("cosh", "Cosh", X), ("erf", "Erf", X),
        ("exp", "Exp", X), ("floor", "Floor", X), ("relu", "Relu", X), ("round", "Round", X), ("sign", "Sign", X),
        ("sigmoid", "Sigmoid", X), ("sin", "Sin", X), ("sinh", "Sinh", X), ("softplus", "Softplus", X),
        ("softsign", "Softsign", X), ("sqrt", "Sqrt", abs(X)), ("tan", "Tan", X), ("tanh", "Tanh", X),
    ],
)  # fmt: skip
def test_unary(kind: str, onnx: str, data: Array) -> None:
    (expected,) = onnx_outputs(onnx, {"x": data})
    check(kind, expected, x=Input(data))


@pytest.mark.parametrize(
    ("kind", "expected", "given"),
    [
        ("square", X * X, {}),
        ("silu", X / (1 + np.exp(-X)), {}),
        ("relu6", np.clip(X, 0, 6), {}),
        ("exp2", np.exp2(X), {}),
        ("threshold", np.maximum(X, ALPHA), {"alpha": ALPHA}),
        ("inverse", 1 / (X + BETA), {"epsilon": BETA}),
        ("rsqrt", 1 / np.sqrt(X + np.float32(10)), {"epsilon": np.float32(10)}),
        ("log", np.log(X + np.float32(10)), {"epsilon": np.float32(10)}),
        ("clip", np.clip(X, ALPHA, BETA), {"alpha": ALPHA, "beta": BETA}),
        ("elu", np.where(X > 0, X, ALPHA * np.expm1(X)), {"alpha": ALPHA}),
        ("leaky_relu", np.where(X >= 0, X, ALPHA * X), {"alpha": ALPHA}),
        ("thresholded_relu", np.where(X >= ALPHA, X, 0), {"alpha": ALPHA}),
        ("clamped_relu", np.minimum(np.where(X >= 0, X, ALPHA * X), BETA), {"alpha": ALPHA, "beta": BETA}),
        ("linear_activation", X * ALPHA + BETA, {"alpha": ALPHA, "beta": BETA}),
        ("scaled_tanh", ALPHA * np.tanh(BETA * X), {"alpha": ALPHA, "beta": BETA}),
        ("sigmoid_hard", np.clip(ALPHA * X + BETA, 0, 1), {"alpha": ALPHA, "beta": BETA}),
        ("gelu", np.array([x / 2 * (1 + math.erf(x / math.sqrt(2))) for x in X.tolist()]), {"mode": "EXACT"}),
        ("gelu", X / (1 + np.exp(-1.702 * X)), {"mode": "SIGMOID_APPROXIMATION"}),
        (
            "gelu",
            X / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3))),
            {"mode": "TANH_APPROXIMATION"},
        ),
    ],
)
def test_activations(kind: str, expected: Array, given: dict[str, Array | str]) -> None:
    check(kind, expected.astype(np.float32), x=Input(X), **given)


def test_activations_by_channel() -> None:
    x, a, b = sample(2, 3, 4, 5), sample(3), sample(3)
    channel = (3, 1, 1)
    check("prelu", np.where(x > 0, x, a.reshape(channel) * x), x=Input(x), alpha=a)
    expected = a.reshape(channel) * np.log1p(np.exp(x * b.reshape(channel)))
    check("softplus_parametric", expected, x=Input(x), alpha=a, beta=b)
    with pytest.raises(ProgramError, match="only for rank 4"):
        compute("prelu", x[..., 0], x=Input(x[..., 0]), alpha=a)


FLOATS = (sample(2, 1, 3), sample(4, 1))
INTS = (np.array([[-7, 7, 3]], np.int32), np.array([[2], [-2], [5]], np.int32))


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("maximum", np.maximum), ("minimum", np.minimum),
        ("floor_div", np.floor_divide), ("mod", np.mod), ("equal", np.equal), ("not_equal", np.not_equal),
        ("greater", np.greater), ("greater_equal", np.greater_equal), ("less", np.less), ("less_equal", np.less_equal),
    ],
)  # fmt: skip
@pytest.mark.parametrize("operands", [FLOATS, INTS])
def test_binary(kind: str, function: Callable[[Array, Array], Array], operands: tuple[Array, Array]) -> None:
    x, y = operands
    check(kind, function(x, y), x=Input(x), y=Input(y))


def test_division_and_power() -> None:
    x, y = FLOATS
    check("real_div", x / y, x=Input(x), y=Input(y))
    check("pow", np.power(abs(x), y), x=Input(abs(x)), y=Input(y))
    six, two = np.array([6, -8], np.int32), np.array([2], np.int32)
    check("real_div", np.array([3, -4], np.int32), x=Input(six), y=Input(two))
    check("pow", np.array([36, 64], np.int32), x=Input(six), y=Input(two))
    with pytest.raises(ProgramError, match=r"operator real_div .*quotient"):
        compute("real_div", six, x=Input(six), y=Input(np.array([4], np.int32)))
    with pytest.raises(ProgramError, match="divided by zero"):
        compute("mod", six, x=Input(six), y=Input(np.array([0], np.int32)))


def test_logical_operators_and_select() -> None:
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    check("logical_and", a & b, x=a, y=b)
    check("logical_or", a | b, x=a, y=b)
    check("logical_xor", a ^ b, x=a, y=b)
    check("logical_not", ~a, x=a)
    x, y = sample(3, 4), sample(1, 4)
    check("select", np.where(a, x, y), cond=a, a=Input(x), b=Input(y))


@pytest.mark.parametrize("dtype", ["float16", "float32", "int32", "bool", "int8", "uint16"])
def test_cast(dtype: str) -> None:
    x = np.array([-2.7, -0.4, 0.0, 0.4, 2.7], np.float32)
    data = abs(x) if dtype == "uint16" else x
    name = {"float16": "fp16", "float32": "fp32"}.get(dtype, dtype)
    check("cast", data.astype(dtype), opset="CoreML7", x=Input(data), dtype=name)


@pytest.mark.parametrize(
    ("kind", "onnx"),
    [
        ("reduce_sum", "ReduceSum"), ("reduce_mean", "ReduceMean"), ("reduce_max", "ReduceMax"),
        ("reduce_min", "ReduceMin"), ("reduce_prod", "ReduceProd"), ("reduce_l1_norm", "ReduceL1"),
        ("reduce_l2_norm", "ReduceL2"), ("reduce_sum_square", "ReduceSumSquare"), ("reduce_log_sum", "ReduceLogSum"),
        ("reduce_log_sum_exp", "ReduceLogSumExp"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("axes", "keep_dims"), [([0, -1], True), ([1], False), (None, False)])
def test_reductions(kind: str, onnx: str, axes: list[int] | None, keep_dims: bool) -> None:
    x = abs(sample(2, 3, 4)) + 1
    given = {"x": x} if axes is None else {"x": x, "axes": np.array(axes)}
    (expected,) = onnx_outputs(onnx, given, keepdims=int(keep_dims))
    named = {} if axes is None else {"axes": axes}
    check(kind, expected, x=Input(x), keep_dims=keep_dims, **named)


def test_scans_and_sorting() -> None:
    x = sample(3, 5)
    for reverse in (False, True):
        for exclusive in (False, True):
            (expected,) = onnx_outputs(
                "CumSum", {"x": x, "axis": np.array(1)}, reverse=int(reverse), exclusive=int(exclusive)
            )
            check("cumsum", expected, x=Input(x), axis=1, reverse=reverse, exclusive=exclusive)
    check("reduce_argmax", x.argmax(0).astype(np.int32), x=Input(x), axis=0, keep_dims=False)
    expected = x.argmin(1, keepdims=True).astype(np.uint16)
    check("reduce_argmin", expected, opset="CoreML7", x=Input(x), axis=1, keep_dims=True, output_dtype="uint16")
    check("argsort", np.argsort(-x, 1).astype(np.int32), x=Input(x), axis=1, ascending=False)
    values, indices = onnx_outputs("TopK", {"x": x, "k": np.array([2])}, outputs=2, axis=0, largest=0)
    check("topk", values, indices.astype(np.int32), opset="CoreML5", x=Input(x), k=2, axis=0, ascending=True)
    check(
        "topk", values, x=Input(x), k=2, axis=0, ascending=True, sort=True, return_indices=False
    )  # fmt: skip


def test_softmax_keeps_large_numbers_finite() -> None:
    x = sample(2, 3) * 1000
    (expected,) = onnx_outputs("Softmax", {"x": x}, axis=0)
    check("softmax", expected, x=Input(x), axis=0)


def test_normalizations() -> None:
    x, g, b, m, v = sample(2, 3, 4, 5), sample(3), sample(3), sample(3), abs(sample(3))
    eps = np.float32(0.1)
    (expected,) = onnx_outputs(
        "BatchNormalization", {"x": x, "g": g, "b": b, "m": m, "v": v}, epsilon=0.1, training_mode=0
    )
    check("batch_norm", expected, x=Input(x), mean=m, variance=v, gamma=g, beta=b, epsilon=eps)
    (expected,) = onnx_outputs("InstanceNormalization", {"x": x, "g": g, "b": b}, epsilon=0.1)
    check("instance_norm", expected, x=Input(x), gamma=g, beta=b, epsilon=eps)
    scale, shift = sample(4, 5), sample(4, 5)
    (expected,) = onnx_outputs("LayerNormalization", {"x": x, "g": scale, "b": shift}, axis=2, epsilon=0.1)
    check("layer_norm", expected, x=Input(x), axes=[2, 3], gamma=scale, beta=shift, epsilon=eps)
    (expected,) = onnx_outputs("LRN", {"x": x}, size=3, alpha=0.5, beta=0.6, bias=1.5)
    factors = {"alpha": np.float32(0.5), "beta": np.float32(0.6), "k": np.float32(1.5)}
    check("local_response_norm", expected, x=Input(x), size=3, **factors)
    norm = np.sqrt(np.square(x).sum((1, 2, 3), keepdims=True) + eps)
    check("l2_norm", x / norm, x=Input(x), epsilon=eps)
