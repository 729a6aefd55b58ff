"""Real models: compiled for every target, run in its runtime, compared with onnxruntime on the source."""

import numpy as np
import pytest

import glmir
from glmir.backends.target import TARGETS
from tests.backends.workers import at_border, run_artifact
from tests.models.catalogue import MODELS, RealModel
from tests.models.fetch import onnxruntime_outputs, require_model
from tests.tolerances import assert_close

MODEL_TOLERANCES = {("mnn", "fp32"): "model-winograd", ("coreml", "fp16"): "model-f16"}
"""Where "model" is not what a target's arithmetic allows."""


CASES = [(target, "fp32", level) for target in TARGETS for level in ("0", "2")]
CASES += [("coreml", "fp16", "2")] if "coreml" in TARGETS else []


@pytest.mark.models
@pytest.mark.parametrize(("target", "precision", "level"), CASES)
@pytest.mark.parametrize("model", [m for m in MODELS if not m.needs], ids=lambda m: m.name)
def test_every_target_agrees_with_onnxruntime(model: RealModel, target: str, precision: str, level: str) -> None:
    path = require_model(model.name)
    artifact = glmir.compile(path, target=target, opt_level=level, precision=precision)
    tolerance = MODEL_TOLERANCES.get((target, precision), "model")
    for index, inputs in enumerate(model.inputs(np.random.default_rng(0))):
        expected = onnxruntime_outputs(path, inputs)
        actual = run_artifact(artifact, inputs)
        assert set(actual) == set(expected)
        for name, array in expected.items():
            wanted = at_border(artifact.target, array)
            assert_close(actual[name], wanted, tolerance, f"{model.name} [{index}] {name}")
