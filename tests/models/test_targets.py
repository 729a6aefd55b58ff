"""Real models: compiled for every target, run in its runtime, compared with onnxruntime on the source.

ONNX is in test_onnx.py, at all levels.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import glmir
from glmir import Artifact
from glmir.backends.target import TARGETS
from tests.backends.coreml.mil_loader import assert_loads
from tests.backends.workers import at_border, worker
from tests.models.catalogue import MODELS, RealModel
from tests.models.fetch import onnxruntime_outputs, require_model
from tests.tolerances import TOLERANCES, assert_close

Array = NDArray[np.generic]
Inputs = Mapping[str, Array]

MODEL_TOLERANCES = {"fp16": "model-f16"}
"""Where "model" is not what the arithmetic allows."""

ALWAYS = [(target, "fp32", "2") for target in TARGETS if target != "onnx"]
IN_TURN: list[tuple[str, str | None, str]] = [
    *((target, "fp32", level) for level in ("0", "1", "3", "s") for target in TARGETS if target != "onnx"),
    *((target, "fp16", "2") for target in TARGETS),
    ("mnn", None, "2"),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each model meets some of the cases, in turn, and with --all-cases all of them."""
    has_all = metafunc.config.getoption("--all-cases")
    cases = [
        pytest.param(model, *case, id="-".join([model.name, *(part or "default" for part in case)]))
        for place, model in enumerate(m for m in MODELS if not m.needs)
        for case in (*ALWAYS, *(c for turn, c in enumerate(IN_TURN) if has_all or turn % 6 == place % 6))
        if not (model.overflows_half and case[1] == "fp16")
    ]
    metafunc.parametrize(("model", "target", "precision", "level"), cases)


@pytest.mark.models
def test_every_target_agrees_with_onnxruntime(
    model: RealModel, target: str, precision: str | None, level: str, tmp_path: Path
) -> None:
    path = require_model(model.name)
    artifact = glmir.compile(path, target=target, opt_level=level, precision=precision)
    written = artifact.save(tmp_path / f"model{artifact.target.suffix}")
    assert not artifact.target.problems(written)
    if target == "coreml":
        assert_loads(written)
    tolerance = MODEL_TOLERANCES.get(precision or "", model.tolerance)
    for index, inputs in enumerate(model.inputs(np.random.default_rng(0))):
        expected = {name: at_border(artifact.target, a) for name, a in onnxruntime_outputs(path, inputs).items()}
        actual = _run(artifact, written, inputs)
        assert set(actual) == set(expected)
        for name, array in expected.items():
            if precision == "fp16" and _is_beyond_half_weights(path, inputs, name, actual[name], array):
                continue
            assert_close(actual[name], array, tolerance, f"{model.name} [{index}] {name}")


def _run(artifact: Artifact, written: Path, inputs: Inputs) -> dict[str, Array]:
    given = {name: at_border(artifact.target, array) for name, array in inputs.items()}
    return {name: np.asarray(array) for name, array in worker(artifact.target.name).run(written, given).items()}


def _is_beyond_half_weights(path: Path, inputs: Inputs, name: str, actual: Array, expected: Array) -> bool:
    """Whether an output is closer to onnxruntime than twice what it is itself with weights of half precision.

    In some networks the rounding of the weights alone changes the outputs by more than the tolerance; then no artifact
    in half precision can do better, and doing about as well is right.
    """
    if actual.dtype.kind != "f":
        return False
    bound = TOLERANCES["model-f16"].relative * np.abs(expected).max(initial=0)
    halved = np.abs(onnxruntime_outputs(_half_weights(path), inputs)[name] - expected).max(initial=0)
    return bool(halved > bound and np.abs(actual - expected).max(initial=0) <= 2 * halved)


@functools.lru_cache(maxsize=1)
def _half_weights(path: Path) -> bytes:
    """The source with weights rounded to half precision, stored in single precision."""
    model = onnx.load(path)
    tensors = [
        *model.graph.initializer,
        *(a.t for n in model.graph.node if n.op_type == "Constant" for a in n.attribute),
    ]
    for tensor in tensors:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            array = onnx.numpy_helper.to_array(tensor)
            # What half precision cannot hold are bounds and the like; rounding them would make nonsense of the model.
            fits = np.abs(array) <= np.finfo(np.float16).max
            halved = np.where(fits, array, 0).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.where(fits, halved, array), tensor.name))
    return model.SerializeToString()
