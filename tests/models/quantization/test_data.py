"""The tasks themselves: their data are what they say, and the float networks do well on them in onnxruntime."""

import hashlib
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.models.quantization.task import Inputs, cosine, onnxruntime_run

pytest.importorskip("PIL")

from tests.models.quantization import sentences, speech, text_lines
from tests.models.quantization.tasks import TASKS

ROOT = Path(__file__).parents[3]
FLOAT_SCORES = {
    "digits": 0.994,
    "text lines": 0.993,
    "voice activity": 1.0,
    "sentence embedding": 1.0,
    "music transcription": 1.0,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Without --all-cases the smallest task stands for all."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", TASKS if metafunc.config.getoption("--all-cases") else ["digits"])


@pytest.mark.models
def test_float_score(name: str) -> None:
    task = TASKS[name]
    assert task.score(task.float_run()) >= FLOAT_SCORES[name] - 1e-6


@pytest.mark.models
def test_calibration_and_test_are_apart(name: str) -> None:
    task = TASKS[name]
    calibration, test = ({digest(inputs) for inputs in data()} for data in (task.calibration, task.test))
    # The first chunk of a clip can be the same silence in both.
    assert len(calibration & test) <= 1


def digest(inputs: Inputs) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in inputs.values())).hexdigest()


@pytest.mark.models
def test_voices_are_the_same_in_every_process() -> None:
    waves = b"".join(clip.tobytes() for clip in speech.clips(speech.TEST_SEED))
    code = "; ".join(
        [
            "import zlib",
            "from tests.models.quantization.speech import TEST_SEED, clips",
            "print(zlib.crc32(b''.join(clip.tobytes() for clip in clips(TEST_SEED))))",
        ]
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(other.stdout) == zlib.crc32(waves)


@pytest.mark.models
def test_about_two_thirds_of_the_chunks_are_speech() -> None:
    found = np.mean([probability > 0.5 for _, probability in speech.float_steps(speech.TEST_SEED)])
    assert 0.6 < found < 0.8


@pytest.mark.models
def test_sentences_are_embedded_as_published() -> None:
    # The example on the model's page of the Sentence Transformers documentation.
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    run = onnxruntime_run(sentences.model_path())
    inputs = [sentences.encode(text) for text in texts]
    a, b, c = (sentences.pooled(given, run(given)["last_hidden_state"]) for given in inputs)
    np.testing.assert_allclose([cosine(a, b), cosine(a, c), cosine(b, c)], [0.6660, 0.1046, 0.1411], atol=1e-4)


@pytest.mark.parametrize(("a", "b", "edits"), [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)])
def test_edit_distance(a: str, b: str, edits: int) -> None:
    assert text_lines.edit_distance(a, b) == edits


def test_score_is_the_share_of_all_points() -> None:
    task = TASKS["digits"]
    always_zero = {"probabilities": np.eye(1, 10, dtype=np.float32)}
    labels = [reached for reached, _ in task.grade(lambda _: always_zero)]
    assert task.score(lambda _: always_zero) == pytest.approx(sum(labels) / 360)
    assert task.score(lambda _: always_zero, cases=10) == pytest.approx(sum(labels[:10]) / 10)
