"""A released TorchScript model: scripted, with two networks, a state and branches on everything a user may give.

Its ONNX twin computes the same on a chunk behind the end of the one before, and hands its state out.
"""

import numpy as np
import pytest

import glmir
from glmir.backends.target import TARGETS
from tests.models.fetch import onnxruntime_outputs, require_model
from tests.models.torch.archives import Array
from tests.tolerances import assert_close

CONTEXT = 64
"""Samples of the chunk before that stand before each chunk at 16 kHz."""

AT_8_KHZ = (
    (0.008127061, 0.009105459),
    (0.017683808, 0.020344116),
    (0.022670325, 0.013144965),
)
"""What PyTorch 2.13 computes at 8 kHz, where the twin has other weights."""


def chunk(rng: np.random.Generator, samples: int) -> Array:
    return (rng.standard_normal((2, samples)) * 0.1).astype(np.float32)


def compiled(target: str, samples: int, rate: int) -> glmir.Artifact:
    path = require_model("silero_vad_torchscript")
    inputs = {"x": f"f32[2, {samples}]", "sr": rate}
    return glmir.compile(path, target=target, precision="fp32", inputs=inputs)


@pytest.mark.models
@pytest.mark.parametrize("target", TARGETS)
def test_states_are_handed_on_as_by_its_onnx_twin(target: str) -> None:
    artifact = compiled(target, 512, 16000)
    rng = np.random.default_rng(0)
    state = np.zeros((2, 2, 128), np.float32)
    context = np.zeros((2, CONTEXT), np.float32)
    for call in range(4):
        x = chunk(rng, 512)
        given = np.concatenate([context, x], axis=1)
        twin = {"input": given, "state": state, "sr": np.array(16000)}
        expected, state = onnxruntime_outputs(require_model("silero_vad_op18_ifless"), twin).values()
        context = given[:, -CONTEXT:]
        (output,) = artifact.run({"x": x}).values()
        assert_close(output, expected, "model", f"call {call}")


@pytest.mark.models
@pytest.mark.parametrize("target", TARGETS)
def test_a_pinned_rate_takes_the_other_network(target: str) -> None:
    artifact = compiled(target, 256, 8000)
    rng = np.random.default_rng(0)
    for call, expected in enumerate(AT_8_KHZ):
        (output,) = artifact.run({"x": chunk(rng, 256)}).values()
        assert_close(output.ravel(), np.float32(expected), "model", f"call {call}")
