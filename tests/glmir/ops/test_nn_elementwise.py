"""Activations and normalizations against onnxruntime."""

import math

import numpy as np
import pytest

from glmir.ir import Array, Value
from glmir.opdef import ConstraintError
from glmir.ops import nn
from glmir.ops.enums import GeluForm, Layout
from glmir.ops.math import erf
from glmir.parser import parse_type

from .onnx_reference import Build, assert_close, random_array, run_onnx, run_op, to_nchw, to_nhwc


def value(text: str) -> Value:
    return Value(parse_type(text))


ACTIVATIONS: dict[str, tuple[Build, str, dict[str, object]]] = {
    "relu": (nn.Relu, "Relu", {}),
    "sigmoid": (nn.Sigmoid, "Sigmoid", {}),
    "hard_swish": (nn.HardSwish, "HardSwish", {}),
    "softplus": (nn.Softplus, "Softplus", {}),
    "softsign": (nn.Softsign, "Softsign", {}),
    "mish": (nn.Mish, "Mish", {}),
    "leaky_relu": (lambda x: nn.LeakyRelu(x, 0.1), "LeakyRelu", {"alpha": 0.1}),
    "elu": (lambda x: nn.Elu(x, 1.5), "Elu", {"alpha": 1.5}),
    "celu": (lambda x: nn.Celu(x, 1.5), "Celu", {"alpha": 1.5}),
    "selu": (lambda x: nn.Selu(x, 1.6, 1.1), "Selu", {"alpha": 1.6, "gamma": 1.1}),
    "hard_sigmoid": (lambda x: nn.HardSigmoid(x, 0.3, 0.4), "HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
    "gelu": (nn.Gelu, "Gelu", {"approximate": "none"}),
    "gelu tanh": (lambda x: nn.Gelu(x, GeluForm.TANH), "Gelu", {"approximate": "tanh"}),
    "softmax": (lambda x: nn.Softmax(x, 1), "Softmax", {"axis": 1}),
    "softmax last": (lambda x: nn.Softmax(x, 2), "Softmax", {"axis": 2}),
    "log_softmax": (lambda x: nn.LogSoftmax(x, 0), "LogSoftmax", {"axis": 0}),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    build, op_type, attributes = ACTIVATIONS[name]
    x = random_array([3, 4, 5], 1) * 5
    expected = run_onnx(op_type, [x], **attributes)
    assert_close(run_op(build, [x], {0: "f32[n, m, k]"}), expected)
    assert_close(run_op(build, [x.astype(np.float16)]), expected.astype(np.float16), 2e-2 if "log" in name else 2e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_of_large_numbers_is_finite(name: str) -> None:
    x = np.array([[[-1e4, -200, -90], [90, 200, 1e4]]], np.float32)
    assert np.isfinite(run_op(ACTIVATIONS[name][0], [x])).all()


def test_silu_and_relu6() -> None:
    x = random_array([50], 1) * 5
    assert_close(run_op(nn.Silu, [x]), x * run_onnx("Sigmoid", [x]))
    assert_close(run_op(nn.Relu6, [x]), np.clip(x, 0, 6))


def test_relu_of_integers() -> None:
    x = np.array([-3, 0, 4], np.int8)
    np.testing.assert_array_equal(run_op(nn.Relu, [x]), np.array([0, 0, 4], np.int8))


@pytest.mark.parametrize("slope_shape", [(1,), (3, 1), (2, 3, 4)])
def test_p_relu(slope_shape: tuple[int, ...]) -> None:
    x, slope = random_array([2, 3, 4], 1), random_array(slope_shape, 2)
    assert_close(run_op(nn.PRelu, [x, slope]), run_onnx("PRelu", [x, slope]))


def test_erf_is_exact_in_double_precision() -> None:
    x = np.concatenate([np.linspace(-7, 7, 20001), np.geomspace(1e-300, 1, 1000), [np.inf, -np.inf]])
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(erf(x), expected, rtol=1e-15, atol=0)
    assert np.isnan(erf(np.array(np.nan)))
    assert erf(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("build", "operands", "message"),
    [
        (nn.Relu, ["bool[n]"], "not bool"),
        (nn.Sigmoid, ["i32[n]"], "float tensor"),
        (lambda x: nn.Softmax(x, 2), ["f32[n, 4]"], "within the operand's rank"),
        (lambda x: nn.Celu(x, 0.0), ["f32[n]"], "alpha is positive"),
        (nn.PRelu, ["f32[n, 4]", "f32[3]"], "slope broadcasts"),
        (nn.PRelu, ["f32[n, 4]", "f32[1, 1, 4]"], "slope broadcasts"),
        (nn.PRelu, ["f32[n, 4]", "f16[4]"], "one dtype"),
    ],
)
def test_activation_constraints(build: Build, operands: list[str], message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        build(*map(value, operands))


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 4, 5)])
def test_batch_norm(shape: tuple[int, ...]) -> None:
    x = random_array(shape, 1)
    parameters = [random_array([3], 2), random_array([3], 3), random_array([3], 4), np.abs(random_array([3], 5))]
    expected = run_onnx("BatchNormalization", [x, *parameters], epsilon=1e-3)
    assert_close(run_op(lambda *v: nn.BatchNorm(*v, epsilon=1e-3), [x, *parameters]), expected)
    y = run_op(lambda *v: nn.BatchNorm(*v, epsilon=1e-3, axis=len(shape) - 1), [to_nhwc(x), *parameters])
    assert_close(to_nchw(y), expected)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("has_bias", [True, False])
def test_layer_norm(axis: int, has_bias: bool) -> None:
    x = random_array([2, 3, 6], 1) + 5
    scale, bias = random_array(x.shape[axis:], 2), random_array(x.shape[axis:], 3) if has_bias else None
    expected = run_onnx("LayerNormalization", [x, scale, bias], axis=axis, epsilon=1e-3)
    y = run_op(lambda *v: nn.LayerNorm(*v, axis=axis, epsilon=1e-3), [x, scale, bias], {0: "f32[n, 3, 6]"})
    assert_close(y, expected)


def test_layer_norm_without_parameters_and_of_halves() -> None:
    x = random_array([2, 3, 6], 1) * 300
    expected = run_onnx("LayerNormalization", [x, np.ones(6, np.float32)], epsilon=1e-5)
    assert_close(run_op(lambda *v: nn.LayerNorm(*v, axis=2, epsilon=1e-5), [x, None, None]), expected)
    y = run_op(lambda *v: nn.LayerNorm(*v, axis=2, epsilon=1e-5), [x.astype(np.float16), None, None])
    assert_close(y, expected.astype(np.float16), 2e-3)


@pytest.mark.parametrize("axis", [1, 2])
def test_rms_norm(axis: int) -> None:
    x = random_array([2, 3, 6], 1) + 5
    scale = random_array(x.shape[axis:], 2)
    expected = run_onnx("RMSNormalization", [x, scale], opset=23, axis=axis, epsilon=1e-3)
    assert_close(run_op(lambda *v: nn.RmsNorm(*v, axis=axis, epsilon=1e-3), [x, scale]), expected)
    y = run_op(lambda *v: nn.RmsNorm(*v, axis=axis, epsilon=1e-3), [x, None])
    assert_close(y * scale, expected)


def assert_image_norm(build: Build, x: Array, parameters: list[Array], expected: Array) -> None:
    for layout in Layout:
        image = x if layout is Layout.NCHW else to_nhwc(x)
        y = run_op(lambda *v, layout=layout: build(*v, layout=layout), [image, *parameters])
        assert_close(y if layout is Layout.NCHW else to_nchw(y), expected)


@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 4, 5)])
def test_instance_norm(shape: tuple[int, ...]) -> None:
    x, parameters = random_array(shape, 1), [random_array([3], 2), random_array([3], 3)]
    expected = run_onnx("InstanceNormalization", [x, *parameters], epsilon=1e-3)
    assert_image_norm(lambda *v, layout: nn.InstanceNorm(*v, epsilon=1e-3, layout=layout), x, parameters, expected)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm(groups: int) -> None:
    x, parameters = random_array([2, 6, 4, 5], 1), [random_array([6], 2), random_array([6], 3)]
    expected = run_onnx("GroupNormalization", [x, *parameters], num_groups=groups, epsilon=1e-3)
    assert_image_norm(lambda *v, layout: nn.GroupNorm(*v, groups, 1e-3, layout), x, parameters, expected)


@pytest.mark.parametrize("size", [1, 3, 4, 9])
def test_local_response_norm(size: int) -> None:
    x = random_array([2, 6, 4, 5], 1) * 10
    settings = {"alpha": 0.02, "beta": 0.6, "bias": 1.5}
    # onnxruntime takes odd sizes only.
    expected = run_onnx("LRN", [x], size=size, **settings) if size % 2 else _local_response_norm(x, size, **settings)
    assert_image_norm(lambda x, layout: nn.LocalResponseNorm(x, size, **settings, layout=layout), x, [], expected)


def _local_response_norm(x: Array, size: int, alpha: float, beta: float, bias: float) -> Array:
    """ONNX's formula, channel by channel."""
    sums = [
        np.square(x[:, max(0, c - (size - 1) // 2) : c + math.ceil((size - 1) / 2) + 1]).sum(1)
        for c in range(x.shape[1])
    ]
    return np.asarray(x / (bias + alpha / size * np.stack(sums, 1)) ** beta)


NORM = "f32[n, 6, 4]"


@pytest.mark.parametrize(
    ("build", "operands", "message"),
    [
        (lambda *v: nn.BatchNorm(*v, epsilon=0.1, axis=3), [NORM] + ["f32[6]"] * 4, "within the operand's rank"),
        (lambda *v: nn.BatchNorm(*v, epsilon=0.1), [NORM] + ["f32[6]"] * 3 + ["f32[5]"], "every index of the axis"),
        (lambda *v: nn.BatchNorm(*v, epsilon=0.1), [NORM] + ["f16[6]"] * 4, "one dtype"),
        (lambda *v: nn.LayerNorm(*v, None, 2, 0.1), [NORM, "f32[5]"], "scale broadcasts to the normalized axes"),
        (lambda *v: nn.LayerNorm(*v, 2, 0.1), [NORM, "f32[4]", "f32[6, 4]"], "bias broadcasts to the normalized"),
        (lambda *v: nn.RmsNorm(*v, 3, 0.1), [NORM, "f32[4]"], "within the operand's rank"),
        (lambda *v: nn.InstanceNorm(*v, 0.1), [NORM, "f32[4]", "f32[6]"], "every channel"),
        (lambda *v: nn.GroupNorm(*v, 4, 0.1), [NORM, "f32[6]", "f32[6]"], "groups divide the channels"),
        (lambda *v: nn.LocalResponseNorm(*v, 0, 0.1, 0.5, 1.0), [NORM], "size is at least 1"),
    ],
)
def test_normalization_constraints(build: Build, operands: list[str], message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        build(*map(value, operands))
