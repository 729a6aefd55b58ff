"""Real models as ONNX at every level and some opsets: onnxruntime computes from ours what it does from the source.

Each model is written in one of the opsets, and with --all-cases in all of them.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest

import glmir
from tests.models.catalogue import MODELS, RealModel
from tests.models.fetch import onnxruntime_outputs, require_model
from tests.tolerances import assert_close

COMPLETE = [model for model in MODELS if not model.needs]
OPSETS = (11, 15, 18, 21)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "opset" not in metafunc.fixturenames:
        return
    has_all = metafunc.config.getoption("--all-cases")
    cases = [
        pytest.param(model, opset, id=f"{model.name}-{opset}")
        for place, model in enumerate(COMPLETE)
        for turn, opset in enumerate(OPSETS)
        if has_all or turn == place % len(OPSETS)
    ]
    metafunc.parametrize(("model", "opset"), cases)


def _check(model: RealModel, tmp_path: Path, level: str, opset: int | None = None) -> None:
    path = require_model(model.name)
    written = glmir.compile(path, target="onnx", opt_level=level, opset=opset).save(tmp_path / "model.onnx")
    onnx.checker.check_model(str(written), full_check=True)
    for index, inputs in enumerate(model.inputs(np.random.default_rng(0))):
        expected, actual = onnxruntime_outputs(path, inputs), onnxruntime_outputs(written, inputs)
        assert list(actual) == list(expected)
        for name, array in expected.items():
            assert_close(actual[name], array, model.tolerance, f"{model.name} [{index}] {name}")


@pytest.mark.models
@pytest.mark.parametrize("level", ["0", "1", "2", "3", "s"])
@pytest.mark.parametrize("model", COMPLETE, ids=lambda m: m.name)
def test_levels(model: RealModel, level: str, tmp_path: Path) -> None:
    _check(model, tmp_path, level)


@pytest.mark.models
def test_opsets(model: RealModel, opset: int, tmp_path: Path) -> None:
    _check(model, tmp_path, "2", opset)
