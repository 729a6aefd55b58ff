"""Every odd model is computed right, on every target: each takes a part of them, and with --all-cases all."""

import copy
import gzip
from pathlib import Path

import numpy as np
import pytest

import glmir
from glmir import interpreter
from glmir.backends.target import TARGETS, load_target
from glmir.errors import CompileError
from glmir.frontends.onnx.importer import import_model
from tests.backends.workers import at_border, run_artifact
from tests.glmir.frontends.onnx.odd_models import Odd, odd_models
from tests.tolerances import assert_close

pytestmark = pytest.mark.filterwarnings("ignore")

MODELS = odd_models()
WITHOUT_ELEMENTS = ("no elements", "no elements to add up")
"""What Core ML has no types for."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        names = list(MODELS)
        has_all = metafunc.config.getoption("--all-cases")
        rows = [(t, names if has_all else names[place :: len(TARGETS)]) for place, t in enumerate(TARGETS)]
        metafunc.parametrize(("target", "names"), rows, ids=TARGETS)


@pytest.mark.parametrize("name", MODELS)
def test_the_module_computes_it(name: str) -> None:
    odd = MODELS[name]
    before = copy.deepcopy(odd.model)
    actual = interpreter.run(import_model(odd.model), odd.inputs)
    assert odd.model == before
    _compare(odd, actual, None)


def test_targets_compute_them(target: str, names: list[str]) -> None:
    for name in names:
        odd = MODELS[name]
        try:
            if target == "coreml" and name in WITHOUT_ELEMENTS:
                with pytest.raises(CompileError, match="without elements"):
                    glmir.compile(odd.model, target=target)
                continue
            _compare(odd, run_artifact(glmir.compile(odd.model, target=target, precision="fp32"), odd.inputs), target)
        except Exception as error:
            error.add_note(name)
            raise


def _compare(odd: Odd, actual: dict[str, np.ndarray], target: str | None) -> None:
    names = [o.name for o in odd.model.graph.output]
    if len(set(names)) == len(names):
        assert set(actual) == set(names)
    else:
        names = list(actual)
    for name, expected in zip(names, odd.expected, strict=True):
        wanted = at_border(load_target(target), expected) if target else expected
        assert_close(actual[name], wanted, "f32", f"output {name}")


@pytest.mark.parametrize(
    ("suffix", "looks"),
    [("gzip", "a gzip archive"), ("text", "a text file"), ("ort", "an ORT model of onnxruntime")],
)
def test_other_forms_of_models_are_named(tmp_path: Path, suffix: str, looks: str) -> None:
    model = MODELS["an input as output"].model
    content = {
        "gzip": gzip.compress(model.SerializeToString()),
        "text": str(model).encode(),
        "ort": b"\x18\0\0\0ORTM" + bytes(40),
    }[suffix]
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(glmir.errors.InputError, match=looks):
        import_model(tmp_path / "m.onnx")
