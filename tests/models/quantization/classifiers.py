"""Classifiers of the usual architectures with seeded random weights and measured normalizations, on random pictures.

They stand for what quantizers are mostly used on, where there is no data to tell right classes by: the score is the
mean cosine of the scores of the classes to the float network's.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from tests.benchmarks.zoo import BUILDERS, IMAGE_SIZE
from tests.models.fetch import cache_folder
from tests.models.quantization.task import Inputs, Points, Run, Task, cosine, onnxruntime_run

CALIBRATION_PICTURES, TEST_PICTURES = 32, 32
CALIBRATION_SEED, TEST_SEED = 909, 1010
ROUGHNESS = 1.2
"""The exponent by which amplitudes fall with frequency; about 1 in photographs (Field 1987)."""


def make_task(name: str) -> Task:
    """The task of a network of tests/benchmarks/zoo.py."""
    return Task(
        name,
        lambda: model_path(name),
        {},
        lambda: iter(pictures(CALIBRATION_SEED, CALIBRATION_PICTURES)),
        lambda: iter(pictures(TEST_SEED, TEST_PICTURES)),
        lambda run: grade(name, run),
    )


def grade(name: str, run: Run) -> Iterator[Points]:
    expected_of = onnxruntime_run(model_path(name))
    for inputs in pictures(TEST_SEED, TEST_PICTURES):
        ((output, expected),) = expected_of(inputs).items()
        yield cosine(run(inputs)[output], expected), 1.0


def model_path(name: str) -> Path:
    path = cache_folder() / "archives" / f"{name}-random.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        onnx.save(BUILDERS[name](), partial)
        partial.replace(path)
    return path


@functools.cache
def pictures(seed: int, count: int) -> tuple[Inputs, ...]:
    """Noise with the spectrum of photographs, of various brightness and contrast, f32[1, 3, 224, 224]."""
    rng = np.random.default_rng(seed)
    vertical, horizontal = np.fft.fftfreq(IMAGE_SIZE)[:, None], np.fft.rfftfreq(IMAGE_SIZE)[None]
    falling = np.maximum(np.hypot(vertical, horizontal), 1 / IMAGE_SIZE) ** -ROUGHNESS

    def picture() -> Inputs:
        spectrum = np.fft.rfft2(rng.normal(size=(3, IMAGE_SIZE, IMAGE_SIZE))) * falling
        # Colours of one place are alike.
        spectrum = 0.8 * spectrum.mean(axis=0) + 0.2 * spectrum
        pixels = np.fft.irfft2(spectrum, (IMAGE_SIZE, IMAGE_SIZE))
        pixels = (pixels - pixels.mean()) / pixels.std() * rng.uniform(0.3, 1.3) + rng.uniform(-1, 1)
        return {"input": np.clip(pixels, -2.2, 2.6).astype(np.float32)[None]}

    return tuple(picture() for _ in range(count))
