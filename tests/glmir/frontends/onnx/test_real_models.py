"""Real models: imported, verified, and run in the interpreter against onnxruntime."""

import numpy as np
import pytest

from glmir.frontends.onnx.importer import import_model
from glmir.interpreter import run
from glmir.verifier import verify
from tests.models.catalogue import MODELS, RealModel
from tests.models.fetch import onnxruntime_outputs, require_model
from tests.tolerances import assert_close

MAX_ELEMENTS = 200_000
"""Larger inputs take the interpreter seconds."""

TOLERANCES = {"basic_pitch": "model-with-logarithms"}


@pytest.mark.models
@pytest.mark.parametrize("model", [m for m in MODELS if not m.needs], ids=lambda m: m.name)
def test_interpreter_agrees_with_onnxruntime(model: RealModel) -> None:
    path = require_model(model.name)
    module = import_model(path)
    verify(module)
    for index, inputs in enumerate(model.inputs(np.random.default_rng(0))):
        is_large = index > 0 and sum(array.size for array in inputs.values()) > MAX_ELEMENTS
        if is_large:
            continue
        expected = onnxruntime_outputs(path, inputs)
        actual = run(module, inputs)
        assert list(actual) == list(expected)
        for name, array in expected.items():
            assert_close(
                actual[name], array, TOLERANCES.get(model.name, model.tolerance), f"{model.name} [{index}] {name}"
            )
