"""Static recipes as a whole: what data can be, and what options do."""

from collections.abc import Iterator

import numpy as np

import glmir
from glmir.driver.quantization.data import open_samples
from glmir.driver.quantization.first_samples import FirstSamples
from glmir.driver.quantization.model_inputs import ModelInputs
from glmir.ir import Array, Module
from glmir.parser import parse_module
from glmir.types import TensorType
from tests.golden import random_weight

UNEVEN = """
func @main(%x: f32[n, 32]) -> (%y: f32[n, 32]) {
  %w0 = tensor.constant() {value = weight<w0>} : f32[32, 32]
  %h = nn.linear(%x, %w0, none) : f32[n, 32]
  %e = nn.layer_norm(%h, none, none) {axis = 1, epsilon = 1e-5} : f32[n, 32]
  %w1 = tensor.constant() {value = weight<w1>} : f32[32, 32]
  %y = nn.linear(%e, %w1, none) : f32[n, 32]
  return %y
}
"""
SAMPLES = [{"x": x} for x in np.random.default_rng(0).standard_normal((8, 4, 32)).astype(np.float32)]


def uneven() -> Module:
    """A layer with channels of very different ranges, which a norm takes in float."""

    def weights(name: str, type_: TensorType) -> Array:
        array = random_weight(name, type_)
        return array * np.geomspace(1, 300, 32, dtype=np.float32)[:, None] if name == "w0" else array

    return parse_module(UNEVEN, weights)


def names(artifact: glmir.Artifact) -> set[str]:
    assert artifact.record is not None
    return {v.name for v in artifact.record.reference.main.values()}


def test_samples_that_come_once_scale_no_channels_and_a_note_says_so() -> None:
    again = glmir.compile(uneven(), target="onnx", quantize="int8", calibrate=SAMPLES)
    once = glmir.compile(uneven(), target="onnx", quantize="int8", calibrate=iter(SAMPLES))
    assert "h.equalized" in names(again) and "h.equalized" not in names(once)
    assert again.record is not None and once.record is not None
    assert not again.record.notes and "cannot be gone through again" in once.record.notes[0]


def test_the_strength_of_smoothing_counts() -> None:
    def weights(recipe: str) -> Array:
        artifact = glmir.compile(uneven(), target="onnx", quantize=recipe, calibrate=SAMPLES)
        return artifact.run(SAMPLES[0])["y"]

    weak, strong = (weights(f"int8{{smooth={s}, min-sqnr=0}}") for s in (0.1, 0.9))
    assert not np.array_equal(weak, strong)


def test_samples_in_an_array_that_is_filled_again_are_kept_as_they_were() -> None:
    def refilled() -> Iterator[Array]:
        buffer = np.zeros((4, 32), np.float32)
        for sample in SAMPLES:
            buffer[...] = sample["x"]
            yield buffer

    first = FirstSamples(open_samples(refilled, ModelInputs.of(uneven())))
    kept = [sample.inputs["x"] for sample in first.take()]
    assert len(list(first.all)) == len(SAMPLES)
    np.testing.assert_array_equal(kept, [sample["x"] for sample in SAMPLES[: len(kept)]])
