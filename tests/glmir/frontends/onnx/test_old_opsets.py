"""Operators as the opsets before 7 have them, held against numpy: no runtime reads models of these opsets."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from glmir.errors import ModelWarning
from glmir.interpreter import run
from tests.glmir.frontends.onnx.harness import Array, OneNode, floats, imported, positive, reasons_of
from tests.tolerances import assert_close

X, CHANNELS = floats(2, 3, 4, 5), floats(3, seed=1)


def computed(op_type: str, *inputs: Array, opset: int, constants: tuple[int, ...] = (), **attributes: Any) -> Array:
    node = OneNode(op_type, inputs, attributes, opset, constants)
    (y,) = run(imported(node.model), node.run_time_inputs).values()
    return y


@pytest.mark.parametrize(
    ("y", "attributes", "aligned"),
    [
        (floats(2, 3, 4, 5, seed=1), {}, None),
        (floats(4, 5, seed=1), {"broadcast": 1}, None),
        (floats(1, seed=1), {"broadcast": 1}, None),
        (CHANNELS, {"broadcast": 1, "axis": 1}, CHANNELS[:, None, None]),
        (floats(3, 4, seed=1), {"broadcast": 1, "axis": 1}, floats(3, 4, seed=1)[..., None]),
        (floats(2, seed=1), {"broadcast": 1, "axis": 0}, floats(2, seed=1)[:, None, None, None]),
        (floats(5, seed=1), {"broadcast": 1, "axis": -1}, None),
    ],
)
def test_broadcasting(y: Array, attributes: dict[str, Any], aligned: Array | None) -> None:
    other = y if aligned is None else aligned
    assert_close(computed("Sub", X, y, opset=6, **attributes), X - other, "f32")
    assert_close(computed("Less", X, y, opset=1, **attributes), other > X, "exact")


def test_power_and_logic() -> None:
    base, truths = positive(2, 3, 4, 5), X > 0
    power = base ** CHANNELS[:, None, None]
    assert_close(computed("Pow", base, CHANNELS, opset=1, broadcast=1, axis=1), power, "f32")
    either = truths | (CHANNELS > 0)[:, None, None]
    assert_close(computed("Or", truths, CHANNELS > 0, opset=1, broadcast=1, axis=1), either, "exact")


def test_broadcasting_beyond_the_rank() -> None:
    node = OneNode("Add", (X, floats(3, 4)), {"broadcast": 1, "axis": 3}, 6)
    assert "do not broadcast from axis 3" in reasons_of(node)[0]


def test_slopes_by_channel() -> None:
    assert_close(computed("PRelu", X, CHANNELS, opset=6), np.where(X < 0, X * CHANNELS[:, None, None], X), "f32")


def test_gemm() -> None:
    a, b, c = floats(2, 3), floats(3, 4, seed=1), floats(4, seed=2)
    expected = 0.5 * a @ b + 2 * c
    assert_close(computed("Gemm", a, b, c, opset=6, broadcast=1, alpha=0.5, beta=2.0), expected, "f32")


def test_structure() -> None:
    assert_close(computed("Reshape", X, opset=1, shape=[0, -1]), X.reshape(2, 60), "exact")
    assert computed("Concat", X, X, opset=3).shape == (2, 6, 4, 5)
    amounts = [0, 0, 1, 0, 0, 0, 0, 2]
    assert_close(computed("Pad", X, opset=1, paddings=amounts), np.pad(X, ((0, 0), (0, 0), (1, 0), (0, 2))), "exact")
    assert_close(computed("Slice", X, opset=1, starts=[1], ends=[-1], axes=[3]), X[..., 1:-1], "exact")
    copies, axis = np.array(2, np.int64), np.array(1, np.int64)
    assert_close(computed("Tile", X, copies, axis, opset=1, constants=(1, 2)), np.tile(X, (1, 2, 1, 1)), "exact")
    grown = X.repeat(2, 2).repeat(3, 3)
    assert_close(computed("Upsample", X, opset=1, height_scale=2.0, width_scale=3.0, mode="nearest"), grown, "exact")


def test_types_by_name() -> None:
    assert computed("Cast", X, opset=1, to="INT32").dtype == np.int32
    assert computed("Cast", X, opset=6, to=TensorProto.INT32).dtype == np.int32
    assert "no element type QUADRUPLE" in reasons_of(OneNode("Cast", (X,), {"to": "QUADRUPLE"}, 1))[0]


def test_layers() -> None:
    scale, bias, mean, variance = positive(3), floats(3, seed=2), floats(3, seed=3), positive(3, seed=4)
    plain = OneNode(
        "BatchNormalization", (X, scale, bias, mean, variance), {"is_test": 1, "consumed_inputs": [0] * 5}, 1
    )
    columns = [p[:, None, None] for p in (scale, bias, mean, variance)]
    expected = (X - columns[2]) / np.sqrt(columns[3] + 1e-5) * columns[0] + columns[1]
    (y,) = run(imported(plain.model), plain.run_time_inputs).values()
    assert_close(y, expected, "f32")
    by_element = [np.broadcast_to(c, X.shape[1:]).copy() for c in columns]
    y = computed("BatchNormalization", X, *by_element, opset=7, spatial=0)
    assert_close(y, expected, "f32")
    norm = (np.abs(X) ** 3).sum((2, 3), keepdims=True) ** (1 / 3)
    assert_close(computed("GlobalLpPool", X, opset=1, p=3.0), norm, "approximate")
    assert_close(computed("Selu", X, opset=1), np.where(X > 0, X, 1.6732 * np.expm1(X)) * 1.0507, "approximate")


def test_dropout() -> None:
    assert_close(computed("Dropout", X, opset=6, is_test=1), X, "exact")
    with pytest.warns(ModelWarning, match="node node draws random numbers, which are the same in every run"):
        y = computed("Dropout", X, opset=1)
    is_kept = np.random.RandomState(0).random_sample(X.shape) >= 0.5
    assert_close(y, np.where(is_kept, 2 * X, 0).astype(np.float32), "f32")
