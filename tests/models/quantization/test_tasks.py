"""Every recipe on every target does as well on the tasks as is asked of it."""

import functools
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from glmir.backends.target import TARGETS, Target, load_target
from glmir.driver.compilation import Optimized, Options, compression_of, optimized
from glmir.driver.inputs import parse_input_specs
from tests.backends.workers import at_border
from tests.benchmarks.quantizers import RUNNERS
from tests.models.quantization.task import Array, Inputs, Run
from tests.models.quantization.tasks import TASKS

ASKED: Mapping[str, Mapping[str, float]] = {
    "int8": {"digits": 0.9894, "text lines": 0.988, "sentence embedding": 0.99, "music transcription": 0.99},
    "auto": {"voice activity": 0.99},
    "int8-weights": {
        "digits": 0.9894,
        "text lines": 0.992,
        "voice activity": 0.998,
        "sentence embedding": 0.9996,
        "music transcription": 0.9999,
    },
    "int4-weights": {
        "digits": 0.9844,
        "text lines": 0.97,
        "voice activity": 0.99,
        "sentence embedding": 0.98,
        "music transcription": 0.994,
    },
}
"""The least score by recipe and task. What the voice detector remembers adds errors up over its calls, and onnxruntime
rounds what layers with 8-bit weights take (sentences are 0.9998 alike elsewhere)."""

CASES = {"digits": 30, "text lines": 2, "voice activity": 1, "sentence embedding": 2, "music transcription": 1}
"""Core ML packages are executed op by op, a thousand times slower than elsewhere: so many test cases must do."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All tasks take minutes: without --all-cases the smallest stands for them."""
    is_all = bool(metafunc.config.getoption("--all-cases"))
    pairs = [(recipe, task) for recipe, asked in ASKED.items() for task in asked if is_all or task == "digits"]
    if "recipe" in metafunc.fixturenames:
        metafunc.parametrize(("recipe", "task"), pairs)


@pytest.mark.models
@pytest.mark.parametrize("target", TARGETS)
def test_score(recipe: str, task: str, target: str, tmp_path: Path) -> None:
    artifact = quantized(task, recipe).build(load_target(target))
    path = artifact.save(tmp_path / f"model{artifact.target.suffix}")
    cases = CASES[task] if target == "coreml" else None
    score = TASKS[task].score(run_of(artifact.target, path), cases)
    assert score >= ASKED[recipe][task]


@functools.lru_cache(maxsize=1)
def quantized(task: str, recipe: str) -> Optimized:
    """The network before it is lowered: all targets have the same integers. All recipes get the calibration data."""
    chosen = TASKS[task]
    compression = compression_of(recipe, chosen.calibration, None, None, None, ())
    return optimized(chosen.model(), Options(specs=parse_input_specs(chosen.pins, {}), compression=compression))


def run_of(target: Target, path: Path) -> Run:
    """The artifact in its runtime, prepared once where the runtime is."""
    prepared = RUNNERS[target.name](path) if target.name in RUNNERS else functools.partial(target.run, path)

    def run(inputs: Inputs) -> Mapping[str, Array]:
        return prepared({name: at_border(target, array) for name, array in inputs.items()})

    return run
