"""Real models as ONNX at every level and some opsets: onnxruntime computes from ours what it does from the source.

Each model is compiled at the default level, one of the other levels and for one of the opsets, and with --all-cases at
and for all of them.
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
IN_TURN: dict[str, tuple[str | int, ...]] = {"level": ("0", "1", "3", "s"), "opset": (11, 15, 18, 21)}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    has_all = metafunc.config.getoption("--all-cases")
    for what, values in IN_TURN.items():
        if what in metafunc.fixturenames:
            cases = [
                pytest.param(model, value, id=f"{model.name}-{value}")
                for place, model in enumerate(COMPLETE)
                for turn, value in enumerate(values)
                if has_all or turn == place % len(values)
            ]
            metafunc.parametrize(("model", what), cases)


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
@pytest.mark.parametrize("model", COMPLETE, ids=lambda m: m.name)
def test_default_level(model: RealModel, tmp_path: Path) -> None:
    _check(model, tmp_path, "2")


@pytest.mark.models
def test_levels(model: RealModel, level: str, tmp_path: Path) -> None:
    _check(model, tmp_path, level)


@pytest.mark.models
def test_opsets(model: RealModel, opset: int, tmp_path: Path) -> None:
    _check(model, tmp_path, "2", opset)
