"""Spectra and determinants against numpy (onnxruntime has the transforms in some forms only) and onnxruntime."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from glmir.interpreter import run
from tests.glmir.frontends.onnx.harness import Array, OneNode, check, floats, imported, reasons_of, reference
from tests.tolerances import assert_close

LENGTH, LONGER, SHORTER = (np.array(n, np.int64) for n in (6, 8, 4))


def transformed(x: Array, axis: int, length: int, is_inverse: bool, is_half: bool) -> Array:
    signal = x[..., 0] + 1j * x[..., 1] if x.shape[-1] == 2 else x[..., 0]
    if is_inverse and is_half:
        return np.fft.irfft(signal, length, axis)[..., None].astype(x.dtype)
    y = (np.fft.ifft if is_inverse else np.fft.fft)(signal, length, axis)
    y = y.take(range(length // 2 + 1), axis) if is_half else y
    return np.stack((y.real, y.imag), -1).astype(x.dtype)


def computed(node: OneNode, declared: Array | None = None) -> Array:
    """The output, of the declared shape."""
    model = node.model
    if declared is not None:
        info = helper.make_tensor_value_info("y0", TensorProto.FLOAT, declared.shape)
        model.graph.output[0].CopyFrom(info)
    (y,) = run(imported(model), node.run_time_inputs).values()
    return y


@pytest.mark.parametrize("length", [LENGTH, LONGER, SHORTER])
@pytest.mark.parametrize(("is_inverse", "is_half", "parts"), [(0, 0, 1), (0, 0, 2), (0, 1, 1), (1, 0, 2), (1, 1, 2)])
def test_dft(is_inverse: int, is_half: int, parts: int, length: Array) -> None:
    x = floats(2, 6, 3, parts)
    expected = transformed(x, 1, length.item(), bool(is_inverse), bool(is_half))
    attributes = {"inverse": is_inverse, "onesided": is_half}
    attribute = OneNode("DFT", [x, length], {**attributes, "axis": 1}, 17, [1])
    assert_close(computed(attribute), expected, "approximate")
    operand = OneNode("DFT", [x, length, np.array(-3)], attributes, 20, [1, 2], {0: ["b", "n", 3, parts]})
    assert_close(computed(operand), expected, "approximate")
    all_at_run_time = OneNode("DFT", [x, length, np.array(-3)], attributes, 20)
    assert_close(computed(all_at_run_time, declared=expected), expected, "approximate")


def test_dft_along_the_last_axis_of_a_single_signal() -> None:
    x = floats(5, 1)
    assert_close(computed(OneNode("DFT", [x], {}, 20)), transformed(x, 0, 5, False, False), "approximate")


def test_dft_of_unknown_size() -> None:
    assert "pin it to a constant with --input" in reasons_of(OneNode("DFT", [floats(2, 6, 1), LENGTH], {}, 20))[0]
    node = OneNode("DFT", [floats(2, 6, 4, 1), None, np.array(1)], {"onesided": 1}, 20)
    assert "which axes input 2 holds depends on the data" in reasons_of(node)[0]


@pytest.mark.parametrize("constants", [(1, 2, 3), (2, 3), ()])
@pytest.mark.parametrize(("parts", "is_half", "has_window"), [(1, 1, True), (1, 0, False), (2, 0, True), (1, 1, False)])
def test_stft(parts: int, is_half: int, has_window: bool, constants: tuple[int, ...]) -> None:
    x, window, size, step = floats(2, 20, parts), np.abs(floats(6, seed=1)), 6, 3
    frames = np.stack([x[:, start : start + size] for start in range(0, 15, step)], 1)
    weighted = frames * window[:, None] if has_window else frames
    expected = transformed(weighted, 2, size, False, bool(is_half))
    inputs = [x, np.array(step), window if has_window else None, np.array(size)]
    present = [i for i in constants if inputs[i] is not None]
    node = OneNode("STFT", inputs, {"onesided": is_half}, 17, present, {0: [2, "n", parts]} if 1 in constants else {})
    assert_close(computed(node, declared=expected if 1 not in constants else None), expected, "approximate")


@pytest.mark.parametrize("constants", [range(5), ()])
def test_mel_weights(constants: Any) -> None:
    numbers = [np.array(n, np.int64) for n in (8, 64, 8192)]
    node = OneNode(
        "MelWeightMatrix", [*numbers, np.array(20, np.float32), np.array(4000, np.float32)], {}, 17, constants
    )
    (expected,) = reference(node.model, node.run_time_inputs).values()
    assert_close(computed(node, declared=expected), expected, "f32")


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 3, 4, 4)])
def test_determinants(shape: tuple[int, ...]) -> None:
    x = floats(*shape)
    check(
        "Det", x, opset=11, dims={0: [*(f"b{i}" for i in range(len(shape) - 2)), *shape[-2:]]}, tolerance="approximate"
    )
    x[..., 0, :] = 0
    check("Det", x, opset=22)


def test_determinants_of_what_is_not_square() -> None:
    assert "no square matrix of 1 to 16 rows" in reasons_of(OneNode("Det", [floats(2, 3)]))[0]


NUMBERS = {
    TensorProto.FLOAT: np.array([0, -0.0, 1, -1.5, 3e38, -2e-38, np.inf, -np.inf], np.float32),
    TensorProto.FLOAT16: np.array([0, -0.0, 1, -1.5, 65504, 6e-8, np.inf, -np.inf], np.float16),
    TensorProto.INT32: np.array([0, -1 << 31, 0x3F800000, -0x40000000], np.int32),
    TensorProto.UINT16: np.array([0, 0x8000, 0x3C00, 0xFBFF, 1], np.uint16),
}


@pytest.mark.parametrize(
    ("source", "target"),
    [(1, 6), (1, 12), (10, 4), (10, 5), (6, 1), (4, 10), (4, 5), (6, 12)],
)
def test_bits(source: int, target: int) -> None:
    x = NUMBERS[source]
    expected = x.view(helper.tensor_dtype_to_np_dtype(target))
    for constants in ([], [0]):
        y = computed(OneNode("BitCast", [x], {"to": target}, 26, constants))
        assert y.dtype == expected.dtype and y.tobytes() == expected.tobytes()
