"""Archives of PyTorch, read without it: what they compute is what PyTorch recorded.

The tiny ones stand beside this file; each runs on one of the targets, and with --all-cases on all of them. With
``GLMC_TORCH_ZOO=folder`` all that make_archives.py has made in a folder runs on every target too.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import glmir
from glmir import Artifact
from glmir.backends.target import TARGETS
from glmir.interpreter import run
from glmir.ir import Module
from glmir.states import Memory
from tests.backends.workers import at_border, worker
from tests.models.torch.archives import TINY, Array, TorchArchive, archives_in
from tests.tolerances import assert_close

TOLERANCES = {"quantized_dynamic": "dynamic-lstm"}
"""Where "model" is not what the network allows."""

TARGET_TOLERANCES = {
    **TOLERANCES,
    "exported_bfloat16": "bf16",
    "exported_float16": "f16",
    "quantized_linear": "two-steps",
    "quantized_static": "two-steps",
    "quantized_trained": "two-steps",
}
"""The same in a target's runtime, which may round at other places than PyTorch and the interpreter."""

ZOO = os.environ.get("GLMC_TORCH_ZOO", "")


@pytest.mark.parametrize("archive", archives_in(TINY), ids=str)
def test_what_is_imported_computes_what_pytorch_computes(archive: TorchArchive) -> None:
    module = glmir.load(archive.path, inputs=archive.given)
    check(archive, module, lambda inputs: run(module, inputs), TOLERANCES.get(archive.name, "model"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" not in metafunc.fixturenames:
        return
    has_all = metafunc.config.getoption("--all-cases")
    rows = [
        (archive, target)
        for number, archive in enumerate(archives_in(TINY))
        for own, target in enumerate(TARGETS)
        if has_all or number % len(TARGETS) == own
    ]
    rows += [(archive, target) for archive in (archives_in(Path(ZOO)) if ZOO else ()) for target in TARGETS]
    metafunc.parametrize(("archive", "target"), rows, ids=str)


def test_every_target_computes_what_pytorch_computes(archive: TorchArchive, target: str, tmp_path: Path) -> None:
    artifact = glmir.compile(archive.path, target=target, inputs=archive.given, precision="fp32")
    written = artifact.save(tmp_path / f"model{artifact.target.suffix}")
    assert not artifact.target.problems(written)

    def run_artifact(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return _run(artifact, written, inputs)

    check(archive, artifact.module, run_artifact, TARGET_TOLERANCES.get(archive.name, "model"))


def check(
    archive: TorchArchive, module: Module, call: Callable[[Mapping[str, Array]], Mapping[str, Array]], tolerance: str
) -> None:
    """Holds every recorded call against what ``call`` gives, states handed on from one to the next."""
    memory = Memory(module)
    hidden = {state.output for state in module.states}
    names = [name for name in module.main.output_names if name not in hidden]
    for number, recorded in enumerate(archive.calls()):
        outputs = memory.call(call, recorded.inputs)
        assert len(names) >= len(recorded.outputs)
        # What an exported program does to its inputs are outputs too, behind those that PyTorch returns.
        assert all(name.endswith("_out") for name in names[len(recorded.outputs) :])
        for name, expected in zip(names, recorded.outputs, strict=False):
            actual = np.asarray(outputs[name])
            assert_close(actual, expected.astype(actual.dtype), tolerance, f"call {number}, {name}")


def _run(artifact: Artifact, written: Path, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    given = {name: at_border(artifact.target, array) for name, array in inputs.items()}
    return worker(artifact.target.name).run(written, given)
