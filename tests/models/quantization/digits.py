"""The example network on the handwritten digits held out from its training; the score is its accuracy."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.models.quantization.task import Inputs, Points, Run, Task

EXAMPLES = Path(__file__).parents[3] / "examples"


def make_task() -> Task:
    return Task(
        "digits",
        lambda: EXAMPLES / "digits.onnx",
        {"image": "f32[1, 1, 8, 8]"},
        lambda: images("calibration"),
        lambda: images("test"),
        grade,
    )


def images(kind: str) -> Iterator[Inputs]:
    with np.load(EXAMPLES / f"digits_{kind}.npz") as arrays:
        yield from ({"image": image[None]} for image in arrays["image"])


def grade(run: Run) -> Iterator[Points]:
    with np.load(EXAMPLES / "digits_test.npz") as arrays:
        labels = arrays["label"]
    for inputs, label in zip(images("test"), labels, strict=True):
        yield float(run(inputs)["probabilities"].argmax() == label), 1.0
