"""Activation functions, Softmax, Clip, and what does nothing at inference."""

from typing import Any

import numpy as np
import pytest

from tests.glmir.frontends.onnx.harness import NEWEST, OneNode, check, floats, integers, op_names, positive, reasons_of

X = floats(2, 3, 4)

SIMPLE: list[tuple[str, dict[str, Any], int]] = [
    ("Relu", {}, 7),
    ("Relu", {}, NEWEST),
    ("Sigmoid", {}, 7),
    ("Tanh", {}, 13),
    ("Softplus", {}, 7),
    ("Softsign", {}, 22),
    ("HardSwish", {}, 14),
    ("Mish", {}, 18),
    ("LeakyRelu", {}, 7),
    ("LeakyRelu", {"alpha": 0.3}, 16),
    ("Elu", {"alpha": 0.7}, 7),
    ("Elu", {}, 22),
    ("Celu", {"alpha": 0.8}, 12),
    ("Celu", {"alpha": 0.8}, NEWEST),
    ("Selu", {}, 7),
    ("Selu", {"alpha": 1.5, "gamma": 2.0}, 22),
    ("HardSigmoid", {}, 7),
    ("HardSigmoid", {"alpha": 0.16666667, "beta": 0.4}, 22),
    ("Gelu", {}, 20),
    ("Gelu", {"approximate": "tanh"}, 20),
    ("Swish", {}, 24),
    ("Swish", {"alpha": 1.7}, 24),
    ("ThresholdedRelu", {"alpha": 0.4}, 10),
    ("Shrink", {}, 9),
    ("Shrink", {"bias": 0.3, "lambd": 0.6}, 9),
    ("Softmax", {"axis": 1}, 11),
    ("Softmax", {"axis": 2}, 12),
    ("Softmax", {}, 7),
    ("Softmax", {"axis": 0}, 7),
    ("Softmax", {"axis": 1}, 13),
    ("Softmax", {}, NEWEST),
    ("LogSoftmax", {"axis": 1}, 11),
    ("LogSoftmax", {"axis": -2}, 13),
    ("Hardmax", {"axis": 1}, 11),
    ("Hardmax", {"axis": 1}, 13),
    ("Hardmax", {}, 13),
    ("Identity", {}, 7),
    ("Identity", {}, NEWEST),
    ("Dropout", {"ratio": 0.4}, 7),
    ("Dropout", {}, 12),
]


@pytest.mark.parametrize(("op_type", "attributes", "opset"), SIMPLE)
@pytest.mark.parametrize("dims", [None, ("n", 3, "m")])
def test_one_operand(op_type: str, attributes: dict[str, Any], opset: int, dims: tuple[int | str, ...] | None) -> None:
    check(op_type, X, opset=opset, dims={0: dims} if dims else {}, **attributes)


@pytest.mark.parametrize(
    ("op_type", "opset"), [("Relu", 13), ("Softmax", 13), ("Elu", 12), ("Sigmoid", 13), ("Softplus", 7)]
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float16, "f16"), (np.float64, "f64")])
def test_dtypes(op_type: str, opset: int, dtype: type[np.generic], tolerance: str) -> None:
    check(op_type, floats(3, 5, dtype=dtype), opset=opset, tolerance=tolerance)


def test_integers_have_relu() -> None:
    check("Relu", integers(3, 4, dtype=np.int32), opset=14)


@pytest.mark.parametrize("slope", [(3, 1, 1), (1,), (1, 3, 1, 1), ()])
@pytest.mark.parametrize("opset", [7, 9, 16])
def test_p_relu(slope: tuple[int, ...], opset: int) -> None:
    check("PRelu", floats(2, 3, 4, 5), positive(*slope), opset=opset, constants=[1], dims={0: ("n", 3, "h", "w")})


def test_integers_have_p_relu() -> None:
    check("PRelu", integers(3, 4, dtype=np.int32), integers(4, dtype=np.int32), opset=16)


CLIPS = [
    (None, None, []),
    (-0.5, None, ["math.clamp"]),
    (None, 0.5, ["math.clamp"]),
    (-0.5, 0.7, ["math.clamp"]),
    (0.0, None, ["nn.relu"]),
    (0.0, 6.0, ["nn.relu6"]),
    (1.0, -1.0, ["math.clamp"]),
]


@pytest.mark.parametrize(("low", "high", "ops"), CLIPS)
@pytest.mark.parametrize("opset", [11, 12, 13, NEWEST])
def test_clip_by_constants(low: float | None, high: float | None, ops: list[str], opset: int) -> None:
    bounds = [None if b is None else np.array(b, np.float32) for b in (low, high)]
    module = check("Clip", 4 * X, *bounds, opset=opset, constants=[i for i in (1, 2) if bounds[i - 1] is not None])
    assert op_names(module) == ops


@pytest.mark.parametrize("attributes", [{}, {"min": -0.5}, {"max": 0.2}, {"min": 0.0, "max": 6.0}])
@pytest.mark.parametrize("opset", [7, 10])
def test_clip_by_attributes(attributes: dict[str, float], opset: int) -> None:
    check("Clip", 4 * X, opset=opset, **attributes)


@pytest.mark.parametrize("constants", [(), (1,), (2,)])
def test_clip_by_operands(constants: tuple[int, ...]) -> None:
    module = check("Clip", X, np.array(-0.5, np.float32), np.array(0.25, np.float32), opset=13, constants=constants)
    assert op_names(module) == ["math.maximum", "math.minimum"]


def test_clip_of_large_integers_is_exact() -> None:
    low, high = np.array(-(2**60) - 1), np.array(2**60 + 1)
    check("Clip", np.array([2**61, -(2**61), 5]), low, high, opset=13, constants=[1, 2], tolerance="exact")


def test_dropout_keeps_all() -> None:
    check("Dropout", X, opset=12, outputs=2, dims={0: ("n", 3, 4)})
    check("Dropout", X, opset=13, outputs=2)
    check("Dropout", X, np.array(0.5, np.float32), np.array(False), opset=13, constants=[1, 2])


def test_axis_outside_the_rank() -> None:
    assert reasons_of(OneNode("Softmax", [X], {"axis": 3})) == ["node node (Softmax): axis 3 is outside rank 3"]
