"""Real models: compiled for TFLite, run in LiteRT, compared with onnxruntime on the source."""

import numpy as np
import pytest

import glmir
from tests.models.catalogue import MODELS, RealModel
from tests.models.fetch import onnxruntime_outputs, require_model
from tests.tolerances import assert_close


@pytest.mark.models
@pytest.mark.parametrize("level", ["0", "2"])
@pytest.mark.parametrize("model", [m for m in MODELS if not m.needs], ids=lambda m: m.name)
def test_litert_agrees_with_onnxruntime(model: RealModel, level: str) -> None:
    path = require_model(model.name)
    artifact = glmir.compile(path, target="tflite", opt_level=level)
    for index, inputs in enumerate(model.inputs(np.random.default_rng(0))):
        expected = onnxruntime_outputs(path, inputs)
        actual = artifact.run(inputs)
        assert set(actual) == set(expected)
        for name, array in expected.items():
            assert_close(actual[name], array, "model", f"{model.name} [{index}] {name}")
