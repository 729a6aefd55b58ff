"""Archives with what PyTorch computed: ``x.npz`` beside ``x.exported.pt2`` has inputs and outputs of each call."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from glmir.frontends.exported_program.importer import import_exported
from glmir.interpreter import run
from glmir.ir import Array, Module
from glmir.states import Memory
from glmir.verifier import verify
from tests.tolerances import assert_close

Runner = Callable[[Mapping[str, Array]], Mapping[str, Array]]


def check_archive(path: Path, tolerance: str) -> Module:
    """Imports an archive and runs the module on the recorded inputs, call after call."""
    module = import_exported(path)
    verify(module)
    compare(module, path, lambda inputs: run(module, inputs), tolerance)
    return module


def compare(module: Module, path: Path, runner: Runner, tolerance: str) -> None:
    """Compares what a runner of the module gives with what is recorded for the archive."""
    memory = Memory(module)
    states = {s.input for s in module.states}
    kept = {s.output for s in module.states}
    names = [v.name for v in module.main.inputs if v.name not in states]
    outputs = [n for n in module.main.output_names if n not in kept]
    for inputs, expected in recorded_calls(path):
        assert len(inputs) == len(names)
        actual = memory.call(runner, dict(zip(names, inputs, strict=True)))
        for name, one in zip(outputs, expected, strict=False):
            assert_close(np.asarray(actual[name]), one, tolerance, name)
        # Beyond the outputs there are only the inputs that the program writes.
        assert all(name.endswith("_out") for name in outputs[len(expected) :])


def recorded_calls(path: Path) -> Iterator[tuple[list[Array], list[Array]]]:
    """Inputs and outputs of each call."""
    with np.load(path.with_name(f"{path.name.split('.')[0]}.npz")) as recorded:
        for prefix in ("", *(f"call{i}." for i in range(1, len(recorded.files)))):
            if f"{prefix}output0" not in recorded:
                return
            yield _numbered(recorded, f"{prefix}input"), _numbered(recorded, f"{prefix}output")


def _numbered(recorded: Mapping[str, Array], prefix: str) -> list[Array]:
    names = [f"{prefix}{i}" for i in range(len(recorded))]
    return [recorded[name] for name in names if name in recorded]
