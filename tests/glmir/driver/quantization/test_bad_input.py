"""What users get wrong with --quantize: a sentence, the exit code, and nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from ..commands import DIGITS, conv_model, glmc, model, saved, tensor

Array = np.ndarray[Any, Any]

IMAGES = np.random.default_rng(0).random((8, 1, 8, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _archive(**arrays: Array) -> Callable[[], str]:
    def write() -> str:
        np.savez("data.npz", **arrays)  # type: ignore[arg-type]
        return "data.npz"

    return write


def _with(value: float) -> Array:
    images = IMAGES.copy()
    images[3, 0, 2, 2] = value
    return images


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (_archive(picture=IMAGES), "there is no input picture; the inputs are image"),
        (_archive(image=IMAGES, other=IMAGES), "there is no input other"),
        (_archive(image=IMAGES[..., :7]), "input image takes f32[n, 1, 8, 8]"),
        (_archive(image=IMAGES[0, 0]), "input image takes f32[n, 1, 8, 8]"),
        (_archive(image=(IMAGES * 255).astype(np.uint8)), "takes f32, not an array of u8"),
        (_archive(image=IMAGES > 0.5), "takes f32, not an array of bool"),
        (_archive(image=np.array(["a", "b"])), "takes f32, not an array of"),
        (_archive(image=_with(np.nan)), "holds NaN"),
        (_archive(image=_with(np.inf)), "holds infinity"),
        (_archive(image=IMAGES[:0]), "has no samples"),
        (_archive(), "there is no array for input image"),
        (lambda: "missing.npz", "there is no calibration data missing.npz"),
        (lambda: "python:no_such_module:f", "the module cannot be imported"),
        (lambda: "python:math:nothing", "the module math has no nothing"),
        (lambda: "python:math:pi", "is not a function"),
        (lambda: str(DIGITS), "calibration data is a .npz or .npy file"),
        (lambda: ".", "holds no .npz and no .npy files"),
    ],
)
def test_data_that_does_not_fit(write: Callable[[], str], said: str) -> None:
    data = write()
    before = sorted(p.name for p in Path().iterdir())
    outcome = glmc(DIGITS, "--quantize", "int8", "--calibrate", data, "--report", "r.html", "--calibration-cache", "c")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ") and said in outcome.err, outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(p.name for p in Path().iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--quantize", "int8"), "--quantize int8 needs samples of what the model is given: --calibrate FILE"),
        (("--quantize", "auto"), "--quantize auto needs samples"),
        (("--calibrate", "data.npz"), "--calibrate is for --quantize"),
        (("--calibration-cache", "cache"), "--calibration-cache is for --quantize"),
        (("--io-dtype", "int8"), "--io-dtype is for --quantize"),
        (("--io-dtype", "int8", "--quantize", "int8-weights"), "--io-dtype is for --quantize int8, int16 and auto"),
        (("--quantize", "palette", "--min-sqnr", "30"), "--min-sqnr is for --quantize auto, int8 and int16"),
        (("--quantize", "int5"), "--quantize takes int8, int16, auto"),
        (("--quantize", "int8{blok=3}"), "--quantize int8 has no option 'blok=3'"),
        (("--quantize", "int8{symmetric=perhaps}"), "--quantize int8: "),
        (("--quantize", "palette{bits=9}"), "bits is 1 to 8, not 9"),
        (("--quantize", "int8{percentile=nan}"), "percentile is a number from 0 to 100, not nan"),
        (("--quantize", "int8{smooth=2}"), "smooth is a number from 0 to 1, not 2"),
        (("--quantize", "auto{min-sqnr=-1}"), "min_sqnr is a number from 0 to 200, not -1"),
        (("--quantize", "auto{max-float=1.5}"), "max_float is a number from 0 to 1, not 1.5"),
        (("--quantize", "int8", "--calibrate", "data.npz", "--io-dtype", "int16"), "is not passed as i16"),
    ],
)
def test_arguments_that_do_not_go_together(arguments: tuple[str, ...], said: str) -> None:
    np.savez("data.npz", image=IMAGES)
    outcome = glmc(DIGITS, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err, outcome.err
    assert [p.name for p in Path().iterdir()] == ["data.npz"]


def test_a_cache_of_another_model() -> None:
    np.savez("data.npz", image=IMAGES)
    other = saved(Path("other.onnx"), conv_model(1))
    assert glmc(other, "--quantize", "int8", "--calibrate", "data.npz", "--calibration-cache", "cache", "--dim", "h=8",
                "--dim", "w=8").code == 0  # fmt: skip
    cache = Path("cache").read_bytes()
    before = sorted(p.name for p in Path().iterdir())
    outcome = glmc(DIGITS, "--quantize", "int8", "--calibrate", "data.npz", "--calibration-cache", "cache")
    assert (outcome.code, outcome.out) == (2, "")
    assert "cache" in outcome.err and "model" in outcome.err
    assert Path("cache").read_bytes() == cache
    assert sorted(p.name for p in Path().iterdir()) == before


def test_what_is_no_cache() -> None:
    np.savez("data.npz", image=IMAGES)
    Path("cache").write_text("nothing")
    outcome = glmc(DIGITS, "--quantize", "int8", "--calibrate", "data.npz", "--calibration-cache", "cache")
    assert (outcome.code, outcome.out) == (2, "")
    assert "cache is not a calibration file" in outcome.err


def _convolution(weight: Array) -> Path:
    conv = helper.make_node("Conv", ["image", "weight"], ["features"], "conv", pads=[1, 1, 1, 1])
    return saved(Path("m.onnx"), model([conv], [tensor("image", 1, 1, 8, 8)], ["features"], {"weight": weight}))


@pytest.mark.parametrize("recipe", ["int8-weights{keep=x}", "int4-weights", "palette", "int8"])
def test_weights_that_are_not_numbers(recipe: str) -> None:
    weight = np.ones((128, 1, 3, 3), np.float32)
    weight[1, 0, 1, 1] = np.nan
    path = _convolution(weight)
    np.savez("data.npz", image=IMAGES)
    outcome = glmc(path, "--quantize", recipe, "--calibrate", "data.npz")
    assert (outcome.code, outcome.out) == (1, "")
    assert "NaN" in outcome.err, outcome.err
    assert sorted(p.name for p in Path().iterdir()) == ["data.npz", "m.onnx"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_biases_that_are_not_numbers(value: float) -> None:
    bias = np.zeros(8, np.float32)
    bias[3] = value
    conv = helper.make_node("Conv", ["image", "weight", "bias"], ["features"], "conv", pads=[1, 1, 1, 1])
    weights = {"weight": np.ones((8, 1, 3, 3), np.float32), "bias": bias}
    path = saved(Path("m.onnx"), model([conv], [tensor("image", 1, 1, 8, 8)], ["features"], weights))
    np.savez("data.npz", image=IMAGES)
    outcome = glmc(path, "--quantize", "int8", "--calibrate", "data.npz")
    assert (outcome.code, outcome.out) == (1, "")
    assert "the weight or the bias of conv holds NaNs or infinities" in outcome.err, outcome.err
    assert sorted(p.name for p in Path().iterdir()) == ["data.npz", "m.onnx"]


def test_models_that_compute_nothing_but_nan() -> None:
    nodes = [
        helper.make_node("Sqrt", ["image"], ["root"], "root"),
        helper.make_node("Conv", ["root", "weight"], ["features"], "conv", pads=[1, 1, 1, 1]),
    ]
    proto = model(nodes, [tensor("image", 1, 1, 8, 8)], ["features"], {"weight": np.ones((4, 1, 3, 3), np.float32)})
    path = saved(Path("m.onnx"), proto)
    np.savez("data.npz", image=-1 - IMAGES)
    outcome = glmc(path, "--quantize", "int8", "--calibrate", "data.npz")
    assert (outcome.code, outcome.out) == (1, "")
    assert "NaN or infinities of root" in outcome.err
    assert sorted(p.name for p in Path().iterdir()) == ["data.npz", "m.onnx"]


@pytest.mark.parametrize("value", [0.0, 1e-30, 3.0, -1e30])
def test_constant_data_and_weights_are_no_error(value: float) -> None:
    path = _convolution(np.full((4, 1, 3, 3), value, np.float32))
    np.savez("data.npz", image=np.full((4, 1, 8, 8), 0.5, np.float32))
    outcome = glmc(path, "--quantize", "int8", "--calibrate", "data.npz", "--verify", "--report", "r.json")
    assert outcome.code == 0, outcome.err


def test_data_of_a_constant_zero_is_no_error() -> None:
    path = _convolution(np.ones((4, 1, 3, 3), np.float32))
    np.savez("data.npz", image=np.zeros((4, 1, 8, 8), np.float32))
    outcome = glmc(path, "--quantize", "int8", "--calibrate", "data.npz", "--verify", "--report", "r.html")
    assert outcome.code == 0, outcome.err


def test_a_model_without_layers_is_no_error() -> None:
    node = helper.make_node("Relu", ["x"], ["y"], "relu")
    path = saved(Path("m.onnx"), model([node], [tensor("x", 2, 3)], ["y"]))
    np.savez("data.npz", x=np.ones((2, 3), np.float32))
    outcome = glmc(path, "--quantize", "int8", "--calibrate", "data.npz", "--verify", "--report", "r.md")
    assert outcome.code == 0, outcome.err
