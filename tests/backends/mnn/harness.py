"""Differential tests: a module is legalised, serialised, run in MNN, and held against the interpreter."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from glmir import interpreter
from glmir.backends.mnn.legalize import legalize
from glmir.backends.mnn.serializer import build, serialize
from glmir.backends.mnn.target import border
from glmir.ir import Array, Module, Op
from glmir.parser import parse_module
from glmir.pass_manager import PassManager
from glmir.types import DType
from glmir.verifier import verify
from tests.backends.building import Sizes, module_of, random_inputs
from tests.backends.workers import worker
from tests.tolerances import assert_close

WORKER = worker("mnn")


def legalise(module: Module, is_exact: bool = False) -> None:
    """Makes the module legal in place; raises CompileError."""
    PassManager(legalize(is_exact)).run(module)
    verify(module)


def as_border(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays in the dtypes that inputs and outputs have in the file."""
    return {name: a.astype(border(DType.of(a.dtype)).numpy) for name, a in arrays.items()}


def check_op(op: Op, *bindings: Sizes, tolerance: str = "f32-sums", writes: str | None = None) -> None:
    """Fails unless MNN computes the op as the interpreter does for every binding of the symbols.

    The legalised module must do so in the interpreter too. ``writes``, if given, are the ops that must be written, by
    their names, constants and inputs left out.
    """
    module = module_of(op)
    check_module(module, [random_inputs(module, sizes) for sizes in bindings or ({},)], tolerance, writes)


def check(module: Module | str, inputs: Mapping[str, Array], tolerance: str = "f32", writes: str | None = None) -> None:
    """The same for a module, or its text, and arrays for its inputs."""
    check_module(parse_module(module) if isinstance(module, str) else module, [inputs], tolerance, writes)


def check_module(
    module: Module,
    cases: Sequence[Mapping[str, Array]],
    tolerance: str = "f32-sums",
    writes: str | None = None,
    is_exact: bool = False,
) -> None:
    """Fails unless MNN, and the interpreter on the legalised module, compute what the interpreter does in all cases."""
    expected = [as_border(interpreter.run(module, inputs)) for inputs in cases]
    legalise(module, is_exact)
    narrowed = [_narrowed(module, inputs) for inputs in cases]
    for inputs, wanted in zip(narrowed, expected, strict=True):
        for name, array in as_border(interpreter.run(module, inputs)).items():
            assert_close(array, wanted[name], tolerance, f"legalised {name}")
    if writes is not None:
        assert written_ops(module) == writes.split()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.mnn")
        serialize(module, path)
        for inputs, wanted in zip(narrowed, expected, strict=True):
            actual = WORKER.run(path, as_border(inputs))
            for name, array in wanted.items():
                assert_close(np.asarray(actual[name]), array, tolerance, name)


def _narrowed(module: Module, inputs: Mapping[str, Array]) -> dict[str, Array]:
    return {v.name: inputs[v.name].astype(v.type.dtype.numpy) for v in module.main.inputs}


def written_ops(module: Module) -> list[str]:
    """The names of the ops that a legal module is written as, but for constants and inputs."""
    return [op.type.name for op in build(module).oplists or () if op.type.name not in ("CONST", "INPUT")]
